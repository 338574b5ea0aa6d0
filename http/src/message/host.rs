//! What whoever has taken a transport over may still ask of the engine that it comes from.

use crate::clock::Epoch;
use crate::pool;
use crate::rt::{Runtime, Sleep};
use crate::server::{Shared, Stage};
use crate::{Config, Handler};
use avx_core::Instant;
use std::sync::Arc;
use std::time;

/// Time, limits, and whether the end has begun.
pub(crate) trait Host: Send + Sync {
    /// The time, as the machines count.
    fn now(&self) -> Instant;
    fn epoch(&self) -> &Epoch;
    fn sleep_until(&self, at: time::Instant) -> Box<dyn Sleep>;
    fn config(&self) -> &Arc<Config>;
    /// Whether the server shuts down. The task of its connection is woken when that begins.
    fn is_draining(&self) -> bool;
}

impl<H: Handler, R: Runtime> Host for Shared<H, R> {
    fn now(&self) -> Instant {
        pool::instant(&self.epoch, self.rt.now())
    }

    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    fn sleep_until(&self, at: time::Instant) -> Box<dyn Sleep> {
        Box::new(self.rt.sleep_until(at))
    }

    fn config(&self) -> &Arc<Config> {
        &self.config
    }

    fn is_draining(&self) -> bool {
        self.life.stage() > Stage::Running
    }
}

/// A client's.
pub(crate) struct Plain<R> {
    pub(crate) rt: R,
    pub(crate) epoch: Epoch,
    pub(crate) config: Arc<Config>,
}

impl<R: Runtime> Host for Plain<R> {
    fn now(&self) -> Instant {
        pool::instant(&self.epoch, self.rt.now())
    }

    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    fn sleep_until(&self, at: time::Instant) -> Box<dyn Sleep> {
        Box::new(self.rt.sleep_until(at))
    }

    fn config(&self) -> &Arc<Config> {
        &self.config
    }

    fn is_draining(&self) -> bool {
        false
    }
}
