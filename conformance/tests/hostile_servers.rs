//! Servers that attack their client, live and on each runtime: each answers one request, and what comes of it is
//! the right error, a connection that ends, and memory that stays small. Rows as in the list of attacks.

#[path = "../../core/tests/counting/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod counting;
mod service;

use avx_core::ErrorCode;
use avx_core::h2::frame::Kind;
use avx_http::client::{Connection, Options, Protocol, Request};
use avx_http::rt::Runtime;
use conformance::h2::frames::{self, END_HEADERS, END_STREAM, block, continuation, data, frame, headers};
use service::Host;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

on_each_runtime! {
    h1_an_attack_ends_its_connection
    h1_what_never_ends_is_not_read_on
    h2_an_attack_ends_its_stream_or_its_connection
    h2_what_never_ends_is_not_read_on
}

/// The most that is collected of a body, bytes.
const BODY: usize = 1 << 20;
/// What a client may hold at a time, bytes: its buffers, a body, and the runtime's own.
const MEMORY: isize = 3 << 20;
/// What a server that never stops gets rid of, bytes: beside what is read, buffers of the kernel.
const PUSHED: usize = 24 << 20;
/// Stands before what is sent again and again.
const AGAIN: [u8; 2] = [0, 0];
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One attack: the row, what is wrong, what is sent, and what comes of it.
type Attack<'a> = (&'a str, &'a str, Vec<u8>, &'a str);

/// A server of one connection. Behind the first request it sends `says` and then, until that fails, `forever`; the
/// thread ends with the connection, and tells how much it was rid of.
fn serve(
    protocol: Protocol,
    says: Vec<u8>,
    forever: Vec<u8>,
    reads: bool,
) -> (SocketAddr, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        wait_for_request(&mut stream, protocol);
        let mut reader = stream.try_clone().unwrap();
        let reader = reads.then(|| std::thread::spawn(move || until_closed(&mut reader)));
        let mut pushed = says.len();
        let mut sent = stream.write_all(&says);
        while sent.is_ok() && !forever.is_empty() && pushed < 2 * PUSHED {
            sent = stream.write_all(&forever);
            pushed += forever.len();
        }
        if let Err(error) = &sent {
            assert!(error.kind() != ErrorKind::WouldBlock, "the client neither reads nor closes");
        }
        if forever.is_empty() {
            let _ = stream.shutdown(Shutdown::Write);
        }
        match reader {
            Some(reader) => reader.join().unwrap(),
            None => until_closed(&mut stream),
        }
        pushed
    });
    (addr, thread)
}

/// Reads until the client has ended the connection.
fn until_closed(stream: &mut TcpStream) {
    let mut buf = [0; 65_536];
    loop {
        match stream.read(&mut buf) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the client never closes"),
            Err(_) => return,
        }
    }
}

fn wait_for_request(stream: &mut TcpStream, protocol: Protocol) {
    if protocol == Protocol::Http2 {
        stream.write_all(&[frames::settings(&[]), frames::settings_ack()].concat()).unwrap();
    }
    let mut seen = Vec::new();
    let mut buf = [0; 4096];
    let asked = |seen: &[u8]| match protocol {
        // The head of a HEADERS frame on stream 1 that ends both.
        Protocol::Http2 => seen.windows(6).any(|six| six == [1, END_STREAM | END_HEADERS, 0, 0, 0, 1]),
        _ => seen.ends_with(b"\r\n\r\n"),
    };
    while !asked(&seen) {
        let n = stream.read(&mut buf).unwrap();
        assert!(n > 0, "a client that asks for nothing");
        seen.extend_from_slice(&buf[..n]);
    }
}

/// What a client makes of the answer, in the words of its errors.
async fn outcome<R: Runtime>(rt: &R, addr: SocketAddr, protocol: Protocol) -> String {
    let mut options = Options::default();
    options.protocol = protocol;
    let connection = Connection::connect(rt, addr, &options).await.unwrap();
    let sent = connection.send(Request::get("/").timeout(PATIENCE)).await;
    match sent {
        Err(error) => format!("{error:?}"),
        Ok(response) => match response.into_body().collect(BODY).await {
            Err(error) => format!("body {error:?}"),
            Ok(bytes) => format!("{} bytes", bytes.len()),
        },
    }
}

/// What is sent behind a request, whether it never ends, and whether the server reads meanwhile.
fn attack<H: Host>(protocol: Protocol, attack: &Attack<'_>, forever: bool, reads: bool) {
    let (row, what, wire, expected) = attack;
    let (says, again) = match (protocol, forever) {
        (_, false) => (wire.clone(), Vec::new()),
        (Protocol::Http2, true) => (Vec::new(), wire.repeat(500)),
        (_, true) => {
            let at = wire.windows(2).position(|two| two == AGAIN).expect("where it repeats");
            (wire[..at].to_vec(), wire[at + 2..].repeat(1000))
        }
    };
    let (addr, server) = serve(protocol, says, again, reads);
    let mut seen = String::new();
    let peak = counting::peak(|| seen = H::run(async |rt: H::Rt| outcome(&rt, addr, protocol).await));
    let pushed = server.join().unwrap_or_else(|_| panic!("{row} {what}: {seen}"));
    assert!(expected.split(" or ").any(|word| word == seen), "{row} {what}: {seen}");
    assert!(peak < MEMORY, "{row} {what}: held {peak} bytes");
    assert!(pushed < PUSHED, "{row} {what}: took {pushed} bytes");
}

fn ok(rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes()
}

fn chunked(rest: &str) -> Vec<u8> {
    ok(&format!("Transfer-Encoding: chunked\r\n\r\n{rest}"))
}

fn h1_an_attack_ends_its_connection<H: Host>() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let second = ok(&format!("Content-Length: 2\r\n\r\nhi{poison}"));
    let behind = format!("HTTP/1.1 204 No Content\r\n\r\n{poison}").into_bytes();
    let switches = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec();
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40).into_bytes();
    for row in [
        (
            "H1-03",
            "chunked is not the last coding",
            ok("Transfer-Encoding: chunked, x\r\n\r\n0\r\n"),
            "3 bytes",
        ),
        ("H1-05", "two lengths", ok("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), CONFLICT),
        ("H1-06", "a length with a sign", ok("Content-Length: +5\r\n\r\nhello"), "Peer(BadContentLength)"),
        ("H1-07", "a length beyond 64 bits", ok("Content-Length: 18446744073709551621\r\n\r\n"), TOO_LONG),
        ("H1-08", "space before the colon", ok("X : a\r\n\r\n"), "Peer(SpaceBeforeColon)"),
        ("H1-09", "a folded field", ok("X: a\r\n b\r\nContent-Length: 0\r\n\r\n"), "0 bytes"),
        ("H1-11", "a bare CR in a field", ok("X: a\rb\r\n\r\n"), "Peer(BareCr)"),
        ("H1-12", "NUL in a field", ok("X: a\0b\r\n\r\n"), "Peer(BadFieldValue)"),
        (
            "H1-14",
            "a chunk size that overflows",
            chunked("fffffffffffffffff\r\n"),
            "body Peer(ChunkTooLarge)",
        ),
        ("H1-18", "a chunk without its end", chunked("5\r\nhelloXX0\r\n\r\n"), "body Peer(BadChunkEnd)"),
        ("H1-23", "a second response", second, "2 bytes"),
        ("H1-23", "a response behind 204", behind, "0 bytes"),
        ("H1-32", "a switch nobody asked for", switches, "Peer(UnexpectedUpgrade)"),
        ("H1-33", "forty interim responses", interim, "Peer(TooManyInformational)"),
        ("H2-28", "another protocol", b"SSH-2.0-OpenSSH_9\r\n".to_vec(), "Peer(BadVersion)"),
    ] {
        attack::<H>(Protocol::Http1, &row, false, true);
    }
}

const CONFLICT: &str = "Peer(ConflictingContentLength)";
const TOO_LONG: &str = "Peer(ContentLengthTooLarge)";

fn h1_what_never_ends_is_not_read_on<H: Host>() {
    for row in [
        ("H1-17", "a chunk's extension", chunked("5;\0\0aaaaaaaa"), "body Peer(ChunkLineTooLong)"),
        ("H1-17", "extensions", chunked("\0\x001;abcdefgh\r\nx\r\n"), "body Peer(ChunkExtensionsTooLarge)"),
        ("H1-17", "zeros of a chunk size", chunked("\0\0\x30"), "body Peer(ChunkTooLarge)"),
        ("H1-19", "trailers", chunked("0\r\n\0\0X: y\r\n"), "body Peer(TooManyFields)"),
        ("H1-24", "empty lines", b"\0\0\r\n".to_vec(), "Peer(BadVersion)"),
        ("H1-31", "a reason", b"HTTP/1.1 200 \0\0aaaaaaaa".to_vec(), "Peer(StartLineTooLong)"),
        ("H1-31", "a field", ok("X: \0\0aaaaaaaa"), "Peer(FieldLineTooLong)"),
        ("H1-31", "fields", ok("\0\0X: y\r\n"), "Peer(TooManyFields)"),
        ("H1-33", "responses", b"\0\0HTTP/1.1 103 Hi\r\n\r\n".to_vec(), "Peer(TooManyInformational)"),
        ("H1-34", "content", ok("\r\n\0\0aaaaaaaaaaaaaaaa"), MORE_THAN_A_BODY),
        ("H1-34", "chunks", chunked("\0\x0010\r\naaaaaaaabbbbbbbb\r\n"), MORE_THAN_A_BODY),
    ] {
        attack::<H>(Protocol::Http1, &row, true, true);
        attack::<H>(Protocol::Http1, &row, true, false);
    }
}

const MORE_THAN_A_BODY: &str = "body TooLarge { limit: 1048576 }";

/// HEADERS that end their stream, of these fields.
fn answer(fields: &[(&str, &str)]) -> Vec<u8> {
    headers(1, END_STREAM, &block(fields))
}

/// The head of a response with content, with this field.
fn begun(name: &str, value: &str) -> Vec<u8> {
    headers(1, 0, &block(&[(":status", "200"), (name, value)]))
}

const OK: (&str, &str) = (":status", "200");
/// The stream is reset by the client, with PROTOCOL_ERROR.
const MALFORMED: &str = "Reset { code: ErrorCode(1), by: Local }";

fn h2_an_attack_ends_its_stream_or_its_connection<H: Host>() {
    let status = block(&[OK]);
    let bomb = [&status[..], b"\x40\x01b\x7f\xa1\x1e", &[b'x'; 4000], &[0xbe; 10_000]].concat();
    let amid = [frame(Kind::HEADERS, END_STREAM, 1, &status), frames::ping(0, &[0; 8])].concat();
    let grows = [1, 3].map(|last| frames::go_away(last, ErrorCode::NO_ERROR)).concat();
    let short = [begun("content-length", "5"), data(1, END_STREAM, b"hi")].concat();
    let long = [begun("content-length", "1"), data(1, END_STREAM, b"hi")].concat();
    let beyond = [begun("x", "y"), frames::content(1, &[0; 20 << 20])].concat();
    for row in [
        ("H2-02", "an update of zero", frames::window_update(1, 0), "Peer(ZeroWindowUpdate)"),
        ("H2-07", "a bomb of one entry", headers(1, END_STREAM, &bomb), "Peer(FieldBlockTooLarge)"),
        ("H2-09", "an index beyond the table", headers(1, END_STREAM, b"\xc0"), "Peer(BadFieldBlock)"),
        ("H2-10", "line feed in a value", answer(&[OK, ("x", "a\nb")]), MALFORMED),
        ("H2-10", "an upper-case name", answer(&[OK, ("X", "y")]), MALFORMED),
        ("H2-11", "less content than announced", short, "body Reset { code: ErrorCode(1), by: Local }"),
        ("H2-11", "more content than announced", long, "body Reset { code: ErrorCode(1), by: Local }"),
        ("H2-12", "no status", answer(&[("x", "y")]), MALFORMED),
        ("H2-12", "two of them", answer(&[OK, OK]), MALFORMED),
        ("H2-12", "status behind a field", answer(&[("x", "y"), OK]), MALFORMED),
        ("H2-12", "a method in a response", answer(&[OK, (":method", "GET")]), MALFORMED),
        ("H2-12", "101", answer(&[(":status", "101")]), MALFORMED),
        ("H2-14", "connection", answer(&[OK, ("connection", "close")]), MALFORMED),
        ("H2-14", "transfer-encoding", answer(&[OK, ("transfer-encoding", "chunked")]), MALFORMED),
        ("H2-15", "DATA beyond the window", beyond, "body Reset { code: ErrorCode(3), by: Local }"),
        ("H2-15", "a window beyond 2^31-1", frames::window_update(0, 0x7fff_ffff), "Peer(WindowTooLarge)"),
        ("H2-15", "a window of 2^31", frames::settings(&[(4, 0x8000_0000)]), "Peer(WindowTooLarge)"),
        ("H2-16", "a server that enables push", frames::settings(&[(2, 1)]), "Peer(BadSetting)"),
        ("H2-18", "a stream of the server's own", headers(2, END_STREAM, &status), "Peer(IdleStream)"),
        ("H2-18", "a stream that was never opened", headers(9, END_STREAM, &status), "Peer(BadStreamId)"),
        ("H2-18", "DATA of stream 0", data(0, 0, b"x"), "Peer(BadFrameStream)"),
        ("H2-19", "a frame of 17 KiB", frame(Kind(0xbb), 0, 0, &[0; 17 << 10]), "Peer(FrameTooLarge)"),
        (
            "H2-20",
            "a promise",
            frames::push_promise(1, 2, &frames::request("GET", "/", &[])),
            "Peer(UnexpectedPush)",
        ),
        ("H2-21", "PING amid a block", amid, "Peer(InterleavedBlock)"),
        ("H2-21", "DATA before the head", data(1, END_STREAM, b"x"), MALFORMED),
        ("H2-25", "goodbye before the request", frames::go_away(0, ErrorCode::NO_ERROR), "Refused"),
        ("H2-25", "goodbye that grows", grows, "Peer(BadGoAway)"),
    ] {
        attack::<H>(Protocol::Http2, &row, false, true);
    }
}

fn h2_what_never_ends_is_not_read_on<H: Host>() {
    let empty = [begun("x", "y"), data(1, 0, b"").repeat(100)].concat();
    let block_of = [frame(Kind::HEADERS, 0, 1, &block(&[OK])), continuation(1, 0, b"").repeat(100)].concat();
    // Who does not read what is answered to it has sent too many of what wants an answer.
    let unread = "Peer(TooManyGlitches) or Peer(TooManyControlFrames)";
    let calm = "Reset { code: ErrorCode(11), by: Local }";
    for row in [
        ("H2-03", "CONTINUATION", block_of, "Peer(TooManyContinuations)"),
        ("H2-04", "SETTINGS", frames::settings(&[(4, 70_000)]), unread),
        ("H2-04", "PING", frames::ping(0, &[0; 8]), unread),
        ("H2-04", "PRIORITY", frames::priority(1, 3, 7), "Peer(TooManyPriorities)"),
        ("H2-04", "GOAWAY", frames::go_away(1, ErrorCode::NO_ERROR), "Peer(TooManyGlitches)"),
        ("H2-05", "empty DATA", empty, "body Peer(TooManySmallFrames)"),
        ("H2-15", "WINDOW_UPDATE", frames::window_update(0, 1), "Peer(TooManyGlitches)"),
        ("H2-19", "unknown frames", frame(Kind(0xbb), 0, 0, b""), "Peer(TooManyGlitches)"),
        ("H1-33", "interim responses", headers(1, 0, &block(&[(":status", "103")])), calm),
    ] {
        attack::<H>(Protocol::Http2, &row, true, true);
        attack::<H>(Protocol::Http2, &row, true, false);
    }
}
