//! WebSocket: both machines do the same for every cutting, inflating is bounded and repeatable, and what a
//! handshake agrees to is what both ends understand.

use crate::{NOW, options, pieces};
use avx_core::ws::extension::{Offer, agree, check, elements};
use avx_core::ws::frame::{Header, Parsed};
use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::Role;
use avx_core::ws::{Client, CloseCode, Connection, Deflate, Kind, Server, handshake};
use avx_core::{BodyLen, Config, Event, Http, Machine, Method, PeerError, Recv, Request, Scratch, h1};
use conformance::ws::frames::plain;
use conformance::ws::{Driver, Seen};
use std::sync::Arc;
use std::time::Duration;

/// A server that answers in one of several ways, and a client's frames.
pub fn ws_server(data: &[u8]) {
    let Some(([bits, step, ways, end], input)) = options(data) else { return };
    examine(|| Server::new(config(bits), NOW), input, step, ways, end);
}

/// The same for a client.
pub fn ws_client(data: &[u8]) {
    let Some(([bits, step, ways, end], input)) = options(data) else { return };
    examine(|| Client::new(config(bits), NOW, MaskKeys::new([bits; 32])), input, step, ways, end);
}

/// A client that takes compressed messages: the input is the payload of one, in two frames, and of more.
pub fn ws_deflate(data: &[u8]) {
    let Some(([bits, step, at, end], input)) = options(data) else { return };
    let offer: &[u8] = match bits & 3 {
        0 => b"permessage-deflate",
        1 => b"permessage-deflate; server_no_context_takeover",
        2 => b"permessage-deflate; server_max_window_bits=9",
        _ => b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    };
    let agreed = agree([offer], &Deflate::default()).expect("a good offer");
    let machine = || Client::new(config(bits), NOW, MaskKeys::new([bits; 32])).with_deflate(&agreed);
    if bits & 0x10 != 0 {
        // Frames as they are.
        return examine(machine, input, step, 0, end);
    }
    let mut frames = Vec::new();
    for payload in input.split(|&b| b == 0xa5) {
        let (one, two) = payload.split_at(usize::from(at).min(payload.len()));
        frames.extend([plain(0x42, one), plain(0x80, two)].concat());
    }
    examine(machine, &frames, step, 0, end);
    // What was compressed is what comes out.
    let (mut server, mut client) =
        (Server::new(config(0), NOW).with_deflate(&agreed), Driver::new(machine(), NOW));
    let mut wire = Vec::new();
    for part in input.chunks(usize::from(at) * 16 + 1) {
        server.send_compressed(NOW, Kind::Binary, part, false, &mut wire).expect("room");
    }
    server.send_compressed(NOW, Kind::Binary, b"", true, &mut wire).expect("room");
    pieces(&wire, step).for_each(|piece| client.feed(piece));
    if bits & 8 == 0 {
        assert_eq!(client.seen, [Seen::Data(Kind::Binary, input.to_vec(), true)]);
    }
}

/// Field lines of a handshake, for a server and for a client; and the value of `Sec-WebSocket-Extensions`.
pub fn ws_handshake(data: &[u8]) {
    let Some(([bits, _], lines)) = options(data) else { return };
    let mut deflate = Deflate::default();
    (deflate.window_bits, deflate.take_over) = (8 + (bits & 7), bits & 8 != 0);
    (deflate.peer_window_bits, deflate.peer_take_over) = (8 + (bits >> 5), bits & 16 != 0);
    extensions(lines, &deflate);
    let mut scratch = Scratch::new();
    let mut input = [&b"GET / HTTP/1.1\r\nHost: a\r\n"[..], lines, b"\r\n\r\n"].concat();
    let config = Arc::new(Config::default());
    let mut server = h1::Server::new(config.clone(), NOW);
    if let Ok(Recv::Event { event: Event::Request { head, .. }, .. }) =
        server.recv(NOW, &mut input, &mut scratch)
    {
        match handshake::check(&head) {
            Ok(offer) => {
                let agreed = offer.deflate(&deflate);
                let protocol = offer.protocols().next();
                let answer = offer.answer(protocol, agreed.as_ref()).expect("one of those asked for");
                assert_eq!(answer.status().code(), 101);
                assert!((3..=5).contains(&answer.fields().len()));
            }
            Err(refusal) => assert!([400, 426].contains(&refusal.status().code())),
        }
    }
    let handshake =
        handshake::Handshake::new(*b"the sample nonce").protocols(b"chat, superchat").deflate(&deflate);
    let mut client = h1::Client::new(config, NOW);
    let fields = handshake.fields();
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &fields };
    client.send_request(NOW, &request, BodyLen::Empty, &mut Vec::new()).expect("room");
    let mut input =
        [&b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"[..], lines, b"\r\n\r\n"]
            .concat();
    if let Ok(Recv::Event { event: Event::Response { head, .. }, .. }) =
        client.recv(NOW, &mut input, &mut scratch)
    {
        if let Ok(accepted) = handshake.check(&head) {
            assert!(accepted.protocol.is_none_or(|p| [&b"chat"[..], b"superchat"].contains(&p)));
        }
    }
}

fn extensions(value: &[u8], deflate: &Deflate) {
    for element in elements(value).flatten() {
        assert!(!element.name().is_empty());
        assert!(element.params().all(|param| !param.name.is_empty()));
        let Some(offer) = Offer::parse(&element) else { continue };
        let Some(agreed) = offer.accept(deflate) else { continue };
        assert!((8..=15).contains(&agreed.server.max_window_bits));
        assert!((8..=15).contains(&agreed.client.max_window_bits));
        let text = agreed.text();
        let understood = check([text.as_bytes()], &[offer]).expect("an answer to the offer").expect("agreed");
        assert_eq!(
            (understood.server, understood.client.no_context_takeover),
            (agreed.server, agreed.client.no_context_takeover)
        );
    }
}

/// Small limits in every second configuration, so that short inputs reach them.
fn config(bits: u8) -> Arc<Config> {
    let mut config = Config::default();
    if bits & 8 != 0 {
        let ws = &mut config.ws;
        (ws.message, ws.frame, ws.empty_fragments, ws.controls) = (60, 40, 2, 4);
    }
    if bits & 4 != 0 {
        config.ws.keep_alive = Duration::ZERO;
    }
    Arc::new(config)
}

/// What a machine did: equal for every cutting.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    error: Option<PeerError>,
    closed: (bool, bool),
}

fn examine<R: Role>(machine: impl Fn() -> Connection<R>, input: &[u8], step: u8, ways: u8, end: u8) {
    let run = |cut: Option<u8>| {
        let mut driver = Driver::new(machine(), NOW);
        let answer = &mut |now, seen: &Seen, m: &mut Connection<R>, out: &mut Vec<u8>| {
            // What is said may be refused; it is never half said.
            let _ = match (seen, ways & 7) {
                (Seen::Data(kind, data, last), 1) => m.send(now, *kind, data, *last, out),
                (Seen::Ping(data), 2) => m.ping(now, data, out),
                (Seen::Pong(_), 3) => m.close(now, CloseCode::NORMAL, "enough", out),
                (Seen::Pong(_), 4) => {
                    m.shutdown(now);
                    Ok(())
                }
                (Seen::Ping(_), 5) => {
                    m.hold(now);
                    Ok(())
                }
                _ => Ok(()),
            };
        };
        match cut {
            None => driver.feed_with(input, answer),
            Some(0) => input.chunks(1).for_each(|piece| driver.feed_with(piece, answer)),
            Some(step) => pieces(input, step).for_each(|piece| driver.feed_with(piece, answer)),
        }
        if end & 1 == 1 {
            driver.eof();
        }
        if end & 2 == 2 {
            driver.pass(Duration::from_secs(u64::from(end >> 2)));
        }
        assert!(driver.faults.is_empty(), "{:?}", driver.faults);
        frames(&driver.out);
        Outcome {
            seen: driver.seen,
            error: driver.error,
            closed: (driver.machine.is_send_closed(), driver.machine.is_closed()),
        }
    };
    let whole = run(None);
    assert_eq!(run(Some(step)), whole);
    if input.len() < 4096 {
        assert_eq!(run(Some(0)), whole);
    }
}

/// What was written are frames.
fn frames(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match Header::parse(bytes) {
            Ok(Parsed::Header(header, at)) => bytes = &bytes[at + header.len as usize..],
            other => panic!("{other:?}"),
        }
    }
}
