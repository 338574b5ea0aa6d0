//! HTTP/2: as [`feed`](super::feed), frame by frame.
//!
//! The machine never sees more than one frame it has not seen before, whatever the cutting. So every
//! frame is told of before what comes of it, and whatever the machine answers is looked at before the next
//! one: streams that it refuses without a word to its user are told of from that.

use super::feed::{Ended, NOW};
use super::frame;
use super::report::Report;
use super::unread::Unread;
use avx_core::h2::frame::{Header, Kind, RstStream};
use avx_core::h2::hpack::{DecodeLimits, Decoder, Section};
use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, ErrorCode, Event, Http, Initiator, Machine, Method, PeerError, Recv, Request, Response,
    Scratch, Status, StreamId, UsageError,
};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::mem;
use std::sync::Arc;

/// What a client says first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A machine, and what the one who uses it has to do to keep it going. `out` takes what it sends.
pub(super) trait Role {
    type Machine: Http;
    /// Bytes of the input before its first frame.
    const PREFACE: usize;

    fn machine(&mut self) -> &mut Self::Machine;

    /// This frame comes next: whatever must have happened before it can mean something.
    fn prepare(&mut self, _next: &Header, _out: &mut Vec<u8>) {}

    /// Something has happened.
    fn note(&mut self, event: &Event<'_>, out: &mut Vec<u8>);

    /// The input has ended.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// Feeds `input` to the machine, a frame or `cut` bytes at a time, and reports what it says; and all frames,
/// if asked for.
pub(super) fn run<R: Role>(
    role: R,
    input: impl Read,
    cut: usize,
    frames: bool,
    report: &mut Report<'_>,
) -> io::Result<Ended> {
    let (mut role, mut answers) = (role, Answers::new());
    let mut feed = Feed { input, unread: Unread::default(), shown: 0, left: R::PREFACE, cut, eof: false };
    let mut scratch = Scratch::new();
    let mut out = Vec::new();
    let mut ended = Ended { clean: true, ignored: 0 };
    let mut at_least = 1;
    let mut finished = false;
    loop {
        ended.clean &= answers.transmit(role.machine(), report)?;
        let shown = &mut feed.unread.as_mut_slice()[..feed.shown];
        match role.machine().recv(NOW, shown, &mut scratch) {
            Ok(Recv::Event { consumed, event }) => {
                // The errors of this end's streams are known from what it sends.
                if !matches!(event, Event::Reset { by: Initiator::Local, .. }) {
                    report.event(&event)?;
                }
                role.note(&event, &mut out);
                feed.consume(consumed);
            }
            Ok(Recv::NeedMore { consumed, at_least: n }) => {
                if role.machine().is_send_closed() {
                    ended.ignored += consumed as u64;
                }
                feed.consume(consumed);
                if finished {
                    break;
                }
                at_least = n;
                ended.clean &= answers.transmit(role.machine(), report)?;
                match feed.show(frames, report)? {
                    Shown::More => {}
                    Shown::Frame(header) => {
                        if header.kind == Kind::GOAWAY {
                            feed.look_ahead(|later| role.prepare(later, &mut out))?;
                        }
                        role.prepare(&header, &mut out);
                    }
                    Shown::End => {
                        role.finish(&mut out);
                        role.machine().recv_eof(NOW);
                        finished = true;
                    }
                }
            }
            Ok(Recv::Switched { .. } | Recv::Paused) => return Err(io::Error::other(UsageError::WrongState)),
            Err(error) => {
                ended.clean = false;
                match error {
                    PeerError::UnexpectedEof => report.other()?.need_more(at_least)?,
                    _ => report.other()?.h2_error(error)?,
                }
                break;
            }
        }
        answers.follow(&out);
        out.clear();
    }
    report.other()?.flush()?;
    Ok(ended)
}

/// The input, of which the machine sees no more than it should.
struct Feed<I> {
    input: I,
    unread: Unread,
    /// Of the unread bytes, those that the machine may see.
    shown: usize,
    /// Of the frame that these end in, the bytes it may not see yet.
    left: usize,
    cut: usize,
    eof: bool,
}

/// What there is to see now.
enum Shown {
    /// More of the same frame, or of the preface.
    More,
    /// The beginning of the next frame.
    Frame(Header),
    End,
}

impl<I: Read> Feed<I> {
    fn consume(&mut self, n: usize) {
        self.unread.consume(n);
        self.shown -= n;
    }

    /// Bytes that are there, and not to be seen yet.
    fn hidden(&self) -> &[u8] {
        &self.unread.as_slice()[self.shown..]
    }

    fn fill(&mut self) -> io::Result<()> {
        self.eof = self.unread.fill(&mut self.input, self.cut)? == 0;
        Ok(())
    }

    /// Lets the machine see more.
    fn show(&mut self, frames: bool, report: &mut Report<'_>) -> io::Result<Shown> {
        let mut shown = Shown::More;
        loop {
            let hidden = self.unread.as_slice().len() - self.shown;
            if self.left == 0 {
                match Header::peek(self.hidden()) {
                    Some(header) => {
                        let len = Header::LEN + header.len as usize;
                        if hidden >= len || self.eof || !frames {
                            if frames {
                                let payload = &self.hidden()[Header::LEN..len.min(hidden)];
                                report.other()?.frame(&header, &frame::members(&header, payload))?;
                            }
                            self.left = len;
                            shown = Shown::Frame(header);
                        }
                    }
                    None if self.eof => self.left = hidden,
                    None => {}
                }
            }
            let n = self.left.min(hidden).min(self.cut);
            if n > 0 {
                self.shown += n;
                self.left -= n;
                return Ok(shown);
            }
            if self.eof {
                return Ok(Shown::End);
            }
            report.flush()?;
            self.fill()?;
        }
    }

    /// Reads to the end, and names every frame there is still to come.
    fn look_ahead(&mut self, mut next: impl FnMut(&Header)) -> io::Result<()> {
        while !self.eof {
            self.fill()?;
        }
        let mut rest = self.hidden().get(self.left..).unwrap_or_default();
        while let Some(header) = Header::peek(rest) {
            next(&header);
            rest = rest.get(Header::LEN + header.len as usize..).unwrap_or_default();
        }
        Ok(())
    }
}

/// What the machine answers by itself, without a word to its user.
struct Answers {
    sent: Vec<u8>,
    /// In step with everything that this end sends.
    decoder: Decoder,
    section: Section,
}

impl Answers {
    fn new() -> Self {
        // The peer decides how large the table gets.
        let mut decoder = Decoder::new(4096);
        decoder.set_max_table_size(u32::MAX);
        Answers { sent: Vec::new(), decoder, section: Section::new() }
    }

    /// Takes what the machine has to say and reports streams that it refuses. Whether there are none.
    fn transmit<M: Http>(&mut self, machine: &mut M, report: &mut Report<'_>) -> io::Result<bool> {
        let mut sent = mem::take(&mut self.sent);
        machine.transmit(NOW, &mut sent);
        let mut clean = true;
        for (header, payload) in frames(&sent) {
            let stream = StreamId(header.stream.into());
            let (code, status) = match header.kind {
                Kind::HEADERS => match self.status(payload) {
                    Some(status) if status == Status::BAD_REQUEST => {
                        (ErrorCode::PROTOCOL_ERROR, Some(status))
                    }
                    status => (ErrorCode::ENHANCE_YOUR_CALM, status),
                },
                Kind::RST_STREAM => match RstStream::parse(&header, payload) {
                    Ok(RstStream { code, .. }) => (code, None),
                    Err(_) => continue,
                },
                _ => continue,
            };
            if !matches!(code, ErrorCode::NO_ERROR | ErrorCode::CANCEL) {
                report.other()?.stream_error(stream, code, status)?;
                clean = false;
            }
        }
        sent.clear();
        self.sent = sent;
        Ok(clean)
    }

    /// The user sends this, and the table of fields changes.
    fn follow(&mut self, sent: &[u8]) {
        for (header, payload) in frames(sent) {
            if header.kind == Kind::HEADERS {
                self.status(payload);
            }
        }
    }

    fn status(&mut self, block: &[u8]) -> Option<Status> {
        let limits = DecodeLimits { list_size: 1 << 16, fields: 100 };
        self.decoder.decode(block, &mut self.section, limits).ok()?;
        let digits = std::str::from_utf8(self.section.fields().get(":status")?).ok()?;
        Status::new(digits.parse().ok()?)
    }
}

/// The frames of what a machine sends, which are whole and not padded.
fn frames(sent: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    let mut rest = sent.strip_prefix(PREFACE).unwrap_or(sent);
    std::iter::from_fn(move || {
        let header = Header::peek(rest)?;
        let (payload, behind) = rest[Header::LEN..].split_at_checked(header.len as usize)?;
        rest = behind;
        Some((header, payload))
    })
}

/// Requests that wait for their answer: so many a server lets come before it answers the first, so that
/// what the client says about them afterwards is not too late.
const WAITING: usize = 32;

/// A server that answers every request some time after it is complete.
pub(super) struct AsServer {
    machine: Server,
    waiting: VecDeque<StreamId>,
}

impl AsServer {
    pub(super) fn new(config: Arc<Config>) -> Self {
        AsServer { machine: Server::new(config, NOW), waiting: VecDeque::new() }
    }

    fn answer(&mut self, out: &mut Vec<u8>) {
        if let Some(stream) = self.waiting.pop_front() {
            // Whoever is gone needs no answer.
            let _ = self.machine.send_full(NOW, stream, &Response::new(Status::OK, &[]), b"", out);
        }
    }
}

impl Role for AsServer {
    type Machine = Server;
    const PREFACE: usize = PREFACE.len();

    fn machine(&mut self) -> &mut Server {
        &mut self.machine
    }

    fn note(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match *event {
            Event::Data { stream, credit, .. } => self.machine.release(stream, credit),
            Event::End { stream, .. } => {
                self.waiting.push_back(stream);
                if self.waiting.len() > WAITING {
                    self.answer(out);
                }
            }
            Event::Reset { stream, .. } => {
                self.waiting.retain(|&waiting| waiting != stream);
                self.machine.done(NOW, stream);
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() {
            self.answer(out);
        }
    }
}

/// Requests that a client has open at the same time, at most.
const OPEN: u64 = 1000;

/// A client that has sent a request on every stream that the server speaks of.
pub(super) struct AsClient<'m> {
    machine: Client,
    method: Method<'m>,
    next: u64,
    /// Streams that the server has not spoken of.
    unheard: BTreeSet<StreamId>,
}

impl<'m> AsClient<'m> {
    /// Sees to it that requests with this method can be sent.
    pub(super) fn new(config: Arc<Config>, method: &'m [u8]) -> Result<Self, UsageError> {
        let method = Method::from_token(method);
        send(&mut Client::new(config.clone(), NOW), method, &mut Vec::new())?;
        Ok(AsClient { machine: Client::new(config, NOW), method, next: 1, unheard: BTreeSet::new() })
    }
}

impl Role for AsClient<'_> {
    type Machine = Client;
    const PREFACE: usize = 0;

    fn machine(&mut self) -> &mut Client {
        &mut self.machine
    }

    fn prepare(&mut self, next: &Header, out: &mut Vec<u8>) {
        let (stream, kind) = (u64::from(next.stream), next.kind);
        let speaks =
            matches!(kind, Kind::HEADERS | Kind::RST_STREAM | Kind::PUSH_PROMISE | Kind::WINDOW_UPDATE);
        while speaks && stream % 2 == 1 && stream >= self.next && self.machine.in_flight() < OPEN {
            let Ok(StreamId(sent)) = send(&mut self.machine, self.method, out) else { break };
            self.unheard.insert(StreamId(sent));
            self.next = sent + 2;
        }
    }

    fn note(&mut self, event: &Event<'_>, _: &mut Vec<u8>) {
        match *event {
            Event::Data { stream, credit, .. } => self.machine.release(stream, credit),
            Event::Informational { stream, .. } | Event::Response { stream, .. } => {
                self.unheard.remove(&stream);
            }
            Event::Reset { stream, .. } => {
                self.unheard.remove(&stream);
                self.machine.done(NOW, stream);
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {
        for stream in mem::take(&mut self.unheard) {
            self.machine.reset(NOW, stream, ErrorCode::CANCEL);
        }
    }
}

fn send(machine: &mut Client, method: Method<'_>, out: &mut Vec<u8>) -> Result<StreamId, UsageError> {
    let connect = method == Method::Connect;
    let authority: &[u8] = if connect { b"example.com:443" } else { b"example.com" };
    let target = if connect { authority } else { b"/" };
    machine.send_request(NOW, &Request { method, target, authority, fields: &[] }, BodyLen::Empty, out)
}
