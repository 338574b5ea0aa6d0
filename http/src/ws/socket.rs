//! A socket and its halves.

use super::pump::{Farewell, State};
use super::shared::{Shared, Side};
use super::{Error, Message, Piece};
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
}

/// The half that sends, for a task of its own.
pub struct Sender(Arc<Shared>);

/// The half that receives, for a task of its own.
pub struct Receiver(Arc<Shared>);

impl Socket {
    pub(super) fn new(state: State, protocol: Option<Box<str>>) -> (Self, Arc<Shared>) {
        let shared = Shared::new(state);
        let (sender, receiver) = (Sender(shared.clone()), Receiver(shared.clone()));
        (Socket { sender, receiver, protocol }, shared)
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.receiver.recv().await
    }

    /// As [`Receiver::recv_piece`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv_piece(&mut self) -> Result<Option<Piece>, Error> {
        self.receiver.recv_piece().await
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

    /// As [`Sender::send_piece`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_piece(&mut self, kind: Kind, data: &[u8], last: bool) -> Result<(), Error> {
        self.sender.send_piece(kind, data, last).await
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
    /// [`Error::Io`]. Every later call says the same. [`Error::Usage`] in the middle of a message that is received by
    /// [pieces](Self::recv_piece), until the last one was.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        let mut waits = Waits::new(&self.0, Side::Receiver);
        poll_fn(|cx| waits.check(cx, |cx| self.0.poll_recv(cx))).await
    }

    /// As [`recv`](Self::recv), by polling.
    ///
    /// # Errors
    /// As there.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.0.poll_recv(cx)
    }

    /// The next piece of a message as it has come, for messages that are too large to be held: at most what one read
    /// brings, 64 KiB. `None` when the connection was closed in order, perhaps within a message. Cancel-safe: what
    /// has come stays.
    ///
    /// [`recv`](Self::recv) may be called whenever a message was received to its end. What a call of it that was
    /// given up has joined is one piece, and may have up to `ws.message` bytes of the
    /// [`Config`](crate::Config).
    ///
    /// # Errors
    /// As [`recv`](Self::recv), behind the pieces that came before; never [`Error::Usage`].
    pub async fn recv_piece(&mut self) -> Result<Option<Piece>, Error> {
        let mut waits = Waits::new(&self.0, Side::Receiver);
        poll_fn(|cx| waits.check(cx, |cx| self.0.poll_recv_piece(cx))).await
    }

    /// As [`recv_piece`](Self::recv_piece), by polling.
    ///
    /// # Errors
    /// As there.
    pub fn poll_recv_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Error>> {
        self.0.poll_recv_piece(cx)
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
    /// [`Error::Closed`] once the connection is being closed, from either side; [`Error::Usage`] in the middle of a
    /// message that is sent by [pieces](Self::send_piece); else as [`recv`](Receiver::recv).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.begin(move |state| message.take().map_or(Ok(()), |message| state.send(message))).await
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

    /// Sends a piece of a message, which ends with `last`: a frame, or some when it has to wait. An empty piece
    /// sends nothing unless it is the last one. Waits and may be cancelled as [`send`](Self::send). Pings may go
    /// between the pieces, and a close cuts the message short.
    ///
    /// The caller sees to it that a [text](Kind::Text) is UTF-8 as a whole; its pieces may be cut anywhere.
    ///
    /// # Errors
    /// [`Error::Usage`] when the message began as another kind; else as [`send`](Self::send).
    pub async fn send_piece(&mut self, kind: Kind, data: &[u8], last: bool) -> Result<(), Error> {
        self.begin(|state| state.send_piece(kind, data, last)).await
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
        if let Some(user) = &mut this.user {
            this.shared.lock().attend(true);
            let polled = user.as_mut().poll(cx);
            if polled.is_ready() {
                this.user = None;
            }
            this.shared.lock().attend(false);
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
