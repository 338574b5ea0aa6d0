//! The few tools for tasks that wait for each other, on any runtime.

mod oneshot;
mod wakers;

pub(crate) use oneshot::{Receiver, Sender, oneshot};
pub(crate) use wakers::Wakers;
