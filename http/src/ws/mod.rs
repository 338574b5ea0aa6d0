//! WebSocket (RFC 6455), over HTTP/1.1 and over streams of HTTP/2 (RFC 8441), for servers and clients.
//!
//! A server, over both protocols (HTTP/2 needs [`Server::extended_connect`](crate::Server::extended_connect)):
//!
//! ```
//! use avx_http::{Request, Response, Router, ws};
//!
//! fn echo(request: &Request<'_>) -> Response {
//!     ws::upgrade(request, async |mut socket| {
//!         while let Ok(Some(message)) = socket.recv().await {
//!             if socket.send(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//! let router = Router::new().get("/echo", echo);
//! # let _ = router;
//! ```
//!
//! A handler that has to wait for something before it accepts, such as who the client is, is an async one and passes
//! its [`OwnedRequest`](crate::OwnedRequest) to the same call.
//!
//! A client:
//!
//! ```no_run
//! use avx_http::rt::Runtime;
//! use avx_http::ws;
//!
//! async fn chat(rt: impl Runtime) -> Result<(), ws::Error> {
//!     let mut socket = ws::connect(&rt, "ws://127.0.0.1:8080/echo", &ws::Options::default()).await?;
//!     socket.send_text("Hello").await?;
//!     println!("{:?}", socket.recv().await?);
//!     socket.close(ws::CloseCode::NORMAL, "").await
//! }
//! ```
//!
//! # What happens by itself
//!
//! Pings are answered, close frames too, silent peers are asked and given up, and when the server shuts down each
//! client is told with 1001. All of this goes on while the handler waits for something else: a socket is attended
//! whenever the task of its connection is polled, whoever has woken it. There are two limits to that. A message that
//! nobody receives holds up what comes behind it: a ping there is not seen before, and the peer's time stands still.
//! And a handler that blocks its thread blocks everything.
//!
//! Memory is bounded: one message that has come (`ws.message` of the [`Config`](crate::Config), 16 MiB), one that is
//! coming, and 1 MiB for messages to send plus one of them, each counted as the memory it takes; beyond that `send`
//! waits, and TCP or the stream's window tells the peer when nobody receives. Whoever receives by
//! [events](Socket::next_event) holds a piece, 64 KiB, instead of messages, and nothing more is read before somebody
//! receives. For messages of any length, set `message` and `frame` of the [`Limits`] to [`u64::MAX`] and pass them on as
//! they come:
//!
//! ```
//! use avx_http::ws::{Error, Event, Socket};
//!
//! async fn echo(mut socket: Socket) -> Result<(), Error> {
//!     while let Some(event) = socket.next_event().await? {
//!         if let Event::Data { data, last } = event {
//!             socket.send_piece(data, last).await?;
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! What is sent in one turn of a server's handler leaves in one write.
//!
//! Messages are compressed (permessage-deflate, RFC 7692) with the cargo feature `deflate`, where it is asked for: by
//! `Upgrade::deflate` for one route of a server, by `Options::deflate` for a client. See [`Deflate`] for what that costs
//! and tells.

mod connect;
mod error;
mod message;
mod pump;
mod shared;
mod socket;
mod upgrade;

pub use avx_core::ws::{CloseCode, Deflate, Kind, Limits};
pub use connect::{Options, connect, entropy, open};
pub use error::Error;
pub use message::{Event, Message};
pub use pump::Farewell;
pub use socket::{Receiver, Sender, Socket};
pub use upgrade::{Opening, OriginCheck, Upgrade, upgrade};
