//! A machine with its buffers: all that a driver does, short of the system calls.
//!
//! ```text
//! loop {
//!     while let Some(turn) = session.turn(now, scratch)? { answer turn.event through turn.machine, turn.out }
//!     write session.write_buf(), then session.did_write(now, n)
//!     if session.wants_shutdown() { shut the sending side down once }
//!     if session.is_closed() { reset the transport if session.wants_reset(), else close it; stop }
//!     if session.wants_read() { read into session.read_buf(scratch), then session.did_read(now, n) }
//!     session.rest(scratch); wait for the socket or until session.deadline(), then session.timed_out(now)
//! }
//! ```
//!
//! Buffers come from the [`Scratch`] of the thread and go back to it with [`Session::rest`]: a
//! connection with nothing pending holds none, one with an incomplete unit holds just those bytes.

use crate::{Config, Full, Http, Instant, Machine, Output, PeerError, Protocol, Recv, Scratch};
use alloc::{vec, vec::Vec};
use core::time::Duration;

/// Bytes of a pooled buffer.
const BUFFER: usize = 64 << 10;
/// Spare buffers a [`Scratch`] keeps at most.
const SPARE: usize = 8;

/// A machine, the input it has not consumed, and the output that has not left.
#[derive(Debug)]
pub struct Session<M> {
    machine: M,
    input: Input,
    out: Outgoing,
    patience: Patience,
    /// When output that waits has waited too long.
    stalls_at: Option<Instant>,
    /// Output was dropped.
    cut: bool,
    failed: Option<PeerError>,
    /// What may still be read since then, bytes: the peer goes on in good faith for a while.
    spill: u32,
    /// The driver was told to shut the sending side down.
    pub(crate) shut: bool,
    switched: Option<Protocol>,
}

/// One event with what is needed to answer it.
#[derive(Debug)]
pub struct Turn<'a, M: Machine> {
    /// What happened.
    pub event: M::Event<'a>,
    /// The machine, for the user side of the protocol.
    pub machine: &'a mut M,
    /// Where answers go.
    pub out: &'a mut Outgoing,
}

impl<M: Machine> Session<M> {
    /// A session over a fresh machine.
    pub fn new(machine: M, config: &Config) -> Self {
        Session {
            machine,
            input: Input::default(),
            out: Outgoing::default(),
            patience: Patience::new(config),
            stalls_at: None,
            cut: false,
            failed: None,
            spill: config.limits.unread_body,
            shut: false,
            switched: None,
        }
    }

    /// The next event, or `None` when there is none before bytes were read or written.
    ///
    /// # Errors
    /// The peer broke the protocol. The answer that is due is in [`write_buf`](Self::write_buf).
    /// Every later call says the same; unread input is discarded. Go on writing and reading until
    /// [`is_closed`](Self::is_closed).
    #[inline(always)]
    pub fn turn<'a>(
        &'a mut self,
        now: Instant,
        scratch: &'a mut Scratch,
    ) -> Result<Option<Turn<'a, M>>, PeerError> {
        if self.switched.is_some() {
            return Ok(None);
        }
        self.out.lend(scratch);
        if self.machine.wants_transmit() {
            self.machine.transmit(now, &mut self.out);
        }
        let input = &mut self.input;
        let (start, end) = (input.start, input.end);
        match self.machine.recv(now, &mut input.bytes[start..end], scratch) {
            Ok(Recv::Event { consumed, event }) => {
                input.start += consumed;
                Ok(Some(Turn { event, machine: &mut self.machine, out: &mut self.out }))
            }
            Ok(Recv::NeedMore { consumed, .. }) => {
                input.start += consumed;
                self.machine.transmit(now, &mut self.out);
                Ok(None)
            }
            Ok(Recv::Paused) => {
                self.machine.transmit(now, &mut self.out);
                Ok(None)
            }
            Ok(Recv::Switched { consumed, to }) => {
                input.start += consumed;
                self.switched = Some(to);
                Ok(None)
            }
            Err(error) => {
                input.start = input.end;
                self.machine.transmit(now, &mut self.out);
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// As [`turn`](Self::turn), but there is no event while output waits that leaves less than `room` bytes beside it:
    /// whoever answers while he holds an event finds as much room. The peer's time stands still meanwhile
    /// ([`hold`](Self::hold)). With nothing waiting everything fits, whatever its size.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn turn_with_room<'a>(
        &'a mut self,
        now: Instant,
        scratch: &'a mut Scratch,
        room: usize,
    ) -> Result<Option<Turn<'a, M>>, PeerError> {
        if !self.out.is_empty() && self.out.room() < room {
            self.hold(now);
            return Ok(None);
        }
        self.turn(now, scratch)
    }

    /// The machine and the output, for answers that come later than their event.
    #[inline]
    pub fn parts(&mut self, scratch: &mut Scratch) -> (&mut M, &mut Outgoing) {
        self.out.lend(scratch);
        (&mut self.machine, &mut self.out)
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, for what its user says without writing: credit, interest, a reset. What that leads to on the wire
    /// is written by the next [`turn`](Self::turn).
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Where to read into; never empty.
    #[inline]
    pub fn read_buf(&mut self, scratch: &mut Scratch) -> &mut [u8] {
        self.input.free(scratch)
    }

    /// `n` bytes were read into [`read_buf`](Self::read_buf); 0 is the end of the input.
    #[inline]
    pub fn did_read(&mut self, now: Instant, n: usize) {
        if n == 0 {
            self.machine.recv_eof(now);
        }
        if self.failed.is_some() {
            self.spill = self.spill.saturating_sub(n as u32);
        }
        self.input.end += n;
        debug_assert!(self.input.end <= self.input.bytes.len(), "read beyond the buffer lent");
    }

    /// Takes input from elsewhere: the convenient form of `read_buf` and `did_read`.
    pub fn read_from(&mut self, now: Instant, scratch: &mut Scratch, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let free = self.read_buf(scratch);
            let n = free.len().min(bytes.len());
            free[..n].copy_from_slice(&bytes[..n]);
            self.did_read(now, n);
            bytes = &bytes[n..];
        }
    }

    /// Input that no event has consumed yet: after a switch, the first bytes of the next protocol.
    pub fn unread(&self) -> &[u8] {
        &self.input.bytes[self.input.start..self.input.end]
    }

    /// Drops `n` bytes of [`unread`](Self::unread), for those who speak the next protocol themselves.
    pub fn discard(&mut self, n: usize) {
        self.input.start = self.input.end.min(self.input.start + n);
    }

    /// Bytes to write.
    #[inline]
    pub fn write_buf(&self) -> &[u8] {
        self.out.pending()
    }

    /// `n` bytes of [`write_buf`](Self::write_buf) were written; 0 when the transport takes none now.
    #[inline]
    pub fn did_write(&mut self, now: Instant, n: usize) {
        self.out.sent += n;
        debug_assert!(self.out.sent <= self.out.filled, "wrote beyond the output");
        if self.out.sent == self.out.filled {
            (self.out.sent, self.out.filled) = (0, 0);
            self.leave(now);
        } else {
            self.wait(now, n);
        }
    }

    /// The embedder itself has framed content to write behind the output (see
    /// [`Http::frame_data`]); `n` bytes of it just left, and `rest` are still
    /// to write. Keeps the deadline of what waits as `did_write` does.
    pub fn did_write_content(&mut self, now: Instant, n: usize, rest: usize) {
        if rest == 0 && self.out.is_empty() {
            self.leave(now);
        } else {
            self.wait(now, n);
        }
    }

    /// All output has left.
    #[inline]
    fn leave(&mut self, now: Instant) {
        if self.stalls_at.is_some() {
            self.stalls_at = None;
            self.machine.did_flush(now);
        }
    }

    /// Output waits, and `n` bytes of it have left.
    #[cold]
    fn wait(&mut self, now: Instant, n: usize) {
        if n > 0 || self.stalls_at.is_none() {
            let begins = self.stalls_at.is_none();
            self.stalls_at = Some(self.patience.until(now, n, begins));
        }
    }

    /// When to call [`timed_out`](Self::timed_out). O(1).
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        match self.stalls_at {
            Some(at) if self.machine.wants_flush() => Some(at),
            Some(at) => Some(self.machine.poll_timeout().map_or(at, |other| other.min(at))),
            None => self.machine.poll_timeout(),
        }
    }

    /// Time has passed; early or repeated calls do nothing.
    pub fn timed_out(&mut self, now: Instant) {
        if self.stalls_at.is_none() || !self.machine.wants_flush() {
            self.machine.handle_timeout(now);
        }
        if self.stalls_at.is_some_and(|at| now >= at) {
            // What is pending will never leave.
            self.failed = Some(self.patience.error(now));
            self.stalls_at = None;
            self.cut = true;
            (self.out.sent, self.out.filled) = (0, 0);
        }
    }

    /// Nothing will be read before the next [`turn`](Self::turn), because what was read has found no
    /// taker. Call it before such a wait, so that the peer's time stands still.
    pub fn hold(&mut self, now: Instant) {
        self.machine.hold(now);
    }

    /// Why the session failed, if it did.
    pub fn error(&self) -> Option<PeerError> {
        self.failed
    }

    /// Whether reading can change anything now.
    #[inline]
    pub fn wants_read(&self) -> bool {
        self.switched.is_none() && self.machine.wants_read() && !self.is_spilled()
    }

    /// Whether the peer has gone on for too long after it broke the protocol.
    #[inline]
    fn is_spilled(&self) -> bool {
        self.spill == 0 && self.failed.is_some()
    }

    /// Whether the sending side of the transport is to be shut down now.
    #[inline]
    pub fn wants_shutdown(&self) -> bool {
        self.machine.is_send_closed() && self.out.is_empty() && !self.wants_reset()
    }

    /// Whether the transport is to be closed now. Output is waited for, unless that took too long.
    #[inline]
    pub fn is_closed(&self) -> bool {
        let gave_up = matches!(self.failed, Some(PeerError::WriteStalled | PeerError::DrainTimeout));
        self.cut || (gave_up || self.is_spilled() || self.machine.is_closed()) && self.out.is_empty()
    }

    /// Whether the transport, if it is closed now, is to be reset (SO_LINGER of zero) instead of ended in
    /// order, because the peer would take part of a message for the whole: output is lost, or the
    /// response that broke off has no end of its own.
    pub fn wants_reset(&self) -> bool {
        self.cut || !self.out.is_empty() || self.machine.wants_reset()
    }

    /// The protocol that goes on here, once the machine has switched.
    pub fn switched(&self) -> Option<Protocol> {
        self.switched
    }

    /// Goes on with another machine; unread input and pending output are carried along.
    pub fn replace<N: Machine>(mut self, machine: N) -> (Session<N>, M) {
        (self.hand_over(machine), self.machine)
    }

    /// The same for those who cannot give the session away, because it lies in an enum that is to hold the next one:
    /// `*speaks = WebSocket(session.hand_over(machine))`. What stays behind has no input and no output, and wants
    /// nothing.
    pub fn hand_over<N: Machine>(&mut self, machine: N) -> Session<N> {
        self.switched = self.switched.or(Some(Protocol::Tunnel));
        Session {
            machine,
            input: core::mem::take(&mut self.input),
            out: core::mem::take(&mut self.out),
            patience: self.patience,
            stalls_at: self.stalls_at.take(),
            cut: self.cut,
            failed: None,
            spill: self.spill,
            shut: self.shut,
            switched: None,
        }
    }

    /// Gives every buffer without pending bytes back to the thread, and shrinks one that holds an
    /// incomplete unit to its size. Call it before waiting.
    #[inline]
    pub fn rest(&mut self, scratch: &mut Scratch) {
        self.input.rest(scratch);
        if self.out.is_empty() && !self.out.bytes.is_empty() {
            scratch.give(core::mem::take(&mut self.out.bytes));
        }
    }
}

impl<M: Http> Session<M> {
    /// Begins the graceful end: what is in flight completes, nothing new begins, and output that has
    /// not left when the drain is over is discarded. [`Http::shutdown`] alone bounds what the machine
    /// waits for; of output that waits it knows nothing.
    pub fn shutdown(&mut self, now: Instant) {
        self.machine.shutdown(now);
        let ends = now.as_nanos().saturating_add(self.patience.drain).min(self.patience.ends);
        self.patience.ends = ends;
        self.stalls_at = self.stalls_at.map(|at| at.min(Instant::from_nanos(ends)));
    }
}

/// How long output may wait: without progress, beyond that at a minimum rate, and never beyond the
/// end of the drain. Nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Patience {
    stall: u64,
    drain: u64,
    /// Time that a byte buys, and when all that has been bought is over.
    byte: u64,
    over: u64,
    /// End of the drain, once that has begun.
    ends: u64,
}

impl Patience {
    fn new(config: &Config) -> Self {
        let nanos = |time: Duration| (Instant::ZERO + time).as_nanos();
        let timeouts = &config.timeouts;
        Patience {
            stall: nanos(timeouts.write_stall),
            drain: nanos(timeouts.drain),
            byte: 1_000_000_000_u64.checked_div(timeouts.write_rate.into()).unwrap_or(u64::MAX),
            over: 0,
            ends: u64::MAX,
        }
    }

    /// Until when, `n` bytes having left. `begins`: nothing waited before, and they were no wait.
    fn until(&mut self, now: Instant, n: usize, begins: bool) -> Instant {
        let stalls = now.as_nanos().saturating_add(self.stall);
        let bought = self.byte.saturating_mul(n as u64);
        self.over = if begins { stalls } else { self.over.saturating_add(bought) };
        Instant::from_nanos(stalls.min(self.over).min(self.ends))
    }

    /// Why it is over.
    fn error(&self, now: Instant) -> PeerError {
        if now.as_nanos() >= self.ends { PeerError::DrainTimeout } else { PeerError::WriteStalled }
    }
}

impl Scratch {
    #[inline]
    fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| vec![0; BUFFER])
    }

    #[inline]
    fn give(&mut self, bytes: Vec<u8>) {
        if bytes.len() == BUFFER && self.spare.len() < SPARE {
            self.spare.push(bytes);
        }
    }
}

/// Input not yet consumed: `bytes[start..end]`.
#[derive(Debug, Default)]
struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    #[inline]
    fn free(&mut self, scratch: &mut Scratch) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = scratch.take();
        } else {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            }
            if self.bytes.len() - self.end < BUFFER / 4 {
                self.make_room(scratch);
            }
        }
        &mut self.bytes[self.end..]
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, scratch: &mut Scratch) {
        let len = self.end - self.start;
        if self.bytes.len() < BUFFER {
            // Nothing held so far, or the small rest of an incomplete unit.
            let mut bytes = scratch.take();
            bytes[..len].copy_from_slice(&self.bytes[self.start..self.end]);
            self.bytes = bytes;
        } else {
            self.bytes.copy_within(self.start..self.end, 0);
            if self.bytes.len() - len < BUFFER / 4 {
                // Only a unit close to this size asks for more, and its limit bounds the growth.
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
        (self.start, self.end) = (0, len);
    }

    #[inline]
    fn rest(&mut self, scratch: &mut Scratch) {
        if self.bytes.is_empty() {
            return;
        }
        if self.start == self.end {
            scratch.give(core::mem::take(&mut self.bytes));
            (self.start, self.end) = (0, 0);
        } else {
            self.shrink(scratch);
        }
    }

    /// Keeps no more than the bytes of an incomplete unit.
    #[cold]
    #[inline(never)]
    fn shrink(&mut self, scratch: &mut Scratch) {
        let len = self.end - self.start;
        if len < BUFFER / 4 && self.bytes.len() >= BUFFER {
            let small = self.bytes[self.start..self.end].to_vec();
            scratch.give(core::mem::replace(&mut self.bytes, small));
            (self.start, self.end) = (0, len);
        }
    }
}

/// Output that has not left yet: at most one pooled buffer, so that a peer that does not read holds
/// the writer back. A single unit larger than that (a huge head) is still taken when nothing else waits.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    filled: usize,
}

impl Outgoing {
    #[inline]
    fn lend(&mut self, scratch: &mut Scratch) {
        if self.bytes.is_empty() {
            self.bytes = scratch.take();
        }
    }

    /// Room for a unit larger than a buffer, when nothing else waits.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, n: usize) -> Result<&mut [u8], Full> {
        if self.filled > 0 {
            return Err(Full { needed: n });
        }
        self.bytes.resize(n, 0);
        self.filled = n;
        Ok(&mut self.bytes)
    }

    /// Bytes that wait to be written.
    #[inline]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..self.filled]
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sent == self.filled
    }
}

impl Output for Outgoing {
    #[inline]
    fn reserve(&mut self, n: usize) -> Result<&mut [u8], Full> {
        let (at, end) = (self.filled, self.filled.wrapping_add(n));
        if end > self.bytes.len() || end < at {
            return self.grow(n);
        }
        self.filled = end;
        self.bytes.get_mut(at..end).ok_or(Full { needed: n })
    }

    #[inline]
    fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }

    #[inline]
    fn give_back(&mut self, n: usize) {
        self.filled = self.filled.saturating_sub(n).max(self.sent);
    }
}
