//! Receiving: data as it arrives, control frames when they are whole.

use super::{Connection, Phase, Pong, Reader};
use crate::ws::frame::{Header, MAX_CONTROL, Opcode, Parsed};
use crate::ws::mask::Mask;
use crate::ws::role::Role;
use crate::ws::utf8::{self, Utf8};
use crate::ws::{CloseCode, Event, Kind, close};
use crate::{Instant, PeerError, Recv, Scratch};
use alloc::boxed::Box;
use core::ops::Range;

/// What a look at the input came to, in offsets.
pub(super) enum Step {
    NeedMore {
        consumed: usize,
        at_least: usize,
    },
    Data {
        data: Range<usize>,
        last: bool,
    },
    /// The same for bytes that lie in the scratch.
    #[cfg(feature = "deflate")]
    Inflated {
        consumed: usize,
        len: usize,
        last: bool,
    },
    Ping {
        data: Range<usize>,
    },
    Pong {
        data: Range<usize>,
    },
    Close {
        code: CloseCode,
        payload: Range<usize>,
    },
}

impl<R: Role> Connection<R> {
    #[inline]
    pub(super) fn receive<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        // Most messages are small, whole, and in one frame.
        if self.reader == Reader::Message && !self.held {
            if let Some((kind, payload, is_good)) = self.whole(input) {
                if is_good {
                    self.heard_at = now.as_nanos();
                    let consumed = payload.end;
                    let data = &mut input[payload];
                    return Ok(Recv::Event { consumed, event: Event::Data { kind, data, last: true } });
                }
                return self.not_text(now, input, scratch, payload);
            }
        }
        self.receive_any(now, input, scratch)
    }

    /// A whole message in one frame of less than 64 KiB at the front of `input`, which is then unmasked: its kind,
    /// its payload, and whether that is what its kind says.
    #[inline]
    fn whole(&self, input: &mut [u8]) -> Option<(Kind, Range<usize>, bool)> {
        let [first, second, rest @ ..] = input else { return None };
        let kind = match *first {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        // Without the bit that has to be set, and with the one that must not be, it is more than it may be.
        let (len, rest, at) = match (*second ^ if R::SERVER { 0x80 } else { 0 }, rest) {
            (len @ ..126, rest) => (u16::from(len), rest, 2),
            (126, [high, low, rest @ ..]) => (u16::from_be_bytes([*high, *low]), rest, 4),
            _ => return None,
        };
        // What fits in seven bits does not belong into sixteen.
        if at == 4 && len < 126 {
            return None;
        }
        if len > self.small {
            return None;
        }
        let len = usize::from(len);
        if !R::SERVER {
            let payload = rest.get(..len)?;
            return Some((kind, at..at + len, kind == Kind::Binary || utf8::is_text(payload)));
        }
        let (key, rest) = rest.split_first_chunk_mut()?;
        let payload = rest.get_mut(..len)?;
        let mut mask = Mask::new(*key);
        let is_good = match kind {
            Kind::Text => mask.unmask_text(payload),
            Kind::Binary => {
                mask.apply(payload);
                true
            }
        };
        Some((kind, at + 4..at + 4 + len, is_good))
    }

    /// The same for a text that turned out not to be one.
    #[cold]
    fn not_text<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
        payload: Range<usize>,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        self.kind = Kind::Text;
        self.utf8 = Utf8::new();
        let step = self
            .text(&input[payload.clone()], true)
            .map(|(n, last)| Step::Data { data: payload.start..payload.start + n, last });
        self.tell(now, input, scratch, step)
    }

    #[inline(never)]
    fn receive_any<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        if self.held {
            self.resume(now);
        }
        if self.reader == Reader::Over {
            return self.receive_nothing(now, input.len());
        }
        let step = self.step(now, input, scratch);
        self.tell(now, input, scratch, step)
    }

    /// The event for a step.
    fn tell<'b>(
        &mut self,
        now: Instant,
        input: &'b mut [u8],
        scratch: &'b mut Scratch,
        step: Result<Step, PeerError>,
    ) -> Result<Recv<Event<'b>>, PeerError> {
        #[cfg(not(feature = "deflate"))]
        let _ = scratch;
        let (consumed, event) = match step {
            Ok(Step::NeedMore { .. }) if self.eof => return self.ended(now, input.len()),
            Ok(Step::NeedMore { consumed, at_least }) => {
                if consumed > 0 {
                    self.heard_at = now.as_nanos();
                }
                return Ok(Recv::NeedMore { consumed, at_least });
            }
            Ok(Step::Data { data, last }) => {
                (data.end, Event::Data { kind: self.kind, data: &mut input[data], last })
            }
            #[cfg(feature = "deflate")]
            Ok(Step::Inflated { consumed, len, last }) => {
                let data = scratch.inflate.piece().get_mut(..len).unwrap_or_default();
                (consumed, Event::Data { kind: self.kind, data, last })
            }
            Ok(Step::Ping { data }) => (data.end, Event::Ping { data: &input[data] }),
            Ok(Step::Pong { data }) => (data.end, Event::Pong { data: &input[data] }),
            Ok(Step::Close { code, payload }) => {
                let reason = input[payload.clone()].get(2..).unwrap_or_default();
                let reason = core::str::from_utf8(reason).unwrap_or_default();
                (payload.end, Event::Close { code, reason })
            }
            Err(error) => return Err(self.fail(now, error)),
        };
        self.heard_at = now.as_nanos();
        Ok(Recv::Event { consumed, event })
    }

    fn step(&mut self, now: Instant, input: &mut [u8], scratch: &mut Scratch) -> Result<Step, PeerError> {
        let mut at = 0;
        loop {
            #[cfg(feature = "deflate")]
            if self.reader == Reader::Payload && self.compressed {
                match self.inflate(input, &mut at, &mut scratch.inflate)? {
                    Some(step) => return Ok(step),
                    None => continue,
                }
            }
            if self.reader == Reader::Payload {
                return self.piece(input, at);
            }
            let (header, start) = match Header::parse(&input[at..])? {
                Parsed::Header(header, len) => (header, at + len),
                Parsed::Missing(at_least) => return Ok(Step::NeedMore { consumed: at, at_least }),
            };
            match (R::SERVER, header.mask.is_some()) {
                // "The server MUST close the connection upon receiving a frame that is not masked." (section 5.1)
                (true, false) => return Err(PeerError::UnmaskedFrame),
                // "A client MUST close a connection if it detects a masked frame." (section 5.1)
                (false, true) => return Err(PeerError::MaskedFrame),
                _ => {}
            }
            if header.opcode.is_control() {
                let end = start + header.len as usize;
                if end > input.len() {
                    return Ok(Step::NeedMore { consumed: at, at_least: end - input.len() });
                }
                if let Some(key) = header.mask {
                    Mask::new(key).apply(&mut input[start..end]);
                }
                return self.control(now, header.opcode, input, start..end);
            }
            self.begin_frame(&header, scratch)?;
            at = start;
            if self.left == 0 && self.fin && !self.compressed {
                return self.data(input, at..at);
            }
        }
    }

    /// A data frame begins.
    fn begin_frame(&mut self, header: &Header, scratch: &mut Scratch) -> Result<(), PeerError> {
        let begins = match (self.reader, header.opcode) {
            // "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0,
            // followed by zero or more frames with the FIN bit clear and the opcode set to 0, and terminated by a
            // single frame with the FIN bit set and an opcode of 0." (section 5.4)
            (Reader::Message, Opcode::Continuation) => return Err(PeerError::UnexpectedFragment),
            (Reader::Message, _) => true,
            (_, Opcode::Continuation) => false,
            // "The fragments of one message MUST NOT be interleaved between the fragments of another message"
            // (section 5.4)
            _ => return Err(PeerError::InterleavedMessage),
        };
        if begins {
            self.begin_message(header.compressed, scratch)?;
            self.kind = if header.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
            self.utf8 = Utf8::new();
            self.message_len = 0;
        }
        let limits = &self.config.ws;
        // "Implementations that have implementation- and/or platform-specific limitations regarding the frame size
        // or total message size after reassembly from multiple frames MUST protect themselves against exceeding
        // those limits." (section 10.4)
        let message_len = self.message_len.saturating_add(header.len);
        // What counts of a compressed message is what comes out of it; but no honest one is larger than that.
        let most = if self.compressed {
            limits.message.saturating_mul(2).saturating_add(64)
        } else {
            limits.message
        };
        if header.len > limits.frame || message_len > most {
            return Err(PeerError::MessageTooLarge);
        }
        self.message_len = message_len;
        if header.len > 0 || header.fin {
            self.empty_fragments = 0;
        } else {
            self.empty_fragments = self.empty_fragments.saturating_add(1);
            if self.empty_fragments > limits.empty_fragments {
                return Err(PeerError::TooManyEmptyFragments);
            }
        }
        self.left = header.len;
        self.fin = header.fin;
        self.mask = Mask::new(header.mask.unwrap_or_default());
        // What is left of a compressed message comes out at its end.
        let payload = header.len > 0 || header.fin && self.compressed;
        self.reader = if payload { Reader::Payload } else { Reader::Fragment };
        Ok(())
    }

    /// A message begins.
    fn begin_message(&mut self, compressed: bool, _scratch: &mut Scratch) -> Result<(), PeerError> {
        self.compressed = compressed;
        if !compressed {
            return Ok(());
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &mut self.deflate {
            deflate.begin(&mut _scratch.inflate);
            return Ok(());
        }
        // "If a nonzero value is received and none of the negotiated extensions defines the meaning of such a nonzero
        // value, the receiving endpoint MUST _Fail the WebSocket Connection_." (section 5.2)
        Err(PeerError::ReservedBit)
    }

    /// As much of the payload as there is behind `at`.
    fn piece(&mut self, input: &mut [u8], at: usize) -> Result<Step, PeerError> {
        let there = (input.len() - at) as u64;
        let n = self.left.min(there) as usize;
        if n == 0 {
            return Ok(Step::NeedMore { consumed: at, at_least: 1 });
        }
        let data = at..at + n;
        if R::SERVER {
            self.mask.apply(&mut input[data.clone()]);
        }
        self.left -= n as u64;
        self.data(input, data)
    }

    /// A piece of a message, unmasked.
    fn data(&mut self, input: &[u8], data: Range<usize>) -> Result<Step, PeerError> {
        let last = self.fin && self.left == 0;
        self.reader = match self.left {
            0 if last => Reader::Message,
            0 => Reader::Fragment,
            _ => Reader::Payload,
        };
        let (n, last) = self.text(&input[data.clone()], last)?;
        Ok(Step::Data { data: data.start..data.start + n, last })
    }

    /// Checks a piece of a message if it is a text: how much of it is told of, and whether that is the end. What
    /// precedes a byte that is wrong is told of, whatever the cutting.
    pub(super) fn text(&mut self, text: &[u8], last: bool) -> Result<(usize, bool), PeerError> {
        if self.kind == Kind::Binary {
            return Ok((text.len(), last));
        }
        let before = self.utf8;
        if self.utf8.push(text).is_ok() && (!last || self.utf8.is_complete()) {
            return Ok((text.len(), last));
        }
        // "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in fact,
        // a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_." (section 8.1)
        match good_text(before, text) {
            0 => Err(PeerError::BadText),
            good => {
                self.give_up(PeerError::BadText);
                Ok((good, false))
            }
        }
    }

    /// What came before the error is told of first.
    pub(super) fn give_up(&mut self, error: PeerError) {
        self.reader = Reader::Over;
        self.pending = Some(error);
    }

    /// A control frame, whole and unmasked.
    fn control(
        &mut self,
        now: Instant,
        opcode: Opcode,
        input: &[u8],
        payload: Range<usize>,
    ) -> Result<Step, PeerError> {
        if opcode == Opcode::Close {
            let (code, _) = close::parse(&input[payload.clone()])?;
            self.receive_close(now, code);
            return Ok(Step::Close { code, payload });
        }
        let limits = &self.config.ws;
        if !self.controls.take(now, 1, limits.controls, limits.controls_per_second) {
            return Err(PeerError::TooManyPings);
        }
        if opcode == Opcode::Pong {
            return Ok(Step::Pong { data: payload });
        }
        // "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received
        // a Close frame." (section 5.5.2) "If an endpoint receives a Ping frame and has not yet sent Pong frame(s)
        // in response to previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most
        // recently processed Ping frame." (section 5.5.3)
        if self.phase == Phase::Open {
            let data = &input[payload.clone()];
            let pong = self.pong.get_or_insert_with(|| Box::new(Pong { len: 0, data: [0; MAX_CONTROL] }));
            pong.len = data.len() as u8;
            pong.data[..data.len()].copy_from_slice(data);
            self.pong_due = true;
        }
        Ok(Step::Ping { data: payload })
    }

    /// Input behind the end.
    fn receive_nothing<'b>(&mut self, now: Instant, len: usize) -> Result<Recv<Event<'b>>, PeerError> {
        if let Some(error) = self.pending.take() {
            return Err(self.fail(now, error));
        }
        match self.error {
            Some(error) => Err(error),
            None => Ok(Recv::NeedMore { consumed: len, at_least: 1 }),
        }
    }

    /// The input ended, and what is left of it is no whole frame.
    #[cold]
    fn ended<'b>(&mut self, now: Instant, len: usize) -> Result<Recv<Event<'b>>, PeerError> {
        match self.phase {
            // "If _The WebSocket Connection is Closed_ and no Close control frame was received by the endpoint (such
            // as could occur if the underlying transport connection is lost), _The WebSocket Connection Close Code_
            // is considered to be 1006." (section 7.1.5)
            Phase::Open => return Err(self.fail(now, PeerError::AbnormalClosure)),
            // The peer need not say more than that it is gone.
            Phase::Closing => self.end(),
            _ => {}
        }
        Ok(Recv::NeedMore { consumed: len, at_least: 1 })
    }
}

/// How much of `text` comes before the byte that is wrong: all of it, if only its end is missing.
#[cold]
fn good_text(mut utf8: Utf8, text: &[u8]) -> usize {
    let bad = text.iter().position(|&byte| utf8.push(&[byte]).is_err());
    bad.unwrap_or(text.len())
}
