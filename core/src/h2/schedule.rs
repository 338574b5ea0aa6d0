//! Who writes next (RFC 9218, section 10; RFC 7540, section 5.3.2, for the weights).
//!
//! ```text
//! urgency 0   heap by identifier: 7 > 9 > 15        ring: 1 -> 5 -> 11
//! urgency 1   ...
//! ```
//!
//! The most urgent level with anybody ready is served. Within it, responses that are of use only as a
//! whole come one after the other in the order of their streams; incremental ones share the bandwidth by
//! their weights (deficit round robin); the two kinds take turns, so that neither starves the other.
//!
//! "Non-incremental responses of the same urgency SHOULD be served by prioritizing bandwidth allocation
//! in ascending order of the stream ID"; "Incremental responses of the same urgency SHOULD be served by
//! sharing bandwidth among them." (RFC 9218, section 10)
//!
//! All links lie in the streams: adding takes constant time, removing constant time from a ring and
//! amortized logarithmic time from a heap, and nothing is ever allocated.

use super::stream::NONE;
use super::streams::{Slot, Streams};

/// Bytes a stream of weight 1 writes before the next one of its ring.
const QUANTUM: i32 = 1024;

/// The streams that are ready to write.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    levels: [Level; 8],
    /// Bit `n`: level `n` has somebody ready.
    ready: u8,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    /// The one with the lowest identifier: root of a pairing heap.
    heap: Slot,
    /// The one of the ring whose turn it is.
    ring: Slot,
    /// It is the ring's turn, when both have somebody.
    turn: bool,
}

impl Schedule {
    pub(super) const fn new() -> Self {
        Schedule { levels: [Level { heap: NONE, ring: NONE, turn: false }; 8], ready: 0 }
    }

    /// This stream may write from now on.
    pub(super) fn add(&mut self, streams: &mut Streams, slot: Slot) {
        let sched = &mut streams[slot].sched;
        if sched.ready {
            return;
        }
        sched.ready = true;
        let urgency = sched.urgency & 7;
        self.ready |= 1 << urgency;
        let level = &mut self.levels[usize::from(urgency)];
        if sched.incremental {
            sched.deficit = QUANTUM * i32::from(sched.weight);
            level.ring = join(streams, level.ring, slot);
        } else {
            level.heap = meld(streams, level.heap, slot);
        }
    }

    /// This stream may not write any more.
    pub(super) fn remove(&mut self, streams: &mut Streams, slot: Slot) {
        let sched = &mut streams[slot].sched;
        if !sched.ready {
            return;
        }
        sched.ready = false;
        let urgency = sched.urgency & 7;
        let level = &mut self.levels[usize::from(urgency)];
        if sched.incremental {
            let next = leave(streams, slot);
            if level.ring == slot {
                level.ring = next;
            }
        } else {
            level.heap = cut(streams, level.heap, slot);
        }
        if level.heap == NONE && level.ring == NONE {
            self.ready &= !(1 << urgency);
        }
    }

    /// Whose turn it is. Says the same until that one has written its share or is not ready any more.
    #[inline]
    pub(super) fn next(&self) -> Option<Slot> {
        if self.ready == 0 {
            return None;
        }
        let level = &self.levels[self.ready.trailing_zeros() as usize & 7];
        let ring = level.heap == NONE || level.turn && level.ring != NONE;
        Some(if ring { level.ring } else { level.heap })
    }

    /// This stream has written `n` bytes.
    #[inline]
    pub(super) fn wrote(&mut self, streams: &mut Streams, slot: Slot, n: u32) {
        let sched = &mut streams[slot].sched;
        let level = &mut self.levels[usize::from(sched.urgency & 7)];
        if !sched.ready || level.ring == NONE {
            return;
        }
        if !sched.incremental {
            level.turn = true;
            return;
        }
        sched.deficit -= n.min(1 << 30) as i32;
        if sched.deficit <= 0 {
            sched.deficit = (sched.deficit + QUANTUM * i32::from(sched.weight)).max(1);
            level.turn = false;
            if level.ring == slot {
                level.ring = sched.next;
            }
        }
    }

    /// Changes where a stream stands.
    pub(super) fn change(
        &mut self,
        streams: &mut Streams,
        slot: Slot,
        urgency: u8,
        incremental: bool,
        weight: u16,
    ) {
        let ready = streams[slot].sched.ready;
        self.remove(streams, slot);
        let sched = &mut streams[slot].sched;
        (sched.urgency, sched.incremental, sched.weight) =
            (urgency.min(7), incremental, weight.clamp(1, 256));
        if ready {
            self.add(streams, slot);
        }
    }
}

/// Puts `slot` at the end of the ring: before the one whose turn it is.
fn join(streams: &mut Streams, turn: Slot, slot: Slot) -> Slot {
    let (prev, next) = if turn == NONE { (slot, slot) } else { (streams[turn].sched.prev, turn) };
    let sched = &mut streams[slot].sched;
    (sched.prev, sched.next) = (prev, next);
    streams[prev].sched.next = slot;
    streams[next].sched.prev = slot;
    next
}

/// Takes `slot` out of its ring and returns the one behind it.
fn leave(streams: &mut Streams, slot: Slot) -> Slot {
    let sched = &mut streams[slot].sched;
    let (prev, next) = (sched.prev, sched.next);
    (sched.prev, sched.next) = (NONE, NONE);
    if next == slot {
        return NONE;
    }
    streams[prev].sched.next = next;
    streams[next].sched.prev = prev;
    next
}

/// Makes one heap of two, each given by its root.
fn meld(streams: &mut Streams, a: Slot, b: Slot) -> Slot {
    if a == NONE || b == NONE {
        return a.min(b);
    }
    let (top, below) = if streams[a].id < streams[b].id { (a, b) } else { (b, a) };
    let first = streams[top].sched.child;
    streams[top].sched.child = below;
    let sched = &mut streams[below].sched;
    (sched.prev, sched.next) = (top, first);
    if first != NONE {
        streams[first].sched.prev = below;
    }
    top
}

/// Takes `slot` out of the heap under `root` and returns the new root.
fn cut(streams: &mut Streams, root: Slot, slot: Slot) -> Slot {
    let sched = &mut streams[slot].sched;
    let (prev, next, child) = (sched.prev, sched.next, sched.child);
    (sched.prev, sched.next, sched.child) = (NONE, NONE, NONE);
    let children = meld_siblings(streams, child);
    if slot == root {
        return children;
    }
    if streams[prev].sched.child == slot {
        streams[prev].sched.child = next;
    } else {
        streams[prev].sched.next = next;
    }
    if next != NONE {
        streams[next].sched.prev = prev;
    }
    meld(streams, root, children)
}

/// Makes one heap of siblings: in pairs from the first to the last, then all pairs back from the last.
fn meld_siblings(streams: &mut Streams, first: Slot) -> Slot {
    let take = |streams: &mut Streams, slot: Slot| {
        if slot == NONE {
            return NONE;
        }
        let sched = &mut streams[slot].sched;
        let next = sched.next;
        (sched.prev, sched.next) = (NONE, NONE);
        next
    };
    let (mut pairs, mut rest) = (NONE, first);
    while rest != NONE {
        let (a, b) = (rest, take(streams, rest));
        rest = take(streams, b);
        let pair = meld(streams, a, b);
        streams[pair].sched.next = pairs;
        pairs = pair;
    }
    let mut root = NONE;
    while pairs != NONE {
        let pair = pairs;
        pairs = take(streams, pair);
        root = meld(streams, root, pair);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::super::flow::{RecvWindow, SendWindow};
    use super::super::state::State;
    use super::super::stream::Stream;
    use super::*;
    use alloc::vec::Vec;

    struct Bench {
        streams: Streams,
        schedule: Schedule,
    }

    impl Bench {
        fn new(list: &[(u32, u8, bool, u16)]) -> Self {
            let mut bench = Bench { streams: Streams::new(0), schedule: Schedule::new() };
            for &(id, urgency, incremental, weight) in list {
                let mut stream = Stream::new(id, State::Open, RecvWindow::new(0, 0), SendWindow::new(0));
                stream.sched.urgency = urgency;
                stream.sched.incremental = incremental;
                stream.sched.weight = weight;
                let slot = bench.streams.insert(stream);
                bench.schedule.add(&mut bench.streams, slot);
            }
            bench
        }

        /// Who writes, when each writes `n` bytes at a time.
        fn write(&mut self, n: u32, times: usize) -> Vec<u32> {
            let mut turn = || {
                let slot = self.schedule.next()?;
                self.schedule.wrote(&mut self.streams, slot, n);
                Some(self.streams[slot].id)
            };
            (0..times).filter_map(|_| turn()).collect()
        }

        fn remove(&mut self, id: u32) {
            let slot = self.streams.find(id).unwrap();
            self.schedule.remove(&mut self.streams, slot);
        }
    }

    #[test]
    fn rfc9218_10_the_most_urgent_first_then_the_oldest() {
        let list =
            [(9, 3, false, 16), (1, 5, false, 16), (5, 3, false, 16), (3, 3, false, 16), (7, 0, true, 16)];
        let mut bench = Bench::new(&list);
        let mut order = Vec::new();
        while let Some(slot) = bench.schedule.next() {
            order.push(bench.streams[slot].id);
            assert_eq!(bench.write(1000, 3), [*order.last().unwrap(); 3]);
            bench.remove(*order.last().unwrap());
        }
        assert_eq!(order, [7, 3, 5, 9, 1]);
    }

    #[test]
    fn rfc9218_10_incremental_responses_share() {
        let mut bench = Bench::new(&[(1, 3, true, 16), (3, 3, true, 16), (5, 3, true, 16)]);
        assert_eq!(bench.write(16 << 10, 7), [1, 3, 5, 1, 3, 5, 1]);
        bench.remove(3);
        assert_eq!(bench.write(8 << 10, 4).len(), 4);
    }

    #[test]
    fn rfc7540_5_3_2_weights_divide_the_bandwidth() {
        let mut bench = Bench::new(&[(1, 3, true, 10), (3, 3, true, 30), (5, 3, true, 60)]);
        let order = bench.write(1000, 10_000);
        for (id, share) in [(1, 1000), (3, 3000), (5, 6000)] {
            let n = order.iter().filter(|&&other| other == id).count();
            assert!(n.abs_diff(share) < 100, "{id} wrote {n} times");
        }
    }

    #[test]
    fn rfc9218_10_neither_kind_starves_the_other() {
        let mut bench = Bench::new(&[(1, 3, false, 16), (3, 3, true, 16), (5, 3, false, 16)]);
        let order = bench.write(16 << 10, 6);
        assert_eq!(order, [1, 3, 1, 3, 1, 3]);
    }

    #[test]
    fn any_order_of_changes_keeps_the_order_of_streams() {
        // The heap against a plain list, for a long run of pseudo-random changes.
        let mut bench = Bench::new(&[]);
        let mut ready: Vec<(u8, u32)> = Vec::new();
        let slots: Vec<Slot> = (0..500)
            .map(|i| {
                let new = Stream::new(i * 2 + 1, State::Open, RecvWindow::new(0, 0), SendWindow::new(0));
                bench.streams.insert(new)
            })
            .collect();
        let mut x = 12345u64;
        let mut next = |n: u64| {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (x >> 33) % n
        };
        for _ in 0..50_000 {
            let slot = slots[next(500) as usize];
            let (id, urgency) = (bench.streams[slot].id, bench.streams[slot].sched.urgency);
            match next(3) {
                0 => {
                    bench.schedule.remove(&mut bench.streams, slot);
                    ready.retain(|&(_, other)| other != id);
                }
                1 => {
                    let urgency = next(8) as u8;
                    bench.schedule.change(&mut bench.streams, slot, urgency, false, 16);
                    ready.iter_mut().filter(|r| r.1 == id).for_each(|r| r.0 = urgency);
                }
                _ => {
                    bench.schedule.add(&mut bench.streams, slot);
                    if !ready.contains(&(urgency, id)) {
                        ready.push((urgency, id));
                    }
                }
            }
            let want = ready.iter().min().map(|&(_, id)| id);
            assert_eq!(bench.schedule.next().map(|slot| bench.streams[slot].id), want);
        }
    }
}
