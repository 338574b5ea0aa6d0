//! GOAWAY (RFC 9113, section 6.8).

use super::{Header, Kind, MAX_31};
use crate::{ErrorCode, Full, Output, PeerError};

/// A GOAWAY frame, without its debug data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// The last stream that was or might be processed.
    pub last: u32,
    /// Why.
    pub code: ErrorCode,
}

impl GoAway {
    /// Bytes of the payload before the debug data.
    pub const FIXED: usize = 8;

    /// Reads the payload, all of it or its first eight bytes.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`].
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "An endpoint MUST treat a GOAWAY frame with a stream identifier other than 0x00 as a connection
        // error of type PROTOCOL_ERROR." (section 6.8)
        header.on_connection()?;
        let [a, b, c, d, code @ ..] = *payload
            .first_chunk::<{ GoAway::FIXED }>()
            .filter(|_| header.len as usize >= GoAway::FIXED)
            .ok_or(PeerError::BadFrameLength)?;
        let last = u32::from_be_bytes([a, b, c, d]) & MAX_31;
        Ok(GoAway { last, code: ErrorCode(u32::from_be_bytes(code)) })
    }

    /// Appends the frame with debug data.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(&self, debug: &[u8], out: &mut dyn Output) -> Result<(), Full> {
        let len = GoAway::FIXED + debug.len();
        let buf = out.reserve(Header::LEN + len)?;
        Header { len: len as u32, kind: Kind::GOAWAY, flags: 0, stream: 0 }.put(buf);
        buf[9..13].copy_from_slice(&(self.last & MAX_31).to_be_bytes());
        buf[13..17].copy_from_slice(&self.code.0.to_be_bytes());
        buf[17..].copy_from_slice(debug);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9113_6_8_a_goodbye_has_no_stream_and_at_least_eight_bytes() {
        let go_away = GoAway { last: 7, code: ErrorCode::ENHANCE_YOUR_CALM };
        let mut out = Vec::new();
        go_away.write(b"why", &mut out).unwrap();
        assert_eq!(out, b"\0\0\x0b\x07\0\0\0\0\0\0\0\0\x07\0\0\0\x0bwhy");
        let header = Header::peek(&out).unwrap();
        assert_eq!(GoAway::parse(&header, &out[9..]), Ok(go_away));
        assert_eq!(GoAway::parse(&Header { stream: 1, ..header }, &out[9..]), Err(PeerError::BadFrameStream));
        assert_eq!(GoAway::parse(&Header { len: 7, ..header }, &out[9..16]), Err(PeerError::BadFrameLength));
    }
}
