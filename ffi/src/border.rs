//! Where pointers of C become references, and panics become codes.

use crate::{Code, Connection, Field, Scratch};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What has gone wrong, or nothing.
pub(crate) type Answer<T = ()> = Result<T, Code>;

/// Runs `call`; nothing unwinds into C.
pub(crate) fn guard(call: impl FnOnce() -> Answer) -> i32 {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => Code::AvxOk as i32,
        Ok(Err(code)) => code as i32,
        Err(_) => Code::AvxErrorUnusable as i32,
    }
}

/// The same with a value for whatever goes wrong, for calls that cannot fail.
pub(crate) fn guard_or<T>(otherwise: T, call: impl FnOnce() -> Answer<T>) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Code::AvxErrorUnusable)).unwrap_or(otherwise)
}

/// What a handle points to.
///
/// # Safety
/// `handle` is null, or comes from its constructor, has not been freed, and is used by nobody else during `'a`.
pub(crate) unsafe fn borrow<'a, T>(handle: *mut T) -> Answer<&'a mut T> {
    let handle = NonNull::new(handle).ok_or(Code::AvxErrorNull)?;
    // SAFETY: by the contract of this function it points to a T that is ours alone for now.
    Ok(unsafe { &mut *handle.as_ptr() })
}

/// The same for handles that are only looked at.
///
/// # Safety
/// As [`borrow`], but others may look at it as well.
pub(crate) unsafe fn look<'a, T>(handle: *const T) -> Answer<&'a T> {
    if handle.is_null() {
        return Err(Code::AvxErrorNull);
    }
    // SAFETY: by the contract of this function it points to a T that nobody changes for now.
    Ok(unsafe { &*handle })
}

/// A handle that remembers that a call is under way: who enters it twice, or after a panic, is told so.
pub(crate) trait Handle {
    fn busy(&mut self) -> &mut bool;
}

/// Runs `call` with a connection.
///
/// # Safety
/// As [`borrow`].
pub(crate) unsafe fn with<T: Handle>(handle: *mut T, call: impl FnOnce(&mut T) -> Answer) -> i32 {
    guard(|| {
        // SAFETY: the caller's promise is that of `borrow`.
        let handle = unsafe { borrow(handle) }?;
        enter(handle)?;
        let answer = call(handle);
        *handle.busy() = false;
        answer
    })
}

/// Runs `call` with a connection and the memory of the thread.
///
/// # Safety
/// As [`borrow`], for both.
pub(crate) unsafe fn with_both(
    connection: *mut Connection,
    scratch: *mut Scratch,
    call: impl FnOnce(&mut Connection, &mut Scratch) -> Answer,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's promise is that of `borrow`, and the two are of different types, from constructors
        // that never give out the same memory.
        let (connection, scratch) = unsafe { (borrow(connection)?, borrow(scratch)?) };
        enter(connection)?;
        if let Err(code) = enter(scratch) {
            *connection.busy() = false;
            return Err(code);
        }
        let answer = call(connection, scratch);
        *connection.busy() = false;
        *scratch.busy() = false;
        answer
    })
}

fn enter(handle: &mut impl Handle) -> Answer {
    if core::mem::replace(handle.busy(), true) { Err(Code::AvxErrorUnusable) } else { Ok(()) }
}

/// Bytes of the caller's.
///
/// # Safety
/// `data` points to `len` bytes that nobody changes during `'a`, or `len` is 0.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize) -> Answer<&'a [u8]> {
    // SAFETY: the promise is the same.
    unsafe { list(data, len) }
}

/// A list of the caller's.
///
/// # Safety
/// `data` points to `len` values that nobody changes during `'a`, or `len` is 0.
pub(crate) unsafe fn list<'a, T>(data: *const T, len: usize) -> Answer<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Code::AvxErrorNull);
    }
    if !data.is_aligned() || len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Code::AvxErrorArgument);
    }
    // SAFETY: not null, aligned, no longer than memory can be; by the contract it holds `len` values.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// Field lines fewer than this need no memory.
const FEW: usize = 24;

/// Field lines of the caller's, given to `call`.
///
/// # Safety
/// As [`list`], for the list and for what each line points to.
pub(crate) unsafe fn with_fields<T>(
    fields: *const Field,
    len: usize,
    call: impl FnOnce(&[avx_core::Field<'_>]) -> Answer<T>,
) -> Answer<T> {
    // SAFETY: the caller's promise.
    let fields = unsafe { list(fields, len) }?;
    let mut few = [const { MaybeUninit::uninit() }; FEW];
    let mut many = Vec::new();
    let lines = match few.get_mut(..len) {
        Some(lines) => lines,
        None => {
            many.resize_with(len, MaybeUninit::uninit);
            &mut many[..]
        }
    };
    for (line, field) in lines.iter_mut().zip(fields) {
        // SAFETY: the caller's promise holds for what each line points to.
        let (name, value) =
            unsafe { (bytes(field.name.data, field.name.len)?, bytes(field.value.data, field.value.len)?) };
        line.write(avx_core::Field { name, value, sensitive: field.sensitive != 0 });
    }
    // SAFETY: `lines` and `fields` are of one length, so that every line was written.
    call(unsafe { slice::from_raw_parts(lines.as_ptr().cast::<avx_core::Field<'_>>(), lines.len()) })
}

/// Writes a result to where the caller wants it; not at all if that is null.
///
/// # Safety
/// `place` is null or may be written to.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() && place.is_aligned() {
        // SAFETY: not null, aligned, and by the contract of this function it may be written to.
        unsafe { place.write(value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{avx_connection_free, avx_scratch_free, avx_scratch_new, avx_server_new, avx_timed_out};

    #[test]
    fn a_panic_stops_at_the_border_and_the_handles_stay_unusable() {
        let mut connection = core::ptr::null_mut();
        let unusable = Code::AvxErrorUnusable as i32;
        // SAFETY: handles, and a place to write to.
        unsafe {
            assert_eq!(avx_server_new(core::ptr::null(), 0, 0, &raw mut connection), 0);
            let scratch = avx_scratch_new();
            assert_eq!(with_both(connection, scratch, |_, _| panic!("a bug")), unusable);
            assert_eq!(avx_timed_out(connection, 1), unusable);
            let mut other = core::ptr::null_mut();
            assert_eq!(avx_server_new(core::ptr::null(), 0, 0, &raw mut other), 0);
            assert_eq!(with_both(other, scratch, |_, _| Ok(())), unusable, "the scratch may hold anything");
            assert_eq!(avx_timed_out(other, 1), 0, "which is not the connection's fault");
            avx_connection_free(connection);
            avx_connection_free(other);
            avx_scratch_free(scratch);
        }
        assert_eq!(guard_or(7, || panic!("another")), 7);
    }

    #[test]
    fn a_call_inside_a_call_is_told_so() {
        let mut connection = core::ptr::null_mut();
        // SAFETY: handles, and a place to write to. (The second call looks at a flag, and nothing else.)
        unsafe {
            assert_eq!(avx_server_new(core::ptr::null(), 0, 0, &raw mut connection), 0);
            (*connection).busy().clone_from(&true);
            assert_eq!(avx_timed_out(connection, 1), Code::AvxErrorUnusable as i32);
            avx_connection_free(connection);
        }
    }
}
