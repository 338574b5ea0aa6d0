//! The application of the live suite, for avx-http on any runtime, and servers of it on each.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

mod host;
mod on_avx;
mod on_smol;
mod on_tokio;

pub(crate) use host::Host;
pub(crate) use on_avx::Avx;
pub(crate) use on_smol::OnSmol;
pub(crate) use on_tokio::{OnTokio, OnTokioAlone};

use avx_http::rt::Runtime;
use avx_http::{
    Address, Body, BodyError, Chunk, OwnedRequest, Request, Response, Router, Server, ServerHandle, Source,
    Status, Upgraded, ws,
};
use conformance::live::{LARGE, Setup};
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// Starts the application's server.
pub(crate) async fn start(setup: &Setup, rt: &impl Runtime) -> ServerHandle {
    let router = Router::new()
        .any("/", async |request: OwnedRequest| match request.into_body().collect(usize::MAX).await {
            Ok(_) => Response::from("hello"),
            Err(_) => Response::new(Status::BAD_REQUEST),
        })
        .post("/echo", async |request: OwnedRequest| Response::new(Status::OK).with_body(request.into_body()))
        .post("/ignore", || "ignored")
        .get("/large", || Response::new(Status::OK).with_body(Body::source(Large(LARGE))))
        .get("/cut", || {
            let (mut sender, body) = Body::channel();
            sender.push("part");
            Response::new(Status::OK).with_body(body)
        })
        .get("/ws", |request: &Request<'_>| {
            ws::upgrade(request, async |mut socket| {
                while let Ok(Some(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            })
        })
        .get("/upgrade", || Response::upgrade("echo", tunnel));
    let server = Server::new(router).config(setup.config).max_connections(setup.max_connections);
    server.bind("127.0.0.1:0").start(rt).await.expect("a server")
}

/// Where it listens.
pub(crate) fn addr(handle: &ServerHandle) -> SocketAddr {
    match &handle.local_addrs()[0] {
        Address::Inet(addr) => *addr,
        other => panic!("listening on {other}"),
    }
}

/// So many bytes, in pieces.
struct Large(usize);

impl Source for Large {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        static PIECE: [u8; 40_000] = [b'x'; 40_000];
        let n = self.0.min(PIECE.len());
        self.0 -= n;
        Poll::Ready((n > 0).then(|| Ok(Chunk::from(&PIECE[..n]))))
    }

    fn len(&self) -> Option<u64> {
        Some(self.0 as u64)
    }
}

/// The protocol called echo.
async fn tunnel(mut io: Upgraded) {
    let mut buf = [0; 4096];
    while let Ok(n @ 1..) = io.read(&mut buf).await {
        if io.write_all(&buf[..n]).await.is_err() {
            return;
        }
    }
}
