//! Messages that are larger than memory: received and sent in pieces, over simulated streams.

#[path = "support/asking.rs"]
mod asking;
#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod counting;
#[path = "support/sockets.rs"]
mod sockets;
mod support;

use asking::Pending;
use avx_core::PeerError;
use avx_http::ws::{self, CloseCode, Error, Event, Limits, Message, Socket};
use avx_http::{Request, Router, Server};
use sockets::{BOTH, Pair, Rude, server};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use support::{Sim, start_with};

fn unlimited() -> Limits {
    let mut limits = Limits::default();
    (limits.message, limits.frame) = (u64::MAX, u64::MAX);
    limits
}

async fn echo(mut socket: Socket) {
    while let Ok(Some((data, last))) = piece(&mut socket).await {
        if socket.send_piece(data, last).await.is_err() {
            return;
        }
    }
}

/// A server that sends back pieces, of messages of any length, and a client.
fn pieces(protocol: avx_http::client::Protocol) -> Pair {
    let router = Router::new()
        .get("/", |request: &Request<'_>| ws::Upgrade::new().limits(unlimited()).accept(request, echo));
    let mut pair = Pair::new(protocol, Server::new(router).extended_connect(true));
    pair.options.client.config.ws = unlimited();
    pair
}

/// The next piece of a message.
async fn piece(socket: &mut Socket) -> Result<Option<(Message, bool)>, Error> {
    loop {
        match socket.next_event().await? {
            Some(Event::Data { data, last }) => return Ok(Some((data, last))),
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

/// The most memory held while a message of `len` bytes is sent and comes back, each piece before the next is sent.
fn held_by_echo(pair: &Pair, len: usize) -> isize {
    let mut socket = pair.open();
    counting::peak(|| {
        pair.run(async move {
            static SENT: [u8; 64 << 10] = [b'x'; 64 << 10];
            let sent = &SENT;
            let mut back = 0;
            for i in 1..=len / sent.len() {
                let last = i * sent.len() == len;
                socket.send_piece(&sent[..], last).await.unwrap();
                if !last {
                    // Beyond a hundred in a row, empty fragments are an error.
                    for _ in 0..200 * usize::from(i == 1) {
                        socket.send_piece(&b""[..], false).await.unwrap();
                    }
                }
                let mut ended = false;
                while back < i * sent.len() || ended != last {
                    let (data, last) = piece(&mut socket).await.unwrap().unwrap();
                    assert!(*data == sent[..data.len()]);
                    back += data.len();
                    ended = last;
                }
                assert_eq!((back, ended), (i * sent.len(), last));
            }
        });
    })
}

#[test]
fn a_message_of_64_mib_is_echoed_in_pieces_within_half_a_mib() {
    for protocol in BOTH {
        let held = held_by_echo(&pieces(protocol), 64 << 20);
        assert!(held < 512 << 10, "{protocol:?}: {held} bytes");
    }
}

/// Both ends have a compressor each and what inflates, some 200 KiB together.
#[cfg(feature = "deflate")]
#[test]
fn a_compressed_message_is_echoed_in_pieces_too() {
    for protocol in BOTH {
        let router = Router::new().get("/", |request: &Request<'_>| {
            let upgrade = ws::Upgrade::new().limits(unlimited()).deflate(ws::Deflate::default());
            upgrade.accept(request, echo)
        });
        let mut pair = Pair::new(protocol, Server::new(router).extended_connect(true));
        pair.options.client.config.ws = unlimited();
        pair.options.deflate = Some(ws::Deflate::default());
        let held = held_by_echo(&pair, 4 << 20);
        assert!(held < 1 << 20, "{protocol:?}: {held} bytes");
    }
}

/// Either call is polled once and given up, between pieces and before them: what has come stays, in order.
#[test]
fn a_cancelled_call_loses_no_piece() {
    async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
    for whole in [false, true] {
        let sim = Sim::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = heard.clone();
        let server = server(move |mut socket: Socket| {
            let told = told.clone();
            async move {
                let mut begins = true;
                loop {
                    if whole && begins {
                        assert!(once(socket.recv()).await.is_none());
                    } else {
                        assert!(once(socket.next_event()).await.is_none());
                    }
                    let Ok(Some((data, last))) = piece(&mut socket).await else { return };
                    begins = last;
                    told.lock().unwrap().extend_from_slice(&data);
                }
            }
        });
        let _server = start_with(&sim, server);
        let client = Rude::open(&sim);
        let pieces =
            [(0x02, "on"), (0x00, "e "), (0x80, "two "), (0x81, "three "), (0x01, "fo"), (0x80, "ur")];
        for (first, text) in pieces {
            client.frame(first, text.as_bytes());
            sim.run();
        }
        assert_eq!(*heard.lock().unwrap(), b"one two three four");
    }
}

/// What nobody receives is read no further than a piece, whatever the limits: before the first call, and between two.
#[test]
fn nothing_is_read_ahead_of_who_receives_pieces() {
    let (sim, gate) = (Sim::new(), support::Gate::default());
    let wait = gate.clone();
    let slow = move |mut socket: Socket| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            let mut len = 0;
            while let Ok(Some((data, last))) = piece(&mut socket).await {
                len += data.len();
                if last {
                    break;
                }
            }
            socket.send(len.to_string()).await.unwrap();
        }
    };
    let router = Router::new().get("/", move |request: &Request<'_>| {
        ws::Upgrade::new().limits(unlimited()).accept(request, slow.clone())
    });
    let _server = start_with(&sim, Server::new(router));
    let client = Rude::open(&sim);
    client.0.send(b"\x82\xff\0\0\0\0\x01\0\0\0\0\0\0\0");
    let megabyte = vec![0; 1 << 20];
    for _ in 0..16 {
        client.0.send(&megabyte);
        sim.run();
    }
    assert!(client.0.unread_by_peer() >= 15 << 20, "{} bytes wait", client.0.unread_by_peer());
    gate.open();
    let held = counting::peak(|| {
        sim.run();
    });
    assert_eq!(client.0.recv(), b"\x81\x0816777216\x88\x02\x03\xe8");
    assert!(held < 1 << 20, "{held} bytes");
}

/// Whatever precedes an error is told of, and then the error.
#[test]
fn rfc6455_8_1_pieces_come_before_the_error_behind_them() {
    let sim = Sim::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    let server = server(move |mut socket: Socket| {
        let told = told.clone();
        async move {
            let error = loop {
                match piece(&mut socket).await {
                    Ok(piece) => told.lock().unwrap().extend_from_slice(&piece.unwrap().0),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, Error::Peer(PeerError::BadText)), "{error}");
            assert!(matches!(socket.recv().await, Err(Error::Peer(PeerError::BadText))));
            told.lock().unwrap().push(b'.');
        }
    });
    let _server = start_with(&sim, server);
    let client = Rude::open(&sim);
    client.frame(0x01, b"good ");
    client.frame(0x80, b"text\xff and more");
    sim.run();
    assert_eq!(*heard.lock().unwrap(), b"good text.");
    let close = client.0.recv();
    assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 1007));
}

/// A close within a message ends it short of its end, and no call waits for more.
#[test]
fn a_close_within_a_message_is_the_end() {
    for protocol in BOTH {
        let pair = pieces(protocol);
        let mut socket = pair.open();
        let done = Pending::start(&pair.sim, async move {
            socket.send_piece(&b"begun"[..], false).await.unwrap();
            assert!(!piece(&mut socket).await.unwrap().unwrap().1);
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(piece(&mut socket).await.unwrap().is_none());
            assert!(socket.recv().await.unwrap().is_none());
        });
        assert!(done.take().is_some(), "{protocol:?}");
    }
}
