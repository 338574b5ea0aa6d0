//! The native runtime of avx.
#![cfg(unix)]

mod blocking;
mod builder;
#[cfg(feature = "http")]
mod http;
pub mod net;
mod reactor;
mod runtime;
mod scheduler;
pub mod signal;
mod slab;
mod sys;
mod task;
mod timer;
mod yield_now;

pub use blocking::Unblock;
pub use builder::{Backend, Builder};
pub use runtime::{Handle, Runtime};
pub use task::{JoinError, JoinHandle};
pub use timer::{Elapsed, Interval, MissedTick, Sleep, interval, sleep, sleep_until, timeout, timeout_at};
pub use yield_now::yield_now;
