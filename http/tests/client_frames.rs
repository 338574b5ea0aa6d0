//! The client of HTTP/2 frame by frame: the test writes what the server says.

#[path = "support/asking.rs"]
mod asking;
mod support;

use asking::*;
use avx_core::PeerError;
use avx_http::client::{Error, Request};
use avx_http::{Body, BodyError, ErrorCode, Initiator};
use std::task::{Context, Waker};
use std::time::Duration;
use support::Sim;

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

#[test]
fn credit_comes_back_when_a_body_is_read_and_not_before() {
    let sim = Sim::new();
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
}

#[test]
fn giving_up_resets_the_stream_and_nothing_else() {
    let sim = Sim::new();
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
