//! Writing what the machine itself has to say: our preface, acknowledgements, answers, window updates,
//! pings, goodbyes.

use super::recv::PREFACE;
use super::{Connection, Phase};
use crate::h2::control::Waiting;
use crate::h2::frame::{
    END_HEADERS, END_STREAM, GoAway, Header, Kind, Ping, RstStream, Settings, WindowUpdate,
};
use crate::h2::settings::{LocalSettings, Role};
use crate::h2::stream::{NEVER, NONE};
use crate::{ErrorCode, Field, Full, Instant, Output, Status};

impl Connection {
    pub(in crate::h2) fn transmit(&mut self, now: Instant, out: &mut dyn Output) {
        if self.has_nothing_to_say() {
            return;
        }
        if self.say(now, out).is_ok() && self.phase == Phase::Finishing {
            self.finish(now);
        }
    }

    #[inline]
    fn has_nothing_to_say(&self) -> bool {
        !self.greeting_due
            && self.acks_due == 0
            && self.control.is_empty()
            && self.updates == NONE
            && !self.recv.is_due()
            && !self.ping.due
            && !self.ping.ends_due
            && self.go_away.due.is_none()
            && self.phase != Phase::Finishing
    }

    /// Stops where there is no room.
    fn say(&mut self, now: Instant, out: &mut dyn Output) -> Result<(), Full> {
        if matches!(self.phase, Phase::Lingering | Phase::Closed) {
            return Ok(());
        }
        self.reserve(now, out, 0)?;
        while let Some(waiting) = self.control.first() {
            match waiting {
                Waiting::Answer { stream, status, reset } => self.write_answer(stream, status, reset, out)?,
                other => other.write(out)?,
            }
            self.control.pop();
        }
        if self.phase == Phase::Open {
            self.write_updates(out)?;
            self.write_ping(now, out)?;
        }
        if let Some(last) = self.go_away.due {
            let code = self.error.map_or(ErrorCode::NO_ERROR, |error| error.code());
            let debug = self.error.map_or("", |error| error.text());
            GoAway { last, code }.write(debug.as_bytes(), out)?;
            self.go_away.due = None;
            self.go_away.sent = true;
            if self.phase == Phase::Failing && self.eof {
                self.phase = Phase::Closed;
                self.linger_at = NEVER;
            }
        }
        if self.ping.ends_due && !self.ping.sent && self.go_away.sent {
            self.ping.ends = true;
            self.ping.due = true;
            self.ping.ends_due = false;
            self.write_ping(now, out)?;
        }
        Ok(())
    }

    /// Room for `n` bytes, behind everything that has to come before them.
    #[inline]
    pub(super) fn reserve<'o>(
        &mut self,
        now: Instant,
        out: &'o mut dyn Output,
        n: usize,
    ) -> Result<&'o mut [u8], Full> {
        if !self.greeting_due && self.acks_due == 0 {
            return out.reserve(n);
        }
        self.greet(now, out, n)
    }

    /// How much has to come before anything else.
    pub(super) fn prefix_len(&self) -> usize {
        let mut len = self.acks_due as usize * Header::LEN;
        if self.greeting_due {
            let (_, settings) = LocalSettings::announced(&self.config.h2, self.role);
            len += Header::LEN + settings * 6;
            if self.role == Role::Client {
                len += PREFACE.len();
            }
        }
        len
    }

    #[cold]
    fn greet<'o>(&mut self, now: Instant, out: &'o mut dyn Output, n: usize) -> Result<&'o mut [u8], Full> {
        let prefix = self.prefix_len();
        let buf = out.reserve(prefix + n)?;
        let (buf, rest) = buf.split_at_mut(prefix);
        let mut memory = crate::SliceOutput::new(buf);
        if self.greeting_due {
            // "In HTTP/2, each endpoint is required to send a connection preface as a final confirmation of the
            // protocol in use and to establish the initial settings for the HTTP/2 connection." (section 3.4)
            if self.role == Role::Client {
                memory.reserve(PREFACE.len())?.copy_from_slice(PREFACE);
            }
            let (settings, count) = LocalSettings::announced(&self.config.h2, self.role);
            Settings::write(&settings[..count], &mut memory)?;
            self.greeting_due = false;
            if !self.local.acknowledged && self.phase == Phase::Open {
                self.settings_at = (now + self.config.h2.settings_timeout).as_nanos();
            }
        }
        for _ in 0..core::mem::take(&mut self.acks_due) {
            Settings::write_ack(&mut memory)?;
        }
        Ok(rest)
    }

    fn write_updates(&mut self, out: &mut dyn Output) -> Result<(), Full> {
        if self.recv.is_due() {
            let mut recv = self.recv;
            let increment = recv.announce();
            if increment > 0 {
                WindowUpdate { stream: 0, increment }.write(out)?;
            }
            self.recv = recv;
        }
        while self.updates != NONE {
            let slot = self.updates;
            let stream = &self.streams[slot];
            let mut recv = stream.recv;
            let increment = recv.announce();
            if increment > 0 && stream.state.receives() {
                WindowUpdate { stream: stream.id, increment }.write(out)?;
            }
            self.streams[slot].recv = recv;
            self.unlink_update(slot);
        }
        Ok(())
    }

    fn write_ping(&mut self, now: Instant, out: &mut dyn Output) -> Result<(), Full> {
        if !self.ping.due || self.ping.sent {
            return Ok(());
        }
        let number = self.ping.number.wrapping_add(1);
        Ping { ack: false, data: number.to_be_bytes() }.write(out)?;
        self.ping.number = number;
        self.ping.due = false;
        self.ping.sent = true;
        self.ping.measures = core::mem::take(&mut self.ping.measures_due);
        if self.ping.measures {
            self.growth.did_ping(now);
        }
        Ok(())
    }

    /// A response that consists of its status.
    #[cold]
    fn write_answer(
        &mut self,
        stream: u32,
        status: u16,
        reset: bool,
        out: &mut dyn Output,
    ) -> Result<(), Full> {
        let digits = Status::new(status).unwrap_or(Status::BAD_REQUEST).digits();
        let field = [Field::new(":status", &digits)];
        let bound = self.encoder.bound(field);
        let after = if reset { RstStream::LEN } else { 0 };
        let buf = out.reserve(Header::LEN + bound + after)?;
        let len = self.encoder.encode(field, &mut buf[Header::LEN..]);
        let flags = END_HEADERS | END_STREAM;
        Header { len: len as u32, kind: Kind::HEADERS, flags, stream }.put(buf);
        if reset {
            // "a server MAY request that the client abort transmission of a request without error by sending a
            // RST_STREAM with an error code of NO_ERROR after sending a complete response" (section 8.1)
            let mut memory = crate::SliceOutput::new(&mut buf[Header::LEN + len..]);
            RstStream { stream, code: ErrorCode::NO_ERROR }.write(&mut memory)?;
        }
        out.give_back(bound - len);
        Ok(())
    }
}
