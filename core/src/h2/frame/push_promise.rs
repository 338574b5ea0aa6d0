//! PUSH_PROMISE (RFC 9113, section 6.6).

use super::{END_HEADERS, Header, Kind, MAX_31, unpadded};
use crate::PeerError;
use core::ops::Range;

/// What a PUSH_PROMISE frame holds, and where its fragment of the field block lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPromise {
    /// The field block ends with this frame.
    pub end_headers: bool,
    /// The stream reserved.
    pub promised: u32,
    /// The fragment, as offsets into the payload.
    pub fragment: Range<usize>,
}

impl PushPromise {
    /// Reads the payload, all of it or its first five bytes.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`], [`PeerError::BadPadding`].
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "If the Stream Identifier field specifies the value 0x00, a recipient MUST respond with a
        // connection error of type PROTOCOL_ERROR." (section 6.6)
        header.on_stream()?;
        let (skip, end) = unpadded(header, payload.first(), 4)?;
        let word = payload.get(skip as usize..).and_then(<[u8]>::first_chunk);
        let promised = u32::from_be_bytes(*word.ok_or(PeerError::BadFrameLength)?) & MAX_31;
        let fragment = skip as usize + 4..end as usize;
        Ok(PushPromise { end_headers: header.has(END_HEADERS), promised, fragment })
    }

    /// Header and promised identifier of a frame with `len` bytes of a field block and no padding.
    pub fn head(stream: u32, promised: u32, len: u32, end_headers: bool) -> [u8; Header::LEN + 4] {
        let flags = if end_headers { END_HEADERS } else { 0 };
        let mut bytes = [0; Header::LEN + 4];
        Header { len: len + 4, kind: Kind::PUSH_PROMISE, flags, stream }.put(&mut bytes);
        bytes[Header::LEN..].copy_from_slice(&(promised & MAX_31).to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::frame::PADDED;

    #[test]
    fn rfc9113_6_6_a_promise_names_the_stream_it_reserves() {
        let head = PushPromise::head(1, 2, 3, true);
        let header = Header::peek(&head).unwrap();
        let promise = PushPromise::parse(&header, b"\0\0\0\x02abc");
        assert_eq!(promise, Ok(PushPromise { end_headers: true, promised: 2, fragment: 4..7 }));
        let header = |len, stream| Header { len, kind: Kind::PUSH_PROMISE, flags: PADDED, stream };
        let padded = PushPromise::parse(&header(7, 1), b"\x01\0\0\0\x02a\0");
        assert_eq!(padded.map(|p| p.fragment), Ok(5..6));
        assert_eq!(PushPromise::parse(&header(5, 1), b"\x01\0\0\0\x02"), Err(PeerError::BadPadding));
        assert_eq!(PushPromise::parse(&header(4, 1), b"\0\0\0\0"), Err(PeerError::BadFrameLength));
        assert_eq!(PushPromise::parse(&header(7, 0), b"\0\0\0\0\x02ab"), Err(PeerError::BadFrameStream));
    }
}
