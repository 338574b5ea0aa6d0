//! Why a request, a connection or a whole run came to nothing.

use avx_core::PeerError;
use std::fmt;
use std::io;

/// What went wrong, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Timeout,
    Protocol,
    Closed,
    Reset,
    Mismatch,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Connect, Kind::Timeout, Kind::Protocol, Kind::Closed, Kind::Reset, Kind::Mismatch];

    /// As it stands in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Connect => "connect",
            Kind::Timeout => "timeout",
            Kind::Protocol => "protocol",
            Kind::Closed => "closed early",
            Kind::Reset => "reset",
            Kind::Mismatch => "wrong echo",
        }
    }
}

/// One failure, with words for it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    text: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, text: impl fmt::Display) -> Self {
        Failure { kind, text: text.to_string() }
    }

    pub(crate) fn connect(error: &io::Error) -> Self {
        Failure::new(Kind::Connect, format_args!("could not connect: {error}"))
    }

    /// The transport failed.
    pub(crate) fn io(error: &io::Error) -> Self {
        Failure::new(Kind::Closed, format_args!("the connection failed: {error}"))
    }

    /// The server left while it owed an answer.
    pub(crate) fn closed() -> Self {
        Failure::new(Kind::Closed, "the server closed the connection without an answer")
    }

    /// The server left before it was asked for anything.
    pub(crate) fn idle() -> Self {
        Failure::new(Kind::Closed, "the server ended the connection before it took a request")
    }

    pub(crate) fn timeout(seconds: f64) -> Self {
        Failure::new(Kind::Timeout, format_args!("no answer within {seconds} s (--timeout)"))
    }

    /// The server broke the protocol. `begin` is how what it sent began.
    pub(crate) fn peer(error: PeerError, protocol: Protocol, begin: &[u8]) -> Self {
        match protocol {
            _ if error == PeerError::UnexpectedEof && begin.is_empty() => Failure::closed(),
            _ if matches!(error, PeerError::UnexpectedEof | PeerError::AbnormalClosure) => {
                Failure::new(Kind::Closed, "the server closed the connection inside an answer")
            }
            Protocol::Http2 | Protocol::Tunnel if begin.starts_with(b"HTTP/") => Failure::new(
                Kind::Protocol,
                "the server does not speak HTTP/2, but HTTP/1.1; try without --http2",
            ),
            // SETTINGS on stream 0 are the first of a server in HTTP/2.
            Protocol::Http1 | Protocol::WebSocket if begin.get(3..9) == Some(&[4, 0, 0, 0, 0, 0]) => {
                Failure::new(Kind::Protocol, "the server speaks HTTP/2 only; try --http2")
            }
            _ => Failure::new(Kind::Protocol, format_args!("not an answer in {protocol}: {error}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    WebSocket,
    /// WebSockets on streams of HTTP/2.
    Tunnel,
}

impl Protocol {
    pub(crate) fn is_websocket(self) -> bool {
        matches!(self, Protocol::WebSocket | Protocol::Tunnel)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Http1 => "HTTP/1.1",
            Protocol::Http2 => "HTTP/2",
            Protocol::WebSocket => "WebSocket",
            Protocol::Tunnel => "WebSocket over HTTP/2",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_protocol_looks_like_is_recognised() {
        let text = |protocol, begin: &[u8]| Failure::peer(PeerError::BadVersion, protocol, begin).to_string();
        assert!(text(Protocol::Http2, b"HTTP/1.1 400").ends_with("but HTTP/1.1; try without --http2"));
        let settings = [0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3];
        assert_eq!(text(Protocol::Http1, &settings), "the server speaks HTTP/2 only; try --http2");
        assert!(text(Protocol::Http1, b"SSH-2.0-x").starts_with("not an answer in HTTP/1.1: "));
        let eof = |begin: &[u8]| Failure::peer(PeerError::UnexpectedEof, Protocol::Http1, begin);
        assert_eq!((eof(b"").kind, eof(b"HTT").kind), (Kind::Closed, Kind::Closed));
    }
}
