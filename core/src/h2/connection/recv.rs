//! Reading frames: which one it is, whether it may come now, and who takes it.

use super::{Connection, Phase, Reader};
use crate::h2::frame::{Header, Kind, Settings};
use crate::h2::settings::Role;
use crate::head::{RequestHead, ResponseHead};
use crate::http::PrioritySignal;
use crate::{BodyLen, ErrorCode, Event, Fields, Initiator, Instant, PeerError, Recv, Scratch, StreamId};
use core::ops::Range;

/// What an HTTP/2 client sends first (section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of GOAWAY's debug data that are shown.
const DEBUG_SHOWN: usize = 256;
/// Longest value of a PRIORITY_UPDATE that is looked at.
pub(super) const PRIORITY_VALUE: u32 = 1024;

/// What the front of the input came to, as offsets into it. Heads lie in the scratch.
pub(super) enum Step {
    /// Nothing to tell yet.
    Go(usize),
    More {
        consumed: usize,
        at_least: usize,
    },
    Request {
        consumed: usize,
        stream: u32,
        body: BodyLen,
    },
    Informational {
        consumed: usize,
        stream: u32,
    },
    Response {
        consumed: usize,
        stream: u32,
        body: BodyLen,
    },
    Promise {
        consumed: usize,
        stream: u32,
        promised: u32,
    },
    Data {
        stream: u32,
        data: Range<usize>,
    },
    End {
        consumed: usize,
        stream: u32,
    },
    Trailers {
        consumed: usize,
        stream: u32,
        dropped: u16,
    },
    Reset {
        consumed: usize,
        stream: u32,
        code: ErrorCode,
        by: Initiator,
    },
    Priority {
        consumed: usize,
        stream: u32,
        signal: PrioritySignal,
    },
    GoAway {
        consumed: usize,
        last: u32,
        code: ErrorCode,
        debug: Range<usize>,
    },
    Settings {
        consumed: usize,
    },
}

impl Connection {
    pub(in crate::h2) fn recv<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.phase == Phase::Finishing && self.eof {
            // Nobody is there to hear the goodbye.
            self.finish(now);
        }
        if self.phase != Phase::Open {
            return Ok(Recv::NeedMore { consumed: input.len(), at_least: 1 });
        }
        let step = match self.step(now, input, scratch) {
            Ok(step) => step,
            Err(error) => {
                self.fail(now, error);
                return Err(error);
            }
        };
        let id = |stream: u32| StreamId(u64::from(stream));
        let (consumed, event) = match step {
            Step::Go(consumed) => return Ok(Recv::NeedMore { consumed, at_least: 1 }),
            Step::More { consumed, at_least } => return Ok(Recv::NeedMore { consumed, at_least }),
            Step::Request { consumed, stream, body } => {
                let head = RequestHead::new(scratch.section.text(), &scratch.layout);
                (consumed, Event::Request { stream: id(stream), head, body })
            }
            Step::Informational { consumed, stream } => {
                let head = ResponseHead::new(scratch.section.text(), &scratch.layout);
                (consumed, Event::Informational { stream: id(stream), head })
            }
            Step::Response { consumed, stream, body } => {
                let head = ResponseHead::new(scratch.section.text(), &scratch.layout);
                (consumed, Event::Response { stream: id(stream), head, body })
            }
            Step::Promise { consumed, stream, promised } => {
                let head = RequestHead::new(scratch.section.text(), &scratch.layout);
                (consumed, Event::PushPromise { stream: id(stream), promised: id(promised), head })
            }
            Step::Data { stream, data } => {
                let (consumed, credit) = (data.end, data.len() as u32);
                (consumed, Event::Data { stream: id(stream), data: &mut input[data], credit })
            }
            Step::End { consumed, stream } => {
                (consumed, Event::End { stream: id(stream), trailers: Fields::default(), dropped: 0 })
            }
            Step::Trailers { consumed, stream, dropped } => {
                let trailers = Fields::new(scratch.section.text(), scratch.layout.lines());
                (consumed, Event::End { stream: id(stream), trailers, dropped })
            }
            Step::Reset { consumed, stream, code, by } => {
                (consumed, Event::Reset { stream: id(stream), code, by })
            }
            Step::Priority { consumed, stream, signal } => {
                (consumed, Event::Priority { stream: id(stream), signal })
            }
            Step::GoAway { consumed, last, code, debug } => {
                (consumed, Event::GoAway { last: id(last), code, debug: &input[debug] })
            }
            Step::Settings { consumed } => (consumed, Event::SettingsChanged { settings: self.peer }),
        };
        Ok(Recv::Event { consumed, event })
    }

    /// Goes through the input until there is something to tell.
    fn step(&mut self, now: Instant, input: &mut [u8], scratch: &mut Scratch) -> Result<Step, PeerError> {
        self.clock = now;
        if let Some((stream, code, by)) = self.ended.pop() {
            return Ok(Step::Reset { consumed: 0, stream, code, by });
        }
        if !input.is_empty() {
            self.heard_at = now;
        }
        let mut at = 0;
        loop {
            let step = match self.reader {
                Reader::Frame => self.recv_frame(now, input, at, scratch)?,
                Reader::Data { .. } => self.recv_data(input, at),
                Reader::End(slot) => {
                    let stream = self.streams[slot].id;
                    self.reader = Reader::Frame;
                    self.did_receive(slot);
                    Step::End { consumed: at, stream }
                }
                Reader::Skip(left) => self.skip(input, at, left),
                Reader::Preface(matched) => self.recv_preface(input, at, matched)?,
            };
            match step {
                Step::Go(next) => at = next,
                Step::More { consumed, .. } if self.eof => {
                    return self.recv_end(now, input.len() - consumed, step);
                }
                step => return Ok(step),
            }
            // What this input makes us answer is bounded, whatever it is.
            if self.control.owed() + self.acks_due as usize > usize::from(self.config.h2.control_frames) {
                return Err(PeerError::TooManyControlFrames);
            }
        }
    }

    /// The input has ended, with so many bytes of an incomplete frame.
    fn recv_end(&mut self, now: Instant, rest: usize, step: Step) -> Result<Step, PeerError> {
        let quiet = matches!(self.reader, Reader::Frame | Reader::Preface(0)) && rest == 0;
        if !quiet || self.streams.len() > 0 {
            return Err(PeerError::UnexpectedEof);
        }
        self.finish(now);
        Ok(step)
    }

    fn recv_preface(&mut self, input: &[u8], at: usize, matched: u8) -> Result<Step, PeerError> {
        let due = &PREFACE[usize::from(matched)..];
        let rest = &input[at..];
        let n = due.len().min(rest.len());
        // "Clients and servers MUST treat an invalid connection preface as a connection error of type
        // PROTOCOL_ERROR." (section 3.4)
        if due[..n] != rest[..n] {
            return Err(PeerError::BadPreface);
        }
        self.reader = if n == due.len() { Reader::Frame } else { Reader::Preface(matched + n as u8) };
        Ok(if n == due.len() {
            Step::Go(at + n)
        } else {
            Step::More { consumed: at + n, at_least: due.len() - n }
        })
    }

    fn skip(&mut self, input: &[u8], at: usize, left: u32) -> Step {
        let n = (input.len() - at).min(left as usize);
        let left = left - n as u32;
        if left == 0 {
            self.reader = Reader::Frame;
            return Step::Go(at + n);
        }
        self.reader = Reader::Skip(left);
        Step::More { consumed: at + n, at_least: left as usize }
    }

    #[inline]
    fn recv_frame(
        &mut self,
        now: Instant,
        input: &mut [u8],
        at: usize,
        scratch: &mut Scratch,
    ) -> Result<Step, PeerError> {
        let rest = &input[at..];
        let Some(header) = Header::peek(rest) else {
            return Ok(Step::More { consumed: at, at_least: Header::LEN - rest.len() });
        };
        // "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the size defined in
        // SETTINGS_MAX_FRAME_SIZE" (section 4.2), and here it always ends the connection.
        if header.len > self.local.max_frame {
            return Err(PeerError::FrameTooLarge);
        }
        if !self.settings_received && (header.kind != Kind::SETTINGS || header.flags & 1 != 0) {
            // "The server connection preface consists of a potentially empty SETTINGS frame that MUST be the
            // first frame the server sends", and the client's likewise (section 3.4)
            return Err(PeerError::MissingSettings);
        }
        match header.kind {
            Kind::DATA => self.recv_data_head(now, input, at, &header),
            Kind::HEADERS | Kind::PUSH_PROMISE => self.recv_block(now, input, at, &header, scratch),
            Kind::CONTINUATION => Err(PeerError::UnexpectedContinuation),
            _ => self.recv_control(now, input, at, &header),
        }
    }

    /// A frame that is taken when whole, or skipped.
    fn recv_control(
        &mut self,
        now: Instant,
        input: &mut [u8],
        at: usize,
        header: &Header,
    ) -> Result<Step, PeerError> {
        let len = header.len as usize;
        // How much of it is looked at.
        let needed = match header.kind {
            Kind::SETTINGS => {
                Settings::check(header)?;
                if header.len > 6 * u32::from(self.config.h2.settings) {
                    return Err(PeerError::TooManySettings);
                }
                len
            }
            Kind::PRIORITY_UPDATE if self.role == Role::Client => {
                // "If a client receives a PRIORITY_UPDATE frame, it MUST respond with a connection error of
                // type PROTOCOL_ERROR." (RFC 9218, section 7.1)
                return Err(PeerError::BadPriorityUpdate);
            }
            Kind::PRIORITY_UPDATE if header.len <= PRIORITY_VALUE => len,
            Kind::GOAWAY => len.min(8 + DEBUG_SHOWN),
            // Their length is fixed, and another one is an error as soon as it is known.
            Kind::PRIORITY => 5.min(len),
            Kind::RST_STREAM | Kind::WINDOW_UPDATE => 4.min(len),
            Kind::PING => 8.min(len),
            _ => {
                // "Implementations MUST discard frames that have unknown or unsupported types." (section 5.5)
                self.flood.glitch(now, &self.config.h2)?;
                self.reader = Reader::Skip(header.len);
                return Ok(Step::Go(at + Header::LEN));
            }
        };
        let start = at + Header::LEN;
        let have = input.len() - start;
        if have < needed {
            return Ok(Step::More { consumed: at, at_least: needed - have });
        }
        let payload = start..start + needed;
        let end = payload.end;
        if len > needed {
            self.reader = Reader::Skip((len - needed) as u32);
        }
        let payload_bytes = &input[payload.clone()];
        match header.kind {
            Kind::SETTINGS => self.recv_settings(now, header, payload_bytes, end),
            Kind::WINDOW_UPDATE => self.recv_window_update(now, header, payload_bytes, end),
            Kind::RST_STREAM => self.recv_reset(now, header, payload_bytes, end),
            Kind::PING => self.recv_ping(now, header, payload_bytes, end),
            Kind::PRIORITY => self.recv_priority(now, header, payload_bytes, end),
            Kind::PRIORITY_UPDATE => self.recv_priority_update(now, header, payload_bytes, end),
            _ => self.recv_go_away(now, header, payload_bytes, payload.start + 8..end, end),
        }
    }
}
