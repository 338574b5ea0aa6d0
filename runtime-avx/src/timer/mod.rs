//! Timers: a hierarchical wheel for each worker, and what is built on it.
//!
//! [`wheel`] is pure: deadlines and the time are numbers that the caller gives. [`Sleep`] puts itself
//! into the wheel of the worker that polls it and follows its task to others. The resolution is one
//! millisecond, rounded up: a timer never fires early.

mod entry;
mod interval;
mod level;
mod sleep;
mod wheel;

pub use interval::{Interval, MissedTick, interval};
pub use sleep::{Elapsed, Sleep, sleep, sleep_until, timeout, timeout_at};
#[cfg(test)]
pub(crate) use wheel::ENTRY_SIZE;
pub(crate) use wheel::Wheel;
