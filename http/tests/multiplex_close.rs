//! How connections of HTTP/2 end: drained, broken, stalled, dropped.

mod support;
#[path = "support/client.rs"]
mod wire;

use avx_core::{ErrorCode, Initiator, PeerError};
use avx_http::{Body, BodyError, Chunk, OwnedRequest, Response, Router, Source, Status};
use conformance::h2::frames::*;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use support::{Gate, Sim};
use wire::{Alive, Client, INITIAL_WINDOW, Reports, server, waits};

type Piece = Option<Result<Chunk, BodyError>>;

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
    let reset = BodyError::Reset { code: ErrorCode::CANCEL, by: Initiator::Remote };
    assert!(matches!(heard[0], Some(Err(error)) if error == reset));
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
