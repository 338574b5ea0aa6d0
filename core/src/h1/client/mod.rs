//! The client's side of an HTTP/1.1 connection.
//!
//! ```text
//! reader:  Head ──▶ Content ──▶ Head ...        (one response after the other, in the order of requests)
//!            └──▶ Switched                      (101, CONNECT)
//!          any ──▶ Failed | Closed
//! writer:  Idle ──▶ (Waiting for 100) ──▶ Content ──▶ Idle ...
//! ```
//!
//! Requests may be pipelined, up to a limit; each response is framed by the method of the request it
//! answers.

mod ask;
mod recv;

use super::content::Content;
use super::encode::Sending;
use super::head::Parser;
use super::upgrade::Offer;
use crate::{
    Config, Event, Instant, Machine, Output, PeerError, Protocol, Recv, Scratch, StreamId, UsageError,
};
use alloc::sync::Arc;

/// The machine of a client's connection. About 200 bytes, nothing on the heap but the shared config.
#[derive(Debug)]
pub struct Client {
    config: Arc<Config>,
    /// Requests begun, and responses completed.
    sent: u64,
    answered: u64,
    /// Kind of each request in flight, two bits each, the oldest lowest.
    kinds: u64,
    reader: Reader,
    writer: Writer,
    head: Parser,
    content: Content,
    /// Interim responses to the oldest request in flight.
    informational: u16,
    /// No further request: `close` was sent or received, or the version forbids it.
    closing: bool,
    /// The response under way ends the connection.
    last_response: bool,
    /// The newest request offers an upgrade.
    upgrade_offered: bool,
    /// What it offers to switch to.
    offer: Offer,
    switch_to: Option<Protocol>,
    eof: bool,
    shutting_down: bool,
    wants_write: bool,
    error: Option<PeerError>,
    /// When the head under way must be complete.
    head_at: u64,
    /// When waiting for 100 (Continue) ends.
    continue_at: u64,
    drain_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Head,
    Content,
    Switched,
    Failed,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Idle,
    /// The content waits for 100 (Continue).
    Waiting(Sending),
    Content(Sending),
    /// The final response came first: the content announced is not sent any more.
    Abandoned,
}

/// What the framing of a response depends on.
const PLAIN: u64 = 0;
const HEAD: u64 = 1;
const CONNECT: u64 = 2;

const NEVER: u64 = u64::MAX;

impl Client {
    /// A fresh connection.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let _ = now;
        Client {
            config,
            sent: 0,
            answered: 0,
            kinds: 0,
            reader: Reader::Head,
            writer: Writer::Idle,
            head: Parser::new(),
            content: Content::Done,
            informational: 0,
            closing: false,
            last_response: false,
            upgrade_offered: false,
            offer: Offer::default(),
            switch_to: None,
            eof: false,
            shutting_down: false,
            wants_write: false,
            error: None,
            head_at: NEVER,
            continue_at: NEVER,
            drain_at: NEVER,
        }
    }

    /// Whether no exchange is under way.
    pub fn is_idle(&self) -> bool {
        self.in_flight() == 0 && self.writer == Writer::Idle && self.reader == Reader::Head
    }

    /// Whether another request may be sent now. False for good once the connection is to end: a
    /// request whose content was not sent in full, or a response that ends with the connection, never
    /// leaves a connection to reuse (RFC 9112, section 9.3).
    pub fn is_reusable(&self) -> bool {
        self.ready().is_ok()
    }

    /// Requests that have no complete response yet.
    pub fn in_flight(&self) -> u64 {
        self.sent - self.answered
    }

    /// Whether content of a response is still to come.
    #[inline]
    pub(crate) fn is_amid_content(&self) -> bool {
        self.reader == Reader::Content
    }

    fn ready(&self) -> Result<(), UsageError> {
        let limit = u64::from(self.config.limits.pipelined.clamp(1, 32));
        let free = self.in_flight() < limit && self.writer == Writer::Idle;
        let lasting = !self.closing && !self.shutting_down && !self.eof && !self.upgrade_offered;
        let reading = matches!(self.reader, Reader::Head | Reader::Content);
        if free && lasting && reading { Ok(()) } else { Err(UsageError::WrongState) }
    }

    fn stream(&self) -> StreamId {
        StreamId(self.answered + 1)
    }

    /// Whether nothing is left to do, and nothing more is to come.
    fn is_done(&self) -> bool {
        let last = self.closing || self.shutting_down;
        last && self.in_flight() == 0 && self.writer == Writer::Idle
    }

    /// The content that waited for 100 (Continue) may go out.
    fn may_send(&mut self) {
        if let Writer::Waiting(sending) = self.writer {
            self.writer = Writer::Content(sending);
            self.continue_at = NEVER;
        }
    }

    /// The request's content is complete.
    fn did_send(&mut self) {
        self.writer = Writer::Idle;
        self.wants_write = false;
        if self.is_done() {
            self.close();
        }
    }

    fn close(&mut self) {
        self.reader = Reader::Closed;
        self.wants_write = false;
        (self.head_at, self.continue_at, self.drain_at) = (NEVER, NEVER, NEVER);
    }

    fn fail(&mut self, error: PeerError) {
        self.close();
        self.reader = Reader::Failed;
        self.error = Some(error);
    }

    /// Whether this request's content waits for 100 (Continue), which may still come.
    fn is_waiting(&self, stream: StreamId) -> bool {
        let open = matches!(self.reader, Reader::Head | Reader::Content);
        open && stream.0 == self.sent && matches!(self.writer, Writer::Waiting(_))
    }

    fn sending(&mut self, stream: StreamId) -> Result<&mut Sending, UsageError> {
        match &mut self.writer {
            _ if stream.0 != self.sent || stream.0 == 0 => Err(UsageError::UnknownStream),
            _ if matches!(self.reader, Reader::Failed | Reader::Closed) => Err(UsageError::UnknownStream),
            Writer::Content(sending) => Ok(sending),
            _ => Err(UsageError::WrongState),
        }
    }
}

impl Machine for Client {
    type Event<'b> = Event<'b>;

    fn recv<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let result = match self.reader {
            Reader::Head => self.recv_head(now, input, scratch),
            Reader::Content => self.recv_content(input, scratch),
            Reader::Switched => {
                let to = self.switch_to.unwrap_or(Protocol::Tunnel);
                return Ok(Recv::Switched { consumed: 0, to });
            }
            Reader::Failed => return self.error.map_or(Ok(Recv::Paused), Err),
            Reader::Closed => return Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 }),
        };
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }

    fn recv_eof(&mut self, _: Instant) {
        self.eof = true;
    }

    /// A client has nothing of its own to say.
    fn transmit(&mut self, _: Instant, _: &mut dyn Output) {}

    fn poll_timeout(&self) -> Option<Instant> {
        let at = self.head_at.min(self.continue_at).min(self.drain_at);
        (at != NEVER).then(|| Instant::from_nanos(at))
    }

    fn handle_timeout(&mut self, now: Instant) {
        let now = now.as_nanos();
        if now >= self.continue_at {
            // "a client that sends a 100-continue expectation [...] SHOULD NOT wait for an indefinite period
            // before sending the content" (RFC 9110, section 10.1.1)
            self.may_send();
        }
        if now >= self.drain_at {
            self.fail(PeerError::DrainTimeout);
        } else if now >= self.head_at {
            self.fail(PeerError::HeadTimeout);
        }
    }

    fn wants_read(&self) -> bool {
        !self.eof && matches!(self.reader, Reader::Head | Reader::Content)
    }

    fn is_send_closed(&self) -> bool {
        matches!(self.reader, Reader::Failed | Reader::Closed)
    }

    fn is_closed(&self) -> bool {
        matches!(self.reader, Reader::Failed | Reader::Closed)
    }
}
