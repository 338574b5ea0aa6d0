//! HPACK's memory: none before the first entry, none allocated once warm, and bounded for any input.

mod counting;

use avx_core::Field;
use avx_core::h2::hpack::{DecodeLimits, Decoder, Encoder, Section};
use counting::{HELD, allocations, peak};

const LIMITS: DecodeLimits = DecodeLimits { list_size: 16 << 10, fields: 100 };

/// A request: its path and two of its fields change each time.
fn fields(n: usize) -> [(&'static str, String); 9] {
    [
        (":method", "GET".into()),
        (":scheme", "https".into()),
        (":authority", "www.example.com".into()),
        (":path", format!("/some/path/{n}?query={}", n * 7919)),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36".into()),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8".into()),
        ("cookie", format!("session={:032}", n / 10)),
        ("x-request-id", format!("{:032x}", n * 104_729)),
        ("x-trace", format!("{:016x}", n * 1_299_709)),
    ]
}

fn encode(encoder: &mut Encoder, n: usize, block: &mut [u8]) -> usize {
    let fields = fields(n);
    let fields = fields.iter().map(|(name, value)| Field::new(*name, value));
    let bound = encoder.bound(fields.clone());
    encoder.encode(fields, &mut block[..bound])
}

#[test]
fn a_fresh_encoder_and_decoder_hold_nothing() {
    let held = HELD.get();
    let (mut encoder, mut decoder, mut section) = (Encoder::new(), Decoder::new(4096), Section::new());
    assert_eq!(HELD.get(), held);
    // Nor after what the static table has.
    let block = &mut [0; 200];
    let len = encoder.encode([Field::new(":method", "GET"), Field::new(":path", "/")], block);
    assert_eq!(HELD.get(), held);
    decoder.decode(&block[..len], &mut section, LIMITS).unwrap();
    drop(section);
    assert_eq!(HELD.get(), held);
    assert!(size_of::<Decoder>() <= 104 && size_of::<Encoder>() <= 216);
}

#[test]
fn a_connection_of_one_request_holds_little() {
    let mut section = Section::new();
    let mut block = [0; 2000];
    let held = HELD.get();
    let mut encoder = Encoder::new();
    let len = encode(&mut encoder, 1, &mut block);
    let by_encoder = HELD.get() - held;
    let mut decoder = Decoder::new(4096);
    decoder.decode(&block[..len], &mut section, LIMITS).unwrap();
    drop(section);
    let by_decoder = HELD.get() - held - by_encoder;
    assert!(by_encoder <= 1800 && by_decoder <= 900, "{by_encoder} {by_decoder}");
}

#[test]
fn nothing_is_allocated_once_warm() {
    let (mut encoder, mut decoder, mut section) = (Encoder::new(), Decoder::new(4096), Section::new());
    let mut block = vec![0; 4000];
    for n in 0..2000 {
        let len = encode(&mut encoder, n, &mut block);
        decoder.decode(&block[..len], &mut section, LIMITS).unwrap();
    }
    let lists: Vec<_> = (2000..3000).map(fields).collect();
    let both = || {
        for list in &lists {
            let fields = list.iter().map(|(name, value)| Field::new(*name, value));
            let bound = encoder.bound(fields.clone());
            let len = encoder.encode(fields, &mut block[..bound]);
            decoder.decode(&block[..len], &mut section, LIMITS).unwrap();
        }
    };
    assert_eq!(allocations(both), 0);
}

/// Names and values as short as can be, so that there are as many entries as can be.
fn short(n: usize) -> [u8; 4] {
    [0x40, 0, 1, n as u8]
}

#[test]
fn no_input_makes_a_decoder_hold_more_than_its_limits_say() {
    let long = |len: usize| {
        let mut block = vec![0x40, 1, b'a', 0x7f];
        let mut rest = len - 0x7f;
        while rest >= 0x80 {
            block.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
        block.resize(block.len() + len, b'x');
        block
    };
    let blocks: [Vec<u8>; 6] = [
        (0..8000).flat_map(short).collect(),
        long(4000),
        long(60_000),
        [&long(4000)[..], &[0xbe; 12_000]].concat(),
        [&[0x40, 1, b'a', 0xff, 0x80, 0x7d][..], &[0x18; 16_000]].concat(),
        [long(1000), long(2000), long(500), (0..2000).flat_map(short).collect()].concat(),
    ];
    for (i, block) in blocks.iter().enumerate() {
        let held = HELD.get();
        let mut decoder = Decoder::new(4096);
        let most = peak(|| {
            let mut section = Section::new();
            for _ in 0..50 {
                let _ = decoder.decode(block, &mut section, LIMITS);
            }
        });
        // Text doubles as it grows, and is there twice at that moment.
        let text = LIMITS.list_size as isize + block.len() as isize * 8 / 5;
        assert!(most <= 4 * text + (20 << 10), "block {i}: {most} for a text of {text}");
        assert!(HELD.get() - held <= 8 << 10, "block {i}: {} in the table", HELD.get() - held);
    }
}

#[test]
fn an_encoder_holds_no_more_than_its_table_allows() {
    let held = HELD.get();
    let mut encoder = Encoder::new();
    let mut block = vec![0; 100_000];
    for n in 0..10_000usize {
        let name = [b'a' + (n % 26) as u8];
        let value = vec![b'x'; n * n % 4000];
        encoder.encode([Field::new(&name, &value), Field::new(&n.to_string(), "")], &mut block);
    }
    let by_encoder = HELD.get() - held - 100_000;
    assert!(by_encoder <= 12 << 10, "{by_encoder}");
}
