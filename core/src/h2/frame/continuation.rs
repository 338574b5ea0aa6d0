//! CONTINUATION (RFC 9113, section 6.10).

use super::{END_HEADERS, Header, Kind};
use crate::PeerError;

/// A CONTINUATION frame: all of its payload is a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The field block ends with this frame.
    pub end_headers: bool,
}

impl Continuation {
    /// Reads the header of the frame behind one of `stream` that left its field block open.
    ///
    /// # Errors
    /// [`PeerError::InterleavedBlock`] for any other frame.
    #[inline]
    pub fn parse(header: &Header, stream: u32) -> Result<Self, PeerError> {
        // "If the END_HEADERS flag is not set, this frame MUST be followed by another CONTINUATION frame. A
        // receiver MUST treat the receipt of any other type of frame or a frame on a different stream as a
        // connection error of type PROTOCOL_ERROR." (section 6.10)
        if header.kind != Kind::CONTINUATION || header.stream != stream {
            return Err(PeerError::InterleavedBlock);
        }
        Ok(Continuation { end_headers: header.has(END_HEADERS) })
    }

    /// The header of a frame with `len` bytes of a field block.
    #[inline]
    pub fn header(stream: u32, len: u32, end_headers: bool) -> Header {
        Header { len, kind: Kind::CONTINUATION, flags: if end_headers { END_HEADERS } else { 0 }, stream }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_10_nothing_comes_between_the_frames_of_a_field_block() {
        let header = Continuation::header(1, 5, true);
        assert_eq!(Continuation::parse(&header, 1), Ok(Continuation { end_headers: true }));
        assert_eq!(Continuation::parse(&header, 3), Err(PeerError::InterleavedBlock));
        let other = Header { kind: Kind(0xfe), ..header };
        assert_eq!(Continuation::parse(&other, 1), Err(PeerError::InterleavedBlock));
    }
}
