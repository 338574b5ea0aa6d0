//! The protocols an Upgrade field names (RFC 9110, section 7.8), as much of it as a machine remembers.

use crate::Protocol;
use crate::syntax::list;

/// A set of protocols: those known here by their names, and all others as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer(u8);

const WEBSOCKET: u8 = 1;
const H2C: u8 = 2;
const OTHER: u8 = 4;

impl Offer {
    /// This set and what the value of another Upgrade line names.
    #[cold]
    pub(super) fn with(self, value: &[u8]) -> Self {
        list::members(value).fold(self, |Offer(set), name| {
            Offer(
                set | match () {
                    () if name.eq_ignore_ascii_case(b"websocket") => WEBSOCKET,
                    () if name.eq_ignore_ascii_case(b"h2c") => H2C,
                    () => OTHER,
                },
            )
        })
    }

    /// Whether a switch to `to` is a switch to something offered here.
    ///
    /// "A server MUST NOT switch to a protocol that was not indicated by the client in the
    /// corresponding request's Upgrade header field" (RFC 9110, section 7.8)
    pub(super) fn covers(self, to: Offer) -> bool {
        to.0 != 0 && to.0 & !self.0 == 0
    }

    /// Who speaks after a switch to this.
    pub(super) fn protocol(self) -> Protocol {
        match self.0 {
            WEBSOCKET => Protocol::WebSocket,
            H2C => Protocol::Http2,
            _ => Protocol::Tunnel,
        }
    }
}
