//! HEADERS, PUSH_PROMISE and CONTINUATION (sections 6.2, 6.6 and 6.10): a field block is taken when whole.
//!
//! Until its last frame is there, all of them stay in the caller's input, and each call walks along their
//! headers: at most one more than the limit on CONTINUATION. Then the fragments are joined where they
//! are, decoded as one, and laid out in the scratch.

use super::recv::Step;
use super::{Connection, Reader};
use crate::h2::control::Waiting;
use crate::h2::flow::SendWindow;
use crate::h2::frame::{Continuation, Dependency, END_HEADERS, Header, Headers, Kind, PushPromise};
use crate::h2::hpack::{DecodeError, DecodeLimits, Section};
use crate::h2::message::{self, Malformed};
use crate::h2::settings::Role;
use crate::h2::state::{Input, State};
use crate::h2::stream::{self, NEVER, Stream, UNKNOWN};
use crate::h2::streams::Slot;
use crate::{BodyLen, ErrorCode, Instant, PeerError, Scratch, Status};

/// A whole block: where its fragments are, and where its frames end.
struct Block {
    start: usize,
    len: usize,
    end: usize,
}

impl Connection {
    pub(super) fn recv_block(
        &mut self,
        now: Instant,
        input: &mut [u8],
        at: usize,
        header: &Header,
        scratch: &mut Scratch,
    ) -> Result<Step, PeerError> {
        if header.kind == Kind::PUSH_PROMISE && self.role == Role::Server {
            // "A client cannot push. Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as a
            // connection error of type PROTOCOL_ERROR." (section 8.4)
            return Err(PeerError::UnexpectedPush);
        }
        let end = match self.walk(input, at, header)? {
            Ok(end) => end,
            Err(at_least) => {
                if self.block_at == NEVER {
                    self.block_at = (now + self.config.timeouts.head).as_nanos();
                }
                return Ok(Step::More { consumed: at, at_least });
            }
        };
        self.block_at = NEVER;
        let payload = &input[at + Header::LEN..at + Header::LEN + header.len as usize];
        let (headers, promised) = if header.kind == Kind::HEADERS {
            (Headers::parse(header, payload)?, 0)
        } else {
            let promise = PushPromise::parse(header, payload)?;
            let headers = Headers {
                end_stream: false,
                end_headers: promise.end_headers,
                dependency: None,
                fragment: promise.fragment,
            };
            (headers, promise.promised)
        };
        let first = at + Header::LEN;
        let mut block = Block {
            start: first + headers.fragment.start,
            len: headers.fragment.len(),
            end: first + payload.len(),
        };
        if block.end < end {
            join(input, &mut block, end);
        }
        let limits = DecodeLimits {
            list_size: self.config.h2.field_section,
            fields: u32::from(self.config.limits.fields).saturating_add(PSEUDO_FIELDS),
        };
        let bytes = &input[block.start..block.start + block.len];
        // "A decoding error in a field block MUST be treated as a connection error of type
        // COMPRESSION_ERROR." (section 4.3)
        let decoded =
            self.decoder.decode(bytes, &mut scratch.section, limits).map_err(|error| match error {
                DecodeError::ListFarTooLarge => PeerError::FieldBlockTooLarge,
                _ => PeerError::BadFieldBlock,
            })?;
        if decoded.too_large {
            self.flood.oversized(now, &self.config.h2, decoded.list_size)?;
            scratch.section.clear();
        }
        let most = u32::from(self.config.limits.fields);
        let too_large = decoded.too_large || decoded.fields > most && count(&scratch.section) > most;
        if header.kind == Kind::PUSH_PROMISE {
            return self.recv_promise(now, header.stream, promised, too_large, scratch, end);
        }
        match (self.streams.find(header.stream), self.role) {
            (Some(slot), _) => self.recv_headers(now, slot, &headers, too_large, scratch, end),
            (None, Role::Server) if self.is_peers(header.stream) && header.stream > self.peer_last => {
                self.recv_request(now, header.stream, &headers, too_large, scratch, end)
            }
            _ => self.recv_stray_headers(now, header.stream, end),
        }
    }

    /// Looks for the end of the block that `header` begins: where it is, or how many bytes are missing at
    /// least.
    fn walk(&self, input: &[u8], at: usize, header: &Header) -> Result<Result<usize, usize>, PeerError> {
        let limits = &self.config.h2;
        // Even badly compressed, an acceptable list is no longer than this.
        let largest = u64::from(limits.field_section) * 4;
        let mut total = u64::from(header.len);
        let mut end = at + Header::LEN + header.len as usize;
        let mut whole = header.has(END_HEADERS);
        let mut count = 0;
        if header.stream == 0 {
            return Err(PeerError::BadFrameStream);
        }
        loop {
            if total > largest {
                return Err(PeerError::FieldBlockTooLarge);
            }
            if whole {
                break;
            }
            let Some(next) = input.get(end..).and_then(Header::peek) else {
                return Ok(Err(end + Header::LEN - input.len()));
            };
            whole = Continuation::parse(&next, header.stream)?.end_headers;
            if next.len > self.local.max_frame {
                return Err(PeerError::FrameTooLarge);
            }
            count += if next.len == 0 { 2 } else { 1 };
            if count > u32::from(limits.continuations) {
                return Err(PeerError::TooManyContinuations);
            }
            total += u64::from(next.len);
            end += Header::LEN + next.len as usize;
        }
        Ok(if input.len() < end { Err(end - input.len()) } else { Ok(end) })
    }

    /// HEADERS on a stream that is not there, and does not begin now.
    #[cold]
    fn recv_stray_headers(&mut self, now: Instant, id: u32, end: usize) -> Result<Step, PeerError> {
        if self.is_untouched(id) {
            // "receiving a HEADERS frame MUST also be treated as a connection error of type PROTOCOL_ERROR"
            // (section 5.1, idle) where this end is the one to open it.
            return Err(if self.is_peers(id) { PeerError::IdleStream } else { PeerError::BadStreamId });
        }
        if self.closed.may_hear_from(id) {
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        }
        Err(self.closed.error(id))
    }

    /// HEADERS that open a stream.
    #[inline]
    fn recv_request(
        &mut self,
        now: Instant,
        id: u32,
        headers: &Headers,
        too_large: bool,
        scratch: &mut Scratch,
        end: usize,
    ) -> Result<Step, PeerError> {
        if id > self.go_away.last {
            // "After sending a GOAWAY frame, the sender can discard frames for streams initiated by the
            // receiver with identifiers higher than the identified last stream." (section 6.8)
            self.flood.glitch(now, &self.config.h2)?;
            return Ok(Step::Go(end));
        }
        if headers.dependency.is_some_and(|dependency| dependency.on == id) {
            return Err(PeerError::SelfDependency);
        }
        self.peer_last = id;
        let early = if self.early.is_empty() { None } else { self.take_early(id) };
        if self.peer_count >= self.config.h2.max_streams {
            // "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream limit to
            // be exceeded MUST treat this as a stream error of type PROTOCOL_ERROR or REFUSED_STREAM."
            // (section 5.1.2)
            return self.refuse(now, id, ErrorCode::REFUSED_STREAM, end);
        }
        if too_large {
            return self.answer(now, id, Status::REQUEST_HEADER_FIELDS_TOO_LARGE, headers.end_stream, end);
        }
        let extended = self.config.h2.connect_protocol;
        let mut seen = match message::request(&mut scratch.section, &mut scratch.layout, extended) {
            Ok(seen) => seen,
            Err(Malformed::Reset) => return self.refuse(now, id, ErrorCode::PROTOCOL_ERROR, end),
            Err(Malformed::BadRequest) => {
                return self.answer(now, id, Status::BAD_REQUEST, headers.end_stream, end);
            }
        };
        if seen.content_length == Some(0) && headers.end_stream {
            seen.content_length = None;
        }
        if seen.content_length.is_some() && headers.end_stream {
            return self.refuse(now, id, ErrorCode::PROTOCOL_ERROR, end);
        }
        let mut state = State::Idle;
        state.recv(Input::RecvHeaders)?;
        if headers.end_stream {
            state.recv(Input::RecvEnd)?;
        }
        let recv = self.recv_window();
        let mut new = Stream::new(id, state, recv, SendWindow::new(self.peer.initial_window_size));
        new.head.received = true;
        new.counted = true;
        new.recv_left = seen.content_length.unwrap_or(UNKNOWN);
        new.method = match () {
            () if seen.head => stream::Kind::Head,
            () if seen.connect => stream::Kind::Connect,
            () => stream::Kind::Plain,
        };
        self.prioritize_new(&mut new, seen.priority, early, headers.dependency);
        if !headers.end_stream {
            self.begin_pace(now, &mut new, scratch.layout.expect_continue && seen.content_length != Some(0));
        }
        let slot = self.streams.insert(new);
        self.flood.began();
        self.peer_count += 1;
        self.idle_at = NEVER;
        let body = match seen.content_length {
            _ if headers.end_stream => {
                self.reader = Reader::End(slot);
                BodyLen::Empty
            }
            Some(n) => BodyLen::Exact(n),
            None => BodyLen::Streaming,
        };
        if body == BodyLen::Empty || seen.content_length == Some(0) {
            scratch.layout.expect_continue = false;
        }
        Ok(Step::Request { consumed: end, stream: id, body })
    }

    /// HEADERS on a stream that is open: a response, or trailers.
    fn recv_headers(
        &mut self,
        now: Instant,
        slot: Slot,
        headers: &Headers,
        too_large: bool,
        scratch: &mut Scratch,
        end: usize,
    ) -> Result<Step, PeerError> {
        let stream = &mut self.streams[slot];
        let id = stream.id;
        if stream.reset && self.closed.may_hear_from(id) {
            return Ok(Step::Go(end));
        }
        if stream.state == State::ReservedRemote {
            // The promise was free; the response counts.
            stream.counted = true;
        }
        stream.state.recv(Input::RecvHeaders)?;
        if headers.dependency.is_some_and(|dependency| dependency.on == id) {
            return Err(PeerError::SelfDependency);
        }
        if too_large {
            return self.stream_error(now, slot, ErrorCode::ENHANCE_YOUR_CALM, end);
        }
        if stream.head.received {
            return self.recv_trailers(now, slot, headers.end_stream, scratch, end);
        }
        let Ok((status, seen)) = message::response(&scratch.section, &mut scratch.layout) else {
            return self.stream_error(now, slot, ErrorCode::PROTOCOL_ERROR, end);
        };
        if status.is_informational() {
            stream.informational += 1;
            // "A HEADERS frame with the END_STREAM flag set that carries an informational status code is
            // malformed" (section 8.1)
            if headers.end_stream {
                return self.stream_error(now, slot, ErrorCode::PROTOCOL_ERROR, end);
            }
            if stream.informational > self.config.limits.informational {
                return self.stream_error(now, slot, ErrorCode::ENHANCE_YOUR_CALM, end);
            }
            if status == Status::CONTINUE {
                self.may_send(slot);
            }
            return Ok(Step::Informational { consumed: end, stream: id });
        }
        stream.head.received = true;
        // "A response that is defined to have no content [...] MAY have a non-zero content-length header
        // field, even though no content is included in DATA frames." (section 8.1.1)
        let tunnel = stream.method == stream::Kind::Connect && status.is_success();
        let none = stream.method == stream::Kind::Head || status.forbids_content();
        stream.recv_left = match seen.content_length {
            _ if tunnel => UNKNOWN,
            _ if none => 0,
            Some(n) => n,
            None => UNKNOWN,
        };
        let waits = stream.waits;
        if headers.end_stream {
            if !matches!(stream.recv_left, 0 | UNKNOWN) {
                return self.stream_error(now, slot, ErrorCode::PROTOCOL_ERROR, end);
            }
            stream.state.recv(Input::RecvEnd)?;
            self.reader = Reader::End(slot);
        }
        let body = match self.streams[slot].recv_left {
            _ if headers.end_stream || none => BodyLen::Empty,
            UNKNOWN => BodyLen::Streaming,
            n => BodyLen::Exact(n),
        };
        if waits {
            // The final response came first: whether the content still goes out is the caller's choice.
            self.may_send(slot);
        }
        Ok(Step::Response { consumed: end, stream: id, body })
    }

    fn recv_trailers(
        &mut self,
        now: Instant,
        slot: Slot,
        end_stream: bool,
        scratch: &mut Scratch,
        end: usize,
    ) -> Result<Step, PeerError> {
        let stream = &mut self.streams[slot];
        // "An endpoint that receives a HEADERS frame without the END_STREAM flag set after receiving the
        // HEADERS frame that opens a request or after receiving a final (non-informational) status code MUST
        // treat the corresponding request or response as malformed" (section 8.1)
        let complete = end_stream && matches!(stream.recv_left, 0 | UNKNOWN);
        // "Frame types other than DATA or stream management frames [...] MUST NOT be sent on a connected
        // stream and MUST be treated as a stream error if received." (section 8.5)
        let tunnel = stream.method == stream::Kind::Connect && stream.recv_left == UNKNOWN;
        match message::trailers(&scratch.section, &mut scratch.layout) {
            Ok(dropped) if complete && !tunnel => {
                stream.state.recv(Input::RecvEnd)?;
                let id = stream.id;
                self.did_receive(slot);
                Ok(Step::Trailers { consumed: end, stream: id, dropped })
            }
            _ => self.stream_error(now, slot, ErrorCode::PROTOCOL_ERROR, end),
        }
    }

    /// PUSH_PROMISE, to a client.
    fn recv_promise(
        &mut self,
        now: Instant,
        on: u32,
        promised: u32,
        too_large: bool,
        scratch: &mut Scratch,
        end: usize,
    ) -> Result<Step, PeerError> {
        let welcome = self.config.h2.push;
        if !welcome && self.local.acknowledged {
            // "An endpoint that has set this setting and has received acknowledgment MUST treat the receipt of
            // a PUSH_PROMISE frame as a connection error of type PROTOCOL_ERROR." (section 6.6)
            return Err(PeerError::UnexpectedPush);
        }
        // "A receiver MUST treat the receipt of a PUSH_PROMISE that promises an illegal stream identifier as a
        // connection error of type PROTOCOL_ERROR." (section 6.6)
        if promised == 0 || !self.is_peers(promised) || promised <= self.peer_last {
            return Err(PeerError::BadStreamId);
        }
        match self.streams.find(on) {
            Some(slot) if self.streams[slot].reset && self.closed.may_hear_from(on) => {}
            Some(slot) => self.streams[slot].state.recv(Input::RecvPush)?,
            None if self.is_untouched(on) => return Err(PeerError::IdleStream),
            None if self.closed.may_hear_from(on) => {}
            None => return Err(PeerError::UnexpectedFrame),
        }
        self.peer_last = promised;
        let associated = self.streams.find(on).is_some_and(|slot| !self.streams[slot].reset);
        if !welcome || !associated || self.peer_count >= self.config.h2.max_pushes {
            return self.refuse(now, promised, ErrorCode::REFUSED_STREAM, end);
        }
        // "Clients that receive a promised request that is not cacheable, that is not known to be safe, or
        // that indicates the presence of request content MUST reset the promised stream with a stream error
        // of type PROTOCOL_ERROR." (section 8.4)
        let seen = match message::request(&mut scratch.section, &mut scratch.layout, false) {
            Ok(seen) if !too_large && seen.safe && matches!(seen.content_length, None | Some(0)) => seen,
            _ => return self.refuse(now, promised, ErrorCode::PROTOCOL_ERROR, end),
        };
        let recv = self.recv_window();
        let mut state = State::Idle;
        state.recv(Input::RecvPromised)?;
        let mut new = Stream::new(promised, state, recv, SendWindow::new(0));
        new.counted = true;
        new.head.sent = true;
        new.send_left = 0;
        new.method = if seen.head { stream::Kind::Head } else { stream::Kind::Plain };
        self.streams.insert(new);
        self.peer_count += 1;
        Ok(Step::Promise { consumed: end, stream: on, promised })
    }

    /// Turns a stream away that nobody was told of.
    #[cold]
    fn refuse(&mut self, now: Instant, id: u32, code: ErrorCode, end: usize) -> Result<Step, PeerError> {
        self.flood.reset(now, &self.config.h2)?;
        self.send_reset(id, code);
        Ok(Step::Go(end))
    }

    /// Answers a request that nobody was told of.
    #[cold]
    fn answer(
        &mut self,
        now: Instant,
        id: u32,
        status: Status,
        complete: bool,
        end: usize,
    ) -> Result<Step, PeerError> {
        self.flood.reset(now, &self.config.h2)?;
        self.closed.did_reset(id);
        self.refusals.note(status);
        self.control.push(Waiting::Answer { stream: id, status: status.code(), reset: !complete });
        Ok(Step::Go(end))
    }

    /// Where a new stream stands among the others.
    #[inline]
    fn prioritize_new(
        &mut self,
        new: &mut Stream,
        field: Option<crate::Priority>,
        early: Option<crate::Priority>,
        dependency: Option<Dependency>,
    ) {
        // "the most recently received PRIORITY_UPDATE frame can be considered as the most up-to-date
        // information that overrides any other signal" (RFC 9218, section 7)
        let sched = &mut new.sched;
        match early.or(field) {
            Some(priority) => {
                self.extensible = true;
                (sched.urgency, sched.incremental) = (priority.urgency, priority.incremental);
                sched.signalled = true;
            }
            // Nobody has shown to know these priorities: bandwidth is shared, by weights if there are any.
            None if !self.extensible && !self.peer.no_rfc7540_priorities => {
                sched.incremental = true;
                sched.weight = dependency.map_or(16, |dependency| dependency.weight);
            }
            None => {}
        }
    }

    fn take_early(&mut self, id: u32) -> Option<crate::Priority> {
        let found = self.early.iter().find(|(other, _)| *other == id).map(|&(_, priority)| priority);
        // "all streams in the "idle" state that might have been opened by the peer with a lower-valued stream
        // identifier immediately transition to "closed"" (section 5.1.1)
        self.early.retain(|&(other, _)| other > id);
        found
    }
}

/// Pseudo-header fields of a request, which do not count as field lines.
const PSEUDO_FIELDS: u32 = 5;

/// Field lines that are not pseudo-header fields.
#[cold]
fn count(section: &Section) -> u32 {
    section.marks().iter().filter(|mark| !mark.known().is_pseudo()).count() as u32
}

/// Moves the fragments of the frames up to `end` behind the first one.
#[cold]
fn join(input: &mut [u8], block: &mut Block, end: usize) {
    while block.end < end {
        let Some(header) = input.get(block.end..).and_then(Header::peek) else { return };
        let fragment = block.end + Header::LEN;
        block.end = fragment + header.len as usize;
        input.copy_within(fragment..block.end, block.start + block.len);
        block.len += header.len as usize;
    }
}
