//! The opening handshake (RFC 6455, section 4) as words about heads: what to check, and which fields to send.
//!
//! ```text
//! client   Handshake::new(nonce).fields()  ──▶  GET, or CONNECT with :protocol (RFC 8441)
//! server   check(&head)?  ──▶  Offer  ──▶  answer(protocol, extensions).fields()  ──▶  101, or 200
//! client   handshake.check(&head)?  ──▶  Accepted
//! ```
//!
//! Heads come from any HTTP machine, and fields go into one: nothing here reads or writes. What a handshake means
//! for the connection (the switch of an HTTP/1.1 machine to [`Protocol::WebSocket`](crate::Protocol), a stream of
//! HTTP/2 that goes on as a tunnel) is the caller's.
//!
//! ```
//! use avx_core::ws::handshake;
//! use avx_core::{Config, Event, Http, Instant, Response, Scratch, Session, Status, h1};
//! use std::sync::Arc;
//!
//! let config = Arc::new(Config::default());
//! let (now, mut scratch) = (Instant::ZERO, Scratch::new());
//! let mut session = Session::new(h1::Server::new(config.clone(), now), &config);
//! session.read_from(now, &mut scratch, b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n\
//!     Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
//!     Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n");
//! while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
//!     if let Event::Request { stream, head, .. } = turn.event {
//!         match handshake::check(&head) {
//!             Ok(offer) => {
//!                 // Whether this origin may is for the application to say.
//!                 assert_eq!(offer.origin(), Some(&b"http://example.com"[..]));
//!                 let answer = offer.answer(Some(b"chat"), None).unwrap();
//!                 let fields = answer.fields();
//!                 let response = Response::new(answer.status(), &fields);
//!                 turn.machine.send_full(now, stream, &response, b"", turn.out).unwrap();
//!             }
//!             Err(refusal) => {
//!                 let response = Response::new(refusal.status(), refusal.fields());
//!                 turn.machine.send_full(now, stream, &response, b"", turn.out).unwrap();
//!             }
//!         }
//!     }
//! }
//! assert!(session.write_buf().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
//! assert_eq!(session.switched(), Some(avx_core::Protocol::WebSocket));
//! ```

mod client;
mod lines;
mod server;

pub use client::{Accepted, Failure, Handshake};
pub use lines::Lines;
pub use server::{Answer, Offer, Refusal, Reply, check, check_parts, reply};

#[cfg(test)]
mod tests;
