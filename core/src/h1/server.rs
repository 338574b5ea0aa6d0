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

use super::PREFACE;
use super::content::{self, Content, Role, Step};
use super::encode::{self, Connection, Length, Sending};
use super::framing::{Expectation, Framing, Semantics};
use super::head::{Parsed, Parser, RequestLine};
use super::upgrade::Offer;
use crate::http::{Request, RequestHead, Response};
use crate::syntax::target;
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Fields, Http, Initiator, Instant, Machine, Method, Output,
    PeerError, Protocol, Recv, Scratch, Span, Status, StreamId, UsageError, Version,
};
use alloc::sync::Arc;

/// The machine of a server's connection. About 200 bytes, nothing on the heap but the shared config.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
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
    goodbye_due: bool,
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

    #[inline(always)]
    fn recv_head<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        if input.is_empty() {
            if self.eof || self.shutting_down {
                // A client that ends the connection between two requests ends it normally.
                self.close();
            }
            return Ok(Recv::NeedMore { consumed: 0, at_least: 1 });
        }
        if self.stream == 0 && input[0] == PREFACE[0] {
            // "the connection preface is selected so that a large proportion of HTTP/1.1 or HTTP/1.0
            // servers and intermediaries do not attempt to process further frames" (RFC 9113,
            // section 3.4): it is no HTTP/1.1 request, and says who should go on.
            let n = input.len().min(PREFACE.len());
            if input[..n] == PREFACE[..n] {
                if n == PREFACE.len() {
                    self.reader = Reader::Switched;
                    self.switch_to = Some(Protocol::Http2);
                    return Ok(Recv::Switched { consumed: 0, to: Protocol::Http2 });
                }
                self.wait_for_head(now);
                return if self.eof {
                    Err(PeerError::UnexpectedEof)
                } else {
                    Ok(Recv::NeedMore { consumed: 0, at_least: 1 })
                };
            }
        }
        let options = Role::Server.options(&self.config);
        let spans = scratch.spans(usize::from(self.config.limits.fields));
        match self.head.request(input, spans, &options)? {
            Parsed::Complete { line, fields, len, folded } => {
                let spans = &scratch.spans[..fields];
                if folded {
                    content::unfold(input, spans);
                }
                self.head = Parser::new();
                self.accept(&input[..len], spans, &line)
            }
            // Empty lines in front of a request that never comes are no request.
            Parsed::Partial { .. } if self.eof && input.iter().all(|b| matches!(b, b'\r' | b'\n')) => {
                self.close();
                Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 })
            }
            Parsed::Partial { .. } if self.eof && input.iter().all(|b| matches!(b, b'\r' | b'\n')) => {
                // "a server that is expecting to receive and parse a request-line SHOULD ignore at least
                // one empty line (CRLF) received prior to the request-line" (RFC 9112, section 2.2): some
                // clients send one behind their content, and it begins no request.
                self.close();
                Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 })
            }
            Parsed::Partial { .. } if self.eof => Err(PeerError::UnexpectedEof),
            Parsed::Partial { at_least } => {
                self.wait_for_head(now);
                Ok(Recv::NeedMore { consumed: 0, at_least })
            }
        }
    }

    /// A complete head: checks what it means and opens the exchange.
    #[inline(always)]
    fn accept<'b>(
        &mut self,
        input: &'b [u8],
        spans: &'b [Span],
        line: &RequestLine,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let lenient = &self.config.lenient;
        let method = Method::from_token(&input[line.start as usize..line.method_end as usize]);
        let target = &input[line.target as usize..line.target_end as usize];
        let form = target::form(&method, target)?;
        let http10 = line.version == Version::Http10;
        let seen = Semantics::of(input, spans, true, lenient)?;
        self.stop_timer();
        let host = seen.host.and_then(|line| spans.get(usize::from(line)));
        let mut head = RequestHead {
            method,
            target,
            authority: host.map_or(&[], |span| &input[span.value as usize..span.value_end as usize]),
            version: line.version,
            fields: Fields::new(input, spans),
            raw: &input[line.start as usize..],
            expect_continue: false,
            upgrade: None,
        };
        let mut body = BodyLen::Empty;
        self.plain = !seen.special
            && !http10
            && seen.host.is_some()
            && form == target::Form::Origin
            && method != Method::Head;
        if self.plain {
            self.persist = true;
            self.request = RequestFacts::default();
            self.reader = Reader::Complete;
        } else {
            body = self.accept_special(&mut head, &seen, form)?;
        }
        self.stream += 1;
        self.writer = Writer::Due;
        let event = Event::Request { stream: StreamId(self.stream), head, body };
        Ok(Recv::Event { consumed: input.len(), event })
    }

    /// A head with content, expectations, an upgrade, another version: all that few requests have.
    #[inline(never)]
    fn accept_special(
        &mut self,
        head: &mut RequestHead<'_>,
        seen: &Semantics,
        form: target::Form,
    ) -> Result<BodyLen, PeerError> {
        let lenient = &self.config.lenient;
        let http10 = head.version == Version::Http10;
        if seen.host.is_none() && !http10 {
            return Err(PeerError::MissingHost);
        }
        let framing = seen.request_framing(http10, lenient)?;
        let connect = head.method == Method::Connect;
        if connect && framing != Framing::Empty {
            return Err(PeerError::ConnectWithContent);
        }
        // "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that
        // expectation"; "A server MAY omit sending a 100 (Continue) response if [...] the framing
        // indicates that there is no content" (RFC 9110, section 10.1.1)
        let expects = match seen.expect {
            Some(Expectation::Other) if !http10 => return Err(PeerError::UnknownExpectation),
            Some(Expectation::Continue) => !http10 && framing != Framing::Empty,
            _ => false,
        };
        // "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request";
        // "A sender of Upgrade MUST also send an "Upgrade" connection option" (RFC 9110, section 7.8)
        head.upgrade = match seen.upgrade {
            Some(line) if seen.connection_upgrade && !http10 => {
                head.fields.at(usize::from(line)).map(|field| field.value)
            }
            _ => None,
        };
        // "When an origin server receives a request with an absolute-form of request-target, the origin
        // server MUST ignore the received Host header field (if any) and instead use the host
        // information of the request-target." (RFC 9112, section 3.2.2)
        match form {
            target::Form::Absolute => head.authority = target::authority(head.target).unwrap_or_default(),
            target::Form::Authority => head.authority = head.target,
            target::Form::Origin | target::Form::Asterisk => {}
        }
        head.expect_continue = expects;
        self.persist =
            seen.persists(http10) && !(seen.content_length.is_some() && seen.transfer_encoding.is_some());
        self.request = RequestFacts {
            http10,
            head: head.method == Method::Head,
            connect,
            offer: head.upgrade.map_or(Offer::default(), |value| Offer::default().with(value)),
            expects,
        };
        if framing == Framing::Empty {
            self.reader = Reader::Complete;
        } else {
            self.reader = Reader::Content;
            self.content = Content::new(framing);
            (self.waited, self.received) = (0, 0);
        }
        Ok(framing.body_len())
    }

    #[inline(always)]
    fn recv_content<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let stream = StreamId(self.stream);
        match self.content.recv(&self.config, Role::Server, input, self.eof, scratch)? {
            Step::Data { skip, mut len } => {
                self.did_wait(now);
                // Content has come without the 100 it might have waited for.
                self.request.expects = false;
                if self.writer == Writer::Idle {
                    // Answered already: the content is passed on up to the limit and no further.
                    let limit = u64::from(self.config.limits.unread_body);
                    match limit.saturating_sub(self.received) {
                        0 => return Ok(self.abandon(now)),
                        left if left < len as u64 => {
                            len = left as usize;
                            self.reader = Reader::Abandoned;
                        }
                        _ => {}
                    }
                }
                self.received += len as u64;
                let data = &mut input[skip..skip + len];
                let event = Event::Data { stream, data, credit: len as u32 };
                Ok(Recv::Event { consumed: skip + len, event })
            }
            Step::Extension { skip, len, consumed } => {
                let event = Event::ChunkExtension { stream, extension: &input[skip..skip + len] };
                Ok(Recv::Event { consumed, event })
            }
            Step::End { skip, consumed, trailers, dropped } => {
                self.did_wait(now);
                self.stop_timer();
                self.did_receive(now);
                let trailers = Fields::new(&input[skip..consumed], &scratch.spans[..trailers]);
                Ok(Recv::Event { consumed, event: Event::End { stream, trailers, dropped } })
            }
            Step::More { consumed, at_least } => {
                self.wait_for_content(now);
                Ok(Recv::NeedMore { consumed, at_least })
            }
        }
    }

    /// The request is complete, and its end is about to be told.
    #[inline]
    fn did_receive(&mut self, now: Instant) {
        self.reader = Reader::Answering;
        if self.writer == Writer::Idle {
            self.next_exchange(now);
        }
    }

    /// The response is complete.
    #[inline]
    fn did_answer(&mut self, now: Instant) {
        self.writer = Writer::Idle;
        self.wants_write = false;
        match self.reader {
            Reader::Answering => self.next_exchange(now),
            Reader::Complete => {}
            Reader::Content if self.content.left() == Some(0) => {}
            Reader::Content if self.persist => {
                // "A server MUST read the entire request message body or close the connection after
                // sending its response" (RFC 9112, section 9.3): it is read, within bounds.
                self.received = 0;
                self.set_timer(Timer::Unread, now + self.config.timeouts.linger);
            }
            Reader::Content => self.reader = Reader::Abandoned,
            _ => {}
        }
    }

    /// Gives up the content of an exchange that has been answered.
    #[cold]
    fn abandon<'b>(&mut self, now: Instant) -> Recv<Event<'b>> {
        self.linger(now);
        let stream = StreamId(self.stream);
        Recv::Event {
            consumed: 0,
            event: Event::Reset { stream, code: ErrorCode::NO_ERROR, by: Initiator::Local },
        }
    }

    /// Request and response are complete.
    #[inline]
    fn next_exchange(&mut self, now: Instant) {
        if self.switch_to.is_some() {
            self.reader = Reader::Switched;
            self.stop_timer();
            self.drain_at = NEVER;
        } else if self.persist && !self.shutting_down {
            self.reader = Reader::Head;
            self.set_timer(Timer::Idle, now + self.config.timeouts.idle);
        } else {
            self.linger(now);
        }
    }

    /// The last response has been written: nothing more is, and what still arrives is discarded.
    ///
    /// "a server SHOULD [...] half-close by closing only the write side of the read/write connection
    /// [...] The server then continues to read from the connection until it receives a corresponding
    /// close by the client" (RFC 9112, section 9.6)
    fn linger(&mut self, now: Instant) {
        if self.eof {
            self.close();
        } else {
            self.reader = Reader::Lingering;
            self.drain_at = NEVER;
            self.set_timer(Timer::Linger, now + self.config.timeouts.linger);
        }
    }

    fn close(&mut self) {
        self.reader = Reader::Closed;
        self.writer = Writer::Idle;
        self.stop_timer();
        self.drain_at = NEVER;
    }

    #[cold]
    fn fail(&mut self, now: Instant, error: PeerError) {
        self.error = Some(error);
        // Once a response has begun, nothing else can be said.
        self.goodbye_due = !matches!(self.writer, Writer::Content(_)) && !self.is_unanswerable();
        if self.reader == Reader::Head {
            // What the last request was says nothing about the one that failed.
            self.request = RequestFacts::default();
        }
        self.writer = Writer::Idle;
        if self.eof && !self.goodbye_due {
            return self.close();
        }
        self.reader = Reader::Failed;
        self.drain_at = NEVER;
        self.set_timer(Timer::Linger, now + self.config.timeouts.linger);
    }

    /// An exchange that was answered while its content was still coming has had its response.
    fn is_unanswerable(&self) -> bool {
        self.reader == Reader::Content && self.writer == Writer::Idle
    }

    #[inline]
    fn stop_timer(&mut self) {
        self.timer = Timer::Off;
        self.timer_at = NEVER;
    }

    #[inline]
    fn set_timer(&mut self, timer: Timer, at: Instant) {
        self.timer = timer;
        self.timer_at = at.as_nanos();
    }

    /// The first bytes of a head have come, but not all of it.
    #[cold]
    fn wait_for_head(&mut self, now: Instant) {
        let at = now + self.config.timeouts.head;
        match self.timer {
            Timer::FirstHead => {
                self.set_timer(Timer::Head, Instant::from_nanos(self.timer_at.min(at.as_nanos())))
            }
            Timer::Head => {}
            _ => self.set_timer(Timer::Head, at),
        }
    }

    /// The peer owes content: from now on its time is counted.
    fn wait_for_content(&mut self, now: Instant) {
        let rate = u64::from(self.config.timeouts.body_rate);
        if self.timer != Timer::Off || rate == 0 || self.request.expects {
            return;
        }
        let grace = Instant::ZERO + self.config.timeouts.body_grace;
        let earned = self.received.saturating_mul(1_000_000_000 / rate);
        let budget = grace.as_nanos().saturating_add(earned).saturating_sub(self.waited);
        self.timer = Timer::Content { since: now.as_nanos() };
        self.timer_at = now.as_nanos().saturating_add(budget);
    }

    #[inline]
    fn did_wait(&mut self, now: Instant) {
        if let Timer::Content { since } = self.timer {
            self.waited += now.as_nanos().saturating_sub(since);
            self.stop_timer();
        }
    }

    /// The exchange named, if its final response is due.
    #[inline]
    fn due(&self, stream: StreamId) -> Result<(), UsageError> {
        match self.writer {
            _ if stream.0 != self.stream || stream.0 == 0 => Err(UsageError::UnknownStream),
            Writer::Due => Ok(()),
            _ => Err(UsageError::WrongState),
        }
    }

    fn sending(&mut self, stream: StreamId) -> Result<&mut Sending, UsageError> {
        match &mut self.writer {
            _ if stream.0 != self.stream || stream.0 == 0 => Err(UsageError::UnknownStream),
            Writer::Content(sending) => Ok(sending),
            _ => Err(UsageError::WrongState),
        }
    }

    /// Whether a response with this status to the current request has content.
    #[inline]
    fn allows_content(&self, status: Status) -> bool {
        // "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content),
        // or 304 (Not Modified) status code is always terminated by the first empty line after the header
        // fields"; "Any 2xx (Successful) response to a CONNECT request implies that the connection will
        // become a tunnel" (RFC 9112, section 6.3)
        !(self.request.head || status.forbids_content() || self.request.connect && status.is_success())
    }

    /// How a response announces its content.
    #[inline]
    fn length(&self, status: Status, body: BodyLen) -> Result<Length, UsageError> {
        // "A server MUST NOT send a Transfer-Encoding header field in any response with a status code of
        // 1xx (Informational) or 204 (No Content) [or] in any 2xx (Successful) response to a CONNECT
        // request" (RFC 9112, section 6.1); Content-Length likewise (RFC 9110, section 8.6)
        if status.is_informational()
            || status == Status::NO_CONTENT
            || self.request.connect && status.is_success()
        {
            return if body == BodyLen::Empty {
                Ok(Length::Forbidden)
            } else {
                Err(UsageError::BodyNotAllowed)
            };
        }
        Ok(match body {
            // The length that GET would have had is the caller's to know.
            BodyLen::Empty if status == Status::NOT_MODIFIED || self.request.head => Length::Optional,
            BodyLen::Empty => Length::Exact(0),
            BodyLen::Exact(n) => Length::Exact(n),
            BodyLen::Streaming if status == Status::NOT_MODIFIED => Length::Optional,
            // "A client [...] MUST NOT send [chunked to a recipient] unless the client knows the server
            // will handle HTTP/1.1" and likewise (RFC 9112, section 6.1)
            BodyLen::Streaming if self.request.http10 => Length::Close,
            BodyLen::Streaming => Length::Chunked,
        })
    }

    /// Whether the connection ends with this response. `complete`: its content goes out with it.
    #[inline]
    fn ends_with(&self, length: Length, complete: bool) -> bool {
        if !self.persist || self.shutting_down || length == Length::Close {
            return true;
        }
        if self.reader != Reader::Content {
            return false;
        }
        // The client may or may not send content it was never invited to send: only the end of the
        // connection settles where the next request begins (RFC 9110, section 10.1.1).
        self.request.expects
            // Content beyond what would be read and thrown away.
            || complete && self.content.left().is_some_and(|left| left > u64::from(self.config.limits.unread_body))
    }

    #[inline]
    fn send_head(
        &mut self,
        now: Instant,
        response: &Response<'_>,
        body: BodyLen,
        content: &[u8],
        out: &mut dyn Output,
    ) -> Result<BodyLen, UsageError> {
        let status = response.status;
        let switching = status == Status::SWITCHING_PROTOCOLS;
        if status.is_informational() && !switching {
            return Err(UsageError::BadStatus);
        }
        // "A server MUST NOT switch protocols unless the received message semantics can be honored by
        // the new protocol" and only what the client offered; the whole request comes first (RFC 9110,
        // section 7.8).
        let to = if switching { upgrade_fields(response.fields) } else { Offer::default() };
        if switching && (!self.request.offer.covers(to) || self.content.left() != Some(0)) {
            return Err(UsageError::BadUpgrade);
        }
        let body = if body == BodyLen::Exact(0) { BodyLen::Empty } else { body };
        let length = self.length(status, body)?;
        let with_content = self.allows_content(status);
        let complete = !with_content || body == BodyLen::Empty || !content.is_empty();
        let tunnel = switching || self.request.connect && status.is_success();
        let close = !tunnel && self.ends_with(length, complete);
        let connection = match () {
            () if switching => Connection::Upgrade,
            () if tunnel => Connection::Nothing,
            () if close => Connection::Close,
            () if self.request.http10 => Connection::KeepAlive,
            () => Connection::Nothing,
        };
        let content = if with_content { content } else { &[] };
        let announced = encode::response(response, length, connection, content, out)?;
        self.persist = !close && !announced.close;
        if tunnel {
            self.switch_to = Some(to.protocol());
        }
        if complete {
            self.did_answer(now);
            return Ok(BodyLen::Empty);
        }
        self.writer = Writer::Content(match length {
            Length::Chunked => Sending::Chunked { line_end: false },
            Length::Exact(n) => Sending::Length(n),
            Length::Close | Length::Optional | Length::Forbidden => Sending::Close,
        });
        Ok(body)
    }
}

/// What the Upgrade lines of a response name.
#[cold]
fn upgrade_fields(fields: &[Field<'_>]) -> Offer {
    fields.iter().filter(|f| f.is("upgrade")).fold(Offer::default(), |to, f| to.with(f.value))
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
            Reader::Content => self.recv_content(now, input, scratch),
            Reader::Complete => {
                let stream = StreamId(self.stream);
                self.did_receive(now);
                let event = Event::End { stream, trailers: Fields::default(), dropped: 0 };
                return Ok(Recv::Event { consumed: 0, event });
            }
            Reader::Answering => return Ok(Recv::Paused),
            Reader::Abandoned => return Ok(self.abandon(now)),
            Reader::Switched => {
                let to = self.switch_to.unwrap_or(Protocol::Tunnel);
                return Ok(Recv::Switched { consumed: 0, to });
            }
            Reader::Failed => return self.error.map_or(Ok(Recv::Paused), Err),
            Reader::Lingering => return Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 }),
            Reader::Closed => {
                return self.error.map_or(Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 }), Err);
            }
        };
        if let Err(error) = result {
            self.fail(now, error);
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
}

impl Server {
    #[cold]
    fn say_goodbye(&mut self, now: Instant, out: &mut dyn Output) {
        let Some(error) = self.error else { return };
        let status = Status::new(error.h1_status()).unwrap_or(Status::BAD_REQUEST);
        let text = [error.text().as_bytes(), b" (", error.rfc().as_bytes(), b")\n"];
        if encode::goodbye(status, &text, !self.request.head, out).is_ok() {
            self.goodbye_due = false;
            if self.eof {
                self.close();
            } else {
                self.set_timer(Timer::Linger, now + self.config.timeouts.linger);
            }
        }
    }
}

impl Http for Server {
    /// A server sends no requests: always [`UsageError::WrongState`].
    fn send_request(
        &mut self,
        _: Instant,
        _: &Request<'_>,
        _: BodyLen,
        _: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        Err(UsageError::WrongState)
    }

    /// To an HTTP/1.0 client nothing is written: "A server MUST NOT send a 1xx response to an HTTP/1.0
    /// client" (RFC 9110, section 15.2).
    fn send_informational(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        self.due(stream)?;
        if !response.status.is_informational() || response.status == Status::SWITCHING_PROTOCOLS {
            return Err(UsageError::BadStatus);
        }
        if self.request.http10 {
            return Ok(());
        }
        let response = Response { presets: &[], ..*response };
        encode::response(&response, Length::Forbidden, Connection::Nothing, &[], out)?;
        if response.status == Status::CONTINUE && self.request.expects {
            self.request.expects = false;
            self.wait_for_content(now);
        }
        Ok(())
    }

    #[inline]
    fn send_response(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        body: BodyLen,
        out: &mut dyn Output,
    ) -> Result<BodyLen, UsageError> {
        self.due(stream)?;
        self.send_head(now, response, body, &[], out)
    }

    #[inline]
    fn send_full(
        &mut self,
        now: Instant,
        stream: StreamId,
        response: &Response<'_>,
        content: &[u8],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        self.due(stream)?;
        if self.plain && !self.shutting_down && !response.status.forbids_content() {
            let announced = encode::plain(response, content, out)?;
            self.persist = !announced.close;
            self.did_answer(now);
            return Ok(());
        }
        let body = if content.is_empty() { BodyLen::Empty } else { BodyLen::Exact(content.len() as u64) };
        self.send_head(now, response, body, content, out).map(|_| ())
    }

    fn send_data(
        &mut self,
        _: Instant,
        stream: StreamId,
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<usize, UsageError> {
        encode::data(self.sending(stream)?, data, out)
    }

    fn frame_data(
        &mut self,
        _: Instant,
        stream: StreamId,
        len: usize,
        out: &mut dyn Output,
    ) -> Result<usize, UsageError> {
        encode::frame(self.sending(stream)?, len, out)
    }

    fn send_end(
        &mut self,
        now: Instant,
        stream: StreamId,
        trailers: &[Field<'_>],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        encode::end(self.sending(stream)?, trailers, out)?;
        self.did_answer(now);
        Ok(())
    }

    #[inline]
    fn forgo_end(&mut self, now: Instant, stream: StreamId) {
        if self.reader == Reader::Complete && stream.0 == self.stream {
            self.did_receive(now);
        }
    }

    fn reset(&mut self, _: Instant, stream: StreamId, _: ErrorCode) {
        if stream.0 == self.stream
            && matches!(self.reader, Reader::Content | Reader::Complete | Reader::Answering)
        {
            self.writer = Writer::Idle;
            self.close();
        }
    }

    fn release(&mut self, _: StreamId, _: u32) {}

    fn wants_write(&mut self, stream: StreamId, yes: bool) {
        if stream.0 == self.stream {
            self.wants_write = yes;
        }
    }

    fn next_writable(&mut self) -> Option<StreamId> {
        (self.wants_write && matches!(self.writer, Writer::Content(_))).then_some(StreamId(self.stream))
    }

    fn shutdown(&mut self, now: Instant) {
        if self.shutting_down {
            return;
        }
        self.shutting_down = true;
        if self.is_idle() {
            return self.close();
        }
        if !matches!(self.reader, Reader::Switched | Reader::Failed | Reader::Lingering | Reader::Closed) {
            self.drain_at = (now + self.config.timeouts.drain).as_nanos();
        }
    }
}
