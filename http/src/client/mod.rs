//! The client: one connection, requests one after the other over HTTP/1.1, many at once over HTTP/2.
//!
//! ```no_run
//! use avx_http::client::{Connection, Options, Request};
//! use avx_http::rt::Runtime;
//!
//! async fn fetch(rt: impl Runtime) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let connection = Connection::connect(&rt, "127.0.0.1:8080", &Options::default()).await?;
//!     let response = connection.send(Request::get("/").field("accept", "*/*")).await?;
//!     assert!(response.status().is_success());
//!     Ok(response.into_body().collect(1 << 20).await?)
//! }
//! ```
//!
//! ```text
//! Connection (handles) --queue--> driver task: machine in a session, the transport, one timer
//!                      <-oneshot- Response, whose Body the driver fills as it is read
//! ```
//!
//! Content streams both ways with back-pressure: the driver asks the request's body for more when the
//! transport has taken the last piece. Of a response's content it reads no more than one piece ahead of the
//! reader; over HTTP/2, no more than the stream's window.
//!
//! # HTTP/2
//!
//! [`Options::protocol`] chooses it, by prior knowledge. Handles are cloned and shared as they are, and each
//! [`send`](Connection::send) is an exchange beside the others:
//!
//! - Requests beyond what the server takes at once wait, in order. Until the server has said how many that is
//!   (a round trip at most), requests with content go one at a time; others go at once, and again by
//!   themselves if they were refused for it.
//! - Dropping a `send`, a response or a body before its end cancels that stream and nothing else.
//! - When the connection ends, each request is told what became of it; [`Error::is_unprocessed`] says which
//!   ones are safe to send again.
//! - A body that nobody reads holds credit of the connection, up to its stream's window: read bodies or drop
//!   them. What all of them may hold together is `h2.connection_window` of the [`Config`](crate::Config), and
//!   grows with the path.
//! - CONNECT makes a tunnel of its stream ([`Response::into_upgraded`]); `upgrade` means nothing and is left out. A
//!   field `:protocol`, the first one, asks for a protocol inside (RFC 8441), where the server takes that.
//! - Promised responses come with [`Request::on_push`].
//!
//! It does not pool connections, follow redirects, or repeat requests that were sent on another connection.

mod connection;
mod drive;
mod error;
mod multiplex;
mod pushed;
mod queue;
mod request;
mod response;

pub use connection::{Connection, Options, Protocol};
pub use error::Error;
pub use pushed::Pushed;
pub use request::Request;
pub use response::Response;
