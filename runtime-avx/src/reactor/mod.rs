//! Readiness: which sockets a worker watches, what it knows of them, and whom to wake.
//!
//! ```text
//!   Io { descriptor, registration } --key--> Source { ready, waiting, reader, writer }   (reactor's slab)
//!                                                  ^
//!   kernel: event(token = key, bits) --------------+--> wakes the tasks that wait
//! ```
//!
//! A [`Reactor`] is confined to its worker's thread: no lock, no atomic operation. An [`Io`] tries the
//! system call first and registers with the reactor of the worker that it is used on when the call says
//! that it would block: once, for both directions, for edges. From then on the reactor's `Source`
//! remembers which directions are ready, so that neither waiting nor finding nothing to read costs a
//! system call:
//!
//! - a call that would block, or that read or wrote less than it could have, clears the direction (unless
//!   the peer has ended the connection: then there is no further edge, and reading goes on to the end);
//! - while a direction is clear, polling it only leaves the waker;
//! - an event sets it.
//!
//! An `Io` that is used on another worker than the one it is registered with leaves there and registers
//! here: it follows its task.

mod io;
mod source;

pub(crate) use io::Io;
pub(crate) use source::Reactor;
#[cfg(test)]
pub(crate) use source::SOURCE_SIZE;
