#![allow(unsafe_code)]
//! Reading into the buffers of hyper, which need not have been written to before.

use std::io;
use std::os::fd::RawFd;

use hyper::rt::ReadBufCursor;

use super::socket;

/// recv(2) into what is left of the buffer, which is counted as filled from then on.
pub(crate) fn recv(fd: RawFd, buf: &mut ReadBufCursor<'_>) -> io::Result<usize> {
    // SAFETY: the kernel only writes, so nothing becomes uninitialised.
    let n = socket::recv_uninit(fd, unsafe { buf.as_mut() })?;
    // SAFETY: the kernel has written to `n` bytes.
    unsafe { buf.advance(n) };
    Ok(n)
}
