//! The application on tokio.

use adapter_tokio::Tokio;
use avx_http::ServerHandle;
use conformance::live::{Running, Setup, Target};
use std::net::SocketAddr;
use std::sync::mpsc;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

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

/// A server on one thread of tokio, that of its own.
pub(crate) struct OnTokioAlone;

pub(crate) struct Alone {
    handle: ServerHandle,
    /// Dropped, it stops the thread.
    _stop: oneshot::Sender<()>,
    over: mpsc::Receiver<()>,
}

impl Target for OnTokioAlone {
    type Running = Alone;

    fn start(setup: &Setup) -> Alone {
        let (started, handle) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ended, over) = mpsc::channel();
        let setup = *setup;
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let handle = super::start(&setup, &Tokio::current()).await;
                started.send(handle.clone()).expect("a test");
                tokio::select! {
                    () = handle.join() => drop(ended),
                    _ = stopped => {}
                }
            });
        });
        Alone { handle: handle.recv().expect("a server"), _stop: stop, over }
    }
}

impl Running for Alone {
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
        self.over.recv().expect_err("nothing is ever sent");
    }
}
