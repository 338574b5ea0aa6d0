//! The two ends of a WebSocket, and all that they differ in while frames are exchanged: who masks.

use super::key::MaskKeys;
use core::fmt;

/// Which end a machine is. There are two: [`AsServer`] and [`AsClient`].
pub trait Role: fmt::Debug + sealed::Sealed {
    /// Whether this end is the server's.
    const SERVER: bool;

    /// The masking key of the next frame, where this end masks.
    #[doc(hidden)]
    fn next_key(&mut self) -> Option<[u8; 4]>;
}

/// The end that accepted the handshake. Frames it receives are masked, frames it sends are not.
#[derive(Debug)]
#[non_exhaustive]
pub struct AsServer;

/// The end that asked for the handshake. Frames it sends are masked, frames it receives are not.
#[derive(Debug)]
pub struct AsClient {
    pub(super) keys: MaskKeys,
}

impl Role for AsServer {
    const SERVER: bool = true;

    // "A server MUST NOT mask any frames that it sends to the client." (RFC 6455, section 5.1)
    #[inline(always)]
    fn next_key(&mut self) -> Option<[u8; 4]> {
        None
    }
}

impl Role for AsClient {
    const SERVER: bool = false;

    // "a client MUST mask all frames that it sends to the server" (RFC 6455, section 5.1)
    #[inline]
    fn next_key(&mut self) -> Option<[u8; 4]> {
        Some(self.keys.next_key())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::AsServer {}
    impl Sealed for super::AsClient {}
}
