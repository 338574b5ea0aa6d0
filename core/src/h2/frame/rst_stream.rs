//! RST_STREAM (RFC 9113, section 6.4).

use super::{Header, Kind, write};
use crate::{ErrorCode, Full, Output, PeerError};

/// A RST_STREAM frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RstStream {
    /// The stream it ends.
    pub stream: u32,
    /// Why.
    pub code: ErrorCode,
}

impl RstStream {
    /// Bytes on the wire.
    pub const LEN: usize = Header::LEN + 4;

    /// Reads the whole payload.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`].
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "If a RST_STREAM frame is received with a stream identifier of 0x00, the recipient MUST treat this
        // as a connection error of type PROTOCOL_ERROR."; "A RST_STREAM frame with a length other than 4
        // octets MUST be treated as a connection error of type FRAME_SIZE_ERROR." (section 6.4)
        header.on_stream()?;
        let code = ErrorCode(u32::from_be_bytes(*header.exactly(payload)?));
        Ok(RstStream { stream: header.stream, code })
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(&self, out: &mut dyn Output) -> Result<(), Full> {
        let header = Header { len: 4, kind: Kind::RST_STREAM, flags: 0, stream: self.stream };
        write(header, &self.code.0.to_be_bytes(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9113_6_4_a_reset_has_a_stream_and_four_bytes() {
        let reset = RstStream { stream: 5, code: ErrorCode::CANCEL };
        let mut out = Vec::new();
        reset.write(&mut out).unwrap();
        assert_eq!(out, b"\0\0\x04\x03\0\0\0\0\x05\0\0\0\x08");
        let header = Header::peek(&out).unwrap();
        assert_eq!(RstStream::parse(&header, &out[9..]), Ok(reset));
        assert_eq!(
            RstStream::parse(&Header { stream: 0, ..header }, &out[9..]),
            Err(PeerError::BadFrameStream)
        );
        assert_eq!(
            RstStream::parse(&Header { len: 5, ..header }, b"\0\0\0\0\0"),
            Err(PeerError::BadFrameLength)
        );
    }
}
