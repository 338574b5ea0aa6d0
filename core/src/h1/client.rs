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

use super::content::{self, Content, Role, Step};
use super::encode::{self, Length, Sending};
use super::framing::{Framing, Semantics};
use super::head::{Parsed, Parser, StatusLine};
use super::upgrade::Offer;
use crate::head::{Layout, ResponseHead};
use crate::http::{Request, Response};
use crate::syntax::list;
use crate::{
    BodyLen, Config, ErrorCode, Event, Field, Fields, Http, Instant, Machine, Method, Output, PeerError,
    Protocol, Recv, Scratch, Status, StreamId, UsageError, Version,
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

    fn recv_head<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        if self.in_flight() == 0 {
            // "If data is received on a connection that is not associated with any outstanding request,
            // [...] the client [...] SHOULD [...] close the connection" (RFC 9112, section 9.2)
            if !input.is_empty() {
                return Err(PeerError::UnexpectedBytes);
            }
            if self.eof {
                self.close();
            }
            return Ok(Recv::NeedMore { consumed: 0, at_least: 1 });
        }
        let options = Role::Client.options(&self.config);
        let spans = Layout::room(&mut scratch.layout.spans, usize::from(self.config.limits.fields));
        match self.head.response(input, spans, &options)? {
            Parsed::Complete { line, fields, len, folded } => {
                let layout = &mut scratch.layout;
                layout.fields = fields;
                if folded {
                    content::unfold(input, layout.lines());
                }
                self.head = Parser::new();
                self.head_at = NEVER;
                self.accept(&input[..len], layout, &line)
            }
            Parsed::Partial { .. } if self.eof => Err(PeerError::UnexpectedEof),
            Parsed::Partial { at_least } => {
                if self.head_at == NEVER && !input.is_empty() {
                    self.head_at = (now + self.config.timeouts.head).as_nanos();
                }
                Ok(Recv::NeedMore { consumed: 0, at_least })
            }
        }
    }

    /// A complete head: interim, switching, or final.
    fn accept<'b>(
        &mut self,
        input: &'b [u8],
        layout: &'b mut Layout,
        line: &StatusLine,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let stream = self.stream();
        let status = line.status;
        let kind = self.kinds & 3;
        // "A client MUST ignore any Content-Length or Transfer-Encoding header fields received in such a
        // message." (RFC 9112, section 6.3), malformed ones as well
        let tunnel = kind == CONNECT && status.is_success();
        let seen = if tunnel {
            Semantics::default()
        } else {
            Semantics::of(input, layout.lines(), false, &self.config.lenient)?
        };
        layout.status_line = *line;
        layout.end = input.len();
        let head = ResponseHead::new(input, layout);
        if status.is_informational() && status != Status::SWITCHING_PROTOCOLS {
            // "A client MUST be able to parse one or more 1xx responses received prior to a final response"
            // (RFC 9110, section 15.2): so many, and no more.
            self.informational += 1;
            if self.informational > self.config.limits.informational {
                return Err(PeerError::TooManyInformational);
            }
            if status == Status::CONTINUE {
                self.may_send();
            }
            return Ok(Recv::Event { consumed: input.len(), event: Event::Informational { stream, head } });
        }
        let http10 = line.version == Version::Http10;
        let framing = if status == Status::SWITCHING_PROTOCOLS {
            self.switch_to = Some(self.upgraded(&seen, &head, kind)?);
            Framing::Empty
        } else if tunnel {
            self.switch_to = Some(Protocol::Tunnel);
            Framing::Empty
        } else if kind == HEAD || status.forbids_content() {
            Framing::Empty
        } else {
            seen.response_framing(http10, &self.config.lenient)?
        };
        let both = seen.content_length.is_some() && seen.transfer_encoding.is_some();
        self.last_response = !seen.persists(http10) || framing == Framing::Close || both;
        self.closing |= self.last_response;
        if self.answered + 1 == self.sent {
            // "A client that will wait for a 100 (Continue) response before sending the request content
            // [...] and receives [a final status] MUST NOT send" is settled by sending none of it
            // (RFC 9110, section 10.1.1); such a connection cannot be used again.
            if let Writer::Waiting(_) = self.writer {
                self.writer = Writer::Abandoned;
                self.continue_at = NEVER;
                self.closing = true;
            }
        }
        self.reader = Reader::Content;
        self.content = Content::new(framing);
        let event = Event::Response { stream, head, body: framing.body_len() };
        Ok(Recv::Event { consumed: input.len(), event })
    }

    /// The protocol that 101 switches to, if it was asked for.
    fn upgraded(&self, seen: &Semantics, head: &ResponseHead<'_>, kind: u64) -> Result<Protocol, PeerError> {
        // "A server that sends a 101 (Switching Protocols) response MUST send an Upgrade header field to
        // indicate the new protocol(s)"; "A server MUST NOT switch to a protocol that was not indicated by
        // the client" (RFC 9110, section 7.8)
        let asked =
            self.upgrade_offered && self.in_flight() == 1 && self.writer == Writer::Idle && kind == PLAIN;
        let to = head.fields().get_all("upgrade").fold(Offer::default(), Offer::with);
        if asked && seen.connection_upgrade && self.offer.covers(to) {
            Ok(to.protocol())
        } else {
            Err(PeerError::UnexpectedUpgrade)
        }
    }

    fn recv_content<'b>(
        &mut self,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let stream = self.stream();
        Ok(match self.content.recv(&self.config, Role::Client, input, self.eof, scratch)? {
            Step::Data { skip, len } => {
                let data = &mut input[skip..skip + len];
                Recv::Event { consumed: skip + len, event: Event::Data { stream, data, credit: len as u32 } }
            }
            Step::Extension { skip, len, consumed } => {
                let extension = &input[skip..skip + len];
                Recv::Event { consumed, event: Event::ChunkExtension { stream, extension } }
            }
            Step::End { skip, consumed, trailers, dropped } => {
                self.did_receive();
                let trailers = Fields::new(&input[skip..consumed], &scratch.layout.spans[..trailers]);
                Recv::Event { consumed, event: Event::End { stream, trailers, dropped } }
            }
            Step::More { consumed, at_least } => Recv::NeedMore { consumed, at_least },
        })
    }

    /// A response is complete.
    fn did_receive(&mut self) {
        self.answered += 1;
        self.kinds >>= 2;
        self.informational = 0;
        self.reader = Reader::Head;
        if self.in_flight() == 0 {
            self.upgrade_offered = false;
            if self.writer == Writer::Abandoned {
                self.writer = Writer::Idle;
            }
        }
        if self.switch_to.is_some() {
            self.reader = Reader::Switched;
        } else if self.last_response || self.is_done() {
            // Requests pipelined behind a response that closes get no answer (RFC 9112, section 9.3.2), and
            // of one whose content is still being sent, the client "SHOULD immediately cease transmitting
            // the body and close its side of the connection" (section 9.5).
            self.close();
        }
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

impl Http for Client {
    fn send_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        body: BodyLen,
        out: &mut dyn Output,
    ) -> Result<StreamId, UsageError> {
        self.ready()?;
        let body = if body == BodyLen::Exact(0) { BodyLen::Empty } else { body };
        // A registered method spelled as an extension is what it says: its response is framed by it.
        let request = &Request { method: Method::from_token(request.method.as_bytes()), ..*request };
        let length = encode::request_length(&request.method, body)?;
        // "A client MUST NOT generate a 100-continue expectation in a request that does not include content"
        // (RFC 9110, section 10.1.1)
        let waits = |f: &Field<'_>| f.is("expect") && list::contains(f.value, "100-continue");
        if body == BodyLen::Empty && request.fields.iter().any(waits) {
            return Err(UsageError::FramingField);
        }
        let announced = encode::request(request, length, out)?;
        let kind = match request.method {
            Method::Head => HEAD,
            Method::Connect => CONNECT,
            _ => PLAIN,
        };
        self.kinds |= kind << (2 * self.in_flight());
        self.sent += 1;
        self.closing |= announced.close;
        // Bytes behind these would belong to the next protocol, if there is one.
        self.upgrade_offered = announced.upgrade || kind == CONNECT;
        if announced.upgrade {
            let lines = request.fields.iter().filter(|f| f.is("upgrade"));
            self.offer = lines.fold(Offer::default(), |offer, f| offer.with(f.value));
        }
        let sending = match (body, length) {
            (BodyLen::Empty, _) => return Ok(StreamId(self.sent)),
            (_, Length::Exact(n)) => Sending::Length(n),
            _ => Sending::Chunked { line_end: false },
        };
        self.writer = if announced.expect_continue {
            self.continue_at = (now + self.config.timeouts.expect_continue).as_nanos();
            Writer::Waiting(sending)
        } else {
            Writer::Content(sending)
        };
        Ok(StreamId(self.sent))
    }

    /// A client sends no responses: always [`UsageError::WrongState`].
    fn send_informational(
        &mut self,
        _: Instant,
        _: StreamId,
        _: &Response<'_>,
        _: &mut dyn Output,
    ) -> Result<(), UsageError> {
        Err(UsageError::WrongState)
    }

    /// A client sends no responses: always [`UsageError::WrongState`].
    fn send_response(
        &mut self,
        _: Instant,
        _: StreamId,
        _: &Response<'_>,
        _: BodyLen,
        _: &mut dyn Output,
    ) -> Result<BodyLen, UsageError> {
        Err(UsageError::WrongState)
    }

    /// A client sends no responses: always [`UsageError::WrongState`].
    fn send_full(
        &mut self,
        _: Instant,
        _: StreamId,
        _: &Response<'_>,
        _: &[u8],
        _: &mut dyn Output,
    ) -> Result<(), UsageError> {
        Err(UsageError::WrongState)
    }

    /// Takes nothing (`Ok(0)`) while the content waits for 100 (Continue).
    fn send_data(
        &mut self,
        _: Instant,
        stream: StreamId,
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<usize, UsageError> {
        if self.is_waiting(stream) {
            return Ok(0);
        }
        encode::data(self.sending(stream)?, data, out)
    }

    /// Frames nothing (`Ok(0)`) while the content waits for 100 (Continue).
    fn frame_data(
        &mut self,
        _: Instant,
        stream: StreamId,
        len: usize,
        out: &mut dyn Output,
    ) -> Result<usize, UsageError> {
        if self.is_waiting(stream) {
            return Ok(0);
        }
        encode::frame(self.sending(stream)?, len, out)
    }

    fn send_end(
        &mut self,
        _: Instant,
        stream: StreamId,
        trailers: &[Field<'_>],
        out: &mut dyn Output,
    ) -> Result<(), UsageError> {
        encode::end(self.sending(stream)?, trailers, out)?;
        self.did_send();
        Ok(())
    }

    fn reset(&mut self, _: Instant, stream: StreamId, _: ErrorCode) {
        let open = matches!(self.reader, Reader::Head | Reader::Content);
        if open && stream.0 > self.answered && stream.0 <= self.sent {
            self.close();
        }
    }

    fn release(&mut self, _: StreamId, _: u32) {}

    fn wants_write(&mut self, stream: StreamId, yes: bool) {
        if stream.0 == self.sent {
            self.wants_write = yes;
        }
    }

    fn next_writable(&mut self) -> Option<StreamId> {
        (self.wants_write && matches!(self.writer, Writer::Content(_))).then_some(StreamId(self.sent))
    }

    fn shutdown(&mut self, now: Instant) {
        if self.shutting_down || !matches!(self.reader, Reader::Head | Reader::Content) {
            return;
        }
        self.shutting_down = true;
        if self.in_flight() == 0 && self.writer == Writer::Idle {
            self.close();
        } else {
            self.drain_at = (now + self.config.timeouts.drain).as_nanos();
        }
    }
}
