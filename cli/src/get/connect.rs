//! Connecting, and what it means when no answer comes.

use super::Args;
use super::failure::{self, Failure};
use super::output::Output;
use crate::url::Url;
use avx_core::{ErrorCode, PeerError};
use avx_http::client::{Connection, Error, Options, Protocol};
use avx_http::{Address, Config, Peer};
use runtime_avx::Handle;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the engine bounds by itself is bounded by the user here, with --max-time.
const PATIENCE: Duration = Duration::from_secs(300);
/// Requests under way at the same time on a connection that carries several.
const AT_ONCE: u32 = 32;
/// Content of one answer that may wait for its turn, bytes.
const WAITING: u32 = 1 << 20;

/// Connections, kept where they carry several requests at once.
pub(super) struct Connections {
    handle: Handle,
    unix: Option<PathBuf>,
    options: Options,
    /// With the authority that they lead to.
    kept: Vec<(String, Connection)>,
}

impl Connections {
    /// `several`: more than one request may be under way.
    pub(super) fn new(args: &Args, handle: &Handle, several: bool) -> Self {
        let mut config = Config::default();
        config.timeouts.head = PATIENCE;
        config.timeouts.write_stall = PATIENCE;
        config.timeouts.drain = PATIENCE;
        config.h2.window_stall = PATIENCE;
        config.h2.push = args.push;
        if several || args.push {
            // Answers that wait for their turn never hold up the one that is being printed.
            config.h2.stream_window = WAITING;
            let promised = if args.push { config.h2.max_pushes } else { 0 };
            config.h2.connection_window = WAITING * (AT_ONCE + 1 + promised);
            config.h2.grow_windows = false;
        }
        let mut options = Options::default();
        options.config = config;
        options.protocol = if args.http2 { Protocol::Http2 } else { Protocol::Http1 };
        Connections { handle: handle.clone(), unix: args.unix_socket.clone(), options, kept: Vec::new() }
    }

    /// Requests that may be under way.
    pub(super) fn at_once(&self) -> usize {
        if self.is_http2() { AT_ONCE as usize } else { 1 }
    }

    pub(super) fn is_http2(&self) -> bool {
        self.options.protocol == Protocol::Http2
    }

    /// A connection to where the URL leads, and whether others have used it before.
    pub(super) async fn to(&mut self, url: &Url, output: &Output) -> Result<(Connection, bool), Failure> {
        self.kept.retain(|(_, connection)| connection.is_reusable());
        if let Some((_, connection)) = self.kept.iter().find(|(authority, _)| *authority == url.authority) {
            return Ok((connection.clone(), true));
        }
        let address = match (&self.unix, url.host.parse::<IpAddr>()) {
            (Some(path), _) => Address::Unix(path.clone()),
            (None, Ok(ip)) => (ip, url.port).into(),
            (None, Err(_)) => Address::Host(format!("{}:{}", url.host, url.port)),
        };
        let connection = Connection::connect(&self.handle, address.clone(), &self.options)
            .await
            .map_err(|error| unanswered(url, &error, self.is_http2()))?;
        match connection.peer() {
            Peer::Inet(addr) => output.note(format_args!("connected to {addr}")),
            Peer::Unix => output.note(format_args!("connected to {address}")),
        }
        if self.is_http2() {
            self.kept.push((url.authority.clone(), connection.clone()));
        }
        Ok((connection, false))
    }
}

/// Why there is no head of an answer.
pub(crate) fn unanswered(url: &Url, error: &Error, http2: bool) -> Failure {
    let (host, authority) = (&url.host, &url.authority);
    match error {
        Error::Resolve(error) => {
            Failure::new(failure::RESOLVE, format_args!("could not resolve {host}: {error}"))
        }
        Error::Connect(error) => {
            Failure::new(failure::CONNECT, format_args!("could not connect to {authority}: {error}"))
        }
        Error::ConnectTimedOut => {
            Failure::new(failure::TIME, format_args!("could not connect to {authority} in time"))
        }
        Error::TimedOut | Error::Peer(PeerError::HeadTimeout | PeerError::WriteStalled) => {
            Failure::new(failure::TIME, "no answer in time")
        }
        Error::Closed | Error::Unsent(None) => {
            let hint = if http2 { "; perhaps it does not speak HTTP/2" } else { "" };
            Failure::new(failure::EMPTY, format_args!("{authority} closed without an answer{hint}"))
        }
        Error::Unsent(Some(why)) => unanswered(url, why, http2),
        Error::NotHttp2 | Error::Reset { code: ErrorCode::HTTP_1_1_REQUIRED, .. } => Failure::new(
            failure::HTTP2,
            format_args!("{authority} does not speak HTTP/2, perhaps HTTP/1.1; ask without --http2"),
        ),
        Error::GoAway(code) => {
            Failure::new(failure::HTTP2, format_args!("{authority} ended the connection: {code}"))
        }
        Error::Refused => Failure::new(
            failure::STREAM,
            format_args!("{authority} refused the request before looking at it"),
        ),
        Error::Reset { code, .. } => {
            Failure::new(failure::STREAM, format_args!("the stream was reset before an answer: {code}"))
        }
        Error::Peer(PeerError::UnexpectedEof) => {
            Failure::new(failure::RECEIVE, "the connection ended inside the head of the answer")
        }
        Error::Peer(error) if http2 => {
            Failure::new(failure::HTTP2, format_args!("not an answer in HTTP/2: {error}"))
        }
        Error::Peer(error) => {
            let hint =
                if *error == PeerError::BadVersion { "; perhaps it speaks HTTP/2 (--http2)" } else { "" };
            Failure::new(failure::PROTOCOL, format_args!("not an answer in HTTP/1.1: {error}{hint}"))
        }
        Error::Request(error) => {
            Failure::new(failure::USAGE, format_args!("the request cannot be sent: {error}"))
        }
        Error::Body(error) => {
            Failure::new(failure::SEND, format_args!("the content could not be sent: {error}"))
        }
        error => {
            Failure::new(failure::RECEIVE, format_args!("the connection to {authority} failed: {error}"))
        }
    }
}
