//! Attacks on HTTP/2 as bytes, one row after the other, and what comes of each: for a server with the
//! default limits that has been greeted.

use super::frames::*;
use avx_core::ErrorCode;
use avx_core::h2::frame::Kind;

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// The row of the list of attacks.
    pub row: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
    /// What the attacker sends behind its greeting.
    pub wire: Vec<u8>,
    /// What comes of it.
    pub verdict: Verdict,
}

/// What comes of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The connection ends, after a GOAWAY with this code.
    Connection(ErrorCode),
    /// This stream is reset with this code, and the connection goes on.
    Stream(u32, ErrorCode),
    /// This stream is answered with this status, and the connection goes on.
    Status(u32, u16),
    /// No more than an oddity.
    Harmless,
}

use Verdict::{Connection, Harmless, Status, Stream};

const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
const CALM: ErrorCode = ErrorCode::ENHANCE_YOUR_CALM;
const CLOSED: ErrorCode = ErrorCode::STREAM_CLOSED;
const SIZE: ErrorCode = ErrorCode::FRAME_SIZE_ERROR;
const FLOW: ErrorCode = ErrorCode::FLOW_CONTROL_ERROR;
const COMPRESSION: ErrorCode = ErrorCode::COMPRESSION_ERROR;
const REFUSED: ErrorCode = ErrorCode::REFUSED_STREAM;

/// Fields of one request.
type List<'a> = [(&'a str, &'a str)];

fn many(n: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..n).flat_map(one).collect()
}

fn attack(row: &'static str, what: &'static str, verdict: Verdict, wire: Vec<u8>) -> Attack {
    Attack { row, what, wire, verdict }
}

/// A GET with these fields behind its control data.
fn get_with(fields: &List<'_>) -> Vec<u8> {
    headers(1, END_STREAM, &request("GET", "/", fields))
}

/// A POST of stream 1, and whatever follows.
fn posted(more: Vec<u8>) -> Vec<u8> {
    [post(1, "/"), more].concat()
}

/// Every attack that is told by its bytes alone.
pub fn all() -> Vec<Attack> {
    [floods(), blocks(), messages(), flow_and_settings(), streams_and_frames()].concat()
}

fn floods() -> Vec<Attack> {
    let canceled = |i| [post(2 * i + 1, "/"), reset(2 * i + 1, ErrorCode::CANCEL)].concat();
    let malformed = |i| headers(2 * i + 1, END_STREAM, &block(&[(":method", "GET")]));
    vec![
        attack("H2-01", "rapid reset", Connection(CALM), many(1000, canceled)),
        attack("H2-01", "a hundred cancelled at once", Harmless, many(100, canceled)),
        attack("H2-02", "window update of zero", Connection(PROTOCOL), posted(window_update(1, 0))),
        attack("H2-02", "window beyond 2^31-1", Connection(FLOW), posted(window_update(1, 0x7fff_ffff))),
        attack(
            "H2-02",
            "PRIORITY of four bytes",
            Connection(SIZE),
            posted(frame(Kind::PRIORITY, 0, 1, &[0; 4])),
        ),
        attack("H2-02", "a stream that depends on itself", Connection(PROTOCOL), posted(priority(1, 1, 0))),
        attack(
            "H2-02",
            "HEADERS behind the end",
            Connection(CLOSED),
            [get(1, "/"), headers(1, END_STREAM, &block(&[("x", "y")]))].concat(),
        ),
        attack("H2-02", "DATA behind the end", Connection(CLOSED), [get(1, "/"), data(1, 0, b"x")].concat()),
        attack("H2-02", "malformed requests without end", Connection(CALM), many(400, malformed)),
        attack("H2-04", "SETTINGS without end", Connection(CALM), many(2000, |_| settings(&[]))),
        attack("H2-04", "GOAWAY without end", Connection(CALM), {
            many(2000, |_| go_away(0, ErrorCode::NO_ERROR))
        }),
        attack("H2-15", "updates of the connection's window", Connection(CALM), {
            many(2000, |_| window_update(0, 1))
        }),
        attack("H2-15", "updates of a stream's window", Connection(CALM), {
            posted(many(2000, |_| window_update(1, 1)))
        }),
        attack(
            "H2-04",
            "PRIORITY for one stream",
            Connection(CALM),
            posted(many(101, |_| priority(1, 3, 7))),
        ),
        attack("H2-04", "PRIORITY for none", Connection(CALM), many(2000, |i| priority(2 * i + 1, 0, 7))),
        attack("H2-04", "a name without length", Stream(1, PROTOCOL), get_with(&[("", "x")])),
        attack("H2-05", "empty DATA", Connection(CALM), posted(many(11, |_| data(1, 0, b"")))),
        attack("H2-05", "a few empty DATA", Harmless, posted(many(10, |_| data(1, 0, b"")))),
        attack("H2-19", "unknown frames", Connection(CALM), many(2000, |_| frame(Kind(0xbb), 0, 0, b"x"))),
        attack("H2-24", "PRIORITY_UPDATE for idle streams", Connection(PROTOCOL), {
            many(101, |i| priority_update(2 * i + 1, "u=1"))
        }),
        attack("H2-24", "PRIORITY_UPDATE again and again", Connection(CALM), {
            many(2000, |_| priority_update(1, "u=1"))
        }),
        attack("H2-24", "PRIORITY_UPDATE for a push", Connection(PROTOCOL), priority_update(2, "u=1")),
    ]
}

fn blocks() -> Vec<Attack> {
    let open = frame(Kind::HEADERS, END_STREAM, 1, &request("GET", "/", &[]));
    let endless = |n, piece: &[u8]| [open.clone(), many(n, |_| continuation(1, 0, piece))].concat();
    let entry = [&request("GET", "/", &[])[..], b"\x40\x01b\x7f\xa1\x1e", &[b'x'; 4000]].concat();
    let bomb = |refers: usize| headers(1, END_STREAM, &[&entry[..], &vec![0xbe; refers]].concat());
    let crumbs = [request("GET", "/", &[]), block(&[("cookie", "a")]).repeat(200)].concat();
    let mut all = vec![
        attack("H2-03", "CONTINUATION without end", Connection(CALM), endless(9, b"\x82")),
        attack("H2-03", "empty CONTINUATION", Connection(CALM), endless(5, b"")),
        attack("H2-03", "large CONTINUATION", Connection(CALM), endless(8, &[0x82; 16_384])),
        attack("H2-06", "two hundred cookie crumbs", Status(1, 431), headers(1, END_STREAM, &crumbs)),
        attack("H2-07", "one entry, eight times", Status(1, 431), bomb(8)),
        attack("H2-07", "one entry, ten thousand times", Connection(CALM), bomb(10_000)),
        attack("H2-08", "a hundred and twenty fields", Status(1, 431), get_with(&[("x", "y"); 120])),
    ];
    for (what, bad) in [
        ("index 0", &b"\x80"[..]),
        ("an index beyond the table", b"\xc0"),
        ("an integer without end", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("the EOS symbol", b"\x00\x84\xff\xff\xff\xff\x00"),
        ("padding of the wrong bits", b"\x00\x81\x00\x00"),
        ("a table larger than allowed", b"\x3f\xe1\xff\x03"),
        ("a table size behind a field", b"\x82\x20"),
        ("a string cut short", b"\x40\x05a"),
    ] {
        all.push(attack("H2-09", what, Connection(COMPRESSION), headers(1, END_STREAM, bad)));
    }
    for (what, between) in [
        ("DATA", data(1, 0, b"")),
        ("HEADERS", get(3, "/")),
        ("PING", ping(0, &[0; 8])),
        ("CONTINUATION of another", continuation(3, END_HEADERS, b"")),
        ("an unknown frame", frame(Kind(0xbb), 0, 0, b"")),
    ] {
        let open = frame(Kind::HEADERS, 0, 1, &request("GET", "/", &[]));
        all.push(attack("H2-21", what, Connection(PROTOCOL), [open, between].concat()));
    }
    all.push(attack(
        "H2-21",
        "CONTINUATION of nothing",
        Connection(PROTOCOL),
        continuation(1, END_HEADERS, b""),
    ));
    all
}

fn messages() -> Vec<Attack> {
    let mut all = Vec::new();
    for (name, value) in [
        ("x", "a\rb"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", " a"),
        ("x", "a\t"),
        ("X", "a"),
        ("x:y", "a"),
        ("x y", "a"),
        ("x\r\ny", "a"),
        ("\u{e9}", "a"),
    ] {
        all.push(attack("H2-10", "injection by a field", Stream(1, PROTOCOL), get_with(&[(name, value)])));
    }
    let control = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
    for (i, value) in [
        (0, "GET / HTTP/1.1\r\nx: y"),
        (0, ""),
        (1, "http "),
        (1, "ht/tp"),
        (2, "a/b"),
        (2, "u@a"),
        (2, "a b"),
        (3, "/a b"),
        (3, "/a\r\nx: y"),
        (3, ""),
        (3, "a"),
    ] {
        let mut list = control;
        list[i].1 = value;
        let wire = headers(1, END_STREAM, &block(&list));
        all.push(attack("H2-10", "injection by control data", Stream(1, PROTOCOL), wire));
    }
    for (what, list) in [
        ("twice :method", [&control[..], &[(":method", "GET")]].concat()),
        ("a field before control data", [&[("x", "y")], &control[..]].concat()),
        ("unknown control data", [&control[..], &[(":unknown", "x")]].concat()),
        (":status in a request", [&control[..], &[(":status", "200")]].concat()),
        ("no :method", control[1..].to_vec()),
        ("no :path", control[..3].to_vec()),
    ] {
        all.push(attack("H2-12", what, Stream(1, PROTOCOL), headers(1, END_STREAM, &block(&list))));
    }
    let trailers = |list: &List<'_>| posted(headers(1, END_STREAM, &block(list)));
    all.push(attack("H2-12", "control data as trailers", Stream(1, PROTOCOL), trailers(&[(":path", "/")])));
    all.push(attack("H2-12", "trailers that end nothing", Stream(1, PROTOCOL), {
        posted(headers(1, 0, &block(&[("x", "y")])))
    }));
    for (what, fields) in [
        ("chunked", [("transfer-encoding", "chunked")]),
        ("a signed length", [("content-length", "+5")]),
        ("a length beyond 64 bits", [("content-length", "18446744073709551621")]),
        ("a length, and no content", [("content-length", "5")]),
    ] {
        all.push(attack("H2-11", what, Stream(1, PROTOCOL), get_with(&fields)));
    }
    let five = headers(1, 0, &request("POST", "/echo", &[("content-length", "5")]));
    for (what, content) in [
        ("more content than announced", data(1, 0, b"123456")),
        ("less content than announced", data(1, END_STREAM, b"1234")),
        (
            "less content, and trailers",
            [data(1, 0, b"1234"), headers(1, END_STREAM, &block(&[("x", "y")]))].concat(),
        ),
    ] {
        all.push(attack("H2-11", what, Stream(1, PROTOCOL), [five.clone(), content].concat()));
    }
    for host in ["b", "a:81", "a, b"] {
        all.push(attack("H2-13", "another host", Status(1, 400), get_with(&[("host", host)])));
    }
    for (name, value) in [
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("connection", "close"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("upgrade", "h2c"),
    ] {
        all.push(attack("H2-14", "a field of connections", Stream(1, PROTOCOL), get_with(&[(name, value)])));
    }
    all.push(attack("H2-14", "te: trailers is welcome", Status(1, 200), get_with(&[("te", "trailers")])));
    let connect: [(&str, &str); 2] = [(":method", "CONNECT"), (":authority", "a:1")];
    for (what, list) in [
        (":scheme for CONNECT", [&connect[..], &[(":scheme", "http")]].concat()),
        (":path for CONNECT", [&connect[..], &[(":path", "/")]].concat()),
        ("CONNECT without a port", vec![(":method", "CONNECT"), (":authority", "a")]),
        ("CONNECT to nowhere", vec![(":method", "CONNECT")]),
        (":protocol that nobody offered", {
            [&connect[..], &[(":scheme", "http"), (":path", "/"), (":protocol", "websocket")]].concat()
        }),
    ] {
        all.push(attack("H2-26", what, Stream(1, PROTOCOL), headers(1, 0, &block(&list))));
    }
    all
}

fn flow_and_settings() -> Vec<Attack> {
    let full = |stream| many(4, |_| data(stream, 0, &[b'x'; 16_384]));
    vec![
        attack("H2-15", "a window of the connection beyond 2^31-1", Connection(FLOW), {
            window_update(0, 0x7fff_ffff)
        }),
        attack("H2-15", "a window update of zero", Connection(PROTOCOL), window_update(0, 0)),
        attack("H2-15", "an initial window of 2^31", Connection(FLOW), settings(&[(4, 0x8000_0000)])),
        attack("H2-15", "settings that overflow a window", Connection(FLOW), {
            posted([window_update(1, 0x7fff_0000), settings(&[(4, 0x7fff_ffff)])].concat())
        }),
        attack("H2-15", "windows that shrink below zero", Harmless, {
            [get(1, "/large"), settings(&[(4, 0)])].concat()
        }),
        attack("H2-16", "settings of five bytes", Connection(SIZE), frame(Kind::SETTINGS, 0, 0, &[0; 5])),
        attack("H2-16", "an acknowledgement with content", Connection(SIZE), {
            frame(Kind::SETTINGS, ACK, 0, &[0; 6])
        }),
        attack("H2-16", "settings on a stream", Connection(PROTOCOL), frame(Kind::SETTINGS, 0, 1, &[])),
        attack("H2-16", "ENABLE_PUSH of 2", Connection(PROTOCOL), settings(&[(2, 2)])),
        attack("H2-16", "MAX_FRAME_SIZE of 1", Connection(PROTOCOL), settings(&[(5, 1)])),
        attack("H2-16", "thirty-three settings", Connection(CALM), settings(&[(0xff, 1); 33])),
        attack("H2-16", "thirty-two settings", Harmless, settings(&[(0xff, 1); 32])),
        attack("H2-16", "one acknowledgement too many", Connection(PROTOCOL), settings_ack()),
        attack("H2-22", "padding beyond the payload", Connection(PROTOCOL), {
            posted(data(1, PADDED, &[6, 1, 2, 3, 4, 5]))
        }),
        attack("H2-22", "padding without its length", Connection(SIZE), posted(data(1, PADDED, &[]))),
        attack("H2-22", "padding beyond a block", Connection(PROTOCOL), headers(1, PADDED, &[255])),
        attack("H2-22", "nothing but padding", Harmless, posted(data(1, PADDED, &[5, 0, 0, 0, 0, 0]))),
        attack("H2-23", "content for what was reset, many windows of it", Harmless, {
            let malformed = |i| headers(2 * i + 1, 0, &block(&[(":method", "POST")]));
            many(60, |i| [malformed(i), full(2 * i + 1)].concat())
        }),
    ]
}

fn streams_and_frames() -> Vec<Attack> {
    let on_itself = [&[0, 0, 0, 1, 0][..], &request("GET", "/", &[])].concat();
    let mut reserved = get(1, "/");
    reserved[5] |= 0x80;
    vec![
        attack("H2-01", "more streams at once than allowed", Stream(201, REFUSED), {
            many(101, |i| post(2 * i + 1, "/"))
        }),
        attack("H2-17", "a request that depends on itself", Connection(PROTOCOL), {
            headers(1, END_STREAM | PRIORITY, &on_itself)
        }),
        attack("H2-17", "dependencies in a circle", Harmless, {
            many(50, |i| [post(2 * i + 1, "/"), priority(2 * i + 1, (2 * i + 3) % 100, 255)].concat())
        }),
        attack("H2-18", "an even identifier", Connection(PROTOCOL), get(2, "/")),
        attack("H2-18", "identifier 0", Connection(PROTOCOL), get(0, "/")),
        attack("H2-18", "identifiers that fall", Connection(PROTOCOL), [get(5, "/"), get(3, "/")].concat()),
        attack("H2-18", "an identifier used again", Connection(CLOSED), [get(5, "/"), get(5, "/")].concat()),
        attack("H2-18", "DATA on an idle stream", Connection(PROTOCOL), data(1, 0, b"x")),
        attack("H2-18", "RST_STREAM on an idle stream", Connection(PROTOCOL), reset(1, ErrorCode::CANCEL)),
        attack("H2-18", "WINDOW_UPDATE on an idle stream", Connection(PROTOCOL), window_update(1, 1)),
        attack("H2-19", "a frame beyond 16 KiB", Connection(SIZE), posted(data(1, 0, &[0; 16_385]))),
        attack("H2-19", "PING of seven bytes", Connection(SIZE), ping(0, &[0; 7])),
        attack("H2-19", "RST_STREAM of five bytes", Connection(SIZE), {
            posted(frame(Kind::RST_STREAM, 0, 1, &[0; 5]))
        }),
        attack("H2-19", "GOAWAY of seven bytes", Connection(SIZE), frame(Kind::GOAWAY, 0, 0, &[0; 7])),
        attack("H2-19", "the reserved bit", Status(1, 200), reserved),
        attack("H2-19", "an unknown frame", Harmless, frame(Kind(0xfe), 0xff, 77, &[1; 100])),
        attack("H2-20", "PUSH_PROMISE of a client", Connection(PROTOCOL), {
            posted(push_promise(1, 2, &request("GET", "/", &[])))
        }),
        attack("H2-25", "GOAWAY on a stream", Connection(PROTOCOL), frame(Kind::GOAWAY, 0, 1, &[0; 8])),
        attack("H2-25", "GOAWAY that comes further", Connection(PROTOCOL), {
            [post(1, "/"), go_away(3, ErrorCode::NO_ERROR), go_away(5, ErrorCode::NO_ERROR)].concat()
        }),
    ]
}
