//! Closing (RFC 6455, sections 5.5.1 and 7.4): codes, and the payload of a close frame.

use crate::PeerError;
use core::fmt;

/// Why a connection is closed (RFC 6455, section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection has been fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// A server that goes down, or a browser that leaves the page.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A kind of data that this end does not take.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// There was no code. Never on the wire: a close frame without payload says it.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// The connection ended without a close frame. Never on the wire.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// Data that is not what its kind says: a text that is not UTF-8, say.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// The peer did something that this end does not put up with.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message that is too large.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// A client misses an extension that the server did not agree to.
    pub const MISSING_EXTENSION: CloseCode = CloseCode(1010);
    /// Something unexpected prevents this end from going on.
    pub const INTERNAL_ERROR: CloseCode = CloseCode(1011);
    /// The server restarts (IANA registry).
    pub const SERVICE_RESTART: CloseCode = CloseCode(1012);
    /// The server is overloaded: try again later (IANA registry).
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode(1013);
    /// A gateway got a bad answer (IANA registry).
    pub const BAD_GATEWAY: CloseCode = CloseCode(1014);

    /// Whether this code may stand in a close frame.
    ///
    /// "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint."
    /// and the same for 1004, 1006 and 1015 (section 7.4.1); what is registered beyond is accepted, what is
    /// "reserved for definition by this protocol" and not defined is not, and "Status codes in the range 0-999
    /// are not used" (section 7.4.2).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The most bytes that the reason of a close frame may have: a control frame less the code.
pub const MAX_REASON: usize = 123;

/// Code and reason of a close frame with this payload, no longer masked.
///
/// # Errors
/// [`PeerError::BadCloseFrame`], [`PeerError::BadCloseCode`] or [`PeerError::BadCloseReason`].
pub fn parse(payload: &[u8]) -> Result<(CloseCode, &str), PeerError> {
    match payload {
        // "If this Close control frame contains no status code, _The WebSocket Connection Close Code_ is
        // considered to be 1005." (section 7.1.5)
        [] => Ok((CloseCode::NO_STATUS, "")),
        // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer (in network
        // byte order) representing a status code with value /code/ defined in Section 7.4." (section 5.5.1)
        [_] => Err(PeerError::BadCloseFrame),
        [high, low, reason @ ..] => {
            let code = CloseCode(u16::from_be_bytes([*high, *low]));
            if !code.may_be_sent() {
                return Err(PeerError::BadCloseCode);
            }
            // "Following the 2-byte integer, the body MAY contain UTF-8-encoded data with value /reason/"
            // (section 5.5.1)
            let reason = core::str::from_utf8(reason).map_err(|_| PeerError::BadCloseReason)?;
            Ok((code, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6455_7_4_codes_that_must_not_be_sent_are_refused() {
        for code in 0..=u16::MAX {
            let good =
                matches!(code, 1000 | 1001 | 1002 | 1003 | 1007..=1014) || (3000..5000).contains(&code);
            assert_eq!(parse(&code.to_be_bytes()).is_ok(), good, "{code}");
        }
    }

    #[test]
    fn rfc6455_5_5_1_a_body_is_a_code_and_text() {
        assert_eq!(parse(b""), Ok((CloseCode::NO_STATUS, "")));
        assert_eq!(parse(b"\x03"), Err(PeerError::BadCloseFrame));
        assert_eq!(parse(b"\x03\xe8bye"), Ok((CloseCode::NORMAL, "bye")));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(PeerError::BadCloseReason));
        assert_eq!(parse(b"\x03\xe8\xe2\x82"), Err(PeerError::BadCloseReason));
    }
}
