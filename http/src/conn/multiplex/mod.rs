//! The pump of a connection whose exchanges overlap: HTTP/2.
//!
//! ```text
//! poll:  ┌▶ events (turn) ──▶ handlers ──▶ responses into the output
//!        │  exchanges whose bell was rung: futures, credit to give back
//!        │  content, in the order that the machine says           until nothing moves
//!        │  write what there is ──▶ more room? again
//!        └─ read
//! ```
//!
//! As over HTTP/1.1, a request that a plain handler answers at once never becomes an exchange. What does
//! lies in the [`table`], found by its stream, and has a waker of its own ([`bell`]): a poll of the
//! connection looks at those that were woken and at no others, however many are open ([`turns`]; the client's
//! as well). What a response [promises](push) comes back as a request.

mod bell;
mod priority;
mod pump;
mod push;
mod table;
pub(crate) mod turns;

pub(super) use priority::prioritize;
pub(super) use pump::Multiplexing;
pub(super) use push::{Origin, Promised, promise};
