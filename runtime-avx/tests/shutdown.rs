//! The end of a runtime: nothing is left, wherever it was.
#![cfg(not(miri))]

mod common;

use std::future::pending;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use common::{Drops, any_port, descriptors, signal, tcp_pair};
use runtime_avx::net::TcpListener;
use runtime_avx::{Backend, Builder, Handle, Runtime, sleep, yield_now};

/// Tests here count descriptors, so one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|e| e.into_inner())
}

fn each(mut test: impl FnMut(Runtime)) {
    let _alone = alone();
    for backend in [Backend::Native, Backend::Poll] {
        for workers in 0..3 {
            let before = descriptors();
            test(Builder::new().workers(workers).backend(backend).build().unwrap());
            assert_eq!(descriptors(), before, "{backend:?} with {workers} workers");
        }
    }
}

#[test]
fn all_tasks_are_dropped_wherever_they_wait() {
    each(|runtime| {
        let drops = Drops::default();
        let handle = runtime.handle().clone();
        let spawn = |n: usize| {
            let token = drops.token();
            let future = async move {
                let _token = token;
                match n % 5 {
                    0 => pending::<()>().await,
                    1 => sleep(Duration::from_secs(3600)).await,
                    2 => drop(TcpListener::bind(any_port()).unwrap().accept().await),
                    3 => handle_unblock().await,
                    _ => loop {
                        yield_now().await;
                    },
                }
            };
            if n % 2 == 0 { handle.spawn_local_detached(future) } else { handle.spawn_detached(future) }
        };
        (0..100).for_each(spawn);
        runtime.block_on(async {
            for _ in 0..20 {
                yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(drops.count(), 100);
        // Afterwards, too.
        spawn(0);
        spawn(1);
        assert_eq!(drops.count(), 102);
        drop(handle);
    });
}

async fn handle_unblock() {
    Handle::current().unblock(|| ()).await;
    pending::<()>().await;
}

#[test]
fn futures_are_dropped_within_their_runtime() {
    struct OnDrop(Handle, mpsc::Sender<bool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            let _ = self.1.send(Handle::try_current().is_some());
            // What is spawned now never begins.
            self.0.spawn_detached(async { unreachable!() });
        }
    }
    each(|runtime| {
        let (sender, receiver) = mpsc::channel();
        for join in runtime.handle().spawn_on_each(|_| {
            let on_drop = OnDrop(runtime.handle().clone(), sender.clone());
            async move {
                let _on_drop = on_drop;
                pending::<()>().await;
            }
        }) {
            drop(join);
        }
        let workers = runtime.handle().workers();
        drop((runtime, sender));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), vec![true; workers]);
    });
}

#[test]
fn a_join_handle_that_outlives_its_runtime_says_cancelled() {
    each(|runtime| {
        let other = Builder::current_thread().build().unwrap();
        let join = runtime.spawn(pending::<()>());
        drop(runtime);
        assert!(other.block_on(join).unwrap_err().is_cancelled());
    });
}

#[test]
fn tasks_that_hold_each_others_handles_are_dropped() {
    each(|runtime| {
        let drops = Drops::default();
        let (token, inner_token) = (drops.token(), drops.token());
        let inner = runtime.spawn(async move {
            let _token = inner_token;
            pending::<()>().await;
        });
        let outer = runtime.spawn(async move {
            let _token = token;
            let _ = inner.await;
        });
        runtime.block_on(yield_now());
        drop(outer);
        drop(runtime);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn streams_that_outlive_their_runtime_go_on_in_another() {
    each(|runtime| {
        let mut one = runtime.block_on(async { tcp_pair().await.unwrap() });
        let join = runtime.handle().spawn_local(async move {
            // Registered with the worker that is about to end.
            let mut buf = [0; 8];
            let late = runtime_avx::timeout(Duration::from_millis(1), one.0.read(&mut buf)).await;
            assert!(late.is_err());
            one
        });
        let (mut client, mut server) = runtime.block_on(join).unwrap();
        drop(runtime);
        let other = Builder::new().workers(1).build().unwrap();
        other.block_on(async {
            server.write_all(b"still").await.unwrap();
            let mut buf = [0; 8];
            assert_eq!(client.read(&mut buf).await.unwrap(), 5);
        });
        drop((client, server));
        drop(other);
    });
}

#[test]
fn blocking_work_that_has_begun_is_waited_for_and_other_is_dropped() {
    let _alone = alone();
    let runtime = Builder::new().workers(1).blocking_threads(1).build().unwrap();
    let drops = Drops::default();
    let (started, wait) = signal();
    let (release, held) = mpsc::channel::<()>();
    let (first, second) = (drops.token(), drops.token());
    let _begun = runtime.handle().unblock(move || {
        started.send(()).unwrap();
        held.recv().unwrap();
        drop(first);
    });
    let waiting = runtime.handle().unblock(move || drop(second));
    wait();
    thread::scope(|scope| {
        scope.spawn(move || drop(runtime));
        release.send(()).unwrap();
    });
    assert_eq!(drops.count(), 2);
    drop(waiting);
}
