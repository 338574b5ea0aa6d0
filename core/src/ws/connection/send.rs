//! Sending: messages, pieces of them, pings.

#[cfg(feature = "deflate")]
use super::NEVER;
use super::{Connection, Phase, Server};
#[cfg(feature = "deflate")]
use crate::ws::deflate::Context;
use crate::ws::frame::{self, Header, MAX_CONTROL, Opcode};
#[cfg(feature = "deflate")]
use crate::ws::mask::Mask;
use crate::ws::role::Role;
use crate::ws::{CloseCode, Kind, close};
use crate::{Instant, Output, UsageError};

impl<R: Role> Connection<R> {
    /// Sends a message, or a piece of one: a frame of its own, which ends the message with `last`.
    ///
    /// The pieces of a message are of one kind, and nothing but pings goes between them. The caller sees to it
    /// that a [text](Kind::Text) is UTF-8 as a whole; its pieces may be cut anywhere.
    ///
    /// # Errors
    /// [`UsageError::WrongState`]: another message is not complete, or the connection is being closed (but see
    /// [`delay_close`](Self::delay_close)). [`UsageError::OutputFull`]. Nothing was written.
    #[inline]
    pub fn send(
        &mut self,
        now: Instant,
        kind: Kind,
        data: &[u8],
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let opcode = self.next_opcode(kind)?;
        #[cfg(not(feature = "deflate"))]
        let _ = now;
        #[cfg(feature = "deflate")]
        if self.compressing {
            return self.compress(now, kind, data, last, out);
        }
        let header = self.header(opcode, data.len() as u64, last);
        frame::write(&header, data, out)?;
        self.did_send(now, kind, last);
        Ok(())
    }

    /// Sends a message compressed, or begins one: as [`send`](Self::send), which also goes on with it. Where that
    /// was not agreed to, and for [a few bytes](crate::ws::Deflate::least), it is `send`.
    ///
    /// What is compressed together with what an attacker chooses tells something about itself by its length: leave
    /// secrets alone. A piece that does not end its message is flushed, which costs some bytes. Takes room for what
    /// the piece could come to in the worst case, an eighth more than itself. The first one allocates.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[cfg(feature = "deflate")]
    #[inline]
    pub fn send_compressed(
        &mut self,
        now: Instant,
        kind: Kind,
        data: &[u8],
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let begins = self.sending.is_none();
        let compresses = self.deflate.as_ref().is_some_and(|deflate| {
            let few = last && (data.len() as u64) < u64::from(deflate.least);
            begins && !few && deflate.can_compress()
        });
        if !compresses {
            return self.send(now, kind, data, last, out);
        }
        self.next_opcode(kind)?;
        self.compress(now, kind, data, last, out)
    }

    /// Appends a frame of a compressed message.
    #[cfg(feature = "deflate")]
    #[cold]
    fn compress(
        &mut self,
        now: Instant,
        kind: Kind,
        data: &[u8],
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let opcode = self.next_opcode(kind)?;
        let Some(deflate) = &mut self.deflate else { return Err(UsageError::WrongState) };
        let bound = Context::bound(data.len());
        let mut header = Header {
            fin: last,
            // RFC 7692, section 6: the bit RSV1 of its first frame says that a message is compressed.
            compressed: opcode != Opcode::Continuation,
            opcode,
            mask: if R::SERVER { None } else { Some([0; 4]) },
            len: bound as u64,
        };
        let buf = out.reserve(header.encoded_len() + bound)?;
        let room = buf.len();
        let at = header.encoded_len();
        let Some(len) = deflate.compress(now, data, last, &mut buf[at..]) else {
            debug_assert!(false, "the bound is enough");
            out.give_back(room);
            // The context is spoilt, and with it the connection.
            self.deflate = None;
            self.begin_close(now, Some(CloseCode::INTERNAL_ERROR));
            return Err(UsageError::WrongState);
        };
        header.len = len as u64;
        header.mask = self.role.next_key();
        let begin = header.encoded_len();
        buf.copy_within(at..at + len, begin);
        header.put(buf);
        if let Some(key) = header.mask {
            Mask::new(key).apply(&mut buf[begin..begin + len]);
        }
        out.give_back(room - begin - len);
        self.did_send(now, kind, last);
        self.compressing = !last;
        if self.due == NEVER {
            self.due = self.rests_at();
        }
        Ok(())
    }

    /// Sends a ping, of at most 125 bytes. Whatever the peer says next shows that it is there; its pong is an
    /// [`Event::Pong`](crate::ws::Event::Pong).
    ///
    /// # Errors
    /// [`UsageError::WrongState`]: the connection is being closed. [`UsageError::ControlTooLong`],
    /// [`UsageError::OutputFull`]. Nothing was written.
    pub fn ping(&mut self, _: Instant, data: &[u8], out: &mut dyn Output) -> Result<(), UsageError> {
        if self.phase != Phase::Open {
            return Err(UsageError::WrongState);
        }
        self.write_control(Opcode::Ping, &[data], out)
    }

    /// Begins to close the connection, with a message cut short if one is not complete. Nothing can be sent
    /// behind it; what the peer sends until its own close frame is still told of.
    ///
    /// [`CloseCode::NO_STATUS`] sends no code, and no reason either.
    ///
    /// # Errors
    /// [`UsageError::WrongState`]: it is being closed already. [`UsageError::BadCloseCode`],
    /// [`UsageError::ControlTooLong`]: the reason has more than 123 bytes. [`UsageError::OutputFull`]. Nothing was
    /// written.
    pub fn close(
        &mut self,
        now: Instant,
        code: CloseCode,
        reason: &str,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        if self.phase != Phase::Open {
            return Err(UsageError::WrongState);
        }
        let nothing = code == CloseCode::NO_STATUS && reason.is_empty();
        if !nothing && !code.may_be_sent() {
            return Err(UsageError::BadCloseCode);
        }
        if reason.len() > close::MAX_REASON {
            return Err(UsageError::ControlTooLong);
        }
        self.write_close(code, reason, out)?;
        self.begin_close(now, None);
        Ok(())
    }

    /// The opcode of the next data frame.
    #[inline]
    fn next_opcode(&self, kind: Kind) -> Result<Opcode, UsageError> {
        match self.sending {
            _ if self.phase != Phase::Open && !self.is_close_delayed() => Err(UsageError::WrongState),
            None => Ok(kind.opcode()),
            Some(before) if before == kind => Ok(Opcode::Continuation),
            Some(_) => Err(UsageError::WrongState),
        }
    }

    #[inline]
    fn header(&mut self, opcode: Opcode, len: u64, fin: bool) -> Header {
        Header { fin, compressed: false, opcode, mask: self.role.next_key(), len }
    }

    #[inline]
    fn did_send(&mut self, now: Instant, kind: Kind, last: bool) {
        self.sending = if last { None } else { Some(kind) };
        if self.phase == Phase::Answering {
            self.due = (now + self.config.ws.close_timeout).as_nanos();
        }
    }

    /// Appends a close frame.
    pub(super) fn write_close(
        &mut self,
        code: CloseCode,
        reason: &str,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let bytes = code.0.to_be_bytes();
        let code: &[u8] = if code == CloseCode::NO_STATUS { &[] } else { &bytes };
        self.write_control(Opcode::Close, &[code, reason.as_bytes()], out)
    }

    /// Appends a control frame with this payload, in parts.
    pub(super) fn write_control(
        &mut self,
        opcode: Opcode,
        parts: &[&[u8]],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let (mut payload, mut len) = ([0; MAX_CONTROL], 0);
        for part in parts {
            let room = payload.get_mut(len..len + part.len()).ok_or(UsageError::ControlTooLong)?;
            room.copy_from_slice(part);
            len += part.len();
        }
        let header = self.header(opcode, len as u64, true);
        frame::write(&header, &payload[..len], out)?;
        Ok(())
    }
}

impl Server {
    /// Sends the header of a frame alone: the caller writes the `len` bytes of its payload right behind it, from
    /// wherever they are. Otherwise as [`send`](Connection::send). Only a server can, because a client has to mask
    /// what it sends.
    ///
    /// # Errors
    /// As [`send`](Connection::send); [`UsageError::WrongState`] inside a compressed message, and
    /// [`UsageError::BodyTooLong`] beyond 2^63 - 1 bytes.
    pub fn frame(
        &mut self,
        now: Instant,
        kind: Kind,
        len: u64,
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let opcode = self.next_opcode(kind)?;
        if self.compressing {
            return Err(UsageError::WrongState);
        }
        if len >> 63 != 0 {
            return Err(UsageError::BodyTooLong);
        }
        self.header(opcode, len, last).write(out)?;
        self.did_send(now, kind, last);
        Ok(())
    }
}
