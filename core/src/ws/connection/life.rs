//! How a connection is kept alive, and how it ends (RFC 6455, sections 5.5 and 7).

use super::{Connection, NEVER, Phase, Reader};
use crate::ws::CloseCode;
use crate::ws::frame::Opcode;
use crate::ws::role::Role;
use crate::{Instant, Output, PeerError};
use core::time::Duration;

/// How long a compressor that nobody uses is kept where no ping finds the connection idle before.
const IDLE: Duration = Duration::from_secs(30);

impl<R: Role> Connection<R> {
    /// Begins the graceful end: a close frame with 1001 is sent with the next
    /// [`transmit`](crate::Machine::transmit). Does nothing when the connection is being closed already.
    pub fn shutdown(&mut self, now: Instant) {
        if self.phase == Phase::Open {
            self.begin_close(now, Some(CloseCode::GOING_AWAY));
        }
    }

    /// Says whether the caller has more to send that was begun before a close frame of the peer came: the answer to
    /// that waits for it, and [`send`](Self::send) goes on meanwhile. Each piece sent gives it another
    /// [`close_timeout`](crate::ws::Limits::close_timeout); then the connection ends without an answer.
    ///
    /// "An endpoint MAY delay sending a Close frame until its current message is sent [...]. However, there is no
    /// guarantee that the endpoint that has already sent a Close frame will continue to process data." (section 5.5.1)
    pub fn delay_close(&mut self, yes: bool) {
        self.unsent = yes;
    }

    /// Whether the answer to the peer's close frame waits for what the caller has to send.
    pub(super) fn is_close_delayed(&self) -> bool {
        self.unsent && self.phase == Phase::Answering
    }

    /// Our close frame was sent, or is due.
    pub(super) fn begin_close(&mut self, now: Instant, due: Option<CloseCode>) {
        self.phase = Phase::Closing;
        self.close_due = due;
        self.ping_due = false;
        self.due = (now + self.config.ws.close_timeout).as_nanos();
    }

    /// The peer's close frame has come.
    pub(super) fn receive_close(&mut self, now: Instant, code: CloseCode) {
        self.reader = Reader::Over;
        (self.pong_due, self.ping_due) = (false, false);
        if self.phase == Phase::Closing && self.close_due.is_none() {
            self.complete(now);
            return;
        }
        // "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a
        // Close frame in response. (When sending a Close frame in response, the endpoint typically echos the status
        // code it received.)" (section 5.5.1)
        self.phase = Phase::Answering;
        self.close_due = Some(code);
        self.due = (now + self.config.ws.close_timeout).as_nanos();
    }

    /// Close frames were exchanged.
    fn complete(&mut self, now: Instant) {
        // "The server MUST close the underlying TCP connection immediately; the client SHOULD wait for the server to
        // close the connection but MAY close the connection at any time after sending and receiving a Close
        // message, e.g., if it has not received a TCP Close from the server in a reasonable time period."
        // (section 5.5.1)
        if R::SERVER || self.eof {
            self.end();
        } else {
            self.phase = Phase::Waiting;
            self.due = (now + self.config.ws.close_timeout).as_nanos();
        }
    }

    /// Nothing more is read or written.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Closed;
        self.reader = Reader::Over;
        (self.pong_due, self.ping_due, self.close_due) = (false, false, None);
        self.due = NEVER;
    }

    /// "An endpoint [...] SHOULD send a Close frame with an appropriate status code before proceeding to _Close the
    /// WebSocket Connection_." (section 7.1.7)
    #[cold]
    pub(super) fn fail(&mut self, now: Instant, error: PeerError) -> PeerError {
        if let Some(before) = self.error {
            return before;
        }
        let said = self.phase == Phase::Closing && self.close_due.is_none();
        self.end();
        self.error = Some(error);
        if error == PeerError::AbnormalClosure {
            return error;
        }
        self.due = (now + self.config.timeouts.linger).as_nanos();
        if said {
            self.phase = if self.eof { Phase::Closed } else { Phase::Lingering };
        } else {
            self.phase = Phase::Failing;
            self.close_due = Some(error.close_code());
        }
        error
    }

    #[cold]
    pub(super) fn transmit_due(&mut self, now: Instant, out: &mut dyn Output) {
        if self.pong_due {
            if let Some(pong) = self.pong.take() {
                let data = &pong.data[..usize::from(pong.len)];
                self.pong_due = self.write_control(Opcode::Pong, &[data], out).is_err();
                self.pong = Some(pong);
            }
        }
        if self.ping_due {
            self.ping_due = self.write_control(Opcode::Ping, &[], out).is_err();
        }
        if let Some(code) = self.close_due.filter(|_| !self.is_close_delayed()) {
            let reason = self.error.map_or("", PeerError::text);
            if self.write_close(code, reason, out).is_ok() {
                self.close_due = None;
                self.said_close(now);
            }
        }
    }

    /// Our close frame was written.
    fn said_close(&mut self, now: Instant) {
        match self.phase {
            Phase::Answering => self.complete(now),
            Phase::Failing if self.eof => self.end(),
            Phase::Failing => {
                self.phase = Phase::Lingering;
                self.due = (now + self.config.timeouts.linger).as_nanos();
            }
            _ => self.due = (now + self.config.ws.close_timeout).as_nanos(),
        }
    }

    /// Time is looked at again when the peer may have been silent for too long; where that is not asked, when the
    /// compressor may have been idle for too long.
    pub(super) fn watch(&mut self) {
        self.due = after(self.heard_at, self.config.ws.keep_alive);
        if self.due == NEVER {
            self.due = self.rests_at();
        }
    }

    /// When to give back what an idle connection does not need.
    pub(super) fn rests_at(&self) -> u64 {
        #[cfg(feature = "deflate")]
        if let Some(used_at) = self.deflate.as_ref().and_then(|deflate| deflate.used_at()) {
            return after(used_at, IDLE);
        }
        NEVER
    }

    /// Gives it back, but for a message that is not complete. Whether it has.
    fn rest(&mut self) -> bool {
        #[cfg(feature = "deflate")]
        if let (Some(deflate), None) = (&mut self.deflate, self.sending) {
            deflate.rest();
        }
        self.sending.is_none()
    }

    /// The caller reads again.
    #[cold]
    pub(super) fn resume(&mut self, now: Instant) {
        self.held = false;
        self.heard_at = now.as_nanos();
        self.pinged = false;
        if self.phase == Phase::Open {
            self.watch();
        }
    }

    #[cold]
    pub(super) fn time_out(&mut self, now: Instant) {
        if self.phase != Phase::Open {
            self.end();
            return;
        }
        if self.held || self.config.ws.keep_alive.is_zero() {
            // Nothing is asked of the peer. In the middle of a message it is looked at again later.
            self.due = match self.rests_at() {
                at if now.as_nanos() < at => at,
                _ if self.rest() => NEVER,
                _ => after(now.as_nanos(), IDLE),
            };
            return;
        }
        let limits = &self.config.ws;
        let pong_timeout = after(0, limits.pong_timeout);
        if self.pinged && self.heard_at < self.due.saturating_sub(pong_timeout) && pong_timeout != NEVER {
            self.fail(now, PeerError::PongTimeout);
            return;
        }
        self.pinged = false;
        self.watch();
        if now.as_nanos() >= self.due {
            self.ping_due = true;
            self.pinged = true;
            self.rest();
            // Without a deadline for it there is another one when it may be time again.
            let time =
                if pong_timeout == NEVER { self.config.ws.keep_alive } else { self.config.ws.pong_timeout };
            self.due = after(now.as_nanos(), time);
        }
    }

    /// All output has left, after it had to wait.
    pub(super) fn flushed(&mut self, now: Instant) {
        let time = match self.phase {
            Phase::Open if self.pinged && !self.ping_due => self.config.ws.pong_timeout,
            Phase::Closing | Phase::Waiting if self.close_due.is_none() => self.config.ws.close_timeout,
            Phase::Lingering => self.config.timeouts.linger,
            _ => return,
        };
        if self.due != NEVER {
            self.due = (now + time).as_nanos();
        }
    }
}

/// So long after `at`; never for a time of zero.
fn after(at: u64, time: Duration) -> u64 {
    if time.is_zero() { NEVER } else { (Instant::from_nanos(at) + time).as_nanos() }
}
