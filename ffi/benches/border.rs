//! What the border to C costs: 16 pipelined requests per read through a session, and through the functions that C calls.
//! `cargo bench -p avx-ffi --bench border`; `-- session N` or `-- c N` runs one side N times and prints nothing, for
//! counting instructions.
#![allow(unsafe_code, reason = "C's side")]

use avx::*;
use avx_core::{Config, Event, Field, Http, Instant, Response, Session, Status, any};
use core::ptr;
use std::hint::black_box;
use std::sync::Arc;

const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const CONTENT: &[u8] = b"Hello, World!";

struct Rust {
    session: Session<any::Server>,
    scratch: avx_core::Scratch,
    input: Vec<u8>,
}

impl Rust {
    fn new() -> Self {
        let config = Arc::new(Config::default());
        let session = Session::new(any::Server::new(config.clone(), Instant::ZERO), &config);
        Rust { session, scratch: avx_core::Scratch::new(), input: REQUEST.repeat(16) }
    }

    fn run(&mut self) -> usize {
        let now = Instant::from_nanos(1);
        self.session.read_from(now, &mut self.scratch, &self.input);
        while let Some(turn) = self.session.turn(now, &mut self.scratch).expect("valid") {
            if let Event::Request { stream, head, .. } = turn.event {
                black_box(head.path());
                let fields = [Field::new("Content-Type", "text/plain")];
                let response = Response::new(Status::OK, &fields);
                turn.machine.send_full(now, stream, &response, CONTENT, turn.out).expect("room");
            }
        }
        let n = self.session.write_buf().len();
        self.session.did_write(now, n);
        n
    }
}

struct C {
    connection: *mut Connection,
    scratch: *mut Scratch,
    input: Vec<u8>,
}

impl C {
    fn new() -> Self {
        let mut connection = ptr::null_mut();
        // SAFETY: a place to write to. (The handles live as long as the program.)
        assert_eq!(unsafe { avx_server_new(ptr::null(), 0, 0, &raw mut connection) }, 0);
        C { connection, scratch: avx_scratch_new(), input: REQUEST.repeat(16) }
    }

    fn run(&mut self) -> usize {
        let (c, s, mut event) = (self.connection, self.scratch, ptr::null());
        let bytes = |text: &'static [u8]| Bytes { data: text.as_ptr(), len: text.len() };
        let field = avx::Field { name: bytes(b"Content-Type"), value: bytes(b"text/plain"), sensitive: 0 };
        // SAFETY: handles and bytes of this struct, and events that are looked at while they are valid.
        unsafe {
            avx_read_from(c, s, 1, self.input.as_ptr(), self.input.len());
            while avx_next(c, s, 1, &raw mut event) == 0 && !event.is_null() {
                if (*event).kind == EventKind::AvxEventRequest {
                    black_box((*event).path);
                    let (stream, content) = ((*event).stream, CONTENT.as_ptr());
                    let sent =
                        avx_send_full(c, s, 1, stream, 200, &raw const field, 1, content, CONTENT.len());
                    assert_eq!(sent, 0);
                }
            }
            let mut step = core::mem::zeroed::<Step>();
            avx_next_step(c, s, &raw mut step);
            avx_did_write(c, 1, step.bytes.len);
            step.bytes.len
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (mut session, mut c) = (Rust::new(), C::new());
    if let Some(count) = args.last().and_then(|n| n.parse::<usize>().ok()) {
        for _ in 0..count {
            black_box(if args.iter().any(|a| a == "c") { c.run() } else { session.run() });
        }
        return;
    }
    assert_eq!(session.run(), c.run());
    let (mut rust, mut border) = (Vec::new(), Vec::new());
    for _ in 0..61 {
        rust.push(time(|| session.run()));
        border.push(time(|| c.run()));
    }
    let (rust, border) = (median(rust), median(border));
    println!("session {rust:.1} ns a request, C {border:.1} ns, ratio {:.2}", border / rust);
}

/// Nanoseconds a request.
fn time(mut f: impl FnMut() -> usize) -> f64 {
    const ROUNDS: u32 = 1000;
    let begun = std::time::Instant::now();
    for _ in 0..ROUNDS {
        black_box(f());
    }
    begun.elapsed().as_nanos() as f64 / f64::from(ROUNDS) / 16.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
