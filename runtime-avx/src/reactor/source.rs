//! What a worker knows of the sockets it watches.

use std::cell::RefCell;
use std::task::Waker;

use crate::scheduler::is_task;
use crate::slab::{Key, Slab};
use crate::sys::{Direction, Ready};

/// The sources of one worker.
pub(crate) struct Reactor {
    sources: RefCell<Slab<Source>>,
}

/// One watched socket.
#[derive(Default)]
struct Source {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Bits of [`Ready`].
    ready: u8,
    /// The directions that somebody waits for; the waker of another one is kept for the next time.
    waiting: u8,
}

#[cfg(test)]
pub(crate) const SOURCE_SIZE: usize = Slab::<Source>::PLACE_SIZE;

impl Direction {
    #[inline]
    pub(super) fn bit(self) -> u8 {
        match self {
            Direction::Read => Ready::READ,
            Direction::Write => Ready::WRITE,
        }
    }
}

impl Source {
    #[inline]
    fn waker(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }
}

// No waker is cloned or dropped while the slab is borrowed, and none but a task's is woken: a foreign one
// may run anything.
impl Reactor {
    pub(crate) const fn new() -> Reactor {
        Reactor { sources: RefCell::new(Slab::new()) }
    }

    /// A new source, of which so much is known to be ready.
    pub(super) fn insert(&self, ready: u8) -> Key {
        self.sources.borrow_mut().insert(Source { ready, ..Source::default() })
    }

    /// Forgets a source.
    pub(crate) fn remove(&self, key: Key) {
        let source = self.sources.borrow_mut().remove(key);
        drop(source);
    }

    /// Whether a direction may be tried; if not, the waker is left to be woken when it may.
    #[inline]
    pub(super) fn ready_or_wait(&self, key: Key, direction: Direction, waker: &Waker) -> bool {
        if let Some(source) = self.sources.borrow_mut().find(key) {
            if source.ready & direction.bit() != 0 {
                return true;
            }
            if source.waker(direction).as_ref().is_some_and(|w| w.will_wake(waker)) {
                source.waiting |= direction.bit();
                return false;
            }
        }
        self.wait(key, direction, waker);
        false
    }

    /// Notes that a direction has given what it had. Past the end of the connection that means nothing.
    /// Whether reading waits for more now, as after [`ready_or_wait`](Self::ready_or_wait): when the same
    /// waker has waited before.
    #[inline]
    pub(super) fn exhausted(&self, key: Key, direction: Direction, waker: &Waker) -> bool {
        let mut sources = self.sources.borrow_mut();
        let Some(source) = sources.find(key) else { return false };
        if direction == Direction::Write {
            source.ready &= !Ready::WRITE;
            return false;
        }
        if source.ready & Ready::READ_END != 0 {
            return false;
        }
        source.ready &= !Ready::READ;
        let waits = source.reader.as_ref().is_some_and(|reader| reader.will_wake(waker));
        if waits {
            source.waiting |= Ready::READ;
        }
        waits
    }

    /// Notes that a direction would block, whatever was reported.
    pub(super) fn blocked(&self, key: Key, direction: Direction) {
        if let Some(source) = self.sources.borrow_mut().find(key) {
            source.ready &= !direction.bit();
        }
    }

    /// Leaves the waker to be woken by the next event for the direction.
    pub(super) fn wait(&self, key: Key, direction: Direction, waker: &Waker) {
        let mut waker = Some(waker.clone());
        if let Some(source) = self.sources.borrow_mut().find(key) {
            source.waiting |= direction.bit();
            std::mem::swap(source.waker(direction), &mut waker);
        }
        drop(waker);
    }

    /// An event of the kernel.
    #[inline]
    pub(crate) fn dispatch(&self, key: Key, ready: Ready) {
        let mut sources = self.sources.borrow_mut();
        let Some(source) = sources.find(key) else { return };
        source.ready |= ready.0;
        let fired = source.waiting & ready.0;
        source.waiting &= !fired;
        let mut foreign = 0;
        for direction in [Direction::Read, Direction::Write] {
            if fired & direction.bit() != 0 {
                match source.waker(direction) {
                    // A task of ours is put into a queue and nothing else.
                    Some(waker) if is_task(waker) => waker.wake_by_ref(),
                    _ => foreign |= direction.bit(),
                }
            }
        }
        drop(sources);
        if foreign != 0 {
            self.wake_foreign(key, foreign);
        }
    }

    #[cold]
    fn wake_foreign(&self, key: Key, bits: u8) {
        for direction in [Direction::Read, Direction::Write] {
            if bits & direction.bit() != 0 {
                self.wake(key, direction);
            }
        }
    }

    fn wake(&self, key: Key, direction: Direction) {
        let waker = self.sources.borrow_mut().find(key).and_then(|s| s.waker(direction).take());
        let Some(waker) = waker else { return };
        waker.wake_by_ref();
        // Kept for the next time, which saves a clone, unless another has come meanwhile.
        let mut back = Some(waker);
        if let Some(source) = self.sources.borrow_mut().find(key) {
            let place = source.waker(direction);
            if place.is_none() {
                *place = back.take();
            }
        }
        drop(back);
    }
}
