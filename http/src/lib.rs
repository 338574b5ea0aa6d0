//! HTTP server and client over [`avx_core`], generic over a small [runtime](rt) trait.
//!
//! ```text
//! rt        what is asked of a runtime: streams, listeners, timers, spawning
//! message   Request<'_> (borrowed), OwnedRequest, Response, fields to send, upgrades
//! body      content in pieces, with back-pressure: Body, Chunk, Source, Sender
//! handler   plain and async functions behind one trait; layers around them
//! router    methods and path patterns to handlers
//! server    addresses, workers, limits, shutdown
//! client    one connection, requests one after the other or, over HTTP/2, many at once
//! ws        WebSocket, for servers and clients
//! files     a directory as a handler
//! conn      the pump: one future per connection, one session inside
//! ```
//!
//! A server in a few lines (`rt` is any [`Runtime`](rt::Runtime)):
//!
//! ```no_run
//! use avx_http::{OwnedRequest, Request, Response, Router, Server, rt::Runtime};
//!
//! fn user(request: &Request<'_>) -> String {
//!     format!("user {}", request.param("id").unwrap_or_default())
//! }
//!
//! async fn upload(request: OwnedRequest) -> Result<Response, avx_http::Error> {
//!     let content = request.into_body().collect(1 << 20).await?;
//!     Ok(Response::from(format!("{} bytes\n", content.len())))
//! }
//!
//! async fn serve(rt: impl Runtime) -> std::io::Result<()> {
//!     let router = Router::new().get("/", || "Hello, World!").get("/user/:id", user).post("/upload", upload);
//!     Server::new(router).bind("127.0.0.1:8080").serve(&rt).await
//! }
//! ```
//!
//! What it does not do: TLS, compression, cookies, JSON.

pub mod body;
pub mod client;
mod clock;
pub mod conn;
pub mod error;
pub mod files;
pub mod handler;
pub mod message;
mod pool;
pub mod router;
pub mod rt;
mod scan;
pub mod server;
mod sync;
pub mod ws;

pub use avx_core::{
    BodyLen, Config, ErrorCode, Field, Fields, Initiator, Lenient, Limits, Method, Preset, Status, Timeouts,
    Version,
};
pub use body::{Body, BodyError, Chunk, Sender, Source};
pub use error::{ConnectionError, Error};
pub use files::Files;
pub use handler::{Handler, IntoHandler, Layer, Next, Reply};
pub use message::{
    FieldLines, IntoResponse, Name, OwnedFields, OwnedRequest, Push, Request, Response, Upgraded, Value,
};
pub use router::Router;
pub use rt::Peer;
pub use server::{Access, Address, Protocols, Server, ServerHandle};

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
