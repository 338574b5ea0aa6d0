//! The open exchanges of a connection: constant time by stream and by place.

use super::bell::{Bell, Handle};
use avx_core::StreamId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::task::Waker;

/// Exchanges by place, places by stream.
pub(crate) struct Table<E> {
    places: Vec<Place<E>>,
    free: Vec<u32>,
    by_stream: HashMap<StreamId, u32, BuildHasherDefault<OfStream>>,
}

/// Where exchanges are, one after the other.
struct Place<E> {
    stream: StreamId,
    exchange: Option<Box<E>>,
    handle: Arc<Handle>,
    waker: Waker,
}

/// What is in a place.
pub(crate) struct At<'a, E> {
    pub(crate) exchange: &'a mut E,
    pub(crate) handle: &'a Handle,
    pub(crate) waker: &'a Waker,
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Table { places: Vec::new(), free: Vec::new(), by_stream: HashMap::default() }
    }
}

impl<E> Table<E> {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_stream.is_empty()
    }

    /// Puts an exchange in and says where.
    pub(crate) fn insert(&mut self, stream: StreamId, exchange: E, bell: &Arc<Bell>) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            let handle = bell.handle(self.places.len() as u32);
            let waker = handle.clone().into();
            self.places.push(Place { stream, exchange: None, handle, waker });
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[at as usize];
        (place.stream, place.exchange) = (stream, Some(Box::new(exchange)));
        self.by_stream.insert(stream, at);
        at
    }

    /// Where the exchange of this stream is.
    #[inline]
    pub(crate) fn find(&self, stream: StreamId) -> Option<u32> {
        if self.by_stream.is_empty() {
            return None;
        }
        self.by_stream.get(&stream).copied()
    }

    /// What is in a place.
    #[inline]
    pub(crate) fn at(&mut self, place: u32) -> Option<At<'_, E>> {
        let Place { exchange, handle, waker, .. } = self.places.get_mut(place as usize)?;
        Some(At { exchange: exchange.as_deref_mut()?, handle, waker })
    }

    /// Takes the exchange out of a place.
    pub(crate) fn remove(&mut self, place: u32) -> Option<Box<E>> {
        let Place { stream, exchange, .. } = self.places.get_mut(place as usize)?;
        let exchange = exchange.take()?;
        self.by_stream.remove(stream);
        self.free.push(place);
        Some(exchange)
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Box<E>> {
        std::mem::take(self).places.into_iter().filter_map(|place| place.exchange)
    }

    pub(crate) fn exchanges(&mut self) -> impl Iterator<Item = &mut E> {
        self.places.iter_mut().filter_map(|place| place.exchange.as_deref_mut())
    }
}

/// Identifiers come in ascending order, and there are few at a time: one multiplication spreads them.
#[derive(Default)]
pub(crate) struct OfStream(u64);

impl Hasher for OfStream {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        let product = u128::from(self.0 ^ n) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_spread_whatever_they_are() {
        let hash = |n: u64| {
            let mut hasher = OfStream::default();
            hasher.write_u64(n);
            hasher.finish()
        };
        // The table takes the upper seven bits and some of the lower ones.
        let spread = |bits: fn(u64) -> u64| {
            let streams = (0..128).map(|i| 2 * i + 1).chain([u64::MAX, 1 << 31]);
            streams.map(|n| bits(hash(n))).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(spread(|hash| hash >> 57) > 60 && spread(|hash| hash & 127) > 60);
    }
}
