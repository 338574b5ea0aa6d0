//! WebSockets on streams of HTTP/2 (RFC 8441): several over one connection.
//!
//! ```text
//! socket  -> machine of HTTP/2 -> machine of each WebSocket -> messages
//! ```

use super::failure::{Failure, Kind, Protocol};
use super::h2::Spread;
use super::http::{refused, reset};
use super::lane::{Lane, Work};
use super::link::{Begin, Link, Load};
use super::pace::Pace;
use super::plan::Plan;
use super::ws::{Messages, declined};
use avx_core::ws::handshake::Handshake;
use avx_core::ws::key::MaskKeys;
use avx_core::{
    BodyLen, ErrorCode, Event, Field, Http, Instant, Method, Output, Request, Session, StreamId, UsageError,
    h2, ws,
};
use avx_http::ws::entropy;
use runtime_avx::net::TcpStream;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

/// The WebSockets of one connection.
pub(super) struct Tunnels {
    sockets: HashMap<u64, Socket, BuildHasherDefault<Spread>>,
    /// The streams that may begin a message, each once for every one, those that waited longest first. Some may be
    /// gone.
    free: VecDeque<StreamId>,
    answered: u64,
    /// The server has said what it takes.
    knows: bool,
    leaves: Option<ErrorCode>,
}

/// One WebSocket.
struct Socket {
    session: Session<ws::Client>,
    messages: Messages,
    accepted: bool,
    /// Messages that may begin when what waits has left.
    held: usize,
}

/// What a head may take beside its texts, bytes.
const SPARE: usize = 512;

impl Load for Tunnels {
    type Machine = h2::Client;
    const PROTOCOL: Protocol = Protocol::Tunnel;

    async fn open(lane: &Lane, mut io: TcpStream) -> Result<Link<Self>, Failure> {
        let machine = h2::Client::new(lane.config.clone(), lane.clock.now());
        let mut session = Session::new(machine, &lane.config);
        let mut tunnels = Tunnels {
            sockets: HashMap::default(),
            free: VecDeque::new(),
            answered: 0,
            knows: false,
            leaves: None,
        };
        let (mut begin, mut ended) = (Begin::default(), false);
        loop {
            // The lane is not locked while others are waited for.
            {
                let (now, mut work) = (lane.clock.now(), lane.work());
                tunnels.receive(now, lane, &mut work, &mut session).map_err(|failure| {
                    session
                        .error()
                        .map_or(failure, |error| Failure::peer(error, Self::PROTOCOL, begin.bytes()))
                })?;
                tunnels.dig(now, lane, &mut work, &mut session)?;
            }
            let sent = session.write_buf().len();
            io.write_all(session.write_buf()).await.map_err(|error| Failure::io(&error))?;
            session.did_write(lane.clock.now(), sent);
            if tunnels.is_complete(&lane.plan, &session) {
                session.rest(&mut lane.work().scratch);
                return Ok(Link::new(io, session, tunnels));
            }
            if ended || session.is_closed() {
                return Err(tunnels
                    .leaves
                    .map_or_else(Failure::closed, |code| reset(ErrorCode::REFUSED_STREAM, Some(code))));
            }
            let mut buf = [0; 4096];
            let n = io.read(&mut buf).await.map_err(|error| Failure::io(&error))?;
            begin.note(&buf[..n]);
            let now = lane.clock.now();
            ended = n == 0;
            match ended {
                true => session.did_read(now, 0),
                false => session.read_from(now, &mut lane.work().scratch, &buf[..n]),
            }
        }
    }

    #[inline]
    fn receive(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        session: &mut Session<h2::Client>,
    ) -> Result<(), Failure> {
        let Work { scratch, inner, stats, from, failure, .. } = work;
        loop {
            let turn = match session.turn(now, scratch) {
                Ok(Some(turn)) => turn,
                Ok(None) => return Ok(()),
                Err(error) => return Err(Failure::new(Kind::Protocol, error)),
            };
            let (stream, why) = match turn.event {
                Event::SettingsChanged { settings } => {
                    self.knows = true;
                    // "A receiver of [...] SETTINGS_ENABLE_CONNECT_PROTOCOL" (RFC 8441, section 3) may then ask for
                    // WebSockets, and nobody else.
                    if !settings.enable_connect_protocol {
                        return Err(Failure::new(
                            Kind::Protocol,
                            "the server takes no WebSockets over HTTP/2; try without --http2",
                        ));
                    }
                    continue;
                }
                Event::Response { stream, head, .. } => {
                    if let Some(socket) = self.sockets.get_mut(&stream.0) {
                        Handshake::extended().check(&head).map_err(declined)?;
                        socket.accepted = true;
                        self.free.extend(std::iter::repeat_n(stream, lane.plan.depth));
                    }
                    continue;
                }
                Event::Data { stream, data, credit } => {
                    turn.machine.release(stream, credit);
                    let Some(socket) = self.sockets.get_mut(&stream.0) else { continue };
                    let before = socket.messages.answered();
                    socket.session.read_from(now, inner, data);
                    let taken =
                        socket.messages.take(now, &lane.plan, &mut socket.session, inner, *from, stats);
                    let answers = socket.messages.answered() - before;
                    self.answered += answers;
                    self.free.extend(std::iter::repeat_n(stream, answers as usize));
                    match taken {
                        Ok(()) => {
                            // Pongs, for example.
                            turn.machine.wants_write(stream, !socket.session.write_buf().is_empty());
                            socket.session.rest(inner);
                            continue;
                        }
                        Err(why) => {
                            turn.machine.reset(now, stream, ErrorCode::CANCEL);
                            (stream, why)
                        }
                    }
                }
                Event::End { stream, .. } => {
                    turn.machine.reset(now, stream, ErrorCode::CANCEL);
                    (stream, Failure::closed())
                }
                Event::Reset { stream, code, .. } => {
                    turn.machine.done(now, stream);
                    (stream, reset(code, self.leaves))
                }
                Event::GoAway { code, .. } => {
                    self.leaves = Some(code);
                    continue;
                }
                _ => continue,
            };
            let Some(socket) = self.sockets.get(&stream.0) else { continue };
            if socket.messages.answered() == 0 {
                // One more would fare no better.
                return Err(why);
            }
            let lost = socket.messages.under_way().filter(|&(due, _)| due >= *from).count();
            self.sockets.remove(&stream.0);
            stats.fail(&why, lost as u64);
            failure.get_or_insert(why);
        }
    }

    #[inline]
    fn send(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        pace: &mut Option<Pace>,
        session: &mut Session<h2::Client>,
    ) -> Result<(), Failure> {
        let plan = &lane.plan;
        if self.sockets.len() < plan.sockets {
            // One has ended, or there never were as many.
            self.dig(now, lane, work, session)?;
        }
        if self.feed(now, work, session)? {
            return Ok(());
        }
        while let Some(&stream) = self.free.front() {
            let Some(socket) = self.sockets.get_mut(&stream.0) else {
                self.free.pop_front();
                continue;
            };
            let waits = !socket.session.write_buf().is_empty();
            let (_, out) = socket.session.parts(&mut work.inner);
            if waits && out.room() < socket.messages.next_len(plan) {
                // Others may have room in their windows.
                socket.held += 1;
                self.free.pop_front();
                continue;
            }
            let Some(since) = work.next(now, pace) else { return Ok(()) };
            self.free.pop_front();
            socket.messages.begin(now, since, plan, &mut socket.session, &mut work.inner)?;
            session.machine_mut().wants_write(stream, true);
            if self.feed(now, work, session)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn under_way(&self) -> impl Iterator<Item = (u64, u64)> {
        self.sockets.values().flat_map(|socket| socket.messages.under_way())
    }

    fn is_inside(&self) -> bool {
        self.sockets.values().any(|socket| socket.messages.is_inside())
    }

    fn answered(&self) -> u64 {
        self.answered
    }

    #[inline]
    fn is_spent(&self, session: &Session<h2::Client>) -> bool {
        self.sockets.is_empty() && session.machine().free_streams() == 0
    }
}

impl Tunnels {
    /// Whether all WebSockets are open that there will be.
    fn is_complete(&self, plan: &Plan, session: &Session<h2::Client>) -> bool {
        let all = self.sockets.len() >= plan.sockets || session.machine().free_streams() == 0;
        self.knows && all && !self.sockets.is_empty() && self.sockets.values().all(|socket| socket.accepted)
    }

    /// Asks for WebSockets, as many as are missing and may be.
    fn dig(
        &mut self,
        now: Instant,
        lane: &Lane,
        work: &mut Work,
        session: &mut Session<h2::Client>,
    ) -> Result<(), Failure> {
        let plan = &lane.plan;
        let allowed = session.machine().peer_settings().max_concurrent_streams;
        if self.knows && (allowed as usize) < plan.sockets {
            work.stats.allow(allowed);
            if allowed == 0 {
                return Err(Failure::new(Kind::Protocol, "the server allows no stream of HTTP/2"));
            }
        }
        while self.knows && self.sockets.len() < plan.sockets && session.machine().free_streams() > 0 {
            let waits = !session.write_buf().is_empty();
            let (machine, out) = session.parts(&mut work.scratch);
            if waits && out.room() < plan.head_len() + SPARE {
                break;
            }
            let sent = plan.with_fields(|_, more| {
                let handshake = Handshake::extended();
                let lines = handshake.fields();
                let fields: Vec<Field<'_>> = lines.iter().chain(more).copied().collect();
                let (target, authority) = (plan.target.as_bytes(), plan.authority.as_bytes());
                let request = Request { method: Method::Connect, target, authority, fields: &fields };
                machine.send_request(now, &request, BodyLen::Streaming, out)
            });
            let stream = sent.map_err(refused)?;
            let machine = ws::Client::new(lane.config.clone(), now, MaskKeys::new(entropy()));
            let socket = Socket {
                session: Session::new(machine, &lane.config),
                messages: Messages::new(plan),
                accepted: false,
                held: 0,
            };
            self.sockets.insert(stream.0, socket);
        }
        Ok(())
    }

    /// Passes on what the WebSockets have to say. Whether there was no room for all of it.
    fn feed(
        &mut self,
        now: Instant,
        work: &mut Work,
        session: &mut Session<h2::Client>,
    ) -> Result<bool, Failure> {
        let Work { scratch, inner, .. } = work;
        let (machine, out) = session.parts(scratch);
        while let Some(stream) = machine.next_writable() {
            let Some(socket) = self.sockets.get_mut(&stream.0) else {
                machine.wants_write(stream, false);
                continue;
            };
            while !socket.session.write_buf().is_empty() {
                match machine.send_data(now, stream, socket.session.write_buf(), out) {
                    Ok(0) => return Ok(true),
                    Ok(n) => socket.session.did_write(now, n),
                    Err(UsageError::OutputFull(_)) => return Ok(true),
                    Err(error) => return Err(refused(error)),
                }
            }
            machine.wants_write(stream, false);
            socket.session.rest(inner);
            self.free.extend(std::iter::repeat_n(stream, std::mem::take(&mut socket.held)));
        }
        Ok(false)
    }
}
