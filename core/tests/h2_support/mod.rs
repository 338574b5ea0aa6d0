//! Frames by hand, and machines that have them for breakfast.
#![allow(dead_code, unreachable_pub)]

use avx_core::h2::frame::{Header, Kind};
use avx_core::h2::hpack::Encoder;
use avx_core::h2::{Client, Server};
use avx_core::{BodyLen, Config, ErrorCode, Field, Http, Instant, Method, Request, StreamId};
use conformance::drive::Driver;
use std::sync::Arc;

pub const NOW: Instant = Instant::from_millis(1_000_000);
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITY: u8 = 0x20;

pub fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header { len: payload.len() as u32, kind, flags, stream };
    [&header.bytes()[..], payload].concat()
}

pub fn data(stream: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(Kind::DATA, flags, stream, payload)
}

pub fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(Kind::HEADERS, flags | END_HEADERS, stream, block)
}

pub fn continuation(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(Kind::CONTINUATION, flags, stream, block)
}

pub fn settings(list: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        list.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(Kind::SETTINGS, 0, 0, &payload)
}

pub fn settings_ack() -> Vec<u8> {
    frame(Kind::SETTINGS, ACK, 0, &[])
}

pub fn reset(stream: u32, code: ErrorCode) -> Vec<u8> {
    frame(Kind::RST_STREAM, 0, stream, &code.0.to_be_bytes())
}

pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(Kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub fn ping(flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(Kind::PING, flags, 0, payload)
}

pub fn priority(stream: u32, on: u32, weight: u8) -> Vec<u8> {
    frame(Kind::PRIORITY, 0, stream, &[&on.to_be_bytes()[..], &[weight]].concat())
}

pub fn priority_update(stream: u32, value: &str) -> Vec<u8> {
    frame(Kind::PRIORITY_UPDATE, 0, 0, &[&stream.to_be_bytes()[..], value.as_bytes()].concat())
}

pub fn go_away(last: u32, code: ErrorCode) -> Vec<u8> {
    frame(Kind::GOAWAY, 0, 0, &[last.to_be_bytes(), code.0.to_be_bytes()].concat())
}

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

pub const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

pub const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

pub fn get(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, &block(&GET))
}

pub fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, &block(&POST))
}

pub fn with(base: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]) -> Vec<u8> {
    block(&[base, more].concat())
}

/// What a client sends first.
pub fn greeting() -> Vec<u8> {
    [PREFACE, &settings(&[]), &settings_ack()].concat()
}

/// A server that has been greeted.
pub fn server(config: Config) -> Driver<Server> {
    let mut driver = Driver::new(Server::new(Arc::new(config), NOW), NOW);
    driver.feed(&[]);
    driver.feed(&greeting());
    driver.seen.clear();
    driver.out.clear();
    driver
}

/// A client that has been greeted, with so many requests under way.
pub fn client(config: Config, requests: usize) -> Driver<Client> {
    let mut driver = Driver::new(Client::new(Arc::new(config), NOW), NOW);
    driver.feed(&[]);
    driver.feed(&[settings(&[]), settings_ack()].concat());
    for _ in 0..requests {
        let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
        driver.call(|m, now, out| m.send_request(now, &request, BodyLen::Empty, out)).unwrap();
    }
    driver.seen.clear();
    driver.out.clear();
    driver
}

/// The frames in `out`.
pub fn frames(mut out: &[u8]) -> Vec<(Kind, u8, u32, Vec<u8>)> {
    if out.starts_with(PREFACE) {
        out = &out[PREFACE.len()..];
    }
    let mut frames = Vec::new();
    while let Some(header) = Header::peek(out) {
        let end = Header::LEN + header.len as usize;
        frames.push((header.kind, header.flags, header.stream, out[Header::LEN..end].to_vec()));
        out = &out[end..];
    }
    assert!(out.is_empty(), "half a frame: {out:?}");
    frames
}

/// The streams reset in `out`, and why.
pub fn resets(out: &[u8]) -> Vec<(u32, ErrorCode)> {
    let frames = frames(out).into_iter().filter(|f| f.0 == Kind::RST_STREAM);
    frames.map(|f| (f.2, ErrorCode(u32::from_be_bytes(f.3.try_into().unwrap())))).collect()
}

/// The last goodbye in `out`: last stream and code.
pub fn goodbye(out: &[u8]) -> Option<(u32, ErrorCode)> {
    let frames = frames(out).into_iter().rfind(|f| f.0 == Kind::GOAWAY)?;
    let word = |at| u32::from_be_bytes(frames.3[at..at + 4].try_into().unwrap());
    Some((word(0), ErrorCode(word(4))))
}

/// How the connection of a machine ended: with which code, after a goodbye that says the same.
pub fn connection_error<M: Http>(driver: &Driver<M>) -> Option<ErrorCode> {
    assert!(driver.faults.is_empty(), "{:?}", driver.faults);
    let code = driver.error.map(|error| error.code());
    if let Some(code) = code {
        assert_eq!(goodbye(&driver.out).map(|(_, code)| code), Some(code), "the goodbye says something else");
    }
    code
}

pub fn id(stream: u32) -> StreamId {
    StreamId(u64::from(stream))
}
