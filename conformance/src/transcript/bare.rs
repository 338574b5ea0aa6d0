//! A bare machine with the simplest driver there can be, which checks the contract on its way.

use super::call::Call;
use super::format::Case;
use super::play::Subject;
use super::render::Log;
use avx_core::{Config, Http, Instant, PeerError, Recv, Scratch};
use std::fmt::Debug;
use std::sync::Arc;

/// A machine, the bytes it has not consumed, and what was observed.
pub(super) struct Bare<M> {
    machine: M,
    scratch: Scratch,
    now: Instant,
    input: Vec<u8>,
    out: Vec<u8>,
    log: Log,
    error: Option<PeerError>,
    switched: bool,
    /// Length of the input before which no event was to come.
    event_from: usize,
    faults: String,
    closed: (bool, bool),
    eof: bool,
}

impl<M: Http + Debug> Bare<M> {
    pub(super) fn new(machine: impl FnOnce(Arc<Config>, Instant) -> M, case: &Case) -> Self {
        let now = Instant::from_millis(1000);
        Bare {
            machine: machine(Arc::new(case.config), now),
            scratch: Scratch::new(),
            now,
            input: Vec::new(),
            out: Vec::new(),
            log: Log::new(case.goodbyes),
            error: None,
            switched: false,
            event_from: 0,
            faults: String::new(),
            closed: (false, false),
            eof: false,
        }
    }

    fn drain(&mut self) {
        let mut idle = 0;
        while !self.switched {
            match self.machine.recv(self.now, &mut self.input, &mut self.scratch) {
                Ok(Recv::Event { consumed, event }) => {
                    self.log.event(&event);
                    if self.input.len() < self.event_from && !self.eof {
                        self.faults.push_str(&format!(
                            "  an event after {} bytes, none promised before {}\n",
                            self.input.len(),
                            self.event_from
                        ));
                    }
                    self.event_from = 0;
                    self.input.drain(..consumed);
                    idle = if consumed == 0 { idle + 1 } else { 0 };
                    if idle > 3 {
                        self.faults.push_str("  an event without progress\n");
                        break;
                    }
                }
                Ok(Recv::NeedMore { consumed, at_least }) => {
                    self.input.drain(..consumed);
                    if at_least == 0 {
                        self.faults.push_str("  at_least is zero\n");
                    }
                    self.event_from = self.input.len() + at_least;
                    break;
                }
                Ok(Recv::Paused) => {
                    self.event_from = 0;
                    break;
                }
                Ok(Recv::Switched { consumed, to }) => {
                    self.input.drain(..consumed);
                    self.log.switched(to);
                    self.switched = true;
                }
                Err(error) => {
                    match self.error {
                        Some(first) if first != error => self.faults.push_str("  the error changed\n"),
                        Some(_) => {}
                        None => {
                            self.error = Some(error);
                            let again = self.machine.recv(self.now, &mut self.input, &mut self.scratch);
                            if again.err() != Some(error) {
                                self.faults.push_str("  the error is not sticky\n");
                            }
                            self.machine.transmit(self.now, &mut self.out);
                            self.log.error(error, &mut self.out);
                        }
                    }
                    self.input.clear();
                    break;
                }
            }
        }
        if self.error.is_some() && !self.switched {
            let end = self.machine.recv(self.now, &mut self.input, &mut self.scratch).err();
            if end != self.error {
                self.faults.push_str("  the error is not sticky\n");
            }
        }
        self.machine.transmit(self.now, &mut self.out);
    }
}

impl<M: Http + Debug> Subject for Bare<M> {
    fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.drain();
    }

    fn eof(&mut self, with: &[u8]) {
        self.input.extend_from_slice(with);
        self.eof = true;
        self.machine.recv_eof(self.now);
        self.drain();
    }

    fn call(&mut self, call: &Call) {
        // What the user does may be what an event was waiting for.
        self.event_from = 0;
        if let Some(time) = call.time() {
            let before = format!("{:?}", self.machine);
            self.machine.handle_timeout(self.now);
            if format!("{:?}", self.machine) != before {
                self.faults.push_str("  an early time-out did something\n");
            }
            self.now = self.now + time;
            self.machine.handle_timeout(self.now);
        }
        let before = (format!("{:?}", self.machine), self.out.len());
        if let Err(report) = call.make(&mut self.machine, self.now, &mut self.out) {
            self.faults.push_str(&report);
        }
        if call.fails() && (format!("{:?}", self.machine), self.out.len()) != before {
            self.faults.push_str("  a refused call changed something\n");
        }
        self.drain();
    }

    fn observe(&mut self) -> (Log, Vec<u8>, String) {
        let closed = (self.machine.is_send_closed(), self.machine.is_closed());
        if closed != self.closed {
            self.log.closing(closed);
            self.closed = closed;
        }
        if self.switched {
            self.log.leftover(&std::mem::take(&mut self.input));
        }
        (self.log.take(), std::mem::take(&mut self.out), std::mem::take(&mut self.faults))
    }
}
