//! The client: one connection, requests one after the other.
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
//! Connection (handle) --queue--> driver task: h1::Client in a session, the transport, one timer
//!                     <-oneshot- Response, whose Body the driver fills as it is read
//! ```
//!
//! Content streams both ways with back-pressure: the driver asks the request's body for more when the
//! transport has taken the last piece, and reads no further ahead of the response's body than one
//! piece. It does not pool connections, follow redirects or repeat requests.

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
