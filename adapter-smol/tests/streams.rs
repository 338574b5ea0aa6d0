//! Connections over streams that are no sockets of the engine's: the server's end and the client's, in every
//! protocol.
#![cfg(unix)]

use adapter_smol::{Io, Smol};
use avx_http::client::{Connection, Options, Protocol, Request};
use avx_http::rt::Stream;
use avx_http::{OwnedRequest, Peer, Response, Router, Server, Status, Upgraded, ws};
use smol::Async;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use std::future::poll_fn;
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// More than any buffer on the way.
const MUCH: usize = 3 << 20;

fn router() -> Router {
    Router::new()
        .get("/", || "hello")
        .post("/echo", async |request: OwnedRequest| Response::new(Status::OK).with_body(request.into_body()))
        .get("/ws", |request: &avx_http::Request<'_>| {
            ws::upgrade(request, async |mut socket| {
                while let Ok(Some(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            })
        })
        .get("/tunnel", || {
            // The other direction of the bridge: what smol has for streams works on a tunnel.
            Response::upgrade("echo", async |io: Upgraded| {
                let (input, mut output) = smol::io::split(Io::new(io));
                let _ = smol::io::copy(input, &mut output).await;
                let _ = output.close().await;
            })
        })
}

/// A client connection to the router, over a pair of Unix sockets.
fn connection<S: Stream>(protocol: Protocol, wrap: impl Fn(Async<UnixStream>) -> S) -> Connection {
    let rt = Smol::global();
    let mut config = avx_http::Config::default();
    config.h2.connect_protocol = true;
    let engine = Server::new(router()).config(config).engine(&rt).unwrap();
    let (ours, theirs) = Async::<UnixStream>::pair().unwrap();
    smol::spawn(engine.connection(wrap(theirs), Peer::Unix)).detach();
    let mut options = Options::default();
    options.protocol = protocol;
    Connection::over(&rt, wrap(ours), Peer::Unix, "example.com", &options)
}

async fn exchanges(connection: &Connection) {
    for _ in 0..3 {
        let response = connection.send(Request::get("/")).await.unwrap();
        assert_eq!(response.into_body().collect(100).await.unwrap(), b"hello");
    }
    let content: Vec<u8> = (0..MUCH).map(|i| (i / 3) as u8).collect();
    let response = connection.send(Request::post("/echo", content.clone())).await.unwrap();
    assert!(response.into_body().collect(MUCH).await.unwrap() == content, "the echo differs");
}

async fn messages(connection: &Connection) {
    let mut socket = ws::open(&Smol::global(), connection, "/ws", &ws::Options::default()).await.unwrap();
    for len in [0, 1, 1000, MUCH] {
        let text = "x".repeat(len);
        socket.send_text(text.as_str()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some(&*text));
    }
    socket.close(ws::CloseCode::NORMAL, "").await.unwrap();
    assert!(socket.recv().await.unwrap().is_none());
}

#[test]
fn both_protocols_and_websocket_run_over_sockets_of_smols() {
    smol::block_on(async {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let connection = connection(protocol, Io::new);
            exchanges(&connection).await;
            messages(&connection).await;
        }
    });
}

#[test]
fn both_protocols_and_websocket_run_over_any_stream() {
    smol::block_on(async {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let connection = connection(protocol, Io::new);
            exchanges(&connection).await;
            messages(&connection).await;
        }
    });
}

/// As a stream of TLS would, it keeps what it is given until it is flushed.
struct Buffered {
    stream: Async<UnixStream>,
    kept: Vec<u8>,
}

impl AsyncRead for Buffered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.kept.len() > 10_000 {
            ready!(self.as_mut().poll_flush(cx))?;
        }
        self.kept.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.kept.is_empty() {
            let n = ready!(Pin::new(&mut this.stream).poll_write(cx, &this.kept))?;
            this.kept.drain(..n);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[test]
fn what_a_stream_buffers_is_flushed() {
    smol::block_on(async {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let connection = connection(protocol, |stream| Io::new(Buffered { stream, kept: Vec::new() }));
            exchanges(&connection).await;
            messages(&connection).await;
        }
    });
}

#[test]
fn a_tunnel_is_a_stream_of_smols() {
    smol::block_on(async {
        let connection = connection(Protocol::Http1, Io::new);
        let response = connection.send(Request::get("/tunnel").upgrade("echo")).await.unwrap();
        let mut tunnel = Io::new(response.into_upgraded().unwrap());
        tunnel.write_all(b"through the tunnel").await.unwrap();
        tunnel.close().await.unwrap();
        let mut echo = String::new();
        tunnel.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, "through the tunnel");
    });
}

/// A peer that goes away in the middle is an end like any other.
#[test]
fn a_pipe_that_breaks_ends_the_connection() {
    smol::block_on(async {
        let engine = Server::new(router()).engine(&Smol::global()).unwrap();
        let (mut ours, theirs) = Async::<UnixStream>::pair().unwrap();
        let served = smol::spawn(engine.connection(Io::new(theirs), Peer::Unix));
        let half = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
        ours.write_all(half).await.unwrap();
        drop(ours);
        served.await;
    });
}

/// The end of the sending side is the end for the peer, who may still have something to say; and a reset is an error.
#[test]
fn sockets_of_smols_are_half_closed_and_reset() {
    async fn check<S: Stream>(wrap: impl Fn(Async<TcpStream>) -> S, how: &str) {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let addr = listener.get_ref().local_addr().unwrap();
        for reset in [false, true] {
            let mut theirs = Async::<TcpStream>::connect(addr).await.unwrap();
            let mut ours = wrap(listener.accept().await.unwrap().0);
            let mut buf = [0; 10];
            if reset {
                ours.reset();
                drop(ours);
                let error = theirs.read(&mut buf).await.expect_err(how);
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{how}");
                continue;
            }
            poll_fn(|cx| ours.poll_shutdown(cx)).await.unwrap();
            // It is there at once, or not at all.
            assert_eq!(theirs.get_ref().read(&mut buf).expect(how), 0, "{how}");
            theirs.write_all(b"still").await.unwrap();
            assert_eq!(poll_fn(|cx| ours.poll_read(cx, &mut buf)).await.unwrap(), 5, "{how}");
        }
    }
    smol::block_on(async {
        check(Io::new, "Async").await;
        check(|stream| Io::new(smol::net::TcpStream::from(stream)), "smol::net").await;
    });
}
