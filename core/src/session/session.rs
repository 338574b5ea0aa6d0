//! The session.

use super::buffers::{Input, Outgoing};
use super::patience::Patience;
use crate::{Config, Http, Instant, Machine, Output, PeerError, Protocol, Recv, Scratch};

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

    /// `n` bytes of [`write_buf`](Self::write_buf) were written; 0 when the transport takes none now. When that was all,
    /// there may be more: what the machine had to say and found no room for.
    #[inline]
    pub fn did_write(&mut self, now: Instant, n: usize) {
        if self.out.did_write(n) {
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
        // Before anything is read: the peer may be waiting for just that, and hold back what this end waits for.
        self.machine.transmit(now, &mut self.out);
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
            self.out.clear();
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
        self.out.rest(scratch);
    }
}

impl<M: Http> Session<M> {
    /// Begins the graceful end: what is in flight completes, nothing new begins, and output that has
    /// not left when the drain is over is discarded. [`Http::shutdown`] alone bounds what the machine
    /// waits for; of output that waits it knows nothing.
    pub fn shutdown(&mut self, now: Instant) {
        self.machine.shutdown(now);
        let ends = self.patience.drain(now);
        self.stalls_at = self.stalls_at.map(|at| at.min(ends));
    }
}
