//! Tasks with a scheduler that is a queue in the test's hands. All of this runs under Miri.

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::*;

const ROUNDS: usize = if cfg!(miri) { 10 } else { 2000 };

/// What happened to the tasks of one test, and where they are queued.
#[derive(Default)]
struct Log {
    queue: Mutex<VecDeque<Runnable<Test>>>,
    scheduled: AtomicUsize,
    completed: AtomicUsize,
    freed: AtomicUsize,
}

#[derive(Clone)]
struct Test(Arc<Log>, #[expect(dead_code)] Arc<Freed>);

/// Counts the scheduler values that are dropped for good: freed tasks.
struct Freed(Arc<Log>);

impl Drop for Freed {
    fn drop(&mut self) {
        self.0.freed.fetch_add(1, SeqCst);
    }
}

impl Scheduler for Test {
    fn schedule(task: Runnable<Test>) {
        let log = task.scheduler().0.clone();
        log.scheduled.fetch_add(1, SeqCst);
        log.queue.lock().unwrap().push_back(task);
    }

    fn wakers() -> &'static WakerTable<Test> {
        static WAKERS: WakerTable<Test> = WakerTable::new();
        &WAKERS
    }

    fn completed(&self) {
        self.0.completed.fetch_add(1, SeqCst);
    }
}

impl Log {
    fn scheduler(self: &Arc<Log>) -> Test {
        Test(self.clone(), Arc::new(Freed(self.clone())))
    }

    fn spawn<F>(self: &Arc<Log>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let (task, listed, join) = joined(future, self.scheduler());
        drop(listed);
        self.queue.lock().unwrap().push_back(task);
        JoinHandle::new(join)
    }

    fn next(&self) -> Option<Runnable<Test>> {
        self.queue.lock().unwrap().pop_front()
    }

    fn run(&self) {
        while let Some(task) = self.next() {
            task.run();
        }
    }

    fn clear(&self) {
        while let Some(task) = self.next() {
            drop(task);
        }
    }

    fn freed(&self) -> usize {
        self.freed.load(SeqCst)
    }
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits for a join handle on a thread that runs no tasks.
fn wait<T>(join: JoinHandle<T>) -> Result<T, JoinError> {
    struct Unparker(thread::Thread);
    impl std::task::Wake for Unparker {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unparker(thread::current())));
    let mut join = pin!(join);
    loop {
        match join.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_task_runs_to_its_end_and_the_handle_gives_its_output() {
    let log = Arc::new(Log::default());
    let mut join = log.spawn(async { 6 * 7 });
    assert!(poll(&mut join).is_pending());
    assert!(!join.is_finished());
    log.run();
    assert!(join.is_finished());
    assert!(matches!(poll(&mut join), Poll::Ready(Ok(42))));
    assert_eq!(log.freed(), 0);
    drop(join);
    assert_eq!((log.freed(), log.completed.load(SeqCst)), (1, 1));
}

#[test]
fn a_panic_is_the_tasks_outcome_and_nobody_elses() {
    let log = Arc::new(Log::default());
    let what = String::from("no");
    let mut join = log.spawn(async move {
        if !what.is_empty() {
            panic!("oh {what}");
        }
    });
    log.run();
    let Poll::Ready(Err(e)) = poll(&mut join) else { panic!() };
    assert!(e.is_panic() && !e.is_cancelled());
    assert_eq!(e.to_string(), "the task panicked: oh no");
    let payload = e.try_into_panic().unwrap();
    assert_eq!(*payload.downcast::<String>().unwrap(), "oh no");
}

#[test]
fn a_future_that_panics_when_dropped_takes_nothing_down() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let log = Arc::new(Log::default());
    let bomb = Bomb;
    let mut join = log.spawn(async move {
        let _bomb = bomb;
        pending::<()>().await;
    });
    log.run();
    // The last reference to a future that nobody can wake any more: the handle's.
    join.abort();
    log.run();
    let Poll::Ready(Err(e)) = poll(&mut join) else { panic!() };
    assert_eq!(e.to_string(), "the task panicked: in drop");

    drop(join);

    // And so does an output that nobody takes.
    let join = log.spawn(async { Bomb });
    drop(join);
    log.run();
    assert_eq!(log.freed(), 2);
}

#[test]
fn an_output_that_nobody_takes_is_dropped_once() {
    let log = Arc::new(Log::default());
    let drops = Arc::new(AtomicUsize::new(0));
    for before in [true, false] {
        drops.store(0, SeqCst);
        let counted = Counted(drops.clone());
        let join = log.spawn(async move { counted });
        if before {
            drop(join);
            log.run();
        } else {
            log.run();
            assert_eq!(drops.load(SeqCst), 0);
            drop(join);
        }
        assert_eq!(drops.load(SeqCst), 1, "{before}");
    }
    assert_eq!(log.freed(), 2);
}

#[test]
fn an_aborted_task_drops_its_future_when_it_is_next_run() {
    let log = Arc::new(Log::default());
    let drops = Arc::new(AtomicUsize::new(0));
    // Queued, idle, and completed.
    for runs in 0..3 {
        drops.store(0, SeqCst);
        let counted = Counted(drops.clone());
        let mut first = true;
        let mut join = log.spawn(async move {
            let _counted = counted;
            poll_fn(|cx| {
                if runs == 2 && !first {
                    return Poll::Ready(());
                }
                first = false;
                if runs == 2 {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            })
            .await;
        });
        if runs > 0 {
            log.run();
        }
        join.abort();
        join.abort();
        assert_eq!(drops.load(SeqCst), usize::from(runs == 2));
        log.run();
        assert_eq!(drops.load(SeqCst), 1);
        match poll(&mut join) {
            Poll::Ready(Err(e)) => assert!(e.is_cancelled() && runs < 2),
            Poll::Ready(Ok(())) => assert_eq!(runs, 2),
            Poll::Pending => panic!(),
        }
    }
    assert_eq!(log.freed(), 3);
}

#[test]
fn a_task_that_aborts_itself_is_dropped_after_its_poll() {
    let log = Arc::new(Log::default());
    let handle = Arc::new(Mutex::new(None::<JoinHandle<()>>));
    let own = handle.clone();
    *handle.lock().unwrap() = Some(log.spawn(async move {
        own.lock().unwrap().as_ref().unwrap().abort();
        pending::<()>().await;
    }));
    log.run();
    assert!(handle.lock().unwrap().as_ref().unwrap().is_finished());
}

#[test]
fn a_runnable_that_is_dropped_cancels_its_task() {
    let log = Arc::new(Log::default());
    let mut join = log.spawn(pending::<()>());
    log.clear();
    assert!(matches!(poll(&mut join), Poll::Ready(Err(e)) if e.is_cancelled()));
}

#[test]
fn a_listed_task_is_cancelled_at_once_unless_it_is_queued_or_running() {
    let log = Arc::new(Log::default());
    for idle in [true, false] {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = Counted(drops.clone());
        let future = async move {
            let _counted = counted;
            pending::<()>().await;
        };
        let (task, listed) = detached(future, log.scheduler());
        log.queue.lock().unwrap().push_back(task);
        if idle {
            log.run();
        }
        listed.cancel_now();
        assert_eq!(drops.load(SeqCst), usize::from(idle));
        log.run();
        assert_eq!(drops.load(SeqCst), 1);
        drop(listed);
    }
    assert_eq!(log.freed(), 2);
}

#[test]
fn wakers_that_outlive_their_task_do_nothing() {
    let log = Arc::new(Log::default());
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let place = waker.clone();
    let join = log.spawn(poll_fn(move |cx| {
        *place.lock().unwrap() = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    log.run();
    drop(join);
    let waker = waker.lock().unwrap().take().unwrap();
    assert_eq!(log.freed(), 0);
    waker.wake_by_ref();
    let spent = waker.clone();
    spent.wake();
    assert_eq!(log.scheduled.load(SeqCst), 0);
    drop(waker);
    assert_eq!(log.freed(), 1);
}

#[test]
fn a_waker_is_known_as_its_tasks_and_equal_to_its_clones() {
    let log = Arc::new(Log::default());
    let join = log.spawn(poll_fn(|cx| {
        assert!(is_task::<Test>(cx.waker()));
        assert!(!is_task::<Test>(Waker::noop()));
        assert!(cx.waker().will_wake(&cx.waker().clone()));
        Poll::Ready(())
    }));
    log.run();
    assert!(wait(join).is_ok());
}

#[test]
fn many_wakes_before_a_poll_are_one() {
    let log = Arc::new(Log::default());
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    let _join = log.spawn(poll_fn(move |cx| {
        if count.fetch_add(1, SeqCst) == 0 {
            cx.waker().wake_by_ref();
            let spent = cx.waker().clone();
            spent.wake();
        }
        Poll::<()>::Pending
    }));
    log.run();
    assert_eq!(polls.load(SeqCst), 2);
    assert_eq!(log.scheduled.load(SeqCst), 1);
}

#[test]
fn no_wake_from_another_thread_is_lost() {
    let log = Arc::new(Log::default());
    let arrived = Arc::new(AtomicUsize::new(0));
    let place = Arc::new(Mutex::new(None::<Waker>));
    let (seen, waker) = (arrived.clone(), place.clone());
    // Completes when all have arrived, of which it only hears by being woken.
    let join = log.spawn(poll_fn(move |cx| {
        *waker.lock().unwrap() = Some(cx.waker().clone());
        if seen.load(SeqCst) == 3 * ROUNDS { Poll::Ready(()) } else { Poll::Pending }
    }));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for i in 0..ROUNDS {
                    arrived.fetch_add(1, SeqCst);
                    let waker = place.lock().unwrap().clone();
                    match waker {
                        Some(waker) if i % 2 == 0 => waker.wake(),
                        Some(waker) => waker.wake_by_ref(),
                        None => {}
                    }
                }
            });
        }
        scope.spawn(|| {
            while !join.is_finished() {
                log.run();
                thread::yield_now();
            }
        });
    });
    assert!(join.is_finished());
}

#[test]
fn abort_join_completion_and_drop_may_meet_in_any_order() {
    for round in 0..ROUNDS {
        let log = Arc::new(Log::default());
        let drops = Arc::new(AtomicUsize::new(0));
        let (counted, output) = (Counted(drops.clone()), Counted(drops.clone()));
        let done = Arc::new(AtomicBool::new(false));
        let join = log.spawn(async move {
            let _counted = counted;
            let mut left = round % 3;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                left = left.saturating_sub(1);
                if left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            output
        });
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    log.run();
                    thread::yield_now();
                }
                log.run();
            });
            scope.spawn(|| {
                if round % 2 == 0 {
                    join.abort();
                }
                match round % 5 {
                    0 => drop(join),
                    _ => drop(wait(join)),
                }
                done.store(true, SeqCst);
            });
        });
        assert_eq!((drops.load(SeqCst), log.freed()), (2, 1), "round {round}");
    }
}

#[test]
fn a_list_and_an_inbox_keep_the_order() {
    let log = Arc::new(Log::default());
    let order = Arc::new(Mutex::new(Vec::new()));
    let task = |n: usize| {
        let order = order.clone();
        detached(async move { order.lock().unwrap().push(n) }, log.scheduler()).0
    };
    let (list, inbox) = (List::new(), Inbox::new());
    list.push(task(0));
    inbox.push(task(1));
    inbox.push(task(2));
    assert!(!inbox.is_empty());
    inbox.drain(&list);
    assert!(inbox.is_empty());
    list.push(task(3));
    while let Some(task) = list.pop() {
        task.run();
    }
    assert!(list.is_empty());
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
    // What is left in either is cancelled with it.
    list.push(task(4));
    inbox.push(task(5));
    drop((list, inbox));
    assert_eq!(log.freed(), 6);
}

#[test]
fn an_inbox_takes_tasks_from_many_threads() {
    let log = Arc::new(Log::default());
    let inbox = Inbox::new();
    let ran = AtomicUsize::new(0);
    let per_thread = ROUNDS.min(500);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..per_thread {
                    inbox.push(detached(async {}, log.scheduler()).0);
                }
            });
        }
        let list = List::new();
        while ran.load(SeqCst) < 2 * per_thread {
            inbox.drain(&list);
            while let Some(task) = list.pop() {
                task.run();
                ran.fetch_add(1, SeqCst);
            }
            thread::yield_now();
        }
    });
    assert_eq!(log.freed(), 2 * per_thread);
}

#[test]
fn a_slot_holds_one_task() {
    let log = Arc::new(Log::default());
    let slot = Slot::new();
    let task = || detached(async {}, log.scheduler()).0;
    assert!(slot.put(task()).is_ok());
    let Err(second) = slot.put(task()) else { panic!("the slot is full") };
    slot.take().unwrap().run();
    assert!(slot.take().is_none());
    assert!(slot.put(second).is_ok());
    drop(slot);
    assert_eq!(log.freed(), 2);
}
