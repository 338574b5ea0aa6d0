//! Compressed messages (RFC 7692) between two machines and from a rude peer: any cutting, any parameters.
#![cfg(feature = "deflate")]

mod ws_support;

use avx_core::ws::extension::{Agreed, agree};
use avx_core::ws::frame::Opcode;
use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::{AsClient, AsServer, Role};
use avx_core::ws::{Client, Connection, Deflate, Kind, Server};
use avx_core::{Config, PeerError, SliceOutput, UsageError};
use conformance::ws::{Driver, Seen};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use std::sync::Arc;
use ws_support::*;

fn cases() -> ProptestConfig {
    let rng_seed = match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(7692),
        given => given,
    };
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 300 };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// What comes of an offer, to a server that would have the largest windows.
fn agreed(offer: &str) -> Agreed {
    let mut deflate = Deflate::default();
    (deflate.window_bits, deflate.peer_window_bits) = (15, 15);
    agree([offer.as_bytes()], &deflate).unwrap()
}

fn deflating_server(config: Config, agreed: &Agreed) -> Driver<AsServer> {
    Driver::new(Server::new(Arc::new(config), NOW).with_deflate(agreed), NOW)
}

fn deflating_client(config: Config, agreed: &Agreed) -> Driver<AsClient> {
    let machine = Client::new(Arc::new(config), NOW, MaskKeys::new([3; 32])).with_deflate(agreed);
    Driver::new(machine, NOW)
}

const OFFERS: [&str; 6] = [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=10; client_max_window_bits=8",
    "permessage-deflate; client_no_context_takeover; client_max_window_bits=11",
];

/// A message in pieces, and whether it is to be compressed.
type Message = (Kind, Vec<String>, bool);

fn message() -> impl Strategy<Value = Message> {
    let piece = prop_oneof![
        3 => "[a-zé ]{0,60}",
        2 => "[ab]{100,400}",
        1 => (0usize..60_000, any::<u8>()).prop_map(|(n, seed)| {
            (0..n).map(|i| char::from(b'a' + (i as u8 & seed) % 26)).collect::<String>()
        }),
    ];
    (select(&[Kind::Text, Kind::Binary][..]), vec(piece, 1..4), any::<bool>())
}

fn carried<A: Role, B: Role>(
    mut from: Driver<A>,
    mut to: Driver<B>,
    messages: &[Message],
    cut: usize,
) -> Result<(), TestCaseError> {
    for (kind, pieces, compressed) in messages {
        let send = if *compressed { Connection::send_compressed } else { Connection::send };
        for (i, piece) in pieces.iter().enumerate() {
            let last = i + 1 == pieces.len();
            from.call(|m, now, out| send(m, now, *kind, piece.as_bytes(), last, out)).unwrap();
            from.call(|m, now, out| m.ping(now, b"between", out)).unwrap();
        }
    }
    let wire = std::mem::take(&mut from.out);
    wire.chunks(cut).for_each(|bytes| to.feed(bytes));
    prop_assert_eq!((to.error, &to.faults), (None, &Vec::new()));
    let ping = Seen::Ping(b"between".to_vec());
    let mut got = to.seen.into_iter().filter(|seen| *seen != ping);
    for (kind, pieces, _) in messages {
        let mut joined = Vec::new();
        // Pings come between the pieces.
        loop {
            let Some(Seen::Data(of, data, last)) = got.next() else { panic!("a piece is missing") };
            prop_assert_eq!(of, *kind);
            joined.extend(data);
            if last {
                break;
            }
        }
        prop_assert!(joined == pieces.concat().into_bytes());
    }
    prop_assert_eq!(got.next(), None);
    Ok(())
}

/// Compressed, or nearly so.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let good = ("[a-zé]{0,300}", 1usize..9).prop_map(|(text, times)| {
        let mut m = deflating_server(Config::default(), &agreed(OFFERS[1]));
        let text = text.repeat(times);
        m.call(|m, now, out| m.send_compressed(now, Kind::Binary, text.as_bytes(), false, out)).unwrap();
        m.call(|m, now, out| m.send(now, Kind::Binary, b"", true, out)).unwrap();
        read(&m.out).into_iter().flat_map(|frame| frame.1).collect::<Vec<u8>>()
    });
    let damaged = (good, prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())));
    prop_oneof![
        6 => damaged.prop_map(|(mut bytes, damage)| {
            if let (Some((at, byte)), false) = (damage, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        }),
        1 => vec(any::<u8>(), 0..40),
        1 => Just(b"\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec()),
        1 => Just(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00".to_vec()),
        1 => Just(Vec::new()),
    ]
}

/// Frames of a client, most of them compressed, some in fragments.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let message = (select(&[1u8, 2, 2][..]), payload(), any::<prop::sample::Index>(), 0..4u8).prop_map(
        |(kind, payload, cut, how)| {
            let (one, two) = payload.split_at(cut.index(payload.len() + 1));
            match how {
                0 => [masked(RSV1 | kind, one), masked(PING, b""), masked(FIN, two)].concat(),
                1 => masked(FIN | kind, &payload),
                _ => masked(FIN | RSV1 | kind, &payload),
            }
        },
    );
    vec(message, 0..8).prop_map(|frames| frames.concat())
}

fn outcome(input: &[u8], cuts: &[usize], offer: &str, small: bool) -> (Vec<Seen>, Option<PeerError>) {
    let mut config = Config::default();
    if small {
        config.ws.message = 300;
    }
    let mut driver = deflating_server(config, &agreed(offer));
    let mut at = 0;
    for &cut in cuts {
        driver.feed(&input[at..cut]);
        at = cut;
    }
    driver.feed(&input[at..]);
    assert_eq!(driver.faults, Vec::<String>::new());
    (driver.seen, driver.error)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_one_end_compresses_the_other_reports(
        messages in vec(message(), 1..6), offer in select(&OFFERS[..]), cut in 1usize..3000,
    ) {
        let agreed = agreed(offer);
        let ends = || (deflating_server(Config::default(), &agreed), deflating_client(Config::default(), &agreed));
        let (server, client) = ends();
        carried(server, client, &messages, cut)?;
        let (server, client) = ends();
        carried(client, server, &messages, cut)?;
    }

    #[test]
    fn any_cutting_of_compressed_messages_is_the_same(
        input in frames(), offer in select(&OFFERS[..]), small: bool,
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let whole = outcome(&input, &[], offer, small);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&outcome(&input, &cuts, offer, small), &whole);
        let everywhere: Vec<usize> = (1..=input.len()).collect();
        prop_assert_eq!(&outcome(&input, &everywhere, offer, small), &whole);
    }
}

#[test]
fn rfc7692_7_2_3_the_examples_arrive() {
    let mut driver = deflating_client(Config::default(), &agreed(OFFERS[0]));
    // One frame; two frames; the same again by reference to what came before.
    driver.feed(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    driver.feed(b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00");
    driver.feed(b"\xc1\x05\xf2\x00\x11\x00\x00");
    // A block without compression; a final block; two blocks; nothing; and one that is not compressed.
    driver.feed(b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00");
    driver.feed(b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
    driver.feed(b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00");
    driver.feed(b"\xc1\x01\x00");
    driver.feed(b"\x81\x05Hello");
    let hello = text("Hello");
    let seven = [&hello, &hello, &hello, &hello, &hello, &hello, &text(""), &hello].map(Seen::clone);
    assert_eq!((driver.error, driver.seen), (None, seven.to_vec()));
}

#[test]
fn ws_08_a_text_is_checked_behind_its_compression() {
    let mut driver = deflating_server(Config::default(), &agreed(OFFERS[0]));
    // A stored block with a byte that is no UTF-8.
    driver.feed(&masked(TEXT | RSV1, b"\x00\x03\x00\xfc\xffok\xff\x00"));
    assert_eq!(driver.error, Some(PeerError::BadText));
    assert_eq!(driver.seen, [Seen::Data(Kind::Text, b"ok".to_vec(), false)]);
    let mut driver = deflating_server(Config::default(), &agreed(OFFERS[0]));
    driver.feed(&masked(TEXT | RSV1, b"\x07"));
    assert_eq!(driver.error, Some(PeerError::BadDeflate));
    assert_eq!(driver.error.unwrap().close_code().0, 1007);
}

#[test]
fn a_compressed_text_that_ends_inside_a_character_is_the_same_for_every_cutting() {
    // A stored block: "ok" and half of a character.
    let input = masked(TEXT | RSV1, b"\x00\x03\x00\xfc\xffok\xce\x00");
    let whole = outcome(&input, &[], OFFERS[0], false);
    assert_eq!(whole, (vec![Seen::Data(Kind::Text, b"ok\xce".to_vec(), false)], Some(PeerError::BadText)));
    for at in 0..input.len() {
        assert_eq!(outcome(&input, &[at], OFFERS[0], false), whole, "cut at {at}");
    }
}

#[test]
fn messages_are_compressed_when_they_are_worth_it_and_can_be() {
    let sent = |offer: &str, data: &[u8], last| {
        let mut driver = deflating_client(Config::default(), &agreed(offer));
        driver.call(|m, now, out| m.send_compressed(now, Kind::Text, data, last, out)).unwrap();
        let (header, payload) = read(&driver.out).remove(0);
        (header.compressed, payload.len())
    };
    assert_eq!(sent(OFFERS[0], &[b'x'; 127], true), (false, 127));
    let (compressed, len) = sent(OFFERS[0], &[b'x'; 128], true);
    assert!(compressed && len < 20);
    // More may follow.
    assert!(sent(OFFERS[0], b"x", false).0);
    // "client_max_window_bits=8": zlib has no such window.
    assert_eq!(sent(OFFERS[4], &[b'x'; 1000], true), (false, 1000));
    let mut plain = client(Config::default());
    plain.call(|m, now, out| m.send_compressed(now, Kind::Text, &[b'x'; 1000], true, out)).unwrap();
    assert!(!read(&plain.out)[0].0.compressed);
}

#[test]
fn a_compressed_message_is_compressed_to_its_end() {
    let mut driver = deflating_server(Config::default(), &agreed(OFFERS[0]));
    driver.call(|m, now, out| m.send_compressed(now, Kind::Text, b"one ", false, out)).unwrap();
    assert_eq!(
        driver.call(|m, now, out| m.frame(now, Kind::Text, 5, true, out)),
        Err(UsageError::WrongState)
    );
    driver.call(|m, now, out| m.send(now, Kind::Text, b"two ", false, out)).unwrap();
    driver.call(|m, now, out| m.send_compressed(now, Kind::Text, b"three", true, out)).unwrap();
    let headers: Vec<_> = read(&driver.out).iter().map(|f| (f.0.opcode, f.0.compressed, f.0.fin)).collect();
    let next = (Opcode::Continuation, false, false);
    assert_eq!(headers, [(Opcode::Text, true, false), next, (Opcode::Continuation, false, true)]);
    let mut other = deflating_client(Config::default(), &agreed(OFFERS[0]));
    other.feed(&driver.out);
    assert_eq!(other.seen, [text("one two three")]);
    // The next one may go without.
    driver.out.clear();
    driver.call(|m, now, out| m.send(now, Kind::Text, b"four", true, out)).unwrap();
    assert!(!read(&driver.out)[0].0.compressed);
}

/// All of a frame may be consumed before all that it inflates to was told.
#[test]
fn a_machine_is_not_quiet_before_a_message_is_inflated_to_its_end() {
    let agreed = agreed("permessage-deflate");
    let mut client = deflating_client(Config::default(), &agreed);
    let mut server = deflating_server(Config::default(), &agreed);
    let mut loud = 0;
    for seed in 0..40_u32 {
        let mut state = seed;
        let mut next = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % n
        };
        // Words, some of which come again.
        let words: Vec<String> =
            (0..50).map(|_| (0..1 + next(9)).map(|_| char::from(b'a' + next(26) as u8)).collect()).collect();
        let mut data = Vec::new();
        while data.len() < 16 << 10 {
            data.extend_from_slice(words[next(50) as usize].as_bytes());
        }
        data.truncate((16 << 10) + next(3) as usize);
        client
            .call(|machine, now, out| machine.send_compressed(now, Kind::Binary, &data, true, out))
            .unwrap();
        let bytes = std::mem::take(&mut client.out);
        server.feed_with(&bytes, &mut |_, seen, machine, _| {
            loud += usize::from(matches!(seen, Seen::Data(_, _, false)) && !machine.is_quiet());
        });
        assert!(server.machine.is_quiet());
        assert_eq!(server.seen.pop(), Some(Seen::Data(Kind::Binary, data, true)));
    }
    assert!(loud > 0);
    assert_eq!(server.faults, Vec::<String>::new());
}

#[test]
fn a_refused_call_does_not_touch_the_context() {
    let mut driver = deflating_server(Config::default(), &agreed(OFFERS[0]));
    let data = "some text that repeats itself ".repeat(10);
    let mut memory = [0; 100];
    let refused = driver.call(|m, now, _| {
        let mut out = SliceOutput::new(&mut memory);
        m.send_compressed(now, Kind::Text, data.as_bytes(), true, &mut out)
    });
    let Err(UsageError::OutputFull(full)) = refused else { panic!("{refused:?}") };
    let mut memory = vec![0; full.needed];
    driver.call(|m, now, all| {
        let mut out = SliceOutput::new(&mut memory);
        m.send_compressed(now, Kind::Text, data.as_bytes(), true, &mut out).unwrap();
        all.extend_from_slice(out.filled());
    });
    let mut other = deflating_client(Config::default(), &agreed(OFFERS[0]));
    other.feed(&driver.out);
    assert_eq!(other.seen, [text(&data)]);
}

#[test]
fn a_sender_begins_anew_after_a_silence() {
    let (mut server, mut client) = (
        deflating_server(Config::default(), &agreed(OFFERS[0])),
        deflating_client(Config::default(), &agreed(OFFERS[0])),
    );
    let data = "some text that repeats itself ".repeat(10);
    for _ in 0..3 {
        server.call(|m, now, out| m.send_compressed(now, Kind::Text, data.as_bytes(), true, out)).unwrap();
        server.pass(std::time::Duration::from_secs(31));
        client.feed(&std::mem::take(&mut server.out));
        server.feed(&std::mem::take(&mut client.out));
    }
    let texts = client.seen.iter().filter(|seen| **seen == text(&data)).count();
    assert_eq!((texts, client.error, server.error), (3, None, None));
}
