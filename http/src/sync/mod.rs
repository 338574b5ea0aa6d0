//! The few tools for tasks that wait for each other, on any runtime.

mod oneshot;
mod wakers;

pub(crate) use oneshot::{Sender, oneshot};
pub(crate) use wakers::Wakers;
