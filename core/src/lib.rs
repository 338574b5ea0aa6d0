//! Sans-IO HTTP: bytes become events, answers become bytes, and nothing else happens.
//!
//! This crate opens no socket, reads no clock, starts no thread and depends on nothing. Whoever embeds
//! it (a runtime, a C program, a game loop, a fuzzer) hands in bytes and the time, and writes out what
//! comes back.
//!
//! ```text
//!   bytes in ──▶ Machine::recv ──▶ Event { Request | Response | Data | End ... }
//!                                      │ you
//!   bytes out ◀── Output ◀── Http::send_response, send_data, send_end ...
//! ```
//!
//! # A tour
//!
//! - [`Machine`] is the wire side of a protocol, [`Http`] its user side; [`h1::Server`] and
//!   [`h1::Client`] are machines for HTTP/1.1 (RFC 9112), [`h2::Server`] and [`h2::Client`] for HTTP/2
//!   (RFC 9113), [`ws::Server`] and [`ws::Client`] for WebSocket (RFC 6455). All borrow the caller's memory: an event points into the input, an answer is written
//!   into an [`Output`].
//! - [`any::Server`] and [`any::Client`] are machines for HTTP, whichever version; they count credit over both.
//! - [`Session`] is a machine with its buffers: all that a driver does, short of the system calls. Most
//!   embedders want this one; [`embedding`] walks through it. [`Drive`] is its transport's side alone: one
//!   [`Step`] after the other, whatever is spoken.
//! - [`Config`] holds every limit and deadline, on by default, and every leniency, off by default.
//! - Below the machines, [`h1::head::Parser`], [`h1::chunked::Chunked`], [`h1::encode`], [`h2::frame`],
//!   [`h2::hpack`], [`ws::frame`] and [`ws::handshake`] can be used and fuzzed alone.
//!
//! ```
//! use avx_core::{Config, Event, Http, Instant, Response, Scratch, Session, Status, h1};
//! use std::sync::Arc;
//!
//! let config = Arc::new(Config::default());
//! let now = Instant::ZERO;
//! let mut scratch = Scratch::new();
//! let mut session = Session::new(h1::Server::new(config.clone(), now), &config);
//!
//! session.read_from(now, &mut scratch, b"GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n");
//! while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
//!     if let Event::Request { stream, head, .. } = turn.event {
//!         assert_eq!(head.path(), b"/hello");
//!         let response = Response::new(Status::OK, &[]);
//!         turn.machine.send_full(now, stream, &response, b"hi", turn.out).unwrap();
//!     }
//! }
//! assert_eq!(session.write_buf(), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
//! ```
//!
//! # The contract
//!
//! Every machine keeps these, for any peer and any caller; each line is a property test.
//!
//! 1. **Split-invariance.** Any cutting of the input gives the same events, up to the cutting of `Data`.
//! 2. **Progress.** An event consumes bytes or changes state: calling `recv` until it has nothing to say
//!    always ends.
//! 3. **Honest need.** `at_least` is a lower bound and never beyond the configured limits. Input that
//!    arrives byte by byte costs linear time.
//! 4. **Atomic sends.** An `Err(UsageError)` wrote nothing and changed nothing.
//! 5. **Sticky peer errors.** `recv` repeats the error; `transmit` still says goodbye (400, 408, 431 ...).
//! 6. **Stream errors are events**, only connection errors are `Err`.
//! 7. **Credit is conserved.** What was received is held, released, or returned when its stream ends.
//! 8. **Time.** `handle_timeout` called early or twice does nothing.
//! 9. **Bounded memory.** Bytes held never exceed a function of the limits, whatever the input.
//! 10. **Round trip.** What a client machine sends, a server machine reports, and the reverse.
//!
//! # Safety
//!
//! `unsafe` stands in [`scan`] only, where bytes are classified a vector at a time; each block is
//! argued, and the same results come from the portable code beside it.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[doc = include_str!("../EMBEDDING.md")]
pub mod embedding {}

pub mod any;
mod bucket;
pub mod drive;
pub mod error;
pub mod fields;
pub mod h1;
pub mod h2;
pub mod head;
mod http;
pub mod limits;
pub mod machine;
pub mod output;
pub mod preset;
pub mod priority;
pub mod scan;
pub mod session;
pub mod syntax;
pub mod time;
pub mod ws;

pub use drive::{Drive, Step};
pub use error::{ErrorCode, Initiator, PeerError, UsageError};
pub use fields::{Field, Fields, Span};
pub use head::{RequestHead, ResponseHead};
pub use http::{BodyLen, Event, Http, PrioritySignal, Request, Response, StreamId, Version};
pub use limits::{Config, Lenient, Limits, Timeouts};
pub use machine::{Machine, Protocol, Recv, Scratch};
pub use output::{Full, Output, SliceOutput};
pub use preset::Preset;
pub use priority::Priority;
pub use session::{Outgoing, Session, Turn};
pub use syntax::date::Date;
pub use syntax::method::Method;
pub use syntax::status::Status;
pub use time::Instant;
