//! A rude client of HTTP/2 on a socket.

use super::frames::{PREFACE, settings};
use super::inbox::{Answer, Inbox};
use crate::peer::{Ending, PATIENCE, is_timeout};
use avx_core::ErrorCode;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A client's end of a connection, and everything that has come on it.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    /// What has come.
    pub inbox: Inbox,
    /// Whether settings and pings are acknowledged by themselves.
    pub polite: bool,
    ending: Option<Ending>,
}

impl Peer {
    /// Connects, and says nothing.
    ///
    /// # Panics
    /// When that fails or takes too long.
    #[track_caller]
    pub fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE).expect("connected");
        stream.set_nodelay(true).expect("no delay");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
        Peer { stream, inbox: Inbox::default(), polite: true, ending: None }
    }

    /// Connects, sends the preface with these settings, and waits for the server's.
    ///
    /// # Panics
    /// When that fails or takes too long.
    #[track_caller]
    pub fn greet(addr: SocketAddr, list: &[(u16, u32)]) -> Self {
        let mut peer = Peer::connect(addr);
        peer.send([PREFACE, &settings(list)].concat());
        peer.until("the greeting", |inbox| !inbox.settings.is_empty() && inbox.settings_acks > 0);
        peer
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

    /// Sends nothing more; the server sees the end of its input.
    pub fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads until `so`.
    ///
    /// # Panics
    /// When the connection ends before, or nothing of it comes in time.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut so: impl FnMut(&Inbox) -> bool) {
        let begun = Instant::now();
        while !so(&self.inbox) {
            let went_on = self.read(PATIENCE) && begun.elapsed() < PATIENCE;
            assert!(went_on, "{what} expected; {:?}, {:?}", self.inbox.goodbyes, self.ending);
        }
    }

    /// Waits for the response on a stream, or its reset.
    #[track_caller]
    pub fn answer(&mut self, stream: u32) -> Answer {
        self.until("a response", |inbox| inbox.is_over(stream));
        self.inbox.answer(stream)
    }

    /// Waits for the end of the connection, whatever comes before it.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn ending(&mut self) -> Ending {
        let begun = Instant::now();
        while self.read(PATIENCE) {
            assert!(begun.elapsed() < PATIENCE, "no end");
        }
        self.ending.expect("an end")
    }

    /// Waits for the end of the connection. The code of the last GOAWAY, if there was any.
    #[track_caller]
    pub fn goodbye(&mut self) -> Option<ErrorCode> {
        // A goodbye first: an end that resets may overtake what was not read.
        self.ending();
        self.inbox.goodbyes.last().map(|&(_, code)| code)
    }

    /// Reads once, for at most so long. False when the connection has ended, or nothing came.
    pub fn read(&mut self, time: Duration) -> bool {
        if self.ending.is_some() {
            return false;
        }
        let mut buf = [0; 64 << 10];
        self.stream.set_read_timeout(Some(time)).expect("a read time-out");
        match self.stream.read(&mut buf) {
            Ok(0) => self.ending = Some(Ending::Closed),
            Ok(n) => {
                self.inbox.take(&buf[..n]);
                if self.polite {
                    let replies = self.inbox.replies();
                    self.send(replies);
                }
                return true;
            }
            Err(e) if is_timeout(&e) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => return true,
            Err(_) => self.ending = Some(Ending::Reset),
        }
        false
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}
