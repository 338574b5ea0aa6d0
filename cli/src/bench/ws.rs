//! WebSocket: messages that are to come back as they were.

use super::failure::{Failure, Kind, Protocol};
use super::http::refused;
use super::lane::{Lane, Work};
use super::link::{Begin, Link, Load};
use super::pace::Pace;
use super::plan::Plan;
use super::stats::Stats;
use avx_core::ws::handshake::{self, Handshake};
use avx_core::ws::key::MaskKeys;
use avx_core::ws::{self, Event};
use avx_core::{
    BodyLen, Event as HttpEvent, Field, Http, Instant, Method, Output, Protocol as Next, Request, Scratch,
    Session, h1,
};
use avx_http::ws::entropy;
use runtime_avx::net::TcpStream;
use std::collections::VecDeque;

/// The messages of one connection.
pub(super) struct Messages {
    /// Those under way, the oldest first.
    under_way: VecDeque<Message>,
    /// Bytes of the oldest that have come back.
    back: usize,
    answered: u64,
    begun: u64,
    kind: ws::Kind,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    since: u64,
    begun: u64,
    /// Where in the [`Pattern`] it begins: neighbours differ, so that an echo of another one is no echo.
    at: usize,
    len: usize,
}

/// What messages are cut from: text that does not repeat itself soon.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Vec<u8>);

/// Messages begin at so many different places.
const PLACES: u64 = 61;

impl Pattern {
    /// For messages of up to `longest` bytes.
    pub(crate) fn new(longest: usize) -> Self {
        const LETTERS: &[u8; 63] = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.";
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            LETTERS[(state >> 16) as usize % LETTERS.len()]
        };
        Pattern((0..longest + PLACES as usize).map(|_| letter()).collect())
    }
}

/// What a header takes at most, bytes.
const HEADER: usize = 14;

impl Load for Messages {
    type Machine = ws::Client;
    const PROTOCOL: Protocol = Protocol::WebSocket;

    async fn open(lane: &Lane, mut io: TcpStream) -> Result<Link<Self>, Failure> {
        let mut scratch = Scratch::new();
        let mut session = Session::new(h1::Client::new(lane.config.clone(), lane.clock.now()), &lane.config);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&entropy()[..16]);
        let handshake = Handshake::new(nonce);
        ask(lane, &handshake, &mut session, &mut scratch)?;
        let mut begin = Begin::default();
        loop {
            let now = lane.clock.now();
            let sent = session.write_buf().len();
            io.write_all(session.write_buf()).await.map_err(|error| Failure::io(&error))?;
            session.did_write(now, sent);
            if accepted(now, &handshake, &mut session, &mut scratch, begin.bytes())? {
                break;
            }
            let buf = session.read_buf(&mut scratch);
            let n = io.read(buf).await.map_err(|error| Failure::io(&error))?;
            begin.note(&buf[..n]);
            session.did_read(lane.clock.now(), n);
        }
        let machine = ws::Client::new(lane.config.clone(), lane.clock.now(), MaskKeys::new(entropy()));
        let (mut session, _) = session.replace(machine);
        // What the server says first is nothing to wait for.
        session.rest(&mut scratch);
        Ok(Link::new(io, session, Messages::new(&lane.plan)))
    }

    #[inline]
    fn receive(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        session: &mut Session<ws::Client>,
    ) -> Result<(), Failure> {
        let Work { scratch, stats, from, .. } = work;
        self.take(now, &lane.plan, session, scratch, *from, stats)
    }

    #[inline]
    fn send(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        pace: &mut Option<Pace>,
        session: &mut Session<ws::Client>,
    ) -> Result<(), Failure> {
        let plan = &lane.plan;
        while self.under_way.len() < plan.depth && session.machine().is_open() {
            let waits = !session.write_buf().is_empty();
            if waits && session.parts(&mut work.scratch).1.room() < self.next_len(plan) {
                return Ok(());
            }
            let Some(since) = work.next(now, pace) else { return Ok(()) };
            self.begin(now, since, plan, session, &mut work.scratch)?;
        }
        Ok(())
    }

    fn under_way(&self) -> impl Iterator<Item = (u64, u64)> {
        self.under_way.iter().map(|message| (message.since, message.begun))
    }

    fn is_inside(&self) -> bool {
        self.back > 0
    }

    fn answered(&self) -> u64 {
        self.answered
    }

    fn is_spent(&self, session: &Session<ws::Client>) -> bool {
        self.under_way.is_empty() && !session.machine().is_open()
    }
}

impl Messages {
    /// None yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let kind = if plan.text { ws::Kind::Text } else { ws::Kind::Binary };
        Messages { under_way: VecDeque::new(), back: 0, answered: 0, begun: 0, kind }
    }

    /// Takes what comes back, and compares it.
    #[inline]
    pub(super) fn take(
        &mut self,
        now: Instant,
        plan: &Plan,
        session: &mut Session<ws::Client>,
        scratch: &mut Scratch,
        from: u64,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        loop {
            let turn = match session.turn(now, scratch) {
                Ok(Some(turn)) => turn,
                Ok(None) => return Ok(()),
                Err(error) => return Err(Failure::new(Kind::Protocol, error)),
            };
            match turn.event {
                Event::Data { kind, data, last } => {
                    let Some(&message) = self.under_way.front() else {
                        return Err(mismatch("more than was sent"));
                    };
                    let at = message.at + self.back;
                    self.back += data.len();
                    let fits = self.back <= message.len && kind == self.kind;
                    if !fits || plan.pattern.0.get(at..at + data.len()) != Some(&*data) {
                        return Err(mismatch("something else"));
                    }
                    stats.content += data.len() as u64;
                    if last {
                        if self.back < message.len {
                            return Err(mismatch("a part of it"));
                        }
                        self.back = 0;
                        self.answered += 1;
                        self.under_way.pop_front();
                        if message.since >= from {
                            stats.complete(message.since, now.as_nanos());
                        }
                    }
                }
                Event::Close { code, .. } => {
                    return Err(Failure::new(
                        Kind::Closed,
                        format_args!("the server closed the WebSocket with {code}"),
                    ));
                }
                _ => {}
            }
        }
    }

    /// Sends the next message, which counts from `since`.
    #[inline]
    pub(super) fn begin(
        &mut self,
        now: Instant,
        since: u64,
        plan: &Plan,
        session: &mut Session<ws::Client>,
        scratch: &mut Scratch,
    ) -> Result<(), Failure> {
        let (len, at) = (self.len(plan), (self.begun % PLACES) as usize);
        let data = plan.pattern.0.get(at..at + len).unwrap_or_default();
        let (machine, out) = session.parts(scratch);
        machine.send(now, self.kind, data, true, out).map_err(|error| {
            Failure::new(Kind::Protocol, format_args!("a message cannot be sent: {error}"))
        })?;
        self.begun += 1;
        self.under_way.push_back(Message { since, begun: now.as_nanos(), at, len });
        Ok(())
    }

    /// What the next message takes at most, bytes.
    pub(super) fn next_len(&self, plan: &Plan) -> usize {
        self.len(plan) + HEADER
    }

    /// How long it is.
    fn len(&self, plan: &Plan) -> usize {
        let sizes = plan.messages.len().max(1) as u64;
        plan.messages.get((self.begun % sizes) as usize).copied().unwrap_or(0)
    }
}

/// Writes the request of the handshake.
fn ask(
    lane: &Lane,
    handshake: &Handshake<'_>,
    session: &mut Session<h1::Client>,
    scratch: &mut Scratch,
) -> Result<(), Failure> {
    let plan = &lane.plan;
    let (machine, out) = session.parts(scratch);
    plan.with_fields(|_, more| {
        let lines = handshake.fields();
        let fields: Vec<Field<'_>> = lines.iter().chain(more).copied().collect();
        let (target, authority) = (plan.target.as_bytes(), plan.authority.as_bytes());
        let request = Request { method: Method::Get, target, authority, fields: &fields };
        machine.send_request(lane.clock.now(), &request, BodyLen::Empty, out)
    })
    .map(drop)
    .map_err(refused)
}

/// Whether the handshake was accepted; `begin` is how the answer begins.
fn accepted(
    now: Instant,
    handshake: &Handshake<'_>,
    session: &mut Session<h1::Client>,
    scratch: &mut Scratch,
    begin: &[u8],
) -> Result<bool, Failure> {
    loop {
        match session.turn(now, scratch) {
            Ok(Some(turn)) => {
                if let HttpEvent::Response { head, .. } = turn.event {
                    handshake.check(&head).map_err(declined)?;
                }
            }
            Ok(None) => break,
            Err(error) => return Err(Failure::peer(error, Protocol::WebSocket, begin)),
        }
    }
    Ok(session.switched() == Some(Next::WebSocket))
}

#[cold]
pub(super) fn declined(why: handshake::Failure) -> Failure {
    Failure::new(Kind::Protocol, format_args!("the server accepts no WebSocket here: {why}"))
}

#[cold]
fn mismatch(what: &str) -> Failure {
    Failure::new(Kind::Mismatch, format_args!("a message came back as {what}; is this an echo?"))
}
