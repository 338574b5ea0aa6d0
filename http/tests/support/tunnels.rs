//! Tunnels in the simulation: a server and a client of either protocol.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use crate::asking;
use crate::support::{Remote, Sim, start_with};
use avx_http::client::{Connection, Options, Protocol, Request, Response};
use avx_http::{Config, Method, Peer, Response as Answer, Router, Server, ServerHandle, Status, Upgraded};
use std::future::Future;
use std::io;

pub const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A server that takes every CONNECT for a tunnel to `user`, and a connection to it.
pub struct Pair {
    pub sim: Sim,
    pub server: ServerHandle,
    pub connection: Connection,
    pub protocol: Protocol,
}

pub fn config() -> Config {
    let mut config = Config::default();
    config.h2.connect_protocol = true;
    config
}

pub fn server<F>(user: impl Fn(Upgraded) -> F + Clone + Send + Sync + 'static) -> Server<Router>
where
    F: Future<Output = ()> + Send + 'static,
{
    let chat = user.clone();
    let router = Router::new()
        .get("/plain", || "plain")
        .get("/chat", move |request: &avx_http::Request<'_>| match request.upgrade() {
            Some(b"chat") => Answer::upgrade("chat", chat.clone()),
            _ => Answer::new(Status::UPGRADE_REQUIRED),
        })
        .wrap(move |request, next| match (request.method(), request.upgrade()) {
            (Method::Connect, None) => Answer::tunnel(user.clone()).into(),
            _ => next.call(request),
        });
    Server::new(router).extended_connect(true)
}

impl Pair {
    pub fn new(protocol: Protocol, server: Server<Router>) -> Self {
        let sim = Sim::new();
        let server = start_with(&sim, server);
        let connection = Pair::dial(&sim, protocol);
        Pair { sim, server, connection, protocol }
    }

    pub fn dial(sim: &Sim, protocol: Protocol) -> Connection {
        let Remote(io) = sim.dial();
        let mut options = Options::default();
        options.protocol = protocol;
        let connection = Connection::over(sim, io, Peer::Unix, "a", &options);
        sim.run();
        connection
    }

    pub fn send(&self, request: Request) -> Response {
        asking::response(&self.sim, &self.connection, request)
    }

    pub fn connect(&self) -> Upgraded {
        let response = self.send(Request::new(Method::Connect, "example.org:443"));
        assert_eq!(response.status(), Status::OK);
        response.into_upgraded().expect("a tunnel")
    }

    /// The request that asks for the protocol inside, as each protocol has it.
    pub fn ask(&self, protocol: &'static str) -> Request {
        match self.protocol {
            Protocol::Http1 => Request::get("/chat").upgrade(protocol).field("connection", "upgrade"),
            _ => Request::new(Method::Connect, "/chat").field(":protocol", protocol),
        }
    }

    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.sim.block_on(future)
    }
}

/// Sends back what comes until it ends, then says how much that was.
pub async fn echo(mut io: Upgraded) {
    let (mut buf, mut total) = (vec![0; 10_000], 0);
    loop {
        match io.read(&mut buf).await {
            Ok(0) => break,
            Ok(n) => {
                total += n;
                io.write_all(&buf[..n]).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    io.write_all(format!("{total} bytes").as_bytes()).await.unwrap();
    io.shutdown().await.unwrap();
}

pub async fn read_to_end(io: &mut Upgraded) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), vec![0; 5000]);
    loop {
        match io.read(&mut buf).await? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

pub async fn read_exact(io: &mut Upgraded, n: usize) -> Vec<u8> {
    let (mut buf, mut at) = (vec![0; n], 0);
    while at < n {
        match io.read(&mut buf[at..]).await.unwrap() {
            0 => panic!("ended after {at} bytes"),
            n => at += n,
        }
    }
    buf
}
