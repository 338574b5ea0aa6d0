//! PRIORITY (RFC 9113, section 6.3), deprecated: validated, and reported for what it still says.

use super::{Header, Kind, MAX_31, write};
use crate::{Full, Output, PeerError};

/// A dependency and a weight (RFC 7540, section 5.3). Only the weight is made use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The stream is to be the only one that depends on the other.
    pub exclusive: bool,
    /// The other stream.
    pub on: u32,
    /// 1 to 256.
    pub weight: u16,
}

impl Dependency {
    pub(super) fn parse(bytes: &[u8; 5]) -> Self {
        let [a, b, c, d, weight] = *bytes;
        let word = u32::from_be_bytes([a, b, c, d]);
        // "Add one to the value to obtain a weight between 1 and 256." (RFC 7540, section 6.3)
        Dependency { exclusive: word > MAX_31, on: word & MAX_31, weight: u16::from(weight) + 1 }
    }

    fn bytes(self) -> [u8; 5] {
        let [a, b, c, d] = (self.on & MAX_31 | if self.exclusive { MAX_31 + 1 } else { 0 }).to_be_bytes();
        [a, b, c, d, self.weight.clamp(1, 256).wrapping_sub(1) as u8]
    }
}

/// A PRIORITY frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// The stream it is about, in any state.
    pub stream: u32,
    /// What it says.
    pub dependency: Dependency,
}

impl Priority {
    /// Reads the whole payload.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`], [`PeerError::SelfDependency`]. The
    /// RFCs ask for no more than a stream error in the latter two; no honest peer sends either, and an
    /// attacker would have the server reset its own streams.
    pub fn parse(header: &Header, payload: &[u8]) -> Result<Self, PeerError> {
        // "If a PRIORITY frame is received with a stream identifier of 0x00, the recipient MUST respond with
        // a connection error of type PROTOCOL_ERROR."; "A PRIORITY frame with a length other than 5 octets
        // MUST be treated as a stream error of type FRAME_SIZE_ERROR." (section 6.3)
        header.on_stream()?;
        let dependency = Dependency::parse(header.exactly(payload)?);
        // "A stream cannot depend on itself." (RFC 7540, section 5.3.1)
        if dependency.on == header.stream {
            return Err(PeerError::SelfDependency);
        }
        Ok(Priority { stream: header.stream, dependency })
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(&self, out: &mut dyn Output) -> Result<(), Full> {
        let header = Header { len: 5, kind: Kind::PRIORITY, flags: 0, stream: self.stream };
        write(header, &self.dependency.bytes(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9113_6_3_priority_has_five_bytes_and_no_stream_depends_on_itself() {
        let header = Header { len: 5, kind: Kind::PRIORITY, flags: 0, stream: 3 };
        let priority = Priority::parse(&header, b"\x80\0\0\x01\xff").unwrap();
        assert_eq!(priority.dependency, Dependency { exclusive: true, on: 1, weight: 256 });
        let mut out = Vec::new();
        priority.write(&mut out).unwrap();
        assert_eq!(out, b"\0\0\x05\x02\0\0\0\0\x03\x80\0\0\x01\xff");
        assert_eq!(Priority::parse(&header, b"\0\0\0\x03\0"), Err(PeerError::SelfDependency));
        let short = Header { len: 4, ..header };
        assert_eq!(Priority::parse(&short, b"\0\0\0\x01"), Err(PeerError::BadFrameLength));
        let nowhere = Header { stream: 0, ..header };
        assert_eq!(Priority::parse(&nowhere, b"\0\0\0\x01\0"), Err(PeerError::BadFrameStream));
    }
}
