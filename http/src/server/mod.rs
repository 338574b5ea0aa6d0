//! The server: addresses, workers, limits, shutdown.
//!
//! ```text
//! Server (builder) --serve/start--> one acceptor per worker --> one Connection per client
//!                                        \                          /
//!                                         Shared: handler, hooks, counts, wakers
//! ```

mod accept;
mod address;
mod builder;
mod handle;
mod shared;

pub use address::Address;
pub use builder::Server;
pub use handle::ServerHandle;
pub use shared::{Access, Protocols};

pub(crate) use shared::{AccessHook, Life, Shared, Stage};
