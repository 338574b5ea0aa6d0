//! WebSockets: an echo, piece by piece.

use super::{Shared, flush, listen};
use avx_core::ws::{Event, Kind, Server};
use avx_core::{Scratch, Session, UsageError};
use std::io;
use std::net::TcpStream;

pub(super) fn serve(stream: &TcpStream, shared: &Shared, session: &mut Session<Server>) -> io::Result<()> {
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
        flush(stream, shared, session)?;
        listen(stream, shared, session, &mut scratch, &mut shut, rest.is_none())?;
    }
    Ok(())
}
