//! SETTINGS (RFC 9113, section 6.5).

use super::{ACK, Header, Kind, write};
use crate::{Full, Output, PeerError};

/// The identifier of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SettingId(pub u16);

impl SettingId {
    /// Size of the table that decodes field blocks.
    pub const HEADER_TABLE_SIZE: SettingId = SettingId(0x1);
    /// Whether promises are welcome.
    pub const ENABLE_PUSH: SettingId = SettingId(0x2);
    /// Streams the other end may have open at the same time.
    pub const MAX_CONCURRENT_STREAMS: SettingId = SettingId(0x3);
    /// Window of a new stream.
    pub const INITIAL_WINDOW_SIZE: SettingId = SettingId(0x4);
    /// Largest payload of a frame.
    pub const MAX_FRAME_SIZE: SettingId = SettingId(0x5);
    /// Largest field section, decoded.
    pub const MAX_HEADER_LIST_SIZE: SettingId = SettingId(0x6);
    /// Whether CONNECT may name a protocol (RFC 8441, section 3).
    pub const ENABLE_CONNECT_PROTOCOL: SettingId = SettingId(0x8);
    /// Whether the priorities of RFC 7540 are of no use (RFC 9218, section 2.1).
    pub const NO_RFC7540_PRIORITIES: SettingId = SettingId(0x9);

    /// The name of a known setting.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            SettingId::HEADER_TABLE_SIZE => "HEADER_TABLE_SIZE",
            SettingId::ENABLE_PUSH => "ENABLE_PUSH",
            SettingId::MAX_CONCURRENT_STREAMS => "MAX_CONCURRENT_STREAMS",
            SettingId::INITIAL_WINDOW_SIZE => "INITIAL_WINDOW_SIZE",
            SettingId::MAX_FRAME_SIZE => "MAX_FRAME_SIZE",
            SettingId::MAX_HEADER_LIST_SIZE => "MAX_HEADER_LIST_SIZE",
            SettingId::ENABLE_CONNECT_PROTOCOL => "ENABLE_CONNECT_PROTOCOL",
            SettingId::NO_RFC7540_PRIORITIES => "NO_RFC7540_PRIORITIES",
            _ => return None,
        })
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which.
    pub id: SettingId,
    /// Its value, not checked.
    pub value: u32,
}

/// A SETTINGS frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings<'b> {
    /// The other end's settings have been applied.
    Ack,
    /// Settings, six bytes each.
    Values(&'b [u8]),
}

impl<'b> Settings<'b> {
    /// Checks the header alone, before the payload is there.
    ///
    /// # Errors
    /// [`PeerError::BadFrameStream`], [`PeerError::BadFrameLength`].
    pub fn check(header: &Header) -> Result<(), PeerError> {
        // "If an endpoint receives a SETTINGS frame whose Stream Identifier field is anything other than
        // 0x00, the endpoint MUST respond with a connection error of type PROTOCOL_ERROR." (section 6.5)
        header.on_connection()?;
        // "Receipt of a SETTINGS frame with the ACK flag set and a length field value other than 0 MUST be
        // treated as a connection error of type FRAME_SIZE_ERROR."; "A SETTINGS frame with a length other
        // than a multiple of 6 octets MUST be treated as a connection error of type FRAME_SIZE_ERROR."
        if header.has(ACK) && header.len != 0 || header.len % 6 != 0 {
            return Err(PeerError::BadFrameLength);
        }
        Ok(())
    }

    /// Reads the whole payload.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn parse(header: &Header, payload: &'b [u8]) -> Result<Self, PeerError> {
        Settings::check(header)?;
        Ok(if header.has(ACK) { Settings::Ack } else { Settings::Values(payload) })
    }

    /// The settings in the order given.
    pub fn iter(&self) -> impl Iterator<Item = Setting> + use<'b> {
        let payload = match self {
            Settings::Ack => &[],
            Settings::Values(payload) => *payload,
        };
        payload.chunks_exact(6).map(|six| Setting {
            id: SettingId(u16::from_be_bytes([six[0], six[1]])),
            value: u32::from_be_bytes([six[2], six[3], six[4], six[5]]),
        })
    }

    /// Appends a frame with these settings.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write(settings: &[Setting], out: &mut dyn Output) -> Result<(), Full> {
        let len = settings.len() * 6;
        let buf = out.reserve(Header::LEN + len)?;
        Header { len: len as u32, kind: Kind::SETTINGS, flags: 0, stream: 0 }.put(buf);
        for (six, setting) in buf[Header::LEN..].chunks_exact_mut(6).zip(settings) {
            six[..2].copy_from_slice(&setting.id.0.to_be_bytes());
            six[2..].copy_from_slice(&setting.value.to_be_bytes());
        }
        Ok(())
    }

    /// Appends an acknowledgement.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    pub fn write_ack(out: &mut dyn Output) -> Result<(), Full> {
        write(Header { len: 0, kind: Kind::SETTINGS, flags: ACK, stream: 0 }, &[], out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9113_6_5_settings_come_out_as_they_went_in() {
        let settings = [
            Setting { id: SettingId::MAX_CONCURRENT_STREAMS, value: 100 },
            Setting { id: SettingId(0xabcd), value: u32::MAX },
        ];
        let mut out = Vec::new();
        Settings::write(&settings, &mut out).unwrap();
        assert_eq!(out, b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\xab\xcd\xff\xff\xff\xff");
        let header = Header::peek(&out).unwrap();
        assert_eq!(Settings::parse(&header, &out[9..]).unwrap().iter().collect::<Vec<_>>(), settings);
        let mut out = Vec::new();
        Settings::write_ack(&mut out).unwrap();
        assert_eq!(Settings::parse(&Header::peek(&out).unwrap(), &[]), Ok(Settings::Ack));
    }

    #[test]
    fn rfc9113_6_5_lengths_and_streams_that_settings_must_not_have() {
        let header = |len, flags, stream| Header { len, kind: Kind::SETTINGS, flags, stream };
        assert_eq!(Settings::check(&header(5, 0, 0)), Err(PeerError::BadFrameLength));
        assert_eq!(Settings::check(&header(6, ACK, 0)), Err(PeerError::BadFrameLength));
        assert_eq!(Settings::check(&header(0, 0, 1)), Err(PeerError::BadFrameStream));
        assert_eq!(Settings::check(&header(0, 0, 0)), Ok(()));
    }
}
