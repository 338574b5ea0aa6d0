//! WebSockets in the simulation: a server and a client of either protocol, and a client that writes its frames by hand.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use crate::support::{Remote, Sim, start_with};
use avx_http::client::{self, Connection, Protocol};
use avx_http::ws::{self, Error, Socket};
use avx_http::{Peer, Request, Router, Server, ServerHandle};
use std::future::Future;

pub const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

pub fn options(protocol: Protocol) -> ws::Options {
    let mut options = ws::Options::default();
    options.client.protocol = protocol;
    options
}

/// A server whose `/` is used like this.
pub fn server<F>(user: impl Fn(Socket) -> F + Clone + Send + Sync + 'static) -> Server<Router>
where
    F: Future<Output = ()> + Send + 'static,
{
    let router = Router::new()
        .get("/", move |request: &Request<'_>| ws::upgrade(request, user.clone()))
        .get("/plain", || "plain")
        .get("/strict", |request: &Request<'_>| {
            let ours = |origin: &[u8]| origin == b"http://ours";
            ws::Upgrade::new().protocols(&["chat", "echo"]).origin(&ours).accept(request, echo)
        });
    Server::new(router).extended_connect(true)
}

pub struct Pair {
    pub sim: Sim,
    pub server: ServerHandle,
    pub connection: Connection,
    pub options: ws::Options,
}

impl Pair {
    pub fn new(protocol: Protocol, server: Server<Router>) -> Self {
        let sim = Sim::new();
        let server = start_with(&sim, server);
        let options = options(protocol);
        let connection = dial(&sim, &options.client);
        Pair { sim, server, connection, options }
    }

    pub fn try_open(&self, target: &'static str) -> Result<Socket, Error> {
        let (rt, connection, options) = (self.sim.clone(), self.connection.clone(), self.options.clone());
        self.sim.block_on(async move { ws::open(&rt, &connection, target, &options).await })
    }

    pub fn open(&self) -> Socket {
        self.try_open("/").unwrap()
    }

    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.sim.block_on(future)
    }
}

pub fn dial(sim: &Sim, options: &client::Options) -> Connection {
    let Remote(io) = sim.dial();
    let connection = Connection::over(sim, io, Peer::Unix, "a", options);
    sim.run();
    connection
}

pub async fn echo(mut socket: Socket) {
    while let Ok(Some(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A client of HTTP/1.1 that writes its frames by hand.
pub struct Rude(pub Remote);

impl Rude {
    pub fn open(sim: &Sim) -> Self {
        let remote = sim.dial();
        remote.send(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        sim.run();
        let text = remote.recv_text();
        assert!(text.starts_with("HTTP/1.1 101 ") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
        Rude(remote)
    }

    /// A frame, with a masking key of zeros.
    pub fn frame(&self, first: u8, payload: &[u8]) {
        assert!(payload.len() < 126);
        self.0.send([&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat());
    }
}
