//! Messages received and sent in pieces, over simulated streams.

#[path = "support/asking.rs"]
mod asking;
#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod counting;
#[path = "support/sockets.rs"]
mod sockets;
mod support;

use asking::Pending;
use avx_core::{PeerError, UsageError};
use avx_http::ws::{self, CloseCode, Error, Kind, Limits, Piece, Socket};
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
    while let Ok(Some(Piece { kind, data, last, .. })) = socket.recv_piece().await {
        if socket.send_piece(kind, &data, last).await.is_err() {
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

/// What was received, joined as long as it is of one message.
async fn joined(socket: &mut Socket) -> (Kind, Vec<u8>) {
    let mut all = Vec::new();
    loop {
        let piece = socket.recv_piece().await.unwrap().unwrap();
        assert!(piece.last || !piece.data.is_empty());
        all.extend_from_slice(&piece.data);
        if piece.last {
            return (piece.kind, all);
        }
    }
}

/// The most memory held while a message of `len` bytes is sent and comes back, each piece before the next is sent.
fn held_by_echo(pair: &Pair, len: usize) -> isize {
    let mut socket = pair.open();
    counting::peak(|| {
        pair.run(async move {
            let sent = vec![b'x'; 64 << 10];
            let mut back = 0;
            for i in 1..=len / sent.len() {
                let last = i * sent.len() == len;
                socket.send_piece(Kind::Binary, &sent, last).await.unwrap();
                let mut ended = false;
                while back < i * sent.len() || ended != last {
                    let piece = socket.recv_piece().await.unwrap().unwrap();
                    assert!(piece.data.iter().all(|&byte| byte == b'x') && piece.data.len() <= 64 << 10);
                    back += piece.data.len();
                    ended = piece.last;
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

#[test]
fn pieces_of_any_size_are_one_message_to_who_receives_it_whole() {
    for protocol in BOTH {
        let pair = pieces(protocol);
        let mut socket = pair.open();
        pair.run(async move {
            for lens in [&[0][..], &[5, 0, 7], &[0, 70_000, 1], &[300_000, 0], &[1; 200]] {
                let text = "é".repeat(lens.iter().sum());
                let mut rest = text.as_bytes();
                for (i, len) in lens.iter().enumerate() {
                    let last = i + 1 == lens.len();
                    // Cut inside of characters.
                    let (piece, behind) = rest.split_at(if last { rest.len() } else { *len });
                    rest = behind;
                    socket.send_piece(Kind::Text, piece, last).await.unwrap();
                }
                assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some(&*text), "{lens:?}");
                socket.send(text.clone()).await.unwrap();
                assert!(joined(&mut socket).await == (Kind::Text, text.into_bytes()), "{lens:?}");
            }
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(socket.recv_piece().await.unwrap().is_none());
        });
    }
}

#[test]
fn what_has_not_ended_is_no_message_and_nothing_goes_between_its_pieces() {
    for protocol in BOTH {
        let pair = pieces(protocol);
        let mut socket = pair.open();
        pair.run(async move {
            let wrong = |result: Result<(), Error>| {
                assert!(matches!(result, Err(Error::Usage(UsageError::WrongState))), "{result:?}");
            };
            socket.send_piece(Kind::Binary, b"one", false).await.unwrap();
            wrong(socket.send_text("between").await);
            wrong(socket.send(vec![1]).await);
            wrong(socket.send_piece(Kind::Text, b"other", true).await);
            socket.ping(b"may go between").await.unwrap();
            let piece = socket.recv_piece().await.unwrap().unwrap();
            assert_eq!((&*piece.data, piece.kind, piece.last), (&b"one"[..], Kind::Binary, false));
            wrong(socket.recv().await.map(|_| ()));
            socket.send_piece(Kind::Binary, b"two", true).await.unwrap();
            wrong(socket.recv().await.map(|_| ()));
            let piece = socket.recv_piece().await.unwrap().unwrap();
            assert_eq!((&*piece.data, piece.last), (&b"two"[..], true));
            socket.send_text("whole").await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("whole"));
        });
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
                        assert!(once(socket.recv_piece()).await.is_none());
                    }
                    let Ok(Some(piece)) = socket.recv_piece().await else { return };
                    begins = piece.last;
                    told.lock().unwrap().extend_from_slice(&piece.data);
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
            while let Ok(Some(piece)) = socket.recv_piece().await {
                len += piece.data.len();
                if piece.last {
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
                match socket.recv_piece().await {
                    Ok(piece) => told.lock().unwrap().extend_from_slice(&piece.unwrap().data),
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
            socket.send_piece(Kind::Binary, b"begun", false).await.unwrap();
            assert!(!socket.recv_piece().await.unwrap().unwrap().last);
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(socket.recv_piece().await.unwrap().is_none());
            assert!(socket.recv().await.unwrap().is_none());
        });
        assert!(done.take().is_some(), "{protocol:?}");
    }
}
