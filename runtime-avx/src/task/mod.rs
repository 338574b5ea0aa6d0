//! Tasks: a future on the heap with everything that is needed to wake, run, cancel and join it.
//!
//! [`state`] is the word that says what may happen next, [`raw`] the allocation and the containers that
//! link tasks, [`join`] the public handle, [`waker`] wakers that are not tasks. Nothing here knows
//! workers or sockets: where a woken task goes is the business of the [`Scheduler`] inside it.

mod join;
mod raw;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod waker;

pub use join::{JoinError, JoinHandle};
#[cfg(test)]
pub(crate) use raw::HEADER_SIZE;
pub(crate) use raw::{
    Inbox, List, Runnable, Scheduler, Slot, TaskRef, WakerTable, detached, is_task, joined,
};
