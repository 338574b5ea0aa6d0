//! A socket and its halves.

use super::pump::{Farewell, State};
use super::shared::{Shared, Side};
use super::{Error, Event, Message};
use avx_core::ws::{CloseCode, Kind};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

/// One end of a WebSocket. See the [module](super) for what happens by itself.
///
/// Dropping it closes the connection in order, with 1000, behind what was sent.
pub struct Socket {
    sender: Sender,
    receiver: Receiver,
}

/// The half that sends, for a task of its own.
pub struct Sender(Arc<Shared>);

/// The half that receives, for a task of its own.
pub struct Receiver(Arc<Shared>);

impl Socket {
    pub(super) fn new(state: State, protocol: Option<Box<str>>) -> (Self, Arc<Shared>) {
        let shared = Shared::new(state, protocol);
        (Socket { sender: Sender(shared.clone()), receiver: Receiver(shared.clone()) }, shared)
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.sender.0.protocol()
    }

    /// Whether both ends agreed to compress messages (permessage-deflate).
    pub fn compresses(&self) -> bool {
        self.sender.0.lock().flow.compresses()
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> + Send {
        self.receiver.recv()
    }

    /// As [`Receiver::next_event`].
    ///
    /// # Errors
    /// As there.
    pub fn next_event(&mut self) -> impl Future<Output = Result<Option<Event>, Error>> + Send {
        self.receiver.next_event()
    }

    /// As [`Receiver::farewell`].
    pub fn farewell(&self) -> Option<Farewell> {
        self.receiver.farewell()
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.send(message)
    }

    /// As [`Sender::send_piece`].
    ///
    /// # Errors
    /// As there.
    pub fn send_piece(
        &mut self,
        piece: impl Into<Message>,
        last: bool,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.send_piece(piece, last)
    }

    /// As [`Sender::send_text`].
    ///
    /// # Errors
    /// As there.
    pub fn send_text(&mut self, text: &str) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.send_text(text)
    }

    /// As [`Sender::send_binary`].
    ///
    /// # Errors
    /// As there.
    pub fn send_binary(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.send_binary(bytes)
    }

    /// As [`Sender::flush`].
    ///
    /// # Errors
    /// As there.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.flush()
    }

    /// As [`Sender::ping`].
    ///
    /// # Errors
    /// As there.
    pub fn ping(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.ping(data)
    }

    /// As [`Sender::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> impl Future<Output = Result<(), Error>> + Send {
        self.sender.close(code, reason)
    }

    /// The two halves. The connection is closed when both are dropped.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Receiver {
    /// The next message; `None` when the connection was closed in order. Cancel-safe: what has come stays.
    ///
    /// # Errors
    /// [`Error::Peer`] when the peer broke the protocol, was silent for too long, or left without a word;
    /// [`Error::Io`]. Every later call says the same.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> + Send {
        Waiting::new(&self.0, Side::Receiver, |shared, cx| shared.poll_recv(cx, false).map_ok(whole))
    }

    /// Whatever comes next: messages in the pieces in which they arrive, pings, pongs; `None` as with
    /// [`recv`](Self::recv). Cancel-safe. Holds no more of a message than a piece of it.
    ///
    /// Who begins a message with this ends it with this: `recv` gets the rest of one as if it were whole.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn next_event(&mut self) -> impl Future<Output = Result<Option<Event>, Error>> + Send {
        Waiting::new(&self.0, Side::Receiver, |shared, cx| shared.poll_recv(cx, true))
    }

    /// As [`recv`](Self::recv), by polling.
    ///
    /// # Errors
    /// As there.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.0.poll_recv(cx, false).map_ok(whole)
    }

    /// What the peer said as it closed, once [`recv`](Self::recv) has returned `None`.
    pub fn farewell(&self) -> Option<Farewell> {
        self.0.lock().flow.farewell().cloned()
    }
}

impl Sender {
    /// Sends a message: hands it over as soon as less than 1 MiB waits. Cancel-safe: a cancelled call has sent
    /// nothing, and one that has returned has sent all of it, in order.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection is being closed, from either side; else as
    /// [`recv`](Receiver::recv).
    pub fn send(&mut self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> + Send {
        let mut message = Some(message.into());
        self.begin(move |state| message.take().map_or(Ok(()), |message| state.send(message)))
    }

    /// Sends a piece of a message, which ends with `last`. The pieces of a message are of one kind, nothing but pings
    /// goes between them, and a text may be cut anywhere but is UTF-8 as a whole. How pieces are cut into frames is
    /// not defined; an empty one sends nothing unless it is the last. Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// [`Error::Usage`] for a piece of another kind, and so from `send` before the last piece; else as there.
    pub fn send_piece(
        &mut self,
        piece: impl Into<Message>,
        last: bool,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let mut piece = Some(piece.into());
        self.begin(move |state| piece.take().map_or(Ok(()), |piece| state.send_piece(piece, last)))
    }

    /// As [`send`](Self::send), of borrowed text; copied only when it has to wait.
    ///
    /// # Errors
    /// As there.
    pub fn send_text(&mut self, text: &str) -> impl Future<Output = Result<(), Error>> + Send {
        self.begin(move |state| state.send_copy(Kind::Text, text.as_bytes()))
    }

    /// As [`send`](Self::send), of borrowed bytes; copied only when they have to wait.
    ///
    /// # Errors
    /// As there.
    pub fn send_binary(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>> + Send {
        self.begin(move |state| state.send_copy(Kind::Binary, bytes))
    }

    /// Sends a ping, of at most 125 bytes. What comes back, and pings of the peer, need no attention.
    ///
    /// # Errors
    /// [`Error::Usage`] when `data` is longer; else as [`send`](Self::send).
    pub fn ping(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> + Send {
        self.begin(move |state| state.ping(data))
    }

    /// Begins to close the connection, behind what was sent: nothing can be sent any more. What the peer sends
    /// until it has answered can still be received.
    ///
    /// # Errors
    /// [`Error::Usage`] when the code is none to be sent or the reason has more than 123 bytes; else as
    /// [`send`](Self::send).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> impl Future<Output = Result<(), Error>> + Send {
        self.begin(move |state| state.close(code, reason.into()))
    }

    /// Waits until everything sent so far has been handed to the transport.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub fn flush(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        Waiting::new(&self.0, Side::Sender, |shared, cx| shared.poll_flush(cx))
    }

    /// Does `begin` as soon as there is room.
    fn begin(
        &mut self,
        mut begin: impl FnMut(&mut State) -> Result<(), Error> + Send + Unpin,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        Waiting::new(&self.0, Side::Sender, move |shared, cx| shared.poll_send(cx, &mut begin))
    }
}

/// A message that was told when it was whole.
fn whole(event: Option<Event>) -> Option<Message> {
    match event {
        Some(Event::Data { data, .. }) => Some(data),
        _ => None,
    }
}

/// A call that may have to wait. Whoever gives up waiting hands on what it may have been woken for.
struct Waiting<'a, F> {
    shared: &'a Shared,
    poll: F,
    side: Side,
    waits: bool,
}

impl<'a, T, F: FnMut(&Shared, &Context<'_>) -> Poll<T> + Unpin> Waiting<'a, F> {
    fn new(shared: &'a Shared, side: Side, poll: F) -> Self {
        Waiting { shared, poll, side, waits: false }
    }
}

impl<T, F: FnMut(&Shared, &Context<'_>) -> Poll<T> + Unpin> Future for Waiting<'_, F> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let shared = self.shared;
        let polled = (self.poll)(shared, cx);
        self.waits = polled.is_pending();
        polled
    }
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if self.waits {
            self.shared.gives_up(self.side);
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.leave(Side::Sender);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.leave(Side::Receiver);
    }
}

/// A server's socket with the future that uses it: both in the task of the connection, and in one piece of memory.
pub(super) fn attended<Fut: Future<Output = ()> + Send>(
    shared: Arc<Shared>,
    user: impl FnOnce() -> Fut + Send,
) -> impl Future<Output = ()> + Send {
    let attendant = Attendant(shared);
    async move {
        let shared = &attendant.0;
        let mut user = pin!(Some(user()));
        poll_fn(|cx| {
            shared.attend(cx);
            if user.as_mut().as_pin_mut().is_some_and(|user| user.poll(cx).is_ready()) {
                user.set(None);
            }
            match shared.poll_attend(cx) {
                Poll::Ready(()) if user.is_none() => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
    }
}

/// Attends to a socket as long as it lives. A client's is a task of its own, to the end of the connection.
pub(super) struct Attendant(pub(super) Arc<Shared>);

impl Future for Attendant {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.attend(cx);
        self.0.poll_attend(cx)
    }
}

/// At the end of the connection, or of the runtime, or because the handler panicked.
impl Drop for Attendant {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("protocol", &self.protocol()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
