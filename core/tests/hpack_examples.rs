//! Appendix C of RFC 7541, both ways, with the table after each block.

use avx_core::Field;
use avx_core::h2::hpack::{DecodeLimits, Decoder, Encoder, Section};

const LIMITS: DecodeLimits = DecodeLimits { list_size: 16 << 10, fields: 100 };

/// One example: `C.4.2`, its fields, its block, and the table behind it.
#[derive(Default)]
struct Example<'a> {
    name: &'a str,
    fields: Vec<(&'a [u8], &'a [u8])>,
    block: Vec<u8>,
    table: Vec<(&'a [u8], &'a [u8])>,
    size: usize,
}

fn examples() -> Vec<Example<'static>> {
    let field = |text: &'static str| {
        let (name, value) = text[1..].split_once(": ").unwrap();
        // A pseudo-header field's name begins with the colon that was skipped.
        let name = &text[..name.len() + 1];
        (name.as_bytes(), value.as_bytes())
    };
    let mut examples = Vec::new();
    for line in include_str!("hpack/appendix_c.txt").lines() {
        let (what, rest) = line.split_once(' ').unwrap_or_default();
        if what == "#" {
            examples.push(Example { name: rest, ..Example::default() });
        }
        let Some(example) = examples.last_mut() else { continue };
        match what {
            "field" => example.fields.push(field(rest)),
            "block" => example.block.extend(
                rest.as_bytes()
                    .chunks(2)
                    .map(|hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()),
            ),
            "entry" => example.table.push(field(rest)),
            "size" => example.size = rest.parse().unwrap(),
            _ => {}
        }
    }
    assert_eq!(examples.len(), 16);
    examples
}

/// Section C.2 starts afresh with each example; the responses are those of a table of 256 bytes.
fn starts_afresh(example: &Example<'_>) -> Option<u32> {
    match example.name {
        "C.3.1" | "C.4.1" => Some(4096),
        "C.5.1" | "C.6.1" => Some(256),
        name if name.starts_with("C.2") => Some(4096),
        _ => None,
    }
}

#[test]
fn rfc7541_c_2_to_c_6_every_block_decodes_to_its_fields_and_table() {
    let (mut decoder, mut section) = (Decoder::new(4096), Section::new());
    for example in examples() {
        if let Some(size) = starts_afresh(&example) {
            decoder = Decoder::new(size);
        }
        let decoded = decoder.decode(&example.block, &mut section, LIMITS).unwrap();
        let fields: Vec<_> = section.fields().iter().map(|f| (f.name, f.value)).collect();
        assert_eq!(fields, example.fields, "{}", example.name);
        assert_eq!(decoder.table().collect::<Vec<_>>(), example.table, "{}", example.name);
        assert_eq!(decoder.table_size(), example.size, "{}", example.name);
        let size: usize = example.fields.iter().map(|(n, v)| n.len() + v.len() + 32).sum();
        assert_eq!((decoded.list_size, decoded.too_large), (size as u64, false));
        let never = section.marks().iter().map(|mark| mark.is_never_indexed());
        assert_eq!(never.collect::<Vec<_>>(), vec![example.name == "C.2.3"; example.fields.len()]);
    }
}

#[test]
fn rfc7541_c_2_to_c_6_the_fields_come_back_from_what_they_are_encoded_to() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    let mut section = Section::new();
    for example in examples() {
        if let Some(size) = starts_afresh(&example) {
            (encoder, decoder) = (Encoder::new(), Decoder::new(4096));
            encoder.set_max_table_size(size, 4096);
        }
        let fields = example
            .fields
            .iter()
            .map(|(name, value)| Field { sensitive: example.name == "C.2.3", ..Field::new(*name, *value) });
        let mut block = vec![0; encoder.bound(fields.clone())];
        let len = encoder.encode(fields, &mut block);
        decoder.decode(&block[..len], &mut section, LIMITS).unwrap();
        let fields: Vec<_> = section.fields().iter().map(|f| (f.name, f.value)).collect();
        assert_eq!(fields, example.fields, "{}", example.name);
        assert!(encoder.table().eq(decoder.table()), "{}", example.name);
        assert_eq!(encoder.table_size(), decoder.table_size());
        if example.name.starts_with("C.4") {
            assert_eq!(block[..len], example.block, "{}", example.name);
            assert_eq!(encoder.table().collect::<Vec<_>>(), example.table, "{}", example.name);
        }
    }
}
