//! The open exchanges of a connection: constant time by stream and by place.

use super::bell::{Bell, Handle};
use avx_core::StreamId;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::task::Waker;

/// Places that are kept for later exchanges, with their wakers, however few there are now: 4 KiB of memory.
const KEPT: usize = 32;

/// Exchanges by place, places by stream.
pub(crate) struct Table<E> {
    places: Vec<Place<E>>,
    /// Those to fill again, the first ones first, so that the last ones come to be free. Some are filled
    /// already, or gone.
    free: BinaryHeap<Reverse<u32>>,
    by_stream: HashMap<StreamId, u32, BuildHasherDefault<OfStream>>,
}

/// Where exchanges are, one after the other.
struct Place<E> {
    stream: StreamId,
    exchange: Option<Box<E>>,
    handle: Arc<Handle>,
    waker: Waker,
    /// It is in the list of those to look at, and in that of those that wait for room.
    due: bool,
    blocked: bool,
}

/// What is in a place.
pub(crate) struct At<'a, E> {
    pub(crate) stream: StreamId,
    pub(crate) exchange: &'a mut E,
    handle: &'a Handle,
    pub(crate) waker: &'a Waker,
    due: &'a mut bool,
    blocked: &'a mut bool,
}

impl<E> At<'_, E> {
    /// It is looked at now: whoever wakes or touches it from here on does so anew.
    pub(crate) fn look(&mut self) {
        *self.due = false;
        self.handle.answer();
    }

    /// It is to be looked at. False when that was known.
    pub(crate) fn touch(&mut self) -> bool {
        !std::mem::replace(self.due, true)
    }

    /// It waits for room in the output. False when that was known.
    pub(crate) fn block(&mut self) -> bool {
        !std::mem::replace(self.blocked, true)
    }
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Table { places: Vec::new(), free: BinaryHeap::new(), by_stream: HashMap::default() }
    }
}

impl<E> Table<E> {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_stream.is_empty()
    }

    /// Puts an exchange in, which is to be looked at, and says where.
    pub(crate) fn insert(&mut self, stream: StreamId, exchange: E, bell: &Arc<Bell>) -> u32 {
        let at = self.vacancy().unwrap_or_else(|| {
            let handle = bell.handle(self.places.len() as u32);
            let waker = handle.clone().into();
            self.places.push(Place { stream, exchange: None, handle, waker, due: false, blocked: false });
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[at as usize];
        (place.stream, place.exchange, place.due) = (stream, Some(Box::new(exchange)), true);
        self.by_stream.insert(stream, at);
        at
    }

    /// The first place that is free.
    fn vacancy(&mut self) -> Option<u32> {
        loop {
            let Reverse(at) = self.free.pop()?;
            if self.places.get(at as usize).is_some_and(|place| place.exchange.is_none()) {
                return Some(at);
            }
        }
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
        let Place { stream, exchange, handle, waker, due, blocked } = self.places.get_mut(place as usize)?;
        Some(At { stream: *stream, exchange: exchange.as_deref_mut()?, handle, waker, due, blocked })
    }

    /// There is room in the output again.
    pub(crate) fn unblock(&mut self, place: u32) {
        if let Some(place) = self.places.get_mut(place as usize) {
            place.blocked = false;
        }
    }

    /// Takes the exchange out of a place.
    pub(crate) fn remove(&mut self, place: u32) -> Option<Box<E>> {
        let Place { stream, exchange, .. } = self.places.get_mut(place as usize)?;
        let exchange = exchange.take()?;
        self.by_stream.remove(stream);
        self.free.push(Reverse(place));
        Some(exchange)
    }

    /// Gives memory back when there are far fewer exchanges than there were.
    #[inline]
    pub(crate) fn shrink(&mut self) {
        if self.places.len() > KEPT && self.by_stream.len() <= self.places.len() / 4 {
            self.drop_last();
        }
    }

    /// Drops the places behind the last one that is filled.
    #[cold]
    fn drop_last(&mut self) {
        while self.places.len() > KEPT && self.places.last().is_some_and(|place| place.exchange.is_none()) {
            self.places.pop();
        }
        if self.places.len() <= self.places.capacity() / 4 {
            self.places.shrink_to(KEPT);
            self.by_stream.shrink_to(KEPT);
            let free = (0..).zip(&self.places).filter(|(_, place)| place.exchange.is_none());
            self.free = free.map(|(at, _)| Reverse(at)).collect();
        }
    }

    /// Those that were not to be looked at, and are now.
    pub(crate) fn touch_all(&mut self) -> impl Iterator<Item = u32> {
        let filled = (0..).zip(&mut self.places).filter(|(_, place)| place.exchange.is_some());
        filled.filter_map(|(at, place)| (!std::mem::replace(&mut place.due, true)).then_some(at))
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
    use std::hash::BuildHasher;

    /// Fills places with the streams of these numbers.
    fn fill(table: &mut Table<u32>, bell: &Arc<Bell>, numbers: std::ops::Range<u32>) {
        for n in numbers {
            table.insert(StreamId(u64::from(n)), n, bell);
        }
    }

    fn remove(table: &mut Table<u32>, n: u32) {
        let place = table.find(StreamId(u64::from(n))).unwrap();
        assert_eq!(table.remove(place).as_deref(), Some(&n));
        table.shrink();
    }

    #[test]
    fn places_go_back_when_they_are_not_needed() {
        let (mut table, bell) = (Table::default(), Arc::default());
        fill(&mut table, &bell, 0..1000);
        for n in (0..1000).filter(|&n| n != 100) {
            remove(&mut table, n);
        }
        assert_eq!((table.places.len(), table.exchanges().count()), (101, 1));
        assert!(
            table.places.capacity() <= 101 && table.free.len() == 100 && table.by_stream.capacity() < 100
        );
        // What is gone is not filled again.
        fill(&mut table, &bell, 1000..1300);
        assert_eq!((table.places.len(), table.exchanges().count()), (301, 301));
        for n in (1000..1300).chain([100]) {
            remove(&mut table, n);
        }
        assert_eq!(table.places.len(), KEPT);
    }

    #[test]
    fn a_place_is_filled_once_however_often_it_became_free() {
        let (mut table, bell) = (Table::default(), Arc::default());
        let mut next = 0;
        for burst in [100, 3, 200, 40, 1, 90] {
            fill(&mut table, &bell, next..next + burst);
            assert_eq!(table.exchanges().count(), burst as usize);
            assert_eq!(table.places.len().max(KEPT), (burst as usize).max(KEPT));
            (next..next + burst).for_each(|n| remove(&mut table, n));
            next += burst;
        }
    }

    #[test]
    fn identifiers_that_follow_each_other_are_spread_over_the_table() {
        let hash = |id| BuildHasherDefault::<OfStream>::default().hash_one(StreamId(id));
        let places: std::collections::HashSet<u64> = (0..100).map(|i| hash(2 * i + 1) % 128).collect();
        assert!(places.len() > 50, "{}", places.len());
        assert_ne!(hash(0x7fff_ffff), hash(1));
    }
}
