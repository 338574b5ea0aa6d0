//! Asking: the head of a request, its content and its end.

use super::{CONNECT, Client, HEAD, PLAIN, Reader, Writer};
use crate::h1::encode::{self, Length, Sending};
use crate::h1::upgrade::Offer;
use crate::http::{Request, Response};
use crate::syntax::list;
use crate::{BodyLen, ErrorCode, Field, Http, Instant, Method, Output, StreamId, UsageError};

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
