//! Echo servers of this crate.

use crate::turns::Run;
use crate::wire::Wire;
use avx_core::ws::{Event, Server};
use avx_core::{Config, Instant, Machine, Recv, Scratch, Session, SliceOutput};
use std::ops::Range;
use std::sync::Arc;

/// A payload beyond this is written from where it lies, behind its header, instead of copied.
const DIRECT: usize = 4096;

struct Echo {
    wire: Wire,
    session: Session<Server>,
    scratch: Scratch,
}

impl Echo {
    fn new(wire: Wire) -> Self {
        let config = Arc::new(Config::default());
        let session = Session::new(Server::new(config.clone(), Instant::ZERO), &config);
        Echo { wire, session, scratch: Scratch::new() }
    }

    fn read(&mut self, now: Instant) {
        let n = self.wire.take(self.session.read_buf(&mut self.scratch));
        self.session.did_read(now, n);
    }

    fn write(&mut self, now: Instant) {
        let n = self.session.write_buf().len();
        if n > 0 {
            self.wire.put(self.session.write_buf());
            self.session.did_write(now, n);
        }
    }

    /// Answers what there is, piece by piece; returns how many messages ended.
    fn echo(&mut self, now: Instant) -> usize {
        let mut messages = 0;
        while let Some(turn) = self.session.turn(now, &mut self.scratch).expect("no error") {
            let Event::Data { kind, data, last } = turn.event else { panic!("only messages come") };
            messages += usize::from(last);
            if data.len() <= DIRECT {
                turn.machine.send(now, kind, data, last, turn.out).expect("room");
                continue;
            }
            let len = data.len();
            turn.machine.frame(now, kind, len as u64, last, turn.out).expect("room");
            let header = turn.out.pending();
            let wrote = header.len();
            self.wire.put(header);
            self.wire.put(data);
            self.session.did_write(now, wrote);
            self.session.did_write_content(now, len, 0);
        }
        messages
    }

    /// What a driver does before it waits.
    fn rest(&mut self) {
        std::hint::black_box(self.session.deadline());
        self.session.rest(&mut self.scratch);
    }
}

/// A session of a machine in a driver's loop: one write for all that one read brought. Text is checked as it
/// arrives, and pieces of messages are answered as pieces.
pub fn pieces(wire: Wire, batch: usize) -> Run<'static> {
    let mut echo = Echo::new(wire);
    let now = Instant::ZERO;
    Box::new(move |n| {
        for _ in 0..n {
            let mut messages = 0;
            while messages < batch {
                echo.read(now);
                messages += echo.echo(now);
                echo.write(now);
                echo.rest();
            }
        }
    })
}

/// The machine with an input of its own, in which the pieces of a message stay until it is whole: they lie side by
/// side unless the client sent fragments. Messages are answered in one frame, as the peers do.
struct Whole {
    wire: Wire,
    machine: Server,
    scratch: Scratch,
    /// Unread input is `input[start..end]`.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// The message at hand, as far as it has come.
    message: Range<usize>,
    out: Vec<u8>,
}

impl Whole {
    fn read(&mut self) {
        if self.message.is_empty() && self.start == self.end {
            (self.start, self.end, self.message) = (0, 0, 0..0);
        }
        if self.end == self.input.len() {
            self.input.resize(2 * self.input.len(), 0);
        }
        self.end += self.wire.take(&mut self.input[self.end..]);
    }

    fn echo(&mut self, now: Instant) -> usize {
        let (mut messages, mut filled) = (0, 0);
        loop {
            let input = &mut self.input[self.start..self.end];
            let (len, kind, last) = match self.machine.recv(now, input, &mut self.scratch).expect("no error")
            {
                Recv::Event { consumed, event: Event::Data { kind, data, last } } => {
                    self.start += consumed;
                    (data.len(), kind, last)
                }
                Recv::NeedMore { consumed, .. } => {
                    self.start += consumed;
                    break;
                }
                _ => panic!("only messages come"),
            };
            let piece = self.start - len..self.start;
            if self.message.is_empty() {
                self.message = piece;
            } else {
                if piece.start != self.message.end {
                    self.input.copy_within(piece, self.message.end);
                }
                self.message.end += len;
            }
            if !last {
                continue;
            }
            messages += 1;
            let message = &self.input[std::mem::take(&mut self.message)];
            let mut out = SliceOutput::new(&mut self.out[filled..]);
            if message.len() <= DIRECT {
                self.machine.send(now, kind, message, true, &mut out).expect("room");
                filled += out.len();
            } else {
                self.machine.frame(now, kind, message.len() as u64, true, &mut out).expect("room");
                filled += out.len();
                self.wire.put(&self.out[..filled]);
                self.wire.put(message);
                filled = 0;
            }
        }
        let mut out = SliceOutput::new(&mut self.out[filled..]);
        self.machine.transmit(now, &mut out);
        filled += out.len();
        if filled > 0 {
            self.wire.put(&self.out[..filled]);
        }
        messages
    }
}

/// A server that joins messages where they arrive.
pub fn whole(wire: Wire, batch: usize) -> Run<'static> {
    let now = Instant::ZERO;
    let mut server = Whole {
        wire,
        machine: Server::new(Arc::default(), now),
        scratch: Scratch::new(),
        input: vec![0; 64 << 10],
        start: 0,
        end: 0,
        message: 0..0,
        out: vec![0; 64 << 10],
    };
    Box::new(move |n| {
        for _ in 0..n {
            let mut messages = 0;
            while messages < batch {
                server.read();
                messages += server.echo(now);
            }
        }
    })
}
