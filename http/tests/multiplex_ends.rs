//! How streams and connections of HTTP/2 end: cancelled, failed, refused, drained, broken.

mod support;
#[path = "support/client.rs"]
mod wire;

use avx_core::{ErrorCode, PeerError};
use avx_http::{
    Body, BodyError, Chunk, Config, ConnectionError, OwnedRequest, Request, Response, Router, Server, Source,
    Status,
};
use conformance::h2::frames::*;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use support::Sim;
use wire::{Client, Gate, INITIAL_WINDOW, server};

/// What a server reported.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    fn of(&self, server: Server<Router>) -> Server<Router> {
        let reports = self.clone();
        server.on_error(move |_, error| {
            let text = match error {
                ConnectionError::Panicked => "panicked".to_string(),
                ConnectionError::Peer(error) => format!("{error:?}"),
                ConnectionError::Body(error) => format!("{error:?}"),
                other => format!("{other}"),
            };
            reports.0.lock().unwrap().push(text);
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Counts those that were made and not dropped.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct One(Alive);

impl Alive {
    fn one(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A handler that waits for ever, however the request ends.
fn waits(alive: &Alive) -> Router {
    let alive = alive.clone();
    Router::new().get("/", || "hello").any("/wait", move |request: OwnedRequest| {
        let one = alive.one();
        async move {
            let _both = (one, request);
            pending::<()>().await;
        }
    })
}

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

/// "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY frame
/// with the last stream identifier set to 2^31-1 and a NO_ERROR code. [...] After allowing time for any
/// in-flight stream creation (at least one round-trip time), the server MAY send another GOAWAY frame with
/// an updated last stream identifier." (section 6.8)
#[test]
fn rfc9113_6_8_a_shutdown_says_so_twice_and_completes_what_is_in_flight() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let waiting = gate.clone();
    let router = Router::new().get("/", || "hello").get("/wait", move |_: OwnedRequest| {
        let gate = waiting.clone();
        async move {
            gate.passed().await;
            "waited"
        }
    });
    let engine = server(router).engine(&sim).unwrap();
    let (mut idle, mut busy) = (Client::greet(&sim, &engine, &[]), Client::greet(&sim, &engine, &[]));
    idle.say(get(1, "/"));
    busy.say(get(1, "/wait"));
    engine.shutdown();
    sim.run();
    // Sent before the goodbye was seen.
    busy.remote.send(get(3, "/"));
    busy.run();
    idle.run();
    const NONE: ErrorCode = ErrorCode::NO_ERROR;
    assert_eq!(idle.inbox.goodbyes, [(0x7fff_ffff, NONE), (1, NONE)]);
    assert!(idle.remote.is_ended());
    assert_eq!(busy.inbox.goodbyes, [(0x7fff_ffff, NONE), (3, NONE)]);
    assert_eq!(busy.answer(3).content, b"hello");
    // What comes behind it is not processed.
    busy.say(get(5, "/"));
    assert_eq!(busy.answer(5), Default::default());
    assert!(!busy.remote.is_ended());
    gate.open();
    busy.run();
    assert_eq!(busy.answer(1).content, b"waited");
    assert!(busy.remote.is_ended());
    for client in [idle, busy] {
        client.remote.finish();
        sim.run();
        assert!(client.remote.is_closed());
    }
    assert_eq!(sim.tasks(), 0);
}

#[test]
fn a_shutdown_does_not_wait_for_ever_and_an_abort_not_at_all() {
    let (sim, alive) = (Sim::new(), Alive::default());
    let rt = sim.clone();
    let router = waits(&alive);
    let handle = sim
        .block_on(
            async move { server(router).drain(Duration::from_secs(5)).bind("127.0.0.1:0").start(&rt).await },
        )
        .unwrap();
    let dial = |wire: Vec<u8>| {
        let remote = sim.dial();
        remote.send([PREFACE, &settings(&[]), &wire].concat());
        sim.run();
        remote
    };
    let slow = dial(get(1, "/wait"));
    handle.shutdown();
    sim.advance(Duration::from_secs(4));
    assert_eq!((alive.count(), slow.is_closed()), (1, false));
    sim.advance(Duration::from_secs(2));
    assert_eq!(alive.count(), 0);
    let mut inbox = conformance::h2::Inbox::default();
    inbox.take(&slow.recv());
    assert_eq!(inbox.goodbyes.last(), Some(&(1, ErrorCode::NO_ERROR)));
    slow.finish();
    sim.run();
    assert!(slow.is_closed());

    let (sim, alive) = (Sim::new(), Alive::default());
    let engine = server(waits(&alive));
    let rt = sim.clone();
    let handle = sim.block_on(async move { engine.bind("127.0.0.1:0").start(&rt).await }).unwrap();
    let remote = sim.dial();
    remote.send([PREFACE, &settings(&[]), &get(1, "/wait"), &post(3, "/wait")].concat());
    sim.run();
    assert_eq!(alive.count(), 2);
    handle.abort();
    sim.run();
    assert_eq!((alive.count(), remote.is_closed(), sim.tasks()), (0, true, 0));
}

/// "An endpoint that encounters a connection error SHOULD first send a GOAWAY frame" (section 5.4.1)
#[test]
fn rfc9113_5_4_1_a_connection_error_reaches_the_peer_with_its_code() {
    let (sim, alive, reports) = (Sim::new(), Alive::default(), Reports::default());
    let engine = reports.of(server(waits(&alive))).engine(&sim).unwrap();
    for (bad, code, report) in [
        (window_update(0, 0), ErrorCode::PROTOCOL_ERROR, "ZeroWindowUpdate"),
        (settings(&[(INITIAL_WINDOW, 0x8000_0000)]), ErrorCode::FLOW_CONTROL_ERROR, "WindowTooLarge"),
        (ping(0, b"short"), ErrorCode::FRAME_SIZE_ERROR, "BadFrameLength"),
        (headers(5, END_STREAM, b"\x80"), ErrorCode::COMPRESSION_ERROR, "BadFieldBlock"),
        (data(1, 0, b"x"), ErrorCode::STREAM_CLOSED, "ClosedStream"),
    ] {
        let mut client = Client::greet(&sim, &engine, &[]);
        client.say([get(1, "/wait"), post(3, "/wait")].concat());
        assert_eq!(alive.count(), 2);
        client.say([bad, get(7, "/")].concat());
        assert_eq!(client.inbox.goodbyes.last().map(|g| g.1), Some(code));
        assert_eq!(client.answer(7).status, 0, "nothing behind it counts");
        assert_eq!((reports.take(), alive.count()), (vec![report.to_string()], 0));
        assert!(client.remote.is_ended(), "the sending side is shut");
        sim.advance(Duration::from_secs(3));
        assert!(client.remote.is_closed() && !client.remote.is_reset());
    }
}

/// A reader of the content who lives elsewhere hears what happened.
#[test]
fn whoever_reads_the_content_hears_of_its_early_end() {
    let heard: Arc<Mutex<Vec<Piece>>> = Arc::default();
    let sim = Sim::new();
    let (rt, told) = (sim.clone(), heard.clone());
    let router = Router::new().post("/", move |request: OwnedRequest| {
        let (rt, told) = (rt.clone(), told.clone());
        async move {
            avx_http::rt::Runtime::spawn(&rt, async move {
                let mut body = request.into_body();
                let piece = poll_fn(|cx| body.poll_data(cx)).await;
                told.lock().unwrap().push(piece);
            });
            pending::<()>().await;
        }
    });
    let mut client = Client::of(&sim, router);
    client.say([post(1, "/"), post(3, "/")].concat());
    client.say(reset(1, ErrorCode::CANCEL));
    client.say(data(3, 0, b""));
    client.say(window_update(3, 0));
    let heard = heard.lock().unwrap();
    assert!(matches!(heard[0], Some(Err(BodyError::Disconnected))));
    assert!(matches!(heard[1], Some(Err(BodyError::Peer(PeerError::ZeroWindowUpdate)))));
}

/// Attack H1-30, with many responses behind one socket.
#[test]
fn a_peer_that_never_reads_is_dropped_with_all_it_asked_for() {
    let (sim, reports) = (Sim::new(), Reports::default());
    let served = vec![b'x'; 100_000];
    let engine = reports.of(server(Router::new().get("/", move || served.clone()))).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 1 << 30)]);
    client.grant(0, 1 << 30);
    client.remote.set_window(1000);
    client.remote.send((0..100).flat_map(|i| get(2 * i + 1, "/")).collect::<Vec<u8>>());
    sim.advance(Duration::from_secs(29));
    assert!(!client.remote.is_closed());
    sim.advance(Duration::from_secs(2));
    assert!(client.remote.is_closed() && client.remote.is_reset());
    assert_eq!(reports.take(), ["WriteStalled"]);
    assert_eq!(sim.tasks(), 0);
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
    (client.grant(1, 8000), client.grant(3, 10));
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

#[test]
fn a_connection_dropped_in_the_midst_leaves_nothing_behind() {
    let (sim, alive) = (Sim::new(), Alive::default());
    let engine = server(waits(&alive)).engine(&sim).unwrap();
    for n in 0..6 {
        let (ours, theirs) = support::pair();
        let mut connection = Box::pin(engine.connection(theirs, avx_http::Peer::Unix));
        let remote = support::Remote(ours);
        let whole = [
            PREFACE,
            &settings(&[]),
            &get(1, "/wait"),
            &post(3, "/wait"),
            &data(3, 0, b"part"),
            &get(5, "/"),
        ];
        remote.send(whole[..=n].concat());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        drop(connection);
        assert_eq!((alive.count(), remote.is_closed()), (0, true));
    }
}

/// However fast it takes what it gets, a peer is listened to.
#[test]
fn a_cancellation_is_heard_while_content_without_end_goes_out() {
    let sim = Sim::new();
    struct Endless;
    impl Source for Endless {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Piece> {
            Poll::Ready(Some(Ok(Chunk::from(&[b'x'; 16_384][..]))))
        }
    }
    let router = Router::new().get("/", || Response::new(Status::OK).with_body(Body::source(Endless)));
    let engine = server(router).engine(&sim).unwrap();
    let (ours, theirs) = support::pair();
    let remote = support::Remote(ours);
    let mut connection = Box::pin(engine.connection(theirs, avx_http::Peer::Unix));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let wide = settings(&[(INITIAL_WINDOW, 0x7fff_ffff)]);
    remote.send([PREFACE, &wide, &window_update(0, 0x7fff_0000), &get(1, "/")].concat());
    for _ in 0..3 {
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        assert!(remote.recv().len() > 1 << 20);
    }
    remote.send(reset(1, ErrorCode::CANCEL));
    assert!(connection.as_mut().poll(&mut cx).is_pending());
    assert!(connection.as_mut().poll(&mut cx).is_pending());
    remote.recv();
    assert!(connection.as_mut().poll(&mut cx).is_pending());
    assert_eq!(remote.recv().len(), 0);
}
