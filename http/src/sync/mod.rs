//! The few tools for tasks that wait for each other, on any runtime.

mod wakers;

pub(crate) use wakers::Wakers;
