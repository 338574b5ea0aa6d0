//! The native runtime of avx: tasks, sockets and timers on one event loop per worker.
//!
//! ```
//! use runtime_avx::net::{TcpListener, TcpStream};
//! use runtime_avx::{Handle, Runtime};
//!
//! let runtime = Runtime::new()?;
//! runtime.block_on(async {
//!     let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//!     let addr = listener.local_addr()?;
//!     let server = Handle::current().spawn(async move {
//!         let (mut stream, _) = listener.accept().await?;
//!         stream.write_all(b"hello").await
//!     });
//!     let mut client = TcpStream::connect(addr).await?;
//!     let mut buf = [0; 5];
//!     client.read_exact(&mut buf).await?;
//!     assert_eq!(&buf, b"hello");
//!     server.await.unwrap()
//! })
//! # ; Ok::<(), std::io::Error>(())
//! ```
//!
//! # A tour
//!
//! A [`Runtime`] owns worker threads, or none: then [`Runtime::block_on`] drives everything on the thread
//! that calls it. A [`Handle`] names it, spawns tasks and is cheap to clone. There is no global and no
//! hidden thread: a program may have several runtimes, and dropping one ends its threads, drops its
//! futures and closes its descriptors.
//!
//! - Tasks: [`Handle::spawn`] (any worker), [`Handle::spawn_local`] (this worker, for good),
//!   [`Handle::spawn_on_each`] (each worker), [`JoinHandle`].
//! - Time: [`sleep`], [`Sleep::reset`], [`timeout`](fn@timeout), [`interval`](fn@interval).
//! - Sockets: [`net`]. Signals: [`signal`]. Work that blocks: [`Handle::unblock`].
//! - With the feature `http` (on by default), [`Handle`] is a runtime for avx-http.
//! - With the feature `hyper`, programs of hyper run here (`examples/hyper.rs`): the streams of [`net`] are its `Read`
//!   and `Write`, and a [`Handle`] is its `Timer` and its `Executor`.
//!
//! # The loop of a worker
//!
//! ```text
//!        +---------------------------------------------------------------+
//!        |                                                               |
//!        v                                                               |
//!   run tasks  ---- none left, or 128 have run ---->  ask the kernel     |
//!     local list       pinned tasks, a plain list       no task: sleep until an event, a timer or a call
//!     ring             tasks that thieves may take      else: only look
//!     inbox            pinned tasks woken elsewhere         |
//!     common queue     tasks woken outside                  v
//!     other rings      stolen, one half             read the clock, once
//!        ^                                                  |
//!        |                                                  v
//!        +--- wake: push to the local list <---  for each event: its source, its task
//!                                                           |
//!                                                fire timers that are due, free what others dropped
//! ```
//!
//! What makes it quick is what does not happen:
//!
//! - Sources, timers and the local list belong to one thread: no lock, no atomic operation. From an event
//!   to the poll of its task only the task's own state word is exchanged.
//! - A read or write is tried first. Its socket is registered when it would block for the first time, once,
//!   for both directions and for edges. A read that gives less than it had room for says that there is no
//!   more, so the next one waits without asking. Hence one request and its answer on a connection that is
//!   kept alive are one read and one write, and events come many at a time.
//! - A wake on the task's own worker is a push to a list. From elsewhere it is a push to the worker's
//!   inbox, and one more system call only if the worker sleeps.
//! - A timer that is pushed back again and again is only moved when its first deadline comes.
//!
//! # Fairness
//!
//! The kernel is asked at least every 128 polls. A task that finds its sockets ready is sent to the back of
//! the queue after 128 calls. Of every four tasks one may come from the ring although there are pinned ones;
//! inbox and common queue are looked at every 64 tasks. A task that computes without awaiting holds its
//! worker up, and the pinned tasks there with it: [`yield_now()`], or [`Handle::unblock`].
//!
//! # What it costs
//!
//! On 64-bit Linux, in bytes: a task 64 and its future, in one allocation, and 16 in a list; a socket 24
//! and, once registered, 48; a timer 32 and, once polled, 56. Time is measured by `examples/fixed.rs`.
//!
//! # What it does not do
//!
//! Files (use [`Handle::unblock`]), UDP, processes. It uses epoll on Linux and poll(2) on other Unix systems.
#![cfg(unix)]

mod blocking;
mod builder;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "hyper")]
mod hyper;
pub mod net;
mod reactor;
mod runtime;
mod scheduler;
pub mod signal;
mod slab;
mod sys;
mod task;
mod timer;
mod yield_now;

pub use blocking::Unblock;
pub use builder::{Backend, Builder};
pub use runtime::{Handle, Runtime};
pub use task::{JoinError, JoinHandle};
pub use timer::{Elapsed, Interval, MissedTick, Sleep, interval, sleep, sleep_until, timeout, timeout_at};
pub use yield_now::yield_now;

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn what_the_front_page_says_about_memory_is_true() {
        assert_eq!(scheduler::TASK_SIZE, 64);
        assert_eq!((size_of::<net::TcpStream>(), reactor::SOURCE_SIZE), (24, 48));
        assert_eq!((size_of::<Sleep>(), timer::ENTRY_SIZE), (32, 56));
    }
}
