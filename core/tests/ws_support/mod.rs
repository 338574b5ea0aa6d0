//! Both ends of a WebSocket, and frames for them.
#![allow(dead_code, unreachable_pub)]

use avx_core::ws::key::MaskKeys;
use avx_core::ws::role::{AsClient, AsServer};
use avx_core::ws::{Client, CloseCode, Server};
use avx_core::{Config, Instant};
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use conformance::ws::frames::{FIN, KEY, RSV1, close, frame, masked, plain, read};
use conformance::ws::{Driver, Seen};
use std::sync::Arc;

pub const NOW: Instant = Instant::from_millis(1_000_000);

pub const TEXT: u8 = FIN | 1;
pub const BINARY: u8 = FIN | 2;
pub const CLOSE: u8 = FIN | 8;
pub const PING: u8 = FIN | 9;
pub const PONG: u8 = FIN | 10;

pub fn server(config: Config) -> Driver<AsServer> {
    Driver::new(Server::new(Arc::new(config), NOW), NOW)
}

pub fn client(config: Config) -> Driver<AsClient> {
    Driver::new(Client::new(Arc::new(config), NOW, MaskKeys::new([7; 32])), NOW)
}

pub fn text(text: &str) -> Seen {
    Seen::Data(avx_core::ws::Kind::Text, text.as_bytes().to_vec(), true)
}

pub fn binary(data: &[u8]) -> Seen {
    Seen::Data(avx_core::ws::Kind::Binary, data.to_vec(), true)
}

/// The code and the reason of the last frame written, which is to be a close frame.
pub fn goodbye(out: &[u8]) -> Option<(CloseCode, String)> {
    let (header, payload) = read(out).pop()?;
    if header.opcode != avx_core::ws::frame::Opcode::Close {
        return None;
    }
    let (code, reason) = avx_core::ws::close::parse(&payload).expect("a good close frame");
    Some((code, reason.to_string()))
}
