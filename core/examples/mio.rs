//! An HTTP/1.1 server in a `mio` loop: edge-triggered readiness, one thread.
//!
//! `cargo run -p avx-core --example mio`, then `curl http://127.0.0.1:8080/`. It answers every request
//! with its own head, as received.

use avx_core::{Config, Event, Field, Http, Instant, Response, Scratch, Session, Status, h1};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

const LISTENER: Token = Token(0);

struct Connection {
    stream: TcpStream,
    session: Session<h1::Server>,
    shut: bool,
}

fn main() -> io::Result<()> {
    let config = Arc::new(Config::default());
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let mut listener = TcpListener::bind("127.0.0.1:8080".parse().expect("address"))?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut scratch = Scratch::new();
    let mut connections: HashMap<Token, Connection> = HashMap::new();
    let mut next = 1;
    loop {
        let first = connections.values().filter_map(|c| c.session.deadline()).min();
        poll.poll(&mut events, first.map(|at| at.saturating_since(now())))?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let token = Token(next);
                    next += 1;
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, token, both)?;
                    let session = Session::new(h1::Server::new(config.clone(), now()), &config);
                    connections.insert(token, Connection { stream, session, shut: false });
                }
            } else if let Some(connection) = connections.get_mut(&event.token()) {
                if drive(connection, now(), &mut scratch).is_err() {
                    connections.remove(&event.token());
                }
            }
        }
        let now = now();
        connections.retain(|_, c| {
            let due = c.session.deadline().is_some_and(|at| at <= now);
            if due {
                c.session.timed_out(now);
            }
            (!due || drive(c, now, &mut scratch).is_ok()) && !c.session.is_closed()
        });
    }
}

/// Readiness is told once, so everything goes on until the socket says it would block.
fn drive(connection: &mut Connection, now: Instant, scratch: &mut Scratch) -> io::Result<()> {
    let Connection { stream, session, shut } = connection;
    loop {
        // One answer at a time, so that each finds an empty output.
        let mut answered = false;
        while !answered {
            let Ok(Some(turn)) = session.turn(now, scratch) else { break };
            if let Event::Request { stream, head, .. } = turn.event {
                let fields = [Field::new("content-type", "text/plain")];
                let response = Response::new(Status::OK, &fields);
                turn.machine
                    .send_full(now, stream, &response, head.raw(), turn.out)
                    .map_err(io::Error::other)?;
                answered = true;
            }
        }
        while !session.write_buf().is_empty() {
            match stream.write(session.write_buf()) {
                Ok(n) => session.did_write(now, n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    session.did_write(now, 0);
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        if answered {
            continue;
        }
        if session.wants_shutdown() && !*shut {
            *shut = true;
            stream.shutdown(Shutdown::Write)?;
        }
        if !session.wants_read() {
            return Ok(());
        }
        match stream.read(session.read_buf(scratch)) {
            Ok(n) => session.did_read(now, n),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                session.rest(scratch);
                return Ok(());
            }
            Err(e) => return Err(e),
        }
    }
}
