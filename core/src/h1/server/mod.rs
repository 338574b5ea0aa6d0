//! The server's side of an HTTP/1.1 connection.
//!
//! ```text
//! reader:  Head ──▶ Content ──▶ Answering ──▶ Head ...          (one exchange after the other)
//!                                   └──▶ Switched               (101, CONNECT)
//!          any ──▶ Failed | Lingering ──▶ Closed
//! writer:  Idle ──▶ Due ──▶ Content ──▶ Idle ...
//! ```
//!
//! Requests are taken one at a time: after the end of one, `recv` says [`Recv::Paused`] until its
//! response is complete, and pipelined bytes stay with the caller.

mod answer;
mod deadline;
mod recv;

use super::PREFACE;
use super::content::{Content, Role};
use super::encode::Sending;
use super::head::{Options, Parser};
use super::upgrade::Offer;
use crate::{Config, Event, Instant, Machine, Output, PeerError, Protocol, Recv, Scratch, Status};
use alloc::sync::Arc;

/// The machine of a server's connection. About 200 bytes, nothing on the heap but the shared config.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    /// What the config says of heads, and of idle connections in nanoseconds: asked for each request.
    options: Options,
    idle: u64,
    /// Number of the current or last exchange.
    stream: u64,
    reader: Reader,
    writer: Writer,
    head: Parser,
    content: Content,
    /// The current request.
    request: RequestFacts,
    /// It asks for none of what few requests do: no content, no upgrade, an end after the response ...
    plain: bool,
    /// Where the connection goes once request and response are complete.
    persist: bool,
    switch_to: Option<Protocol>,
    eof: bool,
    shutting_down: bool,
    wants_write: bool,
    error: Option<PeerError>,
    /// The answer to the error has to be written.
    goodbye_due: bool,
    /// It is answered, sooner or later.
    refused: bool,
    /// A response that the end of the connection delimits broke off.
    cut: bool,
    timer: Timer,
    timer_at: u64,
    /// End of the graceful drain.
    drain_at: u64,
    /// Time spent waiting for content so far, and content received.
    waited: u64,
    received: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Head,
    Content,
    /// There is no content, or no more: its end is to be told.
    Complete,
    Answering,
    /// The exchange ends before its content does: says so, then lingers.
    Abandoned,
    Switched,
    Failed,
    Lingering,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// No request to answer.
    Idle,
    /// A final response is due.
    Due,
    Content(Sending),
}

/// What `timer_at` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Off,
    /// The first head of the connection.
    FirstHead,
    Head,
    Idle,
    /// Waiting for content since the instant given.
    Content {
        since: u64,
    },
    /// Draining content nobody reads after the response.
    Unread,
    Linger,
}

/// What answering a request depends on.
#[derive(Clone, Copy, Debug, Default)]
struct RequestFacts {
    http10: bool,
    head: bool,
    connect: bool,
    /// What it offers to switch to.
    offer: Offer,
    /// The client waits for 100 (Continue), and it has not been sent.
    expects: bool,
}

const NEVER: u64 = u64::MAX;

impl Server {
    /// A fresh connection, accepted at `now`.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let first_head = now + config.timeouts.first_head;
        Server {
            options: Role::Server.options(&config),
            idle: (Instant::ZERO + config.timeouts.idle).as_nanos(),
            config,
            stream: 0,
            reader: Reader::Head,
            writer: Writer::Idle,
            head: Parser::new(),
            content: Content::Done,
            request: RequestFacts::default(),
            plain: false,
            persist: true,
            switch_to: None,
            eof: false,
            shutting_down: false,
            wants_write: false,
            error: None,
            goodbye_due: false,
            refused: false,
            cut: false,
            timer: Timer::FirstHead,
            timer_at: first_head.as_nanos(),
            drain_at: NEVER,
            waited: 0,
            received: 0,
        }
    }

    /// Whether no exchange is under way and nothing of a request has been seen.
    pub fn is_idle(&self) -> bool {
        self.reader == Reader::Head && matches!(self.timer, Timer::FirstHead | Timer::Idle)
    }

    /// The status of the response that is the machine's own answer to an error of the peer, and how many
    /// bytes of content it has. `None` while there is no error, and for one that cannot be answered.
    pub fn refusal(&self) -> Option<(Status, u64)> {
        let error = self.error.filter(|_| self.refused)?;
        let len = explanation(error).iter().map(|text| text.len() as u64).sum();
        Some((status(error), if self.request.head { 0 } else { len }))
    }
}

/// What a machine for both versions has to know.
impl Server {
    /// Whether this connection is one of HTTP/2: it begins with the whole preface of that.
    #[inline]
    pub(crate) fn is_preface(&self, input: &[u8]) -> bool {
        self.stream == 0 && self.reader == Reader::Head && input.starts_with(PREFACE)
    }

    /// Whether content of the request is still to come.
    #[inline]
    pub(crate) fn is_amid_content(&self) -> bool {
        self.reader == Reader::Content
    }

    /// Whether the end of the input is known.
    pub(crate) fn is_eof(&self) -> bool {
        self.eof
    }

    /// When the graceful end was asked for, while it is under way.
    pub(crate) fn shutdown_begun(&self) -> Option<Instant> {
        let drain = (Instant::ZERO + self.config.timeouts.drain).as_nanos();
        (self.drain_at != NEVER).then(|| Instant::from_nanos(self.drain_at.saturating_sub(drain)))
    }
}

fn status(error: PeerError) -> Status {
    Status::new(error.h1_status()).unwrap_or(Status::BAD_REQUEST)
}

/// What the peer is told.
fn explanation(error: PeerError) -> [&'static [u8]; 4] {
    [error.text().as_bytes(), b" (", error.rfc().as_bytes(), b")\n"]
}

impl Machine for Server {
    type Event<'b> = Event<'b>;

    #[inline(always)]
    fn recv<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let result = match self.reader {
            Reader::Head => self.recv_head(now, input, scratch),
            _ => self.recv_behind_head(now, input, scratch),
        };
        if let Err(error) = result {
            if self.error.is_none() {
                self.fail(now, error);
            }
        }
        result
    }

    fn recv_eof(&mut self, now: Instant) {
        let _ = now;
        self.eof = true;
        if self.reader == Reader::Lingering || self.reader == Reader::Failed && !self.goodbye_due {
            self.close();
        }
    }

    #[inline]
    fn transmit(&mut self, now: Instant, out: &mut dyn Output) {
        if self.goodbye_due {
            self.say_goodbye(now, out);
        }
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        let at = self.timer_at.min(self.drain_at);
        (at != NEVER).then(|| Instant::from_nanos(at))
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now.as_nanos() >= self.drain_at {
            self.drain_at = NEVER;
            self.error = Some(PeerError::DrainTimeout);
            self.goodbye_due = false;
            return self.close();
        }
        if now.as_nanos() < self.timer_at {
            return;
        }
        match self.timer {
            Timer::Off => {}
            Timer::Head => self.fail(now, PeerError::HeadTimeout),
            Timer::Content { .. } => self.fail(now, PeerError::BodyTooSlow),
            // Nothing was asked, so nothing is answered.
            Timer::FirstHead | Timer::Idle | Timer::Linger => {
                self.goodbye_due = false;
                self.close();
            }
            Timer::Unread => {
                self.stop_timer();
                self.reader = Reader::Abandoned;
            }
        }
    }

    fn hold(&mut self, now: Instant) {
        self.did_wait(now);
    }

    fn wants_flush(&self) -> bool {
        matches!(self.timer, Timer::Idle | Timer::Linger)
    }

    fn did_flush(&mut self, now: Instant) {
        let timeouts = &self.config.timeouts;
        match self.timer {
            Timer::Idle => self.set_timer(Timer::Idle, now + timeouts.idle),
            Timer::Linger => self.set_timer(Timer::Linger, now + timeouts.linger),
            _ => {}
        }
    }

    #[inline]
    fn wants_read(&self) -> bool {
        !self.eof
            && matches!(
                self.reader,
                Reader::Head
                    | Reader::Content
                    | Reader::Complete
                    | Reader::Abandoned
                    | Reader::Failed
                    | Reader::Lingering
            )
    }

    #[inline]
    fn is_send_closed(&self) -> bool {
        match self.reader {
            Reader::Failed => !self.goodbye_due,
            Reader::Abandoned | Reader::Lingering | Reader::Closed => true,
            _ => false,
        }
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.reader == Reader::Closed
    }

    fn wants_reset(&self) -> bool {
        // "A response that has neither chunked transfer coding nor Content-Length is terminated by closure
        // of the connection and, if the header section was received intact, is considered complete unless
        // an error was indicated by the underlying connection" (RFC 9112, section 8)
        self.cut || self.writer == Writer::Content(Sending::Close)
    }
}
