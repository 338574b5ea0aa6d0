//! Requests over HTTP, of either version: what the machines have in common.

use super::failure::{Failure, Kind, Protocol};
use super::lane::{Lane, Work};
use super::link::{Link, Load};
use super::pace::Pace;
use avx_core::{
    BodyLen, Config, ErrorCode, Event, Http, Instant, Output, Request, Session, StreamId, UsageError,
};
use runtime_avx::net::TcpStream;
use std::sync::Arc;

/// A client's machine that can be loaded.
pub(super) trait Client: Http + Send + 'static {
    const PROTOCOL: Protocol;
    type Open: Open;

    fn start(config: Arc<Config>, now: Instant) -> Self;

    /// Whether a request may be sent now.
    fn can_begin(&self) -> bool;

    /// How many may be under way at a time, where the server has a say in it.
    fn allowed(&self) -> Option<u32>;
}

/// Requests under way, by their stream.
pub(super) trait Open: Default + Send + 'static {
    fn insert(&mut self, stream: StreamId, exchange: Exchange);
    fn find(&mut self, stream: StreamId) -> Option<&mut Exchange>;
    fn remove(&mut self, stream: StreamId) -> Option<Exchange>;
    fn len(&self) -> usize;
    fn iter(&self) -> impl Iterator<Item = &Exchange>;
}

/// One request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchange {
    /// When it was due, and when it was sent.
    since: u64,
    begun: u64,
    status: u16,
    /// Bytes of content that were sent.
    sent: usize,
}

/// The requests of one connection.
pub(super) struct Requests<C: Client> {
    open: C::Open,
    answered: u64,
    /// The server ends the connection, and why.
    leaves: Option<ErrorCode>,
}

/// What a head may take beside its texts, bytes.
const SPARE: usize = 512;

impl<C: Client> Load for Requests<C> {
    type Machine = C;
    const PROTOCOL: Protocol = C::PROTOCOL;

    async fn open(lane: &Lane, io: TcpStream) -> Result<Link<Self>, Failure> {
        let session = Session::new(C::start(lane.config.clone(), lane.clock.now()), &lane.config);
        Ok(Link::new(io, session, Requests { open: C::Open::default(), answered: 0, leaves: None }))
    }

    #[inline]
    fn receive(
        &mut self,
        now: Instant,
        _: &Lane,
        work: &mut Work,
        session: &mut Session<C>,
    ) -> Result<(), Failure> {
        let Work { scratch, stats, from, failure, again, .. } = work;
        loop {
            let turn = match session.turn(now, scratch) {
                Ok(Some(turn)) => turn,
                Ok(None) => break,
                Err(error) => return Err(Failure::new(Kind::Protocol, error)),
            };
            match turn.event {
                Event::Response { stream, head, .. } => {
                    if let Some(exchange) = self.open.find(stream) {
                        exchange.status = head.status().code();
                    }
                }
                Event::Data { stream, data, credit } => {
                    stats.content += data.len() as u64;
                    turn.machine.release(stream, credit);
                }
                Event::End { stream, .. } => {
                    if let Some(exchange) = self.open.remove(stream) {
                        self.answered += 1;
                        if exchange.since >= *from {
                            stats.respond(exchange.status, exchange.since, now.as_nanos());
                        }
                    }
                }
                Event::Reset { stream, code, .. } => {
                    turn.machine.done(now, stream);
                    let Some(exchange) = self.open.remove(stream) else { continue };
                    let counts = exchange.since >= *from;
                    // "Requests that have not been processed are [...] safe to retry" (RFC 9113, section 8.7),
                    // and a server that leaves in order says so of what it does not answer any more.
                    if code == ErrorCode::REFUSED_STREAM && self.leaves == Some(ErrorCode::NO_ERROR) {
                        again.push(exchange.since);
                        continue;
                    }
                    let why = reset(code, self.leaves);
                    stats.fail(&why, u64::from(counts));
                    failure.get_or_insert(why);
                }
                Event::GoAway { code, .. } => self.leaves = Some(code),
                _ => {}
            }
        }
        match session.switched() {
            Some(_) => Err(Failure::new(Kind::Protocol, "the server switched to another protocol")),
            None => Ok(()),
        }
    }

    #[inline]
    fn send(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        pace: &mut Option<Pace>,
        session: &mut Session<C>,
    ) -> Result<(), Failure> {
        let plan = &lane.plan;
        if !plan.body.is_empty() && self.feed(now, &plan.body, work, session)? {
            return Ok(());
        }
        while self.open.len() < plan.depth && session.machine().can_begin() {
            let waits = !session.write_buf().is_empty();
            if waits && session.parts(&mut work.scratch).1.room() < plan.head_len() + SPARE {
                return Ok(());
            }
            let Some(since) = work.next(now, pace) else { return Ok(()) };
            let (machine, out) = session.parts(&mut work.scratch);
            let body = match plan.body.len() {
                0 => BodyLen::Empty,
                n => BodyLen::Exact(n as u64),
            };
            let sent = plan.with_fields(|method, fields| {
                let (target, authority) = (plan.target.as_bytes(), plan.authority.as_bytes());
                machine.send_request(now, &Request { method, target, authority, fields }, body, out)
            });
            let stream = sent.map_err(refused)?;
            self.open.insert(stream, Exchange { since, begun: now.as_nanos(), status: 0, sent: 0 });
            if body != BodyLen::Empty {
                machine.wants_write(stream, true);
                if self.feed(now, &plan.body, work, session)? {
                    return Ok(());
                }
            }
        }
        let wanted = plan.depth as u64;
        if let Some(n) = session.machine().allowed().filter(|&n| u64::from(n) < wanted) {
            work.stats.allow(n);
        }
        Ok(())
    }

    fn under_way(&self) -> impl Iterator<Item = (u64, u64)> {
        self.open.iter().map(|exchange| (exchange.since, exchange.begun))
    }

    fn is_inside(&self) -> bool {
        self.open.iter().any(|exchange| exchange.status != 0)
    }

    fn answered(&self) -> u64 {
        self.answered
    }

    #[inline]
    fn is_spent(&self, session: &Session<C>) -> bool {
        self.open.len() == 0 && !session.machine().can_begin()
    }
}

impl<C: Client> Requests<C> {
    /// Sends content, where the machine has something to say. Whether there was no room for all of it.
    fn feed(
        &mut self,
        now: Instant,
        body: &[u8],
        work: &mut Work,
        session: &mut Session<C>,
    ) -> Result<bool, Failure> {
        let (machine, out) = session.parts(&mut work.scratch);
        while let Some(stream) = machine.next_writable() {
            let Some(exchange) = self.open.find(stream) else {
                machine.wants_write(stream, false);
                continue;
            };
            let rest = &body[exchange.sent..];
            let n = match machine.send_data(now, stream, rest, out) {
                Ok(n) => n,
                Err(UsageError::OutputFull(_)) => return Ok(true),
                Err(error) => return Err(refused(error)),
            };
            exchange.sent += n;
            if n < rest.len() {
                if n == 0 {
                    return Ok(true);
                }
                continue;
            }
            match machine.send_end(now, stream, &[], out) {
                Ok(()) => machine.wants_write(stream, false),
                Err(UsageError::OutputFull(_)) => return Ok(true),
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(false)
    }
}

/// Why a stream came to nothing; `leaves` is what the server said when it gave the connection up.
#[cold]
pub(super) fn reset(code: ErrorCode, leaves: Option<ErrorCode>) -> Failure {
    let why = match leaves {
        Some(why) if code == ErrorCode::REFUSED_STREAM => format!("the server gave the connection up: {why}"),
        _ => format!("the server reset a stream: {code}"),
    };
    Failure::new(Kind::Reset, why)
}

#[cold]
pub(super) fn refused(error: UsageError) -> Failure {
    Failure::new(Kind::Protocol, format_args!("the request cannot be sent: {error}"))
}
