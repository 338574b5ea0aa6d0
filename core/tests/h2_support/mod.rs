//! Machines that have frames for breakfast.
#![allow(dead_code, unreachable_pub)]

use avx_core::h2::frame::{Header, Kind};
use avx_core::h2::{Client, Server};
use avx_core::{BodyLen, Config, ErrorCode, Http, Instant, Method, Request, StreamId};
use conformance::drive::Driver;
#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use conformance::h2::frames::{
    ACK, END_HEADERS, END_STREAM, PADDED, PREFACE, PRIORITY, block, continuation, data, frame, go_away,
    headers, ping, priority, priority_update, push_promise, reset, settings, settings_ack, window_update,
};
use std::sync::Arc;

pub const NOW: Instant = Instant::from_millis(1_000_000);
pub const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

pub const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

/// How a connection ends.
pub const PROTOCOL: Option<ErrorCode> = Some(ErrorCode::PROTOCOL_ERROR);
pub const CALM: Option<ErrorCode> = Some(ErrorCode::ENHANCE_YOUR_CALM);
pub const CLOSED: Option<ErrorCode> = Some(ErrorCode::STREAM_CLOSED);
pub const SIZE: Option<ErrorCode> = Some(ErrorCode::FRAME_SIZE_ERROR);
pub const FLOW: Option<ErrorCode> = Some(ErrorCode::FLOW_CONTROL_ERROR);
pub const COMPRESSION: Option<ErrorCode> = Some(ErrorCode::COMPRESSION_ERROR);

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

/// What a greeted server says about `input`, as an error of the connection.
pub fn error_of(input: &[u8]) -> Option<ErrorCode> {
    let mut driver = server(Config::default());
    driver.feed(input);
    connection_error(&driver)
}

/// The streams a greeted server resets because of `input`; the connection goes on.
pub fn resets_of(input: &[u8]) -> Vec<(u32, ErrorCode)> {
    let mut driver = server(Config::default());
    driver.feed(input);
    assert_eq!(connection_error(&driver), None);
    resets(&driver.out)
}

pub fn many(one: impl Fn(u32) -> Vec<u8>, n: u32) -> Vec<u8> {
    (0..n).flat_map(one).collect()
}
