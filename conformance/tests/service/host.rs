//! Tests that bring their own future, on one thread of each runtime.

use super::{Avx, OnSmol, OnTokio};
use avx_http::rt::Runtime;
use std::sync::Arc;

/// A runtime to run a test on.
pub(crate) trait Host {
    /// The runtime, as the engine sees it.
    type Rt: Runtime;

    /// Runs what `make` makes to its end, and what it spawns meanwhile, on this thread.
    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output;

    /// The same on a runtime of two workers.
    fn run_on_two<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output;
}

impl Host for Avx {
    type Rt = runtime_avx::Handle;

    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let runtime = runtime_avx::Builder::current_thread().build().expect("a runtime");
        runtime.block_on(make(runtime.handle().clone()))
    }

    fn run_on_two<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let runtime = runtime_avx::Builder::new().workers(2).build().expect("a runtime");
        runtime.block_on(make(runtime.handle().clone()))
    }
}

impl Host for OnTokio {
    type Rt = adapter_tokio::Tokio;

    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(make(runtime.handle().clone().into()))
    }

    fn run_on_two<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(make(runtime.handle().clone().into()))
    }
}

impl Host for OnSmol {
    type Rt = adapter_smol::Smol;

    fn run<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let executor = Arc::new(smol::Executor::new());
        smol::block_on(executor.run(make(adapter_smol::Smol::on(&executor, 1))))
    }

    fn run_on_two<F: Future>(make: impl FnOnce(Self::Rt) -> F) -> F::Output {
        let executor = Arc::new(smol::Executor::new());
        let (stop, stopped) = smol::channel::unbounded::<()>();
        let other = executor.clone();
        let other = std::thread::spawn(move || smol::block_on(other.run(stopped.recv())));
        let output = smol::block_on(executor.run(make(adapter_smol::Smol::on(&executor, 2))));
        drop(stop);
        other.join().expect("a thread").expect_err("nothing is ever sent");
        output
    }
}

/// Each of these functions as a test on each runtime.
#[macro_export]
macro_rules! on_each_runtime {
    ($( $(#[$meta:meta])* $name:ident )*) => {
        mod on_avx { $( $(#[$meta])* #[test] fn $name() { super::$name::<super::service::Avx>(); } )* }
        mod on_tokio { $( $(#[$meta])* #[test] fn $name() { super::$name::<super::service::OnTokio>(); } )* }
        mod on_smol { $( $(#[$meta])* #[test] fn $name() { super::$name::<super::service::OnSmol>(); } )* }
    };
}
