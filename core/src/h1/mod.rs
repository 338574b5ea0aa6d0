//! HTTP/1.1 (RFC 9112).

pub mod chunked;
mod client;
mod content;
pub mod encode;
mod framing;
pub mod head;
mod server;
mod upgrade;

pub use client::Client;
pub use server::Server;

/// What an HTTP/2 client sends first (RFC 9113, section 3.4): no HTTP/1.1 request begins like this.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
