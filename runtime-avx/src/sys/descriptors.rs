#![allow(unsafe_code)]
//! How many descriptors a process may have: getrlimit(2), setrlimit(2).

use std::io;

use super::check;

/// What the soft limit may be at most where the hard one may be none.
#[cfg(target_vendor = "apple")]
const OPEN_MAX: libc::rlim_t = 10_240;

/// Raises the soft limit of open descriptors to the hard one. Returns how many there may be now.
#[allow(clippy::unnecessary_cast, reason = "the number is signed on some systems")]
pub(crate) fn raise_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call, which fills it.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    let most = limit.rlim_max;
    #[cfg(target_vendor = "apple")]
    let most = most.min(OPEN_MAX);
    if limit.rlim_cur < most {
        limit.rlim_cur = most;
        // SAFETY: the structure lives through the call, which only reads it.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur as u64)
}
