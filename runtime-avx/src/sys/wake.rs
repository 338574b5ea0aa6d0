#![allow(unsafe_code)]
//! A descriptor that becomes readable when another thread, or a signal handler, rings it: eventfd(2), or
//! a pipe where there is none.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// Rung by any thread, watched by one.
pub(crate) struct Bell {
    receiver: OwnedFd,
    /// The other end, where it is another descriptor.
    sender: Option<OwnedFd>,
}

impl Bell {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<Bell> {
        // SAFETY: no pointers; the result is checked, and a new descriptor that nobody else owns.
        let fd =
            unsafe { OwnedFd::from_raw_fd(check(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))?) };
        Ok(Bell { receiver: fd, sender: None })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<Bell> {
        let mut ends = [0; 2];
        // SAFETY: the array takes two descriptors, which are new and owned by nobody else.
        let (receiver, sender) = unsafe {
            check(libc::pipe(ends.as_mut_ptr()))?;
            (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
        };
        for fd in [&receiver, &sender] {
            super::socket::set_flags(fd.as_raw_fd())?;
        }
        Ok(Bell { receiver, sender: Some(sender) })
    }

    /// The descriptor that [`ring`] takes.
    pub(crate) fn sender(&self) -> RawFd {
        self.sender.as_ref().unwrap_or(&self.receiver).as_raw_fd()
    }

    pub(crate) fn ring(&self) {
        ring(self.sender());
    }

    /// Makes it unreadable again. `true`: it had been rung.
    pub(crate) fn silence(&self) -> bool {
        let mut rung = false;
        let mut buf = [0u8; 64];
        loop {
            // SAFETY: the buffer takes as many bytes as it is said to.
            let n = unsafe { libc::read(self.receiver.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len()) };
            match n {
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                n if n > 0 => rung = true,
                _ => return rung,
            }
            if self.sender.is_none() && rung {
                return rung;
            }
        }
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.receiver.as_raw_fd()
    }
}

/// Rings by number. Safe in a signal handler: one write, which fails only when it rings already.
pub(crate) fn ring(sender: RawFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: the bytes live through the call; eight of them are what an eventfd asks for.
    let _ = unsafe { libc::write(sender, one.as_ptr().cast(), one.len()) };
}
