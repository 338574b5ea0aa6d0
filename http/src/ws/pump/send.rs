//! Sending: all or nothing, and in order.

use super::{End, Flow, State, Wire, each};
use crate::pool;
use crate::ws::{Error, Message};
use avx_core::ws::role::Role;
use avx_core::ws::{CloseCode, Connection, Kind};
use avx_core::{Instant, Machine, Output, Scratch, UsageError};

/// Bytes of memory that may wait to be sent before the next message has to.
const HIGH_WATER: usize = 1 << 20;
/// A piece of a message that finds no more room than this waits for some.
const LITTLE: usize = 4 << 10;
/// What a frame takes beside its payload at most.
const FRAME: usize = 14;

/// What waits to be sent.
pub(super) enum Item {
    /// With whether the message ends with it.
    Message(Message, bool),
    Ping(Vec<u8>),
    Close(CloseCode, String),
}

impl Item {
    /// Bytes of memory that it takes.
    fn held(&self) -> usize {
        size_of::<Item>()
            + match self {
                Item::Message(message, _) => message.held(),
                Item::Ping(data) => data.len(),
                Item::Close(_, reason) => reason.len(),
            }
    }
}

impl State {
    /// Whether there is room for another message, or no sense in waiting for some.
    pub(in crate::ws) fn takes_messages(&self) -> bool {
        self.flow.queued < HIGH_WATER || self.flow.is_ended()
    }

    /// Sends a message, at once if there is room.
    pub(in crate::ws) fn send(&mut self, message: Message) -> Result<(), Error> {
        self.may_begin()?;
        self.put(message, true);
        Ok(())
    }

    /// Sends a piece of one; those of a message are of one kind.
    pub(in crate::ws) fn send_piece(&mut self, piece: Message, last: bool) -> Result<(), Error> {
        self.may_send()?;
        if self.flow.sending.is_some_and(|kind| kind != piece.kind()) {
            return Err(Error::Usage(UsageError::WrongState));
        }
        self.flow.sending = (!last).then_some(piece.kind());
        // A fragment of nothing would only be held against us.
        if last || !piece.is_empty() {
            self.put(piece, last);
        }
        Ok(())
    }

    #[inline]
    fn put(&mut self, message: Message, last: bool) {
        if !self.send_now(message.kind(), &message, last) {
            self.wait(Item::Message(message, last));
        }
    }

    /// The same of borrowed bytes.
    pub(in crate::ws) fn send_copy(&mut self, kind: Kind, data: &[u8]) -> Result<(), Error> {
        self.may_begin()?;
        if !self.send_now(kind, data, true) {
            self.wait(Item::Message(Message::copy(kind, data), true));
        }
        Ok(())
    }

    pub(in crate::ws) fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        self.may_send()?;
        if data.len() > avx_core::ws::frame::MAX_CONTROL {
            return Err(Error::Usage(UsageError::ControlTooLong));
        }
        self.wait(Item::Ping(data.to_vec()));
        Ok(())
    }

    pub(in crate::ws) fn close(&mut self, code: CloseCode, reason: String) -> Result<(), Error> {
        self.may_send()?;
        let nothing = code == CloseCode::NO_STATUS && reason.is_empty();
        if !nothing && !code.may_be_sent() {
            return Err(Error::Usage(UsageError::BadCloseCode));
        }
        if reason.len() > avx_core::ws::close::MAX_REASON {
            return Err(Error::Usage(UsageError::ControlTooLong));
        }
        self.wait(Item::Close(code, reason));
        Ok(())
    }

    /// The server shuts down: the connection is closed behind what waits.
    pub(super) fn go_away(&mut self) {
        if self.may_send().is_ok() {
            self.wait(Item::Close(CloseCode::GOING_AWAY, String::new()));
        }
    }

    #[cold]
    fn wait(&mut self, item: Item) {
        self.flow.queued += item.held();
        self.flow.queue.push_back(item);
    }

    #[inline]
    fn may_send(&self) -> Result<(), Error> {
        let closing = matches!(self.flow.queue.back(), Some(Item::Close(..)));
        let open = each!(&self.end, link => link.session.machine().is_open(), false);
        match &self.flow.error {
            _ if open && !closing => Ok(()),
            Some(error) => Err(error.again()),
            None => Err(Error::Closed),
        }
    }

    /// As [`may_send`](Self::may_send), and no message is incomplete.
    fn may_begin(&self) -> Result<(), Error> {
        self.may_send()?;
        if self.flow.sending.is_some() { Err(Error::Usage(UsageError::WrongState)) } else { Ok(()) }
    }

    /// Writes a whole message, or piece, into the output, if nothing comes before it and there is room.
    #[inline]
    fn send_now(&mut self, kind: Kind, data: &[u8], last: bool) -> bool {
        if !self.flow.queue.is_empty() {
            return false;
        }
        let now = self.now();
        pool::with_scratch(|scratch| {
            each!(&mut self.end, link => {
                let (machine, out) = link.session.parts(scratch);
                out.room() >= data.len() + FRAME && put(machine, now, kind, data, last, out).is_ok()
            }, false)
        })
    }
}

impl Flow {
    /// What waits into the output, as far as there is room. Whether there was.
    pub(super) fn feed<R: Role>(
        &mut self,
        link: &mut Wire<Connection<R>>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> bool {
        let mut any = false;
        while let Some(item) = self.queue.front_mut() {
            let (machine, out) = link.session.parts(scratch);
            let result = match item {
                Item::Message(message, ends) => {
                    let mut room = out.room().saturating_sub(FRAME);
                    if self.compresses {
                        // What does not shrink may grow by an eighth.
                        room = room.saturating_sub(64) / 8 * 7;
                    }
                    let n = message.len().min(room);
                    if n < message.len() && n < LITTLE {
                        return any;
                    }
                    let all = n == message.len();
                    let sent = put(machine, now, message.kind(), &message[..n], all && *ends, out);
                    if sent.is_ok() {
                        message.advance(n);
                        any = true;
                        if !all {
                            continue;
                        }
                    }
                    sent
                }
                Item::Ping(data) => machine.ping(now, data, out),
                Item::Close(code, reason) => machine.close(now, *code, reason, out),
            };
            match result {
                Err(UsageError::OutputFull(_)) => return any,
                Err(_) if !matches!(item, Item::Message(..)) => {
                    // The peer has closed meanwhile, and asks for no ping.
                    self.queued -= self.queue.pop_front().map_or(0, |item| item.held());
                    any = true;
                }
                // This end has closed: nothing that waits can be sent.
                Err(_) => {
                    self.untold = true;
                    self.queue.clear();
                    self.queued = 0;
                    return true;
                }
                Ok(()) => {
                    self.queued -= self.queue.pop_front().map_or(0, |item| item.held());
                    any = true;
                }
            }
        }
        if any {
            let (machine, out) = link.session.parts(scratch);
            machine.delay_close(false);
            machine.transmit(now, out);
        }
        any
    }
}

/// A message, or a piece of one, into the output; compressed where that was agreed on.
#[inline]
fn put<R: Role>(
    machine: &mut Connection<R>,
    now: Instant,
    kind: Kind,
    data: &[u8],
    last: bool,
    out: &mut dyn Output,
) -> Result<(), UsageError> {
    #[cfg(feature = "deflate")]
    return machine.send_compressed(now, kind, data, last, out);
    #[cfg(not(feature = "deflate"))]
    machine.send(now, kind, data, last, out)
}
