//! Sending: messages, pieces of them, pings.

use super::{Connection, Phase, Server};
use crate::ws::frame::{self, Header, MAX_CONTROL, Opcode};
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
    /// [`UsageError::WrongState`]: another message is not complete, or the connection is being closed.
    /// [`UsageError::OutputFull`]. Nothing was written.
    #[inline]
    pub fn send(
        &mut self,
        _: Instant,
        kind: Kind,
        data: &[u8],
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let opcode = self.next_opcode(kind)?;
        let header = self.header(opcode, data.len() as u64, last);
        frame::write(&header, data, out)?;
        self.did_send(kind, last);
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
            _ if self.phase != Phase::Open => Err(UsageError::WrongState),
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
    fn did_send(&mut self, kind: Kind, last: bool) {
        self.sending = if last { None } else { Some(kind) };
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
    /// As [`send`](Connection::send); and [`UsageError::BodyTooLong`] beyond 2^63 - 1 bytes.
    pub fn frame(
        &mut self,
        _: Instant,
        kind: Kind,
        len: u64,
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        let opcode = self.next_opcode(kind)?;
        if len >> 63 != 0 {
            return Err(UsageError::BodyTooLong);
        }
        self.header(opcode, len, last).write(out)?;
        self.did_send(kind, last);
        Ok(())
    }
}
