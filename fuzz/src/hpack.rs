//! HPACK: whatever decodes is encoded to something that decodes to the same, and tables stay in step.

use crate::options;
use avx_core::h2::hpack::{DecodeLimits, Decoder, Encoder, Known, Section};

/// Header blocks of one connection, each behind its length: up to 127, or in steps of 64.
///
/// The first three bytes are the table size of the peer, that of the second connection, and the limits.
pub fn hpack_decode(data: &[u8]) {
    let Some(([size, cap, limits], mut input)) = options(data) else { return };
    let size = u32::from(size) * 32;
    let limits = match limits {
        0..128 => DecodeLimits { list_size: 1 << 20, fields: 1 << 16 },
        n => DecodeLimits { list_size: u32::from(n & 0x7f) * 8, fields: u32::from(n & 0xf) },
    };
    let (mut decoder, mut section) = (Decoder::new(size), Section::new());
    let (mut encoder, mut second) = (Encoder::new(), Decoder::new(4096));
    let mut copy = Section::new();
    while let Some((&len, rest)) = input.split_first() {
        let length = if len < 0x80 { usize::from(len) } else { usize::from(len & 0x7f) * 64 };
        let (block, rest) = rest.split_at(length.min(rest.len()));
        input = rest;
        let Ok(decoded) = decoder.decode(block, &mut section, limits) else { return };
        assert!(decoder.table_size() <= size as usize);
        assert!(decoded.too_large || decoded.fields as usize == section.len());
        assert!(section.text().len() <= limits.list_size as usize);
        assert!(section.len() <= limits.fields as usize);
        if len == cap {
            encoder.set_max_table_size(u32::from(len) * 16, 4096);
        }
        encode(&mut encoder, &mut second, &section, &mut copy);
    }
}

fn encode(encoder: &mut Encoder, decoder: &mut Decoder, section: &Section, copy: &mut Section) {
    let fields = || section.iter().map(|(field, _)| field);
    let mut block = vec![0; encoder.bound(fields())];
    let len = encoder.encode(fields(), &mut block);
    let all = DecodeLimits { list_size: u32::MAX, fields: u32::MAX };
    decoder.decode(&block[..len], copy, all).expect("what was encoded decodes");
    assert_eq!(copy.fields(), section.fields());
    for ((field, mark), (same, other)) in section.iter().zip(copy.iter()) {
        assert_eq!(mark.known(), Known::of(field.name));
        assert_eq!((mark.known(), mark.is_well_formed()), (other.known(), other.is_well_formed()));
        // What came never indexed is passed on as such, and more may be.
        assert!(same.sensitive || !field.sensitive);
    }
    assert!(encoder.table().eq(decoder.table()));
    assert_eq!(encoder.table_size(), decoder.table_size());
}
