//! A server that listens in the simulation, and requests to it.

use super::Sim;
use avx_http::{Router, Server, ServerHandle};

pub const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Starts a server that says no more than it has to.
pub fn start(sim: &Sim, router: Router) -> ServerHandle {
    start_with(sim, Server::new(router).date_field(false).server_field(None::<&str>))
}

pub fn start_with(sim: &Sim, server: Server<Router>) -> ServerHandle {
    let rt = sim.clone();
    sim.block_on(async move { server.bind("127.0.0.1:0").start(&rt).await }).unwrap()
}

pub fn post(path: &str, content: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}
