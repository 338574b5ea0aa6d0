//! The user has had enough: Ctrl-C, or SIGTERM, which `timeout` and supervisors send. Both end a run with what it has
//! measured and a comparison with its servers.

use crate::first;
use runtime_avx::signal::{self, Signal};

/// Listens for both for as long as it lives.
pub(crate) struct Interrupt {
    ctrl_c: Signal,
    terminate: Signal,
}

impl Interrupt {
    pub(crate) fn listen() -> Result<Self, String> {
        let listen = || Ok(Interrupt { ctrl_c: signal::ctrl_c()?, terminate: signal::terminate()? });
        listen().map_err(|error: std::io::Error| format!("signals cannot be listened for: {error}"))
    }

    /// Waits for either.
    pub(crate) async fn recv(&mut self) -> std::io::Result<()> {
        first(self.ctrl_c.recv(), self.terminate.recv()).await
    }
}
