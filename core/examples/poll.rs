//! HTTP/1.1, HTTP/2 and WebSocket on one port in a bare `poll(2)` loop: one thread, no runtime.
//!
//! `cargo run -p avx-core --example poll [address]`; what it answers stands in `answers/`, what to ask it in `blocking.rs`.
#![allow(unsafe_code)]

mod answers;

use answers::{Echoes, talk};
use avx_core::{Config, Drive, Instant, Scratch, Step, any};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let config = Arc::new(Config::default());
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let mut scratch = Scratch::new();
    // Each with what it waits for.
    let mut clients: Vec<(Client, i16)> = Vec::new();
    // Nobody can be accepted, because too many files are open: it is tried again now and then.
    let mut full = false;
    loop {
        let watch = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut fds = vec![watch(listener.as_raw_fd(), if full { 0 } else { libc::POLLIN })];
        fds.extend(clients.iter().map(|(client, events)| watch(client.stream.as_raw_fd(), *events)));
        let first = clients.iter().filter_map(|(client, _)| client.connection.deadline()).min();
        let left = first.map(|at| at.saturating_since(now()));
        let left = left.into_iter().chain(full.then_some(Duration::from_millis(100))).min();
        let wait = left.map_or(-1, |left| left.as_millis().min(1 << 30) as i32 + 1);
        // SAFETY: `fds` is a slice of initialised pollfd, alive through the call.
        unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, wait) };
        let now = now();
        clients.retain_mut(|(client, events)| {
            let next = client.drive(now, &mut scratch).unwrap_or(None);
            *events = next.unwrap_or(0);
            next.is_some()
        });
        full = loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    let connection = any::Connection::new(config.clone(), now);
                    clients.push((Client { stream, connection, echoes: Echoes::new() }, libc::POLLIN));
                }
                Err(e) => break e.kind() != ErrorKind::WouldBlock,
            }
        };
    }
}

struct Client {
    stream: TcpStream,
    connection: any::Connection,
    echoes: Echoes,
}

impl Client {
    /// Everything up to the next wait. Says what to wait for, or `None` at the end.
    fn drive(&mut self, now: Instant, scratch: &mut Scratch) -> io::Result<Option<i16>> {
        let Client { stream, connection, echoes } = self;
        connection.timed_out(now);
        loop {
            talk(connection, echoes, now, scratch);
            match connection.next_step(scratch) {
                Step::Write(bytes) => match stream.write(bytes) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        connection.did_write(now, 0);
                        return Ok(Some(libc::POLLOUT));
                    }
                    done => connection.did_write(now, done?),
                },
                Step::Read(memory) => match stream.read(memory) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        connection.rest(scratch);
                        return Ok(Some(libc::POLLIN));
                    }
                    done => connection.did_read(now, done?),
                },
                Step::Shutdown => stream.shutdown(Shutdown::Write)?,
                Step::Close { reset } => {
                    socket2::SockRef::from(&*stream).set_linger(reset.then_some(Duration::ZERO))?;
                    return Ok(None);
                }
                Step::Wait => return Ok(Some(0)),
            }
        }
    }
}
