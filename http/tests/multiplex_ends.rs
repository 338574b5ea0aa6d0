//! How streams of HTTP/2 end: cancelled, failed, refused, given up.

mod support;
#[path = "support/client.rs"]
mod wire;

use avx_core::ErrorCode;
use avx_http::{
    Body, BodyError, Chunk, Config, OwnedRequest, Request, Response, Router, Server, Source, Status,
};
use conformance::h2::frames::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use support::{Gate, Sim};
use wire::{Alive, Client, INITIAL_WINDOW, One, Reports, server, waits};

/// Content in steps.
struct Steps(VecDeque<Step>);

enum Step {
    Piece(&'static str),
    Fail,
    Panic,
    Wait,
}

impl Source for Steps {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        match self.0.pop_front() {
            Some(Step::Piece(piece)) => Poll::Ready(Some(Ok(Chunk::copy(piece.as_bytes())))),
            Some(Step::Fail) => Poll::Ready(Some(Err(BodyError::Aborted))),
            Some(Step::Panic) => panic!("content"),
            Some(Step::Wait) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn steps(steps: impl IntoIterator<Item = Step>) -> Response {
    Response::new(Status::OK).with_body(Body::source(Steps(steps.into_iter().collect())))
}

/// "The RST_STREAM frame fully terminates the referenced stream and causes it to enter the "closed" state."
/// (RFC 9113, section 6.4)
#[test]
fn rfc9113_6_4_a_cancelled_request_drops_its_handler() {
    let (sim, alive) = (Sim::new(), Alive::default());
    let mut client = Client::of(&sim, waits(&alive));
    client.say([get(1, "/wait"), post(3, "/wait"), data(3, 0, b"part"), get(5, "/wait")].concat());
    assert_eq!(alive.count(), 3);
    for (stream, left) in [(3, 2), (1, 1), (5, 0)] {
        client.say(reset(stream, ErrorCode::CANCEL));
        assert_eq!(alive.count(), left);
        let next = 101 - 2 * left as u32;
        client.say(get(next, "/"));
        assert_eq!(client.answer(next).content, b"hello");
    }
    assert_eq!(client.inbox.resets(), []);
}

#[test]
fn a_panic_is_a_500_on_its_own_stream() {
    let (sim, reports, gate) = (Sim::new(), Reports::default(), Gate::default());
    let waiting = gate.clone();
    let router = Router::new()
        .get("/", || "hello")
        .get("/now", |_: &Request<'_>| -> &str { panic!("at once") })
        .post("/now", |_: &Request<'_>| -> &str { panic!("at once") })
        .get("/later", async |_: OwnedRequest| -> &str { panic!("later") })
        .get("/wait", move |_: OwnedRequest| {
            let gate = waiting.clone();
            async move {
                gate.passed().await;
                "waited"
            }
        });
    let engine = reports.of(server(router)).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[]);
    client.say([get(1, "/wait"), get(3, "/now"), get(5, "/later"), get(7, "/"), post(9, "/now")].concat());
    for stream in [3, 5, 9] {
        assert_eq!((client.answer(stream).status, client.answer(stream).ended), (500, true), "{stream}");
    }
    assert_eq!(client.answer(7).content, b"hello");
    assert_eq!(reports.take(), ["panicked"; 3]);
    client.finish(9, b"content");
    gate.open();
    client.run();
    assert_eq!(client.answer(1).content, b"waited");
    assert_eq!((client.inbox.resets(), client.inbox.goodbyes.len()), (vec![], 0));
}

/// "INTERNAL_ERROR (0x02): The endpoint encountered an unexpected internal error." (section 7)
#[test]
fn rfc9113_7_content_that_breaks_off_resets_its_stream_alone() {
    let (sim, reports) = (Sim::new(), Reports::default());
    let router = Router::new()
        .get("/fails", || steps([Step::Piece("part"), Step::Fail]))
        .get("/panics", || steps([Step::Piece("part"), Step::Panic]))
        .get("/panics-at-once", || steps([Step::Panic]))
        .get("/dropped", || {
            let (mut sender, body) = Body::channel();
            sender.push("part");
            Response::new(Status::OK).with_body(body)
        })
        .get("/wait", || steps([Step::Piece("part"), Step::Wait]));
    let engine = reports.of(server(router)).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[]);
    client.say(get(1, "/wait"));
    for (stream, path) in [(3, "/fails"), (5, "/panics"), (7, "/panics-at-once"), (9, "/dropped")] {
        client.say(get(stream, path));
        let answer = client.answer(stream);
        assert_eq!((answer.status, answer.reset), (200, Some(ErrorCode::INTERNAL_ERROR)), "{path}");
        assert!(!answer.ended && b"part".starts_with(&answer.content));
        assert_eq!(reports.take().len(), 1, "{path}");
    }
    let answer = client.answer(1);
    assert_eq!((&answer.content[..], answer.is_over()), (&b"part"[..], false));
    assert_eq!(client.inbox.goodbyes, []);
}

/// What was reset at this end leaves nothing behind, though the request's content never ended: whoever
/// reads it elsewhere hears of that.
#[test]
fn a_response_that_fails_before_the_request_has_ended_is_let_go_of() {
    let (sim, heard) = (Sim::new(), Arc::<AtomicUsize>::default());
    let (rt, told) = (sim.clone(), heard.clone());
    let router = Router::new().get("/", || "hello").post("/fails", move |request: OwnedRequest| {
        let told = told.clone();
        avx_http::rt::Runtime::spawn(&rt, async move {
            let end = request.into_body().collect(usize::MAX).await;
            assert!(matches!(end, Err(BodyError::Disconnected)));
            told.fetch_add(1, Ordering::SeqCst);
        });
        async { steps([Step::Fail]) }
    });
    let mut client = Client::of(&sim, router);
    for i in 0..150 {
        client.say([post(2 * i + 1, "/fails"), data(2 * i + 1, 0, b"part")].concat());
        assert_eq!(client.answer(2 * i + 1).reset, Some(ErrorCode::INTERNAL_ERROR), "{i}");
        assert_eq!(heard.load(Ordering::SeqCst), i as usize + 1);
    }
    client.say(get(999, "/"));
    assert_eq!(client.answer(999).content, b"hello");
}

type Piece = Option<Result<Chunk, BodyError>>;

/// "A server MAY request that the client abort transmission of a request without error by sending a
/// RST_STREAM with an error code of NO_ERROR after sending a complete response" (section 8.1)
#[test]
fn rfc9113_8_1_too_much_content_that_nobody_reads_is_refused_after_the_response() {
    let sim = Sim::new();
    let router = Router::new().post("/now", || "ignored").post("/later", async |_: OwnedRequest| "ignored");
    let mut config = Config::default();
    config.limits.unread_body = 100_000;
    let engine = server(router).config(config).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[]);
    for (stream, path) in [(1, "/now"), (3, "/later")] {
        client.say(post(stream, path));
        let content = vec![b'x'; 40_000];
        for _ in 0..2 {
            assert_eq!(client.send_content(stream, &content, 10_000), 40_000, "its credit comes back");
            client.run();
            assert_eq!(client.answer(stream).reset, None);
        }
        assert_eq!(client.send_content(stream, &content, 10_000), 40_000);
        client.run();
        let answer = client.answer(stream);
        assert_eq!((&answer.content[..], answer.ended), (&b"ignored"[..], true));
        assert_eq!(answer.reset, Some(ErrorCode::NO_ERROR), "{path}");
    }
    assert_eq!(client.inbox.goodbyes, []);
}

/// RFC 9110, section 9.3.6: nobody here makes tunnels over a part of a connection.
#[test]
fn connect_is_not_accepted() {
    let sim = Sim::new();
    let engine = Server::new(|_: &Request<'_>| "").date_field(false).engine(&sim).unwrap();
    let (ours, theirs) = support::pair();
    avx_http::rt::Runtime::spawn(&sim, engine.connection(theirs, avx_http::Peer::Unix));
    let remote = support::Remote(ours);
    remote.send([PREFACE, &settings(&[])].concat());
    let mut inbox = conformance::h2::Inbox::default();
    for i in 0..150 {
        let stream = 2 * i + 1;
        let connect = block(&[(":method", "CONNECT"), (":authority", "a:1")]);
        remote.send(headers(stream, if i % 2 == 0 { END_STREAM } else { 0 }, &connect));
        sim.run();
        if i % 2 == 1 {
            remote.send(data(stream, END_STREAM, b""));
            sim.run();
        }
        inbox.take(&remote.recv());
        remote.send(inbox.replies());
        assert_eq!((inbox.answer(stream).status, inbox.answer(stream).ended), (501, true), "{stream}");
    }
}

/// Attack H2-06.
#[test]
fn a_response_whose_window_stays_closed_is_given_up() {
    let (sim, alive) = (Sim::new(), Alive::default());
    let made = alive.clone();
    let router = Router::new().get("/small", || "").get("/", move || {
        let one = made.one();
        let (mut sender, body) = Body::channel();
        sender.push(vec![b'x'; 20_000]);
        // Kept for as long as the content is.
        std::mem::forget(sender);
        let kept = Kept { body, _one: one };
        Response::new(Status::OK).with_body(Body::source(kept))
    });
    let engine = server(router).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 0)]);
    client.say((0..50).flat_map(|i| get(2 * i + 1, "/")).collect::<Vec<u8>>());
    assert_eq!(alive.count(), 50);
    for i in 0..29 {
        // Nothing but credit helps.
        client.say([ping(0, &[0; 8]), get(101 + 2 * i, "/small")].concat());
        sim.advance(Duration::from_secs(1));
    }
    assert_eq!((alive.count(), client.inbox.resets().len()), (50, 0));
    // So little as a peer that dribbles may give is no help, either.
    client.grant(1, 8000);
    client.grant(3, 10);
    sim.advance(Duration::from_secs(2));
    client.run();
    assert_eq!(alive.count(), 1, "the one that got credit");
    assert_eq!(client.inbox.resets().len(), 49);
    assert!(client.inbox.resets().iter().all(|r| r.1 == ErrorCode::ENHANCE_YOUR_CALM));
    sim.advance(Duration::from_secs(31));
    client.run();
    assert_eq!((alive.count(), client.inbox.resets().len()), (0, 50));
}

struct Kept {
    body: Body,
    _one: One,
}

impl Source for Kept {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        self.body.poll_data(cx)
    }
}

#[test]
fn the_access_log_has_a_line_for_each_exchange_however_it_ended() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let (sim, log) = (Sim::new(), lines.clone());
    let router = waits(&Alive::default())
        .get("/fails", || steps([Step::Piece("part"), Step::Fail]))
        .post("/echo", async |r: OwnedRequest| Response::new(Status::OK).with_body(r.into_body()))
        .get("/large", || vec![b'x'; 70_000]);
    let engine = server(router)
        .on_access(move |a| {
            let version = a.version.as_str();
            let line = format!(
                "{} {} {version} {} {} {}",
                String::from_utf8_lossy(a.method.as_bytes()),
                String::from_utf8_lossy(a.target),
                a.status.code(),
                a.sent,
                if a.complete { "complete" } else { "broken" }
            );
            log.lock().unwrap().push(line);
        })
        .engine(&sim)
        .unwrap();
    let mut client = Client::greet(&sim, &engine, &[]);
    let line_of = |client: &mut Client, wire: Vec<u8>| {
        client.say(wire);
        std::mem::take(&mut *lines.lock().unwrap())
    };
    assert_eq!(line_of(&mut client, get(1, "/")), ["GET / 2 200 5 complete"]);
    assert_eq!(line_of(&mut client, get(3, "/nothing")).len(), 1);
    let echo = [post(5, "/echo"), content(5, b"12345")].concat();
    assert_eq!(line_of(&mut client, echo), ["POST /echo 2 200 5 complete"]);
    assert_eq!(line_of(&mut client, get(7, "/fails")), ["GET /fails 2 200 4 broken"]);
    assert_eq!(line_of(&mut client, get(9, "/wait")), Vec::<String>::new());
    assert_eq!(line_of(&mut client, reset(9, ErrorCode::CANCEL)), ["GET /wait 2 499 0 broken"]);
    assert_eq!(line_of(&mut client, get(11, "/large")), Vec::<String>::new(), "the window is closed");
    assert_eq!(line_of(&mut client, window_update(11, 10_000)), Vec::<String>::new());
    let rest = line_of(&mut client, [window_update(0, 70_000)].concat());
    assert_eq!(rest, ["GET /large 2 200 70000 complete"]);
    client.say([get(13, "/wait"), get(15, "/wait")].concat());
    client.remote.reset();
    sim.run();
    assert_eq!(*lines.lock().unwrap(), ["GET /wait 2 499 0 broken"; 2]);
}
