//! HPACK rule by rule: what is refused, what is limited, and what a field's mark says.

use avx_core::h2::hpack::{DecodeError, DecodeLimits, Decoded, Decoder, Encoder, Known, Section};
use avx_core::{ErrorCode, Field};

const LIMITS: DecodeLimits = DecodeLimits { list_size: 16 << 10, fields: 100 };

/// Names and values.
type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Lines, DecodeError> {
    let mut section = Section::new();
    decoder.decode(block, &mut section, LIMITS)?;
    Ok(section.fields().iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect())
}

fn refused(block: &[u8]) -> DecodeError {
    decode(&mut Decoder::new(4096), block).unwrap_err()
}

fn encode(encoder: &mut Encoder, fields: &[Field<'_>]) -> Vec<u8> {
    let mut block = vec![0; encoder.bound(fields.iter().copied())];
    let len = encoder.encode(fields.iter().copied(), &mut block);
    block.truncate(len);
    block
}

/// A literal with incremental indexing, uncompressed.
fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    assert!(name.len() < 127 && value.len() < 127);
    [&[0x40, name.len() as u8], name, &[value.len() as u8], value].concat()
}

#[test]
fn rfc7541_6_1_index_zero_is_refused() {
    assert_eq!(refused(&[0x80]), DecodeError::IndexZero);
}

#[test]
fn rfc7541_2_3_3_an_index_beyond_the_tables_is_refused() {
    for block in [&[0xbe][..], &[0xff, 0x00], &[0x7e, 0x00], &[0x0f, 0x2f, 0x00], &[0x1f, 0xff, 0x07, 0x00]] {
        assert_eq!(refused(block), DecodeError::IndexTooLarge, "{block:x?}");
    }
    let mut decoder = Decoder::new(4096);
    decode(&mut decoder, &literal(b"a", b"b")).unwrap();
    assert_eq!(decode(&mut decoder, &[0xbe]).unwrap(), [(b"a".to_vec(), b"b".to_vec())]);
    assert_eq!(decode(&mut decoder, &[0xbf]), Err(DecodeError::IndexTooLarge));
}

#[test]
fn rfc7541_5_1_an_integer_of_too_many_octets_is_refused() {
    let thirteen = [&[0xff][..], &[0x80; 12], &[0x00]].concat();
    assert_eq!(refused(&thirteen), DecodeError::IntegerTooLarge);
    assert_eq!(refused(&[0x40, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00]), DecodeError::IntegerTooLarge);
}

#[test]
fn rfc7541_6_a_block_cut_anywhere_within_a_representation_is_refused() {
    let whole =
        [&literal(b"name", b"value")[..], &[0x44, 0x83, 0x60, 0x70, 0xff], &[0xff, 0x80, 0x00]].concat();
    let ends = [0, 12, 17];
    for cut in 0..whole.len() {
        let result = decode(&mut Decoder::new(4096), &whole[..cut]);
        assert_eq!(result.is_ok(), ends.contains(&cut), "{cut}: {result:?}");
        if !ends.contains(&cut) {
            assert_eq!(result, Err(DecodeError::Truncated));
        }
    }
}

#[test]
fn rfc7541_5_2_bad_huffman_strings_are_refused() {
    for (string, error) in [
        (&[0xff, 0xff, 0xff, 0xff][..], DecodeError::EndOfString),
        (&[0x1f, 0xff], DecodeError::PaddingTooLong),
        (&[0x18], DecodeError::PaddingNotOnes),
    ] {
        for before in [&[0x44][..], &[0x40, 0x01, b'a'], &[0x04], &[0x14], &[0x40]] {
            let block = [before, &[0x80 | string.len() as u8], string, &[0x00]].concat();
            assert_eq!(refused(&block), error, "{block:x?}");
        }
    }
}

#[test]
fn rfc7541_6_3_a_size_update_above_the_setting_is_refused() {
    assert_eq!(refused(&[0x3f, 0xe2, 0x1f]), DecodeError::SizeUpdateTooLarge);
    assert!(decode(&mut Decoder::new(4096), &[0x3f, 0xe1, 0x1f, 0x82]).is_ok());
    let mut decoder = Decoder::new(4096);
    decoder.set_max_table_size(8192);
    assert!(decode(&mut decoder, &[0x3f, 0xe1, 0x3f, 0x82]).is_ok());
}

#[test]
fn rfc7541_4_2_a_size_update_behind_a_field_is_refused() {
    assert_eq!(refused(&[0x82, 0x20]), DecodeError::SizeUpdateMisplaced);
    assert!(decode(&mut Decoder::new(4096), &[0x20, 0x3f, 0xe1, 0x1f, 0x82]).is_ok());
}

#[test]
fn rfc7541_4_2_a_reduced_setting_has_to_be_answered_by_the_next_block() {
    for (block, result) in [
        (&[0x82][..], Err(DecodeError::SizeUpdateMissing)),
        (&[], Err(DecodeError::SizeUpdateMissing)),
        (&[0x3f, 0x46, 0x82], Err(DecodeError::SizeUpdateMissing)),
        (&[0x3f, 0x45, 0x82], Ok(())),
        (&[0x20, 0x82], Ok(())),
        (&[0x20, 0x3f, 0x45, 0x82], Ok(())),
        (&[0x3f, 0x46, 0x3f, 0x45, 0x82], Err(DecodeError::SizeUpdateMissing)),
    ] {
        let mut decoder = Decoder::new(4096);
        decoder.set_max_table_size(100);
        decoder.set_max_table_size(200);
        // 100 was the smallest, 200 is what may be used.
        let block = block.to_vec();
        assert_eq!(decode(&mut decoder, &block).map(drop), result, "{block:x?}");
        if result.is_ok() {
            assert!(decode(&mut decoder, &[0x82]).is_ok(), "asked for once only");
        }
    }
}

#[test]
fn rfc7541_4_2_a_setting_that_changes_nothing_needs_no_answer() {
    let mut decoder = Decoder::new(4096);
    decoder.set_max_table_size(65536);
    assert!(decode(&mut decoder, &[0x82]).is_ok());
    decoder.set_max_table_size(4096);
    assert!(decode(&mut decoder, &[0x82]).is_ok(), "the table never was larger");
}

#[test]
fn rfc7541_4_3_a_smaller_table_drops_its_oldest_entries() {
    let mut decoder = Decoder::new(4096);
    let fields = [literal(b"a", b"1"), literal(b"b", b"2"), literal(b"c", b"3")].concat();
    decode(&mut decoder, &fields).unwrap();
    assert_eq!(decoder.table_size(), 3 * 34);
    decode(&mut decoder, &[0x3f, 0x05]).unwrap();
    assert_eq!(decoder.table().map(|(name, _)| name).collect::<Vec<_>>(), [b"c"]);
    decode(&mut decoder, &[0x20]).unwrap();
    assert_eq!(decoder.table_size(), 0);
}

#[test]
fn rfc7541_4_2_a_table_cleared_by_a_size_of_zero_is_filled_again() {
    let mut decoder = Decoder::new(4096);
    decode(&mut decoder, &literal(b"a", b"b")).unwrap();
    decode(&mut decoder, &[0x20, 0x3f, 0xe1, 0x1f]).unwrap();
    assert_eq!(decode(&mut decoder, &[0xbe]), Err(DecodeError::IndexTooLarge));
    decode(&mut decoder, &literal(b"c", b"d")).unwrap();
    assert_eq!(decoder.table().collect::<Vec<_>>(), [(&b"c"[..], &b"d"[..])]);
}

#[test]
fn rfc7541_4_3_a_table_goes_on_after_any_reduction() {
    for size in (1..4096).step_by(13) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
        let mut section = Section::new();
        for n in 0..200 {
            if n == 100 {
                encoder.set_max_table_size(size, 4096);
            }
            // Three of four entries are small, and one takes most of the table.
            let value = vec![b'a' + (n % 26) as u8; if n % 4 == 0 { 100 + 29 * n % 2900 } else { n % 7 }];
            let block = encode(&mut encoder, &[Field::new(&format!("x-{n}"), &value)]);
            decoder.decode(&block, &mut section, LIMITS).unwrap();
            assert!(encoder.table().eq(decoder.table()), "{size}");
        }
    }
}

#[test]
fn rfc7541_4_4_an_entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new(64);
    decode(&mut decoder, &literal(b"a", b"b")).unwrap();
    assert_eq!(decoder.table().count(), 1);
    decode(&mut decoder, &literal(b"a", &[b'x'; 31])).unwrap();
    assert_eq!(decoder.table().count(), 1, "64 bytes fit");
    let fields = decode(&mut decoder, &literal(b"a", &[b'x'; 32])).unwrap();
    assert_eq!(fields.len(), 1, "the field itself is there");
    assert_eq!((decoder.table().count(), decoder.table_size()), (0, 0));
}

#[test]
fn rfc7541_4_4_a_new_entry_may_take_its_name_from_one_that_it_evicts() {
    let mut decoder = Decoder::new(64);
    decode(&mut decoder, &literal(b"name", b"old")).unwrap();
    decode(&mut decoder, &[&[0x7e, 3][..], b"new"].concat()).unwrap();
    assert_eq!(decoder.table().collect::<Vec<_>>(), [(&b"name"[..], &b"new"[..])]);
}

#[test]
fn rfc7541_2_3_2_equal_entries_are_no_error() {
    let mut decoder = Decoder::new(4096);
    decode(&mut decoder, &[literal(b"a", b"b"), literal(b"a", b"b")].concat()).unwrap();
    assert_eq!(decoder.table().count(), 2);
}

#[test]
fn a_list_beyond_the_limit_is_decoded_but_not_stored() {
    let (mut decoder, mut section) = (Decoder::new(4096), Section::new());
    let block = [literal(b"aaaa", b"bbbb"), literal(b"cccc", b"dddd"), literal(b"e", b"f")].concat();
    let limits = DecodeLimits { list_size: 79, fields: 100 };
    let decoded = decoder.decode(&block, &mut section, limits).unwrap();
    assert_eq!(decoded, Decoded { list_size: 114, fields: 3, too_large: true });
    assert_eq!(section.len(), 1, "not even the third, which would fit");
    assert_eq!(decoder.table().count(), 3, "the table is in step");
    let decoded = decoder.decode(&[0xbe], &mut section, limits).unwrap();
    assert_eq!(decoded, Decoded { list_size: 34, fields: 1, too_large: false });
    assert_eq!(section.fields().get("e"), Some(&b"f"[..]));
}

#[test]
fn a_list_of_exactly_the_limit_is_stored() {
    let (mut decoder, mut section) = (Decoder::new(4096), Section::new());
    let block = [literal(b"aaaa", b"bbbb"), literal(b"cccc", b"dddd"), vec![0xbf]].concat();
    let limits = DecodeLimits { list_size: 120, fields: 3 };
    assert!(!decoder.decode(&block, &mut section, limits).unwrap().too_large);
    assert_eq!(section.len(), 3);
    for limits in [DecodeLimits { list_size: 119, fields: 3 }, DecodeLimits { list_size: 120, fields: 2 }] {
        let mut decoder = Decoder::new(4096);
        assert!(decoder.decode(&block, &mut section, limits).unwrap().too_large);
        assert_eq!(section.len(), 2);
    }
}

#[test]
fn a_small_block_that_refers_to_a_large_entry_again_and_again_is_given_up() {
    let (mut decoder, mut section) = (Decoder::new(4096), Section::new());
    let large = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
    decoder.decode(&large, &mut section, LIMITS).unwrap();
    let error = decoder.decode(&[0xbe; 16000], &mut section, LIMITS).unwrap_err();
    assert_eq!(error, DecodeError::ListFarTooLarge);
    assert_eq!(error.code(), ErrorCode::ENHANCE_YOUR_CALM);
    assert!(section.text().len() <= 16 << 10);
}

#[test]
fn every_other_error_is_a_compression_error() {
    for error in DecodeError::ALL.iter().filter(|e| **e != DecodeError::ListFarTooLarge) {
        assert_eq!(error.code(), ErrorCode(9));
        assert!(error.to_string().starts_with("peer: ") && error.rfc().starts_with("RFC 7541, section "));
    }
}

#[test]
fn rfc9113_8_2_1_marks_say_whether_names_and_values_are_well_formed() {
    let long = "v".repeat(100);
    for (name, value, well_formed) in [
        ("accept", "text/html", true),
        ("x-a_b.c", "", true),
        ("x", "a \t b\u{fc}", true),
        ("x", &long, true),
        (":path", "/", true),
        (":unknown", "a", false),
        ("", "a", false),
        ("Accept", "a", false),
        ("x y", "a", false),
        ("x:", "a", false),
        ("x\u{fc}", "a", false),
        ("x", " a", false),
        ("x", "a\t", false),
        ("x", " ", false),
        ("x", "a\r\nb", false),
        ("x", "a\0", false),
        ("x", "a\x7f", false),
        ("x", "a\x01b and so on and on", false),
    ] {
        let fields = [Field::new(name, value)];
        let (mut encoder, mut decoder, mut section) = (Encoder::new(), Decoder::new(4096), Section::new());
        // By its bytes, by the table, by the table's name, and without the Huffman code.
        let mut blocks = vec![encode(&mut encoder, &fields), vec![0xbe], vec![0x0f, 0x2f, 0x01, b'v']];
        if name.len() < 127 && value.len() < 127 {
            blocks.push(literal(name.as_bytes(), value.as_bytes()));
        }
        if value.is_empty() || name == ":path" {
            blocks.truncate(1);
        }
        for (i, block) in blocks.iter().enumerate() {
            if decoder.decode(block, &mut section, LIMITS).is_err() {
                assert!(i > 0, "{name:?}: {value:?}");
                continue;
            }
            let expected =
                if i == 2 { well_formed || value != "a" && name != ":unknown" } else { well_formed };
            let mark = section.marks()[0];
            assert_eq!(mark.is_well_formed(), expected, "{name:?}: {value:?} ({i})");
            assert_eq!(mark.known(), Known::of(name.as_bytes()));
        }
    }
}

#[test]
fn rfc7541_6_2_3_a_never_indexed_field_is_marked_and_passed_on_as_one() {
    let (mut encoder, mut decoder, mut section) = (Encoder::new(), Decoder::new(4096), Section::new());
    let secret =
        Field { sensitive: true, ..Field::new("x-token", "0123456789012345678901234567890123456789") };
    let block = encode(&mut encoder, &[secret]);
    assert_eq!(block[0], 0x10);
    decoder.decode(&block, &mut section, LIMITS).unwrap();
    assert!(section.marks()[0].is_never_indexed());
    assert!(section.iter().all(|(field, _)| field.sensitive));
    let fields: Vec<_> = section.iter().map(|(field, _)| field).collect();
    assert_eq!(encode(&mut Encoder::new(), &fields), block);
    assert_eq!((encoder.table().count(), decoder.table().count()), (0, 0));
}

#[test]
fn rfc7541_6_2_3_a_sensitive_value_is_not_even_taken_from_a_table() {
    let mut encoder = Encoder::new();
    let open = Field::new("x-token", "0123456789");
    assert_eq!(encode(&mut encoder, &[open])[0], 0x40);
    assert_eq!(encode(&mut encoder, &[open]), [0xbe]);
    let secret = Field { sensitive: true, ..open };
    assert_eq!(encode(&mut encoder, &[secret])[..2], [0x1f, 0x2f]);
    let root = Field { sensitive: true, ..Field::new(":path", "/") };
    assert_eq!(encode(&mut encoder, &[root])[0], 0x14);
}

#[test]
fn rfc7541_7_1_3_credentials_and_short_cookies_are_never_indexed_by_themselves() {
    for (name, value, never) in [
        ("authorization", "Bearer 0123456789012345678901234567890123456789", true),
        ("proxy-authorization", "Basic abc", true),
        ("set-cookie", "a=b; Path=/; HttpOnly; Secure; SameSite=Lax", true),
        ("cookie", "a=0123456789012345", true),
        ("cookie", "a=012345678901234567", false),
        ("accept", "text/html", false),
    ] {
        let mut encoder = Encoder::new();
        for _ in 0..3 {
            let block = encode(&mut encoder, &[Field::new(name, value)]);
            assert_eq!(block[0] & 0xf0 == 0x10, never, "{name}: {value}");
        }
        assert_eq!(encoder.table().count(), usize::from(!never));
    }
}

#[test]
fn rfc7541_4_2_the_encoder_announces_the_smallest_size_and_then_the_last() {
    let root = [Field::new(":path", "/")];
    for (sizes, announced) in [
        (&[4096][..], &[][..]),
        (&[100], &[0x3f, 0x45]),
        (&[0], &[0x20]),
        (&[0, 4096], &[0x20, 0x3f, 0xe1, 0x1f]),
        (&[30, 0, 100], &[0x20, 0x3f, 0x45]),
        (&[100, 30], &[0x3e]),
        (&[65536], &[0x3f, 0xe1, 0xff, 0x03]),
        (&[65536, 4096], &[0x3f, 0xe1, 0x1f]),
    ] {
        let mut encoder = Encoder::new();
        for &size in sizes {
            encoder.set_max_table_size(size, 1 << 20);
        }
        assert_eq!(encode(&mut encoder, &root), [announced, &[0x84]].concat(), "{sizes:?}");
        assert_eq!(encode(&mut encoder, &root), [0x84], "said once");
    }
    let mut encoder = Encoder::new();
    encoder.set_max_table_size(65536, 4096);
    assert_eq!(encode(&mut encoder, &root), [0x84], "no more is wanted");
}

#[test]
fn a_table_of_size_zero_holds_nothing_and_still_works() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    encoder.set_max_table_size(0, 4096);
    for _ in 0..3 {
        let block = encode(&mut encoder, &[Field::new("x-a", "b"), Field::new("cookie", &[b'c'; 30])]);
        assert_eq!(decode(&mut decoder, &block).unwrap().len(), 2);
        assert_eq!((encoder.table().count(), decoder.table().count()), (0, 0));
    }
    encoder.set_max_table_size(4096, 4096);
    let block = encode(&mut encoder, &[Field::new("x-a", "b")]);
    decode(&mut decoder, &block).unwrap();
    assert!(encoder.table().eq(decoder.table()) && encoder.table().count() == 1);
}

#[test]
fn strings_of_every_length_come_back() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    for len in (0..400).chain([1000, 4064, 5000, 20_000, 70_000]) {
        for byte in [b'a', b'~', 0xff] {
            let (name, value) = (vec![byte; len.min(300)], vec![byte; len]);
            let block = encode(&mut encoder, &[Field::new(&name, &value)]);
            let mut section = Section::new();
            let limits = DecodeLimits { list_size: 100_000, fields: 1 };
            decoder.decode(&block, &mut section, limits).unwrap();
            assert_eq!(section.fields().at(0), Some(Field::new(&name, &value)));
            assert!(encoder.table().eq(decoder.table()), "{len}");
        }
    }
}

#[test]
fn a_section_gives_memory_back_and_keeps_its_fields() {
    let (mut decoder, mut section) = (Decoder::new(4096), Section::new());
    decoder.decode(&literal(b"a", b"b"), &mut section, LIMITS).unwrap();
    section.shrink_to(0);
    assert_eq!(section.fields().get("a"), Some(&b"b"[..]));
    decoder.decode(&[0xbe; 40], &mut section, LIMITS).unwrap();
    assert_eq!(section.len(), 40);
    section.clear();
    assert!(section.is_empty() && section.fields().is_empty() && section.marks().is_empty());
}
