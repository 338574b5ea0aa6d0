//! Settings (RFC 9113, section 6.5; RFC 8441, section 3; RFC 9218, section 2.1): the peer's, which bind
//! this end as soon as they are read, and our own, which bind the peer once it has acknowledged them.

use super::Limits;
use super::frame::{MAX_31, Setting, SettingId};
use crate::PeerError;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

/// The window, and the size of a frame, before anybody has said anything.
pub(super) const DEFAULT_WINDOW: u32 = 65_535;
pub(super) const DEFAULT_FRAME: u32 = 16_384;

/// What the peer has announced so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerSettings {
    /// Largest table our encoder may use.
    pub header_table_size: u32,
    /// Promises may be sent.
    pub enable_push: bool,
    /// Streams we may have open at the same time.
    pub max_concurrent_streams: u32,
    /// Window our streams begin with.
    pub initial_window_size: u32,
    /// Largest payload of a frame we may send.
    pub max_frame_size: u32,
    /// Largest field section we should send.
    pub max_header_list_size: u32,
    /// CONNECT may name a protocol.
    pub enable_connect_protocol: bool,
    /// The peer makes no use of the priorities of RFC 7540.
    pub no_rfc7540_priorities: bool,
}

impl Default for PeerSettings {
    fn default() -> Self {
        PeerSettings {
            header_table_size: 4096,
            enable_push: true,
            max_concurrent_streams: u32::MAX,
            initial_window_size: DEFAULT_WINDOW,
            max_frame_size: DEFAULT_FRAME,
            max_header_list_size: u32::MAX,
            enable_connect_protocol: false,
            no_rfc7540_priorities: false,
        }
    }
}

impl PeerSettings {
    /// Takes one setting of a peer whose counterpart is `role`.
    ///
    /// # Errors
    /// [`PeerError::BadSetting`], [`PeerError::WindowTooLarge`].
    pub(super) fn apply(&mut self, setting: Setting, role: Role) -> Result<(), PeerError> {
        let Setting { id, value } = setting;
        match id {
            SettingId::HEADER_TABLE_SIZE => self.header_table_size = value,
            SettingId::ENABLE_PUSH => {
                // "Any value other than 0 or 1 MUST be treated as a connection error of type
                // PROTOCOL_ERROR."; "A client MUST treat receipt of a SETTINGS frame with
                // SETTINGS_ENABLE_PUSH set to 1 as a connection error of type PROTOCOL_ERROR."
                // (section 6.5.2)
                self.enable_push = flag(value)?;
                if self.enable_push && role == Role::Client {
                    return Err(PeerError::BadSetting);
                }
            }
            SettingId::MAX_CONCURRENT_STREAMS => self.max_concurrent_streams = value,
            SettingId::INITIAL_WINDOW_SIZE => {
                // "Values above the maximum flow-control window size of 2^31-1 MUST be treated as a
                // connection error of type FLOW_CONTROL_ERROR." (section 6.5.2)
                if value > MAX_31 {
                    return Err(PeerError::WindowTooLarge);
                }
                self.initial_window_size = value;
            }
            SettingId::MAX_FRAME_SIZE => {
                // "The value advertised by an endpoint MUST be between this initial value and the maximum
                // allowed frame size (2^24-1 or 16,777,215 octets), inclusive. Values outside this range
                // MUST be treated as a connection error of type PROTOCOL_ERROR." (section 6.5.2)
                if !(DEFAULT_FRAME..=0xff_ffff).contains(&value) {
                    return Err(PeerError::BadSetting);
                }
                self.max_frame_size = value;
            }
            SettingId::MAX_HEADER_LIST_SIZE => self.max_header_list_size = value,
            SettingId::ENABLE_CONNECT_PROTOCOL => {
                // "The value of the parameter MUST be 0 or 1."; "A sender MUST NOT send a
                // SETTINGS_ENABLE_CONNECT_PROTOCOL parameter with the value of 0 after previously sending a
                // value of 1." (RFC 8441, section 3)
                let enable = flag(value)?;
                if self.enable_connect_protocol && !enable {
                    return Err(PeerError::BadSetting);
                }
                self.enable_connect_protocol = enable;
            }
            SettingId::NO_RFC7540_PRIORITIES => {
                // "Any value other than 0 or 1 MUST be treated as a connection error of type
                // PROTOCOL_ERROR." (RFC 9218, section 2.1)
                self.no_rfc7540_priorities = flag(value)?;
            }
            // "An endpoint that receives a SETTINGS frame with any unknown or unsupported identifier MUST
            // ignore that setting." (section 6.5.2)
            _ => {}
        }
        Ok(())
    }
}

fn flag(value: u32) -> Result<bool, PeerError> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(PeerError::BadSetting),
    }
}

/// What binds the peer now, and what will once it has acknowledged the settings sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalSettings {
    /// The settings sent have been acknowledged.
    pub(super) acknowledged: bool,
    /// Largest payload of a frame from the peer.
    pub(super) max_frame: u32,
    /// Window the peer's new streams begin with.
    pub(super) initial_window: u32,
}

impl LocalSettings {
    pub(super) fn new() -> Self {
        LocalSettings { acknowledged: false, max_frame: DEFAULT_FRAME, initial_window: DEFAULT_WINDOW }
    }

    /// What `limits` ask the peer to keep to: values that differ from the defaults, and their number.
    pub(super) fn announced(limits: &Limits, role: Role) -> ([Setting; 8], usize) {
        let mut all = [Setting { id: SettingId(0), value: 0 }; 8];
        let mut n = 0;
        let mut announce = |id, value, default| {
            if value != default {
                all[n] = Setting { id, value };
                n += 1;
            }
        };
        announce(SettingId::HEADER_TABLE_SIZE, limits.table_size, 4096);
        if role == Role::Client {
            // "A server MUST NOT explicitly set this value to 1." (section 6.5.2): it says nothing.
            announce(SettingId::ENABLE_PUSH, u32::from(limits.push), 1);
            announce(SettingId::MAX_CONCURRENT_STREAMS, limits.max_pushes, u32::MAX);
        } else {
            announce(SettingId::MAX_CONCURRENT_STREAMS, limits.max_streams, u32::MAX);
            announce(SettingId::ENABLE_CONNECT_PROTOCOL, u32::from(limits.connect_protocol), 0);
        }
        announce(SettingId::INITIAL_WINDOW_SIZE, limits.stream_window.min(MAX_31), DEFAULT_WINDOW);
        announce(SettingId::MAX_FRAME_SIZE, max_frame(limits), DEFAULT_FRAME);
        announce(SettingId::MAX_HEADER_LIST_SIZE, limits.field_section, u32::MAX);
        (all, n)
    }

    /// The peer has acknowledged. Returns by how much the windows of its open streams change.
    ///
    /// "Upon receiving a SETTINGS frame with the ACK flag set, the sender of the altered settings can rely
    /// on the values from the oldest unacknowledged SETTINGS frame having been applied." (section 6.5.3)
    pub(super) fn acknowledge(&mut self, limits: &Limits) -> Result<i32, PeerError> {
        if self.acknowledged {
            return Err(PeerError::UnexpectedAck);
        }
        self.acknowledged = true;
        self.max_frame = max_frame(limits);
        let window = limits.stream_window.min(MAX_31);
        let change = window as i32 - self.initial_window as i32;
        self.initial_window = window;
        Ok(change)
    }
}

fn max_frame(limits: &Limits) -> u32 {
    limits.max_frame.clamp(DEFAULT_FRAME, 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(id: SettingId, value: u32, role: Role) -> Result<PeerSettings, PeerError> {
        let mut settings = PeerSettings::default();
        settings.apply(Setting { id, value }, role).map(|()| settings)
    }

    #[test]
    fn rfc9113_6_5_2_each_setting_has_its_range_and_its_code() {
        use crate::ErrorCode;
        use Role::{Client, Server};
        let bad = [
            (SettingId::ENABLE_PUSH, 2, Server, ErrorCode::PROTOCOL_ERROR),
            (SettingId::ENABLE_PUSH, 1, Client, ErrorCode::PROTOCOL_ERROR),
            (SettingId::INITIAL_WINDOW_SIZE, 1 << 31, Server, ErrorCode::FLOW_CONTROL_ERROR),
            (SettingId::MAX_FRAME_SIZE, 1, Server, ErrorCode::PROTOCOL_ERROR),
            (SettingId::MAX_FRAME_SIZE, 16_383, Server, ErrorCode::PROTOCOL_ERROR),
            (SettingId::MAX_FRAME_SIZE, 1 << 24, Server, ErrorCode::PROTOCOL_ERROR),
            (SettingId::ENABLE_CONNECT_PROTOCOL, 2, Client, ErrorCode::PROTOCOL_ERROR),
            (SettingId::NO_RFC7540_PRIORITIES, 2, Server, ErrorCode::PROTOCOL_ERROR),
        ];
        for (id, value, role, code) in bad {
            assert_eq!(apply(id, value, role).unwrap_err().code(), code, "{id:?} {value}");
        }
        assert_eq!(apply(SettingId::MAX_FRAME_SIZE, 0xff_ffff, Server).unwrap().max_frame_size, 0xff_ffff);
        assert_eq!(apply(SettingId::INITIAL_WINDOW_SIZE, 0, Client).unwrap().initial_window_size, 0);
        assert!(!apply(SettingId::ENABLE_PUSH, 0, Client).unwrap().enable_push);
        assert_eq!(apply(SettingId(0x7777), 9, Server), Ok(PeerSettings::default()));
    }

    #[test]
    fn rfc8441_3_a_peer_that_takes_protocols_does_not_change_its_mind() {
        let mut settings = PeerSettings::default();
        let setting = |value| Setting { id: SettingId::ENABLE_CONNECT_PROTOCOL, value };
        assert_eq!(settings.apply(setting(0), Role::Client), Ok(()));
        assert_eq!(settings.apply(setting(1), Role::Client), Ok(()));
        assert_eq!(settings.apply(setting(0), Role::Client), Err(PeerError::BadSetting));
    }

    #[test]
    fn rfc9113_6_5_3_our_settings_take_effect_with_their_acknowledgement_and_only_once() {
        let limits = Limits { stream_window: 1000, max_frame: 20_000, ..Limits::default() };
        let mut local = LocalSettings::new();
        assert_eq!((local.max_frame, local.initial_window), (16_384, 65_535));
        assert_eq!(local.acknowledge(&limits), Ok(1000 - 65_535));
        assert_eq!((local.max_frame, local.initial_window), (20_000, 1000));
        assert_eq!(local.acknowledge(&limits), Err(PeerError::UnexpectedAck));
    }

    #[test]
    fn only_what_differs_from_the_default_is_announced() {
        let limits = Limits { field_section: u32::MAX, stream_window: 65_535, ..Limits::default() };
        let (all, n) = LocalSettings::announced(&limits, Role::Server);
        assert_eq!(all[..n], [Setting { id: SettingId::MAX_CONCURRENT_STREAMS, value: 100 }]);
        let (all, n) = LocalSettings::announced(&limits, Role::Client);
        assert_eq!(all[..n][0], Setting { id: SettingId::ENABLE_PUSH, value: 0 });
    }
}
