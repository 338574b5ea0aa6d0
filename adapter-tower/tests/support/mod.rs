//! One test, three runtimes.
#![allow(dead_code, reason = "each test binary uses its own part")]

use avx_http::client::{Connection, Options, Protocol};
use avx_http::rt::Runtime;
use avx_http::{Handler, Server};
use std::sync::Arc;

/// A runtime to run a test on.
pub(crate) trait Host {
    /// The runtime, as the engine sees it.
    type Rt: Runtime;

    /// Runs what `make` makes to its end on this thread.
    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output;
}

pub(crate) struct Avx;
pub(crate) struct Tokio;
pub(crate) struct Smol;

impl Host for Avx {
    type Rt = runtime_avx::Handle;
    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let runtime = runtime_avx::Builder::current_thread().build().expect("a runtime");
        runtime.block_on(make(runtime.handle().clone()))
    }
}

impl Host for Tokio {
    type Rt = adapter_tokio::Tokio;
    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(make(runtime.handle().clone().into()))
    }
}

impl Host for Smol {
    type Rt = adapter_smol::Smol;
    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let executor = Arc::new(smol::Executor::new());
        smol::block_on(executor.run(make(adapter_smol::Smol::on(&executor, 1))))
    }
}

/// Connections to a server of `handler`, in each protocol.
pub(crate) async fn connections<R: Runtime>(rt: &R, handler: impl Handler) -> [Connection; 2] {
    let server = Server::new(handler).bind("127.0.0.1:0").start(rt).await.expect("a server");
    let address = &server.local_addrs()[0];
    let mut options = Options::default();
    let one = Connection::connect(rt, address.clone(), &options).await.expect("a connection");
    options.protocol = Protocol::Http2;
    [one, Connection::connect(rt, address.clone(), &options).await.expect("a connection")]
}

/// Each of these functions as a test on each runtime.
#[macro_export]
macro_rules! on_each_runtime {
    ($( $name:ident )*) => {
        mod on_avx { $( #[test] fn $name() { super::$name::<super::support::Avx>(); } )* }
        mod on_tokio { $( #[test] fn $name() { super::$name::<super::support::Tokio>(); } )* }
        mod on_smol { $( #[test] fn $name() { super::$name::<super::support::Smol>(); } )* }
    };
}
