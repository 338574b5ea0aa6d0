//! An HTTP/1.1 server over blocking sockets: a thread per connection, no runtime.
//!
//! `cargo run -p avx-core --example blocking`, then `curl -d hello http://127.0.0.1:8080/`.
//! It echoes the content of each request; whatever is beyond reading and writing the socket is the
//! session's.

use avx_core::{BodyLen, Config, Event, Http, Instant, Response, Scratch, Session, Status, StreamId, h1};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8080")?;
    println!("listening on http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let start = std::time::Instant::now();
    let now = || Instant::from_nanos(start.elapsed().as_nanos() as u64);
    let config = Arc::new(Config::default());
    let mut scratch = Scratch::new();
    let mut session = Session::new(h1::Server::new(config.clone(), now()), &config);
    let mut echo = Vec::new();
    let mut shut = false;
    while !session.is_closed() {
        // What the peer said, and our answers to it.
        while let Ok(Some(turn)) = session.turn(now(), &mut scratch) {
            match turn.event {
                Event::Request { stream, head, .. } => {
                    echo.clear();
                    if head.expect_continue() {
                        let go_on = Response::new(Status::CONTINUE, &[]);
                        turn.machine.send_informational(now(), stream, &go_on, turn.out).expect("room");
                    }
                }
                Event::Data { data, .. } => echo.extend_from_slice(data),
                Event::End { stream, .. } => answer(turn.machine, now(), stream, &echo, turn.out),
                _ => {}
            }
        }
        // What that came to on the wire.
        while !session.write_buf().is_empty() {
            let n = stream.write(session.write_buf())?;
            session.did_write(now(), n);
        }
        if session.wants_shutdown() && !shut {
            shut = true;
            stream.shutdown(Shutdown::Write)?;
        }
        if session.wants_read() {
            let left = session
                .deadline()
                .map(|at| at.saturating_since(now()).max(std::time::Duration::from_millis(1)));
            stream.set_read_timeout(left)?;
            match stream.read(session.read_buf(&mut scratch)) {
                Ok(n) => session.did_read(now(), n),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(e) => return Err(e),
            }
        }
        session.timed_out(now());
    }
    Ok(())
}

fn answer(
    machine: &mut h1::Server,
    now: Instant,
    stream: StreamId,
    content: &[u8],
    out: &mut avx_core::Outgoing,
) {
    let response = Response::new(Status::OK, &[]);
    if machine.send_full(now, stream, &response, content, out).is_ok() {
        return;
    }
    // More than fits at once: this small example says so. The poll example shows how to go on.
    let busy = Response::new(Status::CONTENT_TOO_LARGE, &[]);
    let _ = machine.send_response(now, stream, &busy, BodyLen::Empty, out);
}
