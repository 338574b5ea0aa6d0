//! What a request costs in memory on each runtime, sockets and scheduling included.

#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod counting;
mod service;

use avx_http::rt::{Runtime, Stream};
use avx_http::{Address, Router, Server};
use service::{Avx, Host, OnSmol, OnTokio};
use std::future::poll_fn;

/// Allocations on the one thread of the runtime, for so many rounds of pipelined requests; the client lives there
/// too, in memory of its own.
fn allocations<H: Host>(rounds: usize, depth: usize) -> usize {
    counting::allocations(|| {
        H::run(async |rt: H::Rt| {
            let server = Server::new(Router::new().get("/plaintext", || "Hello, World!"));
            let server = server.bind("127.0.0.1:0").start(&rt).await.unwrap();
            let Address::Inet(addr) = server.local_addrs()[0] else { panic!("no address") };
            let mut stream = rt.connect_tcp(addr).await.unwrap();
            let requests = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n".repeat(depth);
            let mut buf = [0; 8192];
            for _ in 0..rounds {
                let n = poll_fn(|cx| stream.poll_write(cx, requests.as_bytes())).await.unwrap();
                assert_eq!(n, requests.len());
                let (mut seen, mut filled) = (0, 0);
                while seen < depth {
                    let n = poll_fn(|cx| stream.poll_read(cx, &mut buf[filled..])).await.unwrap();
                    assert!(n > 0, "the server has closed");
                    filled += n;
                    seen = buf[..filled].windows(6).filter(|six| six == b"World!").count();
                }
            }
        });
    })
}

/// Allocations per request, of those that come when everything has warmed up.
fn per_request<H: Host>(depth: usize) -> f64 {
    const ROUNDS: usize = 2000;
    let (few, many) = (allocations::<H>(100, depth), allocations::<H>(100 + ROUNDS, depth));
    many.saturating_sub(few) as f64 / (ROUNDS * depth) as f64
}

/// The lines that every response has are made anew each second, which is all there is.
const ALMOST_NONE: f64 = 0.01;

#[test]
fn a_plain_handler_costs_no_allocation_on_runtime_avx() {
    let [one, sixteen] = [per_request::<Avx>(1), per_request::<Avx>(16)];
    assert!(one < ALMOST_NONE && sixteen < ALMOST_NONE, "{one} and {sixteen} allocations");
}

#[test]
fn a_plain_handler_costs_no_allocation_on_tokio() {
    let [one, sixteen] = [per_request::<OnTokio>(1), per_request::<OnTokio>(16)];
    assert!(one < ALMOST_NONE && sixteen < ALMOST_NONE, "{one} and {sixteen} allocations");
}

/// smol's reactor allocates twice whenever it has something to tell: here that is once for the server and once for
/// the client, and between busy connections it is shared. Its executor queues tasks in blocks of 31.
#[test]
fn a_plain_handler_costs_what_smols_reactor_takes_on_smol() {
    let [one, sixteen] = [per_request::<OnSmol>(1), per_request::<OnSmol>(16)];
    assert!(one < 4.5 && sixteen < 0.3, "{one} and {sixteen} allocations");
}
