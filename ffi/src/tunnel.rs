//! WebSockets on streams of HTTP/2 (RFC 8441): each a session of its own, whose transport is the content of its stream.
//!
//! ```text
//! Data, End ──▶ the socket's input ──▶ its events           and credit goes back as it is consumed
//! avx_websocket_send ──▶ the socket's output ──▶ send_data   as far as room and credit allow
//! ```
//!
//! Nothing of a stream is told between two of its events that this did not see, and no more is held of one than its
//! window. A stream ends with `AVX_EVENT_END` when its WebSocket was closed in order, else with `AVX_EVENT_RESET`.

use crate::connection::text;
use crate::next::{Told, turn_websocket};
use crate::{Event, EventKind, Scratch, Socket, socket};
use avx_core::{ErrorCode, Http, Instant, Outgoing, Session, StreamId};
use core::ops::Bound;
use std::collections::BTreeMap;

/// All of one connection.
#[derive(Default)]
pub(crate) struct Tunnels {
    all: BTreeMap<StreamId, Box<Tunnel>>,
    /// The one that something has happened to, to be looked at before anything else of the connection.
    awake: Option<StreamId>,
    /// The one that was looked at last when all were: others come first the next time.
    latest: Option<StreamId>,
    /// Those that were given up: the event at hand may point to what they have read.
    gone: Vec<Tunnel>,
}

pub(crate) struct Tunnel {
    socket: Socket,
    /// It was told of.
    open: bool,
    /// Content that the socket was given and that was not released.
    held: usize,
    /// The own side of the stream has ended.
    ended: bool,
}

/// What has become of a stream.
enum Settled {
    /// Nothing more can be done for now.
    Quiet,
    /// There is room for what waited for it.
    Moved,
    /// It has ended.
    Over,
}

impl Tunnel {
    pub(crate) fn new(socket: Socket) -> Box<Self> {
        Box::new(Tunnel { socket, open: false, held: 0, ended: false })
    }

    /// What it tells next, into `event`.
    fn turn(&mut self, stream: StreamId, s: &mut Scratch, now: Instant, event: &mut Event) -> bool {
        if !self.open {
            self.open = true;
            event.begin(EventKind::AvxEventOpen, stream.0);
            return true;
        }
        loop {
            match turn_websocket(&mut self.socket, s, now, event) {
                Ok(Told::Event) => {
                    event.stream = stream.0;
                    return true;
                }
                Ok(Told::Skipped) => {}
                // An error is told of when it has been answered: with the end of the stream.
                Ok(Told::Nothing) | Err(_) => return false,
            }
        }
    }

    /// What the socket has to write, as far as the stream takes it. How much that was.
    fn write<M: Http>(
        &mut self,
        stream: StreamId,
        machine: &mut M,
        out: &mut Outgoing,
        now: Instant,
    ) -> usize {
        let mut moved = 0;
        socket!(&mut self.socket, session => {
            while !session.write_buf().is_empty() && !self.ended {
                // (A stream that is gone is told of by the machine.)
                let n = machine.send_data(now, stream, session.write_buf(), out).unwrap_or(0);
                session.did_write(now, n);
                moved += n;
                if n == 0 {
                    break;
                }
            }
        });
        moved
    }

    /// Passes on what the socket has to write, and gives back what it has read.
    fn settle<M: Http>(
        &mut self,
        stream: StreamId,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
    ) -> Settled {
        let (machine, out) = http.parts(&mut s.core);
        let moved = self.write(stream, machine, out, now);
        socket!(&mut self.socket, session => {
            let unread = session.unread().len();
            if self.held > unread {
                machine.release(stream, (self.held - unread) as u32);
                self.held = unread;
            }
            let over = session.is_closed();
            if over && session.wants_reset() {
                // "RST exceptions are represented with the RST_STREAM frame (RFC 7540, Section 6.4) with the CANCEL
                // error code" (RFC 8441, section 5)
                machine.reset(now, stream, ErrorCode::CANCEL);
            } else if over || session.wants_shutdown() {
                // "Orderly TCP-level closures are represented as END_STREAM flags" (RFC 8441, section 5)
                if !self.ended && machine.send_end(now, stream, &[], out).is_err() {
                    return Settled::Quiet;
                }
                self.ended = true;
                if over {
                    machine.done(now, stream);
                }
            }
            let waits = !session.unread().is_empty();
            session.rest(&mut s.core);
            match over {
                true => Settled::Over,
                false if waits && moved > 0 => Settled::Moved,
                false => Settled::Quiet,
            }
        })
    }

    /// How the stream has ended.
    fn tell_end(&self, stream: StreamId, event: &mut Event) {
        let error = socket!(&self.socket, session => session.error());
        let reset = socket!(&self.socket, session => session.wants_reset());
        if error.is_none() && !reset {
            return event.begin(EventKind::AvxEventEnd, stream.0);
        }
        event.begin(EventKind::AvxEventReset, stream.0);
        event.code = ErrorCode::CANCEL.0;
        if let Some(error) = error {
            event.reason = text(error).to_bytes().into();
        }
    }
}

impl Tunnels {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn insert(&mut self, stream: StreamId, tunnel: Box<Tunnel>) {
        self.all.insert(stream, tunnel);
        self.awake = Some(stream);
    }

    pub(crate) fn remove(&mut self, stream: StreamId) {
        self.gone.extend(self.all.remove(&stream).map(|tunnel| *tunnel));
    }

    /// No event is looked at any more.
    #[inline]
    pub(crate) fn bury(&mut self) {
        if !self.gone.is_empty() {
            self.gone.clear();
        }
    }

    pub(crate) fn holds(&self, stream: StreamId) -> bool {
        self.all.contains_key(&stream)
    }

    pub(crate) fn socket(&mut self, stream: StreamId) -> Option<&mut Socket> {
        self.all.get_mut(&stream).map(|tunnel| &mut tunnel.socket)
    }

    pub(crate) fn sockets(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.all.values_mut().map(|tunnel| &mut tunnel.socket)
    }

    /// Looks at an event of the connection: what belongs to a WebSocket is for that alone. Says whether it was taken.
    pub(crate) fn take<M: Http>(
        &mut self,
        event: &Event,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
    ) -> bool {
        let stream = StreamId(event.stream);
        let Some(tunnel) = self.all.get_mut(&stream) else { return false };
        match event.kind {
            EventKind::AvxEventData => {
                // SAFETY: the event has just been told, and nothing was asked of its connection since. (The copy takes
                // a buffer from the scratch, where no content lies.)
                let data = unsafe { crate::border::bytes(event.data.data, event.data.len) }.unwrap_or(&[]);
                tunnel.held += data.len();
                socket!(&mut tunnel.socket, session => session.read_from(now, &mut s.core, data));
            }
            EventKind::AvxEventEnd => socket!(&mut tunnel.socket, session => session.did_read(now, 0)),
            EventKind::AvxEventReset => {
                self.all.remove(&stream);
                http.machine_mut().done(now, stream);
                return false;
            }
            _ => return false,
        }
        self.awake = Some(stream);
        true
    }

    /// What the one tells next that something has happened to.
    #[inline]
    pub(crate) fn next_of_one<M: Http>(
        &mut self,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
        event: &mut Event,
    ) -> bool {
        let Some(stream) = self.awake else { return false };
        let told = self.look(stream, http, s, now, event);
        if !told {
            self.awake = None;
        }
        told
    }

    /// What any of them tells next: time has passed, or there is room again. To be asked when the connection itself has
    /// nothing to tell.
    #[inline]
    pub(crate) fn next_of_all<M: Http>(
        &mut self,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
        event: &mut Event,
    ) -> bool {
        !self.all.is_empty() && self.look_at_all(http, s, now, event)
    }

    fn look_at_all<M: Http>(
        &mut self,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
        event: &mut Event,
    ) -> bool {
        for _ in 0..self.all.len() {
            let behind = (self.latest.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
            let next = self.all.range(behind).next().or_else(|| self.all.iter().next());
            let Some((&stream, _)) = next else { break };
            self.latest = Some(stream);
            if self.look(stream, http, s, now, event) {
                self.awake = Some(stream);
                return true;
            }
        }
        // Credit that has gone back, and streams that were reset.
        let (machine, out) = http.parts(&mut s.core);
        machine.transmit(now, out);
        false
    }

    #[inline(never)]
    fn look<M: Http>(
        &mut self,
        stream: StreamId,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
        event: &mut Event,
    ) -> bool {
        let Some(tunnel) = self.all.get_mut(&stream) else { return false };
        loop {
            if tunnel.turn(stream, s, now, event) {
                return true;
            }
            match tunnel.settle(stream, http, s, now) {
                Settled::Quiet => return false,
                Settled::Moved => {}
                Settled::Over => break,
            }
        }
        tunnel.tell_end(stream, event);
        self.all.remove(&stream);
        true
    }

    /// What was said on a WebSocket leaves, as far as it can. (What that ends is told of by the next event.)
    pub(crate) fn flush<M: Http>(
        &mut self,
        stream: StreamId,
        http: &mut Session<M>,
        s: &mut Scratch,
        now: Instant,
    ) {
        let Some(tunnel) = self.all.get_mut(&stream) else { return };
        let (machine, out) = http.parts(&mut s.core);
        tunnel.write(stream, machine, out, now);
    }
}
