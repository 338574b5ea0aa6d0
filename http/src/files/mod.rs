//! A directory as a handler.
//!
//! ```no_run
//! use avx_http::{Files, Router, Server, rt::Runtime};
//!
//! async fn serve(rt: impl Runtime) -> std::io::Result<()> {
//!     let router = Router::new().any("/static/**", Files::new(&rt, "public")?);
//!     Server::new(router).bind("127.0.0.1:8080").serve(&rt).await
//! }
//! ```
//!
//! ```text
//! path         of the request: decoded segments that cannot leave the directory
//! open         blocking: canonical path, still inside? file, index, or listing
//! conditional  If-Match, If-None-Match, If-Modified-Since, If-Range (RFC 9110, section 13)
//! range        one range, or a few that do not overlap (RFC 9110, section 14)
//! source       the content in pieces of 64 KiB, read away from the workers
//! listing      the page for a directory without index
//! mime         file name extension to media type
//! ```
//!
//! Memory does not depend on the size of a file. A file up to 64 KiB is opened and read with one trip
//! to the blocking threads. One that becomes shorter while it is sent ends the connection, so that
//! the client notices. Nothing outside of the directory is served: `..` in any spelling, backslashes
//! and NUL are refused, and what a symbolic link leads to has to lie inside
//! and to be no hidden file, to be served or listed.

mod conditional;
mod listing;
mod mime;
mod open;
mod path;
mod range;
mod service;
mod source;

pub use service::Files;
