//! HTTP/2: answers come in any order.

use super::failure::Protocol;
use super::http::{Client, Exchange, Open};
use avx_core::{Config, Instant, StreamId, h2};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Requests under way, by their stream.
#[derive(Default)]
pub(super) struct ByStream(HashMap<u64, Exchange, BuildHasherDefault<Spread>>);

/// Hashes numbers that this end has chosen: one multiplication.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl Client for h2::Client {
    const PROTOCOL: Protocol = Protocol::Http2;
    type Open = ByStream;

    fn start(config: Arc<Config>, now: Instant) -> Self {
        h2::Client::new(config, now)
    }

    #[inline]
    fn can_begin(&self) -> bool {
        self.free_streams() > 0
    }

    #[inline]
    fn allowed(&self) -> Option<u32> {
        Some(self.peer_settings().max_concurrent_streams)
    }
}

impl Open for ByStream {
    #[inline]
    fn insert(&mut self, stream: StreamId, exchange: Exchange) {
        self.0.insert(stream.0, exchange);
    }

    #[inline]
    fn find(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        self.0.get_mut(&stream.0)
    }

    #[inline]
    fn remove(&mut self, stream: StreamId) -> Option<Exchange> {
        self.0.remove(&stream.0)
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.0.values()
    }
}
