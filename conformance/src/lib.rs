//! What the RFCs demand, as tests: transcripts of single connections, and suites that run over any
//! runtime.
//!
//! - [`transcript`] reads `transcripts/**/*.md` (wire bytes in, events out, calls, wire bytes out) and
//!   runs them against the bare machines and through sessions, with every cutting of the input.

pub mod transcript;
