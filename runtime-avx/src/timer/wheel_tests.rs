use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn fire(wheel: &mut Wheel, now: u64) -> usize {
    std::iter::from_fn(|| wheel.expire(now)).map(Waker::wake).count()
}

#[test]
fn a_timer_fires_at_its_tick_and_not_before() {
    for deadline in [1, 63, 64, 65, 4095, 4096, 4097, 1 << 40] {
        let mut wheel = Wheel::new();
        let key = wheel.insert(deadline, Waker::noop().clone());
        assert_eq!(fire(&mut wheel, deadline - 1), 0, "{deadline}");
        assert!(!wheel.has_fired(key));
        assert_eq!(fire(&mut wheel, deadline), 1, "{deadline}");
        assert!(wheel.has_fired(key));
        assert_eq!(wheel.next_expiry(), None);
    }
}

#[test]
fn a_timer_in_the_past_fires_at_once() {
    let mut wheel = Wheel::new();
    assert_eq!(fire(&mut wheel, 1000), 0);
    wheel.insert(10, Waker::noop().clone());
    assert_eq!(wheel.next_expiry(), Some(1000));
    assert_eq!(fire(&mut wheel, 1000), 1);
}

#[test]
fn a_timer_at_the_end_of_time_waits() {
    let mut wheel = Wheel::new();
    wheel.insert(u64::MAX, Waker::noop().clone());
    assert_eq!(fire(&mut wheel, FARTHEST - 1), 0);
    assert_eq!(fire(&mut wheel, u64::MAX), 1);
}

#[test]
fn a_timer_moved_later_stays_where_it_is_until_its_slot_comes_up() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(100, Waker::noop().clone());
    let before = wheel.next_expiry();
    for deadline in 101..1000 {
        wheel.reset(key, deadline);
        assert_eq!(wheel.next_expiry(), before);
    }
    assert_eq!(fire(&mut wheel, 998), 0);
    assert_eq!(fire(&mut wheel, 999), 1);
}

#[test]
fn a_timer_that_fired_can_be_armed_again() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(5, Waker::noop().clone());
    assert_eq!(fire(&mut wheel, 5), 1);
    wheel.reset(key, 9);
    assert!(wheel.set_waker(key, Waker::noop().clone()).is_none());
    assert_eq!(fire(&mut wheel, 9), 1);
}

#[test]
fn ten_thousand_timers_in_one_slot_leave_in_any_order() {
    let mut wheel = Wheel::new();
    let keys: Vec<_> =
        (0..if cfg!(miri) { 100 } else { 10_000 }).map(|_| wheel.insert(70, Waker::noop().clone())).collect();
    for key in keys.iter().step_by(2) {
        assert!(wheel.cancel(*key).is_some());
        assert!(wheel.cancel(*key).is_none());
    }
    assert_eq!(fire(&mut wheel, 70), keys.len() / 2);
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u64),
    Cancel(usize),
    Reset(usize, u64),
    Advance(u64),
}

fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![0..3u64, 0..70u64, 0..5000u64, 0..300_000u64, 0..1u64 << 50]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => distance().prop_map(Op::Insert),
        1 => any::<usize>().prop_map(Op::Cancel),
        3 => (any::<usize>(), distance()).prop_map(|(i, d)| Op::Reset(i, d)),
        3 => distance().prop_map(|d| Op::Advance(d.min(1 << 30))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 300 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Against a sorted map: the same timers fire with each step, and `next_expiry` is never late.
    #[test]
    fn the_wheel_fires_what_a_sorted_map_would(ops in proptest::collection::vec(op(), 1..if cfg!(miri) { 12 } else { 200 })) {
        let mut wheel = Wheel::new();
        let mut now = 0u64;
        // Number of the timer -> its deadline; fired ones are gone from `oracle` but keep their key.
        let mut oracle: BTreeMap<usize, u64> = BTreeMap::new();
        let mut keys: Vec<(Key, Arc<Count>)> = Vec::new();
        let mut expected: Vec<usize> = Vec::new();
        let mut cancelled: Vec<bool> = Vec::new();
        for op in ops {
            match op {
                Op::Insert(d) => {
                    let count = Arc::new(Count::default());
                    let key = wheel.insert(now + d, Waker::from(count.clone()));
                    oracle.insert(keys.len(), (now + d).min(FARTHEST));
                    keys.push((key, count));
                    expected.push(0);
                    cancelled.push(false);
                }
                Op::Cancel(i) if !keys.is_empty() => {
                    let i = i % keys.len();
                    wheel.cancel(keys[i].0);
                    oracle.remove(&i);
                    cancelled[i] = true;
                }
                Op::Reset(i, d) if !keys.is_empty() => {
                    let i = i % keys.len();
                    if !cancelled[i] {
                        wheel.reset(keys[i].0, now + d);
                        wheel.set_waker(keys[i].0, Waker::from(keys[i].1.clone()));
                        oracle.insert(i, (now + d).min(FARTHEST));
                    }
                }
                Op::Advance(d) => {
                    now += d;
                    fire(&mut wheel, now);
                    oracle.retain(|&i, deadline| {
                        let due = *deadline <= now;
                        expected[i] += usize::from(due);
                        !due
                    });
                }
                _ => {}
            }
            let counts: Vec<_> = keys.iter().map(|(_, c)| c.0.load(Relaxed)).collect();
            prop_assert_eq!(&counts, &expected);
            let earliest = oracle.values().min();
            match (wheel.next_expiry(), earliest) {
                (None, None) => {}
                (Some(at), Some(&deadline)) => prop_assert!(at <= deadline.max(now)),
                (at, deadline) => prop_assert!(false, "{:?} {:?}", at, deadline),
            }
        }
    }
}
