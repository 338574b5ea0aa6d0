//! Callers of a client in the simulation, and a server of HTTP/2 that writes its frames by hand.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use crate::support::{Remote, Sim, pair};
use avx_http::client::{Connection, Error, Options, Protocol, Request, Response};
use avx_http::rt::Runtime;
use avx_http::{Body, BodyError, ErrorCode, Peer};
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// The options of a client of HTTP/2.
pub fn options() -> Options {
    let mut options = Options::default();
    options.protocol = Protocol::Http2;
    options
}

/// A connection to a peer that the test plays.
pub fn connect(sim: &Sim, options: &Options) -> (Connection, Rude) {
    let (ours, theirs) = pair();
    let connection = Connection::over(sim, ours, Peer::Unix, "a", options);
    sim.run();
    (connection, Rude { remote: Remote(theirs), input: Vec::new() })
}

/// A server that writes frames by hand.
pub struct Rude {
    pub remote: Remote,
    input: Vec<u8>,
}

/// A frame that the client sent: type, flags, stream, payload.
pub type Frame = (u8, u8, u32, Vec<u8>);

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// `:status: 200`
pub const OK: &[u8] = &[0x88];

impl Rude {
    pub fn send(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.remote.send(frame);
    }

    pub fn settings(&self, settings: &[(u16, u32)]) {
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.send(SETTINGS, 0, 0, &payload);
    }

    pub fn reset(&self, stream: u32, code: ErrorCode) {
        self.send(RST_STREAM, 0, stream, &code.0.to_be_bytes());
    }

    pub fn go_away(&self, last: u32, code: ErrorCode) {
        self.send(GOAWAY, 0, 0, &[last.to_be_bytes(), code.0.to_be_bytes()].concat());
    }

    /// The frames that have come.
    pub fn frames(&mut self) -> Vec<Frame> {
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
    pub fn streams(&mut self, kind: u8) -> Vec<u32> {
        self.frames().into_iter().filter(|frame| frame.0 == kind).map(|frame| frame.2).collect()
    }

    /// The codes of the resets that have come, with their streams.
    pub fn resets(&mut self) -> Vec<(u32, ErrorCode)> {
        let frames = self.frames().into_iter().filter(|frame| frame.0 == RST_STREAM);
        frames.map(|(_, _, stream, code)| (stream, ErrorCode(code[3].into()))).collect()
    }
}

/// Something under way in a task of its own; dropped with this.
pub struct Pending<T> {
    slot: Arc<Mutex<Option<T>>>,
    abandoned: Arc<Mutex<(bool, Option<Waker>)>>,
}

impl<T: Send + 'static> Pending<T> {
    pub fn start(sim: &Sim, future: impl Future<Output = T> + Send + 'static) -> Self {
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

    pub fn take(&self) -> Option<T> {
        self.slot.lock().unwrap().take()
    }

    /// Nobody waits for it any more.
    pub fn give_up(self, sim: &Sim) {
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

pub fn send(sim: &Sim, connection: &Connection, request: Request) -> Pending<Result<Response, Error>> {
    let connection = connection.clone();
    Pending::start(sim, async move { connection.send(request).await })
}

pub fn response(sim: &Sim, connection: &Connection, request: Request) -> Response {
    send(sim, connection, request).take().expect("an end").expect("a response")
}

pub fn collect(sim: &Sim, body: Body) -> Pending<Result<Vec<u8>, BodyError>> {
    Pending::start(sim, async move { body.collect(100 << 20).await })
}
