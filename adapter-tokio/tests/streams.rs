//! Connections over streams that are no sockets of the engine's: the server's end and the client's, in every
//! protocol.

use adapter_tokio::{Io, Tokio};
use avx_http::client::{Connection, Options, Protocol, Request};
use avx_http::{Body, OwnedRequest, Peer, Response, Router, Server, Status, Upgraded, ws};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, ReadBuf, duplex,
};

/// More than the pipes hold.
const MUCH: usize = 300_000;
/// More than any buffer on the way.
const VERY_MUCH: usize = 3 << 20;

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
            // The other direction of the bridge: what tokio has for streams works on a tunnel.
            Response::upgrade("echo", async |io: Upgraded| {
                let (mut input, mut output) = tokio::io::split(Io::new(io));
                let _ = tokio::io::copy(&mut input, &mut output).await;
                let _ = output.shutdown().await;
            })
        })
}

/// A client connection to the router, over a pipe that holds `size` bytes each way.
fn connection<S>(size: usize, protocol: Protocol, wrap: impl Fn(DuplexStream) -> S) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let rt = Tokio::current();
    let mut config = avx_http::Config::default();
    config.h2.connect_protocol = true;
    let engine = Server::new(router()).config(config).engine(&rt).unwrap();
    let (ours, theirs) = duplex(size);
    tokio::spawn(engine.connection(Io::new(wrap(theirs)), Peer::Unix));
    let mut options = Options::default();
    options.protocol = protocol;
    Connection::over(&rt, Io::new(wrap(ours)), Peer::Unix, "example.com", &options)
}

async fn exchanges(connection: &Connection, much: usize) {
    for _ in 0..3 {
        let response = connection.send(Request::get("/")).await.unwrap();
        assert_eq!(response.into_body().collect(100).await.unwrap(), b"hello");
    }
    let content: Vec<u8> = (0..much).map(|i| (i / 3) as u8).collect();
    let response = connection.send(Request::post("/echo", content.clone())).await.unwrap();
    assert!(response.into_body().collect(much).await.unwrap() == content, "the echo differs");
}

async fn messages(connection: &Connection, much: usize) {
    let mut socket = ws::open(&Tokio::current(), connection, "/ws", &ws::Options::default()).await.unwrap();
    for len in [0, 1, 1000, much] {
        let text = "x".repeat(len);
        socket.send_text(text.as_str()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some(&*text));
    }
    socket.close(ws::CloseCode::NORMAL, "").await.unwrap();
    assert!(socket.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn both_protocols_and_websocket_run_over_a_pipe_in_memory() {
    for (size, much) in [(1, 5000), (100, 100_000), (64 << 10, VERY_MUCH)] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let connection = connection(size, protocol, |pipe| pipe);
            exchanges(&connection, much).await;
            messages(&connection, much).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_on_different_threads_are_no_different() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let connection = connection(4096, protocol, |pipe| pipe);
        exchanges(&connection, MUCH).await;
        messages(&connection, MUCH).await;
    }
}

/// As a stream of TLS would: it keeps what it is given until it is flushed.
#[tokio::test]
async fn what_a_stream_buffers_is_flushed() {
    for (size, much) in [(10, 50_000), (64 << 10, VERY_MUCH)] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let connection = connection(size, protocol, BufWriter::new);
            exchanges(&connection, much).await;
            messages(&connection, much).await;
        }
    }
}

/// The half that was sent last must arrive although nothing follows it, and be counted once.
#[tokio::test]
async fn bytes_count_as_written_once_they_were_flushed() {
    struct Slow(DuplexStream, bool);
    impl AsyncRead for Slow {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }
    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }
        /// Every other time it has to be asked again.
        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.1 = !self.1;
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let connection = connection(1000, protocol, |pipe| Slow(pipe, false));
        exchanges(&connection, MUCH).await;
        messages(&connection, MUCH).await;
    }
}

#[tokio::test]
async fn a_tunnel_is_a_stream_of_tokios() {
    let connection = connection(100, Protocol::Http1, |pipe| pipe);
    let response = connection.send(Request::get("/tunnel").upgrade("echo")).await.unwrap();
    let mut tunnel = Io::new(response.into_upgraded().unwrap());
    tunnel.write_all(b"through the tunnel").await.unwrap();
    tunnel.shutdown().await.unwrap();
    let mut echo = String::new();
    tunnel.read_to_string(&mut echo).await.unwrap();
    assert_eq!(echo, "through the tunnel");
}

/// A peer that goes away in the middle is an end like any other.
#[tokio::test]
async fn a_pipe_that_breaks_ends_the_connection() {
    let engine = Server::new(router()).engine(&Tokio::current()).unwrap();
    let (mut ours, theirs) = duplex(100);
    let served = tokio::spawn(engine.connection(Io::new(theirs), Peer::Unix));
    ours.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    drop(ours);
    served.await.unwrap();
}

#[tokio::test]
async fn a_connection_runs_in_a_local_set_too() {
    let engine = Server::new(router()).engine(&Tokio::current()).unwrap();
    let local = tokio::task::LocalSet::new();
    let (ours, theirs) = duplex(100);
    let served = local.spawn_local(engine.connection(Io::new(theirs), Peer::Unix));
    let exchange = async {
        let over = Connection::over(&Tokio::current(), Io::new(ours), Peer::Unix, "a", &Options::default());
        exchanges(&over, 1000).await;
        let body = Body::from("the last");
        let last = over.send(Request::post("/echo", body).field("connection", "close")).await.unwrap();
        assert_eq!(last.into_body().collect(100).await.unwrap(), b"the last");
    };
    local.run_until(exchange).await;
    local.run_until(served).await.unwrap();
}
