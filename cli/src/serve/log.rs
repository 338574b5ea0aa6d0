//! Lines on standard error, written by a thread of their own so that no worker waits for it.
//!
//! A line that comes after a pause is written at once; under load, lines are gathered and written
//! together, some twenty times a second. When the reader of the log is slower than the server, lines
//! are left out and counted: the log never slows the server down or takes more than [`PENDING`].

use avx_core::Date;
use avx_http::{Access, Peer};
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

/// Bytes that wait to be written, at most.
const PENDING: usize = 1 << 20;
/// So many are worth a write of their own.
const ENOUGH: usize = 64 << 10;
/// Lines are gathered for so long.
const GATHER: Duration = Duration::from_millis(50);

/// The writing end, and the thread behind it. What is pending when it is dropped is still written.
pub(super) struct Log {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

/// Takes lines. Clones feed the same log.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    left_out: u64,
    waits: Waits,
    closed: bool,
}

/// What the thread waits for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Waits {
    #[default]
    Nothing,
    /// Any line.
    Line,
    /// Enough of them.
    Enough,
}

impl Log {
    /// A log to standard error.
    pub(super) fn new() -> io::Result<Self> {
        let lines = Lines(Arc::default());
        let shared = lines.0.clone();
        let thread =
            thread::Builder::new().name("avx-log".into()).spawn(move || shared.run(&mut io::stderr()))?;
        Ok(Log { lines, thread: Some(thread) })
    }

    pub(super) fn lines(&self) -> Lines {
        self.lines.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.0.lock().closed = true;
        self.lines.0.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Lines {
    /// One line in the combined log format, with the duration behind it.
    pub(super) fn access(&self, access: &Access<'_>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.push(|line| put_access(line, access, now.as_secs()));
    }

    /// A line of text.
    pub(super) fn text(&self, text: &str) {
        self.push(|line| line.extend_from_slice(text.as_bytes()));
    }

    fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        if state.pending.len() >= PENDING {
            state.left_out += 1;
            return;
        }
        write(&mut state.pending);
        state.pending.push(b'\n');
        let wake = match state.waits {
            Waits::Nothing => false,
            Waits::Line => true,
            Waits::Enough => state.pending.len() >= ENOUGH,
        };
        if wake {
            state.waits = Waits::Nothing;
            drop(state);
            self.0.wake.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, out: &mut impl Write) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.lock();
            while state.pending.is_empty() && !state.closed {
                state.waits = Waits::Line;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.waits = Waits::Nothing;
            mem::swap(&mut batch, &mut state.pending);
            let (left_out, closed) = (mem::take(&mut state.left_out), state.closed);
            drop(state);
            if left_out > 0 {
                let _ = writeln!(batch, "avx serve: {left_out} lines of the log were left out");
            }
            // Who closed standard error does not want to hear of it.
            let _ = out.write_all(&batch);
            batch.clear();
            if closed {
                return;
            }
            let mut state = self.lock();
            state.waits = Waits::Enough;
            let gathering = |state: &mut State| !state.closed && state.pending.len() < ENOUGH;
            drop(self.wake.wait_timeout_while(state, GATHER, gathering));
        }
    }
}

/// `peer - - [date] "request line" status bytes "referer" "user agent" duration`; `-` for a request line
/// that could not be read.
fn put_access(line: &mut Vec<u8>, access: &Access<'_>, unix: u64) {
    // Writing to memory does not fail.
    let _ = match access.peer {
        Peer::Inet(addr) => write!(line, "{}", addr.ip()),
        Peer::Unix => write!(line, "unix"),
    };
    line.extend_from_slice(b" - - [");
    put_date(line, unix);
    line.extend_from_slice(b"] \"");
    if access.target.is_empty() {
        line.push(b'-');
    } else {
        put_escaped(line, access.method.as_bytes());
        line.push(b' ');
        put_escaped(line, access.target);
        let _ = write!(line, " HTTP/{}", access.version.as_str());
    }
    let _ = write!(line, "\" {} {}", access.status, access.sent);
    for value in [access.referer, access.user_agent] {
        line.extend_from_slice(b" \"");
        put_escaped(line, value.unwrap_or(b"-"));
        line.push(b'"');
    }
    let _ = write!(line, " {:.3}ms", access.duration.as_secs_f64() * 1e3);
    if !access.complete {
        line.extend_from_slice(b" incomplete");
    }
}

/// `06/Nov/1994:08:49:37 +0000`, out of the parts of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn put_date(line: &mut Vec<u8>, unix: u64) {
    let date = Date::from_unix(unix);
    let date = date.as_bytes();
    for (part, end) in [(5..7, b'/'), (8..11, b'/'), (12..16, b':'), (17..25, b' ')] {
        line.extend_from_slice(&date[part]);
        line.push(end);
    }
    line.extend_from_slice(b"+0000");
}

fn put_escaped(line: &mut Vec<u8>, bytes: &[u8]) {
    for &b in bytes {
        match b {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => {
                let _ = write!(line, "\\x{b:02x}");
            }
            _ => line.push(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_common_log_format() {
        let mut line = Vec::new();
        put_date(&mut line, 784_111_777);
        assert_eq!(line, b"06/Nov/1994:08:49:37 +0000");
    }

    #[test]
    fn a_target_cannot_forge_a_line() {
        let mut line = Vec::new();
        put_escaped(&mut line, b"/a\" 200\n\\\xff");
        assert_eq!(line, b"/a\\x22 200\\x0a\\x5c\\xff");
    }

    #[test]
    fn lines_beyond_the_bound_are_counted_and_the_rest_is_written_in_order() {
        let lines = Lines(Arc::default());
        let long = "x".repeat(PENDING / 4);
        for _ in 0..6 {
            lines.text(&long);
        }
        lines.0.lock().closed = true;
        let mut out = Vec::new();
        lines.0.run(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 5);
        assert_eq!(text.lines().last(), Some("avx serve: 2 lines of the log were left out"));
    }
}
