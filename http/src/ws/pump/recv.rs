//! Receiving: events into messages.

use super::{State, Wire};
use crate::pool;
use crate::ws::shared::Side;
use crate::ws::{Error, Farewell, Message};
use avx_core::ws::role::Role;
use avx_core::ws::{Connection, Event};
use avx_core::{Instant, Scratch, Turn};
use std::task::Poll;

impl State {
    /// Whether there is something for who receives: a message, or the end.
    pub(in crate::ws) fn has_message(&self) -> bool {
        self.message.is_some() || self.is_ended()
    }

    pub(in crate::ws) fn poll_message(&mut self) -> Poll<Result<Option<Message>, Error>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Ok(Some(message)));
        }
        match &self.error {
            Some(error) => Poll::Ready(Err(error.again())),
            None if self.is_ended() => Poll::Ready(Ok(None)),
            None => Poll::Pending,
        }
    }

    /// Events into messages, until one is whole.
    pub(super) fn receive<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        now: Instant,
        scratch: &mut Scratch,
    ) {
        while self.message.is_none() {
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
}
