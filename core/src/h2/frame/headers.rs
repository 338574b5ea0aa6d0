//! HEADERS (RFC 9113, section 6.2).

use super::{Dependency, END_HEADERS, END_STREAM, Header, Kind, PRIORITY, unpadded};
use crate::PeerError;
use core::ops::Range;

/// What a HEADERS frame holds, and where its fragment of the field block lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The stream ends with this field section.
    pub end_stream: bool,
    /// The field block ends with this frame.
    pub end_headers: bool,
    /// The deprecated priority signal, if there is one.
    pub dependency: Option<Dependency>,
    /// The fragment, as offsets into the payload.
    pub fragment: Range<usize>,
}

impl Headers {
    /// Reads the payload, all of it or its first six bytes.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`], [`PeerError::BadPadding`].
    #[inline]
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "If a HEADERS frame is received whose Stream Identifier field is 0x00, the recipient MUST respond
        // with a connection error of type PROTOCOL_ERROR." (section 6.2)
        header.on_stream()?;
        let fixed = if header.has(PRIORITY) { 5 } else { 0 };
        let (skip, end) = unpadded(header, payload.first(), fixed)?;
        let start = (skip + fixed) as usize;
        let dependency = if fixed == 0 {
            None
        } else {
            let five = payload.get(skip as usize..).and_then(<[u8]>::first_chunk);
            Some(Dependency::parse(five.ok_or(PeerError::BadFrameLength)?))
        };
        Ok(Headers {
            end_stream: header.has(END_STREAM),
            end_headers: header.has(END_HEADERS),
            dependency,
            fragment: start..end as usize,
        })
    }

    /// The header of a frame with `len` bytes of a field block and nothing else.
    #[inline]
    pub fn header(stream: u32, len: u32, end_headers: bool, end_stream: bool) -> Header {
        let flags = if end_headers { END_HEADERS } else { 0 } | if end_stream { END_STREAM } else { 0 };
        Header { len, kind: Kind::HEADERS, flags, stream }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::frame::PADDED;

    fn parse(flags: u8, payload: &[u8]) -> Result<Headers, PeerError> {
        let header = Header { len: payload.len() as u32, kind: Kind::HEADERS, flags, stream: 1 };
        Headers::parse(&header, payload)
    }

    #[test]
    fn rfc9113_6_2_the_fragment_lies_between_priority_and_padding() {
        let headers = parse(PADDED | PRIORITY | END_HEADERS, b"\x02\x80\0\0\x03\x0fabc\0\0").unwrap();
        assert_eq!(headers.fragment, 6..9);
        assert_eq!(headers.dependency, Some(Dependency { exclusive: true, on: 3, weight: 16 }));
        assert!(headers.end_headers && !headers.end_stream);
        assert_eq!(parse(END_STREAM, b"abc").unwrap().fragment, 0..3);
    }

    #[test]
    fn rfc9113_6_2_padding_never_reaches_into_what_comes_before() {
        assert_eq!(parse(PADDED, b"\x03abc").map(|h| h.fragment), Ok(1..1));
        assert_eq!(parse(PADDED, b"\x04abc"), Err(PeerError::BadPadding));
        assert_eq!(parse(PADDED | PRIORITY, b"\x01\0\0\0\0\0"), Err(PeerError::BadPadding));
        assert_eq!(parse(PRIORITY, b"\0\0\0\0"), Err(PeerError::BadFrameLength));
        assert_eq!(parse(PADDED | PRIORITY, b"\0\0\0\0\0"), Err(PeerError::BadFrameLength));
    }
}
