//! Inputs: valid messages, messages with faults, and what only looks like messages.
#![allow(dead_code)] // each test binary uses a part

use conformance::drive::Lines;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A message as it is meant.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) start: Start,
    pub(crate) fields: Lines,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Start {
    Request { method: &'static str, target: Vec<u8> },
    Response { status: u16, reason: Vec<u8> },
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    None,
    Length(Vec<u8>),
    /// Chunks with their extensions, then trailers.
    Chunked(Vec<(Vec<u8>, &'static str)>, Lines),
}

impl Message {
    /// The message as it stands on the wire.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let is_request = matches!(self.start, Start::Request { .. });
        match &self.start {
            Start::Request { method, target } => {
                out.extend([method.as_bytes(), b" ", target, b" HTTP/1.1\r\nHost: a\r\n"].concat());
            }
            Start::Response { status, reason } => {
                out.extend([format!("HTTP/1.1 {status} ").as_bytes(), reason, b"\r\n"].concat());
            }
        }
        lines(&self.fields, &mut out);
        match &self.content {
            Content::None if is_request => out.extend(b"\r\n"),
            Content::None => out.extend(b"Content-Length: 0\r\n\r\n"),
            Content::Length(content) => {
                out.extend(format!("Content-Length: {}\r\n\r\n", content.len()).bytes());
                out.extend(content);
            }
            Content::Chunked(chunks, trailers) => {
                out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for (chunk, extension) in chunks {
                    out.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
                    out.extend([chunk, &b"\r\n"[..]].concat());
                }
                out.extend(b"0\r\n");
                lines(trailers, &mut out);
                out.extend(b"\r\n");
            }
        }
        out
    }
}

fn lines(fields: &Lines, out: &mut Vec<u8>) {
    for (name, value) in fields {
        out.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
}

const TCHARS: &[u8] = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TARGET: &[u8] = b"/abcdefgh0123456789-._~!$&'()*+,;=:@%?";

pub(crate) fn token() -> impl Strategy<Value = Vec<u8>> {
    vec(select(TCHARS), 1..12)
}

/// A name that means nothing to a machine.
pub(crate) fn field_name() -> impl Strategy<Value = Vec<u8>> {
    let known = ["Accept", "User-Agent", "x-a", "Cookie", "Content-Type", "ETag", "Vary"];
    prop_oneof![select(known.to_vec()).prop_map(|n| n.as_bytes().to_vec()), token()].prop_filter(
        "has a meaning",
        |name| {
            let special =
                ["host", "te", "connection", "content-length", "transfer-encoding", "expect", "upgrade"];
            !special.iter().chain(&["date", "trailer"]).any(|s| name.eq_ignore_ascii_case(s.as_bytes()))
        },
    )
}

pub(crate) fn field_value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => 0x21..0x7fu8,
        1 => select(&b" \t"[..]),
        1 => 0x80..=0xffu8,
    ];
    vec(byte, 0..20).prop_map(|value| value.trim_ascii().to_vec())
}

pub(crate) fn fields() -> impl Strategy<Value = Lines> {
    vec((field_name(), field_value()), 0..5)
}

/// Fields that may stand in trailers.
pub(crate) fn trailers() -> impl Strategy<Value = Lines> {
    vec((token().prop_map(|t| [b"x-".as_slice(), &t].concat()), field_value()), 0..3)
}

pub(crate) fn target() -> impl Strategy<Value = Vec<u8>> {
    vec(select(TARGET), 0..20).prop_map(|rest| [b"/".as_slice(), &rest].concat())
}

pub(crate) fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

pub(crate) fn content() -> impl Strategy<Value = Content> {
    let extension = select(&["", ";a", ";a=b", ";a=\"b;c\\\"\"", "; a = b ;c"][..]);
    let chunk = (vec(any::<u8>(), 1..20), extension);
    prop_oneof![
        Just(Content::None),
        bytes(40).prop_map(Content::Length),
        (vec(chunk, 0..4), trailers()).prop_map(|(chunks, trailers)| Content::Chunked(chunks, trailers)),
    ]
}

/// Lines that change what becomes of the connection, now and then.
fn special() -> impl Strategy<Value = Lines> {
    let lines = [
        ("Connection", "close"),
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
        ("Host", "b"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
    ];
    let line = select(lines.to_vec()).prop_map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
    prop_oneof![6 => Just(Vec::new()), 1 => vec(line, 0..3)]
}

pub(crate) fn request() -> impl Strategy<Value = Message> {
    let method = select(&["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"][..]);
    (method, target(), fields(), special(), content()).prop_map(
        |(method, target, fields, special, content)| {
            let fields = [fields, special].concat();
            Message { start: Start::Request { method, target }, fields, content }
        },
    )
}

pub(crate) fn response() -> impl Strategy<Value = Message> {
    let status = select(&[100u16, 101, 103, 200, 200, 200, 204, 206, 304, 404, 500, 799][..]);
    (status, field_value(), fields(), special(), content()).prop_map(
        |(status, reason, fields, special, content)| {
            let fields = [fields, special].concat();
            Message { start: Start::Response { status, reason }, fields, content }
        },
    )
}

/// Words that heads and chunks are made of, in no order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "GET ",
        "POST ",
        "/ ",
        "* ",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 101 ",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        " ",
        "\t",
        ":",
        "Host: a\r\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "0",
        "1",
        "5",
        "a",
        "A",
        "0\r\n\r\n",
        ";",
        "=",
        "\"",
        "\\",
        ",",
        "\0",
        "\u{7f}",
        "é",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "X: y\r\n",
        " folded\r\n",
    ];
    vec(select(words.to_vec()), 0..25).prop_map(|words| words.concat().into_bytes())
}

/// A change somewhere in a message.
#[derive(Clone, Debug)]
enum Fault {
    Put(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Repeat(usize),
}

fn faults() -> impl Strategy<Value = Vec<(prop::sample::Index, Fault)>> {
    let splice = ["\r", "\n", "\r\n", " ", "\t", "\0", ":", "Content-Length: 1\r\n", "0\r\n\r\n", ";", ","];
    let fault = prop_oneof![
        any::<u8>().prop_map(Fault::Put),
        select(splice.to_vec()).prop_map(|s| Fault::Insert(s.as_bytes().to_vec())),
        (1..6usize).prop_map(Fault::Remove),
        (1..30usize).prop_map(Fault::Repeat),
    ];
    vec((any::<prop::sample::Index>(), fault), 0..4)
}

fn with_faults(mut wire: Vec<u8>, faults: Vec<(prop::sample::Index, Fault)>) -> Vec<u8> {
    for (at, fault) in faults {
        if wire.is_empty() {
            break;
        }
        let at = at.index(wire.len());
        let end = |n: usize| wire.len().min(at + n);
        match fault {
            Fault::Put(b) => wire[at] = b,
            Fault::Insert(more) => drop(wire.splice(at..at, more)),
            Fault::Remove(n) => drop(wire.drain(at..end(n))),
            Fault::Repeat(n) => {
                let again = wire[at..end(n)].to_vec();
                drop(wire.splice(at..at, again));
            }
        }
    }
    wire
}

/// What a server may have to read.
pub(crate) fn to_server() -> impl Strategy<Value = Vec<u8>> {
    let requests = vec(request(), 0..4).prop_map(|r| r.iter().flat_map(Message::wire).collect::<Vec<u8>>());
    prop_oneof![
        4 => (requests, faults()).prop_map(|(wire, faults)| with_faults(wire, faults)),
        1 => soup(),
        1 => bytes(60),
    ]
}

/// What a client may have to read.
pub(crate) fn to_client() -> impl Strategy<Value = Vec<u8>> {
    let responses = vec(response(), 0..4).prop_map(|r| r.iter().flat_map(Message::wire).collect::<Vec<u8>>());
    prop_oneof![
        4 => (responses, faults()).prop_map(|(wire, faults)| with_faults(wire, faults)),
        1 => soup(),
        1 => bytes(60),
    ]
}

/// Strings somebody might try to slip into a message.
pub(crate) fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let bits = [
        "\r",
        "\n",
        "\r\n",
        "\0",
        " ",
        "\t",
        ":",
        "a",
        "B",
        "0",
        "-",
        ",",
        "/",
        "é",
        "\u{7f}",
        "HTTP/1.1 ",
        "x: y",
    ];
    prop_oneof![
        3 => vec(select(bits.to_vec()), 0..6).prop_map(|bits| bits.concat().into_bytes()),
        2 => field_value(),
        1 => token(),
    ]
}
