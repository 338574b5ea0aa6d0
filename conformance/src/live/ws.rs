//! WebSocket against a live server: an echo of messages, over HTTP/1.1 and over streams of HTTP/2, and attacks on it.

use super::{Running, Setup, Target, config, is_unharmed, until};
use crate::h2;
use crate::h2::frames::{END_HEADERS, block, data, frame, get, reset};
use crate::peer::{Ending, PATIENCE, Peer};
use crate::ws::frames::{FIN, RSV1, close, masked, plain};
use avx_core::ErrorCode;
use avx_core::h2::frame::Kind;
use avx_core::ws::CloseCode;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);

const TEXT: u8 = FIN | 1;
const BINARY: u8 = FIN | 2;
const CLOSE: u8 = FIN | 8;
const PING: u8 = FIN | 9;
const PONG: u8 = FIN | 10;

/// An opening handshake, with some lines replaced, left out (an empty value) or added.
fn handshake(changes: &[(&str, &str)]) -> String {
    let mut lines = vec![
        ("Host", "a"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    for &(name, value) in changes {
        match lines.iter_mut().find(|line| line.0 == name) {
            Some(line) => line.1 = value,
            None => lines.push((name, value)),
        }
    }
    let lines = lines.iter().filter(|line| !line.1.is_empty());
    let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET /ws HTTP/1.1\r\n{lines}\r\n")
}

/// A connection behind the handshake.
fn open(server: &impl Running) -> Peer {
    let mut peer = Peer::connect(server.addr());
    peer.send(handshake(&[]));
    let answer = peer.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.field("sec-websocket-extensions"), None);
    peer
}

/// A frame of the server, whole: its first byte and its payload.
#[track_caller]
fn hear(peer: &mut Peer) -> (u8, Vec<u8>) {
    let head = peer.take(2);
    let len = match head[1] {
        126 => u16::from_be_bytes(peer.take(2).try_into().expect("two")).into(),
        127 => u64::from_be_bytes(peer.take(8).try_into().expect("eight")) as usize,
        len => usize::from(len),
    };
    (head[0], peer.take(len))
}

/// A message of the server: whether it is text, and all of it.
#[track_caller]
fn message(peer: &mut Peer) -> (bool, Vec<u8>) {
    let (mut first, mut all) = hear(peer);
    let text = first & 15 == 1;
    assert!(matches!(first & 15, 1 | 2), "{first:x} begins a message");
    while first & FIN == 0 {
        let (next, more) = hear(peer);
        assert_eq!(next & 15, 0, "a piece of the same message");
        all.extend(more);
        first = next;
    }
    (text, all)
}

/// Waits for a close frame with this code, and for the end.
#[track_caller]
fn is_closed_with(peer: &mut Peer, code: CloseCode, told: &str) {
    let (first, payload) = loop {
        let heard = hear(peer);
        if heard.0 == CLOSE {
            break heard;
        }
    };
    assert_eq!((first, payload.get(..2)), (CLOSE, Some(&code.0.to_be_bytes()[..])), "{told}");
    peer.send(masked(CLOSE, &close(code, "")));
    peer.wait_for_the_end();
}

/// Whole messages, pieces, control frames between them, and the closing handshake.
pub fn ws_messages_are_echoed<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = open(&server);
    peer.send(masked(TEXT, "Hell\u{f6}".as_bytes()));
    assert_eq!(message(&mut peer), (true, "Hell\u{f6}".as_bytes().to_vec()));
    for len in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let content = vec![b'x'; len];
        let sent = masked(BINARY, &content);
        // A large echo comes while the message is still being sent.
        std::thread::scope(|scope| {
            let mut writer = peer.stream().try_clone().expect("a second handle");
            scope.spawn(move || std::io::Write::write_all(&mut writer, &sent).expect("sent"));
            assert_eq!(message(&mut peer), (false, content), "{len} bytes");
        });
    }
    peer.send([masked(1, b"in "), masked(PING, b"there?"), masked(FIN, b"pieces")].concat());
    let mut seen: Vec<Vec<u8>> = Vec::new();
    while !seen.concat().ends_with(b"pieces") {
        let (first, payload) = hear(&mut peer);
        if first == PONG {
            assert_eq!(payload, b"there?");
        } else {
            seen.push(payload);
        }
    }
    assert_eq!(seen.concat(), b"in pieces");
    peer.send(masked(CLOSE, &close(CloseCode::NORMAL, "bye")));
    assert_eq!(hear(&mut peer).1[..2], 1000u16.to_be_bytes());
    assert_eq!(peer.ending(), Ending::Closed);
    until("it is let go of", || server.connections() == 0);
}

/// The handshake and the first message in one write, and everything byte by byte.
pub fn ws_bytes_may_come_in_any_pieces<T: Target>() {
    let server = T::start(&Setup::default());
    let all = [handshake(&[]).into_bytes(), masked(TEXT, b"early")].concat();
    for n in [1, 7, all.len()] {
        let mut peer = Peer::connect(server.addr());
        peer.send_in_pieces(&all, n);
        assert_eq!(peer.answer().status, 101);
        assert_eq!(message(&mut peer), (true, b"early".to_vec()));
    }
    is_unharmed(&server);
}

/// Attacks WS-03 and WS-04: what is no handshake gets an answer that says why.
pub fn ws_what_is_no_handshake_is_refused<T: Target>() {
    let server = T::start(&Setup::default());
    for (changes, status) in [
        (&[("Upgrade", ""), ("Connection", "")][..], 426),
        (&[("Connection", "")], 400),
        (&[("Connection", "keep-alive")], 400),
        (&[("Sec-WebSocket-Key", "")], 400),
        (&[("Sec-WebSocket-Key", "short")], 400),
        (&[("Sec-WebSocket-Version", "")], 426),
        (&[("Sec-WebSocket-Version", "8")], 426),
        (&[("Sec-WebSocket-Protocol", "a,,b c")], 400),
        (&[("Sec-WebSocket-Extensions", "permessage-deflate; ")], 400),
    ] {
        let mut peer = Peer::connect(server.addr());
        peer.send(handshake(changes));
        let answer = peer.answer();
        assert_eq!(answer.status, status, "{changes:?}");
        if status == 426 {
            assert_eq!(answer.field("sec-websocket-version"), Some("13"), "{changes:?}");
        }
    }
    let mut peer = Peer::connect(server.addr());
    let many: String = (0..1000).map(|i| format!("x-{i}: {i}\r\n")).collect();
    peer.send(handshake(&[]).replacen("\r\n\r\n", &format!("\r\n{many}\r\n"), 1));
    assert_eq!(peer.answer().status, 431);
    is_unharmed(&server);
}

/// Rows WS-01, WS-05, WS-06 and WS-09 to WS-11: each is closed with its code, and nobody else is.
pub fn ws_every_attack_is_closed_with_its_code<T: Target>() {
    let server = T::start(&Setup::default());
    let mut neighbour = open(&server);
    let protocol = CloseCode::PROTOCOL_ERROR;
    let length = |len: u64| [&[BINARY, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
    let codes = [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000];
    let mut rows: Vec<(&str, Vec<u8>, CloseCode)> = vec![
        ("WS-01 a frame that is not masked", plain(TEXT, b"x"), protocol),
        ("WS-05 a length with its first bit set", length(1 << 63), protocol),
        ("WS-05 a length longer than need be", [&[BINARY, 0xfe, 0, 125][..], &[0; 129]].concat(), protocol),
        ("WS-05 a frame of a terabyte", length(1 << 40), CloseCode::TOO_BIG),
        (
            "WS-06 fragments without end",
            [masked(1, b""), masked(0, b"").repeat(200)].concat(),
            CloseCode::POLICY,
        ),
        ("WS-09 a reserved bit", masked(TEXT | 0x20, b"x"), protocol),
        ("WS-09 compression that was not agreed on", masked(TEXT | RSV1, b"x"), protocol),
        ("WS-09 a reserved opcode", masked(FIN | 3, b"x"), protocol),
        ("WS-09 a reserved control opcode", masked(FIN | 11, b"x"), protocol),
        ("WS-09 a continuation of nothing", masked(FIN, b"x"), protocol),
        ("WS-09 a message within a message", [masked(1, b"x"), masked(TEXT, b"y")].concat(), protocol),
        ("WS-10 a control frame of 126 bytes", masked(PING, &[0; 126]), protocol),
        ("WS-10 a control frame in fragments", masked(9, b"x"), protocol),
        ("WS-11 text that is no UTF-8", masked(TEXT, b"a\xff"), CloseCode::INVALID_PAYLOAD),
        ("WS-11 text cut within a character", masked(TEXT, b"a\xc3"), CloseCode::INVALID_PAYLOAD),
        ("WS-11 half of a pair", masked(1, b"\xed\xa0"), CloseCode::INVALID_PAYLOAD),
        ("WS-11 a reason that is no UTF-8", masked(CLOSE, b"\x03\xe8\xff"), CloseCode::INVALID_PAYLOAD),
        ("WS-11 half a close code", masked(CLOSE, b"\x03"), protocol),
    ];
    rows.extend(
        codes.map(|code| ("WS-11 a code not to be sent", masked(CLOSE, &code.to_be_bytes()), protocol)),
    );
    for (told, wire, code) in rows {
        let mut peer = open(&server);
        peer.send(wire);
        is_closed_with(&mut peer, code, told);
        neighbour.send(masked(TEXT, told.as_bytes()));
        assert_eq!(message(&mut neighbour), (true, told.as_bytes().to_vec()));
    }
    drop(neighbour);
    until("all are let go of", || server.connections() == 0);
}

/// Attack WS-12: pings without end, from one that never reads.
pub fn ws_a_flood_of_pings_ends<T: Target>() {
    let server = T::start(&config(|c| {
        c.timeouts.write_stall = Duration::from_secs(1);
        c.timeouts.linger = SHORT;
    }));
    let mut peer = open(&server);
    let begun = Instant::now();
    while peer.try_send(masked(PING, &[0; 125]).repeat(500)).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it goes on for ever");
    }
    until("it is let go of", || server.connections() == 0);
    is_unharmed(&server);
}

/// Attack H1-30 behind a handshake: messages whose echoes are never read.
pub fn ws_a_peer_that_never_reads_is_dropped<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.write_stall = Duration::from_secs(1)));
    let mut peer = open(&server);
    let begun = Instant::now();
    let mut writer = peer.stream();
    writer.set_write_timeout(Some(Duration::from_millis(100))).expect("a time-out");
    let piece = masked(BINARY, &vec![0; 60_000]);
    // A write that stops in the middle only makes matters worse for the writer.
    while server.connections() > 0 {
        let _ = std::io::Write::write(&mut writer, &piece);
        assert!(begun.elapsed() < PATIENCE, "it is held for ever");
    }
    peer.send(b"");
    is_unharmed(&server);
}

/// Attack WS-13: one that does not answer a ping, one that does not answer a close frame, and one that is gone.
pub fn ws_a_silent_peer_is_given_up<T: Target>() {
    let server = T::start(&config(|c| {
        (c.ws.keep_alive, c.ws.pong_timeout, c.ws.close_timeout) = (SHORT, SHORT, SHORT);
        c.timeouts.linger = SHORT;
    }));
    let mut peer = open(&server);
    assert_eq!(hear(&mut peer).0, PING);
    peer.wait_for_the_end();
    let mut peer = open(&server);
    peer.send(masked(1, b"x"));
    peer.half_close();
    peer.wait_for_the_end();
    let mut peer = open(&server);
    for _ in 0..3 {
        let (first, payload) = hear(&mut peer);
        assert_eq!(first, PING, "who answers is asked again");
        peer.send(masked(PONG, &payload));
    }
    drop(peer);
    until("all are let go of", || server.connections() == 0);
    is_unharmed(&server);
}

/// "1001 indicates that an endpoint is "going away"" (section 7.4.1)
pub fn ws_a_shutdown_says_1001<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = open(&server);
    peer.send(masked(TEXT, b"x"));
    assert_eq!(message(&mut peer), (true, b"x".to_vec()));
    server.shutdown();
    is_closed_with(&mut peer, CloseCode::GOING_AWAY, "a shutdown");
    server.join();
}

/// RFC 8441: the same messages in the DATA frames of a stream, beside other streams.
pub fn ws_a_stream_of_http2_carries_messages<T: Target>() {
    let server = T::start(&config(|c| c.h2.connect_protocol = true));
    let mut peer = h2::Peer::greet(server.addr(), &[]);
    let announced = peer.inbox.settings.contains(&(8, 1));
    assert!(announced, "SETTINGS_ENABLE_CONNECT_PROTOCOL: {:?}", peer.inbox.settings);
    let connect = block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/ws"),
        ("sec-websocket-version", "13"),
    ]);
    for stream in [1, 3] {
        peer.send(frame(Kind::HEADERS, END_HEADERS, stream, &connect));
        peer.until("it is accepted", |inbox| inbox.answer(stream).status != 0);
        assert_eq!(peer.inbox.answer(stream).status, 200);
        peer.send(data(stream, 0, &masked(TEXT, b"one")));
    }
    let expected = plain(TEXT, b"one");
    peer.until("both are echoed", |inbox| [1, 3].iter().all(|&s| inbox.answer(s).content == expected));
    // A frame of a WebSocket in two of HTTP/2.
    let two = masked(BINARY, &[7; 300]);
    peer.send([data(1, 0, &two[..5]), data(1, 0, &two[5..])].concat());
    peer.until("it is echoed", |inbox| inbox.answer(1).content.ends_with(&[7; 300]));
    // One ends in order, and the other by force: "RST_STREAM with CANCEL" stands for a reset of TCP.
    peer.send(data(1, 0, &masked(CLOSE, &close(CloseCode::NORMAL, ""))));
    peer.until("the stream ends", |inbox| inbox.is_over(1));
    assert!(peer.inbox.answer(1).content.ends_with(&plain(CLOSE, &close(CloseCode::NORMAL, ""))));
    peer.send(reset(3, ErrorCode::CANCEL));
    peer.send(get(5, "/"));
    assert_eq!(peer.answer(5).content, b"hello");
    is_unharmed(&server);
}
