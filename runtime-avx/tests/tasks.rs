//! Spawning, joining, aborting, blocking work, and where tasks run.
#![cfg(not(miri))]

mod common;

use std::collections::BTreeSet;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{Drops, in_each_runtime, on_each_runtime, signal};
use runtime_avx::{Backend, Builder, Handle, Runtime, sleep, yield_now};

#[test]
fn block_on_gives_the_output_and_may_borrow() {
    on_each_runtime(|runtime| {
        let text = String::from("borrowed");
        assert_eq!(runtime.block_on(async { text.len() }), 8);
        assert_eq!(
            runtime.block_on(async {
                yield_now().await;
                text.as_str()
            }),
            "borrowed"
        );
    });
}

#[test]
fn a_spawned_task_gives_its_output_to_whoever_joins_it() {
    in_each_runtime(|| async {
        let handle = Handle::current();
        let outer = handle.spawn(async move {
            let inner = Handle::current().spawn(async { 20 });
            inner.await.unwrap() + 1
        });
        let local = handle.spawn_local(async { 21 });
        assert_eq!(outer.await.unwrap() + local.await.unwrap(), 42);
    });
}

#[test]
fn a_panicking_task_takes_no_worker_down() {
    on_each_runtime(|runtime| {
        for _ in 0..4 {
            let joins = runtime.handle().spawn_on_each(|_| async { panic!("on purpose") });
            for join in joins {
                assert!(runtime.block_on(join).unwrap_err().is_panic());
            }
        }
        assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    });
}

#[test]
fn a_panic_of_the_root_future_leaves_the_runtime_usable() {
    on_each_runtime(|runtime| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async { panic!("on purpose") })
        }));
        assert!(result.is_err());
        assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    });
}

#[test]
fn an_aborted_task_is_dropped_and_says_so() {
    in_each_runtime(|| async {
        let drops = Drops::default();
        for local in [true, false] {
            let token = drops.token();
            let future = async move {
                let _token = token;
                pending::<()>().await;
            };
            let handle = Handle::current();
            let join = if local { handle.spawn_local(future) } else { handle.spawn(future) };
            yield_now().await;
            join.abort();
            assert!(join.await.unwrap_err().is_cancelled());
        }
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn a_dropped_handle_lets_the_task_run_on() {
    on_each_runtime(|runtime| {
        let (done, wait) = signal();
        drop(runtime.spawn(async move {
            yield_now().await;
            done.send(()).unwrap();
        }));
        // Without worker threads somebody has to drive it.
        runtime.block_on(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        wait();
    });
}

#[test]
fn each_worker_gets_its_task_and_keeps_it() {
    on_each_runtime(|runtime| {
        let joins = runtime.handle().spawn_on_each(|n| async move {
            let mut seen = BTreeSet::new();
            for _ in 0..100 {
                yield_now().await;
                seen.insert(Handle::current().worker());
            }
            // What it spawns locally stays, too.
            seen.insert(Handle::current().spawn_local(async { Handle::current().worker() }).await.unwrap());
            (n, seen)
        });
        assert_eq!(joins.len(), runtime.handle().workers());
        for join in joins {
            let (n, seen) = runtime.block_on(join).unwrap();
            assert_eq!(seen, BTreeSet::from([Some(n)]));
        }
    });
}

#[test]
fn tasks_queued_behind_a_busy_one_are_stolen() {
    for backend in [Backend::Native, Backend::Poll] {
        let runtime = Builder::new().workers(2).backend(backend).build().unwrap();
        // Each of the two waits for the other to run at the same time: one must be stolen.
        let barrier = Arc::new(Barrier::new(2));
        let spawner = runtime.spawn(async move {
            let handle = Handle::current();
            let other = barrier.clone();
            let stolen = handle.spawn(async move { other.wait().is_leader() });
            barrier.wait();
            stolen.await
        });
        runtime.block_on(spawner).unwrap().unwrap();
    }
}

#[test]
fn a_crowd_of_tasks_is_run_to_the_end_by_all_workers() {
    on_each_runtime(|runtime| {
        let count = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            let spawn = |n: usize| {
                let count = count.clone();
                Handle::current().spawn(async move {
                    for _ in 0..n % 7 {
                        yield_now().await;
                    }
                    count.fetch_add(1, SeqCst);
                })
            };
            // More than a queue holds.
            let joins: Vec<_> = (0..3000).map(spawn).collect();
            for join in joins {
                join.await.unwrap();
            }
        });
        assert_eq!(count.load(SeqCst), 3000);
    });
}

#[test]
fn tasks_woken_by_plain_threads_run_on() {
    on_each_runtime(|runtime| {
        const WAKES: usize = 500;
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let arrived = Arc::new(AtomicUsize::new(0));
        let wait = |pinned: bool| {
            let (waker, arrived) = (waker.clone(), arrived.clone());
            let future = poll_fn(move |cx| {
                *waker.lock().unwrap() = Some(cx.waker().clone());
                if arrived.load(SeqCst) == WAKES { Poll::Ready(()) } else { Poll::Pending }
            });
            if pinned { runtime.handle().spawn_local(future) } else { runtime.spawn(future) }
        };
        for pinned in [true, false] {
            arrived.store(0, SeqCst);
            let join = wait(pinned);
            thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..WAKES {
                        arrived.fetch_add(1, SeqCst);
                        if let Some(waker) = waker.lock().unwrap().take() {
                            waker.wake();
                        }
                    }
                });
                runtime.block_on(join).unwrap();
            });
        }
    });
}

#[test]
fn the_root_future_is_woken_by_a_plain_thread() {
    on_each_runtime(|runtime| {
        let place = Arc::new(Mutex::new((false, None::<Waker>)));
        let other = place.clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                loop {
                    let mut place = other.lock().unwrap();
                    if let Some(waker) = place.1.take() {
                        place.0 = true;
                        return waker.wake();
                    }
                    drop(place);
                    thread::yield_now();
                }
            });
            runtime.block_on(poll_fn(|cx| {
                let mut place = place.lock().unwrap();
                place.1 = Some(cx.waker().clone());
                if place.0 { Poll::Ready(()) } else { Poll::Pending }
            }));
        });
    });
}

#[test]
fn a_task_that_yields_for_ever_leaves_room_for_others() {
    on_each_runtime(|runtime| {
        let spin = || async {
            loop {
                yield_now().await;
            }
        };
        let pinned = runtime.handle().spawn_on_each(|_| spin());
        let free = runtime.spawn(spin());
        runtime.block_on(async {
            let handle = Handle::current();
            handle.spawn(async {}).await.unwrap();
            handle.spawn_local(async {}).await.unwrap();
            handle.spawn(sleep(Duration::from_millis(1))).await.unwrap();
            handle.unblock(|| ()).await;
        });
        pinned.iter().for_each(|join| join.abort());
        free.abort();
    });
}

#[test]
fn blocking_work_runs_beside_the_workers_and_within_its_bound() {
    on_each_runtime(|runtime| {
        assert_eq!(runtime.block_on(runtime.handle().unblock(|| 7)), 7);
        let here = thread::current().id();
        assert_ne!(runtime.block_on(runtime.handle().unblock(|| thread::current().id())), here);
    });
    let runtime = Builder::new().workers(1).blocking_threads(2).build().unwrap();
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..50)
        .map(|_| {
            let (running, most) = (running.clone(), most.clone());
            runtime.handle().unblock(move || {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::yield_now();
                running.fetch_sub(1, SeqCst);
            })
        })
        .collect();
    runtime.block_on(async {
        for job in jobs {
            job.await;
        }
    });
    assert!((1..=2).contains(&most.load(SeqCst)));
}

#[test]
fn a_panic_of_blocking_work_reaches_whoever_awaits_it() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let join = runtime.spawn(async move { handle.unblock(|| panic!("on purpose")).await });
    let e = runtime.block_on(join).unwrap_err();
    assert!(e.to_string().contains("on purpose"));
}

#[test]
fn block_on_within_a_runtime_is_refused() {
    let runtime = Arc::new(Builder::current_thread().build().unwrap());
    let inner = runtime.clone();
    let join = runtime.spawn(async move { inner.block_on(async {}) });
    assert!(runtime.block_on(join).unwrap_err().is_panic());
}

#[test]
fn two_runtimes_live_side_by_side_and_tasks_of_one_join_those_of_the_other() {
    let one = Builder::new().workers(1).build().unwrap();
    let other = Builder::new().workers(1).backend(Backend::Poll).build().unwrap();
    let handle = other.handle().clone();
    let join = one.spawn(async move {
        let there = handle.clone().spawn_local(async { Handle::current().worker() });
        assert_eq!(handle.worker(), None, "a worker, but of the other runtime");
        there.await.unwrap()
    });
    assert_eq!(one.block_on(join).unwrap(), Some(0));
}

#[test]
fn several_threads_may_block_on_one_runtime() {
    on_each_runtime(|runtime| {
        thread::scope(|scope| {
            for n in 0..4u32 {
                scope.spawn(move || {
                    let join = runtime.spawn(async move {
                        sleep(Duration::from_millis(1)).await;
                        n
                    });
                    assert_eq!(runtime.block_on(join).unwrap(), n);
                });
            }
        });
    });
}

#[test]
fn threads_are_named_after_the_runtime() {
    let runtime = Builder::new().workers(1).name("web").pin_cores(true).build().unwrap();
    let name = || thread::current().name().map(str::to_owned);
    let worker = runtime.spawn(async move { name() });
    assert_eq!(runtime.block_on(worker).unwrap().unwrap(), "web-0");
    assert_eq!(runtime.block_on(runtime.handle().unblock(name)).unwrap(), "web-blocking");
}

#[test]
fn the_time_stands_still_during_a_turn() {
    in_each_runtime(|| async {
        let handle = Handle::current();
        let before = handle.now();
        let mut real = std::time::Instant::now();
        while real <= before {
            real = std::time::Instant::now();
        }
        assert_eq!(handle.now(), before);
        sleep(Duration::from_millis(1)).await;
        assert!(handle.now() > before);
    });
}

#[test]
fn polling_a_join_handle_with_another_waker_wakes_the_last() {
    in_each_runtime(|| async {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let handle = Handle::current();
        let mut join = pin!(handle.unblock(move || receiver.recv()));
        // Polled once with a waker that does nothing, then with ours.
        assert!(join.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())).is_pending());
        let task = handle.spawn(pending::<()>());
        let mut task = pin!(task);
        assert!(task.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())).is_pending());
        task.abort();
        assert!(task.await.is_err());
        sender.send(()).unwrap();
        join.await.unwrap();
    });
}
