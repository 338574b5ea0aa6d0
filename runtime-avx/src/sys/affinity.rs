#![allow(unsafe_code)]
//! Binding a thread to a processor: sched_setaffinity(2).

use std::io;

use super::check;

/// Binds the calling thread to the `n`th processor that it may run on, counted round.
pub(crate) fn pin_to_core(n: usize) -> io::Result<()> {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: all zeros is an empty set, and the kernel is told its size.
    let allowed = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        check(libc::sched_getaffinity(0, size, &mut set))?;
        set
    };
    // SAFETY: the numbers are within the set.
    let cores: Vec<_> =
        (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &allowed) }).collect();
    let Some(&core) = cores.get(n % cores.len().max(1)) else { return Ok(()) };
    // SAFETY: as above.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        check(libc::sched_setaffinity(0, size, &set)).map(drop)
    }
}
