//! Frames (RFC 9113, section 4, and one file for each type of section 6).
//!
//! ```text
//! 0      3    4     5              9
//! +------+----+-----+--------------+---------------------+
//! | len  |type|flags| R| stream id | payload (len bytes) |
//! +------+----+-----+--------------+---------------------+
//! ```
//!
//! Nothing here knows connections or streams: a [`Header`] and its payload in, a frame out, and the
//! reverse. What a frame means, and when it may come, is the machines' concern.

mod continuation;
mod data;
mod go_away;
mod headers;
mod ping;
mod priority;
mod priority_update;
mod push_promise;
mod rst_stream;
mod settings;
mod window_update;

pub use continuation::Continuation;
pub use data::Data;
pub use go_away::GoAway;
pub use headers::Headers;
pub use ping::Ping;
pub use priority::{Dependency, Priority};
pub use priority_update::PriorityUpdate;
pub use push_promise::PushPromise;
pub use rst_stream::RstStream;
pub use settings::{Setting, SettingId, Settings};
pub use window_update::WindowUpdate;

use crate::{Full, Output, PeerError};

/// The largest stream identifier, window and increment: 31 bits.
pub const MAX_31: u32 = 0x7fff_ffff;

/// Flag of DATA and HEADERS: the last of its stream from this end.
pub const END_STREAM: u8 = 0x1;
/// Flag of SETTINGS and PING.
pub const ACK: u8 = 0x1;
/// Flag of HEADERS, PUSH_PROMISE and CONTINUATION: the field block is complete.
pub const END_HEADERS: u8 = 0x4;
/// Flag of DATA, HEADERS and PUSH_PROMISE.
pub const PADDED: u8 = 0x8;
/// Flag of HEADERS.
pub const PRIORITY: u8 = 0x20;

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// Section 6.1.
    pub const DATA: Kind = Kind(0x0);
    /// Section 6.2.
    pub const HEADERS: Kind = Kind(0x1);
    /// Section 6.3.
    pub const PRIORITY: Kind = Kind(0x2);
    /// Section 6.4.
    pub const RST_STREAM: Kind = Kind(0x3);
    /// Section 6.5.
    pub const SETTINGS: Kind = Kind(0x4);
    /// Section 6.6.
    pub const PUSH_PROMISE: Kind = Kind(0x5);
    /// Section 6.7.
    pub const PING: Kind = Kind(0x6);
    /// Section 6.8.
    pub const GOAWAY: Kind = Kind(0x7);
    /// Section 6.9.
    pub const WINDOW_UPDATE: Kind = Kind(0x8);
    /// Section 6.10.
    pub const CONTINUATION: Kind = Kind(0x9);
    /// RFC 7838, section 4: skipped.
    pub const ALTSVC: Kind = Kind(0xa);
    /// RFC 8336, section 2: skipped.
    pub const ORIGIN: Kind = Kind(0xc);
    /// RFC 9218, section 7.1.
    pub const PRIORITY_UPDATE: Kind = Kind(0x10);

    /// The name of a known type.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Kind::DATA => "DATA",
            Kind::HEADERS => "HEADERS",
            Kind::PRIORITY => "PRIORITY",
            Kind::RST_STREAM => "RST_STREAM",
            Kind::SETTINGS => "SETTINGS",
            Kind::PUSH_PROMISE => "PUSH_PROMISE",
            Kind::PING => "PING",
            Kind::GOAWAY => "GOAWAY",
            Kind::WINDOW_UPDATE => "WINDOW_UPDATE",
            Kind::CONTINUATION => "CONTINUATION",
            Kind::ALTSVC => "ALTSVC",
            Kind::ORIGIN => "ORIGIN",
            Kind::PRIORITY_UPDATE => "PRIORITY_UPDATE",
            _ => return None,
        })
    }
}

/// The nine bytes before every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the payload, 24 bits.
    pub len: u32,
    /// Type.
    pub kind: Kind,
    /// Flags; what a bit means depends on the type.
    pub flags: u8,
    /// Stream identifier, 31 bits; 0 for the connection.
    pub stream: u32,
}

impl Header {
    /// Bytes on the wire.
    pub const LEN: usize = 9;

    /// Reads a header.
    #[inline]
    pub fn parse(bytes: &[u8; Header::LEN]) -> Self {
        let [a, b, c, kind, flags, rest @ ..] = *bytes;
        // "Reserved: A reserved 1-bit field. The semantics of this bit are undefined, and the bit MUST
        // remain unset (0x00) when sending and MUST be ignored when receiving." (section 4.1)
        let stream = u32::from_be_bytes(rest) & MAX_31;
        Header { len: u32::from_be_bytes([0, a, b, c]), kind: Kind(kind), flags, stream }
    }

    /// Reads the header at the front of `input`, when all of it is there.
    #[inline]
    pub fn peek(input: &[u8]) -> Option<Self> {
        input.first_chunk().map(Header::parse)
    }

    /// The bytes of this header.
    #[inline]
    pub fn bytes(&self) -> [u8; Header::LEN] {
        let [_, a, b, c] = self.len.to_be_bytes();
        let [s0, s1, s2, s3] = (self.stream & MAX_31).to_be_bytes();
        [a, b, c, self.kind.0, self.flags, s0, s1, s2, s3]
    }

    /// Writes this header to the front of `buf`, which has the room.
    #[inline]
    pub(crate) fn put(&self, buf: &mut [u8]) {
        if let Some(front) = buf.first_chunk_mut() {
            *front = self.bytes();
        }
    }

    /// Whether this flag is set.
    #[inline]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// A frame that is always about one stream.
    #[inline]
    fn on_stream(&self) -> Result<(), PeerError> {
        if self.stream == 0 { Err(PeerError::BadFrameStream) } else { Ok(()) }
    }

    /// A frame that is always about the connection.
    #[inline]
    fn on_connection(&self) -> Result<(), PeerError> {
        if self.stream == 0 { Ok(()) } else { Err(PeerError::BadFrameStream) }
    }

    /// A frame of fixed length, and its payload.
    #[inline]
    fn exactly<'b, const N: usize>(&self, payload: &'b [u8]) -> Result<&'b [u8; N], PeerError> {
        match <&[u8; N]>::try_from(payload) {
            Ok(payload) if self.len as usize == N => Ok(payload),
            _ => Err(PeerError::BadFrameLength),
        }
    }
}

/// Appends a whole frame: all of it, or nothing.
fn write(header: Header, payload: &[u8], out: &mut dyn Output) -> Result<(), Full> {
    let buf = out.reserve(Header::LEN + payload.len())?;
    header.put(buf);
    buf[Header::LEN..].copy_from_slice(payload);
    Ok(())
}

/// Pad length of a padded frame, and where what is behind it ends within the payload.
fn unpadded(header: &Header, first: Option<&u8>, fixed: u32) -> Result<(u32, u32), PeerError> {
    if !header.has(PADDED) {
        return if header.len < fixed { Err(PeerError::BadFrameLength) } else { Ok((0, header.len)) };
    }
    // "A frame that is too small to contain mandatory frame data [is] a FRAME_SIZE_ERROR" (section 4.2)
    if header.len < 1 + fixed {
        return Err(PeerError::BadFrameLength);
    }
    // "If the length of the padding is the length of the frame payload or greater, the recipient MUST
    // treat this as a connection error of type PROTOCOL_ERROR." (sections 6.1, 6.2 and 6.6)
    let pad = first.map_or(0, |&pad| u32::from(pad));
    match (header.len - 1 - fixed).checked_sub(pad) {
        Some(_) => Ok((1, header.len - pad)),
        None => Err(PeerError::BadPadding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_4_1_a_header_is_nine_bytes_and_ignores_the_reserved_bit() {
        let bytes = [0x01, 0x02, 0x03, 0x00, 0x09, 0x80, 0, 0, 5];
        let header = Header::parse(&bytes);
        assert_eq!(header, Header { len: 0x010203, kind: Kind::DATA, flags: 0x9, stream: 5 });
        assert_eq!(header.bytes(), [0x01, 0x02, 0x03, 0x00, 0x09, 0, 0, 0, 5]);
        assert_eq!(Header::peek(&bytes[..8]), None);
    }
}
