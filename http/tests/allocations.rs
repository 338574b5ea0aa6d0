//! What a request costs in memory: nothing, when it is answered at once.

mod support;

use avx_http::{OwnedRequest, Peer, Request, Response, Router, Server};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use support::{Remote, Sim, pair};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn note(calls: usize, bytes: isize) {
    let _ = COUNT.try_with(|count| count.set(count.get() + calls));
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call goes to the system's allocator as it is; counting allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, -(layout.size() as isize));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as isize - layout.size() as isize);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn router() -> Router {
    Router::new()
        .get("/plaintext", || "Hello, World!")
        .get("/user/:id", |request: &Request<'_>| {
            Response::content("text/plain", "user")
                .field("x-number", avx_http::Value::copy(request.param("id").unwrap_or_default().as_bytes()))
        })
        .get("/later", async |_: OwnedRequest| "later")
        .post("/echo", async |request: OwnedRequest| request.into_body())
}

/// Allocations per request, over the whole engine, once it has warmed up.
fn allocations(request: &str, depth: usize, answer: &str) -> f64 {
    const ROUNDS: usize = 100;
    let sim = Sim::new();
    let engine = Server::new(router()).engine(&sim).unwrap();
    let (ours, theirs) = pair();
    let remote = Remote(ours);
    let mut connection = pin!(engine.connection(theirs, Peer::Unix));
    let mut cx = Context::from_waker(Waker::noop());
    let input = request.repeat(depth);
    let mut total = 0;
    for round in 0..2 * ROUNDS {
        remote.send(&input);
        let before = COUNT.get();
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        if round >= ROUNDS {
            total += COUNT.get() - before;
        }
        let output = remote.recv_text();
        assert_eq!(output.matches(answer).count(), depth, "{output}");
    }
    total as f64 / (ROUNDS * depth) as f64
}

#[test]
fn a_plain_handler_costs_no_allocation() {
    for depth in [1, 16] {
        assert_eq!(allocations("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n", depth, "Hello, World!"), 0.0);
        assert_eq!(allocations("GET /user/7 HTTP/1.1\r\nHost: a\r\n\r\n", depth, "x-number: 7"), 0.0);
    }
}

#[test]
fn an_async_handler_costs_the_box_of_its_future() {
    assert_eq!(allocations("GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 1, "later"), 1.0);
    let echo = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping";
    assert_eq!(allocations(echo, 1, "ping"), 1.0);
}

#[test]
fn an_idle_connection_holds_its_future_and_little_else() {
    let sim = Sim::new();
    let engine = Server::new(router()).engine(&sim).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    // Warm the thread's buffers up.
    for _ in 0..2 {
        let (ours, theirs) = pair();
        let mut first = pin!(engine.connection(theirs, Peer::Unix));
        let remote = Remote(ours);
        remote.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(first.as_mut().poll(&mut cx).is_pending());
    }
    let (ours, theirs) = pair();
    let mut connection = pin!(engine.connection(theirs, Peer::Unix));
    let remote = Remote(ours);
    let size = size_of_val(&*connection);
    assert!(size <= 600, "{size} bytes");
    remote.send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    let before = HELD.get();
    assert!(connection.as_mut().poll(&mut cx).is_pending());
    let answer = remote.recv().len() as isize;
    let held = HELD.get() - before;
    // The stream in memory keeps what it grew to; the engine keeps nothing.
    assert!(held <= 2 * answer, "{held} bytes");
}
