//! What the server says, and whom it concerns.

use super::driver::{Driver, Wire};
use crate::client::Error;
use crate::pool::Local;
use crate::rt::{Runtime, Stream};
use avx_core::{ErrorCode, Event, Http, Initiator, Instant, PeerError, Turn};
use std::sync::Arc;

impl<IO: Stream, R: Runtime> Driver<IO, R> {
    /// Events into exchanges, until there is none.
    pub(super) fn receive(
        &mut self,
        link: &mut Wire<IO, R>,
        local: &mut Local,
        now: Instant,
    ) -> Result<bool, Error> {
        let mut any = false;
        loop {
            let Turn { event, machine, .. } = match link.session.turn(now, &mut local.scratch) {
                Ok(Some(turn)) => turn,
                Ok(None) => return Ok(any),
                // "The server connection preface consists of a potentially empty SETTINGS frame that MUST be
                // the first frame the server sends in the HTTP/2 connection." (RFC 9113, section 3.4): text is
                // a frame of enormous size, or of another type.
                Err(PeerError::FrameTooLarge | PeerError::MissingSettings) if !self.settings_known => {
                    return Err(Error::NotHttp2);
                }
                Err(error) => {
                    // The goodbye is still to leave.
                    self.end(Error::Peer(error));
                    return Ok(any);
                }
            };
            any = true;
            match event {
                Event::Informational { stream, head } => {
                    if let Some(exchange) = self.exchanges.find(stream) {
                        exchange.inform(&head);
                    }
                }
                Event::Response { stream, head, body } => {
                    if let Some((exchange, _)) = self.exchanges.touch(stream) {
                        exchange.respond(&head, body, self.peer);
                    }
                }
                Event::Data { stream, data, credit } => {
                    let unread = match self.exchanges.touch(stream) {
                        Some((exchange, _)) => exchange.receive(data, credit),
                        None => credit,
                    };
                    machine.release(stream, unread);
                }
                Event::End { stream, trailers, .. } => {
                    if let Some((exchange, _)) = self.exchanges.touch(stream) {
                        exchange.end(trailers);
                        if let Some(deadline) = exchange.deadline.take() {
                            self.deadlines.remove(&(deadline, stream));
                        }
                    }
                }
                Event::Reset { stream, code, by } => match self.exchanges.touch(stream) {
                    Some((exchange, _))
                        if by == Initiator::Remote
                            && exchange.is_too_early(code)
                            && !self.queue.is_closed() =>
                    {
                        // "The REFUSED_STREAM error code can be included in a RST_STREAM frame to indicate
                        // that the stream is being closed prior to any processing having occurred. Any
                        // request that was sent on the reset stream can be safely retried." (RFC 9113,
                        // section 8.7)
                        let exchange = self.exchanges.remove(stream);
                        machine.done(now, stream);
                        if let Some(deadline) = exchange.as_ref().and_then(|exchange| exchange.deadline) {
                            self.deadlines.remove(&(deadline, stream));
                        }
                        self.first.extend(exchange.and_then(|exchange| exchange.into_submission()));
                    }
                    Some((exchange, _)) => exchange.reset(code, by),
                    None => machine.done(now, stream),
                },
                Event::PushPromise { stream, promised, head } => {
                    let authority = self.queue.authority.as_bytes();
                    let exchange = match self.exchanges.find(stream) {
                        Some(exchange) => exchange.promise(promised, &head, authority, now),
                        None => Err(ErrorCode::CANCEL),
                    };
                    match exchange {
                        Ok(exchange) => self.exchanges.insert(promised, exchange),
                        Err(code) => machine.reset(now, promised, code),
                    }
                }
                Event::SettingsChanged { .. } => self.settings_known = true,
                // "Once the GOAWAY is sent, the sender will ignore frames sent on streams initiated by the
                // receiver if the stream has an identifier higher than the included last stream identifier.";
                // "Receivers of a GOAWAY frame MUST NOT open additional streams on the connection"
                // (RFC 9113, section 6.8)
                Event::GoAway { code, .. } => {
                    if code != ErrorCode::NO_ERROR {
                        self.goodbye = Some(code);
                    }
                    let why = self.goodbye.map(|code| Arc::new(Error::GoAway(code)));
                    self.close_queue(why);
                }
                _ => {}
            }
        }
    }
}
