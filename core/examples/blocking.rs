//! HTTP/1.1, HTTP/2 and WebSocket on one port over blocking sockets: a thread per connection.
//!
//! `cargo run -p avx-core --example blocking [address]`, then `curl http://127.0.0.1:8080/`, `curl --data-binary @file
//! http://127.0.0.1:8080/echo | cmp - file`, both with `--http2-prior-knowledge`, and `avx ws ws://127.0.0.1:8080/ws`. What it answers
//! stands in `answers/`, for this loop as for the others.

mod answers;

use answers::{Echoes, talk};
use avx_core::{Config, Drive, Instant, Scratch, Step, any};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    println!("listening on http://{}", listener.local_addr()?);
    let config = Arc::new(Config::default());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(100)); // Too many files are open: others may end meanwhile.
            continue;
        };
        let connection = any::Connection::new(config.clone(), Instant::ZERO);
        let _ = std::thread::Builder::new().spawn(move || serve(stream, connection)); // (Or there are too many.)
    }
    Ok(())
}

fn serve(mut stream: TcpStream, mut connection: any::Connection) -> io::Result<()> {
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let (mut scratch, mut echoes) = (Scratch::new(), Echoes::new());
    loop {
        connection.timed_out(now());
        talk(&mut connection, &mut echoes, now(), &mut scratch);
        if let Step::Write(_) = connection.next_step(&mut scratch) {
            connection.did_write(now(), 0); // The time a write takes counts from before it.
        }
        let left = connection.deadline().map(|at| at.saturating_since(now()).max(Duration::from_millis(1)));
        stream.set_write_timeout(left)?;
        stream.set_read_timeout(left)?;
        match connection.next_step(&mut scratch) {
            Step::Write(bytes) => match stream.write(bytes) {
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                done => connection.did_write(now(), done?),
            },
            Step::Read(memory) => match stream.read(memory) {
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                done => connection.did_read(now(), done?),
            },
            Step::Shutdown => stream.shutdown(Shutdown::Write)?,
            Step::Close { reset } => {
                return socket2::SockRef::from(&stream).set_linger(reset.then_some(Duration::ZERO));
            }
            Step::Wait => std::thread::sleep(left.unwrap_or(Duration::from_secs(1))),
        }
    }
}
