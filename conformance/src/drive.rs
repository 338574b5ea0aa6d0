//! The simplest driver of a bare machine: it owns what it saw, and checks the contract on its way.
//!
//! Transcripts, the contract's property tests and the fuzz targets all drive machines with it.

use avx_core::h2::PeerSettings;
use avx_core::{
    BodyLen, ErrorCode, Event, Fields, Http, Initiator, Instant, PeerError, PrioritySignal, Protocol, Recv,
    RequestHead, ResponseHead, Scratch, Status, Version,
};
use std::fmt::Debug;

/// Field lines, owned.
pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// An event, owned. Pieces of data that follow each other are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A request head.
    Request(Head),
    /// An interim response.
    Informational(u64, Reply),
    /// A final response head, or 101.
    Response(u64, Reply, BodyLen),
    /// Content.
    Data(u64, Vec<u8>),
    /// Chunk extensions.
    Extension(u64, Vec<u8>),
    /// The end, with trailers and the number of those dropped.
    End(u64, Lines, u16),
    /// The exchange is over early.
    Reset(u64, ErrorCode, Initiator),
    /// A promise on one exchange, of the one in the head.
    Promise(u64, Head),
    /// How urgent an exchange is.
    Priority(u64, PrioritySignal),
    /// The peer takes no exchanges beyond this one.
    GoAway(u64, ErrorCode, Vec<u8>),
    /// The peer's settings.
    Settings(PeerSettings),
}

/// A request head, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The exchange.
    pub stream: u64,
    /// Method.
    pub method: Vec<u8>,
    /// Request target.
    pub target: Vec<u8>,
    /// Authority.
    pub authority: Vec<u8>,
    /// Version.
    pub version: Version,
    /// Field lines.
    pub fields: Lines,
    /// The raw view.
    pub raw: Vec<u8>,
    /// The client waits for 100 (Continue).
    pub expect_continue: bool,
    /// Protocols offered.
    pub upgrade: Option<Vec<u8>>,
    /// Content.
    pub body: BodyLen,
}

/// A response head, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: Status,
    /// Reason phrase.
    pub reason: Vec<u8>,
    /// Version.
    pub version: Version,
    /// Field lines.
    pub fields: Lines,
    /// The raw view.
    pub raw: Vec<u8>,
}

/// A machine, the input it has not consumed, and everything observed.
#[derive(Debug)]
pub struct Driver<M> {
    /// The machine.
    pub machine: M,
    /// What time it is.
    pub now: Instant,
    /// Bytes the machine has not consumed.
    pub input: Vec<u8>,
    /// Bytes written so far.
    pub out: Vec<u8>,
    /// Events so far.
    pub seen: Vec<Seen>,
    /// The error, once there is one.
    pub error: Option<PeerError>,
    /// Who goes on, once the machine is done.
    pub switched: Option<Protocol>,
    /// Breaches of the contract.
    pub faults: Vec<String>,
    scratch: Scratch,
    /// Length of the input before which no event was to come.
    event_from: usize,
    eof: bool,
}

/// Larger than any `at_least` a default configuration allows.
const LARGEST_NEED: usize = (64 << 10) + 64;

impl<M: Http> Driver<M> {
    /// A driver of `machine`, which was made at `now`.
    pub fn new(machine: M, now: Instant) -> Self {
        Driver {
            machine,
            now,
            input: Vec::new(),
            out: Vec::new(),
            seen: Vec::new(),
            error: None,
            switched: None,
            faults: Vec::new(),
            scratch: Scratch::new(),
            event_from: 0,
            eof: false,
        }
    }

    /// Bytes arrive, and nobody answers.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_with(bytes, &mut |_, _, _, _| {});
    }

    /// Bytes arrive; `answer` is called behind each event.
    pub fn feed_with(&mut self, bytes: &[u8], answer: Answer<'_, M>) {
        self.input.extend_from_slice(bytes);
        self.drain(answer);
    }

    /// Nothing arrives behind the bytes not yet consumed.
    pub fn eof_with(&mut self, answer: Answer<'_, M>) {
        self.eof = true;
        self.machine.recv_eof(self.now);
        self.drain(answer);
    }

    /// The user calls. What it does may be what an event was waiting for.
    pub fn call<T>(&mut self, call: impl FnOnce(&mut M, Instant, &mut Vec<u8>) -> T) -> T {
        self.event_from = 0;
        call(&mut self.machine, self.now, &mut self.out)
    }

    /// Everything up to the next rest.
    pub fn drain(&mut self, answer: Answer<'_, M>) {
        let mut idle = 0;
        while self.switched.is_none() {
            match self.machine.recv(self.now, &mut self.input, &mut self.scratch) {
                Ok(Recv::Event { consumed, event }) => {
                    let seen = Seen::from(&event);
                    if self.error.is_some() {
                        self.faults.push(format!("{seen:?} behind an error"));
                    }
                    if self.input.len() < self.event_from && !self.eof {
                        let (len, from) = (self.input.len(), self.event_from);
                        self.faults.push(format!("an event within {len} bytes, none promised before {from}"));
                    }
                    self.event_from = 0;
                    self.input.drain(..consumed);
                    // A reset ends an exchange, of which there are only so many.
                    let moves = consumed > 0 || matches!(seen, Seen::Reset(..));
                    idle = if moves { 0 } else { idle + 1 };
                    if idle > 3 {
                        self.faults.push("events without progress".into());
                        return;
                    }
                    answer(self.now, &seen, &mut self.machine, &mut self.out);
                    self.push(seen);
                }
                Ok(Recv::NeedMore { consumed, at_least }) => {
                    self.input.drain(..consumed);
                    if at_least == 0 || at_least > LARGEST_NEED {
                        self.faults.push(format!("at_least is {at_least}"));
                    }
                    self.event_from = self.input.len() + at_least;
                    break;
                }
                Ok(Recv::Paused) => {
                    self.event_from = 0;
                    break;
                }
                Ok(Recv::Switched { consumed, to }) => {
                    self.input.drain(..consumed);
                    self.switched = Some(to);
                }
                Err(error) => {
                    if self.error.is_some_and(|first| first != error) {
                        self.faults.push(format!("{:?} became {error:?}", self.error));
                    }
                    self.error = Some(error);
                    self.input.clear();
                    break;
                }
            }
        }
        if self.error.is_some() {
            for input in [&mut [][..], &mut b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".clone()] {
                let again = self.machine.recv(self.now, input, &mut self.scratch);
                if again.err() != self.error {
                    self.faults.push("the error is not sticky".into());
                }
            }
        }
        self.machine.transmit(self.now, &mut self.out);
    }

    fn push(&mut self, seen: Seen) {
        match (self.seen.last_mut(), seen) {
            (Some(Seen::Data(stream, data)), Seen::Data(of, more)) if *stream == of => data.extend(more),
            (Some(Seen::Extension(stream, data)), Seen::Extension(of, more)) if *stream == of => {
                data.extend(more);
            }
            (_, seen) => self.seen.push(seen),
        }
    }
}

impl<M: Http + Debug> Driver<M> {
    /// Lets time pass, and checks that time-outs fire neither early nor twice.
    pub fn pass(&mut self, time: core::time::Duration) {
        self.event_from = 0;
        let before = format!("{:?}", self.machine);
        if self.machine.poll_timeout().is_none_or(|at| at > self.now) {
            self.machine.handle_timeout(self.now);
            if format!("{:?}", self.machine) != before {
                self.faults.push("an early time-out did something".into());
            }
        }
        self.now = self.now + time;
        let due = self.machine.poll_timeout().is_some_and(|at| at <= self.now);
        let before = format!("{:?}", self.machine);
        self.machine.handle_timeout(self.now);
        let once = format!("{:?}", self.machine);
        if !due && once != before {
            self.faults.push("a time-out that was not due did something".into());
        }
        if self.machine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.faults.push("a time-out is due again at once".into());
        }
        self.machine.handle_timeout(self.now);
        if format!("{:?}", self.machine) != once {
            self.faults.push("a time-out fired twice".into());
        }
    }
}

/// What a user does behind an event.
pub type Answer<'a, M> = &'a mut dyn FnMut(Instant, &Seen, &mut M, &mut Vec<u8>);

impl Seen {
    /// The exchange it belongs to.
    pub fn stream(&self) -> u64 {
        match self {
            Seen::Request(head) => head.stream,
            Seen::Informational(stream, _)
            | Seen::Response(stream, ..)
            | Seen::Data(stream, _)
            | Seen::Extension(stream, _)
            | Seen::End(stream, ..)
            | Seen::Reset(stream, ..)
            | Seen::Promise(stream, _)
            | Seen::Priority(stream, _)
            | Seen::GoAway(stream, ..) => *stream,
            Seen::Settings(_) => 0,
        }
    }
}

impl From<&Event<'_>> for Seen {
    /// # Panics
    /// On an event unknown here, and on credit that is not the length of the data.
    fn from(event: &Event<'_>) -> Self {
        match event {
            Event::Request { stream, head, body } => Seen::Request(Head::of(stream.0, head, *body)),
            Event::PushPromise { stream, promised, head } => {
                Seen::Promise(stream.0, Head::of(promised.0, head, BodyLen::Empty))
            }
            Event::Priority { stream, signal } => Seen::Priority(stream.0, *signal),
            Event::GoAway { last, code, debug } => Seen::GoAway(last.0, *code, debug.to_vec()),
            Event::SettingsChanged { settings } => Seen::Settings(*settings),
            Event::Informational { stream, head } => Seen::Informational(stream.0, head.into()),
            Event::Response { stream, head, body } => Seen::Response(stream.0, head.into(), *body),
            Event::Data { stream, data, credit } => {
                assert_eq!(*credit as usize, data.len(), "credit is the length of the data");
                assert!(!data.is_empty(), "data without bytes");
                Seen::Data(stream.0, data.to_vec())
            }
            Event::ChunkExtension { stream, extension } => Seen::Extension(stream.0, extension.to_vec()),
            Event::End { stream, trailers, dropped } => Seen::End(stream.0, lines(*trailers), *dropped),
            Event::Reset { stream, code, by } => Seen::Reset(stream.0, *code, *by),
            other => panic!("unknown here: {other:?}"),
        }
    }
}

impl Head {
    fn of(stream: u64, head: &RequestHead<'_>, body: BodyLen) -> Self {
        Head {
            stream,
            method: head.method().as_bytes().to_vec(),
            target: head.target().to_vec(),
            authority: head.authority().to_vec(),
            version: head.version(),
            fields: lines(head.fields()),
            raw: head.raw().to_vec(),
            expect_continue: head.expect_continue(),
            upgrade: head.upgrade().map(<[u8]>::to_vec),
            body,
        }
    }
}

impl From<&ResponseHead<'_>> for Reply {
    fn from(head: &ResponseHead<'_>) -> Self {
        Reply {
            status: head.status(),
            reason: head.reason().to_vec(),
            version: head.version(),
            fields: lines(head.fields()),
            raw: head.raw().to_vec(),
        }
    }
}

fn lines(fields: Fields<'_>) -> Lines {
    fields.iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect()
}
