//! Memory of HTTP/2: nothing is allocated once warm, nothing a peer sends makes a connection hold more than
//! its limits say, and idle connections and streams hold little.

mod counting;
mod h2_support;

use avx_core::h2::frame::Kind;
use avx_core::h2::{Client, Server};
use avx_core::{BodyLen, Config, Event, Field, Http, Method, Request, Response, Scratch, Session, Status};
use counting::{HELD, allocations, peak};
use h2_support::*;
use std::sync::Arc;
use std::time::Duration;

/// A client and a server in sessions.
struct Pipe {
    client: Session<Client>,
    server: Session<Server>,
    scratch: Scratch,
}

impl Pipe {
    fn new() -> Self {
        let mut config = Config::default();
        config.h2.max_streams = 10_000;
        let config = Arc::new(config);
        Pipe {
            client: Session::new(Client::new(config.clone(), NOW), &config),
            server: Session::new(Server::new(config.clone(), NOW), &config),
            scratch: Scratch::new(),
        }
    }

    fn request(&mut self, method: Method<'_>, fields: &[Field<'_>], content: &[u8]) {
        let (m, out) = self.client.parts(&mut self.scratch);
        let request = Request { method, target: b"/some/path?query", authority: b"example.org", fields };
        let body = if content.is_empty() { BodyLen::Empty } else { BodyLen::Streaming };
        let stream = m.send_request(NOW, &request, body, out).unwrap();
        if !content.is_empty() {
            assert_eq!(m.send_data(NOW, stream, content, out), Ok(content.len()));
            m.send_end(NOW, stream, &[], out).unwrap();
        }
    }

    /// Answers everything, or nothing, until nothing moves.
    fn run(&mut self, answering: bool) {
        loop {
            let up = self.client.write_buf().len();
            self.server.read_from(NOW, &mut self.scratch, self.client.write_buf());
            self.client.did_write(NOW, up);
            while let Some(turn) = self.server.turn(NOW, &mut self.scratch).unwrap() {
                match turn.event {
                    Event::Data { stream, credit, .. } => turn.machine.release(stream, credit),
                    Event::End { stream, .. } if answering => {
                        let fields = [Field::new("Content-Type", "text/plain"), Field::new("x-id", "7")];
                        let ok = Response::new(Status::OK, &fields);
                        turn.machine.send_full(NOW, stream, &ok, b"hello", turn.out).unwrap();
                    }
                    _ => {}
                }
            }
            let down = self.server.write_buf().len();
            self.client.read_from(NOW, &mut self.scratch, self.server.write_buf());
            self.server.did_write(NOW, down);
            while let Some(turn) = self.client.turn(NOW, &mut self.scratch).unwrap() {
                if let Event::Data { stream, credit, .. } = turn.event {
                    turn.machine.release(stream, credit);
                }
            }
            if up + down == 0 && self.client.write_buf().is_empty() {
                break;
            }
        }
        self.client.rest(&mut self.scratch);
        self.server.rest(&mut self.scratch);
    }

    fn round(&mut self) {
        let fields = [Field::new("User-Agent", "test"), Field::new("accept", "*/*")];
        for _ in 0..50 {
            self.request(Method::Get, &fields, b"");
        }
        for _ in 0..50 {
            self.request(Method::Post, &fields, b"content");
        }
        self.run(true);
    }
}

#[test]
fn warm_ends_allocate_nothing() {
    let mut pipe = Pipe::new();
    (0..3).for_each(|_| pipe.round());
    assert_eq!(allocations(|| pipe.round()), 0);
}

#[test]
fn an_idle_connection_is_small_and_so_is_an_open_stream() {
    let mut pipe = Pipe::new();
    pipe.round();
    drop(pipe);
    let before = HELD.get();
    let mut pipe = Pipe::new();
    let scratch = Scratch::new();
    let mut warm = std::mem::replace(&mut pipe.scratch, scratch);
    pipe.round();
    std::mem::swap(&mut pipe.scratch, &mut warm);
    drop(warm);
    let later = NOW + Duration::from_secs(2);
    pipe.client.timed_out(later);
    pipe.server.timed_out(later);
    let idle = HELD.get() - before + (size_of::<Session<Client>>() + size_of::<Session<Server>>()) as isize;
    assert!(idle / 2 < 6 << 10, "{} bytes an end", idle / 2);

    let mut pipe = Pipe::new();
    pipe.round();
    let before = HELD.get();
    for _ in 0..80 {
        (0..100).for_each(|_| pipe.request(Method::Get, &[], b""));
        pipe.run(false);
    }
    let each = (HELD.get() - before) / 16_000;
    assert!(each < 400, "{each} bytes a stream and end");
}

/// What one connection may cost at its worst under the default limits, buffers of the session included: a
/// field block of 128 KiB in a buffer that doubles, its text, tables, waiting answers.
const BOUND: isize = 700 << 10;

#[test]
fn no_input_makes_a_server_hold_more_than_its_limits_say() {
    let many = |one: &dyn Fn(u32) -> Vec<u8>, n: u32| (0..n).flat_map(one).collect::<Vec<u8>>();
    let inputs: Vec<Vec<u8>> = vec![
        many(&|i| get(2 * i + 1), 20_000),
        many(&|i| post(2 * i + 1), 20_000),
        many(&|i| [get(2 * i + 1), reset(2 * i + 1, avx_core::ErrorCode::CANCEL)].concat(), 20_000),
        many(&|_| ping(0, b"12345678"), 100_000),
        many(&|_| settings(&[(4, 1), (1, 0)]), 20_000),
        many(&|i| priority_update(2 * i + 1, "u=1"), 20_000),
        many(&|i| priority(2 * i + 1, 0, 1), 20_000),
        [frame(Kind::HEADERS, 0, 1, &vec![0x82; 16_384]), continuation(1, 0, &vec![0x82; 16_384]).repeat(50)]
            .concat(),
        headers(1, END_STREAM, &[block(&GET), vec![0x84; 16_000]].concat()).repeat(20),
        many(
            &|i| {
                let bomb = [&b"\x82\x86\x84\x41\x01a\x40\x01b\x7f\xa1\x1e"[..], &[b'x'; 4000]].concat();
                headers(2 * i + 1, END_STREAM, &[bomb, vec![0xbe; 7]].concat())
            },
            500,
        ),
        [post(1), many(&|_| data(1, 0, b"x"), 100_000)].concat(),
        [post(1), data(1, 0, &[b'x'; 16_384]).repeat(200)].concat(),
        frame(Kind(0xee), 0, 0, &[0; 16_384]).repeat(200),
        frame(Kind::GOAWAY, 0, 0, &[0; 16_384]).repeat(200),
    ];
    for (i, input) in inputs.iter().enumerate() {
        let input = [greeting(), input.clone()].concat();
        let held = peak(|| {
            let config = Config::default();
            let mut session = Session::new(Server::new(Arc::new(config), NOW), &config);
            let mut scratch = Scratch::new();
            for piece in input.chunks(10_000) {
                session.read_from(NOW, &mut scratch, piece);
                while let Ok(Some(_)) = session.turn(NOW, &mut scratch) {}
                // The peer reads nothing: what is written stays.
                if session.error().is_some() {
                    break;
                }
            }
        });
        assert!(held <= BOUND, "input {i} makes a connection hold {held} bytes");
    }
}
