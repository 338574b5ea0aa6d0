//! A socket and its halves.

use super::pump::{Farewell, State};
use super::shared::{Shared, Side};
use super::{Error, Event, Message};
use avx_core::ws::{CloseCode, Kind};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// One end of a WebSocket. See the [module](super) for what happens by itself.
///
/// Dropping it closes the connection in order, with 1000, behind what was sent.
pub struct Socket {
    sender: Sender,
    receiver: Receiver,
    protocol: Option<Box<str>>,
    compresses: bool,
}

/// The half that sends, for a task of its own.
pub struct Sender(Arc<Shared>);

/// The half that receives, for a task of its own.
pub struct Receiver(Arc<Shared>);

impl Socket {
    pub(super) fn new(state: State, protocol: Option<Box<str>>) -> (Self, Arc<Shared>) {
        let compresses = state.compresses();
        let shared = Shared::new(state);
        let (sender, receiver) = (Sender(shared.clone()), Receiver(shared.clone()));
        (Socket { sender, receiver, protocol, compresses }, shared)
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Whether both ends agreed to compress messages (permessage-deflate).
    pub fn compresses(&self) -> bool {
        self.compresses
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.receiver.recv().await
    }

    /// As [`Receiver::next_event`].
    ///
    /// # Errors
    /// As there.
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        self.receiver.next_event().await
    }

    /// As [`Receiver::farewell`].
    pub fn farewell(&self) -> Option<Farewell> {
        self.receiver.farewell()
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.sender.send(message).await
    }

    /// As [`Sender::send_piece`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_piece(&mut self, piece: impl Into<Message>, last: bool) -> Result<(), Error> {
        self.sender.send_piece(piece, last).await
    }

    /// As [`Sender::send_text`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.sender.send_text(text).await
    }

    /// As [`Sender::send_binary`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sender.send_binary(bytes).await
    }

    /// As [`Sender::flush`].
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.sender.flush().await
    }

    /// As [`Sender::ping`].
    ///
    /// # Errors
    /// As there.
    pub async fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        self.sender.ping(data).await
    }

    /// As [`Sender::close`].
    ///
    /// # Errors
    /// As there.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.sender.close(code, reason).await
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
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        let mut waits = Waits::new(&self.0, Side::Receiver);
        poll_fn(|cx| waits.check(cx, |cx| self.0.poll_recv(cx, false).map_ok(whole))).await
    }

    /// Whatever comes next: messages in the pieces in which they arrive, pings, pongs; `None` as with
    /// [`recv`](Self::recv). Cancel-safe. Holds no more of a message than a piece of it.
    ///
    /// Who begins a message with this ends it with this: `recv` gets the rest of one as if it were whole.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        let mut waits = Waits::new(&self.0, Side::Receiver);
        poll_fn(|cx| waits.check(cx, |cx| self.0.poll_recv(cx, true))).await
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
        self.0.lock().farewell().cloned()
    }
}

impl Sender {
    /// Sends a message: hands it over as soon as less than 1 MiB waits. Cancel-safe: a cancelled call has sent
    /// nothing, and one that has returned has sent all of it, in order.
    ///
    /// # Errors
    /// [`Error::Closed`] once the connection is being closed, from either side; else as
    /// [`recv`](Receiver::recv).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.begin(move |state| message.take().map_or(Ok(()), |message| state.send(message))).await
    }

    /// Sends a piece of a message, which ends with `last`. The pieces of a message are of one kind, nothing but pings
    /// goes between them, and a text may be cut anywhere but is UTF-8 as a whole. How pieces are cut into frames is
    /// not defined. Otherwise as [`send`](Self::send).
    ///
    /// # Errors
    /// [`Error::Usage`] for a piece of another kind, and so from `send` before the last piece; else as there.
    pub async fn send_piece(&mut self, piece: impl Into<Message>, last: bool) -> Result<(), Error> {
        let mut piece = Some(piece.into());
        self.begin(move |state| piece.take().map_or(Ok(()), |piece| state.send_piece(piece, last))).await
    }

    /// As [`send`](Self::send), of borrowed text; copied only when it has to wait.
    ///
    /// # Errors
    /// As there.
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.begin(|state| state.send_copy(Kind::Text, text.as_bytes())).await
    }

    /// As [`send`](Self::send), of borrowed bytes; copied only when they have to wait.
    ///
    /// # Errors
    /// As there.
    pub async fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.begin(|state| state.send_copy(Kind::Binary, bytes)).await
    }

    /// Sends a ping, of at most 125 bytes. What comes back, and pings of the peer, need no attention.
    ///
    /// # Errors
    /// [`Error::Usage`] when `data` is longer; else as [`send`](Self::send).
    pub async fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        self.begin(|state| state.ping(data)).await
    }

    /// Begins to close the connection, behind what was sent: nothing can be sent any more. What the peer sends
    /// until it has answered can still be received.
    ///
    /// # Errors
    /// [`Error::Usage`] when the code is none to be sent or the reason has more than 123 bytes; else as
    /// [`send`](Self::send).
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.begin(|state| state.close(code, reason.into())).await
    }

    /// Waits until everything sent so far has been handed to the transport.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut waits = Waits::new(&self.0, Side::Sender);
        poll_fn(|cx| waits.check(cx, |cx| self.0.poll_flush(cx))).await
    }

    async fn begin(&mut self, mut begin: impl FnMut(&mut State) -> Result<(), Error>) -> Result<(), Error> {
        let mut waits = Waits::new(&self.0, Side::Sender);
        poll_fn(|cx| waits.check(cx, |cx| self.0.poll_send(cx, &mut begin))).await
    }
}

/// A message that was told when it was whole.
fn whole(event: Option<Event>) -> Option<Message> {
    match event {
        Some(Event::Data { data, .. }) => Some(data),
        _ => None,
    }
}

/// Whoever waits and is given up hands on what it may have been woken for.
struct Waits<'a> {
    shared: &'a Shared,
    side: Side,
    waiting: bool,
}

impl<'a> Waits<'a> {
    fn new(shared: &'a Shared, side: Side) -> Self {
        Waits { shared, side, waiting: false }
    }

    fn check<T>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let polled = poll(cx);
        self.waiting = polled.is_pending();
        polled
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.waiting {
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

/// A server's socket with the future that uses it: both in the task of the connection.
pub(super) struct Attended<F> {
    user: Option<Pin<Box<F>>>,
    shared: Arc<Shared>,
}

impl<F: Future<Output = ()>> Attended<F> {
    pub(super) fn new(user: F, shared: Arc<Shared>) -> Self {
        Attended { user: Some(Box::pin(user)), shared }
    }
}

impl<F: Future<Output = ()>> Future for Attended<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.attend(cx);
        if this.user.as_mut().is_some_and(|user| user.as_mut().poll(cx).is_ready()) {
            this.user = None;
        }
        match this.shared.poll_attend(cx) {
            Poll::Ready(()) if this.user.is_none() => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// A client's: in a task of its own, to the end of the connection.
pub(super) struct Attendant(pub(super) Arc<Shared>);

impl Future for Attendant {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.attend(cx);
        self.0.poll_attend(cx)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("protocol", &self.protocol).finish_non_exhaustive()
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
