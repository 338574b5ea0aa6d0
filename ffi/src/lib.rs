//! The engine for C: opaque handles, plain structs, error codes. The documentation for those who use it is the header,
//! `include/avx.h`, which is generated from here.
//!
//! ```text
//! border       null pointers, slices, panics: every `extern "C"` function goes through it
//! code         results and their texts              config      limits and deadlines by number
//! connection   handles, constructors, what is spoken
//! event        what is told                         next        avx_next
//! drive        steps, buffers, deadlines
//! http         what a user says                     websocket   what a user says on a WebSocket
//! opening      handshakes of both ends              tunnel      WebSockets on streams of HTTP/2
//! ```
//!
//! `unsafe` is what a border to C is made of. It stands where a pointer of the caller is read or written, each time with
//! what has to hold; everything behind is safe code over `avx_core`.
#![allow(unsafe_code, reason = "a C ABI: pointers come in and go out")]
#![allow(clippy::missing_safety_doc, reason = "the rules of the header hold for all functions alike")]

mod border;
mod code;
mod config;
mod connection;
mod drive;
mod event;
mod http;
mod next;
mod opening;
mod tunnel;
mod websocket;

pub use code::*;
pub use config::*;
pub use connection::*;
use connection::{Socket, session, socket};
pub use drive::*;
pub use event::*;
pub use http::*;
pub use next::*;
pub use opening::*;
pub use websocket::*;

use core::ffi::c_char;

/// The version of the library, as "0.1.0". Static.
#[unsafe(no_mangle)]
pub extern "C" fn avx_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the ABI. A program was compiled for AVX_ABI_VERSION; where the two differ, stop. It changes with
/// whatever a program compiled before could notice, and so does the name of the shared library (libavx.so.0).
#[unsafe(no_mangle)]
pub extern "C" fn avx_abi_version() -> u32 {
    0
}
