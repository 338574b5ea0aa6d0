//! Memory: nothing is allocated once warm, and nothing a peer sends makes a connection hold more than its
//! limits say.

mod counting;

use avx_core::h1::{Client, Server};
use avx_core::{
    BodyLen, Config, Event, Field, Http, Instant, Method, Request, Response, Scratch, Session, Status,
    StreamId,
};
use counting::{HELD, allocations, peak};
use std::sync::Arc;

const NOW: Instant = Instant::ZERO;

fn server() -> Session<Server> {
    let config = Config::default();
    Session::new(Server::new(Arc::new(config), NOW), &config)
}

fn client() -> Session<Client> {
    let config = Config::default();
    Session::new(Client::new(Arc::new(config), NOW), &config)
}

/// Bytes arrive, every request is answered at its end, the answers leave, and the buffers go back.
fn serve(session: &mut Session<Server>, scratch: &mut Scratch, mut wire: &[u8], streaming: bool) {
    while !wire.is_empty() {
        let buf = session.read_buf(scratch);
        let n = buf.len().min(wire.len());
        buf[..n].copy_from_slice(&wire[..n]);
        session.did_read(NOW, n);
        wire = &wire[n..];
        loop {
            match session.turn(NOW, scratch) {
                Ok(Some(turn)) => {
                    if let Event::End { stream, .. } = turn.event {
                        answer(turn.machine, stream, turn.out, streaming);
                    }
                    continue;
                }
                Ok(None) => {}
                Err(_) => return,
            }
            let n = session.write_buf().len();
            if n == 0 {
                break;
            }
            session.did_write(NOW, n);
        }
        session.rest(scratch);
    }
}

fn answer(m: &mut Server, stream: StreamId, out: &mut dyn avx_core::Output, streaming: bool) {
    let fields = [Field::new("content-type", "text/plain")];
    let ok = Response::new(Status::OK, &fields);
    if streaming {
        m.send_response(NOW, stream, &ok, BodyLen::Streaming, out).unwrap();
        m.send_data(NOW, stream, b"hello", out).unwrap();
        m.send_end(NOW, stream, &[Field::new("x-sum", "1")], out).unwrap();
    } else {
        m.send_full(NOW, stream, &ok, b"hello", out).unwrap();
    }
}

/// Sends `count` pipelined requests and reads their responses, of `response` each.
fn fetch(session: &mut Session<Client>, scratch: &mut Scratch, count: usize, response: &[u8], body: BodyLen) {
    for _ in 0..count {
        let (m, out) = session.parts(scratch);
        let fields = [Field::new("accept", "*/*")];
        let request = Request { method: Method::Post, target: b"/", authority: b"a", fields: &fields };
        let stream = m.send_request(NOW, &request, body, out).unwrap();
        if body != BodyLen::Empty {
            m.send_data(NOW, stream, b"hello", out).unwrap();
            m.send_end(NOW, stream, &[], out).unwrap();
        }
    }
    let n = session.write_buf().len();
    session.did_write(NOW, n);
    let mut ends = 0;
    for _ in 0..count {
        let buf = session.read_buf(scratch);
        buf[..response.len()].copy_from_slice(response);
        session.did_read(NOW, response.len());
    }
    while let Some(turn) = session.turn(NOW, scratch).unwrap() {
        ends += usize::from(matches!(turn.event, Event::End { .. }));
    }
    session.rest(scratch);
    assert_eq!(ends, count);
}

#[test]
fn a_warm_server_allocates_nothing_for_pipelined_requests() {
    let wire =
        b"GET /some/path?query HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nX: y\r\n\r\n".repeat(16);
    let (mut session, mut scratch) = (server(), Scratch::new());
    serve(&mut session, &mut scratch, &wire, false);
    assert_eq!(allocations(|| serve(&mut session, &mut scratch, &wire, false)), 0);
    assert_eq!(allocations(|| serve(&mut session, &mut scratch, &wire, true)), 0);
}

#[test]
fn a_warm_server_allocates_nothing_for_content() {
    let content = vec![b'x'; 100_000];
    let head = b"POST / HTTP/1.1\r\nHost: a\r\n";
    let length = [head, &b"Content-Length: 100000\r\n\r\n"[..], &content].concat();
    let chunked = [
        head,
        &b"Transfer-Encoding: chunked\r\n\r\n186a0;a=b\r\n"[..],
        &content,
        b"\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n",
    ]
    .concat();
    let (mut session, mut scratch) = (server(), Scratch::new());
    serve(&mut session, &mut scratch, &length, true);
    serve(&mut session, &mut scratch, &chunked, true);
    assert_eq!(allocations(|| serve(&mut session, &mut scratch, &length, false)), 0);
    assert_eq!(allocations(|| serve(&mut session, &mut scratch, &chunked, true)), 0);
}

#[test]
fn a_fresh_connection_allocates_nothing_from_a_warm_scratch() {
    let wire = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let config = Arc::new(Config::default());
    let mut scratch = Scratch::new();
    serve(&mut server(), &mut scratch, wire, false);
    let count = allocations(|| {
        let mut session = Session::new(Server::new(config.clone(), NOW), &config);
        serve(&mut session, &mut scratch, wire, false);
    });
    assert_eq!(count, 0);
}

#[test]
fn a_warm_client_allocates_nothing() {
    let length = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
    let (mut session, mut scratch) = (client(), Scratch::new());
    fetch(&mut session, &mut scratch, 16, chunked, BodyLen::Streaming);
    assert_eq!(allocations(|| fetch(&mut session, &mut scratch, 16, length, BodyLen::Empty)), 0);
    assert_eq!(allocations(|| fetch(&mut session, &mut scratch, 16, length, BodyLen::Exact(5))), 0);
    assert_eq!(allocations(|| fetch(&mut session, &mut scratch, 16, chunked, BodyLen::Streaming)), 0);
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut scratch = Scratch::new();
    serve(&mut server(), &mut scratch, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
    let before = HELD.get();
    let mut sessions = Vec::with_capacity(100);
    let list = HELD.get() - before;
    let config = Arc::new(Config::default());
    for _ in 0..100 {
        let mut session = Session::new(Server::new(config.clone(), NOW), &config);
        serve(&mut session, &mut scratch, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
        sessions.push(session);
    }
    let beyond = HELD.get() - before - list;
    assert!(beyond < 1000, "100 idle sessions hold {beyond} bytes beyond themselves");
    assert!(size_of::<Session<Server>>() < 512, "{}", size_of::<Session<Server>>());
}

#[test]
fn a_connection_with_part_of_a_head_holds_that_part() {
    let mut scratch = Scratch::new();
    serve(&mut server(), &mut scratch, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
    let mut session = server();
    let before = HELD.get();
    serve(&mut session, &mut scratch, b"GET / HTTP/1.1\r\nHost: ", false);
    assert!(HELD.get() - before <= 32, "{}", HELD.get() - before);
}

/// What one connection may cost at its worst under the default limits: a head of 64 KiB in a buffer that
/// doubles to keep room behind it, spans for its lines, a buffer of output, and the moment of growth.
const BOUND: isize = (128 + 64 + 64 + 64) << 10;

#[test]
fn no_input_makes_a_server_hold_more_than_its_limits_say() {
    let long = |line: &str, n: usize| [b"GET / HTTP/1.1\r\nHost: a\r\n", line.repeat(n).as_bytes()].concat();
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let inputs: [Vec<u8>; 9] = [
        long(&format!("X: {}\r\n", "x".repeat(15_000)), 1000),
        long("X: y\r\n", 100_000),
        vec![b'G'; 1 << 20],
        b"\r\n".repeat(100_000),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n".to_vec(),
        [&post[..], &b"7fffffffffffffff;a\r\n"[..], &vec![b'x'; 1 << 20]].concat(),
        [&post[..], &b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(100_000)].concat(),
        [&post[..], b"0\r\n", &b"X: y\r\n".repeat(100_000)].concat(),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10_000),
    ];
    for (i, input) in inputs.iter().enumerate() {
        let held = peak(|| {
            let (mut session, mut scratch) = (server(), Scratch::new());
            for piece in input.chunks(1000) {
                serve(&mut session, &mut scratch, piece, false);
            }
        });
        assert!(held <= BOUND, "input {i} makes a connection hold {held} bytes");
    }
}

#[test]
fn no_input_makes_a_client_hold_more_than_its_limits_say() {
    let inputs: [Vec<u8>; 4] = [
        [b"HTTP/1.1 200 OK\r\n", &b"X: y\r\n".repeat(100_000)[..]].concat(),
        b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n".repeat(10_000),
        [b"HTTP/1.1 200 OK\r\n\r\n", &vec![b'x'; 1 << 20][..]].concat(),
        [b"HTTP/1.1 200 OK\r\nX:", &b"\r\n x".repeat(100_000)[..]].concat(),
    ];
    for (i, input) in inputs.iter().enumerate() {
        let held = peak(|| {
            let (mut session, mut scratch) = (client(), Scratch::new());
            let (m, out) = session.parts(&mut scratch);
            let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
            m.send_request(NOW, &request, BodyLen::Empty, out).unwrap();
            for piece in input.chunks(1000) {
                session.read_from(NOW, &mut scratch, piece);
                while let Ok(Some(_)) = session.turn(NOW, &mut scratch) {}
                session.rest(&mut scratch);
            }
        });
        assert!(held <= BOUND, "input {i} makes a connection hold {held} bytes");
    }
}
