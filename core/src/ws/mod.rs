//! WebSocket (RFC 6455).
//!
//! ```text
//!    handshake: extension, accept              sections 4 and 9.1, RFC 8441, RFC 7692 section 7.1: words about heads
//!
//!         Server, Client                       Connection with a role: recv, inflate │ send │ life
//!               │
//!    frame   close   event   limits            section 5.2, sections 5.5.1 and 7.4
//!    mask  utf8  key  deflate                  section 5.3; section 8.1; keys that mask; RFC 7692 section 7.2
//!    sha1  base64                              section 4.2.2: the answer to a handshake's key
//! ```
//!
//! A machine begins behind the handshake. It stores no part of a message: pieces are told of as they arrive, in
//! the caller's input, and a message of a gigabyte needs no gigabyte. Pongs, the answer to a close frame and
//! pings for keep-alive are its own business: they leave with [`transmit`](crate::Machine::transmit), which
//! [`Session::turn`](crate::Session::turn) calls.
//!
//! ```
//! use avx_core::ws::{CloseCode, Event, Kind, Server};
//! use avx_core::{Config, Instant, Scratch, Session};
//! use std::sync::Arc;
//!
//! let config = Arc::new(Config::default());
//! let (now, mut scratch) = (Instant::ZERO, Scratch::new());
//! let mut session = Session::new(Server::new(config.clone(), now), &config);
//!
//! session.read_from(now, &mut scratch, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
//! while let Some(turn) = session.turn(now, &mut scratch).unwrap() {
//!     match turn.event {
//!         // An echo, piece by piece. (Should the output be full, write it out and try again.)
//!         Event::Data { kind, data, last } => turn.machine.send(now, kind, data, last, turn.out).unwrap(),
//!         Event::Close { code, .. } => assert_eq!(code, CloseCode::NORMAL),
//!         _ => {}
//!     }
//! }
//! assert_eq!(session.write_buf(), b"\x81\x05Hello");
//! session.did_write(now, 7);
//!
//! let (machine, out) = session.parts(&mut scratch);
//! machine.send(now, Kind::Text, b"in ", false, out).unwrap();
//! machine.send(now, Kind::Text, b"pieces", true, out).unwrap();
//! machine.close(now, CloseCode::NORMAL, "", out).unwrap();
//! assert_eq!(session.write_buf(), b"\x01\x03in \x80\x06pieces\x88\x02\x03\xe8");
//! ```
//!
//! # What may surprise
//!
//! - Whatever precedes a byte that is no UTF-8 is told of before the error, so that cutting changes nothing.
//! - Only the latest ping is answered when several come between two calls of `transmit` (section 5.5.3). A session
//!   calls it before it goes on, so that this comes about only while the output is full.
//! - Compressed messages need the feature `deflate`, [`Limits::deflate`] for the handshake to
//!   [offer](handshake::Handshake::deflate) or [agree to](handshake::Offer::deflate) them, and
//!   `Connection::with_deflate`. Nothing is compressed but what is sent with `send_compressed`.
//! - A frame is never waited for, but a control frame is: it has 125 bytes at most.
//! - The deadline a machine asks for does not move with each message. It may come too early, and is then moved.

pub mod accept;
mod base64;
pub mod close;
mod connection;
#[cfg(feature = "deflate")]
mod deflate;
mod event;
pub mod extension;
pub mod frame;
pub mod handshake;
pub mod key;
mod limits;
pub mod mask;
pub mod role;
mod sha1;
pub mod utf8;

pub use close::CloseCode;
pub use connection::{Client, Connection, Server};
#[cfg(feature = "deflate")]
pub(crate) use deflate::Pool;
pub use event::{Event, Kind};
pub use extension::Deflate;
pub use limits::Limits;
