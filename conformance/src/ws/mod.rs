//! WebSocket by hand, for tests: frames as a peer writes them, whether it should or not, and a driver of a bare
//! machine that checks the contract on its way.

mod drive;
pub mod frames;

pub use drive::{Answer, Driver, Seen};
