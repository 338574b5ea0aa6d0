//! HTTP/2 (RFC 9113).

mod flood;
mod flow;
pub mod frame;
mod limits;
mod settings;
mod state;

pub use limits::Limits;
pub use settings::PeerSettings;
