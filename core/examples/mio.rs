//! HTTP/1.1, HTTP/2 and WebSocket on one port in a `mio` loop: edge-triggered readiness, one thread.
//!
//! `cargo run -p avx-core --example mio [address]`; what it answers stands in `answers/`, what to ask it in `blocking.rs`.

mod answers;

use answers::{Echoes, talk};
use avx_core::{Config, Drive, Instant, Scratch, Step, any};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let mut listener = TcpListener::bind(address.parse().map_err(io::Error::other)?)?;
    println!("listening on http://{}", listener.local_addr()?);
    let config = Arc::new(Config::default());
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(256));
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    let (mut clients, mut scratch) = (HashMap::<Token, Client>::new(), Scratch::new());
    let mut tokens = (1..).map(Token);
    // Nobody can be accepted, because too many files are open: it is tried again now and then.
    let mut full = false;
    loop {
        let first = clients.values().filter_map(|client| client.connection.deadline()).min();
        let left = first.map(|at| at.saturating_since(now()));
        poll.poll(&mut events, left.into_iter().chain(full.then_some(Duration::from_millis(100))).min())?;
        let now = now();
        full = loop {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    let token = tokens.next().expect("endless");
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    let connection = any::Connection::new(config.clone(), now);
                    clients.insert(token, Client { stream, connection, echoes: Echoes::new() });
                }
                Err(e) => break e.kind() != ErrorKind::WouldBlock,
            }
        };
        // Readiness is told once, so everything goes on until the socket says that it would block.
        let ready: Vec<Token> = events.iter().map(|event| event.token()).collect();
        clients.retain(|token, client| {
            let due = client.connection.deadline().is_some_and(|at| at <= now);
            let idle = !due && !ready.contains(token);
            idle || client.drive(now, &mut scratch).unwrap_or(false)
        });
    }
}

struct Client {
    stream: TcpStream,
    connection: any::Connection,
    echoes: Echoes,
}

impl Client {
    /// Everything up to the next wait. Says whether the connection goes on.
    fn drive(&mut self, now: Instant, scratch: &mut Scratch) -> io::Result<bool> {
        let Client { stream, connection, echoes } = self;
        connection.timed_out(now);
        loop {
            talk(connection, echoes, now, scratch);
            match connection.next_step(scratch) {
                Step::Write(bytes) => match stream.write(bytes) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        connection.did_write(now, 0);
                        return Ok(true);
                    }
                    done => connection.did_write(now, done?),
                },
                Step::Read(memory) => match stream.read(memory) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        connection.rest(scratch);
                        return Ok(true);
                    }
                    done => connection.did_read(now, done?),
                },
                Step::Shutdown => stream.shutdown(Shutdown::Write)?,
                Step::Close { reset } => {
                    socket2::SockRef::from(&*stream).set_linger(reset.then_some(Duration::ZERO))?;
                    return Ok(false);
                }
                Step::Wait => return Ok(true),
            }
        }
    }
}
