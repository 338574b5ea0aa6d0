//! HTTP/2 (RFC 9113).

mod flood;
mod flow;
pub mod frame;
pub mod hpack;
mod limits;
mod schedule;
mod settings;
mod state;
mod stream;
mod streams;

pub use limits::Limits;
pub use settings::PeerSettings;
