//! Attacks on WebSockets, live: rows WS-03 to WS-16.

#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod counting;
mod support;

use avx_http::ws::{self, Limits, Socket};
use avx_http::{Request, Router, Server, ServerHandle};
use conformance::h2::frames;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Remote, Sim, start_with};

/// What became of the sockets of a server, in the order of their ends.
type Ends = Arc<Mutex<Vec<String>>>;

/// A server that tells how many messages and bytes came, and how it ended.
fn start(sim: &Sim, limits: Limits) -> (ServerHandle, Ends) {
    let ends = Ends::default();
    let told = ends.clone();
    let listen = move |mut socket: Socket| {
        let told = told.clone();
        async move {
            let (mut messages, mut bytes) = (0, 0);
            let end = loop {
                match socket.recv().await {
                    Ok(Some(message)) => (messages, bytes) = (messages + 1, bytes + message.len()),
                    Ok(None) => break "closed".to_string(),
                    Err(error) => break error.to_string(),
                }
            };
            told.lock().unwrap().push(format!("{messages} of {bytes}: {end}"));
        }
    };
    let router = Router::new().get("/", move |request: &Request<'_>| {
        ws::Upgrade::new().limits(limits).accept(request, listen.clone())
    });
    (start_with(sim, Server::new(router).extended_connect(true)), ends)
}

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn open(sim: &Sim) -> Remote {
    let client = sim.dial();
    client.send(HANDSHAKE);
    sim.run();
    assert!(client.recv_text().starts_with("HTTP/1.1 101 "));
    client
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The code of the close frame that came, and nothing before it.
fn code(client: &Remote) -> u16 {
    let said = client.recv();
    assert_eq!(said[0], 0x88, "{said:?}");
    u16::from_be_bytes([said[2], said[3]])
}

/// Attack WS-03.
#[test]
fn ws_03_handshakes_that_are_none_are_refused() {
    let sim = Sim::new();
    let (_server, ends) = start(&sim, Limits::default());
    for (line, instead, status) in [
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", "400"),
        ("Version: 13", "Version: 12", "426"),
        ("Upgrade: websocket\r\n", "", "426"),
        ("Connection: Upgrade\r\n", "", "400"),
        ("Connection: Upgrade", "Connection: close", "400"),
        ("GET", "POST", "405"),
    ] {
        let client = sim.dial();
        client.send(HANDSHAKE.replace(line, instead));
        sim.run();
        let text = client.recv_text();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {text}");
        if line.starts_with("Version") {
            assert!(text.to_ascii_lowercase().contains("sec-websocket-version: 13"), "{text}");
        }
    }
    assert!(ends.lock().unwrap().is_empty());
}

/// Attack WS-05: nothing is allocated for what a header announces.
#[test]
fn ws_05_announced_lengths_cost_no_memory() {
    let sim = Sim::new();
    let (_server, _ends) = start(&sim, Limits::default());
    let clients: Vec<Remote> = (0..50).map(|_| open(&sim)).collect();
    let held = counting::peak(|| {
        for client in &clients {
            // 16 MiB, the limit, of which a byte comes.
            client.send(b"\x82\xff\0\0\0\0\x01\0\0\0\0\0\0\0x");
            sim.run();
        }
    });
    assert!(held < 50 * (16 << 10), "{held} bytes for 50 messages of a byte each");
}

/// Attack WS-06: small fragments are legal, and cost what they carry; empty ones are tolerated for a while.
#[test]
fn ws_06_fragments_cost_no_more_than_their_content() {
    let sim = Sim::new();
    let (_server, ends) = start(&sim, Limits::default());
    let client = open(&sim);
    let piece = frame(0x00, &[b'x'; 64]);
    client.send(frame(0x02, b""));
    let held = counting::peak(|| {
        for _ in 0..64 {
            client.send(piece.repeat(1024));
            sim.run();
        }
    });
    // The message doubles as it grows.
    assert!(held < 13 << 20, "{held} bytes for 4 MiB");
    client.send(frame(0x80, b""));
    sim.run();
    client.send([frame(0x02, b""), frame(0x00, b"").repeat(101)].concat());
    sim.run();
    assert_eq!(code(&client), 1008);
    assert!(ends.lock().unwrap()[0].starts_with("1 of 4194304: "), "{ends:?}");
}

/// Attack WS-06, the cap.
#[test]
fn ws_06_a_message_beyond_the_limit_ends_with_1009() {
    let sim = Sim::new();
    let mut limits = Limits::default();
    limits.message = 1000;
    let (_server, ends) = start(&sim, limits);
    for last in [0x00, 0x80] {
        let client = open(&sim);
        client.send([frame(0x02, &[0; 600]), frame(last, &[0; 401])].concat());
        sim.run();
        assert_eq!(code(&client), 1009);
    }
    let client = open(&sim);
    client.send([frame(0x02, &[0; 600]), frame(0x80, &[0; 400]), frame(0x88, b"")].concat());
    sim.run();
    assert!(ends.lock().unwrap()[2].starts_with("1 of 1000: closed"), "{ends:?}");
}

/// Attack WS-12: who floods with pings and never reads is answered with a frame or two, and then given up.
#[test]
fn ws_12_a_flood_of_pings_grows_no_queue() {
    let sim = Sim::new();
    let (server, ends) = start(&sim, Limits::default());
    let client = open(&sim);
    client.set_window(100);
    let flood = frame(0x89, &[b'x'; 125]).repeat(50);
    let held = counting::peak(|| {
        for _ in 0..18 {
            client.send(&flood);
            sim.run();
        }
    });
    assert!(held < 400 << 10, "{held} bytes");
    assert!(ends.lock().unwrap().is_empty());
    client.send(flood.repeat(10));
    sim.run();
    assert!(ends.lock().unwrap()[0].starts_with("0 of 0: "), "{ends:?}");
    sim.advance(Duration::from_secs(60));
    assert_eq!(server.connections(), 0);
}

/// Attack WS-13: the closing handshake does not wait for ever.
#[test]
fn ws_13_a_peer_that_never_closes_is_left() {
    let sim = Sim::new();
    let router = Router::new().get("/", |request: &Request<'_>| {
        ws::upgrade(request, async |mut socket: Socket| {
            socket.close(ws::CloseCode::NORMAL, "").await.unwrap();
        })
    });
    let server = start_with(&sim, Server::new(router));
    let client = open(&sim);
    assert_eq!(server.connections(), 1);
    sim.advance(Duration::from_secs(4));
    assert!(!client.is_closed());
    sim.advance(Duration::from_secs(2));
    assert!(client.is_closed());
    assert_eq!(server.connections(), 0);
}

/// Attack WS-16: the end of a stream is the end of the transport, and a reset is its reset.
#[test]
fn ws_16_a_stream_ends_like_a_connection() {
    let connect = |more: &[(&str, &str)]| {
        let control = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "a"),
        ];
        frames::block(&[&control[..], more].concat())
    };
    let sim = Sim::new();
    let (_server, ends) = start(&sim, Limits::default());
    let client = sim.dial();
    client.send([frames::PREFACE, &frames::settings(&[])].concat());
    let version = [("sec-websocket-version", "13")];
    for stream in [1, 3, 5] {
        client.send(frames::headers(stream, 0, &connect(&version)));
        client.send(frames::data(stream, 0, &frame(0x81, b"hi")));
    }
    sim.run();
    client.send(frames::data(1, frames::END_STREAM, b""));
    sim.run();
    client.send(frames::reset(3, avx_http::ErrorCode::CANCEL));
    sim.run();
    client.send(frames::data(5, 0, &frame(0x88, b"\x03\xe8")));
    sim.run();
    let told = ends.lock().unwrap().clone();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("1 of 2: peer: connection ended without a close frame"), "{told:?}");
    assert_eq!(told[1], "1 of 2: transport: peer: reset the stream with CANCEL");
    assert_eq!(told[2], "1 of 2: closed");
    // Without a version, with END_STREAM at once, and over a server that does not permit it.
    let mut inbox = conformance::h2::Inbox::default();
    client.send(frames::headers(7, 0, &connect(&[])));
    client.send(frames::headers(9, frames::END_STREAM, &connect(&version)));
    sim.run();
    inbox.take(&client.recv());
    assert_eq!((inbox.answer(7).status, inbox.answer(9).status), (400, 200));
    assert_eq!(ends.lock().unwrap().len(), 4);
}

/// Small messages, empty ones and pings take more memory than their bytes: that is what counts.
#[test]
fn what_waits_for_a_peer_that_does_not_read_is_bounded_in_memory() {
    for what in [Small::Text, Small::Nothing, Small::Ping, Small::Echo] {
        let sim = Sim::new();
        let send = move |mut socket: Socket| async move {
            let first = socket.recv().await.unwrap().unwrap();
            loop {
                let sent = match what {
                    Small::Text => socket.send_text("tick").await,
                    Small::Nothing => socket.send_binary(b"").await,
                    Small::Ping => socket.ping(b"").await,
                    Small::Echo => socket.send(ws::Message::binary(with_room(&first))).await,
                };
                if sent.is_err() {
                    return;
                }
            }
        };
        let router =
            Router::new().get("/", move |request: &Request<'_>| ws::Upgrade::new().accept(request, send));
        let _server = start_with(&sim, Server::new(router));
        let client = open(&sim);
        client.set_window(1000);
        let held = counting::peak(|| {
            client.send(frame(0x82, b"x"));
            sim.run();
        });
        // 1 MiB, and the buffers that the thread keeps for the next ones.
        assert!(held < 4 << 20, "{what:?}: {held} bytes");
        client.reset();
        sim.run();
    }
}

#[derive(Clone, Copy, Debug)]
enum Small {
    Text,
    Nothing,
    Ping,
    Echo,
}

/// In a buffer as large as that of a received message.
fn with_room(bytes: &[u8]) -> Vec<u8> {
    let mut vec = Vec::with_capacity(64 << 10);
    vec.extend_from_slice(bytes);
    vec
}
