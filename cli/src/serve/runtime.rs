//! The runtimes that can serve, and what each needs to be started with so many workers.

use avx_http::rt;
use clap::ValueEnum;
use runtime_avx::Handle;
use std::time::Duration;

/// A runtime by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// The native one: an event loop for each worker
    #[default]
    Avx,
    /// tokio, with several threads that steal from each other
    Tokio,
    /// tokio, with one thread
    TokioCurrent,
    /// smol
    Smol,
}

impl Name {
    /// As it is given on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Name::Avx => "avx",
            Name::Tokio => "tokio",
            Name::TokioCurrent => "tokio-current",
            Name::Smol => "smol",
        }
    }

    /// Why it cannot serve, if this program was built without it or it has no such number of workers.
    pub(crate) fn check(self, workers: Option<u16>) -> Result<(), String> {
        let feature = match self {
            Name::Avx => None,
            Name::Tokio | Name::TokioCurrent => (!cfg!(feature = "tokio")).then_some("tokio"),
            Name::Smol => (!cfg!(feature = "smol")).then_some("smol"),
        };
        if let Some(feature) = feature {
            return Err(format!(
                "--runtime {}: this avx was built without it (cargo feature `{feature}`)",
                self.as_str()
            ));
        }
        if self == Name::TokioCurrent && workers.is_some_and(|workers| workers > 1) {
            return Err(
                "--runtime tokio-current has one thread: it takes no more than --workers 1".to_owned()
            );
        }
        Ok(())
    }
}

/// What goes on once a runtime is there, whatever its type.
pub(super) trait Visitor {
    /// What comes of it.
    type Output;

    /// Serves on `rt`. `control` is what signals are waited for with, on the calling thread.
    fn visit<R: rt::Runtime>(self, control: &runtime_avx::Runtime, rt: R) -> Result<Self::Output, String>;
}

/// Nothing is in flight any more; work that still blocks would have nobody to tell.
const GRACE: Duration = Duration::from_millis(500);

/// Starts the runtime called `name`, lets `visitor` serve on it, and ends it.
pub(super) fn with<V: Visitor>(name: Name, workers: Option<u16>, visitor: V) -> Result<V::Output, String> {
    name.check(workers)?;
    match name {
        Name::Avx => {
            let mut builder = runtime_avx::Builder::new();
            if let Some(workers) = workers {
                builder = builder.workers(workers.into());
            }
            let runtime = builder.build().map_err(unable)?;
            let handle: Handle = runtime.handle().clone();
            let result = visitor.visit(&runtime, handle);
            runtime.shutdown_timeout(GRACE);
            result
        }
        #[cfg(feature = "tokio")]
        Name::Tokio => foreign::tokio(workers, visitor),
        #[cfg(feature = "tokio")]
        Name::TokioCurrent => foreign::tokio_current(visitor),
        #[cfg(feature = "smol")]
        Name::Smol => foreign::smol(workers, visitor),
        #[cfg(not(all(feature = "tokio", feature = "smol")))]
        // Refused above.
        _ => Err(format!("--runtime {}: not in this avx", name.as_str())),
    }
}

fn unable(error: std::io::Error) -> String {
    format!("the runtime could not start: {error}")
}

#[cfg(any(feature = "tokio", feature = "smol"))]
mod foreign {
    use super::{GRACE, Visitor, unable};
    use std::thread;

    fn control() -> Result<runtime_avx::Runtime, String> {
        runtime_avx::Builder::current_thread().build().map_err(unable)
    }

    fn threads(workers: Option<u16>) -> usize {
        workers.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from)
    }

    #[cfg(feature = "tokio")]
    pub(super) fn tokio<V: Visitor>(workers: Option<u16>, visitor: V) -> Result<V::Output, String> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(threads(workers)).enable_all().build().map_err(unable)?;
        let control = control()?;
        let result = visitor.visit(&control, adapter_tokio::Tokio::from(runtime.handle().clone()));
        control.shutdown_timeout(GRACE);
        runtime.shutdown_timeout(GRACE);
        result
    }

    #[cfg(feature = "tokio")]
    pub(super) fn tokio_current<V: Visitor>(visitor: V) -> Result<V::Output, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unable)?;
        let handle = runtime.handle().clone();
        // It ends with the process, a moment after the last connection.
        thread::Builder::new()
            .name("tokio-current".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map_err(unable)?;
        let control = control()?;
        let result = visitor.visit(&control, adapter_tokio::Tokio::from(handle));
        control.shutdown_timeout(GRACE);
        result
    }

    #[cfg(feature = "smol")]
    pub(super) fn smol<V: Visitor>(workers: Option<u16>, visitor: V) -> Result<V::Output, String> {
        let executor = std::sync::Arc::new(smol::Executor::new());
        let threads = threads(workers);
        for n in 0..threads {
            let executor = executor.clone();
            // They end with the process, a moment after the last connection.
            thread::Builder::new()
                .name(format!("smol-{n}"))
                .spawn(move || smol::block_on(executor.run(std::future::pending::<()>())))
                .map_err(unable)?;
        }
        let control = control()?;
        let result = visitor.visit(&control, adapter_smol::Smol::on(&executor, threads));
        control.shutdown_timeout(GRACE);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for name in Name::value_variants() {
            let value = name.to_possible_value().expect("none is hidden");
            assert_eq!(value.get_name(), name.as_str());
        }
    }

    #[test]
    fn what_was_left_out_is_named_with_its_feature() {
        for (name, feature, is_there) in [
            (Name::Tokio, "tokio", cfg!(feature = "tokio")),
            (Name::TokioCurrent, "tokio", cfg!(feature = "tokio")),
            (Name::Smol, "smol", cfg!(feature = "smol")),
        ] {
            match name.check(None) {
                Ok(()) => assert!(is_there),
                Err(text) => {
                    assert!(!is_there);
                    assert!(
                        text.ends_with(&format!("built without it (cargo feature `{feature}`)")),
                        "{text}"
                    );
                }
            }
        }
        assert_eq!(Name::Avx.check(Some(9)), Ok(()));
    }

    #[test]
    fn a_single_thread_takes_one_worker_and_no_more() {
        let check = |workers| Name::TokioCurrent.check(workers).is_ok();
        assert_eq!(
            [check(None), check(Some(1)), check(Some(2))],
            [cfg!(feature = "tokio"), cfg!(feature = "tokio"), false]
        );
    }
}
