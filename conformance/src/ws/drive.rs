//! The simplest driver of a bare WebSocket machine. It checks on its way what every machine promises.

use avx_core::ws::role::Role;
use avx_core::ws::{CloseCode, Connection, Event, Kind};
use avx_core::{Instant, Machine, PeerError, Recv, Scratch};
use std::fmt::Debug;
use std::time::Duration;

/// An event, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Pieces of one message that followed each other, joined; whether the message ends.
    Data(Kind, Vec<u8>, bool),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The peer's close frame.
    Close(CloseCode, String),
}

/// What a user does behind an event.
pub type Answer<'a, R> = &'a mut dyn FnMut(Instant, &Seen, &mut Connection<R>, &mut Vec<u8>);

/// A machine, the input it has not consumed, and everything observed.
#[derive(Debug)]
pub struct Driver<R> {
    /// The machine.
    pub machine: Connection<R>,
    /// What time it is.
    pub now: Instant,
    /// Bytes the machine has not consumed.
    pub input: Vec<u8>,
    /// Bytes written so far.
    pub out: Vec<u8>,
    /// Events so far.
    pub seen: Vec<Seen>,
    /// The error, once there is one.
    pub error: Option<PeerError>,
    /// Breaches of the contract.
    pub faults: Vec<String>,
    scratch: Scratch,
    /// Length of the input before which no event was to come.
    event_from: usize,
    eof: bool,
}

/// A whole control frame, and its header.
const LARGEST_NEED: usize = 125 + 6;

impl<R: Role> Driver<R> {
    /// A driver of `machine`, which was made at `now`.
    pub fn new(machine: Connection<R>, now: Instant) -> Self {
        Driver {
            machine,
            now,
            input: Vec::new(),
            out: Vec::new(),
            seen: Vec::new(),
            error: None,
            faults: Vec::new(),
            scratch: Scratch::new(),
            event_from: 0,
            eof: false,
        }
    }

    /// Bytes arrive, and nobody answers.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_with(bytes, &mut |_, _, _, _| {});
    }

    /// Bytes arrive; `answer` is called behind each event.
    pub fn feed_with(&mut self, bytes: &[u8], answer: Answer<'_, R>) {
        self.input.extend_from_slice(bytes);
        self.drain(answer);
    }

    /// Nothing arrives behind the bytes not yet consumed.
    pub fn eof(&mut self) {
        self.eof = true;
        self.machine.recv_eof(self.now);
        self.drain(&mut |_, _, _, _| {});
    }

    /// The user calls.
    pub fn call<T>(&mut self, call: impl FnOnce(&mut Connection<R>, Instant, &mut Vec<u8>) -> T) -> T {
        call(&mut self.machine, self.now, &mut self.out)
    }

    /// Everything up to the next rest.
    pub fn drain(&mut self, answer: Answer<'_, R>) {
        let mut idle = 0;
        loop {
            let quiet = self.input.is_empty() && self.error.is_none() && self.machine.is_quiet();
            if self.machine.wants_transmit() {
                self.machine.transmit(self.now, &mut self.out);
            }
            match self.machine.recv(self.now, &mut self.input, &mut self.scratch) {
                Ok(Recv::Event { consumed, event }) => {
                    let seen = Seen::from(&event);
                    if self.error.is_some() {
                        self.faults.push(format!("{seen:?} behind an error"));
                    }
                    if self.input.len() < self.event_from {
                        let (len, from) = (self.input.len(), self.event_from);
                        self.faults.push(format!("an event within {len} bytes, none promised before {from}"));
                    }
                    if quiet {
                        self.faults.push(format!("{seen:?} of a machine that had nothing to tell"));
                    }
                    self.event_from = 0;
                    self.input.drain(..consumed);
                    // What was compressed comes out bit by bit, of which there is some end.
                    idle = if consumed > 0 { 0 } else { idle + 1 };
                    if idle > 100_000 {
                        self.faults.push("events without progress".into());
                        return;
                    }
                    answer(self.now, &seen, &mut self.machine, &mut self.out);
                    self.push(seen);
                }
                Ok(Recv::NeedMore { consumed, at_least }) => {
                    self.input.drain(..consumed);
                    if at_least == 0 || at_least > LARGEST_NEED {
                        self.faults.push(format!("at_least is {at_least}"));
                    }
                    self.event_from = self.input.len() + at_least;
                    break;
                }
                Ok(other) => {
                    self.faults.push(format!("{other:?}"));
                    return;
                }
                Err(error) => {
                    if self.error.is_some_and(|first| first != error) {
                        self.faults.push(format!("{:?} became {error:?}", self.error));
                    }
                    self.error = Some(error);
                    self.input.clear();
                    break;
                }
            }
        }
        if self.error.is_some() {
            for input in [&mut [][..], &mut b"\x81\x80\0\0\0\0".clone()] {
                let again = self.machine.recv(self.now, input, &mut self.scratch);
                if again.err() != self.error {
                    self.faults.push("the error is not sticky".into());
                }
            }
        }
        self.machine.transmit(self.now, &mut self.out);
    }

    fn push(&mut self, seen: Seen) {
        match (self.seen.last_mut(), seen) {
            (Some(Seen::Data(of, data, last @ false)), Seen::Data(kind, more, end)) => {
                if *of != kind {
                    self.faults.push("a message changes its kind".into());
                }
                data.extend(more);
                *last = end;
            }
            (_, seen) => self.seen.push(seen),
        }
    }
}

impl<R: Role> Driver<R> {
    /// Lets time pass, and checks that time-outs fire neither early nor twice.
    pub fn pass(&mut self, time: Duration) {
        let show = |machine: &Connection<R>| format!("{machine:?}");
        let before = show(&self.machine);
        if self.machine.poll_timeout().is_none_or(|at| at > self.now) {
            self.machine.handle_timeout(self.now);
            if show(&self.machine) != before {
                self.faults.push("an early time-out did something".into());
            }
        }
        self.now = self.now + time;
        let due = self.machine.poll_timeout().is_some_and(|at| at <= self.now);
        self.machine.handle_timeout(self.now);
        let once = show(&self.machine);
        if !due && once != before {
            self.faults.push("a time-out that was not due did something".into());
        }
        if self.machine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.faults.push("a time-out is due again at once".into());
        }
        self.machine.handle_timeout(self.now);
        if show(&self.machine) != once {
            self.faults.push("a time-out fired twice".into());
        }
        self.drain(&mut |_, _, _, _| {});
    }
}

impl From<&Event<'_>> for Seen {
    /// # Panics
    /// On an event unknown here, and on data without bytes that does not end a message.
    fn from(event: &Event<'_>) -> Self {
        match event {
            Event::Data { kind, data, last } => {
                assert!(*last || !data.is_empty(), "data without bytes");
                Seen::Data(*kind, data.to_vec(), *last)
            }
            Event::Ping { data } => Seen::Ping(data.to_vec()),
            Event::Pong { data } => Seen::Pong(data.to_vec()),
            Event::Close { code, reason } => Seen::Close(*code, (*reason).to_string()),
            other => panic!("unknown here: {other:?}"),
        }
    }
}
