//! The client of HTTP/2 over simulated streams and time: against the server's engine, and against a peer that
//! writes its frames by hand.

mod support;

use avx_core::PeerError;
use avx_http::client::{Connection, Error, Options, Protocol, Request, Response};
use avx_http::rt::Runtime;
use avx_http::{
    Body, BodyError, Config, ErrorCode, FieldLines, Initiator, OwnedRequest, Peer, Router, Server,
    ServerHandle, Version,
};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::{Remote, Sim, pair};

/// The options of a client of HTTP/2.
fn options() -> Options {
    let mut options = Options::default();
    options.protocol = Protocol::Http2;
    options
}

/// A server of the engine, and a connection to it.
fn serve(sim: &Sim, config: Config, router: Router) -> (ServerHandle, Connection) {
    serve_for(sim, config, router, &options())
}

fn serve_for(sim: &Sim, config: Config, router: Router, options: &Options) -> (ServerHandle, Connection) {
    let rt = sim.clone();
    let server = Server::new(router).config(config).bind("127.0.0.1:0");
    let server = sim.block_on(async move { server.start(&rt).await }).unwrap();
    let Remote(io) = sim.dial();
    (server, Connection::over(sim, io, Peer::Unix, "a", options))
}

/// A connection to a peer that the test plays.
fn connect(sim: &Sim, options: &Options) -> (Connection, Rude) {
    let (ours, theirs) = pair();
    let connection = Connection::over(sim, ours, Peer::Unix, "a", options);
    sim.run();
    (connection, Rude { remote: Remote(theirs), input: Vec::new() })
}

/// A server that writes frames by hand.
struct Rude {
    remote: Remote,
    input: Vec<u8>,
}

/// A frame that the client sent: type, flags, stream, payload.
type Frame = (u8, u8, u32, Vec<u8>);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200`
const OK: &[u8] = &[0x88];

impl Rude {
    fn send(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.remote.send(frame);
    }

    fn settings(&self, settings: &[(u16, u32)]) {
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.send(SETTINGS, 0, 0, &payload);
    }

    fn reset(&self, stream: u32, code: ErrorCode) {
        self.send(RST_STREAM, 0, stream, &code.0.to_be_bytes());
    }

    fn go_away(&self, last: u32, code: ErrorCode) {
        self.send(GOAWAY, 0, 0, &[last.to_be_bytes(), code.0.to_be_bytes()].concat());
    }

    /// The frames that have come.
    fn frames(&mut self) -> Vec<Frame> {
        self.input.extend(self.remote.recv());
        if self.input.starts_with(b"PRI") {
            self.input.drain(..24);
        }
        let mut frames = Vec::new();
        while let Some(&[a, b, c, kind, flags, s, t, u, v]) = self.input.first_chunk::<9>() {
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            if self.input.len() < 9 + len {
                break;
            }
            let payload = self.input.drain(..9 + len).skip(9).collect();
            frames.push((kind, flags, u32::from_be_bytes([s, t, u, v]), payload));
        }
        frames
    }

    /// The streams on which a frame of this type has come.
    fn streams(&mut self, kind: u8) -> Vec<u32> {
        self.frames().into_iter().filter(|frame| frame.0 == kind).map(|frame| frame.2).collect()
    }

    /// The codes of the resets that have come, with their streams.
    fn resets(&mut self) -> Vec<(u32, ErrorCode)> {
        let frames = self.frames().into_iter().filter(|frame| frame.0 == RST_STREAM);
        frames.map(|(_, _, stream, code)| (stream, ErrorCode(code[3].into()))).collect()
    }
}

/// Something under way in a task of its own; dropped with this.
struct Pending<T> {
    slot: Arc<Mutex<Option<T>>>,
    abandoned: Arc<Mutex<(bool, Option<Waker>)>>,
}

impl<T: Send + 'static> Pending<T> {
    fn start(sim: &Sim, future: impl Future<Output = T> + Send + 'static) -> Self {
        let pending = Pending { slot: Arc::default(), abandoned: Arc::default() };
        let (slot, abandoned) = (pending.slot.clone(), pending.abandoned.clone());
        sim.spawn(async move {
            let mut future = Box::pin(future);
            poll_fn(|cx| {
                let mut state = abandoned.lock().unwrap();
                if state.0 {
                    return Poll::Ready(());
                }
                state.1 = Some(cx.waker().clone());
                drop(state);
                future.as_mut().poll(cx).map(|value| *slot.lock().unwrap() = Some(value))
            })
            .await;
        });
        sim.run();
        pending
    }

    fn take(&self) -> Option<T> {
        self.slot.lock().unwrap().take()
    }

    /// Nobody waits for it any more.
    fn give_up(self, sim: &Sim) {
        let waker = {
            let mut state = self.abandoned.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        sim.run();
    }
}

fn send(sim: &Sim, connection: &Connection, request: Request) -> Pending<Result<Response, Error>> {
    let connection = connection.clone();
    Pending::start(sim, async move { connection.send(request).await })
}

fn response(sim: &Sim, connection: &Connection, request: Request) -> Response {
    send(sim, connection, request).take().expect("an end").expect("a response")
}

fn collect(sim: &Sim, body: Body) -> Pending<Result<Vec<u8>, BodyError>> {
    Pending::start(sim, async move { body.collect(100 << 20).await })
}

/// Something that opens when the test says so.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    fn open(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        state.1.drain(..).for_each(Waker::wake);
    }

    async fn passed(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            state.1.push(cx.waker().clone());
            if state.0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Counts what is there at the same time.
#[derive(Clone, Default)]
struct Census(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

struct Counted(Census);

impl Census {
    fn enter(&self) -> Counted {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        self.0.2.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn total(&self) -> usize {
        self.0.2.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `/gate` waits and is counted, `/echo` gives back what comes, `/bytes` is a megabyte.
fn router(gate: &Gate, census: &Census) -> Router {
    let (gate, census) = (gate.clone(), census.clone());
    Router::new()
        .get("/", || "hi")
        .get("/gate", move |_: OwnedRequest| {
            let (gate, counted) = (gate.clone(), census.enter());
            async move {
                gate.passed().await;
                drop(counted);
                "passed"
            }
        })
        .post("/echo", async |request: OwnedRequest| request.into_body())
        .get("/bytes", || vec![b'x'; 1 << 20])
}

#[test]
fn requests_run_at_once_on_one_connection() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve(&sim, Config::default(), router(&gate, &census));
    let waiting: Vec<_> = (0..10).map(|_| send(&sim, &connection, Request::get("/gate"))).collect();
    assert_eq!(census.now(), 10);
    let quick = response(&sim, &connection, Request::get("/"));
    assert_eq!((quick.version(), quick.status().code(), quick.raw()), (Version::Http2, 200, &b""[..]));
    assert_eq!(quick.field("content-length"), Some(&b"2"[..]));
    assert_eq!(collect(&sim, quick.into_body()).take(), Some(Ok(b"hi".to_vec())));
    gate.open();
    sim.run();
    for waiting in waiting {
        let body = waiting.take().expect("an end").expect("a response").into_body();
        assert_eq!(collect(&sim, body).take(), Some(Ok(b"passed".to_vec())));
    }
    assert!(connection.is_reusable());
}

#[test]
fn rfc9113_5_1_2_requests_beyond_the_limit_wait_in_order() {
    let sim = Sim::new();
    let mut config = Config::default();
    config.h2.max_streams = 3;
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve(&sim, config, router(&gate, &census));
    // The first flight is under way before the server says how many it takes.
    let order = Arc::new(Mutex::new(Vec::new()));
    for i in 0..20 {
        let (connection, order) = (connection.clone(), order.clone());
        sim.spawn(async move {
            let response = connection.send(Request::get("/gate")).await.expect("a response");
            response.into_body().collect(10).await.expect("content");
            order.lock().unwrap().push(i);
        });
    }
    sim.run();
    assert_eq!((census.now(), census.most()), (3, 3));
    gate.open();
    sim.run();
    assert_eq!((census.now(), census.most(), census.total()), (0, 3, 20));
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 20);
    // Later ones did not pass those that were refused.
    assert!(order[5] < 12 && order[19] > 12, "{order:?}");
}

#[test]
fn content_is_not_sent_before_the_server_has_said_how_many_it_takes() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    let sent: Vec<_> = (0..4).map(|_| send(&sim, &connection, Request::post("/", "content"))).collect();
    assert_eq!(server.streams(HEADERS), [1]);
    server.settings(&[(3, 2)]);
    sim.run();
    assert_eq!(server.streams(HEADERS), [3]);
    for stream in [1, 3, 5, 7] {
        server.send(HEADERS, END_HEADERS | END_STREAM, stream, OK);
        sim.run();
    }
    for sent in sent {
        assert_eq!(sent.take().unwrap().unwrap().status().code(), 200);
    }
}

#[test]
fn a_request_that_is_given_up_while_it_waits_is_not_sent() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[(3, 1)]);
    let first = send(&sim, &connection, Request::get("/"));
    let second = send(&sim, &connection, Request::get("/"));
    let third = send(&sim, &connection, Request::get("/?"));
    second.give_up(&sim);
    server.send(HEADERS, END_HEADERS | END_STREAM, 1, OK);
    sim.run();
    server.send(HEADERS, END_HEADERS | END_STREAM, 3, OK);
    sim.run();
    assert_eq!(server.streams(HEADERS), [1, 3]);
    assert!(first.take().unwrap().is_ok() && third.take().unwrap().is_ok());
}

#[test]
fn content_goes_both_ways_through_small_windows() {
    const LEN: usize = 3 << 20;
    let sim = Sim::new();
    let mut config = Config::default();
    config.h2.stream_window = 5000;
    config.h2.connection_window = 65_535;
    config.h2.grow_windows = false;
    let mut options = options();
    options.config = config;
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve_for(&sim, config, router(&gate, &census), &options);
    let content: Vec<u8> = (0..LEN).map(|i| (i * 7 / 3) as u8).collect();
    let sent: Vec<_> =
        (0..3).map(|_| send(&sim, &connection, Request::post("/echo", content.clone()))).collect();
    let bodies: Vec<_> = sent.iter().map(|sent| sent.take().unwrap().unwrap().into_body()).collect();
    let read: Vec<_> = bodies.into_iter().map(|body| collect(&sim, body)).collect();
    for read in read {
        assert!(read.take().expect("an end").expect("content") == content);
    }
}

#[test]
fn credit_comes_back_whether_content_is_read_or_not() {
    let sim = Sim::new();
    let mut options = options();
    options.config.h2.connection_window = 65_535;
    options.config.h2.grow_windows = false;
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve_for(&sim, Config::default(), router(&gate, &census), &options);
    for i in 0..60 {
        let mut response = response(&sim, &connection, Request::get("/bytes"));
        match i % 3 {
            0 => drop(response),
            1 => drop(sim.block_on(async move { response.body().data().await.map(drop) })),
            _ => {
                let content = collect(&sim, response.into_body()).take().expect("an end").expect("content");
                assert_eq!(content.len(), 1 << 20);
            }
        }
        sim.run();
    }
}

#[test]
fn a_server_gets_back_the_credit_of_content_that_it_did_not_read() {
    let sim = Sim::new();
    let mut config = Config::default();
    config.h2.connection_window = 65_535;
    config.h2.grow_windows = false;
    let router = Router::new().post("/", |_: &avx_http::Request<'_>| "no").post(
        "/later",
        async |request: OwnedRequest| {
            drop(request);
            "no"
        },
    );
    // Content that lies there, complete, when the answer goes out, and for a while after.
    let kept = Arc::new(Mutex::new(None));
    let router = router.post("/echo", async |request: OwnedRequest| request.into_body()).post(
        "/ignored",
        move |request: OwnedRequest| {
            *kept.lock().unwrap() = Some(request);
            async { "no" }
        },
    );
    let (_server, connection) = serve(&sim, config, router);
    for i in 0..50 {
        let target = ["/", "/later", "/ignored"][i % 3];
        let sent = send(&sim, &connection, Request::post(target, vec![b'x'; 20_000]));
        assert_eq!(sent.take().expect("an end").expect("a response").status().code(), 200);
        let echoed = response(&sim, &connection, Request::post("/echo", "content")).into_body();
        let echoed = collect(&sim, echoed).take();
        assert_eq!(echoed, Some(Ok(b"content".to_vec())), "no credit was left after {i} requests");
    }
}

#[test]
fn a_body_that_is_not_read_holds_up_its_stream_and_no_other() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    let slow = send(&sim, &connection, Request::get("/slow"));
    server.send(HEADERS, END_HEADERS, 1, OK);
    for _ in 0..4 {
        server.send(DATA, 0, 1, &[b'x'; 16_000]);
    }
    sim.run();
    let slow = slow.take().unwrap().unwrap();
    server.frames();
    sim.run();
    assert_eq!(server.streams(8), [0; 0], "credit for what nobody has read");
    let read = collect(&sim, slow.into_body());
    assert_eq!(server.streams(8), [1]);
    server.send(DATA, END_STREAM, 1, b"");
    sim.run();
    assert_eq!(read.take().unwrap().unwrap().len(), 64_000);

    let mut options = options();
    options.config.h2.grow_windows = false;
    let (_server, connection) = serve_for(&sim, Config::default(), router(&gate, &census), &options);
    let unread: Vec<_> = (0..10).map(|_| response(&sim, &connection, Request::get("/bytes"))).collect();
    let read = collect(&sim, response(&sim, &connection, Request::get("/bytes")).into_body());
    assert_eq!(read.take().expect("an end").expect("content").len(), 1 << 20);
    for response in unread {
        let read = collect(&sim, response.into_body());
        assert_eq!(read.take().expect("an end").expect("content").len(), 1 << 20);
    }
}

#[test]
fn giving_up_resets_the_stream_and_nothing_else() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve(&sim, Config::default(), router(&gate, &census));
    let first = send(&sim, &connection, Request::get("/gate"));
    let second = send(&sim, &connection, Request::get("/gate"));
    assert_eq!(census.now(), 2);
    first.give_up(&sim);
    assert_eq!(census.now(), 1, "the handler was dropped");
    gate.open();
    sim.run();
    assert!(second.take().unwrap().is_ok());

    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    let sent = send(&sim, &connection, Request::get("/"));
    server.send(HEADERS, END_HEADERS, 1, OK);
    sim.run();
    let body = sent.take().unwrap().unwrap().into_body();
    assert_eq!(server.resets(), []);
    drop(body);
    sim.run();
    assert_eq!(server.resets(), [(1, ErrorCode::CANCEL)]);
    let (sender, body) = Body::channel();
    let sent = send(&sim, &connection, Request::post("/", body));
    drop(sender);
    sim.run();
    assert_eq!(server.resets(), [(3, ErrorCode::INTERNAL_ERROR)]);
    assert!(matches!(sent.take().unwrap().unwrap_err(), Error::Body(BodyError::Aborted)));
    assert!(connection.is_reusable());
}

#[test]
fn a_request_has_its_deadline_and_the_others_theirs() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    let after = |seconds| Request::get("/").timeout(Duration::from_secs(seconds));
    let late = send(&sim, &connection, after(3));
    let inside = send(&sim, &connection, after(4));
    let good = send(&sim, &connection, after(5));
    server.send(HEADERS, END_HEADERS, 3, OK);
    server.send(DATA, 0, 3, b"begun");
    sim.advance(Duration::from_millis(2900));
    let body = collect(&sim, inside.take().unwrap().unwrap().into_body());
    assert!(late.take().is_none());
    sim.advance(Duration::from_millis(200));
    assert!(matches!(late.take().unwrap().unwrap_err(), Error::TimedOut));
    sim.advance(Duration::from_secs(1));
    assert_eq!(body.take(), Some(Err(BodyError::TimedOut)));
    assert_eq!(server.resets(), [(1, ErrorCode::CANCEL), (3, ErrorCode::CANCEL)]);
    server.send(HEADERS, END_HEADERS | END_STREAM, 5, OK);
    sim.block(Duration::from_secs(100));
    assert!(good.take().unwrap().is_ok(), "it had come while the worker was busy");
}

#[test]
fn interim_responses_and_trailers_come_and_go() {
    let sim = Sim::new();
    let router = Router::new().post("/", async |request: OwnedRequest| {
        let (mut sender, body) = Body::channel();
        let mut received = request.into_body();
        let mut all = Vec::new();
        while let Some(piece) = received.data().await {
            all.extend_from_slice(&piece?);
        }
        let mut trailers = FieldLines::new();
        for field in received.trailers().into_iter().flatten() {
            trailers.push(String::from_utf8_lossy(field.name).into_owned(), field.value.to_vec());
        }
        sender.send(all).await?;
        sender.finish_with(&trailers);
        Ok::<_, avx_http::Error>(body)
    });
    let (_server, connection) = serve(&sim, Config::default(), router);
    let interim = Arc::new(Mutex::new(Vec::new()));
    let seen = interim.clone();
    let (mut sender, body) = Body::channel();
    let request = Request::post("/", body)
        .field("expect", "100-continue")
        .field("connection", "x")
        .on_informational(move |response| seen.lock().unwrap().push(response.status().code()));
    sim.spawn(async move {
        sender.send("content").await.unwrap();
        let mut trailers = FieldLines::new();
        trailers.push("x-sum", "7");
        sender.finish_with(&trailers);
    });
    let mut response = response(&sim, &connection, request);
    assert_eq!(*interim.lock().unwrap(), [100]);
    let (content, trailers) = sim.block_on(async move {
        let mut content = Vec::new();
        while let Some(piece) = response.body().data().await {
            content.extend_from_slice(&piece.unwrap());
        }
        let sum = response.body().trailers().and_then(|fields| fields.get("x-sum").map(<[u8]>::to_vec));
        (content, sum)
    });
    assert_eq!((&*content, trailers.as_deref()), (&b"content"[..], Some(&b"7"[..])));
}

#[test]
fn rfc9110_10_1_1_content_waits_for_continue_or_a_second_or_is_not_sent() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    let request = || Request::post("/", "ping").field("expect", "100-continue");
    let continued = send(&sim, &connection, request());
    let refused = send(&sim, &connection, request());
    let patient = send(&sim, &connection, request());
    assert_eq!(server.streams(DATA), [0; 0]);
    server.send(HEADERS, END_HEADERS, 1, b"\x08\x03103");
    server.send(HEADERS, END_HEADERS, 1, b"\x08\x03100");
    server.send(HEADERS, END_HEADERS, 3, b"\x08\x03417");
    sim.run();
    let frames = server.frames();
    let data: Vec<_> =
        frames.iter().filter(|frame| frame.0 == DATA).map(|frame| (frame.2, &*frame.3)).collect();
    assert_eq!(data, [(1, &b"ping"[..]), (1, b"")]);
    server.send(DATA, END_STREAM, 3, b"no");
    sim.run();
    let refused = refused.take().unwrap().unwrap();
    assert_eq!(refused.status().code(), 417);
    assert_eq!(collect(&sim, refused.into_body()).take(), Some(Ok(b"no".to_vec())));
    assert_eq!(server.resets(), [(3, ErrorCode::CANCEL)]);
    sim.advance(Duration::from_millis(1010));
    assert_eq!(server.streams(DATA), [5, 5]);
    for stream in [1, 5] {
        server.send(HEADERS, END_HEADERS | END_STREAM, stream, OK);
    }
    sim.run();
    assert!(continued.take().unwrap().is_ok() && patient.take().unwrap().is_ok());
}

#[test]
fn rfc9113_8_1_a_response_is_not_lost_to_the_reset_behind_it() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    let sent = send(&sim, &connection, Request::post("/", vec![b'x'; 1 << 20]));
    server.frames();
    server.send(HEADERS, END_HEADERS, 1, b"\x08\x03413");
    server.send(DATA, END_STREAM, 1, b"too much");
    server.reset(1, ErrorCode::NO_ERROR);
    sim.run();
    let response = sent.take().unwrap().unwrap();
    assert_eq!(response.status().code(), 413);
    assert_eq!(collect(&sim, response.into_body()).take(), Some(Ok(b"too much".to_vec())));
    assert_eq!(server.resets(), []);
    assert!(connection.is_reusable());
}

#[test]
fn every_way_to_end_early_has_its_error() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim, &options());
    server.settings(&[]);
    let sent: Vec<_> = (0..4).map(|_| send(&sim, &connection, Request::get("/"))).collect();
    server.reset(1, ErrorCode::REFUSED_STREAM);
    server.reset(3, ErrorCode::INTERNAL_ERROR);
    // No status.
    server.send(HEADERS, END_HEADERS, 5, &[]);
    server.send(HEADERS, END_HEADERS, 7, OK);
    server.send(DATA, 0, 7, b"begun");
    server.reset(7, ErrorCode::CANCEL);
    sim.run();
    let mut sent = sent.into_iter().map(|sent| sent.take().expect("an end"));
    let mut next = || sent.next().expect("one more");
    let refused = next().unwrap_err();
    assert!(matches!(refused, Error::Refused) && refused.is_unprocessed());
    let reset = next().unwrap_err();
    assert!(matches!(reset, Error::Reset { code: ErrorCode::INTERNAL_ERROR, by: Initiator::Remote }));
    assert!(!reset.is_unprocessed());
    let malformed = next().unwrap_err();
    assert!(matches!(malformed, Error::Reset { code: ErrorCode::PROTOCOL_ERROR, by: Initiator::Local }));
    let mut begun = next().unwrap();
    let (first, second) = sim.block_on(async move { (begun.body().data().await, begun.body().data().await) });
    assert_eq!(&*first.unwrap().unwrap(), b"begun");
    let error = BodyError::Reset { code: ErrorCode::CANCEL, by: Initiator::Remote };
    assert_eq!(second.unwrap().unwrap_err(), error);
    let request = Request::get("/").field("x", "a\r\nb");
    assert!(matches!(send(&sim, &connection, request).take().unwrap(), Err(Error::Request(_))));
    assert!(connection.is_reusable());
}

#[test]
fn rfc9113_6_8_what_is_beyond_the_goodbye_is_safe_to_send_again() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[(3, 3)]);
    sim.run();
    let sent: Vec<_> = (0..5).map(|_| send(&sim, &connection, Request::get("/"))).collect();
    assert_eq!(server.streams(HEADERS), [1, 3, 5]);
    server.go_away(3, ErrorCode::NO_ERROR);
    sim.run();
    assert!(!connection.is_reusable());
    let errors: Vec<_> = sent[2..].iter().map(|sent| sent.take().unwrap().unwrap_err()).collect();
    assert!(errors.iter().all(Error::is_unprocessed));
    assert!(matches!(errors[..], [Error::Refused, Error::Unsent(None), Error::Unsent(None)]));
    let late = send(&sim, &connection, Request::get("/")).take().unwrap().unwrap_err();
    assert!(matches!(late, Error::Unsent(None)));
    // What it does process still completes, and the connection ends with it.
    for stream in [1, 3] {
        assert!(!server.remote.is_closed());
        server.send(HEADERS, END_HEADERS | END_STREAM, stream, OK);
        sim.run();
    }
    assert!(sent[0].take().unwrap().is_ok() && sent[1].take().unwrap().is_ok());
    assert!(server.remote.is_closed());
    assert_eq!(server.streams(GOAWAY), [0]);
}

#[test]
fn a_goodbye_with_an_error_tells_which() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim, &options());
    server.settings(&[(3, 1)]);
    sim.run();
    let sent = send(&sim, &connection, Request::get("/"));
    let waits = send(&sim, &connection, Request::get("/"));
    server.go_away(1, ErrorCode::ENHANCE_YOUR_CALM);
    server.remote.finish();
    sim.run();
    assert!(matches!(sent.take().unwrap(), Err(Error::GoAway(ErrorCode::ENHANCE_YOUR_CALM))));
    let Err(Error::Unsent(Some(why))) = waits.take().unwrap() else { panic!("why it was not sent") };
    assert!(matches!(*why, Error::GoAway(ErrorCode::ENHANCE_YOUR_CALM)));
}

#[test]
fn an_error_of_the_connection_reaches_everybody() {
    let sim = Sim::new();
    for (case, error) in ["a frame on stream 9", "an end", "a reset"].into_iter().zip(0..) {
        let (connection, mut server) = connect(&sim, &options());
        server.settings(&[(3, 2)]);
        sim.run();
        let begun = send(&sim, &connection, Request::get("/"));
        server.send(HEADERS, END_HEADERS, 1, OK);
        sim.run();
        let body = begun.take().unwrap().unwrap().into_body();
        let asked = send(&sim, &connection, Request::get("/"));
        let waits = send(&sim, &connection, Request::get("/"));
        match error {
            0 => server.send(DATA, 0, 9, b"?"),
            1 => server.remote.finish(),
            _ => server.remote.reset(),
        }
        sim.run();
        let body = collect(&sim, body).take().unwrap().unwrap_err();
        let asked = asked.take().unwrap().unwrap_err();
        let Err(Error::Unsent(Some(why))) = waits.take().unwrap() else { panic!("{case}") };
        let as_expected = match error {
            0 => {
                server.streams(GOAWAY) == [0]
                    && matches!(body, BodyError::Peer(PeerError::IdleStream))
                    && matches!(asked, Error::Peer(PeerError::IdleStream))
                    && matches!(*why, Error::Peer(PeerError::IdleStream))
            }
            1 => {
                matches!(body, BodyError::Peer(PeerError::UnexpectedEof))
                    && matches!(asked, Error::Closed)
                    && matches!(*why, Error::Peer(PeerError::UnexpectedEof))
            }
            _ => {
                matches!(body, BodyError::Disconnected)
                    && matches!((&asked, &*why), (Error::Io(_), Error::Io(_)))
            }
        };
        assert!(as_expected, "{case}: {body} {asked} {why}");
        assert!(!connection.is_reusable());
        assert!(matches!(send(&sim, &connection, Request::get("/")).take(), Some(Err(Error::Unsent(_)))));
        server.remote.finish();
        sim.run();
        assert!(server.remote.is_closed(), "{case}");
    }
}

#[test]
fn a_server_of_http_1_is_told_from_one_that_breaks_the_protocol() {
    let sim = Sim::new();
    for answer in ["HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n", "<!DOCTYPE html>", "220 hello\r\n"] {
        let (connection, server) = connect(&sim, &options());
        let sent = send(&sim, &connection, Request::get("/"));
        server.remote.send(answer);
        sim.run();
        assert!(matches!(sent.take().unwrap(), Err(Error::NotHttp2)));
        assert!(server.remote.is_closed());
    }
    let (connection, server) = connect(&sim, &options());
    let sent = send(&sim, &connection, Request::get("/"));
    server.remote.finish();
    sim.run();
    assert!(matches!(sent.take().unwrap(), Err(Error::Closed)));
}

#[test]
fn a_connection_is_kept_alive_and_a_dead_one_is_noticed() {
    let sim = Sim::new();
    let mut options = options();
    options.config.h2.keep_alive = Duration::from_secs(10);
    let (connection, mut server) = connect(&sim, &options);
    server.settings(&[]);
    server.send(SETTINGS, 1, 0, &[]);
    let sent = send(&sim, &connection, Request::get("/"));
    for _ in 0..5 {
        sim.advance(Duration::from_secs(11));
        let pings: Vec<_> = server.frames().into_iter().filter(|frame| frame.0 == PING).collect();
        assert_eq!(pings.len(), 1);
        server.send(PING, 1, 0, &pings[0].3);
        sim.run();
    }
    sim.advance(Duration::from_secs(31));
    assert!(matches!(sent.take().unwrap(), Err(Error::Peer(PeerError::PingTimeout))));
}

#[test]
fn a_connection_ends_in_order_when_nobody_needs_it_any_more() {
    let sim = Sim::new();
    for by_name in [false, true] {
        let (connection, mut server) = connect(&sim, &options());
        server.settings(&[(3, 1)]);
        sim.run();
        let sent = send(&sim, &connection, Request::get("/"));
        let waits = send(&sim, &connection, Request::get("/"));
        if by_name {
            connection.shutdown();
            assert!(matches!(
                send(&sim, &connection, Request::get("/")).take(),
                Some(Err(Error::Unsent(None)))
            ));
        } else {
            drop(connection);
        }
        sim.run();
        server.send(HEADERS, END_HEADERS, 1, OK);
        sim.run();
        let body = sent.take().unwrap().unwrap().into_body();
        server.send(DATA, END_STREAM, 1, b"hello");
        sim.run();
        server.send(HEADERS, END_HEADERS | END_STREAM, 3, OK);
        sim.run();
        assert!(waits.take().unwrap().is_ok());
        assert!(!server.remote.is_closed(), "a body is still to be read");
        assert_eq!(server.streams(GOAWAY), [0; 0]);
        assert_eq!(collect(&sim, body).take(), Some(Ok(b"hello".to_vec())));
        assert_eq!(server.streams(GOAWAY), [0]);
        assert!(server.remote.is_closed());
    }
    assert_eq!(sim.tasks(), 0);
}

#[test]
fn a_server_that_ends_gracefully_completes_what_it_was_asked() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (server, connection) = serve(&sim, Config::default(), router(&gate, &census));
    let sent = send(&sim, &connection, Request::get("/gate"));
    server.shutdown();
    sim.run();
    assert!(!connection.is_reusable());
    gate.open();
    sim.run();
    assert!(sent.take().unwrap().is_ok());
    sim.run();
    sim.block_on(async move { server.join().await });
}

#[test]
fn rfc9113_8_5_a_tunnel_is_a_stream_of_its_own() {
    let sim = Sim::new();
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    sim.run();
    let connect_to = || Request::new(avx_http::Method::Connect, "b:443");
    let sent = send(&sim, &connection, connect_to());
    let refused = send(&sim, &connection, connect_to());
    let heads: Vec<_> = server.frames().into_iter().filter(|frame| frame.0 == HEADERS).collect();
    assert!(heads.iter().all(|frame| frame.1 == END_HEADERS));
    server.send(HEADERS, END_HEADERS, 1, OK);
    server.send(DATA, 0, 1, b"first");
    server.send(HEADERS, END_HEADERS | END_STREAM, 3, b"\x08\x03403");
    sim.run();
    assert_eq!(refused.take().unwrap().unwrap().status().code(), 403);
    let mut io = sent.take().unwrap().unwrap().into_upgraded().unwrap();
    let read = sim.block_on(async move {
        let mut buf = [0; 64];
        let n = io.read(&mut buf).await.unwrap();
        io.write_all(b"second").await.unwrap();
        io.shutdown().await.unwrap();
        (io, buf[..n].to_vec())
    });
    assert_eq!(read.1, b"first");
    sim.run();
    let data: Vec<_> = server.frames().into_iter().filter(|frame| frame.0 == DATA).collect();
    let end = |stream| (DATA, END_STREAM, stream, Vec::new());
    assert_eq!(data, [end(3), (DATA, 0, 1, b"second".to_vec()), end(1)]);
    drop(read);
    sim.run();
    assert_eq!(server.resets(), [(1, ErrorCode::CANCEL)]);
}

#[test]
fn a_waker_of_the_past_does_no_harm() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim, &options());
    server.settings(&[]);
    let handle = connection.clone();
    let mut future = Box::pin(async move { handle.send(Request::get("/")).await.map(|_| ()) });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    sim.run();
    drop(future);
    sim.run();
    server.send(HEADERS, END_HEADERS | END_STREAM, 1, OK);
    sim.run();
    assert!(connection.is_reusable(), "the answer crossed the reset");
}

/// A server whose page promises two others.
fn pushing() -> Router {
    Router::new()
        .get("/", || avx_http::Response::from("page").push("/style").push("/script"))
        .get("/style", || "style")
        .get("/script", || vec![b'x'; 200_000])
}

#[test]
fn rfc9113_8_4_promised_responses_come_to_those_who_ask_for_them() {
    let sim = Sim::new();
    let mut options = options();
    options.config.h2.push = true;
    let (_server, connection) = serve_for(&sim, Config::default(), pushing(), &options);
    let pushed = Arc::new(Mutex::new(Vec::new()));
    let promises = pushed.clone();
    let request = Request::get("/").on_push(move |promise| promises.lock().unwrap().push(promise));
    let page = response(&sim, &connection, request);
    assert_eq!(collect(&sim, page.into_body()).take(), Some(Ok(b"page".to_vec())));
    let mut pushed = std::mem::take(&mut *pushed.lock().unwrap());
    assert_eq!(pushed.iter().map(|p| p.target()).collect::<Vec<_>>(), [&b"/style"[..], b"/script"]);
    assert_eq!(pushed[0].authority(), b"a");
    drop(pushed.pop());
    let style = pushed.remove(0);
    let style = sim.block_on(async move { style.response().await }).unwrap();
    assert_eq!((style.status().code(), style.version()), (200, Version::Http2));
    assert_eq!(collect(&sim, style.into_body()).take(), Some(Ok(b"style".to_vec())));
    assert!(connection.is_reusable());
    drop(connection);
    sim.run();
    assert_eq!(sim.tasks(), 1, "only the server is left");
}

#[test]
fn promises_that_nobody_asked_for_are_refused() {
    let sim = Sim::new();
    // The request's fields, `:method: GET`, `:scheme: http`, `:path: /` and `:authority`.
    let promise = |stream: u8, authority: &[u8; 1]| {
        [&[0, 0, 0, stream], &b"\x82\x86\x84\x41\x01"[..], authority].concat()
    };
    let mut wanted = options();
    wanted.config.h2.push = true;
    for hook in [false, true] {
        let (connection, mut server) = connect(&sim, &wanted);
        server.settings(&[]);
        let request = if hook { Request::get("/").on_push(drop) } else { Request::get("/") };
        let sent = send(&sim, &connection, request);
        server.send(5, END_HEADERS, 1, &promise(2, b"a"));
        server.send(5, END_HEADERS, 1, &promise(4, b"b"));
        server.send(HEADERS, END_HEADERS | END_STREAM, 1, OK);
        sim.run();
        let mut resets = server.resets();
        resets.sort_by_key(|reset| reset.0);
        assert_eq!(resets, [(2, ErrorCode::CANCEL), (4, ErrorCode::PROTOCOL_ERROR)]);
        assert!(sent.take().unwrap().is_ok());
    }
    // The settings say that none is taken.
    let (connection, mut server) = connect(&sim, &options());
    server.settings(&[]);
    server.send(SETTINGS, 1, 0, &[]);
    let sent = send(&sim, &connection, Request::get("/").on_push(drop));
    server.frames();
    server.send(5, END_HEADERS, 1, &promise(2, b"a"));
    sim.run();
    assert!(matches!(sent.take().unwrap(), Err(Error::Peer(PeerError::UnexpectedPush))));
    assert_eq!(server.streams(GOAWAY), [0]);
}
