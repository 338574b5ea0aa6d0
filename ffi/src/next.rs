//! What comes next, from a connection and from the WebSockets on its streams.

use crate::border::{Answer, borrow, with_both};
use crate::connection::text_of_failure;
use crate::event::tell;
use crate::opening::{self, Asking};
use crate::tunnel::Tunnel;
use crate::{Code, Connection, Event, EventKind, Scratch, Socket, Speaks};
use avx_core::ws::handshake::Failure;
use avx_core::{ErrorCode, Http, Instant, Machine, Protocol, Session, StreamId, Version, ws};
use core::ptr;

/// Room that has to be left in the output before a request is told of, so that its head can be answered at once.
const ROOM: usize = 16 << 10;

/// The next event into `event`, which belongs to the scratch; null when there is none before something was read or
/// written. Allocates nothing beyond what the header says.
///
/// For a server there is none either while less than 16 KiB of room are left in the output (64 KiB), or for a WebSocket
/// less than an echo of what was read takes: a head of 16 KiB, or an echo, always finds room while its event is held. A
/// client is told of what comes even while its own output waits.
///
/// AVX_ERROR_PEER: the peer broke the protocol; AVX_ERROR_HANDSHAKE: it did in answering a handshake. Both stay, and no
/// exchange of the connection is told of any more. The answer that is due is written by itself: go on with the steps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_next(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    event: *mut *const Event,
) -> i32 {
    // SAFETY: handles and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let event = borrow(event)?;
            *event = ptr::null();
            let place = s.event;
            // What was told before is not valid any more, so that nobody else looks at this.
            if next(c, s, Instant::from_nanos(now), &mut *place.as_ptr())? {
                *event = place.as_ptr();
            }
            Ok(())
        })
    }
}

/// Puts the next event into `event`. Says whether there was one.
fn next(c: &mut Connection, s: &mut Scratch, now: Instant, event: &mut Event) -> Answer<bool> {
    c.tunnels.bury();
    if c.failed.is_some() {
        return Err(Code::AvxErrorHandshake);
    }
    loop {
        let told = match &mut c.speaks {
            Speaks::Server(session) => {
                if c.tunnels.next_of_one(session, s, now, event) {
                    return Ok(true);
                }
                let told = turn(session, ROOM, s, now, event, &mut |seen, event| {
                    // Nearly no request is a handshake: the rest is not looked at.
                    if let avx_core::Event::Request { stream, head, .. } = seen {
                        if head.version() != Version::Http10 && head.upgrade().is_some() {
                            let asking = Asking::new(*stream, head, c.config.ws.deflate.as_ref());
                            event.websocket = asking.accepts();
                            c.asking.push(asking);
                        }
                    }
                })?;
                if told == Told::Nothing && !c.told && session.switched() == Some(Protocol::WebSocket) {
                    let asking = c.asking.pop();
                    let agreed = asking.as_ref().and_then(Asking::agreed);
                    let stream = asking.map_or(StreamId(0), |asking| asking.stream);
                    let next = session.hand_over(opening::server(&c.config, now, agreed));
                    c.speaks = Speaks::WebSocket(stream, Socket::Server(next));
                    event.begin(EventKind::AvxEventOpen, stream.0);
                    return Ok(true);
                }
                match told {
                    // They say nothing that a server has to know.
                    Told::Event if event.kind == EventKind::AvxEventSettings => continue,
                    Told::Event if !c.tunnels.is_empty() && c.tunnels.take(event, session, s, now) => {
                        continue;
                    }
                    Told::Nothing if c.tunnels.next_of_all(session, s, now, event) => return Ok(true),
                    told => told,
                }
            }
            Speaks::Client(session) => {
                if c.tunnels.next_of_one(session, s, now, event) {
                    return Ok(true);
                }
                let mut verdict = None;
                let told = turn(session, 0, s, now, event, &mut |seen, _| {
                    if let avx_core::Event::Response { stream, head, .. } = seen {
                        let asked = c.asked.iter_mut().find(|asked| asked.stream == *stream);
                        verdict = asked.map(|asked| (*stream, asked.check(head)));
                    }
                })?;
                match verdict {
                    Some((stream, Ok(()))) if session.machine().is_http2() => {
                        let at = c.asked.iter().position(|asked| asked.stream == stream);
                        if let Some(asked) = at.map(|at| c.asked.swap_remove(at)) {
                            let next = Session::new(asked.machine(&c.config, now), &c.config);
                            c.tunnels.insert(stream, Tunnel::new(Socket::Client(next)));
                        }
                    }
                    None | Some((_, Ok(()))) => {}
                    // Another status: a response like any other, and nothing more to say to it.
                    Some((stream, Err(Failure::Status(_)))) => {
                        c.asked.retain(|asked| asked.stream != stream);
                        let (machine, out) = session.parts(&mut s.core);
                        if machine.is_http2() {
                            // (An event is only told where there is room for more than this.)
                            let _ = machine.send_end(now, stream, &[], out);
                        }
                    }
                    Some((stream, Err(failure))) if session.machine().is_http2() => {
                        c.asked.retain(|asked| asked.stream != stream);
                        session.machine_mut().reset(now, stream, ErrorCode::CANCEL);
                        event.begin(EventKind::AvxEventReset, stream.0);
                        event.code = ErrorCode::CANCEL.0;
                        event.reason = text_of_failure(failure).to_bytes().into();
                    }
                    Some((_, Err(failure))) => {
                        c.failed = Some(failure);
                        return Err(Code::AvxErrorHandshake);
                    }
                }
                let goes_on =
                    told == Told::Nothing && !c.told && session.switched() == Some(Protocol::WebSocket);
                if goes_on && c.asked.last().is_some_and(|asked| asked.accepted) {
                    let Some(asked) = c.asked.pop() else { continue };
                    let next = session.hand_over(asked.machine(&c.config, now));
                    c.speaks = Speaks::WebSocket(asked.stream, Socket::Client(next));
                    event.begin(EventKind::AvxEventOpen, asked.stream.0);
                    return Ok(true);
                }
                match told {
                    Told::Event if !c.tunnels.is_empty() && c.tunnels.take(event, session, s, now) => {
                        continue;
                    }
                    Told::Nothing if c.tunnels.next_of_all(session, s, now, event) => return Ok(true),
                    told => told,
                }
            }
            Speaks::WebSocket(stream, socket) => {
                let told = turn_websocket(socket, s, now, event)?;
                if told == Told::Event {
                    event.stream = stream.0;
                }
                told
            }
        };
        match told {
            Told::Event => {
                c.note(event);
                return Ok(true);
            }
            Told::Skipped => {}
            Told::Nothing => return Ok(switched(c, event)),
        }
    }
}

impl Connection {
    /// What an event that is told says about handshakes that are not answered yet.
    #[inline]
    fn note(&mut self, event: &Event) {
        if !self.asking.is_empty() || !self.asked.is_empty() {
            self.note_handshake(event);
        }
    }

    #[cold]
    fn note_handshake(&mut self, event: &Event) {
        let stream = StreamId(event.stream);
        let tunnel = matches!(&self.speaks, Speaks::Server(session) if session.machine().is_http2());
        match event.kind {
            EventKind::AvxEventReset => {
                self.asking.retain(|asking| asking.stream != stream);
                self.asked.retain(|asked| asked.stream != stream);
            }
            // "Once the client's opening handshake has been sent, the client MUST wait for a response from the server
            // before sending any further data." (RFC 6455, section 4.1) Over HTTP/1.1 that waits in the input.
            EventKind::AvxEventData | EventKind::AvxEventEnd if tunnel => {
                self.asking.retain(|asking| asking.stream != stream);
            }
            _ => {}
        }
    }
}

/// What a turn came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Event,
    /// One that C is not told of.
    Skipped,
    Nothing,
}

/// Tells once of a protocol that this library does not go on with.
fn switched(c: &mut Connection, event: &mut Event) -> bool {
    let Some(to) = crate::session!(c, session => session.switched()).filter(|_| !c.told) else {
        return false;
    };
    c.told = true;
    event.begin(EventKind::AvxEventSwitched, 0);
    event.code = match to {
        Protocol::Http2 => 1,
        Protocol::WebSocket => 2,
        _ => 3,
    };
    true
}

/// What is done with an event before it is told.
type Look<'a> = &'a mut dyn FnMut(&avx_core::Event<'_>, &mut Event);

fn turn<M: Http>(
    session: &mut Session<M>,
    room: usize,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
    look: Look<'_>,
) -> Answer<Told> {
    let Scratch { core, fields, .. } = s;
    let turn = session.turn_with_room(now, core, room).map_err(|_| Code::AvxErrorPeer)?;
    let Some(turn) = turn else { return Ok(Told::Nothing) };
    if !tell(&turn.event, told, fields) {
        return Ok(Told::Skipped);
    }
    look(&turn.event, told);
    Ok(Told::Event)
}

/// The same for a WebSocket.
pub(crate) fn turn_websocket(
    socket: &mut Socket,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
) -> Answer<Told> {
    match socket {
        Socket::Server(session) => {
            // The header of a frame, and the echo of a piece, which is no longer than what was read.
            let room = session.unread().len() + 32;
            turn_with_room(session, room, s, now, told)
        }
        // Were a client not told of what comes while it waits to send, and the server alike, both would wait.
        Socket::Client(session) => turn_with_room(session, 0, s, now, told),
    }
}

fn turn_with_room<M>(
    session: &mut Session<M>,
    room: usize,
    s: &mut Scratch,
    now: Instant,
    told: &mut Event,
) -> Answer<Told>
where
    M: for<'b> Machine<Event<'b> = ws::Event<'b>>,
{
    let turn = session.turn_with_room(now, &mut s.core, room).map_err(|_| Code::AvxErrorPeer)?;
    let Some(turn) = turn else { return Ok(Told::Nothing) };
    match turn.event {
        ws::Event::Data { kind, data, last } => {
            told.begin(EventKind::AvxEventMessage, 0);
            told.data = (&*data).into();
            (told.text, told.last) = (kind == ws::Kind::Text, last);
        }
        ws::Event::Ping { data } => {
            told.begin(EventKind::AvxEventPing, 0);
            told.data = data.into();
        }
        ws::Event::Pong { data } => {
            told.begin(EventKind::AvxEventPong, 0);
            told.data = data.into();
        }
        ws::Event::Close { code, reason } => {
            told.begin(EventKind::AvxEventClose, 0);
            told.code = code.0.into();
            told.data = reason.as_bytes().into();
        }
        _ => return Ok(Told::Skipped),
    }
    Ok(Told::Event)
}
