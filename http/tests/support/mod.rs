//! A runtime without a system: [streams in memory](memory), [time and tasks](sim) under the control of the test,
//! and what tests of the server's engine begin with. Everything is deterministic.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses its own part")]

mod gate;
mod memory;
mod sim;
mod started;

pub use gate::{Dropped, Gate};
pub use memory::{MemStream, Remote, pair};
pub use sim::Sim;
pub use started::{GET, post, start, start_with};
