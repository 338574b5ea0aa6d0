//! Messages of a WebSocket in pieces, and compressed ones, over simulated streams.

mod support;

use avx_http::client::{Connection, Protocol};
use avx_http::ws::{self, CloseCode, Error, Event, Kind, Message, Socket};
use avx_http::{Peer, Request, Router, Server};
use std::future::Future;
use support::{Remote, Sim, start_with};

/// Everything back as it came, piece by piece.
async fn echo(mut socket: Socket) {
    while let Ok(Some(event)) = socket.next_event().await {
        if let Event::Data { data, last } = event {
            if socket.send_piece(data, last).await.is_err() {
                return;
            }
        }
    }
}

/// Says a lot to one question, and then looks whether there is another.
async fn answer_late(mut socket: Socket) {
    socket.recv().await.unwrap().unwrap();
    for i in 0..15_u8 {
        socket.send(vec![i; 65_000]).await.unwrap();
        socket.ping(b"still there?").await.unwrap();
    }
    assert!(socket.recv().await.unwrap().is_none());
}

struct Pair {
    sim: Sim,
    options: ws::Options,
    _server: avx_http::ServerHandle,
}

impl Pair {
    fn new(protocol: Protocol) -> Pair {
        let router = Router::new()
            .get("/", |request: &Request<'_>| ws::upgrade(request, echo))
            .get("/late", |request: &Request<'_>| ws::upgrade(request, answer_late))
            .get("/small", |request: &Request<'_>| {
                #[cfg(feature = "deflate")]
                return ws::Upgrade::new().deflate(ws::Deflate::default()).accept(request, echo);
                #[cfg(not(feature = "deflate"))]
                ws::upgrade(request, echo)
            });
        let sim = Sim::new();
        let server = start_with(&sim, Server::new(router).extended_connect(true));
        let mut options = ws::Options::default();
        options.client.protocol = protocol;
        Pair { sim, options, _server: server }
    }

    fn open(&self, target: &'static str) -> Socket {
        let Remote(io) = self.sim.dial();
        let connection = Connection::over(&self.sim, io, Peer::Unix, "a", &self.options.client);
        let (rt, options) = (self.sim.clone(), self.options.clone());
        self.run(async move { ws::open(&rt, &connection, target, &options).await }).unwrap()
    }

    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.sim.block_on(future)
    }
}

#[test]
fn pieces_come_back_before_their_message_ends() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let pair = Pair::new(protocol);
        let mut socket = pair.open("/");
        pair.run(async move {
            // The second one begins inside a character.
            for (piece, last) in [(&b"gr\xc3"[..], false), (b"\xbc", false), (b"n", true)] {
                socket.send_piece(text(piece), last).await.unwrap();
                match socket.next_event().await.unwrap() {
                    Some(Event::Data { data, last: ended }) => {
                        assert_eq!((data.kind(), &data[..], ended), (Kind::Text, piece, last));
                    }
                    other => panic!("{other:?}"),
                }
            }
            // A message of many times what one turn takes.
            for i in 0..100_u8 {
                socket.send_piece(vec![i; 10_000], i == 99).await.unwrap();
            }
            let whole = socket.recv().await.unwrap().unwrap();
            assert_eq!((whole.kind(), whole.len()), (Kind::Binary, 1_000_000));
            assert!(whole.chunks(10_000).zip(0..).all(|(chunk, i)| chunk.iter().all(|&b| b == i)));
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(socket.next_event().await.unwrap().is_none());
        });
    }
}

/// Pieces of text, cut anywhere: no `String` holds one.
fn text(bytes: &[u8]) -> Message {
    Message::text_piece(bytes)
}

#[test]
fn pings_and_pongs_are_told_between_pieces_to_who_asks_for_everything() {
    let pair = Pair::new(Protocol::Http1);
    let mut socket = pair.open("/");
    pair.run(async move {
        socket.send_piece("one ", false).await.unwrap();
        socket.ping(b"are you there").await.unwrap();
        socket.send_piece("two", true).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.push(match socket.next_event().await.unwrap().unwrap() {
                Event::Data { data, last } => format!("{} {last}", data.as_text().unwrap()),
                Event::Ping(data) => format!("ping {}", data.escape_ascii()),
                Event::Pong(data) => format!("pong {}", data.escape_ascii()),
                other => panic!("{other:?}"),
            });
        }
        seen.sort();
        assert_eq!(seen, ["one  false", "pong are you there", "two true"]);
    });
}

#[test]
fn messages_and_pieces_do_not_mix() {
    let pair = Pair::new(Protocol::Http1);
    let mut socket = pair.open("/");
    pair.run(async move {
        socket.send_piece("one", false).await.unwrap();
        assert!(matches!(socket.send("two").await, Err(Error::Usage(_))));
        assert!(matches!(socket.send_text("two").await, Err(Error::Usage(_))));
        assert!(matches!(socket.send_piece(vec![2], true).await, Err(Error::Usage(_))));
        socket.send_piece("", true).await.unwrap();
        socket.send("two").await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("one"));
        assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("two"));
    });
}

#[test]
fn who_changes_from_pieces_to_messages_loses_nothing() {
    let pair = Pair::new(Protocol::Http1);
    let mut socket = pair.open("/");
    pair.run(async move {
        socket.send_piece("a", false).await.unwrap();
        socket.send_piece("b", false).await.unwrap();
        socket.ping(b"!").await.unwrap();
        socket.send_piece("c", true).await.unwrap();
        socket.send("d").await.unwrap();
        let Some(Event::Data { data, last: false }) = socket.next_event().await.unwrap() else { panic!() };
        let rest = socket.recv().await.unwrap().unwrap();
        assert_eq!([data.as_text(), rest.as_text()].map(Option::unwrap).concat(), "abc");
        assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("d"));
    });
}

#[test]
fn what_was_sent_before_the_peer_closed_is_not_lost() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let pair = Pair::new(protocol);
        let mut socket = pair.open("/late");
        pair.run(async move {
            socket.send("well?").await.unwrap();
            socket.close(CloseCode::NORMAL, "no more questions").await.unwrap();
            let mut heard = 0;
            while let Some(message) = socket.recv().await.unwrap() {
                heard += message.len();
            }
            assert_eq!(heard, 15 * 65_000, "{protocol:?}");
            assert_eq!(socket.farewell().unwrap().code, CloseCode::NORMAL);
        });
    }
}

#[cfg(feature = "deflate")]
#[test]
fn rfc7692_5_messages_are_compressed_where_both_ends_want_that() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut pair = Pair::new(protocol);
        assert!(!pair.open("/small").compresses());
        pair.options.deflate = Some(ws::Deflate::default());
        assert!(!pair.open("/").compresses());
        let mut socket = pair.open("/small");
        assert!(socket.compresses());
        pair.run(async move {
            // Of every length around the limits, compressible or not, whole and in pieces.
            let mut state = 1_u32;
            let noise = move |n: usize| -> Vec<u8> {
                (0..n)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as u8
                    })
                    .collect()
            };
            let mut noise = noise;
            for len in [0, 1, 127, 128, 1000, 65_000, 65_536, 1_000_000] {
                for bytes in [vec![b'a'; len], noise(len)] {
                    socket.send_binary(&bytes).await.unwrap();
                    let back = socket.recv().await.unwrap().unwrap();
                    assert!(back[..] == bytes, "{len}");
                    let (front, rear) = bytes.split_at(len / 3);
                    socket.send_piece(front.to_vec(), false).await.unwrap();
                    socket.send_piece(rear.to_vec(), true).await.unwrap();
                    let back = socket.recv().await.unwrap().unwrap();
                    assert!(back[..] == bytes, "{len} in pieces");
                }
            }
            socket.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(socket.recv().await.unwrap().is_none());
        });
    }
}
