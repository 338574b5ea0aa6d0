//! A WebSocket server in a bare `poll(2)` loop: one thread, no runtime, only libc.
//!
//! `cargo run -p avx-core --example websocket [address]`, then `new WebSocket("ws://127.0.0.1:8080/")` in a browser's
//! console. Every connection begins as one of HTTP/1.1, and goes on as a WebSocket that echoes what it hears, piece by
//! piece: messages are never held as a whole, and whose output does not leave is not read from.
#![allow(unsafe_code)]

use avx_core::ws::{self, Kind, handshake};
use avx_core::{BodyLen, Config, Event, Http, Instant, Machine, Response, Scratch, Session, UsageError, h1};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

fn main() -> io::Result<()> {
    let config = Arc::new(Config::default());
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    listener.set_nonblocking(true)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let mut scratch = Scratch::new();
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let watch = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut fds = vec![watch(listener.as_raw_fd(), libc::POLLIN)];
        fds.extend(connections.iter().map(|c| watch(c.stream.as_raw_fd(), c.interest())));
        let first = connections.iter().filter_map(|c| c.speaks.deadline()).min();
        let wait = first.map_or(-1, |at| at.saturating_since(now()).as_millis() as i32 + 1);
        // SAFETY: `fds` is a slice of initialised pollfd, alive through the call.
        unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, wait) };
        connections.retain_mut(|c| c.drive(&config, now(), &mut scratch).unwrap_or(false));
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            let speaks = Speaks::Http(Session::new(h1::Server::new(config.clone(), now()), &config));
            connections.push(Connection { stream, speaks, shut: false });
        }
    }
}

/// What a connection speaks.
enum Speaks {
    Http(Session<h1::Server>),
    /// With the piece that has found no room yet.
    WebSocket(Session<ws::Server>, Option<(Kind, Vec<u8>, bool)>),
    /// Between the two, for a moment.
    Nothing,
}

struct Connection {
    stream: TcpStream,
    speaks: Speaks,
    shut: bool,
}

impl Speaks {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Speaks::Http(session) => session.deadline(),
            Speaks::WebSocket(session, _) => session.deadline(),
            Speaks::Nothing => None,
        }
    }
}

impl Connection {
    fn interest(&self) -> i16 {
        let (waits, reads) = match &self.speaks {
            Speaks::Http(session) => (!session.write_buf().is_empty(), session.wants_read()),
            Speaks::WebSocket(session, _) => (!session.write_buf().is_empty(), session.wants_read()),
            Speaks::Nothing => (false, false),
        };
        if waits { libc::POLLOUT } else { libc::POLLIN * i16::from(reads) }
    }

    /// Everything that can be done without waiting. Says whether the connection goes on.
    fn drive(&mut self, config: &Arc<Config>, now: Instant, scratch: &mut Scratch) -> io::Result<bool> {
        loop {
            let (stream, shut) = (&mut self.stream, &mut self.shut);
            let more = match &mut self.speaks {
                Speaks::Http(session) => carry(session, stream, shut, now, scratch, shake_hands)?,
                Speaks::WebSocket(session, rest) => {
                    let say = |session: &mut _, now, scratch: &mut _| echo(session, rest, now, scratch);
                    carry(session, stream, shut, now, scratch, say)?
                }
                Speaks::Nothing => return Ok(false),
            };
            match more {
                Some(goes_on) => return Ok(goes_on),
                None => {
                    self.speaks = match std::mem::replace(&mut self.speaks, Speaks::Nothing) {
                        // What has been read of the next protocol goes along.
                        Speaks::Http(session) => {
                            Speaks::WebSocket(session.replace(ws::Server::new(config.clone(), now)).0, None)
                        }
                        _ => return Ok(false),
                    }
                }
            }
        }
    }
}

/// Reads and writes until the transport has no more of either; `None` when another protocol goes on.
fn carry<M: Machine>(
    session: &mut Session<M>,
    stream: &mut TcpStream,
    shut: &mut bool,
    now: Instant,
    scratch: &mut Scratch,
    mut say: impl FnMut(&mut Session<M>, Instant, &mut Scratch) -> bool,
) -> io::Result<Option<bool>> {
    session.timed_out(now);
    loop {
        let again = say(session, now, scratch);
        while !session.write_buf().is_empty() {
            match stream.write(session.write_buf()) {
                Ok(n) => session.did_write(now, n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    session.did_write(now, 0);
                    return Ok(Some(!session.is_closed()));
                }
                Err(e) => return Err(e),
            }
        }
        if session.switched().is_some() {
            return Ok(None);
        }
        if session.wants_shutdown() && !std::mem::replace(shut, true) {
            stream.shutdown(Shutdown::Write)?;
        }
        if again {
            continue;
        }
        if session.is_closed() || !session.wants_read() {
            return Ok(Some(!session.is_closed()));
        }
        match stream.read(session.read_buf(scratch)) {
            Ok(n) => session.did_read(now, n),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                session.rest(scratch);
                return Ok(Some(true));
            }
            Err(e) => return Err(e),
        }
    }
}

/// Answers handshakes, and tells everybody else what to ask for.
fn shake_hands(session: &mut Session<h1::Server>, now: Instant, scratch: &mut Scratch) -> bool {
    while let Ok(Some(turn)) = session.turn(now, scratch) {
        let Event::Request { stream, head, .. } = turn.event else { continue };
        let sent = match handshake::check(&head).map(|offer| offer.answer(None, None)) {
            Ok(answer) => {
                let answer = answer.expect("no subprotocol");
                let fields = answer.fields();
                let response = Response::new(answer.status(), &fields);
                turn.machine.send_response(now, stream, &response, BodyLen::Empty, turn.out).map(|_| ())
            }
            Err(refusal) => {
                let fields = &refusal.fields();
                let response = Response::new(refusal.status(), fields);
                turn.machine
                    .send_full(now, stream, &response, b"a WebSocket lives here\n", turn.out)
                    .map(|_| ())
            }
        };
        debug_assert!(sent.is_ok(), "{sent:?}");
    }
    false
}

/// Sends back what is heard. Says whether there is more to do once the output has left.
fn echo(
    session: &mut Session<ws::Server>,
    rest: &mut Option<(Kind, Vec<u8>, bool)>,
    now: Instant,
    scratch: &mut Scratch,
) -> bool {
    if let Some((kind, data, last)) = rest.take() {
        let (machine, out) = session.parts(scratch);
        let _ = machine.send(now, kind, &data, last, out);
    }
    while let Ok(Some(turn)) = session.turn(now, scratch) {
        let ws::Event::Data { kind, data, last } = turn.event else { continue };
        if let Err(UsageError::OutputFull(_)) = turn.machine.send(now, kind, data, last, turn.out) {
            *rest = Some((kind, data.to_vec(), last));
            return true;
        }
    }
    false
}
