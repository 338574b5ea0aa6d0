//! WINDOW_UPDATE (RFC 9113, section 6.9).

use super::{Header, Kind, MAX_31, write};
use crate::{Full, Output, PeerError};

/// A WINDOW_UPDATE frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowUpdate {
    /// The stream it is about, or 0 for the connection.
    pub stream: u32,
    /// Bytes that may be sent in addition, 1 to 2^31 - 1.
    pub increment: u32,
}

impl WindowUpdate {
    /// Bytes on the wire.
    pub const LEN: usize = Header::LEN + 4;

    /// Reads the whole payload.
    ///
    /// # Errors
    /// [`PeerError::BadFrameLength`], [`PeerError::ZeroWindowUpdate`]. The RFC asks for no more than a
    /// stream error in the latter where there is a stream; no honest peer sends it, and an attacker
    /// would have the server reset its own streams.
    #[inline]
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "A WINDOW_UPDATE frame with a length other than 4 octets MUST be treated as a connection error of
        // type FRAME_SIZE_ERROR." (section 6.9)
        let increment = u32::from_be_bytes(*header.exactly(payload)?) & MAX_31;
        // "A receiver MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window increment
        // of 0 as a stream error of type PROTOCOL_ERROR; errors on the connection flow-control window MUST
        // be treated as a connection error." (section 6.9)
        if increment == 0 {
            return Err(PeerError::ZeroWindowUpdate);
        }
        Ok(WindowUpdate { stream: header.stream, increment })
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(&self, out: &mut dyn Output) -> Result<(), Full> {
        let header = Header { len: 4, kind: Kind::WINDOW_UPDATE, flags: 0, stream: self.stream };
        write(header, &(self.increment & MAX_31).to_be_bytes(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9113_6_9_an_increment_of_zero_is_a_protocol_error() {
        let update = WindowUpdate { stream: 3, increment: 1 };
        let mut out = Vec::new();
        update.write(&mut out).unwrap();
        assert_eq!(out, b"\0\0\x04\x08\0\0\0\0\x03\0\0\0\x01");
        let header = Header::peek(&out).unwrap();
        assert_eq!(WindowUpdate::parse(&header, b"\x80\0\0\x01"), Ok(update));
        for zero in [b"\0\0\0\0", b"\x80\0\0\0"] {
            assert_eq!(WindowUpdate::parse(&header, zero), Err(PeerError::ZeroWindowUpdate));
        }
        let long = Header { len: 5, ..header };
        assert_eq!(WindowUpdate::parse(&long, b"\0\0\0\x01\0"), Err(PeerError::BadFrameLength));
    }
}
