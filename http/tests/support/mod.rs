//! A runtime without a system: streams in memory, time that stands still until it is told to go on,
//! and tasks that run when the test says so. Everything is deterministic.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use avx_http::rt::{self, Peer, Runtime};
use std::collections::VecDeque;
use std::future::{Future, ready};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

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

    fn bind_tcp(&self, _: SocketAddr, _: u32, _: bool) -> io::Result<std::net::TcpListener> {
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

    fn resolve(&self, _: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]))
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

/// One direction of a stream.
#[derive(Default)]
struct Flow {
    bytes: VecDeque<u8>,
    capacity: usize,
    ended: bool,
    reset: bool,
    /// The reader found it empty, and nothing has come since: a runtime would not ask the system.
    drained: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reads: usize,
    writes: usize,
    reader_gone: bool,
}

/// A stream in memory, with the readiness cache of a runtime over an edge-triggered kernel queue.
pub struct MemStream {
    input: Arc<Mutex<Flow>>,
    output: Arc<Mutex<Flow>>,
    resets: bool,
}

/// Two ends of a stream that holds any number of bytes.
pub fn pair() -> (MemStream, MemStream) {
    let flow = || Arc::new(Mutex::new(Flow { capacity: usize::MAX, ..Flow::default() }));
    let (a, b) = (flow(), flow());
    let stream = |input, output| MemStream { input, output, resets: false };
    (stream(a.clone(), b.clone()), stream(b, a))
}

impl Flow {
    fn wake_reader(&mut self) {
        self.drained = false;
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

impl rt::Stream for MemStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut flow = self.input.lock().unwrap();
        if flow.drained {
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        flow.reads += 1;
        if flow.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if flow.bytes.is_empty() && !flow.ended {
            flow.drained = true;
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = buf.len().min(flow.bytes.len());
        for (slot, byte) in buf.iter_mut().zip(flow.bytes.drain(..n)) {
            *slot = byte;
        }
        flow.drained = n < buf.len() && !flow.ended;
        flow.wake_writer();
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut flow = self.output.lock().unwrap();
        if flow.reset || flow.reader_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = flow.capacity.saturating_sub(flow.bytes.len());
        if room == 0 {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        flow.writes += 1;
        let mut n = 0;
        for buf in bufs {
            let len = buf.len().min(room);
            flow.bytes.extend(&buf[..len]);
            (n, room) = (n + len, room - len);
        }
        flow.wake_reader();
        Poll::Ready(Ok(n))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut flow = self.output.lock().unwrap();
        flow.ended = true;
        flow.wake_reader();
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {
        self.resets = true;
    }
}

impl Drop for MemStream {
    fn drop(&mut self) {
        let mut flow = self.output.lock().unwrap();
        flow.reset |= self.resets && !flow.ended;
        flow.ended = true;
        flow.wake_reader();
        drop(flow);
        let mut flow = self.input.lock().unwrap();
        flow.reader_gone = true;
        flow.wake_writer();
    }
}

/// The test's end of a stream.
pub struct Remote(pub MemStream);

impl Remote {
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut flow = self.0.output.lock().unwrap();
        flow.bytes.extend(bytes.as_ref());
        flow.wake_reader();
    }

    /// Everything that has come.
    pub fn recv(&self) -> Vec<u8> {
        let mut flow = self.0.input.lock().unwrap();
        let bytes = flow.bytes.drain(..).collect();
        flow.wake_writer();
        bytes
    }

    pub fn recv_text(&self) -> String {
        String::from_utf8_lossy(&self.recv()).into_owned()
    }

    /// Ends the sending side.
    pub fn finish(&self) {
        let mut flow = self.0.output.lock().unwrap();
        flow.ended = true;
        flow.wake_reader();
    }

    /// Breaks the connection.
    pub fn reset(&self) {
        for flow in [&self.0.output, &self.0.input] {
            let mut flow = flow.lock().unwrap();
            flow.reset = true;
            flow.wake_reader();
            flow.wake_writer();
        }
    }

    /// Whether the other end has ended its sending side.
    pub fn is_ended(&self) -> bool {
        self.0.input.lock().unwrap().ended
    }

    /// Whether the other end has reset the connection, having said nothing of an end before.
    pub fn is_reset(&self) -> bool {
        self.0.input.lock().unwrap().reset
    }

    /// Whether the other end is gone altogether.
    pub fn is_closed(&self) -> bool {
        self.0.output.lock().unwrap().reader_gone
    }

    /// How many bytes may wait to be read here before the other end has to wait.
    pub fn set_window(&self, bytes: usize) {
        let mut flow = self.0.input.lock().unwrap();
        flow.capacity = bytes;
        flow.wake_writer();
    }

    /// Bytes sent that the other end has not read.
    pub fn unread_by_peer(&self) -> usize {
        self.0.output.lock().unwrap().bytes.len()
    }

    /// Read and write calls that the other end made and that would have reached the system.
    pub fn calls(&self) -> (usize, usize) {
        (self.0.output.lock().unwrap().reads, self.0.input.lock().unwrap().writes)
    }
}
