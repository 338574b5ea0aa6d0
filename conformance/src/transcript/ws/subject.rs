//! A WebSocket machine that a transcript is played to: bare, and in a session.

use crate::transcript::call::Call;
use crate::transcript::format::{Case, Role};
use crate::transcript::play::Subject;
use crate::transcript::render::Log;
use crate::ws::{Driver, Seen};
use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::Role as End;
use avx_core::ws::{Client, Connection, Server};
use avx_core::{Instant, Machine, PeerError, Scratch, Session};
use std::sync::Arc;

const NOW: Instant = Instant::from_millis(1000);

/// The machine of a case behind the simplest driver there can be.
pub(in crate::transcript) fn bare(case: &Case) -> Box<dyn Subject> {
    match case.role {
        Role::Server => Box::new(Bare::new(server(case), case)),
        Role::Client => Box::new(Bare::new(client(case), case)),
    }
}

/// The machine of a case in a session.
pub(in crate::transcript) fn seated(case: &Case) -> Box<dyn Subject> {
    match case.role {
        Role::Server => Box::new(Seated::new(server(case), case)),
        Role::Client => Box::new(Seated::new(client(case), case)),
    }
}

fn server(case: &Case) -> Server {
    deflating(Server::new(Arc::new(case.config), NOW), case)
}

fn client(case: &Case) -> Client {
    deflating(Client::new(Arc::new(case.config), NOW, MaskKeys::new([1; 32])), case)
}

#[cfg(feature = "deflate")]
fn deflating<R: End>(machine: Connection<R>, case: &Case) -> Connection<R> {
    let Some(offer) = &case.deflate else { return machine };
    let mut deflate = avx_core::ws::Deflate::default();
    (deflate.window_bits, deflate.peer_window_bits) = (15, 15);
    match avx_core::ws::extension::agree([offer.as_bytes()], &deflate) {
        Some(agreed) => machine.with_deflate(&agreed),
        None => panic!("nobody can agree to {offer:?}"),
    }
}

#[cfg(not(feature = "deflate"))]
fn deflating<R: End>(machine: Connection<R>, case: &Case) -> Connection<R> {
    assert!(case.deflate.is_none(), "built without compression");
    machine
}

/// A driver, and how much of what it observed has been told.
struct Bare<R> {
    driver: Driver<R>,
    log: Log,
    failed: bool,
    closed: (bool, bool),
}

impl<R: End> Bare<R> {
    fn new(machine: Connection<R>, case: &Case) -> Self {
        Bare {
            driver: Driver::new(machine, NOW),
            log: Log::new(case.goodbyes),
            failed: false,
            closed: (false, false),
        }
    }

    /// Tells what has happened.
    fn tell(&mut self) {
        self.driver.seen.drain(..).for_each(|seen| self.log.ws_event(&seen));
        if let (Some(error), false) = (self.driver.error, self.failed) {
            self.failed = true;
            self.log.error(error, &mut self.driver.out);
        }
    }
}

impl<R: End> Subject for Bare<R> {
    fn feed(&mut self, bytes: &[u8]) {
        self.driver.feed(bytes);
        self.tell();
    }

    fn eof(&mut self, with: &[u8]) {
        self.driver.input.extend_from_slice(with);
        self.driver.eof();
        self.tell();
    }

    fn call(&mut self, call: &Call) {
        if let Some(time) = call.time() {
            self.driver.pass(time);
        }
        let before = (format!("{:?}", self.driver.machine), self.driver.out.len());
        let result = self.driver.call(|machine, now, out| call.make_ws(machine, now, out));
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
        let faults = self.driver.faults.drain(..).map(|fault| format!("  {fault}\n")).collect();
        (self.log.take(), std::mem::take(&mut self.driver.out), faults)
    }
}

/// A session and what was observed.
struct Seated<R> {
    session: Session<Connection<R>>,
    scratch: Scratch,
    now: Instant,
    out: Vec<u8>,
    log: Log,
    error: Option<PeerError>,
    faults: String,
    closed: (bool, bool),
}

impl<R: End> Seated<R> {
    fn new(machine: Connection<R>, case: &Case) -> Self {
        Seated {
            session: Session::new(machine, &case.config),
            scratch: Scratch::new(),
            now: NOW,
            out: Vec::new(),
            log: Log::new(case.goodbyes),
            error: None,
            faults: String::new(),
            closed: (false, false),
        }
    }

    fn turn(&mut self) {
        loop {
            match self.session.turn(self.now, &mut self.scratch) {
                Ok(Some(turn)) => self.log.ws_event(&Seen::from(&turn.event)),
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

impl<R: End> Subject for Seated<R>
where
    Connection<R>: Machine,
{
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
        if let Err(report) = call.make_ws(machine, self.now, out) {
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
        (self.log.take(), std::mem::take(&mut self.out), std::mem::take(&mut self.faults))
    }
}
