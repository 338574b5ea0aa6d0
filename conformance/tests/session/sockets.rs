//! WebSockets: an echo, piece by piece.

use super::{LOOK, Shared, is_timeout};
use avx_core::ws::{Event, Kind, Server};
use avx_core::{Scratch, Session, UsageError};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

pub(super) fn serve(
    mut stream: &TcpStream,
    shared: &Shared,
    session: &mut Session<Server>,
) -> io::Result<()> {
    let mut scratch = Scratch::new();
    let mut rest: Option<(Kind, Vec<u8>, bool)> = None;
    let mut shut = false;
    while !session.is_closed() {
        let now = shared.now();
        if shared.ends() {
            session.parts(&mut scratch).0.shutdown(now);
        }
        if let Some((kind, data, last)) = rest.take() {
            let (machine, out) = session.parts(&mut scratch);
            // It is being closed otherwise.
            let _ = machine.send(now, kind, &data, last, out);
        }
        while let Ok(Some(turn)) = session.turn(now, &mut scratch) {
            let Event::Data { kind, data, last } = turn.event else { continue };
            if let Err(UsageError::OutputFull(_)) = turn.machine.send(now, kind, data, last, turn.out) {
                rest = Some((kind, data.to_vec(), last));
                break;
            }
        }
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
        if session.wants_shutdown() && !shut {
            shut = true;
            stream.shutdown(Shutdown::Write)?;
        }
        if rest.is_none() && !session.is_closed() && session.wants_read() {
            let left = session.deadline().map_or(LOOK, |at| at.saturating_since(shared.now()));
            stream.set_read_timeout(Some(left.clamp(Duration::from_millis(1), LOOK)))?;
            match stream.read(session.read_buf(&mut scratch)) {
                Ok(n) => session.did_read(shared.now(), n),
                Err(e) if is_timeout(&e) => {}
                Err(e) => return Err(e),
            }
        }
        session.timed_out(shared.now());
        session.rest(&mut scratch);
    }
    Ok(())
}
