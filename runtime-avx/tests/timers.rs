//! Timers on real runtimes. The wheel itself is tested in its own module, without a clock.
#![cfg(not(miri))]

mod common;

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use common::{in_each_runtime, on_each_runtime};
use runtime_avx::{
    Builder, Handle, MissedTick, interval, sleep, sleep_until, timeout, timeout_at, yield_now,
};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_timer_is_never_early() {
    in_each_runtime(|| async {
        for ms in [0, 1, 2, 5] {
            let start = Instant::now();
            sleep(ms * MS).await;
            assert!(start.elapsed() >= ms * MS);
        }
        let past = Instant::now() - MS;
        sleep_until(past).await;
    });
}

#[test]
fn timers_complete_in_the_order_of_their_deadlines() {
    on_each_runtime(|runtime| {
        let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        runtime.block_on(async {
            let start = Instant::now();
            let handle = Handle::current();
            let joins: Vec<_> = [9u32, 3, 6, 0]
                .into_iter()
                .map(|n| {
                    let order = order.clone();
                    handle.spawn_local(async move {
                        sleep_until(start + n * 2 * MS).await;
                        order.lock().unwrap().push((Instant::now(), n));
                    })
                })
                .collect();
            for join in joins {
                join.await.unwrap();
            }
            for &(at, n) in order.lock().unwrap().iter() {
                assert!(at >= start + n * 2 * MS);
            }
        });
    });
}

#[test]
fn a_timer_moved_later_completes_later() {
    in_each_runtime(|| async {
        let start = Instant::now();
        let mut timer = sleep(MS);
        for n in 1..=10 {
            timer.reset(start + n * MS);
            poll_once(&mut timer).await;
        }
        timer.await;
        assert!(start.elapsed() >= 10 * MS);
    });
}

#[test]
fn a_timer_moved_earlier_completes_earlier() {
    in_each_runtime(|| async {
        let mut timer = sleep(Duration::from_secs(3600));
        assert!(!poll_once(&mut timer).await);
        timer.reset(Instant::now() + MS);
        timer.await;
    });
}

#[test]
fn a_timer_reset_by_its_task_wakes_it_without_another_poll() {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            let mut timer = sleep(Duration::from_secs(3600));
            std::future::poll_fn(|cx| {
                if timer.is_elapsed() {
                    return std::task::Poll::Ready(());
                }
                if timer.deadline() > Instant::now() + Duration::from_secs(60) {
                    assert!(Pin::new(&mut timer).poll(cx).is_pending());
                    timer.reset(Instant::now() + MS);
                }
                std::task::Poll::Pending
            })
            .await;
        });
    });
}

#[test]
fn a_timer_that_has_completed_can_be_armed_again() {
    in_each_runtime(|| async {
        let mut timer = sleep(MS);
        (&mut timer).await;
        assert!(timer.is_elapsed());
        for _ in 0..3 {
            let start = Instant::now();
            timer.reset(start + MS);
            assert!(!timer.is_elapsed());
            (&mut timer).await;
            assert!(start.elapsed() >= MS);
        }
    });
}

#[test]
fn a_timer_polled_with_another_waker_wakes_the_last() {
    in_each_runtime(|| async {
        let mut timer = sleep(2 * MS);
        assert!(Pin::new(&mut timer).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        timer.await;
    });
}

#[test]
fn a_timer_that_moves_to_another_worker_completes_there() {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.block_on(async {
        let handle = Handle::current();
        let mut timer = sleep(2 * MS);
        assert!(!poll_once(&mut timer).await);
        // Polled, moved and moved back; the entries left behind are given back across threads.
        for _ in 0..3 {
            timer = handle
                .spawn_local(async move {
                    assert!(!poll_once(&mut timer).await || timer.is_elapsed());
                    Some(timer)
                })
                .await
                .unwrap()
                .unwrap();
        }
        timer.reset(Instant::now() + MS);
        handle.spawn_local(timer).await.unwrap();
    });
}

#[test]
fn a_timer_reset_and_dropped_elsewhere_leaves_nothing_behind() {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.block_on(async {
        let handle = Handle::current();
        let mut timers: Vec<_> = (0..100).map(|_| sleep(Duration::from_secs(3600))).collect();
        for timer in &mut timers {
            assert!(!poll_once(timer).await);
        }
        let last = timers.pop().unwrap();
        // Dropped on another worker, and on a thread that is none.
        let half = timers.split_off(50);
        handle.spawn_local(async move { drop(half) }).await.unwrap();
        handle.unblock(move || drop(timers)).await;
        let mut last = handle
            .unblock(move || {
                let mut last = last;
                last.reset(Instant::now() + MS);
                last
            })
            .await;
        (&mut last).await;
    });
}

#[test]
fn many_timers_all_complete() {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            let handle = Handle::current();
            let joins: Vec<_> = (0..2000u32)
                .map(|n| {
                    handle.spawn(async move {
                        // One that completes, one that is given up.
                        let _ = timeout(Duration::from_secs(600), sleep((n % 20) * MS)).await;
                        n
                    })
                })
                .collect();
            let mut sum = 0;
            for join in joins {
                sum += join.await.unwrap();
            }
            assert_eq!(sum, (0..2000).sum());
        });
    });
}

#[test]
fn a_timeout_gives_the_output_or_the_end_of_its_time() {
    in_each_runtime(|| async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1), "what is ready is never late");
        assert!(timeout(MS, pending::<()>()).await.is_err());
        let e = timeout_at(Instant::now(), pending::<()>()).await.unwrap_err();
        assert_eq!(std::io::Error::from(e).kind(), std::io::ErrorKind::TimedOut);
        assert!(timeout(Duration::MAX, yield_now()).await.is_ok());
    });
}

#[test]
fn an_interval_ticks_at_once_and_then_at_its_pace() {
    in_each_runtime(|| async {
        let start = Instant::now();
        let mut interval = interval(2 * MS).missed(MissedTick::Burst);
        let first = interval.tick().await;
        assert!(first <= Instant::now());
        for n in 1..4 {
            assert_eq!(interval.tick().await, first + n * interval.period());
        }
        assert!(start.elapsed() >= 3 * interval.period());
    });
}

#[test]
fn a_far_deadline_does_not_keep_a_near_one_waiting() {
    in_each_runtime(|| async {
        let mut far = sleep(Duration::from_secs(3600));
        assert!(!poll_once(&mut far).await);
        let mut never = sleep(Duration::MAX);
        assert!(!poll_once(&mut never).await);
        sleep(3 * MS).await;
    });
}

/// Whether it is done.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(Pin::new(&mut *future).poll(cx).is_ready())).await
}
