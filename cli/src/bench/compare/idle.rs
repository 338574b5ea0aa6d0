//! Memory of connections that wait: each has had one exchange.

use super::measure::Kind;
use super::server::Server;
use avx_core::ws::handshake::Handshake;
use avx_core::{BodyLen, Config, Event, Http, Instant, Method, Request, Scratch, Session, h1, h2};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// Connections before those that are measured.
pub(super) const BEFORE: u32 = 64;
/// Longer than an answer ever takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the server's memory for each of `n` idle connections, beyond some that it has had before.
pub(super) fn per_connection(server: &Server, kind: Kind, n: usize) -> Result<f64, String> {
    let rss = || server.memory().map(|(now, _)| now).ok_or_else(|| "memory is not known here".to_owned());
    let failed = |error: std::io::Error| format!("an idle connection failed: {error}");
    // What the server sets up once is not part of the price of one.
    let first: Vec<TcpStream> =
        (0..BEFORE).map(|_| visit(server, kind)).collect::<Result<_, _>>().map_err(failed)?;
    let before = rss()?;
    let idle: Vec<TcpStream> =
        (0..n).map(|_| visit(server, kind)).collect::<Result<_, _>>().map_err(failed)?;
    let after = rss()?;
    drop((first, idle));
    Ok(after.saturating_sub(before) as f64 / n.max(1) as f64)
}

/// A connection that has had an answer.
fn visit(server: &Server, kind: Kind) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(server.addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let config = Arc::new(Config::default());
    match kind {
        Kind::Http2 => {
            exchange(stream, Session::new(h2::Client::new(config.clone(), Instant::ZERO), &config), None)
        }
        Kind::Http1 | Kind::Pipelined => {
            exchange(stream, Session::new(h1::Client::new(config.clone(), Instant::ZERO), &config), None)
        }
        // The key is of no secret.
        Kind::WebSocket => exchange(
            stream,
            Session::new(h1::Client::new(config.clone(), Instant::ZERO), &config),
            Some(Handshake::new([7; 16])),
        ),
    }
}

fn exchange<M: Http>(
    mut stream: TcpStream,
    mut session: Session<M>,
    handshake: Option<Handshake<'_>>,
) -> std::io::Result<TcpStream> {
    let (now, mut scratch) = (Instant::ZERO, Scratch::new());
    let wrong = |why: &dyn std::fmt::Display| std::io::Error::other(why.to_string());
    let lines = handshake.as_ref().map(Handshake::fields);
    let fields = lines.as_deref().unwrap_or_default();
    let target: &[u8] = if handshake.is_some() { b"/ws" } else { b"/plaintext" };
    let (machine, out) = session.parts(&mut scratch);
    let request = Request { method: Method::Get, target, authority: b"localhost", fields };
    machine.send_request(now, &request, BodyLen::Empty, out).map_err(|error| wrong(&error))?;
    let mut done = false;
    loop {
        while let Some(turn) = session.turn(now, &mut scratch).map_err(|error| wrong(&error))? {
            match turn.event {
                Event::Data { stream, credit, .. } => turn.machine.release(stream, credit),
                Event::End { .. } => done = true,
                _ => {}
            }
        }
        stream.write_all(session.write_buf())?;
        session.did_write(now, session.write_buf().len());
        if done || session.switched().is_some() {
            return Ok(stream);
        }
        let n = stream.read(session.read_buf(&mut scratch))?;
        if n == 0 {
            return Err(wrong(&"the server closed it"));
        }
        session.did_read(now, n);
    }
}
