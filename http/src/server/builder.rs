//! Putting a server together and starting it.

use super::Address;
use super::accept::{Acceptor, Sockets};
use super::handle::ServerHandle;
use super::shared::{Access, AccessHook, Life, Protocols, Shared};
use crate::clock::Epoch;
use crate::conn::Engine;
use crate::error::{ConnectionError, ErrorHook};
use crate::rt::{Peer, Runtime};
use crate::{Handler, IntoHandler, Value};
use avx_core::{Config, Field, Preset};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Connections waiting to be accepted, as the system is told.
const BACKLOG: u32 = 1024;
/// Connections at the same time.
const MAX_CONNECTIONS: usize = 10_000;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A server to be: a handler, addresses, limits.
///
/// ```no_run
/// use avx_http::{Router, Server, rt::Runtime};
///
/// async fn run(rt: impl Runtime) -> std::io::Result<()> {
///     let router = Router::new().get("/", || "Hello, World!");
///     let server = Server::new(router).bind("127.0.0.1:0").bind("unix:/tmp/hello.sock").start(&rt).await?;
///     println!("listening on {:?}", server.local_addrs());
///     server.join().await; // until somebody calls server.shutdown()
///     Ok(())
/// }
/// ```
pub struct Server<H> {
    handler: H,
    addresses: Vec<Address>,
    config: Config,
    protocols: Protocols,
    h2c: bool,
    backlog: u32,
    max_connections: usize,
    server: Option<Value>,
    date: bool,
    access: Option<AccessHook>,
    errors: Option<ErrorHook>,
}

impl<H: Handler> Server<H> {
    /// A server that answers with `handler`: a [`Router`](crate::Router), or any function that is a
    /// handler.
    pub fn new<S>(handler: impl IntoHandler<S, Handler = H>) -> Self {
        Server {
            handler: handler.into_handler(),
            addresses: Vec::new(),
            config: Config::default(),
            protocols: Protocols::Both,
            h2c: false,
            backlog: BACKLOG,
            max_connections: MAX_CONNECTIONS,
            server: Some(concat!("avx/", env!("CARGO_PKG_VERSION")).into()),
            date: true,
            access: None,
            errors: None,
        }
    }

    /// Listens on one more address: `host:port` (port 0: the system chooses), `unix:path`, or a
    /// `SocketAddr`. A socket file left over by a server that no longer runs is replaced, and removed
    /// at the end.
    pub fn bind(mut self, address: impl Into<Address>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Limits, time-outs and leniencies of each connection.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Accepts `Upgrade: h2c` (RFC 7540, section 3.2, which RFC 9113 deprecates) in requests without content.
    /// Default off: clients that know what they want send the preface of HTTP/2.
    pub fn upgrade_to_http2(mut self, yes: bool) -> Self {
        self.h2c = yes;
        self
    }

    /// Lets clients of HTTP/2 ask for upgrades (extended CONNECT, RFC 8441): what
    /// [`Response::upgrade`](crate::Response::upgrade) switches to over HTTP/1.1. Default off; plain CONNECT needs no
    /// permission.
    pub fn extended_connect(mut self, yes: bool) -> Self {
        self.config.h2.connect_protocol = yes;
        self
    }

    /// Speaks these protocols only.
    pub fn protocols(mut self, protocols: Protocols) -> Self {
        self.protocols = protocols;
        self
    }

    /// Connections the system may hold ready to be accepted. Default 1024.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Connections at the same time, all addresses together. Default 10 000. When there are so many,
    /// accepting pauses until one ends; those that come meanwhile wait in the backlog.
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max.max(1);
        self
    }

    /// How long what is in flight may take after a shutdown began. Default 30 s.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.config.timeouts.drain = drain;
        self
    }

    /// Value of the Server field, unless a response has its own. Default `avx/` and the version;
    /// `None` for no such field.
    pub fn server_field(mut self, value: Option<impl Into<Value>>) -> Self {
        self.server = value.map(Into::into);
        self
    }

    /// Whether responses get a Date field. Default true: "An origin server with a clock MUST generate
    /// a Date header field in all 2xx, 3xx, and 4xx responses" (RFC 9110, section 6.6.1).
    pub fn date_field(mut self, yes: bool) -> Self {
        self.date = yes;
        self
    }

    /// Calls `hook` at the end of each exchange, and for each request that the machine itself refused (400,
    /// 408, 431 ...), from the worker that served it: it must not block.
    pub fn on_access(mut self, hook: impl Fn(&Access<'_>) + Send + Sync + 'static) -> Self {
        self.access = Some(Box::new(hook));
        self
    }

    /// Calls `hook` for each error, from the worker where it happened: it must not block.
    pub fn on_error(
        mut self,
        hook: impl Fn(Option<Peer>, ConnectionError<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.errors = Some(Box::new(hook));
        self
    }

    /// The engine alone, for connections that come from elsewhere. Addresses and backlog play no
    /// part.
    ///
    /// # Errors
    /// Of kind `InvalidInput` when the handler was put together wrongly, or the Server field cannot be
    /// sent.
    pub fn engine<R: Runtime>(self, rt: &R) -> io::Result<Engine<H, R>> {
        self.handler.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let server = self.server.as_ref().map(|value| Field::new("Server", value.as_bytes()));
        Preset::new(server.as_slice()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Engine::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            handler: self.handler,
            rt: rt.clone(),
            config: Arc::new(self.config),
            protocols: self.protocols,
            h2c: self.h2c && self.protocols == Protocols::Both,
            epoch: Epoch::new(rt.now()),
            server: self.server,
            date: self.date,
            access: self.access,
            errors: self.errors,
            life: Arc::new(Life::new(self.max_connections)),
        }))
    }

    /// Binds every address and begins to accept, on every worker of the runtime.
    ///
    /// # Errors
    /// As [`engine`](Self::engine); of kind `InvalidInput` without an address; else what the system
    /// says to binding. Then nothing was started.
    pub async fn start<R: Runtime>(mut self, rt: &R) -> io::Result<ServerHandle> {
        let addresses = std::mem::take(&mut self.addresses);
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
        }
        let backlog = self.backlog;
        let engine = self.engine(rt)?;
        let mut sockets = Sockets::new(rt.workers().max(1));
        for address in addresses {
            match address {
                Address::Inet(addr) => sockets.bind_tcp(rt, addr, backlog)?,
                Address::Host(host) => bind_host(&mut sockets, rt, &host, backlog).await?,
                Address::Unix(path) => sockets.bind_unix(path)?,
            }
        }
        let handle = ServerHandle { life: engine.shared().life.clone(), addresses: sockets.addresses() };
        let mut shares = sockets.into_shares();
        let workers = shares.len();
        for _ in 0..workers {
            handle.life.acceptor_begins();
        }
        rt.spawn_on_each(|worker| {
            let share = shares.get_mut(worker).and_then(Option::take);
            Acceptor::run(engine.clone(), share, worker == 0)
        });
        // A runtime with fewer workers than it said gets the rest in one piece.
        for share in shares.into_iter().flatten() {
            rt.spawn(Acceptor::run(engine.clone(), Some(share), false));
        }
        Ok(handle)
    }

    /// [`start`](Self::start), then waits for the end.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn serve<R: Runtime>(self, rt: &R) -> io::Result<()> {
        self.start(rt).await?.join().await;
        Ok(())
    }
}

impl<H> std::fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.addresses)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Binds to the first address of a host that this system has: `localhost` names one of IPv6 where there is none. One
/// that is taken is an error, not a reason to listen elsewhere.
async fn bind_host<R: Runtime>(sockets: &mut Sockets, rt: &R, address: &str, backlog: u32) -> io::Result<()> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{address}: not host:port"));
    let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
    let port = port.parse().map_err(|_| invalid())?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host}: no address"));
    for addr in rt.resolve(host, port).await? {
        match sockets.bind_tcp(rt, addr, backlog) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => last = error,
            result => return result,
        }
    }
    Err(last)
}
