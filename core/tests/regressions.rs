//! Faults that were found once, each as small as it can be shown.

use avx_core::h1::{Client, Server};
use avx_core::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Initiator, Instant, Machine, Method, PeerError, Recv,
    Request, Response, Scratch, Status, StreamId, UsageError,
};
use core::time::Duration;
use std::sync::Arc;

const NOW: Instant = Instant::ZERO;
const ONE: StreamId = StreamId(1);

fn server() -> Server {
    Server::new(Arc::new(Config::default()), NOW)
}

fn client() -> Client {
    Client::new(Arc::new(Config::default()), NOW)
}

/// Names of the events up to the next rest, and the error if there is one. Consumed bytes are dropped.
fn drain(m: &mut impl Http, input: &mut Vec<u8>) -> (Vec<String>, Option<PeerError>) {
    let mut scratch = Scratch::new();
    let mut events = Vec::new();
    loop {
        let consumed = match m.recv(NOW, input, &mut scratch) {
            Ok(Recv::Event { consumed, event }) => {
                events.push(match event {
                    Event::Request { .. } => "request".into(),
                    Event::Response { .. } => "response".into(),
                    Event::Data { data, .. } => format!("data {}", data.len()),
                    Event::End { .. } => "end".into(),
                    Event::Reset { by: Initiator::Local, .. } => "reset".into(),
                    other => format!("{other:?}"),
                });
                consumed
            }
            Ok(Recv::NeedMore { consumed, .. }) => {
                input.drain(..consumed);
                return (events, None);
            }
            Ok(_) => return (events, None),
            Err(error) => return (events, Some(error)),
        };
        input.drain(..consumed);
    }
}

fn get(m: &mut Client) -> Vec<u8> {
    let mut out = Vec::new();
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
    m.send_request(NOW, &request, BodyLen::Empty, &mut out).unwrap();
    out
}

#[test]
fn a_goodbye_after_a_head_request_has_its_content() {
    let (mut m, mut out) = (server(), Vec::new());
    drain(&mut m, &mut b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec());
    m.send_full(NOW, ONE, &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
    out.clear();
    assert_eq!(drain(&mut m, &mut b"(".to_vec()).1, Some(PeerError::BadMethod));
    m.transmit(NOW, &mut out);
    assert!(out.ends_with(b"(RFC 9112, section 3.1)\n"), "{}", out.escape_ascii());
}

#[test]
fn a_request_cut_off_during_its_response_closes_at_once() {
    let (mut m, mut out) = (server(), Vec::new());
    drain(&mut m, &mut b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab".to_vec());
    m.send_response(NOW, ONE, &Response::new(Status::OK, &[]), BodyLen::Streaming, &mut out).unwrap();
    m.recv_eof(NOW);
    assert_eq!(drain(&mut m, &mut Vec::new()).1, Some(PeerError::UnexpectedEof));
    assert!(m.is_closed());
    assert_eq!(drain(&mut m, &mut Vec::new()).1, Some(PeerError::UnexpectedEof));
}

#[test]
fn an_error_is_not_replaced_by_the_end_of_a_drain() {
    let mut m = server();
    assert_eq!(drain(&mut m, &mut b"(".to_vec()).1, Some(PeerError::BadMethod));
    m.shutdown(NOW);
    m.handle_timeout(NOW + Duration::from_secs(3600));
    assert_eq!(drain(&mut m, &mut Vec::new()).1, Some(PeerError::BadMethod));
}

#[test]
fn a_drain_that_ends_while_lingering_is_no_error() {
    let (mut m, mut out) = (server(), Vec::new());
    drain(&mut m, &mut b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec());
    m.shutdown(NOW);
    m.send_full(NOW, ONE, &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
    m.handle_timeout(NOW + Duration::from_secs(3600));
    assert_eq!(drain(&mut m, &mut Vec::new()).1, None);
    assert!(m.is_closed());
}

#[test]
fn a_client_that_waits_for_100_is_not_too_slow() {
    let mut m = server();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    drain(&mut m, &mut head.to_vec());
    assert_eq!(m.poll_timeout(), None, "the server has not invited the content yet");
    m.send_informational(NOW, ONE, &Response::new(Status::CONTINUE, &[]), &mut Vec::new()).unwrap();
    drain(&mut m, &mut Vec::new());
    assert!(m.poll_timeout().is_some());
}

#[test]
fn time_that_runs_backwards_while_content_is_waited_for_adds_up_to_no_more_than_time_has() {
    let mut m = server();
    drain(&mut m, &mut b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".to_vec());
    for _ in 0..3 {
        m.hold(Instant::from_nanos(u64::MAX));
        assert_eq!(drain(&mut m, &mut Vec::new()), (vec![], None), "{NOW:?} again");
    }
    assert!(m.poll_timeout().is_some());
}

#[test]
fn content_nobody_reads_is_passed_on_up_to_the_limit_whatever_the_cutting() {
    let run = |cut: usize| {
        let (mut m, mut out) = (server(), Vec::new());
        drain(&mut m, &mut b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec());
        m.send_full(NOW, ONE, &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
        let body = [&b"80000\r\n"[..], &vec![b'x'; 0x80000]].concat();
        let (mut data, mut resets) = (0, 0);
        for piece in body.chunks(cut) {
            for event in drain(&mut m, &mut piece.to_vec()).0 {
                match event.strip_prefix("data ") {
                    Some(n) => data += n.parse::<usize>().unwrap(),
                    None => resets += 1,
                }
            }
        }
        (data, resets)
    };
    assert_eq!(run(usize::MAX), (256 << 10, 1));
    assert_eq!(run(1000), (256 << 10, 1));
    assert_eq!(run(65536), (256 << 10, 1));
}

#[test]
fn empty_lines_before_the_close_are_no_request() {
    let mut m = server();
    let mut input = b"\r\n\r\n".to_vec();
    drain(&mut m, &mut input);
    m.recv_eof(NOW);
    assert_eq!(drain(&mut m, &mut input).1, None);
    assert!(m.is_closed());
}

#[test]
fn an_error_of_the_server_stays_whatever_the_user_of_the_client_does() {
    let mut m = client();
    get(&mut m);
    assert_eq!(drain(&mut m, &mut b"(".to_vec()).1, Some(PeerError::BadVersion));
    m.reset(NOW, ONE, ErrorCode::CANCEL);
    assert_eq!(drain(&mut m, &mut Vec::new()).1, Some(PeerError::BadVersion));

    let mut m = client();
    assert_eq!(drain(&mut m, &mut b"x".to_vec()).1, Some(PeerError::UnexpectedBytes));
    m.shutdown(NOW);
    assert_eq!(drain(&mut m, &mut Vec::new()).1, Some(PeerError::UnexpectedBytes));
}

#[test]
fn a_tunnel_outlives_the_shutdown_of_its_machines() {
    let (mut m, mut out) = (client(), Vec::new());
    let request = Request { method: Method::Connect, target: b"a:1", authority: b"a:1", fields: &[] };
    m.send_request(NOW, &request, BodyLen::Empty, &mut out).unwrap();
    drain(&mut m, &mut b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    m.shutdown(NOW);
    assert!(matches!(m.recv(NOW, &mut [], &mut Scratch::new()), Ok(Recv::Switched { .. })));

    let mut m = server();
    drain(&mut m, &mut b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_vec());
    m.shutdown(NOW);
    m.send_full(NOW, ONE, &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
    m.handle_timeout(NOW + Duration::from_secs(3600));
    assert!(matches!(m.recv(NOW, &mut [], &mut Scratch::new()), Ok(Recv::Switched { .. })));
}

#[test]
fn a_method_is_known_by_its_name_however_it_was_made() {
    let (mut m, mut out) = (client(), Vec::new());
    let request = Request { method: Method::Extension(b"HEAD"), target: b"/", authority: b"a", fields: &[] };
    m.send_request(NOW, &request, BodyLen::Empty, &mut out).unwrap();
    let mut input = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec();
    assert_eq!(drain(&mut m, &mut input), (vec!["response".into(), "end".into()], None));
}

#[test]
fn a_client_that_closes_with_its_last_request_reads_the_responses_before() {
    let (mut m, mut out) = (client(), Vec::new());
    get(&mut m);
    let close = [avx_core::Field::new("Connection", "close")];
    let request = Request { method: Method::Get, target: b"/2", authority: b"a", fields: &close };
    m.send_request(NOW, &request, BodyLen::Empty, &mut out).unwrap();
    let mut input = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_vec();
    assert_eq!(drain(&mut m, &mut input).0, ["response", "end", "response", "end"]);
    assert!(m.is_closed());
}

#[test]
fn what_follows_a_response_that_closes_is_ignored_even_while_the_request_is_being_sent() {
    let (mut m, mut out) = (client(), Vec::new());
    let request = Request { method: Method::Post, target: b"/", authority: b"a", fields: &[] };
    m.send_request(NOW, &request, BodyLen::Exact(5), &mut out).unwrap();
    let mut input = b"HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 0\r\n\r\nmore".to_vec();
    assert_eq!(drain(&mut m, &mut input), (vec!["response".into(), "end".into()], None));
    assert!(m.is_closed());
}

#[test]
fn an_empty_line_behind_the_last_request_is_no_request() {
    for tail in ["\r\n", "\r", "\r\n\r\n"] {
        let (mut m, mut out) = (server(), Vec::new());
        let mut input = format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{tail}").into_bytes();
        drain(&mut m, &mut input);
        m.send_full(NOW, ONE, &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
        assert_eq!(drain(&mut m, &mut input), (vec![], None));
        m.recv_eof(NOW);
        assert_eq!(drain(&mut m, &mut input), (vec![], None), "{tail:?}");
        assert!(m.is_closed());
    }
}

#[test]
fn time_without_a_reader_does_not_count_against_the_peer() {
    let mut m = server();
    let mut input = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".to_vec();
    drain(&mut m, &mut input);
    let deadline = m.poll_timeout().expect("content is waited for");
    m.hold(NOW);
    assert_eq!(m.poll_timeout(), None);
    m.handle_timeout(deadline);
    // The reader is back, much later: the grace begins where it stopped.
    let later = deadline + Duration::from_secs(100);
    let mut scratch = Scratch::new();
    assert!(matches!(m.recv(later, &mut [], &mut scratch), Ok(Recv::NeedMore { .. })));
    assert_eq!(m.poll_timeout(), Some(later + Config::default().timeouts.body_grace));
}

/// RFC 9110, section 10.1.1: content may come without the 100 it might have waited for, all of it.
#[test]
fn content_that_ended_before_its_100_is_not_waited_for() {
    let (mut m, mut out) = (server(), Vec::new());
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut input = [&head[..], b"0\r\n\r\n"].concat();
    assert_eq!(drain(&mut m, &mut input).0, ["request", "end"]);
    m.send_informational(NOW, ONE, &Response::new(Status::CONTINUE, &[]), &mut out).unwrap();
    assert_eq!(m.poll_timeout(), None);
    m.handle_timeout(NOW + Duration::from_secs(3600));
    assert_eq!(drain(&mut m, &mut input), (vec![], None));
    m.send_full(NOW, ONE, &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
}

/// RFC 9112, section 6.3: a Content-Length announces content, and would have the server take the next
/// request for it.
#[test]
fn a_request_without_content_announces_none() {
    for method in [Method::Get, Method::Head, Method::Delete, Method::Options] {
        for (value, want) in [("5", Err(UsageError::FramingField)), ("0", Ok(ONE))] {
            let (mut m, mut out) = (client(), Vec::new());
            let fields = [Field::new("content-length", value)];
            let request = Request { method, target: b"/", authority: b"a", fields: &fields };
            assert_eq!(m.send_request(NOW, &request, BodyLen::Empty, &mut out), want, "{method:?}");
            assert_eq!(out.is_empty(), want.is_err());
        }
    }
}

#[test]
fn content_that_waits_for_100_is_refused_once_the_connection_has_ended() {
    let (mut m, mut out) = (client(), Vec::new());
    let fields = [Field::new("expect", "100-continue")];
    let request = Request { method: Method::Post, target: b"/", authority: b"a", fields: &fields };
    let stream = m.send_request(NOW, &request, BodyLen::Exact(3), &mut out).unwrap();
    assert_eq!(m.send_data(NOW, stream, b"abc", &mut out), Ok(0));
    m.recv_eof(NOW);
    assert_eq!(drain(&mut m, &mut Vec::new()).1, Some(PeerError::UnexpectedEof));
    assert_eq!(m.send_data(NOW, stream, b"abc", &mut out), Err(UsageError::UnknownStream));
    assert_eq!(m.frame_data(NOW, stream, 3, &mut out), Err(UsageError::UnknownStream));
}

#[test]
fn what_came_fast_buys_no_long_silence() {
    let mut m = server();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
    let mut input = head.as_bytes().to_vec();
    input.resize(input.len() + (10 << 20), b'x');
    drain(&mut m, &mut input);
    assert_eq!(m.poll_timeout(), Some(NOW + Config::default().timeouts.idle));
}

#[test]
fn rfc9110_15_3_6_a_205_has_no_content_and_says_so() {
    for request in
        ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"]
    {
        let (mut m, mut out) = (server(), Vec::new());
        drain(&mut m, &mut request.as_bytes().to_vec());
        let reset = Response::new(Status::RESET_CONTENT, &[]);
        assert_eq!(m.send_full(NOW, ONE, &reset, b"more", &mut out), Err(UsageError::BodyNotAllowed));
        for body in [BodyLen::Exact(4), BodyLen::Streaming] {
            assert_eq!(m.send_response(NOW, ONE, &reset, body, &mut out), Err(UsageError::BodyNotAllowed));
        }
        assert!(out.is_empty());
        m.send_full(NOW, ONE, &reset, b"", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 205 Reset Content\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(text.contains("Content-Length: 0\r\n"), "{text}");
    }
}
