//! The application on tokio.

use adapter_tokio::Tokio;
use avx_http::ServerHandle;
use conformance::live::{Running, Setup, Target};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// A server on tokio.
pub(crate) struct OnTokio;

pub(crate) struct Listening {
    handle: ServerHandle,
    runtime: Option<Runtime>,
}

impl Target for OnTokio {
    type Running = Listening;

    fn start(setup: &Setup) -> Listening {
        let runtime = Runtime::new().expect("a runtime");
        let handle = runtime.block_on(super::start(setup, &Tokio::from(runtime.handle().clone())));
        Listening { handle, runtime: Some(runtime) }
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

    fn join(mut self) {
        self.runtime.take().expect("a runtime").block_on(self.handle.join());
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
