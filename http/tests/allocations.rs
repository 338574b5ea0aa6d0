//! What a request costs in memory: nothing, when it is answered at once.

#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod counting;
mod support;

use avx_http::{OwnedRequest, Peer, Request, Response, Router, Server, Upgraded};
use conformance::h2::frames;
use counting::HELD;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use support::{Gate, Remote, Sim, pair};

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
        let count = counting::allocations(|| assert!(connection.as_mut().poll(&mut cx).is_pending()));
        if round >= ROUNDS {
            total += count;
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

/// A client of HTTP/2 that repeats one block, so that nothing changes in any table.
struct Multiplexed {
    sim: Sim,
    remote: Remote,
    connection: std::pin::Pin<Box<dyn Future<Output = ()>>>,
    next: u32,
}

impl Multiplexed {
    fn new() -> Self {
        let mut config = avx_http::Config::default();
        config.h2.grow_windows = false;
        Multiplexed::of(Server::new(router()).config(config))
    }

    fn of(server: Server<Router>) -> Self {
        let sim = Sim::new();
        let engine = server.engine(&sim).unwrap();
        let (ours, theirs) = pair();
        let connection = Box::pin(engine.connection(theirs, Peer::Unix));
        let mut client = Multiplexed { sim, remote: Remote(ours), connection, next: 1 };
        client.poll([frames::PREFACE, &frames::settings(&[])].concat());
        client.poll(frames::settings_ack());
        client.poll(frames::window_update(0, 1 << 30));
        client
    }

    /// Allocations while the server handles this.
    fn poll(&mut self, bytes: Vec<u8>) -> usize {
        self.remote.send(bytes);
        let mut cx = Context::from_waker(Waker::noop());
        counting::allocations(|| assert!(self.connection.as_mut().poll(&mut cx).is_pending()))
    }

    /// Requests at once, each with this content.
    fn round(&mut self, depth: usize, method: &str, path: &str, content: &[u8]) -> usize {
        let mut wire = Vec::new();
        for _ in 0..depth {
            let end = if content.is_empty() { frames::END_STREAM } else { 0 };
            wire.extend(frames::headers(self.next, end, &frames::request(method, path, &[])));
            if !content.is_empty() {
                wire.extend(frames::data(self.next, frames::END_STREAM, content));
            }
            self.next += 2;
        }
        let count = self.poll(wire);
        self.remote.recv();
        count
    }

    fn allocations(depth: usize, method: &str, path: &str, content: &[u8]) -> f64 {
        const ROUNDS: usize = 100;
        let mut client = Multiplexed::new();
        let mut round = |_| client.round(depth, method, path, content);
        let (_, total) = ((0..ROUNDS).map(&mut round).sum::<usize>(), (0..ROUNDS).map(round).sum::<usize>());
        total as f64 / (ROUNDS * depth) as f64
    }
}

#[test]
fn a_plain_handler_costs_no_allocation_over_http_2_either() {
    for depth in [1, 16, 50] {
        assert_eq!(Multiplexed::allocations(depth, "GET", "/plaintext", b""), 0.0);
        assert_eq!(Multiplexed::allocations(depth, "GET", "/user/7", b""), 0.0);
    }
}

#[test]
fn an_async_handler_costs_little_over_http_2() {
    for depth in [1, 16] {
        let later = Multiplexed::allocations(depth, "GET", "/later", b"");
        let echo = Multiplexed::allocations(depth, "POST", "/echo", b"ping");
        assert!(later <= 3.0 && echo <= 4.0, "{later} and {echo} at {depth}");
        println!("{later} and {echo} allocations at {depth}");
    }
}

/// Messages of a tunnel: each comes, goes through the handler, and leaves in the same poll.
#[test]
fn a_message_through_a_tunnel_costs_no_allocation() {
    for len in [1, 125, 4000] {
        let router = Router::new().any("/chat", |_: &Request<'_>| {
            Response::upgrade("chat", async |mut io: Upgraded| {
                let mut buf = [0; 4096];
                while let Ok(n @ 1..) = io.read(&mut buf).await {
                    io.write_all(&buf[..n]).await.unwrap();
                }
            })
        });
        let mut config = avx_http::Config::default();
        config.h2.connect_protocol = true;
        config.h2.grow_windows = false;
        let mut client = Multiplexed::of(Server::new(router).config(config));
        let connect = [
            (":method", "CONNECT"),
            (":protocol", "chat"),
            (":scheme", "http"),
            (":path", "/chat"),
            (":authority", "a"),
        ];
        client.poll(frames::headers(1, 0, &frames::block(&connect)));
        client.poll(frames::window_update(1, 1 << 30));
        client.remote.recv();
        let message = frames::data(1, 0, &vec![b'x'; len]);
        let before = client.remote.calls();
        let mut total = 0;
        for round in 0..200 {
            let count = client.poll(message.clone());
            total += if round < 100 { 0 } else { count };
            let answer = client.remote.recv();
            assert!(answer.windows(message.len()).any(|bytes| bytes == message), "{} bytes", answer.len());
        }
        let (reads, writes) = client.remote.calls();
        assert_eq!((reads - before.0, writes - before.1), (200, 200), "one read and one write for each");
        assert_eq!(total, 0, "allocations for {len} bytes");
    }
}

/// Nor does it cost the thread the memory that it keeps for others.
#[test]
fn a_message_over_an_upgraded_connection_costs_no_allocation() {
    let sim = Sim::new();
    let router = Router::new().get("/plaintext", || "Hello, World!").get("/echo", |_: &Request<'_>| {
        Response::upgrade("echo", async |mut io: Upgraded| {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = io.read(&mut buf).await {
                io.write_all(&buf[..n]).await.unwrap();
            }
        })
    });
    let engine = Server::new(router).engine(&sim).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut connect = |request: &str| {
        let (ours, theirs) = pair();
        let mut connection = Box::pin(engine.connection(theirs, Peer::Unix));
        let remote = Remote(ours);
        remote.send(request);
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        remote.recv();
        (remote, connection)
    };
    let plain = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut clients = [
        (connect("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"), "message"),
        (connect(plain), plain),
    ];
    let mut cx = Context::from_waker(Waker::noop());
    let mut total = 0;
    for round in 0..20 {
        for ((remote, connection), message) in &mut clients {
            remote.send(message);
            let count = counting::allocations(|| assert!(connection.as_mut().poll(&mut cx).is_pending()));
            total += if round < 10 { 0 } else { count };
            assert!(!remote.recv().is_empty());
        }
    }
    assert_eq!(total, 0);
}

/// The same of WebSockets: the message is recycled memory.
#[test]
fn a_message_of_a_websocket_costs_no_allocation() {
    let router = || {
        Router::new().get("/chat", |request: &Request<'_>| {
            avx_http::ws::upgrade(request, async |mut socket| {
                while let Ok(Some(message)) = socket.recv().await {
                    socket.send(message).await.unwrap();
                }
            })
        })
    };
    for len in [1, 125] {
        let masked = [&[0x82, 0x80 | len as u8, 0, 0, 0, 0][..], &vec![b'x'; len]].concat();
        let echo = [&[0x82, len as u8][..], &vec![b'x'; len]].concat();

        let mut config = avx_http::Config::default();
        config.h2.connect_protocol = true;
        config.h2.grow_windows = false;
        let mut client = Multiplexed::of(Server::new(router()).config(config));
        let connect = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", "/chat"),
            (":authority", "a"),
            ("sec-websocket-version", "13"),
        ];
        client.poll(frames::headers(1, 0, &frames::block(&connect)));
        client.poll(frames::window_update(1, 1 << 30));
        client.remote.recv();
        let (before, message) = (client.remote.calls(), frames::data(1, 0, &masked));
        let mut total = 0;
        for round in 0..200 {
            let count = client.poll(message.clone());
            total += if round < 100 { 0 } else { count };
            let answer = client.remote.recv();
            assert!(answer.windows(echo.len()).any(|bytes| bytes == echo), "{answer:?}");
        }
        let (reads, writes) = client.remote.calls();
        assert_eq!((reads - before.0, writes - before.1), (200, 200), "one read and one write for each");
        assert_eq!(total, 0, "allocations over HTTP/2");

        let sim = Sim::new();
        let engine = Server::new(router()).engine(&sim).unwrap();
        let (ours, theirs) = pair();
        let mut connection = Box::pin(engine.connection(theirs, Peer::Unix));
        let remote = Remote(ours);
        remote.send(
            "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        let mut cx = Context::from_waker(Waker::noop());
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        remote.recv();
        let mut total = 0;
        for round in 0..200 {
            remote.send(&masked);
            let count = counting::allocations(|| assert!(connection.as_mut().poll(&mut cx).is_pending()));
            total += if round < 100 { 0 } else { count };
            assert_eq!(remote.recv(), echo);
        }
        assert_eq!(total, 0, "allocations over HTTP/1.1");
    }
}

/// Content that piles up is not copied again with every frame: the window may be many megabytes, and
/// filled with small frames.
#[test]
fn content_that_waits_for_its_reader_costs_few_allocations() {
    let mut config = avx_http::Config::default();
    config.h2.stream_window = 4 << 20;
    config.h2.connection_window = 8 << 20;
    let router = Router::new().post("/wait", async |_request: OwnedRequest| {
        std::future::pending::<()>().await;
    });
    let mut client = Multiplexed::of(Server::new(router).config(config));
    client.poll(frames::post(1, "/wait"));
    let frame = frames::data(1, 0, &[b'x'; 256]);
    let count: usize = (0..(4 << 20) / (256 * 64)).map(|_| client.poll(frame.repeat(64))).sum();
    assert!(count < 40, "{count} allocations");
}

/// What a burst of requests took is given back when it is over.
#[test]
fn memory_of_a_burst_is_given_back() {
    const BURST: u32 = 4000;
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().get("/waits", move |_: OwnedRequest| {
        let gate = wait.clone();
        async move {
            gate.passed().await;
            "done"
        }
    });
    let mut config = avx_http::Config::default();
    config.h2.max_streams = 2 * BURST;
    let mut client = Multiplexed::of(Server::new(router).config(config));
    // Little waits in the memory of the stream, whose deque keeps what it grew to.
    client.remote.set_window(1000);
    client.poll(frames::get(3, "/waits"));
    let before = HELD.get();
    for id in 0..BURST {
        client.poll(frames::get(5 + 2 * id, "/waits"));
    }
    let held = HELD.get() - before;
    assert!(held > BURST as isize * 200, "{held} bytes in the burst");
    gate.open();
    client.poll(Vec::new());
    let mut answers = Vec::new();
    while let bytes @ [_, ..] = &client.remote.recv()[..] {
        answers.extend_from_slice(bytes);
        client.poll(Vec::new());
    }
    assert_eq!(answers.windows(4).filter(|four| four == b"done").count(), BURST as usize + 1);
    // The machine keeps the memory of its own a little longer.
    client.sim.advance(std::time::Duration::from_secs(20));
    client.poll(Vec::new());
    drop((gate, answers));
    let held = HELD.get() - before;
    assert!(held < 20 << 10, "{held} bytes afterwards");
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
