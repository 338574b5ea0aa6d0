//! HTTP/2 by hand, for tests: frames as a peer writes them, whether it should or not, and what came back.
//!
//! - [`frames`] writes any frame, well-formed or not.
//! - [`attacks`] is the list of them, with what has to come of each.
//! - [`Inbox`] reads what a server sends, and keeps it by stream.
//! - [`Peer`] is both over a socket.

pub mod attacks;
pub mod frames;
mod inbox;
mod peer;

pub use inbox::{Answer, Frame, Inbox};
pub use peer::Peer;
