//! Answering: interim responses, the final head, content and its end.

use super::{Reader, Server, Writer};
use crate::h1::encode::{self, Connection, Length, Sending};
use crate::h1::upgrade::Offer;
use crate::http::{Request, Response};
use crate::{BodyLen, ErrorCode, Field, Http, Instant, Output, Status, StreamId, UsageError};

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
        if self.plain && !self.shutting_down && is_plain(response.status) {
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

impl Server {
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
        // "Since the 205 status code implies that no additional content will be provided, a server MUST NOT
        // generate content in a 205 response." (RFC 9110, section 15.3.6)
        if status == Status::RESET_CONTENT {
            return if body == BodyLen::Empty {
                Ok(Length::Exact(0))
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

/// Whether nothing about this status keeps a response from having content.
#[inline]
fn is_plain(status: Status) -> bool {
    status == Status::OK || !status.forbids_content() && status != Status::RESET_CONTENT
}

#[cold]
fn upgrade_fields(fields: &[Field<'_>]) -> Offer {
    fields.iter().filter(|f| f.is("upgrade")).fold(Offer::default(), |to, f| to.with(f.value))
}
