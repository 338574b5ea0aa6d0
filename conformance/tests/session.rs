//! The live suite over bare sessions: blocking sockets, a thread per connection, no runtime.

#[path = "session/sockets.rs"]
mod sockets;
#[path = "session/streams.rs"]
mod streams;

use avx_core::h1::Server;
use avx_core::{
    BodyLen, ErrorCode, Event, Field, Http, Instant, Machine, Outgoing, Protocol, RequestHead, Response,
    Scratch, Session, Status, StreamId, h2, ws, ws::handshake,
};
use conformance::live::{LARGE, Running, Setup, Target};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

conformance::suite!(Blocking);

/// How often a connection that waits looks whether the server ends.
const LOOK: Duration = Duration::from_millis(250);

struct Blocking;

struct Listening {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    setup: Setup,
    begun: std::time::Instant,
    ending: AtomicBool,
    count: AtomicUsize,
    open: Mutex<usize>,
    changed: Condvar,
}

impl Target for Blocking {
    type Running = Listening;

    fn start(setup: &Setup) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            setup: *setup,
            begun: std::time::Instant::now(),
            ending: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            open: Mutex::new(0),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &accepting));
        Listening { addr, shared, acceptor: Some(acceptor) }
    }
}

impl Running for Listening {
    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn connections(&self) -> usize {
        self.shared.count.load(Ordering::SeqCst)
    }

    fn shutdown(&self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.addr);
    }

    fn join(mut self) {
        self.acceptor.take().unwrap().join().unwrap();
        let mut open = self.shared.open.lock().unwrap();
        while *open > 0 {
            open = self.shared.changed.wait(open).unwrap();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.acceptor.is_some() {
            self.shutdown();
        }
    }
}

impl Shared {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.begun.elapsed().as_nanos() as u64)
    }

    fn ends(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let mut open = shared.open.lock().unwrap();
        while *open >= shared.setup.max_connections && !shared.ends() {
            open = shared.changed.wait(open).unwrap();
        }
        drop(open);
        let Ok((stream, _)) = listener.accept() else {
            // No descriptors left: some come back.
            std::thread::park_timeout(Duration::from_millis(100));
            continue;
        };
        if shared.ends() {
            return;
        }
        *shared.open.lock().unwrap() += 1;
        shared.count.fetch_add(1, Ordering::SeqCst);
        let shared = shared.clone();
        let thread = move || {
            let _ = serve(&stream, &shared);
            drop(stream);
            *shared.open.lock().unwrap() -= 1;
            shared.count.fetch_sub(1, Ordering::SeqCst);
            shared.changed.notify_all();
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(thread).unwrap();
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let config = Arc::new(shared.setup.config);
    let mut session = Session::new(Server::new(config.clone(), shared.now()), &config);
    let (mut scratch, mut app) = (Scratch::new(), Application::default());
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(config.timeouts.write_stall))?;
    let mut shut = false;
    while !session.is_closed() {
        if shared.ends() {
            session.shutdown(shared.now());
        }
        // Events, as long as what they made the application say finds room.
        let mut rests = false;
        while !rests && app.backlog.is_empty() {
            match session.turn(shared.now(), &mut scratch) {
                Ok(Some(turn)) => app.on(shared.now(), &turn.event, turn.machine, turn.out),
                _ => rests = true,
            }
        }
        let (machine, out) = session.parts(&mut scratch);
        app.push(shared.now(), machine, out);
        flush(stream, shared, &mut session)?;
        match session.switched() {
            Some(Protocol::Http2) => {
                let machine = h2::Server::new(config, shared.now());
                return streams::serve(stream, shared, &mut session.replace(machine).0);
            }
            Some(Protocol::WebSocket) => {
                let machine = ws::Server::new(config, shared.now());
                return sockets::serve(stream, shared, &mut session.replace(machine).0);
            }
            Some(_) => return tunnel(stream, session.unread()),
            None => {}
        }
        listen(stream, shared, &mut session, &mut scratch, &mut shut, rests && app.backlog.is_empty())?;
    }
    if session.wants_reset() {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// Writes what there is.
fn flush<M: Machine>(mut stream: &TcpStream, shared: &Shared, session: &mut Session<M>) -> io::Result<()> {
    while !session.write_buf().is_empty() && !session.is_closed() {
        match stream.write(session.write_buf()) {
            Ok(n) => session.did_write(shared.now(), n),
            Err(e) if is_timeout(&e) => {
                session.did_write(shared.now(), 0);
                session.timed_out(shared.now());
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Shuts the sending side down when it is time, reads once if the application `reads`, and looks at the clock.
fn listen<M: Machine>(
    mut stream: &TcpStream,
    shared: &Shared,
    session: &mut Session<M>,
    scratch: &mut Scratch,
    shut: &mut bool,
    reads: bool,
) -> io::Result<()> {
    if session.wants_shutdown() && !std::mem::replace(shut, true) {
        stream.shutdown(Shutdown::Write)?;
    }
    if reads && !session.is_closed() && session.wants_read() {
        let left = session.deadline().map_or(LOOK, |at| at.saturating_since(shared.now()));
        stream.set_read_timeout(Some(left.clamp(Duration::from_millis(1), LOOK)))?;
        match stream.read(session.read_buf(scratch)) {
            Ok(n) => session.did_read(shared.now(), n),
            Err(e) if is_timeout(&e) => {}
            Err(e) => return Err(e),
        }
    }
    session.timed_out(shared.now());
    session.rest(scratch);
    Ok(())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The protocol called echo.
fn tunnel(mut stream: &TcpStream, first: &[u8]) -> io::Result<()> {
    stream.set_read_timeout(None)?;
    stream.write_all(first)?;
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf)? {
            0 => return Ok(()),
            n => stream.write_all(&buf[..n])?,
        }
    }
}

/// Answers an opening handshake.
fn shake_hands(now: Instant, stream: StreamId, head: &RequestHead<'_>, m: &mut Server, out: &mut Outgoing) {
    match handshake::check(head).map(|offer| offer.answer(None, None).unwrap()) {
        Ok(answer) => {
            let response = Response { fields: &answer.fields(), ..Response::new(answer.status(), &[]) };
            m.send_full(now, stream, &response, b"", out).unwrap();
        }
        Err(refusal) => {
            let response = Response { fields: refusal.fields(), ..Response::new(refusal.status(), &[]) };
            m.send_full(now, stream, &response, b"", out).unwrap();
        }
    }
}

/// The application of the suite, one exchange at a time.
#[derive(Default)]
struct Application {
    path: Vec<u8>,
    stream: Option<StreamId>,
    /// Content to send, how much of it has been, and whether the end follows.
    backlog: Vec<u8>,
    sent: usize,
    ended: bool,
}

impl Application {
    fn on(&mut self, now: Instant, event: &Event<'_>, m: &mut Server, out: &mut Outgoing) {
        let ok = Response::new(Status::OK, &[]);
        match event {
            Event::Request { stream, head, .. } => {
                (self.path, self.stream, self.ended) = (head.path().to_vec(), Some(*stream), false);
                if self.path == b"/ws" {
                    return shake_hands(now, *stream, head, m, out);
                }
                if head.expect_continue() && self.path != b"/ignore" {
                    m.send_informational(now, *stream, &Response::new(Status::CONTINUE, &[]), out).unwrap();
                }
                match &self.path[..] {
                    b"/echo" => drop(m.send_response(now, *stream, &ok, BodyLen::Streaming, out).unwrap()),
                    b"/ignore" => m.send_full(now, *stream, &ok, b"ignored", out).unwrap(),
                    _ => {}
                }
            }
            Event::Data { data, .. } if self.path == b"/echo" => self.backlog.extend_from_slice(data),
            Event::End { stream, .. } => match &self.path[..] {
                b"/echo" => self.ended = true,
                b"/" => m.send_full(now, *stream, &ok, b"hello", out).unwrap(),
                b"/large" => {
                    m.send_response(now, *stream, &ok, BodyLen::Exact(LARGE as u64), out).unwrap();
                    (self.backlog, self.ended) = (vec![b'x'; LARGE], true);
                }
                b"/cut" => {
                    m.send_response(now, *stream, &ok, BodyLen::Streaming, out).unwrap();
                    m.send_data(now, *stream, b"part", out).unwrap();
                    m.reset(now, *stream, ErrorCode::INTERNAL_ERROR);
                }
                b"/upgrade" => {
                    let fields = [Field::new("Upgrade", "echo")];
                    let switch = Response::new(Status::SWITCHING_PROTOCOLS, &fields);
                    m.send_full(now, *stream, &switch, b"", out).unwrap();
                }
                b"/ignore" | b"/ws" => {}
                _ => m.send_full(now, *stream, &Response::new(Status::NOT_FOUND, &[]), b"", out).unwrap(),
            },
            _ => {}
        }
    }

    /// Sends what finds room.
    fn push(&mut self, now: Instant, m: &mut Server, out: &mut Outgoing) {
        let Some(stream) = self.stream else { return };
        if !self.backlog.is_empty() {
            match m.send_data(now, stream, &self.backlog[self.sent..], out) {
                Ok(n) => self.sent += n,
                // The connection has ended meanwhile.
                Err(_) => self.sent = self.backlog.len(),
            }
            if self.sent == self.backlog.len() {
                self.backlog.clear();
                self.sent = 0;
            }
        }
        if self.ended && self.backlog.is_empty() && m.send_end(now, stream, &[], out).is_ok() {
            self.ended = false;
        }
    }
}
