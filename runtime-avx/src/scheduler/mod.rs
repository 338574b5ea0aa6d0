//! Workers and the tasks that they run.
//!
//! ```text
//!                         +------------------ worker (one thread) -----------------+
//!   other threads         |  local   pinned tasks, a list nobody else touches      |
//!   ---- wakes pinned --> |  inbox   pinned tasks woken by other threads           |
//!   <--- steal half ----- |  ring    tasks that may run anywhere                   |
//!                         |  reactor, timer wheel, cached time                     |
//!                         +--------------------------------------------------------+
//!   ---- spawn, wake ---> inject: tasks that may run anywhere, from outside; any worker takes them
//! ```
//!
//! [`worker`] is the loop, [`park`] what other threads see of a worker and how they wake it, [`queue`]
//! the ring that is stolen from, [`inject`] the common queue, [`place`] how a woken task finds its way,
//! [`shared`] what workers have in common. [`current`] is how code finds the worker that it runs on.
//!
//! Pinned tasks never move: not only would their sockets have to be registered anew, their home is what
//! makes the path from event to poll free of shared memory. They are what accepting connections on each
//! worker makes, so balance comes from the kernel's spreading of connections. All other tasks are stolen
//! freely, one half of a queue at a time.

mod inject;
mod park;
mod place;
mod queue;
mod shared;
mod worker;

pub(crate) use crate::sys::local as current;
pub(crate) use park::{Freed, Remote};
#[cfg(test)]
pub(crate) use place::TASK_SIZE;
pub(crate) use place::{ANY, is_task, spawn, spawn_joined};
pub(crate) use shared::Shared;
pub(crate) use worker::Worker;
