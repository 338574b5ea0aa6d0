#![allow(unsafe_code)]
//! Sockets: the calls that the standard library does not offer, or not without blocking.
//!
//! Reading and writing go to the kernel directly where it has a call for it: the wrappers of the C
//! library are cancellation points, which cost two atomic operations each once there are threads.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use super::check;

/// What writing to a broken connection shall not do is raise SIGPIPE.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;

/// The most slices that one call takes everywhere (IOV_MAX is 1024 on Linux, 16 is the least allowed).
pub(crate) const MAX_SLICES: usize = 64;

/// An address as the kernel takes and gives it.
pub(crate) struct Address {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

/// recv(2).
#[inline]
pub(crate) fn recv(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer takes as many bytes as it is said to.
    unsafe { recv_raw(fd, buf.as_mut_ptr(), buf.len()) }
}

/// recv(2) into memory that need not have been written to. As many bytes of it as this returns have been, then.
#[cfg(feature = "hyper")]
pub(crate) fn recv_uninit(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: the buffer takes as many bytes as it is said to.
    unsafe { recv_raw(fd, buf.as_mut_ptr().cast(), buf.len()) }
}

/// # Safety
/// `len` bytes may be written to `at`.
#[inline]
unsafe fn recv_raw(fd: RawFd, at: *mut u8, len: usize) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    // SAFETY: as the caller promises.
    let n = unsafe { libc::syscall(libc::SYS_recvfrom, fd, at, len, 0usize, 0usize, 0usize) };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: as the caller promises.
    let n = unsafe { libc::recv(fd, at.cast(), len, 0) };
    size(n as isize)
}

/// send(2).
#[inline]
pub(crate) fn send(fd: RawFd, buf: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    // SAFETY: the buffer has as many bytes as it is said to.
    let n = unsafe {
        libc::syscall(libc::SYS_sendto, fd, buf.as_ptr(), buf.len(), NO_SIGNAL as usize, 0usize, 0usize)
    };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the buffer has as many bytes as it is said to.
    let n = unsafe { libc::send(fd, buf.as_ptr().cast(), buf.len(), NO_SIGNAL) };
    size(n as isize)
}

/// writev(2), as sendmsg(2) with its flags.
pub(crate) fn send_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: all zeros is an empty message.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len().min(MAX_SLICES) as _;
    #[cfg(target_os = "linux")]
    // SAFETY: an `IoSlice` is an iovec by its documentation; the slices live through the call, which only
    // reads them.
    let n = unsafe { libc::syscall(libc::SYS_sendmsg, fd, &raw const message, NO_SIGNAL as usize) };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: as above.
    let n = unsafe { libc::sendmsg(fd, &raw const message, NO_SIGNAL) };
    size(n as isize)
}

#[inline]
fn size(n: isize) -> io::Result<usize> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

/// shutdown(2) of the sending side. A connection that is gone already is no error.
pub(crate) fn shutdown_write(fd: RawFd) -> io::Result<()> {
    // SAFETY: no pointers.
    match check(unsafe { libc::shutdown(fd, libc::SHUT_WR) }) {
        Err(e) if e.kind() != io::ErrorKind::NotConnected => Err(e),
        _ => Ok(()),
    }
}

/// accept4(2): non-blocking and closed on exec. The address is `None` for Unix sockets.
pub(crate) fn accept(listener: RawFd) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    let mut address = Address::empty();
    let storage = (&raw mut address.storage).cast();
    // SAFETY: the storage takes any address and `len` says how much it takes; the result is checked, and a
    // new descriptor that nobody else owns.
    #[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
    let fd = unsafe {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        OwnedFd::from_raw_fd(check(libc::accept4(listener, storage, &mut address.len, flags))?)
    };
    // SAFETY: as above.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    let fd = unsafe {
        let fd = OwnedFd::from_raw_fd(check(libc::accept(listener, storage, &mut address.len))?);
        set_flags(fd.as_raw_fd())?;
        fd
    };
    Ok((fd, address.inet()))
}

/// A new stream socket of the internet family of `addr`, non-blocking and closed on exec.
pub(crate) fn tcp(addr: SocketAddr) -> io::Result<OwnedFd> {
    stream(if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 })
}

/// A new stream socket of the Unix family.
pub(crate) fn unix() -> io::Result<OwnedFd> {
    stream(libc::AF_UNIX)
}

fn stream(family: libc::c_int) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let kind = libc::SOCK_STREAM;
    // SAFETY: no pointers; the result is checked, and a new descriptor that nobody else owns.
    let fd = unsafe { OwnedFd::from_raw_fd(check(libc::socket(family, kind, 0))?) };
    #[cfg(not(target_os = "linux"))]
    set_flags(fd.as_raw_fd())?;
    #[cfg(target_vendor = "apple")]
    set_option(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NOSIGPIPE, 1)?;
    Ok(fd)
}

/// Non-blocking and closed on exec, for where that cannot be asked for at once.
#[cfg(not(target_os = "linux"))]
pub(crate) fn set_flags(fd: RawFd) -> io::Result<()> {
    // SAFETY: no pointers.
    unsafe {
        check(libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC))?;
        let flags = check(libc::fcntl(fd, libc::F_GETFL))?;
        check(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK)).map(drop)
    }
}

/// Begins to connect. `false`: under way, the socket becomes writable when it is decided.
pub(crate) fn connect(fd: RawFd, address: &Address) -> io::Result<bool> {
    // SAFETY: the storage holds an address of that length.
    match check(unsafe { libc::connect(fd, (&raw const address.storage).cast(), address.len) }) {
        Ok(_) => Ok(true),
        // An interrupted one goes on in the background.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// How a connection that was under way came out. `WouldBlock`: it is still under way.
pub(crate) fn connected(fd: RawFd) -> io::Result<()> {
    match option(fd, libc::SOL_SOCKET, libc::SO_ERROR)? {
        0 => {}
        code => return Err(io::Error::from_raw_os_error(code)),
    }
    match remote_address(fd) {
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        other => other.map(drop),
    }
}

/// Binds and listens. With `shared`, several sockets may (SO_REUSEPORT).
pub(crate) fn listen(addr: SocketAddr, backlog: u32, shared: bool) -> io::Result<OwnedFd> {
    let socket = tcp(addr)?;
    let fd = socket.as_raw_fd();
    set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if shared {
        if !cfg!(any(target_os = "linux", target_os = "android")) {
            // Elsewhere the option exists, but the last socket gets everything.
            return Err(io::ErrorKind::Unsupported.into());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    let address = Address::from(addr);
    let backlog = libc::c_int::try_from(backlog).unwrap_or(libc::c_int::MAX);
    // SAFETY: the storage holds an address of that length.
    unsafe {
        check(libc::bind(fd, (&raw const address.storage).cast(), address.len))?;
        check(libc::listen(fd, backlog))?;
    }
    Ok(socket)
}

/// TCP_NODELAY.
pub(crate) fn set_nodelay(fd: RawFd, on: bool) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, libc::c_int::from(on))
}

/// Whether TCP_NODELAY is set.
pub(crate) fn nodelay(fd: RawFd) -> io::Result<bool> {
    Ok(option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY)? != 0)
}

/// SO_LINGER of zero: closing resets the connection, and what was not sent is discarded.
pub(crate) fn set_reset(fd: RawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    set_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, linger)
}

/// getsockname(2).
pub(crate) fn local_address(fd: RawFd) -> io::Result<Address> {
    let mut address = Address::empty();
    // SAFETY: the storage takes any address, and `len` says how much it takes.
    check(unsafe { libc::getsockname(fd, (&raw mut address.storage).cast(), &mut address.len) })?;
    Ok(address)
}

/// getpeername(2).
pub(crate) fn remote_address(fd: RawFd) -> io::Result<Address> {
    let mut address = Address::empty();
    // SAFETY: the storage takes any address, and `len` says how much it takes.
    check(unsafe { libc::getpeername(fd, (&raw mut address.storage).cast(), &mut address.len) })?;
    Ok(address)
}

fn set_option<T: Copy>(fd: RawFd, level: libc::c_int, name: libc::c_int, value: T) -> io::Result<()> {
    let (value, len) = ((&raw const value).cast(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the value lives through the call and is as long as it is said to be.
    check(unsafe { libc::setsockopt(fd, level, name, value, len) }).map(drop)
}

fn option(fd: RawFd, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value lives through the call and is as long as it is said to be.
    check(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &mut len) })?;
    Ok(value)
}

impl Address {
    fn empty() -> Address {
        // SAFETY: all zeros is an address of no family.
        let storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Address { storage, len: size_of::<libc::sockaddr_storage>() as libc::socklen_t }
    }

    /// # Safety
    /// `A` is one of the kernel's address types, plain data without padding that matters.
    unsafe fn of<A: Copy>(address: A) -> Address {
        let mut all = Address::empty();
        assert!(size_of::<A>() <= size_of::<libc::sockaddr_storage>());
        // SAFETY: the storage is large enough, by the line above, and aligned for any address.
        unsafe { (&raw mut all.storage).cast::<A>().write(address) };
        all.len = size_of::<A>() as libc::socklen_t;
        all
    }

    /// The internet address, if it is one.
    pub(crate) fn inet(&self) -> Option<SocketAddr> {
        match libc::c_int::from(self.storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says what it is, and the storage is large enough and aligned.
                let a = unsafe { &*(&raw const self.storage).cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(a.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(a.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let a = unsafe { &*(&raw const self.storage).cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(a.sin6_addr.s6_addr);
                Some(
                    SocketAddrV6::new(ip, u16::from_be(a.sin6_port), a.sin6_flowinfo, a.sin6_scope_id).into(),
                )
            }
            _ => None,
        }
    }

    /// A path in the file system.
    pub(crate) fn unix(path: &Path) -> io::Result<Address> {
        use std::os::unix::ffi::OsStrExt;
        let path = path.as_os_str().as_bytes();
        // SAFETY: all zeros is an address without a path.
        let mut a: libc::sockaddr_un = unsafe { MaybeUninit::zeroed().assume_init() };
        if path.len() >= a.sun_path.len() || path.contains(&0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path is no address of a Unix socket: too long, or with a zero byte",
            ));
        }
        a.sun_family = libc::AF_UNIX as _;
        for (to, from) in a.sun_path.iter_mut().zip(path) {
            *to = *from as libc::c_char;
        }
        // SAFETY: one of the kernel's address types.
        Ok(unsafe { Address::of(a) })
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Address {
        match addr {
            SocketAddr::V4(addr) => {
                // SAFETY: all zeros is an address; the fields that systems differ in stay so.
                let mut a: libc::sockaddr_in = unsafe { MaybeUninit::zeroed().assume_init() };
                a.sin_family = libc::AF_INET as _;
                a.sin_port = addr.port().to_be();
                a.sin_addr.s_addr = u32::from_ne_bytes(addr.ip().octets());
                // SAFETY: one of the kernel's address types.
                unsafe { Address::of(a) }
            }
            SocketAddr::V6(addr) => {
                // SAFETY: as above.
                let mut a: libc::sockaddr_in6 = unsafe { MaybeUninit::zeroed().assume_init() };
                a.sin6_family = libc::AF_INET6 as _;
                a.sin6_port = addr.port().to_be();
                a.sin6_addr.s6_addr = addr.ip().octets();
                a.sin6_flowinfo = addr.flowinfo();
                a.sin6_scope_id = addr.scope_id();
                // SAFETY: as above.
                unsafe { Address::of(a) }
            }
        }
    }
}
