//! Sockets: TCP and Unix streams with their listeners, and name look-up.
//!
//! All of them may be made anywhere and are used within a runtime, in a task or in `block_on`; used
//! elsewhere they give an error. They belong to nobody: a stream that is moved to a task of another worker,
//! or of another runtime, goes on there.
//!
//! The poll methods take `&mut self`, as the traits of avx-http do: one task reads and writes. A direction
//! remembers the last waker that found it not ready.

mod resolve;
mod stream;
mod tcp;
mod unix;

use std::io;

pub use resolve::resolve;
pub use tcp::{TcpListener, TcpStream, bind_tcp};
pub use unix::{UnixListener, UnixStream};

/// Lets this process have as many descriptors as the system allows it: raises the soft limit to the hard
/// one. Returns how many that are; each connection takes one. For programs that serve, not for libraries:
/// it concerns the whole process, and the programs that it starts.
///
/// # Errors
/// As the system reports them; then the limit is what it was.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    crate::sys::descriptors::raise_limit()
}
