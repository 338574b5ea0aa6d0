//! The driver of a connection that carries many exchanges at once: HTTP/2.
//!
//! ```text
//! poll:  ┌▶ events (turn) ──▶ replies, bodies
//!        │  requests from the queue, as many as the server takes
//!        │  exchanges whose bell was rung: credit to give back, content to fetch, callers who left
//!        │  content, in the order that the machine says                      until nothing moves
//!        │  write what there is ──▶ more room? again
//!        └─ read
//! ```
//!
//! It reads whatever comes: what a server may send is bounded by the windows, and credit goes back when a
//! body has been read, not before. Exchanges lie in the table that the server's pump has, with a waker each.

mod driver;
mod events;
mod exchange;

pub(super) use driver::Driver;
