//! Tasks that wait for the same thing.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// A slot for each waiting task. O(1) except for waking.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    wakers: Vec<Slot>,
    free: Option<u32>,
}

#[derive(Debug)]
enum Slot {
    Waiting(Waker),
    Free(Option<u32>),
}

impl Wakers {
    /// Adds the task; it stays until [`remove`](Self::remove).
    pub(crate) fn insert(&self, cx: &Context<'_>) -> u32 {
        let slot = Slot::Waiting(cx.waker().clone());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.free {
            Some(at) => {
                let old = std::mem::replace(&mut slots.wakers[at as usize], slot);
                slots.free = if let Slot::Free(next) = old { next } else { None };
                at
            }
            None => {
                slots.wakers.push(slot);
                (slots.wakers.len() - 1) as u32
            }
        }
    }

    /// Removes what [`insert`](Self::insert) added under this number.
    pub(crate) fn remove(&self, at: u32) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let free = Slot::Free(slots.free);
        let old = std::mem::replace(&mut slots.wakers[at as usize], free);
        slots.free = Some(at);
        drop(slots);
        drop(old);
    }

    /// Wakes every task; all stay.
    pub(crate) fn wake_all(&self) {
        let wakers: Vec<Waker> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = slots.wakers.iter().filter_map(|slot| match slot {
                Slot::Waiting(waker) => Some(waker.clone()),
                Slot::Free(_) => None,
            });
            waiting.collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again() {
        let wakers = Wakers::default();
        let cx = Context::from_waker(Waker::noop());
        assert_eq!([wakers.insert(&cx), wakers.insert(&cx), wakers.insert(&cx)], [0, 1, 2]);
        wakers.remove(0);
        wakers.remove(2);
        assert_eq!([wakers.insert(&cx), wakers.insert(&cx), wakers.insert(&cx)], [2, 0, 3]);
        wakers.wake_all();
    }
}
