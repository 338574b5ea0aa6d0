//! Accepting: one acceptor per worker, over that worker's share of the listening sockets.

use super::Address;
use super::shared::{Life, Stage};
use crate::Handler;
use crate::clock;
use crate::conn::Engine;
use crate::error::ConnectionError;
use crate::rt::{Listener, Peer, Runtime, Sleep};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long to wait after the system had no resources for another connection.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Connections accepted before other tasks get their turn.
const BATCH: usize = 64;

/// Listening sockets, shared out among workers.
pub(super) struct Sockets {
    shares: Vec<Share>,
    addresses: Vec<Address>,
}

/// What one worker listens on.
#[derive(Default)]
pub(super) struct Share {
    tcp: Vec<TcpListener>,
    #[cfg(unix)]
    unix: Vec<std::os::unix::net::UnixListener>,
    /// Removed from the file system when accepting ends.
    files: Vec<SocketFile>,
}

impl Sockets {
    pub(super) fn new(workers: usize) -> Self {
        Sockets { shares: (0..workers).map(|_| Share::default()).collect(), addresses: Vec::new() }
    }

    /// One socket for each worker, where the system spreads connections among them; else one for all.
    pub(super) fn bind_tcp<R: Runtime>(&mut self, rt: &R, addr: SocketAddr, backlog: u32) -> io::Result<()> {
        let mut several = self.shares.len() > 1;
        if several && addr.port() != 0 {
            // Alone first: sockets that share an address would share it with another server's as well.
            drop(rt.bind_tcp(addr, backlog, false)?);
        }
        let first = match rt.bind_tcp(addr, backlog, several) {
            Err(error) if several && error.kind() == ErrorKind::Unsupported => {
                several = false;
                rt.bind_tcp(addr, backlog, false)?
            }
            first => first?,
        };
        let addr = first.local_addr()?;
        for share in &mut self.shares[1..] {
            share.tcp.push(if several { rt.bind_tcp(addr, backlog, true)? } else { first.try_clone()? });
        }
        self.shares[0].tcp.push(first);
        self.addresses.push(Address::Inet(addr));
        Ok(())
    }

    #[cfg(unix)]
    pub(super) fn bind_unix(&mut self, path: PathBuf) -> io::Result<()> {
        use std::os::unix::fs::FileTypeExt;
        use std::os::unix::net::{UnixListener, UnixStream};
        let first = match UnixListener::bind(&path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                // A socket file nobody answers on was left over.
                let is_socket = std::fs::symlink_metadata(&path)?.file_type().is_socket();
                let refused = |e: io::Error| e.kind() == ErrorKind::ConnectionRefused;
                if !is_socket || !UnixStream::connect(&path).is_err_and(refused) {
                    return Err(error);
                }
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)?
            }
            first => first?,
        };
        for share in &mut self.shares[1..] {
            share.unix.push(first.try_clone()?);
        }
        self.shares[0].unix.push(first);
        self.shares[0].files.push(SocketFile::new(path.clone())?);
        self.addresses.push(Address::Unix(path));
        Ok(())
    }

    #[cfg(not(unix))]
    pub(super) fn bind_unix(&mut self, path: PathBuf) -> io::Result<()> {
        let text = format!("{}: no unix sockets on this system", path.display());
        Err(io::Error::new(ErrorKind::Unsupported, text))
    }

    pub(super) fn addresses(&self) -> Arc<[Address]> {
        self.addresses.as_slice().into()
    }

    pub(super) fn into_shares(self) -> Vec<Option<Share>> {
        self.shares.into_iter().map(Some).collect()
    }
}

/// The file of a Unix socket: removed on drop, unless another one stands there by then.
struct SocketFile {
    path: PathBuf,
    #[cfg(unix)]
    inode: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    fn new(path: PathBuf) -> io::Result<Self> {
        let inode = Self::inode(&path)?;
        Ok(SocketFile { path, inode })
    }

    fn inode(path: &std::path::Path) -> io::Result<(u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        std::fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        #[cfg(unix)]
        if Self::inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
        #[cfg(not(unix))]
        let _ = &self.path;
    }
}

/// Accepts on one worker.
pub(super) struct Acceptor<H, R: Runtime> {
    engine: Engine<H, R>,
    tcp: Vec<R::TcpListener>,
    #[cfg(unix)]
    unix: Vec<R::UnixListener>,
    /// Accepted, but one too many for now.
    parked: Option<(Accepted<R>, Peer)>,
    /// Runs while the system has no resources.
    back_off: Option<R::Sleep>,
    slot: Option<u32>,
    paused: bool,
}

enum Accepted<R: Runtime> {
    Tcp(R::Tcp),
    #[cfg(unix)]
    Unix(R::Unix),
}

impl<H: Handler, R: Runtime> Acceptor<H, R> {
    /// Accepts until the server's end begins. `last`: then waits for its connections, and drops them
    /// when the drain has taken too long. Counted out when it ends, also where it never began: a runtime that has
    /// ended drops what it is given.
    pub(super) fn run(
        engine: Engine<H, R>,
        share: Option<Share>,
        last: bool,
    ) -> impl Future<Output = ()> + Send + 'static {
        let share = share.map(|share| (share, Ends(engine.shared().life.clone())));
        async move {
            if let Some((share, _ends)) = share {
                Self::accept(engine, share, last).await;
            }
        }
    }

    async fn accept(engine: Engine<H, R>, share: Share, last: bool) {
        let mut acceptor = Acceptor {
            engine,
            tcp: Vec::new(),
            #[cfg(unix)]
            unix: Vec::new(),
            parked: None,
            back_off: None,
            slot: None,
            paused: false,
        };
        // On this worker, so that the sockets stay with it.
        let shared = acceptor.engine.shared().clone();
        let report = |error: &io::Error| shared.report(None, ConnectionError::Accept(error));
        for listener in share.tcp {
            match shared.rt.tcp_listener(listener) {
                Ok(listener) => acceptor.tcp.push(listener),
                Err(error) => report(&error),
            }
        }
        #[cfg(unix)]
        for listener in share.unix {
            match shared.rt.unix_listener(listener) {
                Ok(listener) => acceptor.unix.push(listener),
                Err(error) => report(&error),
            }
        }
        poll_fn(|cx| acceptor.poll_accept(cx)).await;
        acceptor.tcp.clear();
        #[cfg(unix)]
        acceptor.unix.clear();
        acceptor.parked = None;
        drop(share.files);
        if last {
            acceptor.drain().await;
        }
    }

    /// Ready when the server's end begins.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.register(cx);
        for _ in 0..BATCH {
            let life = &self.engine.shared().life;
            if life.stage() != Stage::Running {
                return Poll::Ready(());
            }
            if let Some(sleep) = &mut self.back_off {
                ready!(Pin::new(sleep).poll(cx));
                self.back_off = None;
            }
            if !self.has_room() {
                return Poll::Pending;
            }
            match self.parked.take() {
                Some((accepted, peer)) => self.serve(accepted, peer),
                None => {
                    if !self.accept_each(cx) {
                        return Poll::Pending;
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn register(&mut self, cx: &Context<'_>) {
        if self.slot.is_none() {
            self.slot = Some(self.engine.shared().life.waiting.insert(cx));
        }
    }

    /// Whether there may be another connection; if not, the end of one wakes.
    fn has_room(&mut self) -> bool {
        let life = &self.engine.shared().life;
        if life.is_full() && !self.paused {
            self.paused = true;
            life.pause(true);
        }
        // Looked at again after saying so: a connection that ends from here on wakes.
        let full = life.is_full();
        if !full && self.paused {
            self.paused = false;
            life.pause(false);
        }
        !full
    }

    /// Asks each listener once; whether any had something.
    fn accept_each(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        for i in 0..self.tcp.len() {
            if self.parked.is_some() {
                return true;
            }
            if let Poll::Ready(result) = self.tcp[i].poll_accept(cx) {
                any = true;
                self.accepted(result.map(|(io, peer)| (Accepted::Tcp(io), peer)));
            }
        }
        #[cfg(unix)]
        for i in 0..self.unix.len() {
            if self.parked.is_some() {
                return true;
            }
            if let Poll::Ready(result) = self.unix[i].poll_accept(cx) {
                any = true;
                self.accepted(result.map(|(io, peer)| (Accepted::Unix(io), peer)));
            }
        }
        any
    }

    fn accepted(&mut self, result: io::Result<(Accepted<R>, Peer)>) {
        match result {
            Ok((accepted, peer)) => self.serve(accepted, peer),
            // The connection was gone before it was accepted.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
                ) => {}
            // No descriptors, no memory: the connection stays in the backlog, and asking again at
            // once would find it there with the same result.
            Err(error) => {
                let shared = self.engine.shared();
                shared.report(None, ConnectionError::Accept(&error));
                let until = shared.rt.now() + BACK_OFF;
                match &mut self.back_off {
                    Some(sleep) => sleep.reset(until),
                    None => self.back_off = Some(shared.rt.sleep_until(until)),
                }
            }
        }
    }

    fn serve(&mut self, accepted: Accepted<R>, peer: Peer) {
        let shared = self.engine.shared();
        if !shared.life.enter() {
            self.parked = Some((accepted, peer));
            return;
        }
        match accepted {
            Accepted::Tcp(io) => shared.rt.spawn_local(self.engine.entered(io, peer)),
            #[cfg(unix)]
            Accepted::Unix(io) => shared.rt.spawn_local(self.engine.entered(io, peer)),
        }
    }

    /// Waits for the connections to end; when that takes too long, drops them.
    async fn drain(&mut self) {
        let shared = self.engine.shared().clone();
        // A little more than the machines allow themselves, who have something to say.
        let deadline = clock::after(shared.rt.now(), shared.config.timeouts.drain.saturating_add(BACK_OFF));
        let mut sleep = shared.rt.sleep_until(deadline);
        poll_fn(|cx| {
            self.register(cx);
            if shared.life.connections() == 0 {
                return Poll::Ready(());
            }
            if shared.life.stage() == Stage::Draining && Pin::new(&mut sleep).poll(cx).is_ready() {
                shared.life.advance(Stage::Aborted);
            }
            Poll::Pending
        })
        .await;
    }
}

impl<H, R: Runtime> Drop for Acceptor<H, R> {
    fn drop(&mut self) {
        let life = &self.engine.shared_life();
        if let Some(slot) = self.slot {
            life.waiting.remove(slot);
        }
        if self.paused {
            life.pause(false);
        }
    }
}

/// Counts an acceptor out.
struct Ends(Arc<Life>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.acceptor_ends();
    }
}
