//! WebSocket (RFC 6455).
//!
//! ```text
//!    mask  utf8  key                           section 5.3: masking, and keys for it; section 8.1: text
//!    accept: sha1, base64                      section 4.2.2: the answer to a handshake's key
//! ```

pub mod accept;
mod base64;
pub mod key;
pub mod mask;
mod sha1;
pub mod utf8;
