//! How connections end when the peer is slow, or a response breaks off.

mod support;

use avx_core::PeerError;
use avx_http::conn::Engine;
use avx_http::{
    Body, BodyError, Chunk, ConnectionError, OwnedRequest, Peer, Response, Router, Server, Source, Status,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use support::{Dropped, GET, Gate, Remote, Sim, start};

/// Errors that a server reported.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<PeerError>>>);

impl Errors {
    fn of(&self, server: Server<Router>) -> Server<Router> {
        let errors = self.clone();
        server.on_error(move |_, error| {
            if let ConnectionError::Peer(error) = error {
                errors.0.lock().unwrap().push(error);
            }
        })
    }

    fn take(&self) -> Vec<PeerError> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn server(router: Router) -> Server<Router> {
    Server::new(router).date_field(false).server_field(None::<&str>)
}

/// A client of an engine without acceptors.
fn connect(sim: &Sim, engine: &Engine<Router, Sim>) -> Remote {
    let (ours, theirs) = support::pair();
    avx_http::rt::Runtime::spawn(sim, engine.connection(theirs, Peer::Unix));
    Remote(ours)
}

/// Attack H1-30.
#[test]
fn a_client_that_reads_a_byte_now_and_then_is_dropped() {
    for content in [10_000, 60_000] {
        let (sim, errors) = (Sim::new(), Errors::default());
        let router = Router::new().get("/", move || vec![b'x'; content]);
        let engine = errors.of(server(router)).engine(&sim).unwrap();
        let client = connect(&sim, &engine);
        client.set_window(1);
        client.send(GET);
        sim.run();
        for _ in 0..4 {
            client.recv();
            sim.advance(Duration::from_secs(10));
        }
        assert!(client.is_closed(), "{content}");
        assert_eq!(errors.take(), [PeerError::WriteStalled]);
    }
}

#[test]
fn the_drain_ends_at_its_deadline_whatever_the_client_still_has_to_read() {
    for content in [10_000, 60_000] {
        let (sim, errors) = (Sim::new(), Errors::default());
        let router = Router::new().get("/", move || vec![b'x'; content]);
        let engine = errors.of(server(router)).drain(Duration::from_secs(5)).engine(&sim).unwrap();
        let client = connect(&sim, &engine);
        client.set_window(4000);
        client.send(GET);
        sim.run();
        engine.shutdown();
        sim.advance(Duration::from_secs(4));
        client.recv();
        assert!(!client.is_closed());
        sim.advance(Duration::from_secs(2));
        assert!(client.is_closed(), "{content}");
        assert_eq!(errors.take(), [PeerError::DrainTimeout]);
    }
}

/// Content that breaks off behind its first piece, one way or another.
enum Broken {
    Fails,
    Waits,
}

impl Source for Broken {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        match std::mem::replace(self, Broken::Waits) {
            Broken::Fails => Poll::Ready(Some(Err(BodyError::Aborted))),
            Broken::Waits => Poll::Pending,
        }
    }
}

fn broken(how: Broken) -> Response {
    Response::new(Status::OK).with_body(Body::source(how))
}

fn dropped() -> Response {
    let (mut sender, body) = Body::channel();
    sender.push("part");
    Response::new(Status::OK).with_body(body)
}

fn breaking() -> Server<Router> {
    let router = Router::new()
        .get("/dropped", dropped)
        .get("/fails", || broken(Broken::Fails))
        .get("/waits", || broken(Broken::Waits))
        .post("/waits", async |_: OwnedRequest| broken(Broken::Waits))
        .get("/whole", || {
            let (mut sender, body) = Body::channel();
            sender.push("whole");
            sender.finish();
            Response::new(Status::OK).with_body(body)
        });
    server(router).drain(Duration::from_secs(5))
}

/// RFC 9112, section 8: such a response "is considered complete unless an error was indicated by the
/// underlying connection".
#[test]
fn a_response_that_only_the_close_delimits_and_that_breaks_off_resets_the_connection() {
    let sim = Sim::new();
    let engine = breaking().engine(&sim).unwrap();
    for path in ["/dropped", "/fails"] {
        let client = connect(&sim, &engine);
        client.send(format!("GET {path} HTTP/1.0\r\n\r\n"));
        sim.run();
        assert!(client.is_closed() && client.is_reset(), "{path}");
    }

    let (drained, gone) = (connect(&sim, &engine), connect(&sim, &engine));
    for client in [&drained, &gone] {
        client.send("POST /waits HTTP/1.0\r\nContent-Length: 2\r\n\r\n1");
        sim.run();
        assert!(client.recv_text().starts_with("HTTP/1.1 200 "));
    }
    gone.finish();
    sim.run();
    assert!(gone.is_closed() && gone.is_reset());
    engine.shutdown();
    sim.advance(Duration::from_secs(6));
    assert!(drained.is_closed() && drained.is_reset());
}

#[test]
fn a_response_that_stalls_resets_the_connection() {
    let sim = Sim::new();
    let engine = server(Router::new().get("/", || vec![b'x'; 10_000])).engine(&sim).unwrap();
    let client = connect(&sim, &engine);
    client.set_window(100);
    client.send("GET / HTTP/1.0\r\n\r\n");
    sim.advance(Duration::from_secs(31));
    assert!(client.is_closed() && client.is_reset());
}

#[test]
fn a_connection_that_is_dropped_inside_a_response_is_reset() {
    let sim = Sim::new();
    let engine = breaking().engine(&sim).unwrap();
    let (ours, theirs) = support::pair();
    let client = Remote(ours);
    let mut connection = Box::pin(engine.connection(theirs, Peer::Unix));
    client.send("GET /waits HTTP/1.0\r\n\r\n");
    assert!(connection.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    assert!(client.recv_text().starts_with("HTTP/1.1 200 ") && !client.is_closed());
    drop(connection);
    assert!(client.is_closed() && client.is_reset());
}

#[test]
fn what_is_complete_or_has_an_end_of_its_own_ends_without_a_reset() {
    let sim = Sim::new();
    let engine = breaking().engine(&sim).unwrap();
    for (path, version) in [("/whole", "1.0"), ("/whole", "1.1"), ("/dropped", "1.1"), ("/fails", "1.1")] {
        let client = connect(&sim, &engine);
        client.send(format!("GET {path} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n"));
        sim.run();
        let text = client.recv_text();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        assert_eq!(text.ends_with("whole") || text.ends_with("0\r\n\r\n"), path == "/whole", "{text}");
        client.finish();
        sim.run();
        assert!(client.is_closed() && !client.is_reset(), "{path} {version}");
    }
}

#[test]
fn what_came_while_the_worker_was_busy_is_not_too_late() {
    const LONG: Duration = Duration::from_secs(100);
    let router = Router::new()
        .post("/", async |request: OwnedRequest| request.into_body().collect(100).await)
        .get("/", || vec![b'x'; 10_000]);
    let (sim, errors) = (Sim::new(), Errors::default());
    let engine = errors.of(server(router)).engine(&sim).unwrap();
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping";
    for cut in [0, 10, post.len() - 2] {
        for idle in [false, true] {
            let client = connect(&sim, &engine);
            if idle {
                client.send(post);
                sim.run();
                client.recv();
            }
            client.send(&post[..cut]);
            sim.run();
            client.send(&post[cut..]);
            sim.block(LONG);
            let text = client.recv_text();
            assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("ping"), "{cut} {idle}: {text}");
            assert!(!client.is_closed());
        }
    }

    let client = connect(&sim, &engine);
    client.set_window(1000);
    client.send(GET);
    sim.run();
    let some = client.recv().len();
    client.set_window(usize::MAX);
    sim.block(LONG);
    assert!(some + client.recv().len() > 10_000 && !client.is_closed());
    assert_eq!(errors.take(), []);

    client.send("GET / HTTP");
    sim.run();
    sim.block(LONG);
    assert!(client.recv_text().starts_with("HTTP/1.1 408 "), "what did not come is too late");
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().get("/", move |_: OwnedRequest| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            "late"
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.send(GET);
    client.finish();
    sim.run();
    assert!(!client.is_closed());
    gate.open();
    sim.run();
    assert!(client.recv_text().ends_with("late"));
    assert!(client.is_closed());
}

#[test]
fn a_connection_that_breaks_drops_its_handler() {
    let sim = Sim::new();
    let dropped = Arc::new(AtomicBool::new(false));
    let mark = dropped.clone();
    let router = Router::new().get("/", move |_: OwnedRequest| {
        let mark = mark.clone();
        async move {
            let _mark = Dropped(mark);
            std::future::pending::<&str>().await
        }
    });
    let server = start(&sim, router);
    let client = sim.dial();
    client.send(GET);
    sim.run();
    assert!(!dropped.load(Ordering::SeqCst));
    client.reset();
    sim.run();
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(server.connections(), 0);
}

#[test]
fn slow_clients_meet_their_deadlines() {
    let sim = Sim::new();
    let _server =
        start(&sim, Router::new().get("/", || "hi").post("/", async |r: OwnedRequest| r.into_body()));
    let (silent, slow_head, idle, slow_body) = (sim.dial(), sim.dial(), sim.dial(), sim.dial());
    slow_head.send("GET / HT");
    idle.send(GET);
    slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    sim.run();
    assert!(idle.recv_text().ends_with("hi"));
    sim.advance(Duration::from_secs(9));
    assert!(!slow_head.is_ended());
    sim.advance(Duration::from_secs(2));
    assert!(slow_head.recv_text().starts_with("HTTP/1.1 408 "));
    assert!(slow_body.is_ended(), "its response had begun, so nothing else can be said");
    assert!(!silent.is_ended());
    sim.advance(Duration::from_secs(20));
    assert!(silent.is_ended() && silent.recv().is_empty());
    assert!(!idle.is_ended());
    sim.advance(Duration::from_secs(30));
    assert!(idle.is_ended() && idle.recv().is_empty());
}

#[test]
fn a_client_that_stops_reading_is_dropped() {
    let sim = Sim::new();
    let server = start(&sim, Router::new().get("/", || vec![0; 1 << 20]));
    let client = sim.dial();
    client.set_window(1000);
    client.send(GET);
    sim.run();
    sim.advance(Duration::from_secs(29));
    assert_eq!(server.connections(), 1);
    sim.advance(Duration::from_secs(2));
    assert_eq!(server.connections(), 0);
}
