//! A running server, from outside.

use super::Address;
use super::shared::{Life, Stage};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A running server. Clones name the same one; dropping them all leaves it running.
#[derive(Clone)]
pub struct ServerHandle {
    pub(super) life: Arc<Life>,
    pub(super) addresses: Arc<[Address]>,
}

impl ServerHandle {
    /// Where it listens, with the ports that the system chose.
    pub fn local_addrs(&self) -> &[Address] {
        &self.addresses
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.life.connections()
    }

    /// Begins the graceful end: no connection is accepted any more, idle ones are closed, requests
    /// in flight complete. What is not done when the drain deadline has passed is dropped.
    pub fn shutdown(&self) {
        self.life.advance(Stage::Draining);
    }

    /// Ends it now: every connection is dropped.
    pub fn abort(&self) {
        self.life.advance(Stage::Aborted);
    }

    /// Waits until nothing of it is left; it does not itself begin the end.
    pub async fn join(&self) {
        Join { life: self.life.clone(), slot: None }.await;
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

struct Join {
    life: Arc<Life>,
    slot: Option<u32>,
}

impl Future for Join {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before looking, so that no change is missed.
        let slot = self.life.waiting.insert(cx);
        let old = self.slot.replace(slot);
        if let Some(old) = old {
            self.life.waiting.remove(old);
        }
        if self.life.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.life.waiting.remove(slot);
        }
    }
}
