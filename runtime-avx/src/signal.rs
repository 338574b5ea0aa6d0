//! Signals of the process: a request to end, by the keyboard or by a supervisor.
//!
//! Each [`Signal`] has a descriptor that the signal handler writes to, and that is waited for like a
//! socket. The handler is installed while at least one listener for that signal exists, anywhere in the
//! process; then the previous action is back. So a program that waits for ctrl-c once and then shuts down
//! in its own time is ended by the second ctrl-c.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::reactor::Io;
use crate::sys::{Direction, signal::Listener};

/// Listens for SIGINT: ctrl-c at the terminal.
///
/// # Errors
/// As the system reports them; with too many listeners (64).
pub fn ctrl_c() -> io::Result<Signal> {
    Signal::new(libc::SIGINT)
}

/// Listens for SIGTERM: what `kill` and supervisors send.
///
/// # Errors
/// As [`ctrl_c`].
pub fn terminate() -> io::Result<Signal> {
    Signal::new(libc::SIGTERM)
}

/// Completes when the signal has been delivered since it was made, or since it last completed. Signals
/// that come faster than they are awaited count as one.
#[must_use = "the signal is listened for as long as this lives"]
pub struct Signal(Io<Listener>);

impl Signal {
    /// Listens for any signal by its number, such as `SIGHUP`.
    ///
    /// # Errors
    /// As [`ctrl_c`]; signals that cannot be handled.
    pub fn new(signal: i32) -> io::Result<Signal> {
        Ok(Signal(Io::new(Listener::new(signal)?)))
    }

    /// Waits for the signal, again and again.
    ///
    /// # Errors
    /// As the system reports them.
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut *self).poll(cx)).await
    }
}

impl Future for Signal {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let taken = |l: &Listener| if l.take() { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) };
        self.0.poll_io(cx, Direction::Read, taken, |()| false)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}
