//! What a runtime consists of.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::blocking::Pool;
use crate::runtime::Runtime;
use crate::scheduler::{Remote, Shared, Worker, current};

/// Builds a [`Runtime`].
///
/// ```
/// let runtime = runtime_avx::Builder::new().workers(2).name("web").build()?;
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Builder {
    workers: Option<usize>,
    name: String,
    pin: bool,
    backend: Backend,
    blocking_threads: usize,
    blocking_keep: Duration,
}

/// The kernel interface that tells when sockets are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The best one of the system: epoll on Linux.
    #[default]
    Native,
    /// poll(2), which every Unix has. Its cost grows with the number of sockets; for tests.
    Poll,
}

impl Builder {
    /// One worker for each processor that the process may use.
    pub fn new() -> Builder {
        Builder {
            workers: None,
            name: "avx".to_owned(),
            pin: false,
            backend: Backend::Native,
            blocking_threads: 64,
            blocking_keep: Duration::from_secs(10),
        }
    }

    /// No thread: [`Runtime::block_on`] drives everything on the thread that calls it.
    pub fn current_thread() -> Builder {
        Builder::new().workers(0)
    }

    /// So many worker threads. With 0, [`Runtime::block_on`] drives everything on the thread that calls
    /// it. Default: the processors that the process may use.
    #[must_use]
    pub fn workers(self, workers: usize) -> Builder {
        Builder { workers: Some(workers), ..self }
    }

    /// What the names of threads begin with. Default: `avx`, which gives `avx-0` and `avx-blocking`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Builder {
        Builder { name: name.into(), ..self }
    }

    /// Whether each worker is bound to a processor, where the system has that. Default: no.
    #[must_use]
    pub fn pin_cores(self, pin: bool) -> Builder {
        Builder { pin, ..self }
    }

    /// The kernel interface. Default: [`Backend::Native`].
    #[must_use]
    pub fn backend(self, backend: Backend) -> Builder {
        Builder { backend, ..self }
    }

    /// The most threads for blocking work at a time; there is none until there is such work, and more
    /// work waits. Default: 64.
    #[must_use]
    pub fn blocking_threads(self, threads: usize) -> Builder {
        Builder { blocking_threads: threads, ..self }
    }

    /// How long a thread for blocking work waits for more before it ends. Default: 10 seconds.
    #[must_use]
    pub fn blocking_keep_alive(self, keep: Duration) -> Builder {
        Builder { blocking_keep: keep, ..self }
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// As the system reports them: no descriptors or threads left.
    pub fn build(self) -> io::Result<Runtime> {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let threads = self.workers.unwrap_or_else(processors);
        let remotes = (0..threads.max(1))
            .map(|_| Ok(Arc::new(Remote::new(self.backend)?)))
            .collect::<io::Result<_>>()?;
        let pool = Pool::new(format!("{}-blocking", self.name), self.blocking_threads, self.blocking_keep);
        let shared = Arc::new(Shared::new(remotes, pool, self.backend));
        if threads == 0 {
            let worker = Worker::new(&shared, Some(0))?;
            return Ok(Runtime::new_with(shared, worker, true));
        }
        // Whatever fails, those that have been started are ended by the drop of the runtime.
        let mut runtime = Runtime::new_with(shared.clone(), Worker::new(&shared, None)?, false);
        for index in 0..threads {
            let worker = Worker::new(&shared, Some(index as u32))?;
            let pin = self.pin;
            let ended = runtime.ending();
            let thread = thread::Builder::new().name(format!("{}-{index}", self.name)).spawn(move || {
                let _ended = ended;
                if pin {
                    bind(index);
                }
                current::enter(&worker, || {
                    worker.run();
                    worker.shut_down();
                });
            })?;
            runtime.add_thread(thread);
        }
        Ok(runtime)
    }
}

#[cfg(target_os = "linux")]
fn bind(index: usize) {
    // A wish: the worker works anywhere.
    let _ = crate::sys::pin_to_core(index);
}

#[cfg(not(target_os = "linux"))]
fn bind(_: usize) {}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("name", &self.name)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}
