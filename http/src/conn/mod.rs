//! The pump: one hand-written future per connection, one session inside.
//!
//! ```text
//! poll:  take the thread's memory
//!        ┌▶ events (turn) ──▶ handlers ──▶ responses into the output ─┐ until nothing moves
//!        │  write what there is ──▶ more room? again                 ◀┘
//!        │  shut down, close, hand over?
//!        └─ read
//!        give the memory back, arm the timer, wait
//! ```
//!
//! - `link`: the transport, its session and its timer. Shared with the client.
//! - `sending`: content on its way out. Shared with the client.
//! - `exchange`: one request and its response, from the head to the last byte of both.
//! - `course`: what goes wrong, and the orderly end.
//! - `log`: what the access log says of it.
//! - `serve`: the pump itself, for a server of HTTP/1.1.
//! - `multiplex`: the same for exchanges that overlap.
//! - `connect`, `tunnel`: a stream that becomes what over HTTP/1.1 the whole transport does. The tunnel is the
//!   client's as well.
//! - `h2c`: the way from the one to the other by Upgrade.
//! - `connection`: the future around it, which also outlives an upgrade.
//!
//! A request that a plain handler answers at once never becomes an exchange: its response goes from
//! the handler into the output while the head still lies in the read buffer. All that was answered
//! between two reads leaves in one write. A connection at rest holds its machine and nothing else.

mod connect;
mod connection;
mod course;
mod exchange;
mod h2c;
pub(crate) mod link;
mod log;
pub(crate) mod multiplex;
pub(crate) mod sending;
mod serve;
pub(crate) mod tunnel;

pub use connection::{Connection, Engine};

pub(crate) use exchange::Exchange;
