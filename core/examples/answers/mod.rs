//! What the examples answer, whatever loop they run in: a greeting (`/`), content as it came (`POST /echo`), and messages
//! of a WebSocket as they came (`/ws`).

use avx_core::ws::{self, handshake};
use avx_core::{
    BodyLen, ErrorCode, Event, Http, Instant, Method, Response, Scratch, Session, Status, StreamId, Turn, any,
};
use std::collections::HashMap;

/// Takes what has come, and says what there is to say to it.
pub(super) fn talk(
    connection: &mut any::Connection,
    echoes: &mut Echoes,
    now: Instant,
    scratch: &mut Scratch,
) {
    if let any::Connection::Http(session) = connection {
        answer(session, echoes, now, scratch);
    }
    connection.upgrade(now);
    if let any::Connection::WebSocket(session) = connection {
        echo(session, now, scratch);
    }
}

/// Content that is echoed: what waits, and whether that is all.
pub(super) type Echoes = HashMap<StreamId, (Vec<u8>, bool)>;
const OK: Response<'_> = Response::new(Status::OK, &[]);
const CONTINUE: Response<'_> = Response::new(Status::CONTINUE, &[]);
const NOT_FOUND: Response<'_> = Response::new(Status::NOT_FOUND, &[]);

fn answer(session: &mut Session<any::Server>, echoes: &mut Echoes, now: Instant, scratch: &mut Scratch) {
    loop {
        let (http, out) = session.parts(scratch);
        echoes.retain(|&stream, (rest, all)| {
            let n = http.send_data(now, stream, rest, out).unwrap_or(0);
            rest.drain(..n);
            http.release(stream, n as u32); // As much may follow.
            http.wants_write(stream, !rest.is_empty());
            !(rest.is_empty() && *all && http.send_end(now, stream, &[], out).is_ok())
        });
        // (An answer finds room, or its request is not looked at before the next write.)
        let next = session.turn_with_room(now, scratch, 4096);
        let Ok(Some(Turn { event, machine: http, out })) = next else { return };
        match event {
            Event::Request { stream, head, body } => {
                if head.expect_continue() {
                    let _ = http.send_informational(now, stream, &CONTINUE, out);
                }
                let reply = handshake::reply(&head);
                let sent = match (head.method(), head.path()) {
                    (Method::Get, b"/") => http.send_full(now, stream, &OK, b"Hello, World!\n", out),
                    (Method::Get, b"/ws") => {
                        let fields = reply.fields();
                        http.send_full(now, stream, &Response::new(reply.status(), &fields), b"", out)
                    }
                    (Method::Post, b"/echo") => http.send_response(now, stream, &OK, body, out).map(|body| {
                        if body != BodyLen::Empty {
                            echoes.insert(stream, Default::default());
                        }
                    }),
                    _ => http.send_full(now, stream, &NOT_FOUND, b"", out),
                };
                if sent.is_err() {
                    http.reset(now, stream, ErrorCode::INTERNAL_ERROR);
                }
            }
            Event::Data { stream, data, credit } => match echoes.get_mut(&stream) {
                Some((rest, _)) => rest.extend_from_slice(data),
                None => http.release(stream, credit),
            },
            Event::End { stream, .. } => echoes.get_mut(&stream).into_iter().for_each(|echo| echo.1 = true),
            Event::Reset { stream, .. } => {
                echoes.remove(&stream);
                http.done(now, stream);
            }
            _ => {}
        }
    }
}

fn echo(session: &mut Session<ws::Server>, now: Instant, scratch: &mut Scratch) {
    loop {
        let room = session.unread().len() + 16; // A piece is no longer than what was read.
        let next = session.turn_with_room(now, scratch, room);
        let Ok(Some(Turn { event, machine, out })) = next else { return };
        if let ws::Event::Data { kind, data, last } = event {
            let _ = machine.send(now, kind, data, last, out); // (Unless the connection is being closed.)
        }
    }
}
