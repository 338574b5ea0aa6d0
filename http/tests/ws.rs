//! WebSocket over both protocols, server and client, over simulated streams and time.

#[path = "support/asking.rs"]
mod asking;
#[path = "support/sockets.rs"]
mod sockets;
mod support;

use asking::Pending;
use avx_core::ws::handshake::Failure;
use avx_core::ws::key::MaskKeys;
use avx_http::client::{self, Connection, Protocol};
use avx_http::rt::Runtime;
use avx_http::ws::{self, CloseCode, Error, Message, Socket};
use avx_http::{FieldLines, OwnedRequest, Peer, Response, Router, Server, Status};
use sockets::{BOTH, Pair, Rude, dial, echo, options, server};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use support::{Gate, Remote, Sim, start_with};

#[test]
fn messages_of_every_size_and_kind_come_back_over_both_protocols() {
    for protocol in BOTH {
        let pair = Pair::new(protocol, server(echo));
        let mut socket = pair.open();
        pair.run(async move {
            for len in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
                let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
                socket.send_binary(&bytes).await.unwrap();
                let message = socket.recv().await.unwrap().unwrap();
                assert!(!message.is_text() && *message == *bytes, "{protocol:?} {len}");
                let text = "é".repeat(len / 2);
                socket.send(text.clone()).await.unwrap();
                let message = socket.recv().await.unwrap().unwrap();
                assert_eq!(message.as_text(), Some(&*text));
            }
            socket.close(CloseCode::NORMAL, "bye").await.unwrap();
            assert!(matches!(socket.send_text("more").await, Err(Error::Closed)));
            assert!(socket.recv().await.unwrap().is_none());
            assert_eq!(socket.farewell().unwrap().code, CloseCode::NORMAL);
        });
        pair.sim.run();
        let open = if protocol == Protocol::Http2 { 1 } else { 0 };
        assert_eq!(pair.server.connections(), open);
    }
}

/// RFC 8441, section 5: one connection for all of them, and for everything else.
#[test]
fn rfc8441_5_many_sockets_share_a_connection_with_requests() {
    let pair = Pair::new(Protocol::Http2, server(echo));
    let sockets: Vec<_> = (0..50).map(|_| pair.open()).collect();
    let talking: Vec<_> = (0..)
        .zip(sockets)
        .map(|(i, mut socket)| {
            Pending::start(&pair.sim, async move {
                for round in 0..20 {
                    let text = format!("{i} in {round}");
                    socket.send_text(&text).await.unwrap();
                    assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some(&*text));
                }
            })
        })
        .collect();
    let response = asking::response(&pair.sim, &pair.connection, client::Request::get("/plain"));
    assert_eq!(response.status().code(), 200);
    assert!(talking.iter().all(|socket| socket.take().is_some()));
    assert_eq!(pair.server.connections(), 1);
}

#[test]
fn subprotocols_and_origins_are_agreed_on() {
    for protocol in BOTH {
        let open = |protocols: &str, origin: Option<&'static str>| {
            let mut pair = Pair::new(protocol, server(echo));
            pair.options.protocols = protocols.into();
            if let Some(origin) = origin {
                pair.options.fields.push("origin", origin);
            }
            pair.try_open("/strict").map(|socket| socket.protocol().map(String::from))
        };
        assert_eq!(open("echo, chat", None).unwrap().as_deref(), Some("chat"));
        assert_eq!(open("other", Some("http://ours")).unwrap(), None);
        assert_eq!(open("", Some("http://ours")).unwrap(), None);
        let refused = open("chat", Some("http://theirs"));
        assert!(matches!(refused, Err(Error::Handshake(Failure::Status(status))) if status.code() == 403));
    }
}

#[test]
fn what_is_no_handshake_is_answered_as_such() {
    let pair = Pair::new(Protocol::Http1, server(echo));
    let client = pair.sim.dial();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    pair.sim.run();
    let text = client.recv_text();
    assert!(text.starts_with("HTTP/1.1 426 ") && text.contains("websocket"), "{text}");
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    pair.sim.run();
    assert!(client.recv_text().starts_with("HTTP/1.1 426 "));
    for protocol in BOTH {
        let pair = Pair::new(protocol, server(echo));
        let refused = pair.try_open("/plain");
        let expected = if protocol == Protocol::Http2 { 501 } else { 200 };
        assert!(
            matches!(refused, Err(Error::Handshake(Failure::Status(status))) if status.code() == expected)
        );
    }
}

/// A handler that asks somebody else first, with a request of its own.
#[test]
fn a_handler_may_wait_before_it_accepts() {
    for protocol in BOTH {
        let gate = Gate::default();
        let wait = gate.clone();
        let members = move |request: OwnedRequest| {
            let wait = wait.clone();
            async move {
                wait.passed().await;
                match request.field("cookie") {
                    Some(b"member") => ws::Upgrade::new().protocols(&["chat"]).accept(&request, echo),
                    _ => Response::new(Status::FORBIDDEN),
                }
            }
        };
        let server = Server::new(Router::new().get("/", members)).extended_connect(true);
        let mut pair = Pair::new(protocol, server);
        pair.options.protocols = "chat".into();
        pair.options.fields.push("cookie", "member");
        let (rt, connection, options) = (pair.sim.clone(), pair.connection.clone(), pair.options.clone());
        let opening =
            Pending::start(&pair.sim, async move { ws::open(&rt, &connection, "/", &options).await });
        assert!(opening.take().is_none(), "{protocol:?}");
        gate.open();
        pair.sim.run();
        let mut socket = opening.take().unwrap().unwrap();
        assert_eq!(socket.protocol(), Some("chat"));
        pair.run(async move {
            socket.send_text("hello").await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("hello"));
        });
        pair.connection = dial(&pair.sim, &pair.options.client);
        pair.options.fields = FieldLines::default();
        let refused = pair.try_open("/");
        assert!(matches!(refused, Err(Error::Handshake(Failure::Status(status))) if status.code() == 403));
        pair.options.fields.push("cookie", "member");
        assert!(pair.try_open("/").is_ok());
        let client = pair.sim.dial();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: member\r\n\r\n");
        pair.sim.run();
        assert!(client.recv_text().starts_with("HTTP/1.1 426 "));
    }
}

#[test]
fn each_half_works_in_a_task_of_its_own() {
    for protocol in BOTH {
        let sim = Sim::new();
        let rt = sim.clone();
        let server = server(move |socket: Socket| {
            let rt = rt.clone();
            async move {
                let (mut sender, mut receiver) = socket.split();
                // Speaks first, and goes on while the other half listens.
                rt.spawn(async move {
                    for i in 0..100 {
                        sender.send(format!("{i}")).await.unwrap();
                    }
                    sender.close(CloseCode::NORMAL, "said all").await.unwrap();
                });
                let mut heard = 0;
                while let Ok(Some(_)) = receiver.recv().await {
                    heard += 1;
                }
                assert_eq!(heard, 50);
            }
        });
        let _server = start_with(&sim, server);
        let options = options(protocol);
        let connection = dial(&sim, &options.client);
        let rt = sim.clone();
        let socket = sim.block_on(async move { ws::open(&rt, &connection, "/", &options).await }).unwrap();
        let (mut sender, mut receiver) = socket.split();
        let speaking = Pending::start(&sim, async move {
            for _ in 0..50 {
                if sender.send("x").await.is_err() {
                    break;
                }
            }
        });
        let listening = Pending::start(&sim, async move {
            let mut heard = Vec::new();
            while let Some(message) = receiver.recv().await.unwrap() {
                heard.push(message.as_text().unwrap().to_string());
            }
            (heard, receiver.farewell())
        });
        speaking.take().unwrap();
        let (heard, farewell) = listening.take().unwrap();
        assert_eq!(heard, (0..100).map(|i| i.to_string()).collect::<Vec<_>>());
        assert_eq!(farewell.unwrap().reason, "said all");
    }
}

/// The key of the handshake and the seed of the masking keys are two calls: one is told to everybody, the other to nobody.
#[test]
fn rfc6455_5_3_a_client_takes_its_keys_from_the_entropy_it_is_given() {
    fn counting() -> [u8; 32] {
        static CALLS: AtomicU8 = AtomicU8::new(1);
        [CALLS.fetch_add(1, Ordering::Relaxed); 32]
    }
    let sim = Sim::new();
    let mut options = options(Protocol::Http1);
    options.entropy = Some(counting);
    let (ours, theirs) = support::pair();
    let (connection, server) =
        (Connection::over(&sim, ours, Peer::Unix, "a", &options.client), Remote(theirs));
    let rt = sim.clone();
    let opening =
        Pending::start(&sim, async move { ws::open(&rt, &connection, "/", &options).await.unwrap() });
    let text = server.recv_text();
    let key = "AQEBAQEBAQEBAQEBAQEBAQ==";
    assert!(text.to_lowercase().contains(&format!("sec-websocket-key: {key}\r\n").to_lowercase()), "{text}");
    let accept = avx_core::ws::accept::accept(key.as_bytes());
    let accept = String::from_utf8_lossy(&accept);
    server.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ));
    sim.run();
    let mut socket = opening.take().unwrap();
    sim.block_on(async move { socket.send_text("").await.unwrap() });
    let mask = MaskKeys::new([2; 32]).next_key();
    assert_eq!(server.recv()[..6], [&[0x81, 0x80][..], &mask].concat());
}

/// Waits for one of two things and drops the other: the message that comes later is not lost, and whoever was to
/// read it wakes.
#[test]
fn a_cancelled_call_loses_nothing() {
    for protocol in BOTH {
        let pair = Pair::new(protocol, server(echo));
        let mut socket = pair.open();
        let gate = Gate::default();
        let passed = gate.clone();
        let done = Pending::start(&pair.sim, async move {
            let mut heard = Vec::new();
            for i in 0..10 {
                // Polled once, and given up.
                {
                    let mut recv = pin!(socket.recv());
                    let first = poll_fn(|cx| Poll::Ready(recv.as_mut().poll(cx))).await;
                    assert!(first.is_pending());
                }
                socket.send_text(&i.to_string()).await.unwrap();
                passed.passed().await;
                heard.push(socket.recv().await.unwrap().unwrap().as_text().unwrap().to_string());
            }
            heard
        });
        gate.open();
        pair.sim.run();
        let expected: Vec<String> = (0..10).map(|i| i.to_string()).collect();
        assert_eq!(done.take(), Some(expected));
    }
}

#[test]
fn a_peer_that_does_not_read_holds_the_sender_back() {
    let sent = Arc::new(Mutex::new(0));
    for protocol in BOTH {
        *sent.lock().unwrap() = 0;
        let sim = Sim::new();
        let handle = start_with(&sim, talkative(&sent));
        let Remote(io) = sim.dial();
        let mut options = options(protocol);
        options.client.config.h2.grow_windows = false;
        let connection = Connection::over(&sim, io, Peer::Unix, "a", &options.client);
        let rt = sim.clone();
        let mut socket =
            sim.block_on(async move { ws::open(&rt, &connection, "/", &options).await }).unwrap();
        sim.run();
        let ahead = *sent.lock().unwrap();
        if protocol == Protocol::Http2 {
            assert!((1 << 20..2 << 20).contains(&ahead), "{ahead} bytes ahead");
        }
        let heard = sim.block_on(async move {
            let mut heard = 0;
            while let Some(message) = socket.recv().await.unwrap() {
                heard += message.len();
            }
            heard
        });
        assert_eq!(heard, *sent.lock().unwrap());
        drop(handle);
    }
}

/// Sends 8 MiB.
fn talkative(sent: &Arc<Mutex<usize>>) -> Server<Router> {
    let count = sent.clone();
    server(move |mut socket: Socket| {
        let count = count.clone();
        async move {
            while *count.lock().unwrap() < 8 << 20 {
                socket.send(vec![b'x'; 10_000]).await.unwrap();
                *count.lock().unwrap() += 10_000;
            }
            socket.close(CloseCode::NORMAL, "").await.unwrap();
        }
    })
}

/// What a handler sends in one turn leaves in one write.
#[test]
fn answers_to_messages_that_came_together_leave_together() {
    let sim = Sim::new();
    let _server = start_with(&sim, server(echo));
    let client = Rude::open(&sim);
    let before = client.0.calls();
    let frame = b"\x81\x82\0\0\0\0hi";
    client.0.send(frame.repeat(100));
    assert_eq!(sim.run(), 1, "polled once");
    assert_eq!(client.0.recv(), b"\x81\x02hi".repeat(100));
    let after = client.0.calls();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1));
}

/// The same over HTTP/2, through a stream of the connection.
#[test]
fn answers_leave_together_over_http_2_too() {
    use conformance::h2::frames;
    let sim = Sim::new();
    let _server = start_with(&sim, server(echo));
    let client = sim.dial();
    let connect = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
        ("sec-websocket-version", "13"),
    ];
    client.send([frames::PREFACE, &frames::settings(&[]), &frames::settings_ack()].concat());
    client.send(frames::headers(1, 0, &frames::block(&connect)));
    sim.run();
    client.recv();
    let before = client.calls();
    client.send(frames::data(1, 0, &b"\x81\x82\0\0\0\0hi".repeat(50)));
    assert_eq!(sim.run(), 1, "polled once");
    assert_eq!(client.recv(), frames::data(1, 0, &b"\x81\x02hi".repeat(50)));
    let after = client.calls();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1));
}

/// Messages of every size, compressible and not, and far fewer bytes on the wire.
#[cfg(feature = "deflate")]
#[test]
fn rfc7692_messages_are_compressed_where_both_want_it() {
    for (protocol, both) in [(Protocol::Http1, true), (Protocol::Http2, true), (Protocol::Http1, false)] {
        let router = Router::new().get("/", |request: &avx_http::Request<'_>| {
            ws::Upgrade::new().deflate(ws::Deflate::default()).accept(request, echo)
        });
        let mut pair = Pair::new(protocol, Server::new(router).extended_connect(true));
        pair.options.deflate = both.then(ws::Deflate::default);
        let mut socket = pair.open();
        pair.run(async move {
            let mut state = 1_u32;
            for len in [0, 1, 127, 128, 5000, 16_384, 65_536, 300_000] {
                let same = vec![b'x'; len];
                let random: Vec<u8> = (0..len)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as u8
                    })
                    .collect();
                // Letters, so that a piece may end anywhere in what says so little of each.
                let letters = random.iter().map(|byte| b'a' + byte % 16).collect();
                for bytes in [same, random, letters] {
                    socket.send_binary(&bytes).await.unwrap();
                    assert!(*socket.recv().await.unwrap().unwrap() == *bytes, "{protocol:?} {len}");
                }
            }
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(socket.recv().await.unwrap().is_none());
        });
    }
    // On the wire.
    let sim = Sim::new();
    let router = Router::new().get("/", |request: &avx_http::Request<'_>| {
        ws::Upgrade::new().deflate(ws::Deflate::default()).accept(request, async |mut socket| {
            socket.send("x".repeat(10_000)).await.unwrap();
        })
    });
    let _server = start_with(&sim, Server::new(router));
    let client = sim.dial();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    sim.run();
    let bytes = client.recv();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(bytes[end], 0xc1, "{}", String::from_utf8_lossy(&bytes[..end]));
    assert!(bytes.len() - end < 200, "{} bytes", bytes.len() - end);
}

#[test]
fn messages_know_what_they_are() {
    let text = Message::from("text");
    assert_eq!((text.as_text(), text.is_text(), &*text), (Some("text"), true, &b"text"[..]));
    let bytes = Message::from(vec![1, 2]);
    assert_eq!((bytes.as_text(), bytes.is_text()), (None, false));
    assert_eq!(bytes.into_vec(), [1, 2]);
}
