//! A machine with its buffers: all that a driver does, short of the system calls.
//!
//! ```text
//! loop {
//!     while let Some(turn) = session.turn(now, scratch)? { answer turn.event through turn.machine, turn.out }
//!     while session.write_buf() is not empty { write some of it, then session.did_write(now, n) }
//!     if session.wants_shutdown() { shut the sending side down once }
//!     if session.is_closed() { reset the transport if session.wants_reset(), else close it; stop }
//!     if session.wants_read() { read into session.read_buf(scratch), then session.did_read(now, n) }
//!     session.rest(scratch); wait for the socket or until session.deadline(), then session.timed_out(now)
//! }
//! ```
//!
//! Buffers come from the [`Scratch`](crate::Scratch) of the thread and go back to it with [`Session::rest`]: a
//! connection with nothing pending holds none, one with an incomplete unit holds just those bytes.
//!
//! - `session`: the loop's two ends, input and output, around the machine.
//! - `buffers`: what it holds of the thread's memory.
//! - `patience`: how long output may wait.

mod buffers;
mod patience;
#[expect(clippy::module_inception, reason = "the concept and its folder share a word")]
mod session;

pub use buffers::Outgoing;
pub use session::{Session, Turn};
