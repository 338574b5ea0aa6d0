//! PRIORITY_UPDATE (RFC 9218, section 7.1).

use super::{Header, Kind, MAX_31};
use crate::{Full, Output, PeerError};

/// A PRIORITY_UPDATE frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityUpdate<'b> {
    /// The stream it is about.
    pub stream: u32,
    /// The value a Priority field would have.
    pub value: &'b [u8],
}

impl<'b> PriorityUpdate<'b> {
    /// Reads the whole payload.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`], [`PeerError::BadPriorityUpdate`].
    pub fn parse(header: &Header, payload: &'b [u8]) -> Result<Self, PeerError> {
        // "The Stream Identifier field in the PRIORITY_UPDATE frame header MUST be zero (0x0). Receiving a
        // PRIORITY_UPDATE frame with a field of any other value MUST be treated as a connection error of
        // type PROTOCOL_ERROR." (RFC 9218, section 7.1)
        header.on_connection()?;
        let (word, value) = payload.split_first_chunk().ok_or(PeerError::BadFrameLength)?;
        let stream = u32::from_be_bytes(*word) & MAX_31;
        // "If a PRIORITY_UPDATE frame is received with a prioritized stream ID of 0x0, the recipient MUST
        // respond with a connection error of type PROTOCOL_ERROR." (RFC 9218, section 7.1)
        if stream == 0 {
            return Err(PeerError::BadPriorityUpdate);
        }
        Ok(PriorityUpdate { stream, value })
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(&self, out: &mut dyn Output) -> Result<(), Full> {
        let len = 4 + self.value.len();
        let buf = out.reserve(Header::LEN + len)?;
        Header { len: len as u32, kind: Kind::PRIORITY_UPDATE, flags: 0, stream: 0 }.put(buf);
        buf[9..13].copy_from_slice(&(self.stream & MAX_31).to_be_bytes());
        buf[13..].copy_from_slice(self.value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9218_7_1_an_update_is_about_a_stream_but_comes_on_none() {
        let update = PriorityUpdate { stream: 5, value: b"u=1, i" };
        let mut out = Vec::new();
        update.write(&mut out).unwrap();
        assert_eq!(out, b"\0\0\x0a\x10\0\0\0\0\0\0\0\0\x05u=1, i");
        let header = Header::peek(&out).unwrap();
        assert_eq!(PriorityUpdate::parse(&header, &out[9..]), Ok(update));
        assert_eq!(PriorityUpdate::parse(&header, b"\0\0\0"), Err(PeerError::BadFrameLength));
        assert_eq!(PriorityUpdate::parse(&header, b"\0\0\0\0u=1"), Err(PeerError::BadPriorityUpdate));
        let on_stream = Header { stream: 5, ..header };
        assert_eq!(PriorityUpdate::parse(&on_stream, &out[9..]), Err(PeerError::BadFrameStream));
    }
}
