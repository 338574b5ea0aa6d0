//! What the RFCs demand, as tests: transcripts of single connections, and suites that run over any
//! runtime.
//!
//! - [`drive`] is the simplest driver of a bare machine, which checks the contract on its way.
//! - [`h2`] writes frames by hand, and reads what a server says to them.
//! - [`ws`] does the same for WebSocket.
//! - [`live`] is one suite for servers on any runtime, with a rude [`peer`].
//! - [`transcript`] reads `transcripts/**/*.md` (wire bytes in, events out, calls, wire bytes out) and
//!   runs them against the bare machines and through sessions, with every cutting of the input.

pub mod drive;
pub mod h2;
pub mod live;
pub mod peer;
pub mod transcript;
pub mod ws;
