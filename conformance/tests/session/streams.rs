//! HTTP/2 over a bare session: the application of the suite, many exchanges at a time.

use super::{Shared, flush, listen};
use avx_core::h2::Server;
use avx_core::{
    BodyLen, ErrorCode, Event, Http, Instant, Outgoing, Response, Scratch, Session, Status, StreamId,
};
use conformance::live::LARGE;
use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

/// Serves until the connection is over.
pub(crate) fn serve(stream: &TcpStream, shared: &Shared, session: &mut Session<Server>) -> io::Result<()> {
    let (mut scratch, mut app) = (Scratch::new(), Application::default());
    let mut shut = false;
    while !session.is_closed() {
        if shared.ends() {
            session.shutdown(shared.now());
        }
        while let Ok(Some(turn)) = session.turn(shared.now(), &mut scratch) {
            app.on(shared.now(), turn.event, turn.machine, turn.out);
        }
        let (machine, out) = session.parts(&mut scratch);
        let pushed = app.push(shared.now(), machine, out);
        flush(stream, shared, session)?;
        listen(stream, shared, session, &mut scratch, &mut shut, !pushed)?;
    }
    if session.wants_reset() {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

#[derive(Default)]
struct Application {
    exchanges: HashMap<StreamId, Exchange>,
    /// Those whose head or end found no room.
    waiting: Vec<StreamId>,
}

struct Exchange {
    path: Vec<u8>,
    head: Option<BodyLen>,
    status: Status,
    /// Content to send, how much of it is still to be made up, and whether the end follows.
    backlog: Vec<u8>,
    more: usize,
    ended: bool,
    cut: bool,
    expects: bool,
}

impl Application {
    fn on(&mut self, now: Instant, event: Event<'_>, m: &mut Server, out: &mut Outgoing) {
        match event {
            Event::Request { stream, head, .. } => {
                let mut exchange = Exchange {
                    path: head.path().to_vec(),
                    head: None,
                    status: Status::OK,
                    backlog: Vec::new(),
                    more: 0,
                    ended: false,
                    cut: false,
                    expects: head.expect_continue(),
                };
                match &exchange.path[..] {
                    b"/echo" => exchange.head = Some(BodyLen::Streaming),
                    b"/ignore" => exchange.answer(b"ignored"),
                    _ => {}
                }
                if exchange.expects && exchange.path != b"/ignore" {
                    let _ = m.send_informational(now, stream, &Response::new(Status::CONTINUE, &[]), out);
                }
                self.exchanges.insert(stream, exchange);
                self.waiting.push(stream);
            }
            Event::Data { stream, data, credit } => match self.exchanges.get_mut(&stream) {
                Some(exchange) if exchange.path == b"/echo" => {
                    exchange.backlog.extend_from_slice(data);
                    m.wants_write(stream, true);
                }
                // Of those that are read, and of those that are not.
                _ => m.release(stream, credit),
            },
            Event::End { stream, .. } => {
                let Some(exchange) = self.exchanges.get_mut(&stream) else { return };
                match &exchange.path[..] {
                    b"/echo" => exchange.ended = true,
                    b"/ignore" => {}
                    b"/" => exchange.answer(b"hello"),
                    b"/large" => {
                        (exchange.head, exchange.more) = (Some(BodyLen::Exact(LARGE as u64)), LARGE);
                        exchange.ended = true;
                    }
                    b"/cut" => {
                        exchange.head = Some(BodyLen::Streaming);
                        (exchange.backlog, exchange.cut) = (b"part".to_vec(), true);
                    }
                    _ => {
                        (exchange.head, exchange.status) = (Some(BodyLen::Empty), Status::NOT_FOUND);
                        exchange.ended = true;
                    }
                }
                self.waiting.push(stream);
            }
            Event::Reset { stream, .. } => {
                self.exchanges.remove(&stream);
                m.done(now, stream);
            }
            _ => {}
        }
    }

    /// Sends what finds room and credit. Whether there may be more.
    fn push(&mut self, now: Instant, m: &mut Server, out: &mut Outgoing) -> bool {
        for stream in std::mem::take(&mut self.waiting) {
            if !self.advance(now, stream, m, out) {
                self.waiting.push(stream);
            }
        }
        let mut moved = false;
        while let Some(stream) = m.next_writable() {
            let Some(exchange) = self.exchanges.get_mut(&stream) else {
                m.wants_write(stream, false);
                continue;
            };
            exchange.refill();
            let piece = &exchange.backlog[..exchange.backlog.len().min(16 << 10)];
            let Ok(n @ 1..) = m.send_data(now, stream, piece, out) else { break };
            exchange.backlog.drain(..n);
            if exchange.path == b"/echo" {
                m.release(stream, n as u32);
            }
            moved = true;
            exchange.refill();
            if exchange.backlog.is_empty() {
                m.wants_write(stream, false);
                if !self.advance(now, stream, m, out) {
                    self.waiting.push(stream);
                }
            }
        }
        moved || !self.waiting.is_empty() && !out.is_empty()
    }

    /// Head and end of a response. False when there is no room for them.
    fn advance(&mut self, now: Instant, stream: StreamId, m: &mut Server, out: &mut Outgoing) -> bool {
        let Some(exchange) = self.exchanges.get_mut(&stream) else { return true };
        if let Some(body) = exchange.head {
            match m.send_response(now, stream, &Response::new(exchange.status, &[]), body, out) {
                Ok(BodyLen::Empty) => {
                    self.exchanges.remove(&stream);
                    return true;
                }
                Ok(_) => exchange.head = None,
                Err(_) => return out.is_empty(),
            }
        }
        exchange.refill();
        if !exchange.backlog.is_empty() {
            m.wants_write(stream, true);
        } else if exchange.cut {
            m.reset(now, stream, ErrorCode::INTERNAL_ERROR);
            self.exchanges.remove(&stream);
        } else if exchange.ended {
            if m.send_end(now, stream, &[], out).is_err() {
                return out.is_empty();
            }
            self.exchanges.remove(&stream);
        }
        true
    }
}

impl Exchange {
    fn answer(&mut self, content: &[u8]) {
        self.head = Some(BodyLen::Exact(content.len() as u64));
        (self.backlog, self.ended) = (content.to_vec(), true);
    }

    fn refill(&mut self) {
        if self.backlog.is_empty() && self.more > 0 {
            let n = self.more.min(32 << 10);
            self.backlog.resize(n, b'x');
            self.more -= n;
        }
    }
}
