//! The application on smol.

use adapter_smol::Smol;
use avx_http::ServerHandle;
use conformance::live::{Running, Setup, Target};
use smol::Executor;
use smol::channel::{Sender, unbounded};
use std::net::SocketAddr;
use std::sync::Arc;

const THREADS: usize = 2;

/// A server on smol.
pub(crate) struct OnSmol;

pub(crate) struct Listening {
    handle: ServerHandle,
    /// Dropped, it stops the threads that run the executor.
    _stop: Sender<()>,
}

impl Target for OnSmol {
    type Running = Listening;

    fn start(setup: &Setup) -> Listening {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = unbounded::<()>();
        for _ in 0..THREADS {
            let (executor, stopped) = (executor.clone(), stopped.clone());
            std::thread::spawn(move || smol::block_on(executor.run(stopped.recv())));
        }
        let rt = Smol::on(&executor, THREADS);
        Listening { handle: smol::block_on(super::start(setup, &rt)), _stop: stop }
    }
}

impl Running for Listening {
    fn addr(&self) -> SocketAddr {
        super::addr(&self.handle)
    }

    fn connections(&self) -> usize {
        self.handle.connections()
    }

    fn shutdown(&self) {
        self.handle.shutdown();
    }

    fn join(self) {
        smol::block_on(self.handle.join());
    }
}
