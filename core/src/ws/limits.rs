//! What a peer may do on a WebSocket, and how long it may be silent.

use super::Deflate;
use core::time::Duration;

/// The WebSocket part of a [`Config`](crate::Config).
///
/// Messages are told of in pieces and stored nowhere, so none of these limits is memory of a machine; those who
/// join the pieces hold at most [`message`](Self::message) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// A whole message, bytes, inflated where it was compressed. Default 16 MiB; beyond it 1009. Stops messages
    /// that never end. Those who read messages in pieces may set it to [`u64::MAX`].
    pub message: u64,
    /// The payload of one frame, bytes. Default 16 MiB; beyond it 1009, as soon as its header is there.
    pub frame: u64,
    /// Empty fragments in a row that end nothing. Default 100; beyond it 1008. Stops messages that are made of
    /// nothing.
    pub empty_fragments: u16,
    /// Control frames tolerated: so many at once (default 1000), beyond it 1008 ...
    pub controls: u32,
    /// ... and so many a second. Default 100. Stops floods of pings. What answers them takes no more than one
    /// frame in any case.
    pub controls_per_second: u32,
    /// Send a ping when nothing has come for so long. Default 30 s; zero: never.
    pub keep_alive: Duration,
    /// How long the peer may take to say something after it. Default 20 s, then 1008; zero: for ever.
    pub pong_timeout: Duration,
    /// How long the peer may take to answer a close frame, and a server to end the transport behind it. Default
    /// 5 s. The close is a normal one.
    pub close_timeout: Duration,
    /// Offer or accept permessage-deflate, like this. Default: not at all.
    pub deflate: Option<Deflate>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message: 16 << 20,
            frame: 16 << 20,
            empty_fragments: 100,
            controls: 1000,
            controls_per_second: 100,
            keep_alive: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
            deflate: None,
        }
    }
}
