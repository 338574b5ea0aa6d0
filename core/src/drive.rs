//! A session as who drives it sees it: one step after the other, whatever is spoken.
//!
//! ```text
//! loop {
//!     wire.timed_out(now);
//!     events, answers                                   // the only part that knows what is spoken
//!     match wire.next_step(scratch) {
//!         Write(bytes)    => write some; did_write(now, n)      none taken: did_write(now, 0), wait
//!         Read(memory)    => read; did_read(now, n)             none there: rest(scratch), wait
//!         Shutdown        => shut the sending side down
//!         Close { reset } => close; stop
//!         Wait            => wait
//!     }
//! }
//! ```
//!
//! Waiting is for what the step could not do, or until [`deadline`](Drive::deadline). The order of the steps is that
//! of [`Session`]'s tour: nobody is listened to who does not take what he was told.

use crate::{Instant, Machine, Scratch, Session};

/// What is to be done with the transport next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Write these bytes or the first of them, and say how many with [`did_write`](Drive::did_write).
    Write(&'a [u8]),
    /// Read into this, and say how much with [`did_read`](Drive::did_read).
    Read(&'a mut [u8]),
    /// Shut the sending side down. Said once.
    Shutdown,
    /// Close the transport, and drop the session.
    Close {
        /// With a reset (SO_LINGER of zero), because the peer would take part of a message for the whole.
        reset: bool,
    },
    /// Nothing, before the deadline or a call of the user's.
    Wait,
}

/// The transport's side of a [`Session`], without the machine it holds: so that an event loop has one type for every
/// protocol (`&mut dyn Drive`). A call through it costs what a virtual call does; the buffers are the session's.
pub trait Drive {
    /// What to do next. To be asked when all events were taken: reading and writing bring more of them.
    fn next_step(&mut self, scratch: &mut Scratch) -> Step<'_>;

    /// As [`Session::did_write`].
    fn did_write(&mut self, now: Instant, n: usize);

    /// As [`Session::did_read`].
    fn did_read(&mut self, now: Instant, n: usize);

    /// As [`Session::deadline`].
    fn deadline(&self) -> Option<Instant>;

    /// As [`Session::timed_out`].
    fn timed_out(&mut self, now: Instant);

    /// As [`Session::rest`].
    fn rest(&mut self, scratch: &mut Scratch);
}

impl<M: Machine> Drive for Session<M> {
    #[inline]
    fn next_step(&mut self, scratch: &mut Scratch) -> Step<'_> {
        if !self.write_buf().is_empty() {
            return Step::Write(self.write_buf());
        }
        if self.is_closed() {
            return Step::Close { reset: self.wants_reset() };
        }
        if self.wants_shutdown() && !core::mem::replace(&mut self.shut, true) {
            return Step::Shutdown;
        }
        if self.wants_read() {
            return Step::Read(self.read_buf(scratch));
        }
        self.rest(scratch);
        Step::Wait
    }

    fn did_write(&mut self, now: Instant, n: usize) {
        Session::did_write(self, now, n);
    }

    fn did_read(&mut self, now: Instant, n: usize) {
        Session::did_read(self, now, n);
    }

    fn deadline(&self) -> Option<Instant> {
        Session::deadline(self)
    }

    fn timed_out(&mut self, now: Instant) {
        Session::timed_out(self, now);
    }

    fn rest(&mut self, scratch: &mut Scratch) {
        Session::rest(self, scratch);
    }
}
