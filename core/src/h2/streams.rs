//! The open streams of a connection: a slab, and a hash of their identifiers.
//!
//! Finding, adding and removing a stream takes the same time however many there are. The hash is seeded
//! for each connection, so that a peer cannot choose identifiers that collide.

use super::stream::Stream;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Where a stream lies. Good until it is removed.
pub(super) type Slot = u32;

/// Streams by slot, and slots by identifier.
#[derive(Debug)]
pub(super) struct Streams {
    slab: Vec<Stream>,
    /// Slots without a stream, whose `id` is 0.
    free: Vec<Slot>,
    map: Map,
}

impl Streams {
    pub(super) fn new(seed: u64) -> Self {
        Streams { slab: Vec::new(), free: Vec::new(), map: Map::new(seed) }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    /// The slot of a stream.
    #[inline]
    pub(super) fn find(&self, id: u32) -> Option<Slot> {
        self.map.find(id)
    }

    /// Adds a stream that is not there yet.
    #[inline]
    pub(super) fn insert(&mut self, stream: Stream) -> Slot {
        let id = stream.id;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = stream;
                slot
            }
            None => {
                self.slab.push(stream);
                (self.slab.len() - 1) as Slot
            }
        };
        self.map.insert(id, slot, self.slab.len() - self.free.len());
        slot
    }

    /// Forgets a stream, which is in no list any more.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) {
        let stream = &mut self.slab[slot as usize];
        self.map.remove(stream.id);
        stream.id = 0;
        self.free.push(slot);
    }

    /// Every slot in use. Linear.
    #[cfg(test)]
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<'_> {
        self.slab.iter().enumerate().filter(|(_, s)| s.id != 0).map(|(slot, _)| slot as Slot)
    }

    /// Number of slots, in use or not.
    pub(super) fn capacity(&self) -> usize {
        self.slab.len()
    }

    /// Gives memory back when no stream is left.
    pub(super) fn shrink(&mut self) {
        if self.len() == 0 && self.slab.capacity() > 4 {
            (self.slab, self.free) = (Vec::new(), Vec::new());
            self.map.entries = Vec::new();
        }
    }
}

impl Index<Slot> for Streams {
    type Output = Stream;

    #[inline]
    fn index(&self, slot: Slot) -> &Stream {
        &self.slab[slot as usize]
    }
}

impl IndexMut<Slot> for Streams {
    #[inline]
    fn index_mut(&mut self, slot: Slot) -> &mut Stream {
        &mut self.slab[slot as usize]
    }
}

/// Identifiers to slots: open addressing, at most half full, no tombstones.
#[derive(Debug)]
struct Map {
    /// Pairs of identifier and slot; 0 is no identifier.
    entries: Vec<(u32, Slot)>,
    /// Odd.
    multiplier: u64,
}

impl Map {
    fn new(seed: u64) -> Self {
        // Spread the seed's bits, whatever it is made of (the finalizer of SplitMix64).
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Map { entries: Vec::new(), multiplier: (z ^ (z >> 31)) | 1 }
    }

    #[inline]
    fn home(&self, id: u32) -> usize {
        let mask = self.entries.len() - 1;
        let z = u64::from(id).wrapping_mul(self.multiplier);
        ((z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as usize & mask
    }

    #[inline]
    fn find(&self, id: u32) -> Option<Slot> {
        if self.entries.is_empty() {
            return None;
        }
        let mask = self.entries.len() - 1;
        let mut at = self.home(id);
        loop {
            match self.entries[at] {
                (0, _) => return None,
                (found, slot) if found == id => return Some(slot),
                _ => at = (at + 1) & mask,
            }
        }
    }

    #[inline]
    fn insert(&mut self, id: u32, slot: Slot, len: usize) {
        if len * 2 > self.entries.len() {
            self.grow();
        }
        let mask = self.entries.len() - 1;
        let mut at = self.home(id);
        while self.entries[at].0 != 0 {
            at = (at + 1) & mask;
        }
        self.entries[at] = (id, slot);
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.entries.len() * 2).max(8);
        let old = core::mem::replace(&mut self.entries, alloc::vec![(0, 0); size]);
        for (id, slot) in old {
            if id != 0 {
                self.insert(id, slot, 0);
            }
        }
    }

    #[inline]
    fn remove(&mut self, id: u32) {
        if self.entries.is_empty() {
            return;
        }
        let mask = self.entries.len() - 1;
        let mut at = self.home(id);
        while self.entries[at].0 != id {
            if self.entries[at].0 == 0 {
                return;
            }
            at = (at + 1) & mask;
        }
        // Entries behind the gap move into it, unless that is before their home.
        let mut next = (at + 1) & mask;
        while self.entries[next].0 != 0 {
            let home = self.home(self.entries[next].0);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(at) & mask) {
                self.entries[at] = self.entries[next];
                at = next;
            }
            next = (next + 1) & mask;
        }
        self.entries[at] = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::{RecvWindow, SendWindow};
    use super::super::state::State;
    use super::*;

    fn stream(id: u32) -> Stream {
        Stream::new(id, State::Open, RecvWindow::new(0, 0), SendWindow::new(0))
    }

    #[test]
    fn every_stream_is_found_however_many_there_are() {
        for seed in 0..20 {
            let mut streams = Streams::new(seed);
            for i in 0..10_000 {
                let slot = streams.insert(stream(i * 2 + 1));
                assert_eq!(streams[slot].id, i * 2 + 1);
            }
            for i in (0..10_000).filter(|i| i % 3 == 0) {
                streams.remove(streams.find(i * 2 + 1).unwrap());
            }
            for i in 0..10_000 {
                let found = streams.find(i * 2 + 1).map(|slot| streams[slot].id);
                assert_eq!(found, (i % 3 != 0).then_some(i * 2 + 1));
                assert_eq!(streams.find(i * 2 + 2), None);
            }
            assert_eq!((streams.len(), streams.slots().count()), (6666, 6666));
        }
    }

    #[test]
    fn slots_are_used_again() {
        let mut streams = Streams::new(1);
        for id in 0..100_000 {
            let slot = streams.insert(stream(id * 2 + 1));
            assert_eq!(slot, 0);
            streams.remove(slot);
        }
        assert_eq!(streams.capacity(), 1);
    }

    #[test]
    fn a_peer_that_does_not_know_the_seed_cannot_make_identifiers_collide() {
        // Every 256th identifier: one chain, if the identifier itself were the hash.
        for seed in 0..50 {
            let mut streams = Streams::new(seed);
            for i in 0..1000 {
                streams.insert(stream(i * 256 + 1));
            }
            let map = &streams.map;
            let mask = map.entries.len() - 1;
            let far = (0..map.entries.len()).filter(|&at| map.entries[at].0 != 0);
            let total: usize = far.map(|at| at.wrapping_sub(map.home(map.entries[at].0)) & mask).sum();
            assert!(total < 3_000, "seed {seed}: {total} steps to 1000 streams");
        }
    }
}
