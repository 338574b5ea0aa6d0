//! Frames (RFC 6455, section 5.2): the header before every payload.
//!
//! ```text
//! 0 1 2 3 4      8 9       16                  (0, 16 or 64)     (0 or 32)
//! +-+-+-+-+------+-+-------+---------------------------+-------------+---------+
//! |F|R|R|R|opcode|M|  len  | extended length            | masking key | payload |
//! +-+-+-+-+------+-+-------+---------------------------+-------------+---------+
//! ```
//!
//! Nothing here knows connections: a [`Header`] comes out of bytes, or goes into them. Whether a frame may
//! come is the machine's concern; what no frame may ever be is refused here.

use crate::ws::mask::Mask;
use crate::{Full, Output, PeerError};

/// What a frame is (RFC 6455, section 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// Goes on with a message.
    Continuation = 0x0,
    /// Begins a text.
    Text = 0x1,
    /// Begins a message of bytes.
    Binary = 0x2,
    /// Section 5.5.1.
    Close = 0x8,
    /// Section 5.5.2.
    Ping = 0x9,
    /// Section 5.5.3.
    Pong = 0xa,
}

impl Opcode {
    /// The opcode with this number. The upper four bits are not looked at.
    pub const fn from_bits(bits: u8) -> Option<Opcode> {
        Some(match bits & 0xf {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }

    /// "Control frames are identified by opcodes where the most significant bit of the opcode is 1."
    /// (section 5.5)
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Opcode::Continuation => "continuation",
            Opcode::Text => "text",
            Opcode::Binary => "binary",
            Opcode::Close => "close",
            Opcode::Ping => "ping",
            Opcode::Pong => "pong",
        }
    }
}

/// The most bytes in the payload of a control frame (RFC 6455, section 5.5).
pub const MAX_CONTROL: usize = 125;

/// What stands before a payload: two to fourteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// FIN: the last frame of its message.
    pub fin: bool,
    /// RSV1: the first frame of a compressed message (RFC 7692, section 6). Means nothing, and is an error,
    /// where that was not negotiated.
    pub compressed: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The masking key: frames of clients have one, frames of servers have none.
    pub mask: Option<[u8; 4]>,
    /// Bytes of the payload, less than 2^63.
    pub len: u64,
}

/// What the front of an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole header, of so many bytes.
    Header(Header, usize),
    /// Part of one, which is not complete before so many bytes more.
    Missing(usize),
}

impl Header {
    /// The most bytes that a header has.
    pub const MAX: usize = 14;

    /// Reads the header at the front of `input`, as far as it is there.
    ///
    /// # Errors
    /// [`PeerError::ReservedBit`], [`PeerError::UnknownOpcode`], [`PeerError::FragmentedControl`],
    /// [`PeerError::ControlTooLong`] or [`PeerError::BadPayloadLength`], each as soon as it shows.
    #[inline]
    pub fn parse(input: &[u8]) -> Result<Parsed, PeerError> {
        let Some(&first) = input.first() else { return Ok(Parsed::Missing(2)) };
        // "RSV1, RSV2, RSV3: MUST be 0 unless an extension is negotiated that defines meanings for non-zero
        // values." The one extension known here gives a meaning to RSV1.
        if first & 0x30 != 0 {
            return Err(PeerError::ReservedBit);
        }
        // "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
        let opcode = Opcode::from_bits(first).ok_or(PeerError::UnknownOpcode)?;
        let (fin, compressed) = (first & 0x80 != 0, first & 0x40 != 0);
        // RFC 7692, section 6.1: the bit stands in the first frame of a message alone.
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(PeerError::ReservedBit);
        }
        // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
        // (section 5.5)
        if opcode.is_control() && !fin {
            return Err(PeerError::FragmentedControl);
        }
        let Some(&second) = input.get(1) else { return Ok(Parsed::Missing(1)) };
        let short = second & 0x7f;
        if opcode.is_control() && short as usize > MAX_CONTROL {
            return Err(PeerError::ControlTooLong);
        }
        let masked = second & 0x80 != 0;
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let at = 2 + extended;
        let len = match input.get(2..at) {
            _ if extended == 0 => u64::from(short),
            Some(bytes) => bytes.iter().fold(0, |len, &b| len << 8 | u64::from(b)),
            None => return Ok(Parsed::Missing(at + 4 * usize::from(masked) - input.len())),
        };
        // "the most significant bit MUST be 0" and "in all cases, the minimal number of bytes MUST be used to
        // encode the length"
        let least = match extended {
            0 => 0,
            2 => 126,
            _ => 1 << 16,
        };
        if len < least || len >> 63 != 0 {
            return Err(PeerError::BadPayloadLength);
        }
        let (mask, end) = match (masked, input.get(at..at + 4)) {
            (false, _) => (None, at),
            (true, Some(&[a, b, c, d])) => (Some([a, b, c, d]), at + 4),
            _ => return Ok(Parsed::Missing(at + 4 - input.len())),
        };
        Ok(Parsed::Header(Header { fin, compressed, opcode, mask, len }, end))
    }

    /// Bytes on the wire.
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        let extended = match self.len {
            0..126 => 0,
            126..0x1_0000 => 2,
            _ => 8,
        };
        2 + extended + if self.mask.is_some() { 4 } else { 0 }
    }

    /// Appends the header: all of it, or nothing. The payload, already masked, belongs right behind it.
    ///
    /// # Errors
    /// [`Full`]: nothing was written.
    pub fn write(&self, out: &mut dyn Output) -> Result<(), Full> {
        self.put(out.reserve(self.encoded_len())?);
        Ok(())
    }

    /// Writes the header to the front of `buf`, which has the room; returns its length.
    #[inline]
    pub(crate) fn put(&self, buf: &mut [u8]) -> usize {
        let bit = |flag, bit| if flag { bit } else { 0 };
        let masked = bit(self.mask.is_some(), 0x80);
        buf[0] = bit(self.fin, 0x80) | bit(self.compressed, 0x40) | self.opcode as u8;
        let at = match self.len {
            0..126 => {
                buf[1] = masked | self.len as u8;
                2
            }
            126..0x1_0000 => {
                buf[1] = masked | 126;
                buf[2..4].copy_from_slice(&(self.len as u16).to_be_bytes());
                4
            }
            _ => {
                buf[1] = masked | 127;
                buf[2..10].copy_from_slice(&self.len.to_be_bytes());
                10
            }
        };
        match self.mask {
            None => at,
            Some(key) => {
                buf[at..at + 4].copy_from_slice(&key);
                at + 4
            }
        }
    }
}

/// Appends a whole frame, its payload masked where `header` has a key: all of it, or nothing.
/// `header.len` is that of `payload`.
///
/// # Errors
/// [`Full`]: nothing was written.
#[inline]
pub fn write(header: &Header, payload: &[u8], out: &mut dyn Output) -> Result<(), Full> {
    debug_assert_eq!(header.len, payload.len() as u64);
    let buf = out.reserve(header.encoded_len() + payload.len())?;
    let at = header.put(buf);
    match header.mask {
        None => buf[at..].copy_from_slice(payload),
        Some(key) => Mask::new(key).copy(payload, &mut buf[at..]),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const TEXT: Header = Header { fin: true, compressed: false, opcode: Opcode::Text, mask: None, len: 5 };

    fn parsed(bytes: &[u8]) -> Result<Parsed, PeerError> {
        Header::parse(bytes)
    }

    #[test]
    fn rfc6455_5_7_the_examples() {
        let masked = Header { mask: Some([0x37, 0xfa, 0x21, 0x3d]), ..TEXT };
        let ping = Header { opcode: Opcode::Ping, ..TEXT };
        let pong = Header { opcode: Opcode::Pong, ..masked };
        let binary = |len| Header { opcode: Opcode::Binary, len, ..TEXT };
        let cases: [(Header, &[u8]); 8] = [
            (TEXT, b"\x81\x05"),
            (masked, b"\x81\x85\x37\xfa\x21\x3d"),
            (Header { fin: false, len: 3, ..TEXT }, b"\x01\x03"),
            (Header { opcode: Opcode::Continuation, len: 2, ..TEXT }, b"\x80\x02"),
            (ping, b"\x89\x05"),
            (pong, b"\x8a\x85\x37\xfa\x21\x3d"),
            (binary(256), b"\x82\x7e\x01\x00"),
            (binary(65536), b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ];
        for (header, bytes) in cases {
            assert_eq!(parsed(bytes), Ok(Parsed::Header(header, bytes.len())));
            let mut out = Vec::new();
            header.write(&mut out).unwrap();
            assert_eq!(out, bytes);
            assert_eq!(header.encoded_len(), bytes.len());
        }
        let mut out = Vec::new();
        write(&masked, b"Hello", &mut out).unwrap();
        assert_eq!(out, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    }

    #[test]
    fn rfc6455_5_2_every_first_byte_is_judged_alone() {
        for first in 0..=255u8 {
            let (fin, rsv1, rest) = (first & 0x80 != 0, first & 0x40 != 0, first & 0x30 != 0);
            let expected = match first & 0xf {
                _ if rest => Err(PeerError::ReservedBit),
                3..=7 | 0xb..=0xf => Err(PeerError::UnknownOpcode),
                0 | 8.. if rsv1 => Err(PeerError::ReservedBit),
                8.. if !fin => Err(PeerError::FragmentedControl),
                _ => Ok(Parsed::Missing(1)),
            };
            assert_eq!(parsed(&[first]), expected, "{first:#x}");
        }
        assert_eq!(parsed(b""), Ok(Parsed::Missing(2)));
    }

    #[test]
    fn rfc6455_5_2_a_length_is_in_its_shortest_form_and_below_2_to_the_63() {
        let bad = Err(PeerError::BadPayloadLength);
        assert_eq!(parsed(b"\x82\x7e\x00\x7d"), bad);
        assert_eq!(
            parsed(b"\x82\x7e\x00\x7e"),
            Ok(Parsed::Header(Header { opcode: Opcode::Binary, len: 126, ..TEXT }, 4))
        );
        assert_eq!(parsed(b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), bad);
        assert_eq!(parsed(b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"), bad);
        let most = Header { opcode: Opcode::Binary, len: (1 << 63) - 1, ..TEXT };
        assert_eq!(parsed(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), Ok(Parsed::Header(most, 10)));
        assert_eq!(parsed(b"\x89\x7e"), Err(PeerError::ControlTooLong));
        assert_eq!(parsed(b"\x88\xff"), Err(PeerError::ControlTooLong));
    }

    #[test]
    fn what_is_missing_is_told_exactly() {
        for bytes in [
            &b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00abcd"[..],
            b"\x82\xfe\x01\x00abcd",
            b"\x81\x85abcd",
            b"\x81\x05",
        ] {
            for n in 2..bytes.len() {
                assert_eq!(parsed(&bytes[..n]), Ok(Parsed::Missing(bytes.len() - n)));
            }
            assert!(matches!(parsed(bytes), Ok(Parsed::Header(_, n)) if n == bytes.len()));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(fin: bool, rsv1: bool, bits in 0u8..16, mask: Option<[u8; 4]>, len: u64, shift in 0u32..64) {
            let Some(opcode) = Opcode::from_bits(bits) else { return Ok(()) };
            let control = opcode.is_control();
            let len = if control { len % 126 } else { (len >> 1) >> shift };
            let compressed = rsv1 && matches!(opcode, Opcode::Text | Opcode::Binary);
            let header = Header { fin: fin || control, compressed, opcode, mask, len };
            let mut out = vec![];
            header.write(&mut out).unwrap();
            prop_assert_eq!(Header::parse(&out), Ok(Parsed::Header(header, out.len())));
        }
    }
}
