//! A rude peer: a raw socket that sends what it is told to, in the pieces it is told to, ends one half or
//! everything at any time, or never reads. It knows just enough HTTP to tell one response from the next,
//! and shares no code with the engine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A client's end of a connection.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    /// Read, but not yet part of a response.
    unread: Vec<u8>,
}

/// A response as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Field lines, names in lower case.
    pub fields: Vec<(String, String)>,
    /// Content, chunks joined.
    pub content: Vec<u8>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The other end has shut its sending side down.
    Closed,
    /// The connection was reset.
    Reset,
}

impl Answer {
    /// Value of the first field line with this name, in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    /// Whether the server says that it closes.
    pub fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

impl Peer {
    /// Connects.
    ///
    /// # Panics
    /// When that fails or takes too long.
    #[track_caller]
    pub fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE).expect("connected");
        stream.set_nodelay(true).expect("no delay");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
        Peer { stream, unread: Vec::new() }
    }

    /// Sends all of `bytes`. A server may have closed meanwhile: that is seen when reading.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.try_send(bytes);
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// As the system reports them; the connection may be reset.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends `bytes` in pieces of at most `n`, each in its own write.
    pub fn send_in_pieces(&mut self, bytes: impl AsRef<[u8]>, n: usize) {
        bytes.as_ref().chunks(n).for_each(|piece| self.send(piece));
    }

    /// Sends nothing more; the server sees the end of its input.
    pub fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Waits for the next response to a request with this method.
    ///
    /// # Panics
    /// When there is none, or what comes is no response.
    #[track_caller]
    pub fn answer_to(&mut self, method: &str) -> Answer {
        let head = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break self.unread.drain(..end + 4).collect::<Vec<u8>>();
            }
            self.more("a response head");
        };
        let head = String::from_utf8(head).expect("a head in ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().expect("a status line");
        assert!(status_line.starts_with("HTTP/1.1 ") && status_line.len() > 12, "{status_line:?}");
        let status = status_line[9..12].parse().expect("a status code");
        let fields = lines
            .map(|line| {
                let (name, value) =
                    line.split_once(": ").unwrap_or_else(|| panic!("no field line: {line:?}"));
                (name.to_ascii_lowercase(), value.to_string())
            })
            .collect();
        let mut answer = Answer { status, fields, content: Vec::new() };
        let bodiless = status < 200 || matches!(status, 204 | 304) || method == "HEAD";
        answer.content = match (answer.field("content-length"), answer.field("transfer-encoding")) {
            _ if bodiless => Vec::new(),
            (Some(length), None) => self.take(length.parse().expect("a length")),
            (None, Some("chunked")) => self.chunks(),
            (None, None) => {
                while self.fill(PATIENCE).is_ok_and(|n| n > 0) {}
                std::mem::take(&mut self.unread)
            }
            framing => panic!("framed by {framing:?}"),
        };
        answer
    }

    /// [`answer_to`](Self::answer_to) GET, which all others but HEAD and CONNECT are like.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// Waits for the end of the connection; nothing else must come.
    ///
    /// # Panics
    /// When something else comes, or nothing at all.
    #[track_caller]
    pub fn ending(&mut self) -> Ending {
        let ending = self.fill(PATIENCE);
        assert!(self.unread.is_empty(), "{}", self.unread.escape_ascii());
        match ending {
            Ok(0) => Ending::Closed,
            Err(e) if e.kind() == ErrorKind::ConnectionReset => Ending::Reset,
            other => panic!("no end: {other:?}"),
        }
    }

    /// Waits for the end, whatever else comes before it.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn wait_for_the_end(&mut self) -> Ending {
        let begun = Instant::now();
        loop {
            match self.fill(PATIENCE) {
                Ok(0) => return Ending::Closed,
                Ok(_) => self.unread.clear(),
                Err(e) if is_timeout(&e) => panic!("no end"),
                Err(_) => return Ending::Reset,
            }
            assert!(begun.elapsed() < PATIENCE, "no end");
        }
    }

    /// Waits up to `time` for anything; whether something came, or the end.
    pub fn hears_within(&mut self, time: Duration) -> bool {
        !self.unread.is_empty() || !self.fill(time).is_err_and(|e| is_timeout(&e))
    }

    /// Reads exactly `n` bytes.
    ///
    /// # Panics
    /// When fewer come.
    #[track_caller]
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        while self.unread.len() < n {
            self.more("content");
        }
        self.unread.drain(..n).collect()
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = self.line();
            let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
            if size == 0 {
                while !self.line().is_empty() {}
                return content;
            }
            content.extend(self.take(size));
            assert_eq!(self.take(2), b"\r\n");
        }
    }

    #[track_caller]
    fn line(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line = self.unread.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).expect("a line in ASCII");
            }
            self.more("a line");
        }
    }

    #[track_caller]
    fn more(&mut self, what: &str) {
        match self.fill(PATIENCE) {
            Ok(n) if n > 0 => {}
            other => panic!("{what} expected, {other:?} behind {:?}", self.unread.escape_ascii().to_string()),
        }
    }

    fn fill(&mut self, time: Duration) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(time))?;
        let mut buf = [0; 16 << 10];
        let n = self.stream.read(&mut buf)?;
        self.unread.extend_from_slice(&buf[..n]);
        Ok(n)
    }
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
