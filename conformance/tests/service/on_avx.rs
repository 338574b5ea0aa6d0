//! The application on runtime-avx.

use avx_http::ServerHandle;
use conformance::live::{Running, Setup, Target};
use runtime_avx::Runtime;
use std::net::SocketAddr;

/// A server on runtime-avx.
pub(crate) struct Avx;

pub(crate) struct Listening {
    handle: ServerHandle,
    runtime: Runtime,
}

impl Target for Avx {
    type Running = Listening;

    fn start(setup: &Setup) -> Listening {
        let runtime = Runtime::new().expect("a runtime");
        let handle = runtime.block_on(super::start(setup, runtime.handle()));
        Listening { handle, runtime }
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
        self.runtime.block_on(self.handle.join());
    }
}
