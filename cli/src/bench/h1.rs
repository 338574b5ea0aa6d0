//! HTTP/1.1: answers come in the order of the requests.

use super::failure::Protocol;
use super::http::{Client, Exchange, Open};
use avx_core::{Config, Instant, StreamId, h1};
use std::collections::VecDeque;
use std::sync::Arc;

/// Requests under way, the oldest first.
#[derive(Default)]
pub(super) struct InOrder {
    /// Requests before these.
    answered: u64,
    queue: VecDeque<Exchange>,
}

impl Client for h1::Client {
    const PROTOCOL: Protocol = Protocol::Http1;
    type Open = InOrder;

    fn start(config: Arc<Config>, now: Instant) -> Self {
        h1::Client::new(config, now)
    }

    #[inline]
    fn can_begin(&self) -> bool {
        self.is_reusable()
    }

    #[inline]
    fn allowed(&self) -> Option<u32> {
        None
    }
}

impl Open for InOrder {
    #[inline]
    fn insert(&mut self, _: StreamId, exchange: Exchange) {
        self.queue.push_back(exchange);
    }

    #[inline]
    fn find(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        // They are counted from 1.
        let place = stream.0.checked_sub(self.answered + 1)?;
        self.queue.get_mut(usize::try_from(place).ok()?)
    }

    #[inline]
    fn remove(&mut self, _: StreamId) -> Option<Exchange> {
        self.answered += 1;
        self.queue.pop_front()
    }

    #[inline]
    fn len(&self) -> usize {
        self.queue.len()
    }

    fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.queue.iter()
    }
}
