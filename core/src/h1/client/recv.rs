//! Reading responses: heads, content, and what follows an exchange.

use super::{CONNECT, Client, HEAD, NEVER, PLAIN, Reader, Writer};
use crate::h1::content::{self, Content, Role, Step};
use crate::h1::framing::{Framing, Semantics};
use crate::h1::head::{Parsed, Parser, StatusLine};
use crate::h1::upgrade::Offer;
use crate::head::{Layout, ResponseHead};
use crate::{Event, Fields, Instant, PeerError, Protocol, Recv, Scratch, Status, Version};

impl Client {
    pub(super) fn recv_head<'b>(
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

    pub(super) fn recv_content<'b>(
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
}
