//! A bare machine behind the simplest driver there can be.

use super::call::Call;
use super::format::Case;
use super::play::Subject;
use super::render::Log;
use crate::drive::Driver;
use avx_core::{Config, Http, Instant};
use std::fmt::Debug;
use std::sync::Arc;

/// A driver, and how much of what it observed has been told.
pub(super) struct Bare<M> {
    driver: Driver<M>,
    log: Log,
    failed: bool,
    switched: bool,
    closed: (bool, bool),
}

impl<M: Http + Debug> Bare<M> {
    pub(super) fn new(machine: impl FnOnce(Arc<Config>, Instant) -> M, case: &Case) -> Self {
        let now = Instant::from_millis(1000);
        Bare {
            driver: Driver::new(machine(Arc::new(case.config), now), now),
            log: Log::new(case.goodbyes),
            failed: false,
            switched: false,
            closed: (false, false),
        }
    }

    /// Tells what has happened.
    fn tell(&mut self) {
        self.driver.seen.drain(..).for_each(|seen| self.log.event(&seen));
        if let (Some(error), false) = (self.driver.error, self.failed) {
            self.failed = true;
            self.log.error(error, &mut self.driver.out);
        }
        if let (Some(to), false) = (self.driver.switched, self.switched) {
            self.switched = true;
            self.log.switched(to);
        }
    }
}

impl<M: Http + Debug> Subject for Bare<M> {
    fn feed(&mut self, bytes: &[u8]) {
        self.driver.feed(bytes);
        self.tell();
    }

    fn eof(&mut self, with: &[u8]) {
        self.driver.input.extend_from_slice(with);
        self.driver.eof_with(&mut |_, _, _, _| {});
        self.tell();
    }

    fn call(&mut self, call: &Call) {
        if let Some(time) = call.time() {
            self.driver.pass(time);
        }
        let before = (format!("{:?}", self.driver.machine), self.driver.out.len());
        let result = self.driver.call(|machine, now, out| call.make(machine, now, out));
        self.driver.faults.extend(result.err());
        if call.fails() && (format!("{:?}", self.driver.machine), self.driver.out.len()) != before {
            self.driver.faults.push("a refused call changed something".into());
        }
        self.driver.feed(&[]);
        self.tell();
    }

    fn observe(&mut self) -> (Log, Vec<u8>, String) {
        let closed = (self.driver.machine.is_send_closed(), self.driver.machine.is_closed());
        if closed != self.closed {
            self.log.closing(closed);
            self.closed = closed;
        }
        if self.switched {
            self.log.leftover(&std::mem::take(&mut self.driver.input));
        }
        let faults = self.driver.faults.drain(..).map(|fault| format!("  {fault}\n")).collect();
        (self.log.take(), std::mem::take(&mut self.driver.out), faults)
    }
}
