//! PING (RFC 9113, section 6.7).

use super::{ACK, Header, Kind, write};
use crate::{Full, Output, PeerError};

/// A PING frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// It answers another.
    pub ack: bool,
    /// Eight bytes that come back as they were.
    pub data: [u8; 8],
}

impl Ping {
    /// Bytes on the wire.
    pub const LEN: usize = Header::LEN + 8;

    /// Reads the whole payload.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`].
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "If a PING frame is received with a Stream Identifier field value other than 0x00, the recipient
        // MUST respond with a connection error of type PROTOCOL_ERROR."; "Receipt of a PING frame with a
        // length field value other than 8 MUST be treated as a connection error of type
        // FRAME_SIZE_ERROR." (section 6.7)
        header.on_connection()?;
        Ok(Ping { ack: header.has(ACK), data: *header.exactly(payload)? })
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(&self, out: &mut dyn Output) -> Result<(), Full> {
        let flags = if self.ack { ACK } else { 0 };
        write(Header { len: 8, kind: Kind::PING, flags, stream: 0 }, &self.data, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9113_6_7_a_ping_has_eight_bytes_and_no_stream() {
        let ping = Ping { ack: true, data: *b"abcdefgh" };
        let mut out = Vec::new();
        ping.write(&mut out).unwrap();
        assert_eq!(out, b"\0\0\x08\x06\x01\0\0\0\0abcdefgh");
        let header = Header::peek(&out).unwrap();
        assert_eq!(Ping::parse(&header, &out[9..]), Ok(ping));
        assert_eq!(Ping::parse(&Header { stream: 1, ..header }, &out[9..]), Err(PeerError::BadFrameStream));
        assert_eq!(Ping::parse(&Header { len: 7, ..header }, &out[10..]), Err(PeerError::BadFrameLength));
    }
}
