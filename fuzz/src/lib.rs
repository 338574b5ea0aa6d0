//! Fuzz targets as plain functions: each takes bytes and panics when a promise is broken.
//!
//! `cargo test -p avx-fuzz` replays the corpus and a short run of mutations, on any compiler. For more:
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo +nightly fuzz run --features libfuzzer server
//! ```
//!
//! The first bytes of an input are options (how it is cut, what is let through, what the user does), the
//! rest is what a peer sends.

mod any;
mod calls;
mod chunked;
mod h2;
mod head;
mod hpack;
mod machine;
mod session;
mod ws;

pub use any::any_connection;
pub use calls::{client_calls, server_calls};
pub use chunked::chunked;
pub use h2::{h2_client, h2_frames, h2_server};
pub use head::{head_request, head_response, head_trailers};
pub use hpack::hpack_decode;
pub use machine::{client, server};
pub use session::session;
pub use ws::{ws_client, ws_deflate, ws_handshake, ws_server};

use avx_core::{Config, Instant, Lenient};
use std::sync::Arc;

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus and of its binary.
pub const TARGETS: [(&str, Target); 18] = [
    ("head_request", head_request),
    ("head_response", head_response),
    ("head_trailers", head_trailers),
    ("chunked", chunked),
    ("server", server),
    ("client", client),
    ("server_calls", server_calls),
    ("client_calls", client_calls),
    ("session", session),
    ("any_connection", any_connection),
    ("hpack_decode", hpack_decode),
    ("h2_frames", h2_frames),
    ("h2_server", h2_server),
    ("h2_client", h2_client),
    ("ws_server", ws_server),
    ("ws_client", ws_client),
    ("ws_deflate", ws_deflate),
    ("ws_handshake", ws_handshake),
];

const NOW: Instant = Instant::from_millis(1000);

/// Splits options off the front.
fn options<const N: usize>(data: &[u8]) -> Option<([u8; N], &[u8])> {
    let (options, rest) = data.split_at_checked(N)?;
    Some((options.try_into().ok()?, rest))
}

/// Small limits in every second configuration, so that short inputs reach them; each leniency by a bit.
fn config(bits: u8) -> Arc<Config> {
    let mut config = Config::default();
    for (i, name) in Lenient::NAMES.iter().enumerate() {
        if bits >> i & 1 == 1 {
            config.lenient.set(name);
        }
    }
    config.chunk_extensions = bits & 0x40 != 0;
    if bits & 0x80 != 0 {
        let limits = &mut config.limits;
        (limits.start_line, limits.field_line, limits.head, limits.fields) = (40, 30, 120, 4);
        (limits.chunk_line, limits.chunk_extensions, limits.chunk_overhead) = (16, 24, 40);
        (limits.trailers, limits.informational, limits.unread_body, limits.pipelined) = (40, 2, 10, 3);
    }
    Arc::new(config)
}

/// `input` in pieces: at most `step` bytes each, and a little uneven.
fn pieces(input: &[u8], step: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = input;
    let mut n = usize::from(step);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        n = (n * 7 + 3) % (usize::from(step) + 1);
        let (piece, tail) = rest.split_at((n + 1).min(rest.len()));
        rest = tail;
        Some(piece)
    })
}
