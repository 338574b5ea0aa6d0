//! A machine in a [`Session`], driven as an embedder would.

use super::call::Call;
use super::format::Case;
use super::play::Subject;
use super::render::Log;
use crate::drive::Seen;
use avx_core::{Config, Http, Instant, Machine, PeerError, Scratch, Session};
use std::sync::Arc;

/// A session and what was observed.
pub(super) struct Seated<M> {
    session: Session<M>,
    scratch: Scratch,
    now: Instant,
    out: Vec<u8>,
    log: Log,
    error: Option<PeerError>,
    switched: bool,
    faults: String,
    closed: (bool, bool),
}

impl<M: Http> Seated<M> {
    pub(super) fn new(machine: impl FnOnce(Arc<Config>, Instant) -> M, case: &Case) -> Self {
        let now = Instant::from_millis(1000);
        Seated {
            session: Session::new(machine(Arc::new(case.config), now), &case.config),
            scratch: Scratch::new(),
            now,
            out: Vec::new(),
            log: Log::new(case.goodbyes),
            error: None,
            switched: false,
            faults: String::new(),
            closed: (false, false),
        }
    }

    fn turn(&mut self) {
        loop {
            match self.session.turn(self.now, &mut self.scratch) {
                Ok(Some(turn)) => {
                    self.log.event(&Seen::from(&turn.event));
                }
                Ok(None) => break,
                Err(error) => {
                    if self.error.is_none() {
                        self.write();
                        self.log.error(error, &mut self.out);
                        self.error = Some(error);
                    }
                    break;
                }
            }
        }
        self.write();
        if let (Some(to), false) = (self.session.switched(), self.switched) {
            self.switched = true;
            self.log.switched(to);
        }
        self.session.rest(&mut self.scratch);
    }

    /// Takes the output in pieces, as a socket would.
    fn write(&mut self) {
        while !self.session.write_buf().is_empty() {
            let n = self.session.write_buf().len().min(7);
            self.out.extend_from_slice(&self.session.write_buf()[..n]);
            self.session.did_write(self.now, n);
        }
    }
}

impl<M: Http + Machine> Subject for Seated<M> {
    fn feed(&mut self, bytes: &[u8]) {
        self.session.read_from(self.now, &mut self.scratch, bytes);
        self.turn();
    }

    fn eof(&mut self, with: &[u8]) {
        self.session.read_from(self.now, &mut self.scratch, with);
        self.session.did_read(self.now, 0);
        self.turn();
    }

    fn call(&mut self, call: &Call) {
        if let Some(time) = call.time() {
            self.now = self.now + time;
            self.session.timed_out(self.now);
        }
        let (machine, out) = self.session.parts(&mut self.scratch);
        if let Err(report) = call.make(machine, self.now, out) {
            self.faults.push_str(&format!("  {report}\n"));
        }
        self.turn();
    }

    fn observe(&mut self) -> (Log, Vec<u8>, String) {
        let closed = (self.session.wants_shutdown(), self.session.is_closed());
        if closed != self.closed {
            self.log.closing(closed);
            self.closed = closed;
        }
        if self.switched {
            self.log.leftover(self.session.unread());
            self.session.discard(usize::MAX);
        }
        (self.log.take(), std::mem::take(&mut self.out), std::mem::take(&mut self.faults))
    }
}
