//! Frames by hand.

use avx_core::h2::frame::{Header, Kind};
use avx_core::h2::hpack::Encoder;
use avx_core::{ErrorCode, Field};

/// What a client sends first (RFC 9113, section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Flag of SETTINGS and PING.
pub const ACK: u8 = 1;
/// Flag of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
/// Flag of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;
/// Flag of DATA and HEADERS.
pub const PADDED: u8 = 8;
/// Flag of HEADERS.
pub const PRIORITY: u8 = 0x20;

/// Any frame.
pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header { len: payload.len() as u32, kind, flags, stream };
    [&header.bytes()[..], payload].concat()
}

/// DATA.
pub fn data(stream: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(Kind::DATA, flags, stream, payload)
}

/// Content in frames of 16 KiB at most, and its end.
pub fn content(stream: u32, content: &[u8]) -> Vec<u8> {
    let pieces = content.chunks(16 << 10).flat_map(|piece| data(stream, 0, piece));
    pieces.chain(data(stream, END_STREAM, b"")).collect()
}

/// HEADERS with a whole block.
pub fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(Kind::HEADERS, flags | END_HEADERS, stream, block)
}

/// CONTINUATION.
pub fn continuation(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(Kind::CONTINUATION, flags, stream, block)
}

/// SETTINGS.
pub fn settings(list: &[(u16, u32)]) -> Vec<u8> {
    let entry = |&(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(Kind::SETTINGS, 0, 0, &list.iter().flat_map(entry).collect::<Vec<u8>>())
}

/// SETTINGS that acknowledge.
pub fn settings_ack() -> Vec<u8> {
    frame(Kind::SETTINGS, ACK, 0, &[])
}

/// RST_STREAM.
pub fn reset(stream: u32, code: ErrorCode) -> Vec<u8> {
    frame(Kind::RST_STREAM, 0, stream, &code.0.to_be_bytes())
}

/// WINDOW_UPDATE.
pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(Kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

/// PING.
pub fn ping(flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(Kind::PING, flags, 0, payload)
}

/// PRIORITY: the stream depends on another.
pub fn priority(stream: u32, on: u32, weight: u8) -> Vec<u8> {
    frame(Kind::PRIORITY, 0, stream, &[&on.to_be_bytes()[..], &[weight]].concat())
}

/// PRIORITY_UPDATE (RFC 9218, section 7.1).
pub fn priority_update(stream: u32, value: &str) -> Vec<u8> {
    frame(Kind::PRIORITY_UPDATE, 0, 0, &[&stream.to_be_bytes()[..], value.as_bytes()].concat())
}

/// GOAWAY.
pub fn go_away(last: u32, code: ErrorCode) -> Vec<u8> {
    frame(Kind::GOAWAY, 0, 0, &[last.to_be_bytes(), code.0.to_be_bytes()].concat())
}

/// PUSH_PROMISE with a whole block.
pub fn push_promise(stream: u32, promised: u32, block: &[u8]) -> Vec<u8> {
    frame(Kind::PUSH_PROMISE, END_HEADERS, stream, &[&promised.to_be_bytes()[..], block].concat())
}

/// A field block that leaves no trace in any table.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let fields = fields.iter().map(|(name, value)| Field { sensitive: true, ..Field::new(name, value) });
    let mut out = vec![0; encoder.bound(fields.clone())];
    let len = encoder.encode(fields, &mut out);
    out.truncate(len);
    out
}

/// The control data of a request, and whatever fields follow.
pub fn request<'a>(method: &'a str, path: &'a str, fields: &[(&'a str, &'a str)]) -> Vec<u8> {
    let control = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
    block(&[&control[..], fields].concat())
}

/// A request without content.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, END_STREAM, &request("GET", path, &[]))
}

/// A request whose content follows.
pub fn post(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, 0, &request("POST", path, &[]))
}
