//! DATA (RFC 9113, section 6.1).

use super::{END_STREAM, Header, Kind, unpadded};
use crate::PeerError;

/// How the payload of a DATA frame is divided. Known from its first byte, so that content can be
/// passed on as it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// Bytes before the content: the pad length, if there is one.
    pub skip: u32,
    /// Bytes of content.
    pub len: u32,
    /// Bytes of padding behind it.
    pub padding: u32,
    /// The stream ends with this frame.
    pub end_stream: bool,
}

impl Data {
    /// Reads the division of a payload whose first byte is `first`; looked at only when padded.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`], [`PeerError::BadPadding`].
    #[inline]
    pub fn parse(header: &Header, first: Option<&u8>) -> Result<Self, PeerError> {
        // "If a DATA frame is received whose Stream Identifier field is 0x00, the recipient MUST respond
        // with a connection error of type PROTOCOL_ERROR." (section 6.1)
        header.on_stream()?;
        let (skip, end) = unpadded(header, first, 0)?;
        let end_stream = header.has(END_STREAM);
        Ok(Data { skip, len: end - skip, padding: header.len - end, end_stream })
    }

    /// The header of a frame with `len` bytes of content and no padding.
    #[inline]
    pub fn header(stream: u32, len: u32, end_stream: bool) -> Header {
        Header { len, kind: Kind::DATA, flags: if end_stream { END_STREAM } else { 0 }, stream }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::frame::PADDED;

    fn padded(len: u32, pad: u8) -> Result<Data, PeerError> {
        Data::parse(&Header { len, kind: Kind::DATA, flags: PADDED, stream: 1 }, Some(&pad))
    }

    #[test]
    fn rfc9113_6_1_padding_as_long_as_the_payload_is_refused() {
        assert_eq!(padded(6, 3), Ok(Data { skip: 1, len: 2, padding: 3, end_stream: false }));
        assert_eq!(padded(1, 0), Ok(Data { skip: 1, len: 0, padding: 0, end_stream: false }));
        assert_eq!(padded(6, 5).map(|d| d.len), Ok(0));
        assert_eq!(padded(6, 6), Err(PeerError::BadPadding));
        assert_eq!(padded(1, 255), Err(PeerError::BadPadding));
        assert_eq!(padded(0, 0), Err(PeerError::BadFrameLength));
    }

    #[test]
    fn rfc9113_6_1_data_belongs_to_a_stream() {
        assert_eq!(Data::parse(&Data::header(0, 1, true), None), Err(PeerError::BadFrameStream));
        let data = Data::parse(&Data::header(3, 7, true), None);
        assert_eq!(data, Ok(Data { skip: 0, len: 7, padding: 0, end_stream: true }));
    }
}
