//! An HTTP/1.1 server in a bare `poll(2)` loop: one thread, no runtime, only libc.
//!
//! `cargo run -p avx-core --example poll`, then `curl -T big.file http://127.0.0.1:8080/ | cmp - big.file`.
//! It streams the content of each request back while it arrives, under back-pressure: a connection
//! whose output does not leave is not read from.
#![allow(unsafe_code)]

use avx_core::{BodyLen, Config, Event, Http, Instant, Response, Scratch, Session, Status, StreamId, h1};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

fn main() -> io::Result<()> {
    let config = Arc::new(Config::default());
    let start = std::time::Instant::now();
    let listener = TcpListener::bind("127.0.0.1:8080")?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut scratch = Scratch::new();
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let watch = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut fds = vec![watch(listener.as_raw_fd(), libc::POLLIN)];
        fds.extend(connections.iter().map(|c| watch(c.stream.as_raw_fd(), c.interest())));
        let now = Instant::from_nanos(start.elapsed().as_nanos() as u64);
        let first = connections.iter().filter_map(|c| c.session.deadline()).min();
        let wait = first.map_or(-1, |at| at.saturating_since(now).as_millis() as i32 + 1);
        // SAFETY: `fds` is a slice of initialised pollfd, alive through the call.
        unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, wait) };
        let now = Instant::from_nanos(start.elapsed().as_nanos() as u64);
        for connection in &mut connections {
            connection.gone |= connection.drive(now, &mut scratch).is_err();
        }
        connections.retain(|c| !c.gone && !c.session.is_closed());
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            connections.push(Connection {
                stream,
                session: Session::new(h1::Server::new(config.clone(), now), &config),
                exchange: None,
                rest: Vec::new(),
                ended: false,
                shut: false,
                gone: false,
            });
        }
    }
}

struct Connection {
    stream: TcpStream,
    session: Session<h1::Server>,
    /// The exchange whose content is being echoed.
    exchange: Option<StreamId>,
    /// Content that found no room yet: at most what one event carried.
    rest: Vec<u8>,
    /// The request is complete.
    ended: bool,
    shut: bool,
    gone: bool,
}

impl Connection {
    fn interest(&self) -> i16 {
        let write = if self.session.write_buf().is_empty() { 0 } else { libc::POLLOUT };
        let read = if write == 0 && self.session.wants_read() { libc::POLLIN } else { 0 };
        read | write
    }

    /// Everything that can be done without waiting.
    fn drive(&mut self, now: Instant, scratch: &mut Scratch) -> io::Result<()> {
        self.session.timed_out(now);
        loop {
            self.say(now, scratch);
            while !self.session.write_buf().is_empty() {
                match self.stream.write(self.session.write_buf()) {
                    Ok(n) => self.session.did_write(now, n),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        self.session.did_write(now, 0);
                        return Ok(());
                    }
                    Err(e) => return Err(e),
                }
            }
            if !self.rest.is_empty() || self.ended {
                continue;
            }
            if self.session.wants_shutdown() && !self.shut {
                self.shut = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
            if !self.session.wants_read() {
                return Ok(());
            }
            match self.stream.read(self.session.read_buf(scratch)) {
                Ok(n) => self.session.did_read(now, n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.session.rest(scratch);
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Turns input into output until one of them runs dry.
    fn say(&mut self, now: Instant, scratch: &mut Scratch) {
        loop {
            if let Some(stream) = self.exchange {
                let (machine, out) = self.session.parts(scratch);
                let sent = machine.send_data(now, stream, &self.rest, out).unwrap_or(self.rest.len());
                self.rest.drain(..sent);
                if !self.rest.is_empty() {
                    return;
                }
                if self.ended {
                    if machine.send_end(now, stream, &[], out).is_err() {
                        return;
                    }
                    (self.exchange, self.ended) = (None, false);
                }
            }
            let Ok(Some(turn)) = self.session.turn(now, scratch) else { return };
            match turn.event {
                Event::Request { stream, head, body } => {
                    if head.expect_continue() {
                        let go_on = Response::new(Status::CONTINUE, &[]);
                        let _ = turn.machine.send_informational(now, stream, &go_on, turn.out);
                    }
                    let response = Response::new(Status::OK, &[]);
                    let follows = turn.machine.send_response(now, stream, &response, body, turn.out);
                    self.exchange = follows.is_ok_and(|len| len != BodyLen::Empty).then_some(stream);
                }
                Event::Data { data, .. } if self.exchange.is_some() => self.rest.extend_from_slice(data),
                Event::End { .. } => self.ended = self.exchange.is_some(),
                _ => {}
            }
        }
    }
}
