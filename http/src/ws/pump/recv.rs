//! Receiving: events into messages, or pieces of them.

use super::{State, Wire};
use crate::pool;
use crate::ws::shared::Side;
use crate::ws::{Error, Farewell, Message, Piece};
use avx_core::ws::role::Role;
use avx_core::ws::{Connection, Event};
use avx_core::{Instant, Scratch, Turn, UsageError};
use std::task::Poll;

impl State {
    /// Whether there is something for who receives: a message or a piece, whichever was asked for, or the end.
    pub(in crate::ws) fn has_message(&self) -> bool {
        self.has_data() || self.is_ended()
    }

    /// Whether a message waits to be received, or a piece of one.
    pub(super) fn has_data(&self) -> bool {
        self.message.is_some() || !self.joins && self.partial.is_some()
    }

    /// Somebody asks for a whole message, or for whatever there is of one.
    pub(in crate::ws) fn ask(&mut self, whole: bool) -> Result<(), Error> {
        // The rest of a message must not pass for a message.
        if whole && self.receiving && (self.message.is_some() || !self.is_ended()) {
            return Err(Error::Usage(UsageError::WrongState));
        }
        self.joins = whole;
        Ok(())
    }

    pub(in crate::ws) fn poll_message(&mut self) -> Poll<Result<Option<Message>, Error>> {
        match self.message.take() {
            Some(message) => Poll::Ready(Ok(Some(message))),
            None => self.poll_end(),
        }
    }

    pub(in crate::ws) fn poll_piece(&mut self) -> Poll<Result<Option<Piece>, Error>> {
        let (message, last) = match (self.message.take(), self.partial.take()) {
            (Some(message), _) => (message, true),
            (None, Some((kind, bytes))) => (Message::received(kind, bytes), false),
            (None, None) => return self.poll_end(),
        };
        self.receiving = !last;
        Poll::Ready(Ok(Some(Piece { kind: message.kind(), data: message.into_chunk(), last })))
    }

    fn poll_end<T>(&self) -> Poll<Result<Option<T>, Error>> {
        match &self.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_ended() => Poll::Ready(Ok(None)),
            None => Poll::Pending,
        }
    }

    /// Events into messages, until there is something to receive.
    pub(super) fn receive<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        now: Instant,
        scratch: &mut Scratch,
    ) {
        while !self.has_data() {
            let event = match link.session.turn(now, scratch) {
                Ok(Some(Turn { event, .. })) => event,
                Ok(None) => return,
                Err(error) => {
                    // What is to be said about it still leaves.
                    self.fail(Error::Peer(error));
                    return;
                }
            };
            match event {
                Event::Data { kind, data, last } => {
                    if self.left[Side::Receiver as usize] {
                        continue;
                    }
                    let (_, bytes) = self.partial.get_or_insert_with(|| (kind, pool::buffer(data.len())));
                    bytes.extend_from_slice(data);
                    if last {
                        self.message =
                            self.partial.take().map(|(kind, bytes)| Message::received(kind, bytes));
                    }
                }
                Event::Close { code, reason } => {
                    self.farewell = Some(Farewell { code, reason: reason.into() });
                }
                _ => {}
            }
        }
    }

    /// Nobody will receive what has come of a message.
    pub(super) fn drop_partial(&mut self) {
        if let Some((_, bytes)) = self.partial.take() {
            pool::give_buffer(bytes);
        }
    }
}
