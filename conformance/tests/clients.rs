//! Other people's clients, hyper's and reqwest, against the server on each runtime.

mod service;

use conformance::live::{LARGE, Running, Target};
use conformance::peer::PATIENCE;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Method, Request, Response, StatusCode, Version, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

on_each_runtime! {
    hyper_keeps_connections_alive
    hyper_asks_at_once_over_http_2
    hyper_streams_both_ways
    hyper_sees_that_a_response_is_incomplete
    hyper_upgrades
    hyper_waits_for_100
    reqwest_keeps_connections_alive
    reqwest_streams_both_ways
    reqwest_follows_a_large_response
}

/// More than any buffer on the way.
const MUCH: usize = 3 << 20;

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// A connection of hyper's, in either protocol.
enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Sender {
    async fn connect(addr: SocketAddr, version: Version) -> Sender {
        let io = TokioIo::new(TcpStream::connect(addr).await.unwrap());
        if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection.with_upgrades());
            Sender::Http1(sender)
        }
    }

    async fn try_send(&mut self, mut request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self {
            Sender::Http1(sender) => {
                request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("a"));
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                *request.uri_mut() = format!("http://a{}", request.uri()).parse().unwrap();
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    async fn send(&mut self, method: Method, path: &str, body: Body) -> Response<Incoming> {
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        self.try_send(request).await.unwrap()
    }
}

fn full(content: Vec<u8>) -> Body {
    Full::from(content).boxed()
}

fn empty() -> Body {
    Empty::new().boxed()
}

async fn content(response: Response<Incoming>) -> Bytes {
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The server, and a client's runtime beside it.
fn with<T: Target>(test: impl AsyncFn(SocketAddr)) {
    let server = T::start(&Default::default());
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    client.block_on(test(server.addr()));
}

/// As [`with`], on one connection of hyper's after the other.
fn with_hyper<T: Target>(test: impl AsyncFn(Sender)) {
    with::<T>(async |addr| {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            test(Sender::connect(addr, version).await).await;
        }
    });
}

fn hyper_keeps_connections_alive<T: Target>() {
    with_hyper::<T>(async |mut sender| {
        for _ in 0..3 {
            assert_eq!(content(sender.send(Method::GET, "/", empty()).await).await, "hello");
            let response = sender.send(Method::HEAD, "/", empty()).await;
            assert_eq!(response.headers()[header::CONTENT_LENGTH], "5");
            assert_eq!(content(response).await, "");
            let response = sender.send(Method::GET, "/nowhere", empty()).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            response.into_body().collect().await.unwrap();
            let sent = vec![b'x'; MUCH];
            assert!(content(sender.send(Method::POST, "/echo", full(sent.clone())).await).await == sent);
            let unread = full(vec![b'x'; 1000]);
            assert_eq!(content(sender.send(Method::POST, "/ignore", unread).await).await, "ignored");
        }
        let large = sender.send(Method::GET, "/large", empty()).await;
        assert_eq!(large.headers()[header::CONTENT_LENGTH], LARGE.to_string());
        assert_eq!(content(large).await.len(), LARGE);
    });
}

fn hyper_asks_at_once_over_http_2<T: Target>() {
    with::<T>(async |addr| {
        let Sender::Http2(sender) = Sender::connect(addr, Version::HTTP_2).await else { panic!("HTTP/1.1") };
        let all: Vec<_> = (0..300)
            .map(|i| {
                let mut sender = Sender::Http2(sender.clone());
                tokio::spawn(async move {
                    let sent = vec![i as u8; 1000 * (i % 50)];
                    content(sender.send(Method::POST, "/echo", full(sent.clone())).await).await == sent
                })
            })
            .collect();
        for one in all {
            assert!(one.await.unwrap());
        }
    });
}

/// Pieces as they are sent, then trailers.
struct Pieces(mpsc::Receiver<Frame<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

fn hyper_streams_both_ways<T: Target>() {
    with_hyper::<T>(async |mut sender| {
        let (pieces, receiver) = mpsc::channel(1);
        let request = Request::post("/echo").header(header::TE, "trailers").header(header::TRAILER, "x-sum");
        let sending = sender.try_send(request.body(Pieces(receiver).boxed()).unwrap());
        pieces.send(Frame::data("first ".into())).await.unwrap();
        let mut response = sending.await.unwrap();
        // Neither side waits for the end of the other's content.
        for piece in ["first ", "second ", "third"] {
            if piece != "first " {
                pieces.send(Frame::data(piece.into())).await.unwrap();
            }
            let mut seen = Vec::new();
            while seen.len() < piece.len() {
                seen.extend(response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap());
            }
            assert_eq!(seen, piece.as_bytes());
        }
        let trailers = header::HeaderMap::from_iter([(
            header::HeaderName::from_static("x-sum"),
            header::HeaderValue::from_static("42"),
        )]);
        pieces.send(Frame::trailers(trailers)).await.unwrap();
        drop(pieces);
        let last = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(last.into_trailers().unwrap()["x-sum"], "42");
        assert!(response.body_mut().frame().await.is_none());
        // And the connection goes on.
        if matches!(sender, Sender::Http1(_)) {
            assert_eq!(content(sender.send(Method::GET, "/", empty()).await).await, "hello");
        }
    });
}

fn hyper_sees_that_a_response_is_incomplete<T: Target>() {
    with_hyper::<T>(async |mut sender| {
        let response = sender.send(Method::GET, "/cut", empty()).await;
        assert!(response.into_body().collect().await.is_err());
    });
}

fn hyper_upgrades<T: Target>() {
    with::<T>(async |addr| {
        let mut sender = Sender::connect(addr, Version::HTTP_11).await;
        let request = Request::get("/upgrade").header(header::CONNECTION, "upgrade");
        let request = request.header(header::UPGRADE, "echo").body(empty()).unwrap();
        let response = sender.try_send(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let mut io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        io.write_all(b"through the tunnel").await.unwrap();
        io.shutdown().await.unwrap();
        let mut echo = String::new();
        io.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, "through the tunnel");
    });
}

fn hyper_waits_for_100<T: Target>() {
    with_hyper::<T>(async |mut sender| {
        let request = Request::post("/echo").header(header::EXPECT, "100-continue");
        let response = sender.try_send(request.body(full(b"content".to_vec())).unwrap()).await.unwrap();
        assert_eq!(content(response).await, "content");
    });
}

/// reqwest in either protocol.
fn reqwests() -> [reqwest::Client; 2] {
    let builder = || reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1);
    [builder().build().unwrap(), builder().http2_prior_knowledge().build().unwrap()]
}

fn reqwest_keeps_connections_alive<T: Target>() {
    let server = T::start(&Default::default());
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    client.block_on(async {
        for client in reqwests() {
            for _ in 0..10 {
                let response = client.get(format!("http://{}/", server.addr())).send().await.unwrap();
                assert_eq!(response.text().await.unwrap(), "hello");
                let sent = vec![b'x'; MUCH];
                let request = client.post(format!("http://{}/echo", server.addr())).body(sent.clone());
                assert!(request.send().await.unwrap().bytes().await.unwrap() == sent);
            }
            assert_eq!(server.connections(), 1, "connections are not used again");
            drop(client);
            let gone = async {
                while server.connections() > 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, gone).await.expect("the connection is let go of");
        }
    });
}

fn reqwest_streams_both_ways<T: Target>() {
    with::<T>(async |addr| {
        for client in reqwests() {
            let (pieces, receiver) = mpsc::channel(1);
            let body = reqwest::Body::wrap(Pieces(receiver));
            let sending = client.post(format!("http://{addr}/echo")).body(body).send();
            pieces.send(Frame::data("first".into())).await.unwrap();
            let mut response = sending.await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
            let more = tokio::spawn(async move {
                for _ in 0..MUCH / 10_000 {
                    pieces.send(Frame::data(vec![b'x'; 10_000].into())).await.unwrap();
                }
            });
            let mut len = 0;
            while let Some(chunk) = response.chunk().await.unwrap() {
                len += chunk.len();
            }
            more.await.unwrap();
            assert_eq!(len, MUCH / 10_000 * 10_000);
        }
    });
}

fn reqwest_follows_a_large_response<T: Target>() {
    with::<T>(async |addr| {
        for client in reqwests() {
            let mut response = client.get(format!("http://{addr}/large")).send().await.unwrap();
            assert_eq!(response.content_length(), Some(LARGE as u64));
            let mut len = 0;
            while let Some(chunk) = response.chunk().await.unwrap() {
                assert!(chunk.iter().all(|&byte| byte == b'x'));
                len += chunk.len();
            }
            assert_eq!(len, LARGE);
            let cut = client.get(format!("http://{addr}/cut")).send().await.unwrap();
            assert!(cut.bytes().await.is_err(), "it looks complete");
        }
    });
}
