//! The transport's side: steps, buffers, deadlines.

use crate::border::{borrow, bytes, guard_or, put, with, with_both};
use crate::{Bytes, Code, Connection, Scratch, Speaks, session, socket};
use avx_core::Instant;
use core::ptr;

/// What a step is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "these are the names that C has")]
pub enum StepKind {
    /// Nothing, before the deadline or a call of the user's.
    AvxStepWait = 0,
    /// Write some of `bytes`, then avx_did_write; 0 when none is taken now.
    AvxStepWrite = 1,
    /// Read into `memory`, at most `memory_len`, then avx_did_read; 0 at the end of the input.
    AvxStepRead = 2,
    /// Shut the sending side down. Said once.
    AvxStepShutdown = 3,
    /// Close the transport, with a reset if `reset` says so, and free the connection.
    AvxStepClose = 4,
}

/// What is to be done with the transport next.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// The peer would take part of a message for the whole: SO_LINGER of zero, then close.
    pub reset: bool,
    /// To write.
    pub bytes: Bytes,
    /// To read into: lent until avx_did_read, or avx_next, or avx_rest.
    pub memory: *mut u8,
    /// Its length.
    pub memory_len: usize,
}

const WAIT: Step = Step {
    kind: StepKind::AvxStepWait,
    reset: false,
    bytes: Bytes { data: ptr::null(), len: 0 },
    memory: ptr::null_mut(),
    memory_len: 0,
};

/// What to do next, into `step`. To be asked when avx_next has no more events. Allocates when the scratch has no spare
/// buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_next_step(
    connection: *mut Connection,
    scratch: *mut Scratch,
    step: *mut Step,
) -> i32 {
    // SAFETY: handles and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            if step.is_null() || !step.is_aligned() {
                return Err(Code::AvxErrorNull);
            }
            let next = if c.failed.is_some() {
                Step { kind: StepKind::AvxStepClose, reset: true, ..WAIT }
            } else {
                next_step(c, s)
            };
            put(step, next);
            Ok(())
        })
    }
}

fn next_step(c: &mut Connection, s: &mut Scratch) -> Step {
    let step = match c.wire().next_step(&mut s.core) {
        avx_core::Step::Write(bytes) => {
            return Step { kind: StepKind::AvxStepWrite, bytes: (*bytes).into(), ..WAIT };
        }
        avx_core::Step::Read(memory) => Step {
            kind: StepKind::AvxStepRead,
            memory: memory.as_mut_ptr(),
            memory_len: memory.len(),
            ..WAIT
        },
        avx_core::Step::Shutdown => return Step { kind: StepKind::AvxStepShutdown, ..WAIT },
        avx_core::Step::Close { reset } => return Step { kind: StepKind::AvxStepClose, reset, ..WAIT },
        avx_core::Step::Wait => WAIT,
    };
    c.lent = step.memory_len;
    step
}

/// `n` bytes were read into the memory of the last step; 0 is the end of the input. AVX_ERROR_ARGUMENT: that is more than
/// was lent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_did_read(connection: *mut Connection, now: u64, n: usize) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            if n > c.lent {
                return Err(Code::AvxErrorArgument);
            }
            c.lent = 0;
            c.wire().did_read(Instant::from_nanos(now), n);
            Ok(())
        })
    }
}

/// `n` bytes of those to write were written; 0 when the transport takes none now, from when on the peer's time counts.
/// AVX_ERROR_ARGUMENT: there are not so many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_did_write(connection: *mut Connection, now: u64, n: usize) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            let waits = session!(c, session => session.write_buf().len());
            if n > waits {
                return Err(Code::AvxErrorArgument);
            }
            if waits > 0 {
                c.wire().did_write(Instant::from_nanos(now), n);
            }
            Ok(())
        })
    }
}

/// Takes input from elsewhere: copies `len` bytes, instead of a step that reads. All of them are held until avx_next has
/// taken them: hand in no more before it has no more events. They must not be bytes of an event. The end of the input is
/// avx_did_read with 0, for this as well. A client that sends and receives more at the same time than sockets hold hands
/// in what there is to read while a write waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_read_from(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    data: *const u8,
    len: usize,
) -> i32 {
    // SAFETY: handles and bytes, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let data = bytes(data, len)?;
            c.lent = 0;
            session!(c, session => session.read_from(Instant::from_nanos(now), &mut s.core, data));
            Ok(())
        })
    }
}

/// When avx_timed_out is to be called at the latest, if nothing happens before; AVX_NEVER if it need not be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_deadline(connection: *mut Connection) -> u64 {
    guard_or(u64::MAX, || {
        // SAFETY: a handle, by the rules of the header.
        let connection = unsafe { borrow(connection) }?;
        let own = connection.wire().deadline();
        let all = connection.tunnels.sockets().map(|socket| socket!(socket, session => session.deadline()));
        Ok(all.chain([own]).flatten().min().map_or(u64::MAX, Instant::as_nanos))
    })
}

/// Time has passed. Early or repeated calls do nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_timed_out(connection: *mut Connection, now: u64) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            let now = Instant::from_nanos(now);
            c.wire().timed_out(now);
            c.tunnels.sockets().for_each(|socket| socket!(socket, session => session.timed_out(now)));
            Ok(())
        })
    }
}

/// Nothing will be read for now although avx_next was not asked for all events, because what came finds no taker: time
/// until then is not the peer's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_hold(connection: *mut Connection, now: u64) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            let now = Instant::from_nanos(now);
            session!(c, session => session.hold(now));
            c.tunnels.sockets().for_each(|socket| socket!(socket, session => session.hold(now)));
            Ok(())
        })
    }
}

/// Gives buffers that hold nothing back to the scratch: before a wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_rest(connection: *mut Connection, scratch: *mut Scratch) -> i32 {
    // SAFETY: handles, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            c.lent = 0;
            c.wire().rest(&mut s.core);
            c.tunnels.sockets().for_each(|socket| socket!(socket, session => session.rest(&mut s.core)));
            Ok(())
        })
    }
}

/// Begins the graceful end: what is in flight completes, nothing new begins, within AVX_OPTION_DRAIN. WebSockets are
/// closed with 1001 (Going Away); avx_websocket_close before this says something else. Ask avx_next again behind it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_shutdown(connection: *mut Connection, now: u64) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            let now = Instant::from_nanos(now);
            match &mut c.speaks {
                Speaks::Server(session) => session.shutdown(now),
                Speaks::Client(session) => session.shutdown(now),
                Speaks::WebSocket(_, socket) => {
                    socket!(socket, session => session.machine_mut().shutdown(now))
                }
            }
            c.tunnels
                .sockets()
                .for_each(|socket| socket!(socket, session => session.machine_mut().shutdown(now)));
            Ok(())
        })
    }
}

/// Input that no event has consumed: behind AVX_EVENT_SWITCHED, the first bytes of the next protocol. Valid as an event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_unread(connection: *mut Connection, unread: *mut Bytes) -> i32 {
    // SAFETY: a handle and a place to write to, by the rules of the header.
    unsafe {
        with(connection, |c| {
            if unread.is_null() {
                return Err(Code::AvxErrorNull);
            }
            let rest: Bytes = session!(c, session => session.unread().into());
            put(unread, rest);
            Ok(())
        })
    }
}

/// Drops `n` of those bytes. AVX_ERROR_WRONG_STATE: they belong to this connection. AVX_ERROR_ARGUMENT: there are not so
/// many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_discard(connection: *mut Connection, n: usize) -> i32 {
    // SAFETY: a handle, by the rules of the header.
    unsafe {
        with(connection, |c| {
            session!(c, session => {
                if session.switched().is_none() {
                    return Err(Code::AvxErrorWrongState);
                }
                if n > session.unread().len() {
                    return Err(Code::AvxErrorArgument);
                }
                session.discard(n);
            });
            Ok(())
        })
    }
}
