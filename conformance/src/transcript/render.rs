//! Events as lines.

use super::text::escape;
use crate::drive::{Lines, Reply, Seen};
use crate::ws;
use avx_core::h2::PeerSettings;
use avx_core::ws::{CloseCode, Kind};
use avx_core::{BodyLen, Initiator, PeerError, PrioritySignal, Protocol, Status, Version};

/// What was observed, before it becomes lines: pieces of data that follow each other are joined.
#[derive(Debug)]
pub(super) struct Log {
    entries: Vec<Entry>,
    /// Answers to errors stay in the output.
    goodbyes: bool,
}

#[derive(Debug)]
struct Entry {
    /// `data 1`, or the whole line.
    head: String,
    /// Content or extension so far.
    data: Option<Vec<u8>>,
    fields: Vec<String>,
}

impl Log {
    pub(super) fn new(goodbyes: bool) -> Log {
        Log { entries: Vec::new(), goodbyes }
    }

    /// What was logged, leaving nothing.
    pub(super) fn take(&mut self) -> Log {
        std::mem::replace(self, Log::new(self.goodbyes))
    }

    /// Adds an event.
    pub(super) fn event(&mut self, event: &Seen) {
        match event {
            Seen::Request(head) => {
                let authority = if head.authority.is_empty() { "-".into() } else { escape(&head.authority) };
                let mut line = format!(
                    "request {} {} {} {} to {authority} {}",
                    head.stream,
                    escape(&head.method),
                    escape(&head.target),
                    version(head.version),
                    with(head.body)
                );
                if head.expect_continue {
                    line.push_str(", expects 100");
                }
                if let Some(upgrade) = &head.upgrade {
                    line.push_str(&format!(", offers {}", escape(upgrade)));
                }
                self.push(line, &head.fields);
            }
            Seen::Informational(stream, head) => {
                self.push(format!("interim {stream} {}", status(head)), &head.fields);
            }
            Seen::Response(stream, head, body) => {
                self.push(format!("response {stream} {} {}", status(head), with(*body)), &head.fields);
            }
            Seen::Data(stream, data) => self.piece(format!("data {stream}"), data),
            Seen::Extension(stream, extension) => self.piece(format!("extension {stream}"), extension),
            Seen::End(stream, trailers, dropped) => {
                let line = match dropped {
                    0 => format!("end {stream}"),
                    n => format!("end {stream}, {n} trailers dropped"),
                };
                self.push(line, trailers);
            }
            Seen::Reset(stream, code, by) => {
                let by = if *by == Initiator::Local { "local" } else { "remote" };
                self.line(format!("reset {stream} by {by}, code {}", code.0));
            }
            Seen::Promise(stream, head) => {
                let target = head.target.escape_ascii();
                self.push(format!("promise {} on {stream}: {target}", head.stream), &head.fields);
            }
            Seen::Priority(stream, signal) => self.line(format!("priority {stream}: {}", priority(signal))),
            Seen::GoAway(last, code, _) => self.line(format!("go away, last {last}, code {}", code.0)),
            Seen::Settings(settings) => self.line(settings_line(settings)),
        }
    }

    /// Adds an event of WebSocket.
    pub(super) fn ws_event(&mut self, event: &ws::Seen) {
        let with = |name: &str, bytes: &[u8]| match bytes {
            [] => name.to_string(),
            bytes => format!("{name}: {}", escape(bytes)),
        };
        match event {
            ws::Seen::Data(kind, data, last) => {
                let name = if *kind == Kind::Text { "text" } else { "binary" };
                let part = format!("{name}, more follows:");
                self.piece(part.clone(), data);
                if let (Some(entry), true) = (self.entries.last_mut(), *last) {
                    entry.head = format!("{name}:");
                }
            }
            ws::Seen::Ping(data) => self.line(with("ping", data)),
            ws::Seen::Pong(data) => self.line(with("pong", data)),
            ws::Seen::Close(CloseCode(code), reason) => {
                self.line(with(&format!("close {code}"), reason.as_bytes()));
            }
        }
    }

    /// Adds an error and what was said about it: the goodbye at the end of `out` is taken off.
    pub(super) fn error(&mut self, error: PeerError, out: &mut Vec<u8>) {
        let status = Status::new(error.h1_status()).expect("a peer error has a status");
        let text = format!("{error}\n");
        let text = text.trim_start_matches("peer: ");
        let head = format!(
            "HTTP/1.1 {status} {}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\n\r\n",
            status.reason(),
            text.len()
        );
        if self.goodbyes {
            self.line(format!("error {error:?}"));
        } else if out.ends_with(format!("{head}{text}").as_bytes()) {
            out.truncate(out.len() - head.len() - text.len());
            self.line(format!("error {error:?}, answered {status}"));
        } else if out.ends_with(head.as_bytes()) {
            out.truncate(out.len() - head.len());
            self.line(format!("error {error:?}, answered {status} without content"));
        } else {
            self.line(format!("error {error:?}"));
        }
    }

    /// Adds that the machine is done.
    pub(super) fn switched(&mut self, to: Protocol) {
        self.line(format!("switched to {to:?}"));
    }

    /// Adds bytes that belong to the next protocol.
    pub(super) fn leftover(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.line(format!("left over {}", escape(bytes)));
        }
    }

    /// Adds what became of the connection: the sending side closed, all of it closed. An error that
    /// was just observed says as much itself, except that a server then waits for the client.
    pub(super) fn closing(&mut self, (send, both): (bool, bool)) {
        let error = self.entries.iter().any(|e| e.head.starts_with("error "));
        match (send, both) {
            (_, true) => self.line("closed".into()),
            (true, false) if !error => self.line("half-closed".into()),
            _ => {}
        }
    }

    /// Adds a line as it is.
    pub(super) fn line(&mut self, head: String) {
        self.entries.push(Entry { head, data: None, fields: Vec::new() });
    }

    fn push(&mut self, head: String, fields: &Lines) {
        let fields =
            fields.iter().map(|(name, value)| format!("  {}: {}", escape(name), escape(value))).collect();
        self.entries.push(Entry { head, data: None, fields });
    }

    fn piece(&mut self, head: String, piece: &[u8]) {
        match self.entries.last_mut() {
            Some(Entry { head: last, data: Some(data), .. }) if *last == head => {
                data.extend_from_slice(piece)
            }
            _ => self.entries.push(Entry { head, data: Some(piece.to_vec()), fields: Vec::new() }),
        }
    }

    /// The lines. Fields are listed where `expected` lists any for the same entry, and trailers always.
    pub(super) fn lines(self, expected: &[String]) -> Vec<String> {
        // For each entry, whether field lines follow it.
        let mut listed: Vec<bool> = Vec::new();
        for line in expected {
            match listed.last_mut() {
                Some(last) if line.starts_with("  ") => *last = true,
                _ => listed.push(false),
            }
        }
        let mut lines = Vec::new();
        for (i, entry) in self.entries.into_iter().enumerate() {
            let trailers = entry.head.starts_with("end ");
            lines.push(match entry.data {
                Some(data) if data.is_empty() => entry.head,
                Some(data) => format!("{} {}", entry.head, escape(&data)),
                None => entry.head,
            });
            if trailers || listed.get(i).copied().unwrap_or(false) {
                lines.extend(entry.fields);
            }
        }
        lines
    }
}

/// As RFC 9218 writes it, or RFC 7540.
fn priority(signal: &PrioritySignal) -> String {
    match signal {
        PrioritySignal::Extensible(p) if p.incremental => format!("u={}, i", p.urgency),
        PrioritySignal::Extensible(p) => format!("u={}", p.urgency),
        PrioritySignal::Dependency(d) => format!("on {} weight {}", d.on, d.weight),
        other => format!("{other:?}"),
    }
}

/// The peer's settings, as far as they are not what they are at first.
fn settings_line(settings: &PeerSettings) -> String {
    let first = PeerSettings::default();
    let mut line = "settings".to_string();
    let mut say = |name: &str, value: u64, first: u64| {
        if value != first {
            line.push_str(&format!(", {name} {value}"));
        }
    };
    say("streams", settings.max_concurrent_streams.into(), first.max_concurrent_streams.into());
    say("window", settings.initial_window_size.into(), first.initial_window_size.into());
    say("frame", settings.max_frame_size.into(), first.max_frame_size.into());
    line
}

fn version(version: Version) -> String {
    format!("HTTP/{}", version.as_str())
}

fn status(head: &Reply) -> String {
    let reason = if head.reason.is_empty() { String::new() } else { format!(" {}", escape(&head.reason)) };
    format!("{} {}{reason}", version(head.version), head.status)
}

fn with(body: BodyLen) -> String {
    match body {
        BodyLen::Empty => "without content".into(),
        BodyLen::Exact(n) => format!("with {n} bytes"),
        BodyLen::Streaming => "with content".into(),
    }
}
