//! Tasks that run when the test says so, in time that stands still until it is told to go on.

use super::{MemStream, Remote, pair};
use avx_http::rt::{self, Peer, Runtime};
use std::collections::VecDeque;
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// No address of this system: RFC 5737 keeps it for documentation.
const ELSEWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 80);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The runtime. Clones are the same one.
#[derive(Clone)]
pub struct Sim(Arc<Mutex<World>>);

struct World {
    now: Instant,
    tasks: Vec<Option<Task>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
    timers: Vec<(Instant, Waker)>,
    accepts: VecDeque<io::Result<MemStream>>,
    acceptor: Option<Waker>,
    connects: VecDeque<MemStream>,
    accept_calls: usize,
    timers_armed: usize,
}

struct TaskWaker {
    id: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut ready = self.ready.lock().unwrap();
        if !ready.contains(&self.id) {
            ready.push_back(self.id);
        }
    }
}

impl Sim {
    pub fn new() -> Self {
        Sim(Arc::new(Mutex::new(World {
            now: Instant::now(),
            tasks: Vec::new(),
            ready: Arc::default(),
            timers: Vec::new(),
            accepts: VecDeque::new(),
            acceptor: None,
            connects: VecDeque::new(),
            accept_calls: 0,
            timers_armed: 0,
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    /// Runs every task until none can go on. Returns how many polls that took.
    pub fn run(&self) -> usize {
        let mut polls = 0;
        let ready = self.with(|w| w.ready.clone());
        loop {
            let Some(id) = ready.lock().unwrap().pop_front() else { return polls };
            let Some(mut task) = self.with(|w| w.tasks[id].take()) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { id, ready: ready.clone() }));
            polls += 1;
            assert!(polls < 100_000, "tasks wake each other without end");
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.with(|w| w.tasks[id] = Some(task));
            }
        }
    }

    /// Lets time pass, firing what is due, then runs.
    pub fn advance(&self, by: Duration) {
        self.run();
        let until = self.with(|w| w.now) + by;
        loop {
            let due = self.with(|w| {
                let next = w.timers.iter().map(|(at, _)| *at).min().filter(|at| *at <= until)?;
                w.now = w.now.max(next);
                let now = w.now;
                let due: Vec<_> = w.timers.extract_if_due(now);
                Some(due)
            });
            let Some(due) = due else { break };
            due.into_iter().for_each(Waker::wake);
            self.run();
        }
        self.with(|w| w.now = until);
        self.run();
    }

    /// Lets time pass while the only worker is busy with something else: nothing runs, and only then is
    /// seen what has come and what is due.
    pub fn block(&self, by: Duration) {
        self.with(|w| w.now += by);
        self.advance(Duration::ZERO);
    }

    /// Runs a future to its end; time does not pass.
    pub fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let result = Arc::new(Mutex::new(None));
        let slot = result.clone();
        self.spawn(async move { *slot.lock().unwrap() = Some(future.await) });
        self.run();
        let value = result.lock().unwrap().take();
        value.expect("the future waits for something that does not come")
    }

    /// A client's end of a new connection that a server will accept.
    pub fn dial(&self) -> Remote {
        let (ours, theirs) = pair();
        self.offer(Ok(theirs));
        Remote(ours)
    }

    /// What the listener says next.
    pub fn offer(&self, accept: io::Result<MemStream>) {
        let waker = self.with(|w| {
            w.accepts.push_back(accept);
            w.acceptor.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The server's end of a connection that a client opened.
    pub fn connected(&self) -> Option<Remote> {
        self.with(|w| w.connects.pop_front()).map(Remote)
    }

    pub fn accept_calls(&self) -> usize {
        self.with(|w| w.accept_calls)
    }

    /// How often a timer was set since the beginning.
    pub fn timers_armed(&self) -> usize {
        self.with(|w| w.timers_armed)
    }

    /// Tasks that have not ended.
    pub fn tasks(&self) -> usize {
        self.with(|w| w.tasks.iter().flatten().count())
    }
}

trait Due {
    fn extract_if_due(&mut self, now: Instant) -> Vec<Waker>;
}

impl Due for Vec<(Instant, Waker)> {
    fn extract_if_due(&mut self, now: Instant) -> Vec<Waker> {
        let (due, later) = std::mem::take(self).into_iter().partition(|(at, _)| *at <= now);
        *self = later;
        let due: Vec<(Instant, Waker)> = due;
        due.into_iter().map(|(_, waker)| waker).collect()
    }
}

pub struct SimSleep {
    sim: Sim,
    deadline: Instant,
}

impl Future for SimSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.sim.with(|w| {
            if w.now >= deadline {
                return Poll::Ready(());
            }
            w.timers.push((deadline, cx.waker().clone()));
            Poll::Pending
        })
    }
}

impl rt::Sleep for SimSleep {
    fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.sim.with(|w| w.timers_armed += 1);
    }
}

pub struct SimListener(Sim);

impl rt::Listener for SimListener {
    type Stream = MemStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(MemStream, Peer)>> {
        self.0.with(|w| {
            w.accept_calls += 1;
            match w.accepts.pop_front() {
                Some(result) => Poll::Ready(result.map(|io| (io, Peer::Unix))),
                None => {
                    w.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}

impl Runtime for Sim {
    type Tcp = MemStream;
    type TcpListener = SimListener;
    #[cfg(unix)]
    type Unix = MemStream;
    #[cfg(unix)]
    type UnixListener = SimListener;
    type Sleep = SimSleep;

    fn now(&self) -> Instant {
        self.with(|w| w.now)
    }

    fn sleep_until(&self, deadline: Instant) -> SimSleep {
        self.with(|w| w.timers_armed += 1);
        SimSleep { sim: self.clone(), deadline }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.with(|w| {
            w.tasks.push(Some(Box::pin(future)));
            w.ready.lock().unwrap().push_back(w.tasks.len() - 1);
        });
    }

    fn spawn_on_each<F>(&self, mut make: impl FnMut(usize) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn(make(0));
    }

    fn workers(&self) -> usize {
        1
    }

    fn unblock<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send + Unpin + 'static {
        Done(Some(work()))
    }

    fn tcp_listener(&self, _: std::net::TcpListener) -> io::Result<SimListener> {
        Ok(SimListener(self.clone()))
    }

    #[cfg(unix)]
    fn unix_listener(&self, _: std::os::unix::net::UnixListener) -> io::Result<SimListener> {
        Ok(SimListener(self.clone()))
    }

    fn bind_tcp(&self, addr: SocketAddr, _: u32, _: bool) -> io::Result<std::net::TcpListener> {
        if addr == ELSEWHERE {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        // Nobody ever connects to it: the listener is simulated.
        std::net::TcpListener::bind(("127.0.0.1", 0))
    }

    fn connect_tcp(&self, _: SocketAddr) -> impl Future<Output = io::Result<MemStream>> + Send {
        let (ours, theirs) = pair();
        self.with(|w| w.connects.push_back(theirs));
        ready(Ok(ours))
    }

    #[cfg(unix)]
    fn connect_unix(&self, _: &Path) -> impl Future<Output = io::Result<MemStream>> + Send {
        ready(Err(io::ErrorKind::NotFound.into()))
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        let here = SocketAddr::from(([127, 0, 0, 1], port));
        ready(Ok(match host {
            "elsewhere" => vec![ELSEWHERE],
            "both" => vec![ELSEWHERE, here],
            "nowhere" => vec![],
            _ => vec![here],
        }))
    }
}

/// Ready at once.
struct Done<T>(Option<T>);

impl<T> Unpin for Done<T> {}

impl<T> Future for Done<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(self.0.take().expect("polled after its end"))
    }
}
