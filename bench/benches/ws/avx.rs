//! Echo servers of this crate.

use crate::turns::Run;
use crate::wire::Wire;
use avx_core::ws::{Event, Server};
use avx_core::{Config, Instant, Scratch, Session};
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

    /// Answers what there is, messages as a whole: pieces are joined first.
    fn echo_whole(&mut self, now: Instant, joined: &mut Vec<u8>) -> usize {
        let mut messages = 0;
        while let Some(turn) = self.session.turn(now, &mut self.scratch).expect("no error") {
            let Event::Data { kind, data, last } = turn.event else { panic!("only messages come") };
            let mut message = &*data;
            if !last || !joined.is_empty() {
                joined.extend_from_slice(data);
                message = joined;
            }
            if !last {
                continue;
            }
            messages += 1;
            if message.len() <= DIRECT {
                turn.machine.send(now, kind, message, true, turn.out).expect("room");
                joined.clear();
                continue;
            }
            let len = message.len();
            turn.machine.frame(now, kind, len as u64, true, turn.out).expect("room");
            let header = turn.out.pending();
            let wrote = header.len();
            self.wire.put(header);
            self.wire.put(message);
            joined.clear();
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

/// The same, with messages of several pieces joined and answered as one frame, as the peers do.
pub fn whole(wire: Wire, batch: usize) -> Run<'static> {
    let mut echo = Echo::new(wire);
    let now = Instant::ZERO;
    let mut joined = Vec::new();
    Box::new(move |n| {
        for _ in 0..n {
            let mut messages = 0;
            while messages < batch {
                echo.read(now);
                messages += echo.echo_whole(now, &mut joined);
                echo.write(now);
                echo.rest();
            }
        }
    })
}
