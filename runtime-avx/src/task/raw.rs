#![allow(unsafe_code)]
//! A task in one allocation.
//!
//! ```text
//!   NonNull<Header> -+-> +----------------------------------------------------+
//!                    |   | state     flags and references            8 bytes  |
//!   Runnable<S>      |   | link      next task in the same queue     8        |
//!   TaskRef<S>       +---| table     run, cancel, take, free         8        |
//!   Join<T>          |   | waiter    waker of the join handle       16        |
//!   Waker            |   +----------------------------------------------------+
//!                        | scheduler S                                        |
//!                        +----------------------------------------------------+
//!                        | stage     the future, then its output, then gone   |
//!                        +----------------------------------------------------+
//! ```
//!
//! Who may touch what is said by [`State`]: the stage belongs to whoever is `RUNNING`, after `COMPLETED`
//! to the join handle; `link` to the holder of the [`Runnable`], of which there is at most one. All
//! unsafe code about tasks is here and in [`links`], behind an interface that is safe to use in any way.

mod links;

use std::any::Any;
use std::cell::UnsafeCell;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

pub(crate) use links::{Inbox, List, Slot};

use super::JoinError;
use super::state::{State, Suspended, Woken};

/// Where tasks go when they are woken. One value lives in each task.
pub(crate) trait Scheduler: Sized + Send + Sync + 'static {
    /// Takes a task that was woken. Its scheduler value is [`Runnable::scheduler`].
    fn schedule(task: Runnable<Self>);

    /// A static: one table for all, so that wakers can be told apart by its address.
    fn wakers() -> &'static WakerTable<Self>;

    /// The task has completed; whoever lists it may forget it. Called once.
    fn completed(&self);
}

/// The right to poll a task, and a reference to it. Dropped instead of run, it cancels the task.
pub(crate) struct Runnable<S: Scheduler>(NonNull<Header>, PhantomData<S>);

/// A reference to a task.
pub(crate) struct TaskRef<S: Scheduler>(NonNull<Header>, PhantomData<S>);

/// A reference to a task and the claim to its output.
pub(crate) struct Join<T>(NonNull<Header>, PhantomData<T>);

#[repr(C)]
struct Header {
    state: State,
    link: UnsafeCell<*mut Header>,
    table: &'static Table,
    waiter: UnsafeCell<Option<Waker>>,
}

#[cfg(test)]
pub(crate) const HEADER_SIZE: usize = size_of::<Header>();

/// The operations that know the type of the future.
struct Table {
    /// Runs; uses the runnable's reference up.
    run: unsafe fn(NonNull<Header>),
    /// Drops the future of a task that is `RUNNING` and completes it; uses a reference up.
    cancel: unsafe fn(NonNull<Header>),
    /// Asks for cancellation.
    abort: unsafe fn(NonNull<Header>),
    /// Moves the output to a `Result<T, JoinError>`; the caller owns the output. `false`: it is gone.
    take: unsafe fn(NonNull<Header>, *mut ()) -> bool,
    /// Drops the output; the caller owns it.
    discard: unsafe fn(NonNull<Header>),
    /// Frees the allocation; there are no references.
    free: unsafe fn(NonNull<Header>),
}

/// What can be reached without knowing the type of the future.
#[repr(C)]
struct Prefix<S> {
    header: Header,
    scheduler: S,
}

#[repr(C)]
struct Body<F: Future, S> {
    prefix: Prefix<S>,
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Gone,
}

/// Allocates a task that nobody waits for.
pub(crate) fn detached<F, S>(future: F, scheduler: S) -> (Runnable<S>, TaskRef<S>)
where
    F: Future + Send + 'static,
    F::Output: Send,
    S: Scheduler,
{
    let task = Body::allocate(future, scheduler, false);
    (Runnable(task, PhantomData), TaskRef(task, PhantomData))
}

/// Allocates a task with a claim to its output.
pub(crate) fn joined<F, S>(future: F, scheduler: S) -> (Runnable<S>, TaskRef<S>, Join<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send,
    S: Scheduler,
{
    let task = Body::allocate(future, scheduler, true);
    (Runnable(task, PhantomData), TaskRef(task, PhantomData), Join(task, PhantomData))
}

// SAFETY: the future, the output and the scheduler are `Send` (see `detached` and `joined`) and `S` is
// `Sync`; what they point to is reached under the rules of `State`, which synchronises.
unsafe impl<S: Scheduler> Send for Runnable<S> {}
// SAFETY: as above; a shared runnable only lends the `Sync` scheduler.
unsafe impl<S: Scheduler> Sync for Runnable<S> {}
// SAFETY: as above; all that a reference can do is ask for cancellation and give itself back.
unsafe impl<S: Scheduler> Send for TaskRef<S> {}
// SAFETY: as above.
unsafe impl<S: Scheduler> Sync for TaskRef<S> {}
// SAFETY: as above; the output that it moves out is `Send`.
unsafe impl<T: Send> Send for Join<T> {}
// SAFETY: a shared handle only asks for cancellation and whether the task has completed.
unsafe impl<T: Send> Sync for Join<T> {}

impl<S: Scheduler> Runnable<S> {
    /// Polls the future once, or drops it if the task was cancelled. Never unwinds.
    #[inline]
    pub(crate) fn run(self) {
        let task = ManuallyDrop::new(self).0;
        // SAFETY: a runnable is a live reference, handed over here with the right to run.
        unsafe { (task.as_ref().table.run)(task) }
    }

    /// The scheduler value of this task.
    #[inline]
    pub(crate) fn scheduler(&self) -> &S {
        // SAFETY: tasks of a `Runnable<S>` were allocated as `Body<_, S>`, which begins with `Prefix<S>`,
        // and our reference keeps it alive.
        unsafe { &(*self.0.cast::<Prefix<S>>().as_ptr()).scheduler }
    }

    fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// `task` comes from [`into_raw`](Self::into_raw) with the same `S`, once.
    unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Runnable(task, PhantomData)
    }
}

impl<S: Scheduler> Drop for Runnable<S> {
    fn drop(&mut self) {
        // SAFETY: as in `run`; `start` makes us `RUNNING`, which is what `cancel` asks for.
        unsafe {
            let header = self.0.as_ref();
            header.state.start();
            (header.table.cancel)(self.0);
        }
    }
}

impl<S: Scheduler> TaskRef<S> {
    /// Drops the future on this thread unless the task is queued or running, where the next to hold it
    /// drops it instead of polling.
    pub(crate) fn cancel_now(&self) {
        // SAFETY: our reference keeps the task alive; `cancel_and_start` gave us `RUNNING` and a reference.
        unsafe {
            let header = self.0.as_ref();
            if header.state.cancel_and_start() {
                (header.table.cancel)(self.0);
            }
        }
    }
}

impl<S: Scheduler> Drop for TaskRef<S> {
    fn drop(&mut self) {
        // SAFETY: gives our own reference back.
        unsafe { drop_ref(self.0) }
    }
}

impl<T> Join<T> {
    /// The output, when it is there.
    ///
    /// # Panics
    /// When the output was taken before.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        // SAFETY: our reference keeps the task alive.
        let header = unsafe { self.0.as_ref() };
        if !header.state.is_completed() && self.wait(header, cx.waker()) {
            return Poll::Pending;
        }
        let mut output: Option<Result<T, JoinError>> = None;
        let mut place = std::mem::MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: the task has completed and a join handle exists, so the output is ours; the handle
        // was made together with a future of this output type. `take` says whether it wrote.
        unsafe {
            if (header.table.take)(self.0, place.as_mut_ptr().cast()) {
                output = Some(place.assume_init());
            }
        }
        Poll::Ready(output.expect("a join handle is not polled after it gave its output"))
    }

    /// Whether the task has come to its end.
    pub(crate) fn is_completed(&self) -> bool {
        // SAFETY: our reference keeps the task alive.
        unsafe { self.0.as_ref() }.state.is_completed()
    }

    /// Asks for cancellation.
    pub(crate) fn abort(&self) {
        // SAFETY: our reference keeps the task alive.
        unsafe { (self.0.as_ref().table.abort)(self.0) }
    }

    /// Leaves the waker for the task's end. `false`: it has completed.
    fn wait(&self, header: &Header, waker: &Waker) -> bool {
        if header.state.is_waiting() {
            // SAFETY: while WAITING is set the slot is only read, by us and by the one who completes.
            let same = unsafe { &*header.waiter.get() }.as_ref().is_some_and(|w| w.will_wake(waker));
            if same {
                return true;
            }
            if !header.state.end_waiting() {
                return false;
            }
        }
        // SAFETY: while WAITING is clear and a join handle exists the slot is the handle's alone, and
        // `&self` is not shared here: `poll` has `&mut self`. The old waker is dropped last.
        let old = unsafe { (*header.waiter.get()).replace(waker.clone()) };
        let waiting = header.state.begin_waiting();
        drop(old);
        waiting
    }
}

impl<T> Drop for Join<T> {
    fn drop(&mut self) {
        // SAFETY: our reference keeps the task alive until `drop_ref`; `drop_join` says whether the
        // output and the waker slot are ours.
        unsafe {
            let header = self.0.as_ref();
            let (output, waiter) = header.state.drop_join();
            if output {
                (header.table.discard)(self.0);
            }
            if waiter {
                drop((*header.waiter.get()).take());
            }
            drop_ref(self.0);
        }
    }
}

/// # Safety
/// Uses up one reference that the caller holds.
unsafe fn drop_ref(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the task alive until `drop_ref`; the last one frees it.
    unsafe {
        if task.as_ref().state.drop_ref() {
            (task.as_ref().table.free)(task);
        }
    }
}

impl<F, S> Body<F, S>
where
    F: Future + Send + 'static,
    F::Output: Send,
    S: Scheduler,
{
    const TABLE: Table = Table {
        run: Self::run,
        cancel: Self::cancel,
        abort: Self::abort,
        take: Self::take,
        discard: Self::discard,
        free: Self::free,
    };

    fn allocate(future: F, scheduler: S, join: bool) -> NonNull<Header> {
        let body = Box::new(Body {
            prefix: Prefix {
                header: Header {
                    state: State::new(join),
                    link: UnsafeCell::new(ptr::null_mut()),
                    table: &Self::TABLE,
                    waiter: UnsafeCell::new(None),
                },
                scheduler,
            },
            stage: UnsafeCell::new(Stage::Future(future)),
        });
        // SAFETY: a box is never null.
        unsafe { NonNull::new_unchecked(Box::into_raw(body)) }.cast()
    }

    unsafe fn run(task: NonNull<Header>) {
        // SAFETY: the caller hands over the runnable: a live reference to a `Body<F, S>`. `start` makes us
        // RUNNING, so the stage is ours until `suspend` or `complete`. The future is pinned in the box:
        // it is dropped in place before the box is freed. The waker borrows our reference.
        unsafe {
            let body = task.cast::<Self>().as_ptr();
            let state = &(*body).prefix.header.state;
            if state.start() {
                return Self::cancel(task);
            }
            let waker = ManuallyDrop::new(Waker::from_raw(raw_waker::<S>(task)));
            let polled = catch_unwind(AssertUnwindSafe(|| {
                let Stage::Future(future) = &mut *(*body).stage.get() else { unreachable!() };
                Pin::new_unchecked(future).poll(&mut Context::from_waker(&waker))
            }));
            match polled {
                Ok(Poll::Pending) => match state.suspend() {
                    Suspended::Idle => {}
                    Suspended::Free => Self::free(task),
                    Suspended::Again => S::schedule(Runnable::from_raw(task)),
                    Suspended::Cancelled => Self::cancel(task),
                },
                Ok(Poll::Ready(output)) => Self::complete(task, Ok(output)),
                Err(panic) => Self::complete(task, Err(JoinError::panicked(panic))),
            }
        }
    }

    unsafe fn cancel(task: NonNull<Header>) {
        // SAFETY: the caller is RUNNING and gives us a reference.
        unsafe { Self::complete(task, Err(JoinError::cancelled())) }
    }

    /// Drops the future, leaves the output and tells those who wait.
    unsafe fn complete(task: NonNull<Header>, mut output: Result<F::Output, JoinError>) {
        // SAFETY: the caller is RUNNING and gives us a reference, so the stage is ours until
        // `state.complete()`; then it is, unless a join handle exists. The assignment drops in place, and
        // writes the new stage even when the drop unwinds.
        unsafe {
            let body = task.cast::<Self>().as_ptr();
            let stage = (*body).stage.get();
            if let Err(panic) = quietly(|| *stage = Stage::Gone) {
                // The future panicked while it was dropped; that counts unless it had panicked before.
                if !matches!(&output, Err(e) if e.is_panic()) {
                    output = Err(JoinError::panicked(panic));
                }
            }
            *stage = Stage::Output(output);
            let header = &(*body).prefix.header;
            let (join, waiting) = header.state.complete();
            if !join {
                Self::discard(task);
            } else if waiting {
                if let Some(waker) = &*header.waiter.get() {
                    let _ = quietly(|| waker.wake_by_ref());
                }
            }
            (*body).prefix.scheduler.completed();
            drop_ref(task);
        }
    }

    unsafe fn abort(task: NonNull<Header>) {
        // SAFETY: the caller's reference keeps the task alive; `cancel` added one for the runnable.
        unsafe {
            if task.as_ref().state.cancel() {
                S::schedule(Runnable::from_raw(task));
            }
        }
    }

    unsafe fn take(task: NonNull<Header>, place: *mut ()) -> bool {
        // SAFETY: the caller owns the stage after completion and says where a `Result<T, JoinError>` goes.
        unsafe {
            let stage = (*task.cast::<Self>().as_ptr()).stage.get();
            match ptr::replace(stage, Stage::Gone) {
                Stage::Output(output) => {
                    place.cast::<Result<F::Output, JoinError>>().write(output);
                    true
                }
                _ => false,
            }
        }
    }

    unsafe fn discard(task: NonNull<Header>) {
        // SAFETY: the caller owns the stage after completion.
        let stage = unsafe { (*task.cast::<Self>().as_ptr()).stage.get() };
        // SAFETY: as above.
        let _ = quietly(|| unsafe { *stage = Stage::Gone });
    }

    unsafe fn free(task: NonNull<Header>) {
        // SAFETY: there are no references; it was made by `Box::into_raw` as a `Body<F, S>`.
        let body = unsafe { Box::from_raw(task.cast::<Self>().as_ptr()) };
        let _ = quietly(|| drop(body));
    }
}

/// Runs foreign code that must not take the worker down.
fn quietly(f: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(f))
}

/// The functions behind the wakers of tasks with this scheduler.
pub(crate) struct WakerTable<S>(RawWakerVTable, PhantomData<fn(S)>);

impl<S: Scheduler> WakerTable<S> {
    pub(crate) const fn new() -> Self {
        let table = RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);
        WakerTable(table, PhantomData)
    }

    unsafe fn clone(data: *const ()) -> RawWaker {
        let task = header(data);
        // SAFETY: the waker that is cloned holds a reference.
        unsafe { task.as_ref() }.state.add_ref();
        raw_waker::<S>(task)
    }

    unsafe fn wake(data: *const ()) {
        let task = header(data);
        // SAFETY: the waker holds a reference and hands it over; `state.wake` says what became of it.
        unsafe {
            match task.as_ref().state.wake() {
                Woken::Schedule => S::schedule(Runnable::from_raw(task)),
                Woken::Done => {}
                Woken::Free => (task.as_ref().table.free)(task),
            }
        }
    }

    unsafe fn wake_by_ref(data: *const ()) {
        let task = header(data);
        // SAFETY: the waker holds a reference; `wake_by_ref` added one for the runnable.
        unsafe {
            if task.as_ref().state.wake_by_ref() {
                S::schedule(Runnable::from_raw(task));
            }
        }
    }

    unsafe fn drop(data: *const ()) {
        // SAFETY: the waker gives its reference back.
        unsafe { drop_ref(header(data)) }
    }
}

/// Whether a waker is that of a task with this scheduler.
#[inline]
pub(crate) fn is_task<S: Scheduler>(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &S::wakers().0)
}

fn raw_waker<S: Scheduler>(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &S::wakers().0)
}

fn header(data: *const ()) -> NonNull<Header> {
    NonNull::new(data.cast_mut().cast()).expect("a waker's data is a task")
}
