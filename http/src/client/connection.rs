//! The handle of a connection, and how it is made.

use super::drive::Driver;
use super::multiplex;
use super::queue::{Queue, Submission};
use super::{Error, Request, Response};
use crate::Address;
use crate::clock::{self, Epoch};
use crate::rt::{Peer, Runtime, Stream};
use crate::sync::oneshot;
use avx_core::Config;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How to make a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// What the server speaks. Default HTTP/1.1.
    pub protocol: Protocol,
    /// Limits, time-outs and leniencies.
    pub config: Config,
    /// To look up and connect, all addresses together. Default 30 s.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let connect_timeout = Duration::from_secs(30);
        Options { protocol: Protocol::Http1, config: Config::default(), connect_timeout }
    }
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1: requests one after the other.
    #[default]
    Http1,
    /// HTTP/2, from the first byte on, by prior knowledge (RFC 9113, section 3.3): as many requests at once
    /// as the server takes.
    Http2,
}

/// A connection to a server. Clones name the same one; when all are dropped and no exchange is under
/// way, it is closed.
pub struct Connection {
    queue: Arc<Queue>,
    peer: Peer,
    protocol: Protocol,
}

impl Connection {
    /// Connects; each address of a host is tried in turn. The connection's driver runs beside the
    /// caller, spawned on `rt`.
    ///
    /// # Errors
    /// [`Error::Resolve`], [`Error::Connect`] with the last address's reason,
    /// [`Error::ConnectTimedOut`].
    pub async fn connect<R: Runtime>(
        rt: &R,
        address: impl Into<Address>,
        options: &Options,
    ) -> Result<Self, Error> {
        let address = address.into();
        let mut timer = rt.sleep_until(clock::after(rt.now(), options.connect_timeout));
        let mut connect = pin!(Self::open(rt, &address, options));
        poll_fn(|cx| {
            if let Poll::Ready(result) = connect.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            Pin::new(&mut timer).poll(cx).map(|()| Err(Error::ConnectTimedOut))
        })
        .await
    }

    async fn open<R: Runtime>(rt: &R, address: &Address, options: &Options) -> Result<Self, Error> {
        let addresses = match address {
            Address::Inet(addr) => vec![*addr],
            Address::Host(text) => {
                let invalid = || {
                    let text = format!("{text}: not host:port");
                    Error::Resolve(io::Error::new(ErrorKind::InvalidInput, text))
                };
                let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
                let port = port.parse().map_err(|_| invalid())?;
                rt.resolve(host.trim_matches(['[', ']']), port).await.map_err(Error::Resolve)?
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let io = Self::open_unix(rt, path).await.map_err(Error::Connect)?;
                return Ok(Self::over(rt, io, Peer::Unix, "localhost", options));
            }
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(Error::Connect(ErrorKind::Unsupported.into())),
        };
        let authority = address.to_string();
        let mut last =
            Error::Resolve(io::Error::new(ErrorKind::NotFound, format!("{authority}: no address")));
        for addr in addresses {
            match rt.connect_tcp(addr).await {
                Ok(io) => return Ok(Self::over(rt, io, Peer::Inet(addr), &authority, options)),
                Err(error) => last = Error::Connect(error),
            }
        }
        Err(last)
    }

    /// While the backlog is full the system neither connects nor says when it would, so this tries again.
    #[cfg(unix)]
    async fn open_unix<R: Runtime>(rt: &R, path: &Path) -> io::Result<R::Unix> {
        let mut pause = Duration::from_millis(1);
        loop {
            match rt.connect_unix(path).await {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            rt.sleep_until(clock::after(rt.now(), pause)).await;
            pause = (pause * 2).min(Duration::from_millis(32));
        }
    }

    /// A connection over a stream that was opened elsewhere. Requests address `authority` unless they
    /// say otherwise.
    pub fn over<R: Runtime, IO: Stream>(
        rt: &R,
        io: IO,
        peer: Peer,
        authority: &str,
        options: &Options,
    ) -> Self {
        let queue = Arc::new(Queue::new(authority));
        let epoch = Epoch::new(rt.now());
        let (config, rt) = (Arc::new(options.config), rt.clone());
        match options.protocol {
            Protocol::Http1 => {
                let spawner = rt.clone();
                spawner.spawn(Driver::new(rt, epoch, io, peer, config, queue.clone()));
            }
            Protocol::Http2 => {
                let spawner = rt.clone();
                spawner.spawn(multiplex::Driver::new(rt, epoch, io, peer, config, queue.clone()));
            }
        }
        Connection { queue, peer, protocol: options.protocol }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// Over HTTP/1.1, requests sent meanwhile wait until the content of this response has been read, and
    /// dropping the future closes the connection. Over HTTP/2, they go out as soon as the server takes more,
    /// and dropping the future cancels the exchange. A request that is still waiting then is not sent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let (reply, response) = oneshot();
        let _ticket = self.queue.push(Submission { request, reply });
        response.await.unwrap_or(Err(Error::Closed))
    }

    /// Takes no further requests, on no handle, and closes the connection when those that were sent or wait
    /// are done.
    pub fn shutdown(&self) {
        self.queue.shut_down();
    }

    /// Whether another request may be sent on this connection, perhaps once exchanges before it are done.
    /// The server may still close it first.
    pub fn is_reusable(&self) -> bool {
        self.queue.is_open()
    }

    /// What is spoken.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.peer
    }
}

impl Clone for Connection {
    fn clone(&self) -> Self {
        self.queue.enter();
        Connection { queue: self.queue.clone(), peer: self.peer, protocol: self.protocol }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.queue.leave();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}
