//! The rows of the attack list about WebSocket, on the bare machine, one test a row at least.

mod ws_support;

use avx_core::ws::frame::Opcode;
use avx_core::ws::{CloseCode, Kind};
use avx_core::{Config, Machine, PeerError, UsageError};
use conformance::ws::Seen;
use ws_support::*;

/// What a server makes of `input`, and the code it closes with.
fn refused(input: &[u8]) -> (Option<PeerError>, Option<CloseCode>) {
    let mut driver = server(Config::default());
    driver.feed(input);
    assert_eq!(driver.faults, Vec::<String>::new());
    let code = if driver.out.is_empty() { None } else { goodbye(&driver.out).map(|goodbye| goodbye.0) };
    (driver.error, code)
}

fn fails_with(error: PeerError, code: CloseCode) -> (Option<PeerError>, Option<CloseCode>) {
    (Some(error), Some(code))
}

#[test]
fn ws_01_rfc6455_5_1_who_masks_is_fixed() {
    let unmasked = fails_with(PeerError::UnmaskedFrame, CloseCode::PROTOCOL_ERROR);
    for first in [TEXT, BINARY, PING, PONG, CLOSE] {
        assert_eq!(refused(&plain(first, b"")), unmasked);
    }
    assert_eq!(refused(&plain(BINARY, &[b'x'; 70_000])), unmasked);
    let mut driver = client(Config::default());
    driver.feed(&masked(TEXT, b"hello"));
    assert_eq!(driver.error, Some(PeerError::MaskedFrame));
    assert_eq!(goodbye(&driver.out).unwrap().0, CloseCode::PROTOCOL_ERROR);
    driver = client(Config::default());
    driver.feed(&plain(TEXT, b"hello"));
    assert_eq!(driver.seen, [text("hello")]);
}

#[test]
fn ws_02_rfc6455_5_3_every_frame_has_a_key_of_its_own() {
    let mut driver = client(Config::default());
    for _ in 0..100 {
        driver.call(|m, now, out| m.send(now, Kind::Binary, b"x", true, out)).unwrap();
        driver.call(|m, now, out| m.ping(now, b"x", out)).unwrap();
    }
    let keys: std::collections::BTreeSet<_> = read(&driver.out).iter().map(|frame| frame.0.mask).collect();
    assert!(keys.len() > 195 && !keys.contains(&None), "{}", keys.len());
}

#[test]
fn ws_05_rfc6455_5_2_lengths_are_minimal_and_below_2_to_the_63() {
    let bad = fails_with(PeerError::BadPayloadLength, CloseCode::PROTOCOL_ERROR);
    assert_eq!(refused(b"\x82\xfe\x00\x7d\0\0\0\0"), bad);
    assert_eq!(refused(b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\0\0\0\0"), bad);
    assert_eq!(refused(b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\0\0\0\0"), bad);
    assert_eq!(refused(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), bad);
    let large = fails_with(PeerError::MessageTooLarge, CloseCode::TOO_BIG);
    assert_eq!(refused(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), large);
    assert_eq!(refused(b"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x01\0\0\0\0"), large);
    assert_eq!(refused(b"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x00\0\0\0\0"), (None, None));
}

#[test]
fn ws_06_rfc6455_10_4_messages_are_bounded_however_they_are_cut() {
    let piece = masked(0, &[b'x'; 1 << 16]);
    let mut driver = server(Config::default());
    driver.feed(&masked(2, b""));
    for _ in 0..256 {
        driver.feed(&piece);
        driver.seen.clear();
    }
    assert_eq!(driver.error, None);
    driver.feed(&masked(0, b"x"));
    assert_eq!(driver.error, Some(PeerError::MessageTooLarge));
    assert_eq!(goodbye(&driver.out).unwrap().0, CloseCode::TOO_BIG);
}

#[test]
fn ws_06_rfc6455_5_4_4_mib_in_fragments_of_64_bytes_are_a_message() {
    let mut driver = server(Config::default());
    let fragment = masked(0, &[b'x'; 64]);
    driver.feed(&masked(2, b""));
    for _ in 0..(4 << 20) / 64 / 1024 {
        driver.feed(&fragment.repeat(1024));
    }
    driver.feed(&masked(FIN, b""));
    assert_eq!(driver.seen, [binary(&vec![b'x'; 4 << 20])]);
    assert_eq!((driver.error, &driver.faults[..]), (None, &[][..]));
}

#[test]
fn ws_06_empty_fragments_are_bounded_in_a_row() {
    let empty = masked(0, b"");
    let hundred = [masked(2, b""), empty.repeat(99)].concat();
    assert_eq!(refused(&hundred), (None, None));
    let more = [&hundred[..], &empty].concat();
    assert_eq!(refused(&more), fails_with(PeerError::TooManyEmptyFragments, CloseCode::POLICY));
    let between = [&hundred[..], &masked(0, b"x"), &empty.repeat(100)].concat();
    assert_eq!(refused(&between), (None, None));
}

#[test]
fn ws_09_rfc6455_5_2_bits_and_opcodes_without_meaning_are_refused() {
    for first in 0..=255u8 {
        let (error, code) = refused(&masked(first, b""));
        let expected = match (first & 0x70, first & 0x0f, first & FIN != 0) {
            (0x10.., 3..=7 | 11.., _) => Some(PeerError::ReservedBit),
            (0, 3..=7 | 11.., _) => Some(PeerError::UnknownOpcode),
            (0x10.., ..) => Some(PeerError::ReservedBit),
            (_, 0, _) => Some(PeerError::UnexpectedFragment),
            (_, 8.., false) => Some(PeerError::FragmentedControl),
            _ => None,
        };
        // RSV1 is looked at behind the opcode.
        let expected = match expected {
            Some(PeerError::ReservedBit) if first & 0x30 == 0 && Opcode::from_bits(first).is_none() => {
                Some(PeerError::UnknownOpcode)
            }
            other => other,
        };
        assert_eq!(error, expected, "{first:#x}");
        if expected.is_some() {
            assert_eq!(code, Some(CloseCode::PROTOCOL_ERROR));
        }
    }
}

#[test]
fn ws_09_rfc6455_5_4_fragments_belong_to_one_message() {
    let protocol = |error| fails_with(error, CloseCode::PROTOCOL_ERROR);
    let begun = masked(1, b"a");
    assert_eq!(refused(&masked(FIN, b"a")), protocol(PeerError::UnexpectedFragment));
    assert_eq!(refused(&masked(0, b"a")), protocol(PeerError::UnexpectedFragment));
    for first in [1, 2, TEXT, BINARY] {
        let input = [&begun[..], &masked(first, b"b")].concat();
        assert_eq!(refused(&input), protocol(PeerError::InterleavedMessage));
    }
    let with_pings = [&begun[..], &masked(PING, b"p"), &masked(0, b"b"), &masked(FIN, b"c")].concat();
    let mut driver = server(Config::default());
    driver.feed(&with_pings);
    assert_eq!(
        driver.seen,
        [Seen::Data(Kind::Text, b"a".to_vec(), false), Seen::Ping(b"p".to_vec()), text("bc")]
    );
}

#[test]
fn ws_10_rfc6455_5_5_control_frames_are_short_and_whole() {
    let protocol = |error| fails_with(error, CloseCode::PROTOCOL_ERROR);
    for opcode in [8, 9, 10] {
        assert_eq!(refused(&masked(opcode, b"")), protocol(PeerError::FragmentedControl));
        assert_eq!(refused(&masked(FIN | opcode, &[0; 126])), protocol(PeerError::ControlTooLong));
        // Before the rest of it is there.
        assert_eq!(refused(&[FIN | opcode, 0xff]), protocol(PeerError::ControlTooLong));
    }
    let mut driver = server(Config::default());
    driver.feed(&masked(PING, &[b'p'; 125]));
    assert_eq!(read(&driver.out)[0].1, [b'p'; 125]);
}

#[test]
fn ws_11_rfc6455_8_1_a_text_fails_at_the_byte_that_is_wrong() {
    let bad = fails_with(PeerError::BadText, CloseCode::INVALID_PAYLOAD);
    for text in [&b"\xff"[..], b"a\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xce", b"abc\xe2\x82"] {
        assert_eq!(refused(&masked(TEXT, text)), bad, "{text:?}");
    }
    // Neither the end of the frame nor that of the message is waited for.
    let (mut driver, frame) = (server(Config::default()), masked(1, b"good \xf4\x90 and more"));
    driver.feed(&frame[..13]);
    assert_eq!(driver.error, Some(PeerError::BadText));
    assert_eq!(driver.seen, [Seen::Data(Kind::Text, b"good \xf4".to_vec(), false)]);
    let split = |pieces: &[&[u8]]| {
        let mut driver = server(Config::default());
        driver.feed(&masked(1, b""));
        pieces.iter().for_each(|piece| driver.feed(&masked(0, piece)));
        driver.feed(&masked(FIN, b""));
        driver.error
    };
    assert_eq!(split(&[b"\xce", b"\xba\xe1\xbd", b"\xb9"]), None);
    assert_eq!(split(&[b"\xce", b"\xba\xe1\xbd", b""]), Some(PeerError::BadText));
    assert_eq!(split(&[b"\xf4", b"\x90"]), Some(PeerError::BadText));
}

#[test]
fn ws_11_rfc6455_7_4_close_frames_say_what_they_may() {
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        let input = masked(CLOSE, &close(CloseCode(code), ""));
        assert_eq!(refused(&input), fails_with(PeerError::BadCloseCode, CloseCode::PROTOCOL_ERROR), "{code}");
    }
    assert_eq!(
        refused(&masked(CLOSE, b"\x03")),
        fails_with(PeerError::BadCloseFrame, CloseCode::PROTOCOL_ERROR)
    );
    assert_eq!(
        refused(&masked(CLOSE, b"\x03\xe8\xff")),
        fails_with(PeerError::BadCloseReason, CloseCode::INVALID_PAYLOAD)
    );
    let mut driver = server(Config::default());
    for code in [0u16, 999, 1004, 1006, 1015, 2000, 5000] {
        let closed = driver.call(|m, now, out| m.close(now, CloseCode(code), "", out));
        assert_eq!(closed, Err(UsageError::BadCloseCode), "{code}");
    }
    let long = "x".repeat(124);
    let closed = driver.call(|m, now, out| m.close(now, CloseCode::NORMAL, &long, out));
    assert_eq!(closed, Err(UsageError::ControlTooLong));
    assert!(driver.out.is_empty() && driver.machine.is_open());
    driver.call(|m, now, out| m.close(now, CloseCode(4999), &long[1..], out)).unwrap();
    assert_eq!(goodbye(&driver.out), Some((CloseCode(4999), long[1..].to_string())));
}

#[test]
fn ws_12_pings_are_answered_once_a_turn_and_not_for_ever() {
    let mut driver = server(Config::default());
    let pings: Vec<u8> = (0..1000u32).flat_map(|i| masked(PING, &i.to_be_bytes())).collect();
    driver.feed(&pings);
    assert_eq!(driver.seen.len(), 1000);
    let answers = read(&driver.out);
    assert_eq!(answers.len(), 1000);
    assert_eq!((answers[999].0.opcode, &answers[999].1[..]), (Opcode::Pong, &999u32.to_be_bytes()[..]));
    driver.feed(&masked(PONG, b""));
    assert_eq!(driver.error, Some(PeerError::TooManyPings));
    assert_eq!(goodbye(&driver.out).unwrap().0, CloseCode::POLICY);
}

#[test]
fn ws_12_a_pong_that_finds_no_room_waits_and_is_replaced() {
    let mut driver = server(Config::default());
    let mut scratch = avx_core::Scratch::new();
    for payload in [&b"one"[..], b"two"] {
        let mut input = masked(PING, payload);
        driver.machine.recv(NOW, &mut input, &mut scratch).unwrap();
        let mut memory = [0; 4];
        let mut full = avx_core::SliceOutput::new(&mut memory);
        driver.machine.transmit(NOW, &mut full);
        assert!(full.is_empty());
    }
    driver.feed(&[]);
    let frames = read(&driver.out);
    assert_eq!((frames.len(), &frames[0].1[..]), (1, &b"two"[..]));
}

#[cfg(feature = "deflate")]
mod deflate {
    use super::*;
    use avx_core::ws::extension::{Agreed, agree};
    use avx_core::ws::{Deflate, Server};
    use conformance::ws::Driver;
    use std::sync::Arc;

    fn agreed(offer: &str) -> Agreed {
        let mut deflate = Deflate::default();
        deflate.window_bits = 15;
        agree([offer.as_bytes()], &deflate).unwrap()
    }

    fn inflating(config: Config) -> Driver<avx_core::ws::role::AsServer> {
        let machine = Server::new(Arc::new(config), NOW).with_deflate(&agreed("permessage-deflate"));
        Driver::new(machine, NOW)
    }

    /// So many zeros, compressed as a message.
    fn zeros(len: usize) -> Vec<u8> {
        let (mut config, mut deflate) = (Config::default(), Deflate::default());
        deflate.level = 9;
        config.ws.deflate = Some(deflate);
        let mut machine = Server::new(Arc::new(config), NOW).with_deflate(&agreed("permessage-deflate"));
        let mut out = Vec::new();
        machine.send_compressed(NOW, Kind::Binary, &vec![0; len], true, &mut out).unwrap();
        read(&out).remove(0).1
    }

    #[test]
    fn ws_07_a_bomb_is_told_by_its_ratio() {
        let mut driver = inflating(Config::default());
        let bomb = masked(BINARY | RSV1, &zeros(8 << 20));
        driver.feed(&bomb);
        assert_eq!(driver.error, Some(PeerError::DeflateBomb), "{} bytes", bomb.len());
        assert_eq!(goodbye(&driver.out).unwrap().0, CloseCode::TOO_BIG);
        let [Seen::Data(_, data, false)] = &driver.seen[..] else { panic!() };
        assert!(data.len() < 2 << 20, "{}", data.len());
        // A megabyte of zeros is nobody's bomb.
        let mut driver = inflating(Config::default());
        driver.feed(&masked(BINARY | RSV1, &zeros(1 << 20)));
        assert_eq!(driver.seen, [binary(&vec![0; 1 << 20])]);
    }

    #[test]
    fn ws_07_what_is_inflated_is_within_the_limit_on_messages() {
        let mut config = Config::default();
        config.ws.message = 100_000;
        let mut driver = inflating(config);
        driver.feed(&masked(BINARY | RSV1, &zeros(100_000)));
        assert_eq!((driver.error, driver.seen.pop()), (None, Some(binary(&vec![0; 100_000]))));
        driver.feed(&masked(BINARY | RSV1, &zeros(100_001)));
        assert_eq!(driver.error, Some(PeerError::MessageTooLarge));
        assert_eq!(goodbye(&driver.out).unwrap().0, CloseCode::TOO_BIG);
        assert_eq!(driver.seen, [Seen::Data(Kind::Binary, vec![0; 100_000], false)]);
    }

    #[test]
    fn ws_07_a_message_of_empty_blocks_ends() {
        let mut config = Config::default();
        config.ws.message = 10_000;
        let mut driver = inflating(config);
        driver.feed(&masked(2 | RSV1, b""));
        let blocks = masked(0, &b"\0\0\0\xff\xff".repeat(100));
        (0..100).for_each(|_| driver.feed(&blocks));
        assert_eq!(driver.error, Some(PeerError::MessageTooLarge));
        assert!(driver.seen.is_empty());
    }

    #[test]
    fn ws_09_rfc7692_6_the_bit_stands_in_the_first_frame_of_a_message_alone() {
        let bit = Some(PeerError::ReservedBit);
        for input in [
            [masked(TEXT | RSV1, b"\0"), masked(PING | RSV1, b"")].concat(),
            [masked(1 | RSV1, b""), masked(FIN | RSV1, b"\0")].concat(),
            masked(TEXT | 0x20, b""),
        ] {
            let mut driver = inflating(Config::default());
            driver.feed(&input);
            assert_eq!(driver.error, bit);
        }
        // Nobody has agreed to it.
        assert_eq!(refused(&masked(TEXT | RSV1, b"\0")).0, bit);
    }
}
