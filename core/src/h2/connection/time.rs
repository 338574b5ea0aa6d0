//! Deadlines: which one is next, and what happens when it has come.

use super::{Connection, Phase};
use crate::h2::stream::NEVER;
use crate::{ErrorCode, Initiator, Instant, PeerError};

impl Connection {
    #[inline]
    pub(in crate::h2) fn poll_timeout(&self) -> Option<Instant> {
        let connection =
            self.settings_at.min(self.block_at).min(self.ping_at).min(self.idle_at).min(self.shrink_at);
        let ends = self.drain_at.min(self.linger_at).min(self.starved_at);
        let at = connection.min(ends).min(self.stalled.at).min(self.waiting.at).min(self.looks.at);
        (at != NEVER).then(|| Instant::from_nanos(at))
    }

    pub(in crate::h2) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        let nanos = now.as_nanos();
        self.clock = now;
        if self.phase != Phase::Open {
            if nanos >= self.linger_at {
                self.linger_at = NEVER;
                self.go_away.due = None;
                self.phase = Phase::Closed;
            }
            return;
        }
        let starved = nanos >= self.starved_at;
        if nanos >= self.settings_at {
            // "If the sender of a SETTINGS frame does not receive an acknowledgment within a reasonable amount
            // of time, it MAY issue a connection error of type SETTINGS_TIMEOUT." (section 6.5.3)
            return self.fail(now, PeerError::SettingsTimeout);
        }
        if nanos >= self.block_at {
            return self.fail(now, PeerError::HeadTimeout);
        }
        if nanos >= self.starved_at {
            self.starved_at = NEVER;
        }
        if starved && self.send.available() == 0 {
            return self.fail(now, PeerError::WriteStalled);
        }
        if nanos >= self.drain_at {
            return self.fail(now, PeerError::DrainTimeout);
        }
        if nanos >= self.ping_at {
            if self.ping.keeps_alive {
                return self.fail(now, PeerError::PingTimeout);
            }
            self.keep_alive(now);
            if self.ping_at <= nanos {
                self.ping.keeps_alive = true;
                self.ping.due |= !self.ping.sent;
                self.ping_at = (now + self.config.h2.keep_alive_timeout).as_nanos();
            }
        }
        if nanos >= self.idle_at {
            self.idle_at = NEVER;
            // Nobody has asked for anything: one goodbye is enough.
            self.go_away.shutting_down = true;
            self.drain_at = (now + self.config.timeouts.drain).as_nanos();
            self.say_goodbye(now, self.peer_last);
            if self.phase != Phase::Open {
                return;
            }
        }
        if nanos >= self.shrink_at {
            self.shrink_at = NEVER;
            self.streams.shrink();
        }
        if nanos >= self.looks.at {
            self.look(now);
        }
        while let Some(slot) = self.waiting.due(nanos) {
            // "a client that sends a 100-continue expectation [...] SHOULD NOT wait for an indefinite period
            // before sending the content" (RFC 9110, section 10.1.1)
            self.may_send(slot);
        }
        while let Some(slot) = self.stalled.due(nanos) {
            if self.streams[slot].send.available() > 0 {
                // There is credit at last; that it is not used is not the peer's fault.
                self.stalled.remove(&mut self.streams, slot);
                continue;
            }
            let id = self.streams[slot].id;
            let code = ErrorCode::ENHANCE_YOUR_CALM;
            self.end_stream(slot);
            self.send_reset(id, code);
            self.ended.push((id, code, Initiator::Local));
        }
    }

    /// The connection lives: the next PING is due when nothing has come for a while.
    pub(super) fn keep_alive(&mut self, _now: Instant) {
        let interval = self.config.h2.keep_alive;
        self.ping_at = if interval.is_zero() { NEVER } else { (self.heard_at + interval).as_nanos() };
    }
}
