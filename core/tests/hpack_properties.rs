//! HPACK for all inputs: what is encoded comes back, tables stay in step, what is decoded is what a slow
//! and obvious decoder reads, and nothing makes it panic.

use avx_core::Field;
use avx_core::h2::hpack::{DecodeLimits, Decoder, Encoder, Known, Section};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const LIMITS: DecodeLimits = DecodeLimits { list_size: 1 << 20, fields: 1000 };

/// Name, value, and whether it is sensitive.
type Line = (Vec<u8>, Vec<u8>, bool);

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(Known::ALL).prop_map(|known| known.as_str().as_bytes().to_vec()),
        4 => select(&["x-a", "x-b", "x-request-id", "dnt"][..]).prop_map(|name| name.as_bytes().to_vec()),
        2 => "[a-z0-9-]{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..200),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(&["", "GET", "/", "200", "gzip, deflate", "a", "text/html", "0123456789012345678901"][..])
            .prop_map(|value| value.as_bytes().to_vec()),
        4 => "[a-zA-Z0-9/;=., _-]{0,60}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..300),
        1 => (0..3000usize).prop_map(|n| vec![b'x'; n]),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    (name(), value(), prop::bool::weighted(0.1))
}

/// A block, and the table sizes chosen before it.
fn blocks() -> impl Strategy<Value = Vec<(Vec<u32>, Vec<Line>)>> {
    let size = prop_oneof![Just(0), Just(4096), Just(65536), 0..200u32, 0..5000u32, 3000..4100u32];
    let sizes = prop_oneof![4 => Just(Vec::new()), 1 => vec(size, 1..4)];
    vec((sizes, vec(line(), 0..12)), 1..24)
}

fn encode(encoder: &mut Encoder, lines: &[Line]) -> Vec<u8> {
    let fields = lines
        .iter()
        .map(|(name, value, sensitive)| Field { sensitive: *sensitive, ..Field::new(name, value) });
    // Exactly what was asked for, and not zeroed.
    let mut block = vec![0xaa; encoder.bound(fields.clone())];
    let len = encoder.encode(fields, &mut block);
    block.truncate(len);
    block
}

/// Names and values.
type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn lines(section: &Section) -> Lines {
    section.fields().iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect()
}

/// The whole of sections 2 to 6, without the Huffman code, entry by entry.
struct Slow {
    table: Lines,
    max: usize,
    setting: usize,
}

/// Refused, or a string that takes the Huffman code to be read.
#[derive(Debug)]
enum Stop {
    Refused,
    Huffman,
}

impl Slow {
    fn field(&self, index: usize) -> Result<(Vec<u8>, Vec<u8>), Stop> {
        let entries = include_str!("../src/h2/hpack/static_table.txt").lines();
        let split = |line: &str| {
            let (name, value) = line.split_once('\t').unwrap_or((line, ""));
            (name.as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        let entries: Vec<_> = entries.map(split).collect();
        let at = index.checked_sub(1).ok_or(Stop::Refused)?;
        entries.iter().chain(&self.table).nth(at).cloned().ok_or(Stop::Refused)
    }

    fn integer(bits: u32, block: &mut &[u8]) -> Result<usize, Stop> {
        let mut next = || {
            let (&first, rest) = block.split_first().ok_or(Stop::Refused)?;
            *block = rest;
            Ok(u64::from(first))
        };
        let full = (1 << bits) - 1;
        let mut value = next()? & full;
        if value == full {
            for n in 0.. {
                let octet = next()?;
                value += (octet & 0x7f) << (7 * n);
                if octet & 0x80 == 0 {
                    break;
                }
                if n == 4 {
                    return Err(Stop::Refused);
                }
            }
        }
        u32::try_from(value).map(|value| value as usize).map_err(|_| Stop::Refused)
    }

    fn string(block: &mut &[u8]) -> Result<Vec<u8>, Stop> {
        let huffman = block.first().is_some_and(|first| first & 0x80 != 0);
        let len = Slow::integer(7, block)?;
        let (string, rest) = block.split_at_checked(len).ok_or(Stop::Refused)?;
        *block = rest;
        if huffman { Err(Stop::Huffman) } else { Ok(string.to_vec()) }
    }

    fn evict(&mut self, size: usize) {
        let sum = |table: &[(Vec<u8>, Vec<u8>)]| -> usize {
            table.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
        };
        while sum(&self.table) > size {
            self.table.pop();
        }
    }

    fn decode(&mut self, mut block: &[u8]) -> Result<Lines, Stop> {
        let mut fields = Vec::new();
        while let Some(&first) = block.first() {
            if first & 0x80 != 0 {
                let index = Slow::integer(7, &mut block)?;
                fields.push(self.field(index)?);
                continue;
            }
            if first & 0xe0 == 0x20 {
                let size = Slow::integer(5, &mut block)?;
                if !fields.is_empty() || size > self.setting {
                    return Err(Stop::Refused);
                }
                self.max = size;
                self.evict(size);
                continue;
            }
            let index = Slow::integer(if first & 0x40 != 0 { 6 } else { 4 }, &mut block)?;
            let name = if index == 0 { Slow::string(&mut block)? } else { self.field(index)?.0 };
            let value = Slow::string(&mut block)?;
            if first & 0x40 != 0 {
                let size = name.len() + value.len() + 32;
                self.evict(self.max.saturating_sub(size));
                if size <= self.max {
                    self.table.insert(0, (name.clone(), value.clone()));
                }
            }
            fields.push((name, value));
        }
        Ok(fields)
    }
}

/// Octets that are likely to mean something.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => vec(any::<u8>(), 1..4),
        3 => select(&[0x80u8, 0x82, 0xbe, 0xbf, 0xc0, 0xc4, 0xff][..]).prop_map(|b| vec![b]),
        3 => (select(&[0x40u8, 0x00, 0x10][..]), vec(97u8..100, 0..5), vec(any::<u8>(), 0..9))
            .prop_map(|(first, n, v)| [&[first, n.len() as u8], &n[..], &[v.len() as u8], &v].concat()),
        3 => (select(&[0x44u8, 0x7e, 0x0f, 0x1f, 0x7f][..]), vec(any::<u8>(), 0..40))
            .prop_map(|(first, v)| [&[first, v.len() as u8], &v[..]].concat()),
        1 => select(&[0x20u8, 0x3e, 0x3f][..]).prop_map(|b| vec![b]),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back_and_the_tables_stay_in_step(blocks in blocks()) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
        let mut section = Section::new();
        for (sizes, list) in blocks {
            for size in sizes {
                encoder.set_max_table_size(size, 10_000);
                decoder.set_max_table_size(size);
            }
            let block = encode(&mut encoder, &list);
            let decoded = decoder.decode(&block, &mut section, LIMITS).unwrap();
            prop_assert!(!decoded.too_large);
            let sent: Vec<_> = list.iter().map(|(n, v, _)| (n.clone(), v.clone())).collect();
            prop_assert_eq!(lines(&section), sent);
            for ((field, mark), line) in section.iter().zip(&list) {
                prop_assert_eq!(mark.known(), Known::of(&line.0));
                prop_assert!(mark.is_never_indexed() || !line.2);
                prop_assert_eq!(field.sensitive, mark.is_never_indexed());
            }
            prop_assert!(encoder.table().eq(decoder.table()));
            prop_assert_eq!(encoder.table_size(), decoder.table_size());
        }
    }

    #[test]
    fn another_decoder_reads_what_is_encoded(lists in vec(vec(line(), 0..12), 1..16)) {
        let (mut encoder, mut other) = (Encoder::new(), httlib_hpack::Decoder::default());
        for list in lists {
            let mut block = encode(&mut encoder, &list);
            let mut fields = Vec::new();
            other.decode(&mut block, &mut fields).unwrap();
            let read: Vec<_> = fields.into_iter().map(|(name, value, _)| (name, value)).collect();
            let sent: Vec<_> = list.into_iter().map(|(name, value, _)| (name, value)).collect();
            prop_assert_eq!(read, sent);
        }
    }

    #[test]
    fn what_another_encoder_writes_is_read(lists in vec(vec((line(), 0u8..8), 0..12), 1..16)) {
        let (mut other, mut decoder) = (httlib_hpack::Encoder::default(), Decoder::new(4096));
        let mut section = Section::new();
        for list in lists {
            let mut block = Vec::new();
            for ((name, value, _), flags) in list.clone() {
                other.encode((name, value, flags), &mut block).unwrap();
            }
            decoder.decode(&block, &mut section, LIMITS).unwrap();
            let sent: Vec<_> = list.into_iter().map(|((name, value, _), _)| (name, value)).collect();
            prop_assert_eq!(lines(&section), sent);
        }
    }

    #[test]
    fn any_octets_are_read_as_the_slow_decoder_reads_them(
        setting in prop_oneof![Just(0u32), Just(80), Just(4096), 0..300u32],
        blocks in vec(octets(), 1..6),
    ) {
        let (mut decoder, mut section) = (Decoder::new(setting), Section::new());
        let max = setting as usize;
        let mut slow = Slow { table: Vec::new(), max, setting: max };
        for block in blocks {
            let fields = slow.decode(&block);
            let decoded = decoder.decode(&block, &mut section, LIMITS);
            match fields {
                Ok(fields) => {
                    prop_assert!(decoded.is_ok(), "{:?}", decoded);
                    prop_assert_eq!(lines(&section), fields);
                    let table: Vec<_> = decoder.table().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
                    prop_assert_eq!(table, slow.table.clone());
                }
                Err(Stop::Refused) => {
                    prop_assert!(decoded.is_err());
                    break;
                }
                Err(Stop::Huffman) => break,
            }
        }
    }

    #[test]
    fn limits_change_what_is_stored_and_nothing_else(
        list_size in 0..2000u32,
        fields in 0..10u32,
        blocks in blocks(),
    ) {
        let (mut encoder, mut all, mut limited) = (Encoder::new(), Decoder::new(4096), Decoder::new(4096));
        let (mut section, mut short) = (Section::new(), Section::new());
        for (_, list) in blocks {
            let block = encode(&mut encoder, &list);
            let decoded = all.decode(&block, &mut section, LIMITS).unwrap();
            let limits = DecodeLimits { list_size, fields };
            let Ok(result) = limited.decode(&block, &mut short, limits) else {
                prop_assert!(decoded.list_size > 4 * u64::from(list_size));
                return Ok(());
            };
            prop_assert_eq!((result.list_size, result.fields), (decoded.list_size, decoded.fields));
            let too_large = decoded.list_size > u64::from(list_size) || decoded.fields > fields;
            prop_assert_eq!(result.too_large, too_large);
            prop_assert!(section.fields().iter().zip(short.fields()).all(|(a, b)| a == b));
            prop_assert!(short.len() <= section.len() && short.text().len() <= list_size as usize);
            prop_assert_eq!(short.len() == section.len(), !too_large);
            prop_assert!(all.table().eq(limited.table()));
        }
    }
}
