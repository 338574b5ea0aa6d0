//! DATA (section 6.1): content is passed on as it arrives, whatever the size of its frame.

use super::recv::Step;
use super::{Connection, Reader};
use crate::h2::frame::{Data, Header, PADDED};
use crate::h2::state::Input;
use crate::h2::stream::UNKNOWN;
use crate::{ErrorCode, Instant, PeerError};

impl Connection {
    /// The header of a DATA frame: everything about it is checked before any of its content is told.
    #[inline]
    pub(super) fn recv_data_head(
        &mut self,
        now: Instant,
        input: &[u8],
        at: usize,
        header: &Header,
    ) -> Result<Step, PeerError> {
        let first = input.get(at + Header::LEN);
        if header.has(PADDED) && header.len > 0 && first.is_none() {
            return Ok(Step::More { consumed: at, at_least: 1 });
        }
        let data = Data::parse(header, first)?;
        let behind = at + Header::LEN + data.skip as usize;
        // "A receiver that receives a flow-controlled frame MUST always account for its contribution against
        // the connection flow-control window" (section 6.9)
        if !self.recv.recv(header.len) {
            return Err(PeerError::WindowExceeded);
        }
        self.growth.recv(header.len);
        let left = data.len + data.padding;
        let Some(slot) = self.streams.find(header.stream) else {
            return self.recv_stray_data(now, header, behind, left);
        };
        let stream = &mut self.streams[slot];
        if stream.reset && self.closed.may_hear_from(header.stream) {
            // "the content of DATA frames counts toward the connection flow-control window" (section 5.1):
            // this end has reset the stream, which the peer did not know yet.
            return self.discard_data(now, header, behind, left);
        }
        stream.state.recv(Input::RecvData)?;
        if data.len > 0 && stream.is_tunnel() {
            // What is spoken inside has small things to say, and whoever carries it keeps bytes, not frames.
            self.flood.carried();
        } else {
            self.flood.data(now, &self.config.h2, data.len, data.end_stream)?;
        }
        let head_due = !stream.head.received;
        let fits = stream.recv.recv(header.len);
        // "A request or response is also malformed if the value of a content-length header field does not
        // equal the sum of the DATA frame payload lengths that form the content" (section 8.1.1)
        let after = match stream.recv_left {
            UNKNOWN => Some(UNKNOWN),
            left => left.checked_sub(u64::from(data.len)).filter(|&left| !data.end_stream || left == 0),
        };
        let code = match after {
            Some(_) if fits && !head_due => None,
            _ if !fits => Some(ErrorCode::FLOW_CONTROL_ERROR),
            _ => Some(ErrorCode::PROTOCOL_ERROR),
        };
        if let Some(code) = code {
            self.recv.discard(header.len);
            self.reader = Reader::Skip(left);
            return self.stream_error(now, slot, code, behind);
        }
        stream.recv_left = after.unwrap_or(UNKNOWN);
        if self.growth.wants_ping(&self.config.h2) && (stream.recv.is_used() || self.recv.is_used()) {
            self.growth.begin();
            self.ping.due = true;
            self.ping.measures_due = true;
        }
        let discarded = data.skip + data.padding;
        if discarded > 0 {
            stream.recv.discard(discarded);
            self.recv.discard(discarded);
            self.note_update(slot);
        }
        self.reader = Reader::Data { slot, left: data.len, padding: data.padding, end: data.end_stream };
        Ok(Step::Go(behind))
    }

    /// Content, or the padding behind it.
    #[inline]
    pub(super) fn recv_data(&mut self, input: &[u8], at: usize) -> Step {
        let Reader::Data { slot, left, padding, end } = self.reader else { return Step::Go(at) };
        let have = input.len() - at;
        if left > 0 {
            let n = have.min(left as usize);
            if n == 0 {
                return Step::More { consumed: at, at_least: 1 };
            }
            self.recv.hold(n as u32);
            let stream = &mut self.streams[slot];
            stream.recv.hold(n as u32);
            stream.pace.received = stream.pace.received.saturating_add(n as u32);
            let id = stream.id;
            self.reader = Reader::Data { slot, left: left - n as u32, padding, end };
            if left as usize == n && padding == 0 {
                self.did_read_data();
            }
            return Step::Data { stream: id, data: at..at + n };
        }
        let n = have.min(padding as usize);
        self.reader = Reader::Data { slot, left, padding: padding - n as u32, end };
        if n < padding as usize {
            return Step::More { consumed: at + n, at_least: padding as usize - n };
        }
        self.did_read_data();
        Step::Go(at + n)
    }

    /// A DATA frame has been read to its end.
    fn did_read_data(&mut self) {
        let Reader::Data { slot, end, .. } = self.reader else { return };
        self.reader = Reader::Frame;
        if end {
            // The state was found to allow it when the frame began.
            let _ = self.streams[slot].state.recv(Input::RecvEnd);
            self.reader = Reader::End(slot);
        }
    }

    /// Content for a stream that is not there.
    #[cold]
    fn recv_stray_data(
        &mut self,
        now: Instant,
        header: &Header,
        behind: usize,
        left: u32,
    ) -> Result<Step, PeerError> {
        let id = header.stream;
        let beyond_goodbye = self.is_peers(id) && id > self.go_away.last;
        if self.closed.may_hear_from(id) && !self.is_untouched(id) || beyond_goodbye {
            return self.discard_data(now, header, behind, left);
        }
        Err(match self.is_untouched(id) {
            true => PeerError::IdleStream,
            // A stream that is over for both ends: "If a DATA frame is received whose stream is not in the
            // "open" or "half-closed (local)" state, the recipient MUST respond with a stream error of type
            // STREAM_CLOSED." (section 6.1)
            false => PeerError::ClosedStream,
        })
    }

    /// Content that nobody takes: its credit goes back at once.
    fn discard_data(
        &mut self,
        now: Instant,
        header: &Header,
        behind: usize,
        left: u32,
    ) -> Result<Step, PeerError> {
        // Larger ones are few: the connection's window bounds what can be under way.
        if header.len < 256 {
            self.flood.glitch(now, &self.config.h2)?;
        }
        self.recv.discard(header.len);
        self.reader = Reader::Skip(left);
        Ok(Step::Go(behind))
    }
}
