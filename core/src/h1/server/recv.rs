//! Reading requests: heads, content, and what follows an exchange.

use super::{NEVER, Reader, RequestFacts, Server, Timer, Writer, explanation, status};
use crate::h1::PREFACE;
use crate::h1::content::{self, Content, Role, Step};
use crate::h1::encode;
use crate::h1::framing::{self, Expectation, Framing, Semantics};
use crate::h1::head::Parsed;
use crate::h1::upgrade::Offer;
use crate::head::{Layout, Part, RequestHead};
use crate::syntax::target;
use crate::{
    BodyLen, ErrorCode, Event, Fields, Initiator, Instant, Machine, Method, Output, PeerError, Protocol,
    Recv, Scratch, StreamId, Version,
};

impl Server {
    #[inline(always)]
    pub(super) fn recv_head<'b>(
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
            if let Some(recv) = self.recv_preface(now, input) {
                return recv;
            }
        }
        let layout = &mut scratch.layout;
        let spans = Layout::room(&mut layout.spans, usize::from(self.config.limits.fields));
        match self.head.request_into(input, spans, &self.options, &mut layout.line)? {
            Parsed::Complete { fields, len, folded, .. } => {
                layout.fields = fields;
                if folded {
                    content::unfold(input, layout.lines());
                }
                self.accept(&input[..len], layout)
            }
            Parsed::Partial { at_least } => self.recv_partial(now, input, at_least),
        }
    }

    /// What begins like the preface of HTTP/2, if it may be that.
    #[cold]
    #[inline(never)]
    fn recv_preface<'b>(&mut self, now: Instant, input: &[u8]) -> Option<Result<Recv<Event<'b>>, PeerError>> {
        // "the connection preface is selected so that a large proportion of HTTP/1.1 or HTTP/1.0
        // servers and intermediaries do not attempt to process further frames" (RFC 9113,
        // section 3.4): it is no HTTP/1.1 request, and says who should go on.
        let n = input.len().min(PREFACE.len());
        if input[..n] != PREFACE[..n] {
            return None;
        }
        if n == PREFACE.len() {
            self.reader = Reader::Switched;
            self.switch_to = Some(Protocol::Http2);
            return Some(Ok(Recv::Switched { consumed: 0, to: Protocol::Http2 }));
        }
        self.wait_for_head(now);
        Some(if self.eof {
            Err(PeerError::UnexpectedEof)
        } else {
            Ok(Recv::NeedMore { consumed: 0, at_least: 1 })
        })
    }

    /// The head goes on behind the input.
    #[cold]
    #[inline(never)]
    fn recv_partial<'b>(
        &mut self,
        now: Instant,
        input: &[u8],
        at_least: usize,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        match self.eof {
            true if input.iter().all(|b| matches!(b, b'\r' | b'\n')) => {
                // "a server that is expecting to receive and parse a request-line SHOULD ignore at least
                // one empty line (CRLF) received prior to the request-line" (RFC 9112, section 2.2): some
                // clients send one behind their content, and it begins no request.
                self.close();
                Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 })
            }
            true => Err(PeerError::UnexpectedEof),
            false => {
                self.wait_for_head(now);
                Ok(Recv::NeedMore { consumed: 0, at_least })
            }
        }
    }

    /// A complete head: checks what it means and opens the exchange.
    #[inline(always)]
    pub(super) fn accept<'b>(
        &mut self,
        input: &'b [u8],
        layout: &'b mut Layout,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        layout.end = input.len();
        layout.upgrade = None;
        layout.expect_continue = false;
        // Neither HEAD nor CONNECT, and a path: the form fits the method.
        let line = &layout.line;
        let plain_line = line.version == Version::Http11
            && input.get(line.target) == Some(&b'/')
            && !matches!(input.get(line.start), None | Some(b'H' | b'C'));
        let host = if plain_line {
            let Layout { spans, fields, host, .. } = &mut *layout;
            framing::plain_host(input, spans.get(..*fields).unwrap_or_default(), host)
        } else {
            None
        };
        self.plain = host.is_some();
        let body = if let Some(host) = host {
            layout.authority = host;
            self.persist = true;
            self.request = RequestFacts::default();
            self.reader = Reader::Complete;
            BodyLen::Empty
        } else {
            self.accept_special(input, layout)?
        };
        self.stop_timer();
        self.stream += 1;
        self.writer = Writer::Due;
        let head = RequestHead::new(input, layout);
        let event = Event::Request { stream: StreamId(self.stream), head, body };
        Ok(Recv::Event { consumed: input.len(), event })
    }

    /// A head with content, expectations, an upgrade, another version: all that few requests have.
    #[inline(never)]
    pub(super) fn accept_special(&mut self, input: &[u8], layout: &mut Layout) -> Result<BodyLen, PeerError> {
        let method = Method::from_token(layout.method(input));
        let form = target::form(&method, layout.target(input))?;
        let seen = Semantics::of(input, layout.lines(), true, &self.config.lenient)?;
        layout.authority = seen.host.unwrap_or(Part::NONE);
        let lenient = &self.config.lenient;
        let http10 = layout.line.version == Version::Http10;
        if seen.host.is_none() && !http10 {
            return Err(PeerError::MissingHost);
        }
        let framing = seen.request_framing(http10, lenient)?;
        let connect = method == Method::Connect;
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
        layout.upgrade = seen.upgrade.filter(|_| seen.connection_upgrade && !http10);
        // "When an origin server receives a request with an absolute-form of request-target, the origin
        // server MUST ignore the received Host header field (if any) and instead use the host
        // information of the request-target." (RFC 9112, section 3.2.2)
        match form {
            target::Form::Absolute => {
                let authority = target::authority_range(layout.target(input)).unwrap_or_default();
                let start = layout.line.target;
                layout.authority = Part { start: start + authority.start, end: start + authority.end };
            }
            target::Form::Authority => {
                layout.authority = Part { start: layout.line.target, end: layout.line.target_end };
            }
            target::Form::Origin | target::Form::Asterisk => {}
        }
        layout.expect_continue = expects;
        self.persist =
            seen.persists(http10) && !(seen.content_length.is_some() && seen.transfer_encoding.is_some());
        self.request = RequestFacts {
            http10,
            head: method == Method::Head,
            connect,
            offer: layout.upgrade.map_or(Offer::default(), |_| seen.offer),
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

    /// Everything but heads.
    #[inline(never)]
    pub(super) fn recv_behind_head<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        let end_of_input = Recv::NeedMore { consumed: input.len(), at_least: 1 };
        Ok(match self.reader {
            Reader::Content => self.recv_content(now, input, scratch)?,
            Reader::Complete => {
                let stream = StreamId(self.stream);
                self.did_receive(now);
                let event = Event::End { stream, trailers: Fields::default(), dropped: 0 };
                Recv::Event { consumed: 0, event }
            }
            Reader::Answering => Recv::Paused,
            Reader::Abandoned => self.abandon(now),
            Reader::Switched => {
                let to = self.switch_to.unwrap_or(Protocol::Tunnel);
                Recv::Switched { consumed: 0, to }
            }
            Reader::Failed => return self.error.map_or(Ok(Recv::Paused), Err),
            // (Heads do not come here.)
            Reader::Head | Reader::Lingering => end_of_input,
            Reader::Closed => return self.error.map_or(Ok(end_of_input), Err),
        })
    }

    #[inline]
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
                // Nothing is left to come that a 100 could invite.
                self.request.expects = false;
                self.did_receive(now);
                let trailers = Fields::new(&input[skip..consumed], &scratch.layout.spans[..trailers]);
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
    pub(super) fn did_receive(&mut self, now: Instant) {
        self.reader = Reader::Answering;
        if self.writer == Writer::Idle {
            self.next_exchange(now);
        }
    }

    /// The response is complete.
    #[inline(always)]
    pub(super) fn did_answer(&mut self, now: Instant) {
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
    pub(super) fn abandon<'b>(&mut self, now: Instant) -> Recv<Event<'b>> {
        self.linger(now);
        let stream = StreamId(self.stream);
        Recv::Event {
            consumed: 0,
            event: Event::Reset { stream, code: ErrorCode::NO_ERROR, by: Initiator::Local },
        }
    }

    /// Request and response are complete.
    #[inline]
    pub(super) fn next_exchange(&mut self, now: Instant) {
        if self.switch_to.is_some() {
            self.reader = Reader::Switched;
            self.stop_timer();
            self.drain_at = NEVER;
        } else if self.persist && !self.shutting_down {
            self.reader = Reader::Head;
            self.set_timer(Timer::Idle, Instant::from_nanos(now.as_nanos().saturating_add(self.idle)));
        } else {
            self.linger(now);
        }
    }

    /// The last response has been written: nothing more is, and what still arrives is discarded.
    ///
    /// "a server SHOULD [...] half-close by closing only the write side of the read/write connection
    /// [...] The server then continues to read from the connection until it receives a corresponding
    /// close by the client" (RFC 9112, section 9.6)
    pub(super) fn linger(&mut self, now: Instant) {
        if self.eof {
            self.close();
        } else {
            self.reader = Reader::Lingering;
            self.drain_at = NEVER;
            self.set_timer(Timer::Linger, now + self.config.timeouts.linger);
        }
    }

    pub(super) fn close(&mut self) {
        self.cut = self.wants_reset();
        self.reader = Reader::Closed;
        self.writer = Writer::Idle;
        self.stop_timer();
        self.drain_at = NEVER;
    }

    #[cold]
    pub(super) fn fail(&mut self, now: Instant, error: PeerError) {
        self.error = Some(error);
        // Once a response has begun, nothing else can be said.
        self.goodbye_due = !matches!(self.writer, Writer::Content(_)) && !self.is_unanswerable();
        self.refused = self.goodbye_due;
        if self.reader == Reader::Head {
            // What the last request was says nothing about the one that failed.
            self.request = RequestFacts::default();
        }
        self.cut = self.wants_reset();
        self.writer = Writer::Idle;
        if self.cut || self.eof && !self.goodbye_due {
            return self.close();
        }
        self.reader = Reader::Failed;
        self.drain_at = NEVER;
        self.set_timer(Timer::Linger, now + self.config.timeouts.linger);
    }

    /// An exchange that was answered while its content was still coming has had its response.
    pub(super) fn is_unanswerable(&self) -> bool {
        self.reader == Reader::Content && self.writer == Writer::Idle
    }

    #[cold]
    pub(super) fn say_goodbye(&mut self, now: Instant, out: &mut dyn Output) {
        let Some(error) = self.error else { return };
        if encode::goodbye(status(error), &explanation(error), !self.request.head, out).is_ok() {
            self.goodbye_due = false;
            if self.eof {
                self.close();
            } else {
                self.set_timer(Timer::Linger, now + self.config.timeouts.linger);
            }
        }
    }
}
