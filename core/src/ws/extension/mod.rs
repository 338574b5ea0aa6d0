//! Extensions (RFC 6455, section 9.1) and the negotiation of the one known here, permessage-deflate (RFC 7692,
//! sections 5 and 7.1). Nothing here compresses anything.
//!
//! ```text
//! client   permessage-deflate; client_max_window_bits, permessage-deflate       offers, the best first
//! server   permessage-deflate; server_max_window_bits=12; client_max_window_bits=12      what is agreed
//! ```

mod list;
mod offer;
mod text;

pub use list::{Element, Elements, Malformed, Param, Params, Value, elements};
pub use offer::{Agreed, BadResponse, ClientBits, Half, Offer, agree, check};
pub use text::Text;

#[cfg(test)]
mod tests;

/// What this end wants of permessage-deflate: part of the [`Limits`](crate::ws::Limits).
///
/// Off by default, because compressing what an attacker can mix with secrets tells something about the secrets,
/// and because it costs memory: whatever the window, a connection that has compressed a message holds 160 KiB, and
/// one that was sent a compressed message 48 KiB. Neither is allocated before it is needed. What inflates is given
/// back behind each message if the peer compresses without context take-over, what compresses when the peer has
/// been silent for the time of [`keep_alive`](crate::ws::Limits::keep_alive), or, where nothing is asked of the peer,
/// when it was not used for 30 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// Window of what this end compresses, bits: 9 to 15, and less where the peer asks for it. Default 12.
    /// What the peer has to keep of it.
    pub window_bits: u8,
    /// Window the peer is asked to stay within, bits: 8 to 15. Default 12. Not every peer can.
    pub peer_window_bits: u8,
    /// What this end compresses may refer to earlier messages. Default on: small messages of one kind shrink
    /// much further.
    pub take_over: bool,
    /// The same for what the peer compresses. Default on.
    pub peer_take_over: bool,
    /// Effort of compressing, 1 (fast) to 9 (small). Default 1.
    pub level: u8,
    /// Messages of fewer bytes are sent as they are when they are sent in one piece. Default 128.
    pub least: u32,
    /// The most that a message may inflate to, times its own length. Default 1000, which no honest message but
    /// one of zeros comes near; zero switches the check off. Stops messages that are all work and no content,
    /// before the limit on messages does.
    pub ratio: u32,
    /// Inflated bytes of a message before that is looked at. Default 1 MiB.
    pub ratio_after: u32,
}

impl Default for Deflate {
    fn default() -> Self {
        Deflate {
            window_bits: 12,
            peer_window_bits: 12,
            take_over: true,
            peer_take_over: true,
            level: 1,
            least: 128,
            ratio: 1000,
            ratio_after: 1 << 20,
        }
    }
}
