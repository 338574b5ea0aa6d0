//! The end of a runtime whose threads are not waited for, or not for long.
#![cfg(not(miri))]

mod common;

use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;

use common::signal;
use runtime_avx::Builder;

#[test]
fn shutdown_waits_for_its_time_and_no_longer() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let (started, wait) = signal();
    let (release, held) = mpsc::channel::<()>();
    let (ended, wait_ended) = signal();
    runtime.handle().spawn_detached(async move {
        started.send(()).unwrap();
        let _ = held.recv();
        ended.send(()).unwrap();
    });
    wait();
    assert!(!runtime.shutdown_timeout(Duration::from_millis(1)), "a task was still at it");
    release.send(()).unwrap();
    wait_ended();

    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.spawn(pending::<()>());
    assert!(runtime.shutdown_timeout(Duration::from_secs(10)));
}

#[test]
fn a_runtime_may_be_dropped_by_one_of_its_tasks() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let handle = runtime.handle().clone();
    let (done, wait) = signal();
    handle.spawn_detached(async move {
        drop(runtime);
        done.send(()).unwrap();
    });
    wait();
}
