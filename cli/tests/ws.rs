//! `avx ws`, against `avx serve` and against servers that do as they are told.

mod common;
#[path = "common/websocket.rs"]
mod websocket;

use avx_core::ws::accept::accept;
use common::{PATIENCE, Serving, avx, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use websocket::*;

/// A server for one connection, and its URL: accepts the handshake, with these field lines, and does `then`. Gives
/// the head of the request.
fn serving(
    fields: &'static str,
    then: impl FnOnce(&mut TcpStream) + Send + 'static,
) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/path?query", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = read_head(&mut stream);
        let key = &head.split("Sec-WebSocket-Key: ").nth(1).unwrap().as_bytes()[..24];
        let accept = accept(key);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{fields}\r\n",
            String::from_utf8(accept.to_vec()).unwrap()
        );
        stream.write_all(answer.as_bytes()).unwrap();
        then(&mut stream);
        head
    });
    (url, thread)
}

/// Sends this, and reads to the end.
fn saying(frames: Vec<u8>) -> String {
    let say = move |stream: &mut TcpStream| {
        stream.write_all(&frames).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    };
    serving("", say).0
}

#[test]
fn lines_are_sent_and_messages_printed() {
    let serving = Serving::start(&[]);
    let long = "0123456789".repeat(20_000);
    let input = format!("Hello\nGrüße\r\n\n{long}\nno end");
    for args in [&[][..], &["--http2"], &["--deflate"], &["--http2", "--deflate"]] {
        let ran = run(&[&["ws"], args, &[&*serving.url("/ws")]].concat(), input.as_bytes());
        assert_eq!(ran.code, 0, "{args:?} {}", ran.stderr);
        assert!(ran.stdout == input.replace('\r', "") + "\n", "{args:?} {} bytes", ran.stdout.len());
        let open = if args.contains(&"--deflate") { "* open, compressed\n" } else { "* open\n" };
        assert_eq!(ran.stderr, format!("{open}* closed with 1000\n"), "{args:?}");
    }
    let ran = run(&["ws", "-q", &serving.url("/ws")], b"");
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""));
}

#[test]
fn bytes_go_there_and_back_as_they_are() {
    let serving = Serving::start(&[]);
    let input: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    for args in [&[][..], &["--http2"], &["--deflate"], &["--http2", "--deflate"]] {
        let ran = run(&[&["ws", "--binary"], args, &[&*serving.url("/ws")]].concat(), &input);
        assert_eq!(ran.code, 0, "{args:?} {}", ran.stderr);
        assert!(ran.bytes == input, "{args:?} {} bytes", ran.bytes.len());
    }
}

#[test]
fn binary_messages_are_printed_in_hex_and_fragments_as_one_line() {
    let frames = [
        plain(BINARY, [0, 0xab, 0xff]),
        plain(0x01, "gr\u{fc}".as_bytes().split_last().unwrap().1),
        plain(PING, ""),
        plain(0x80, b"\xbc\xc3\x9fe"),
        plain(CLOSE, close(1000, "")),
    ]
    .concat();
    let ran = run(&["ws", &saying(frames)], b"");
    assert_eq!((ran.code, &*ran.stdout), (0, "00abff\ngrüße\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("* ping"), "{}", ran.stderr);
}

#[test]
fn the_handshake_says_what_the_options_say() {
    let (url, server) = serving("Sec-WebSocket-Protocol: chat.v1\r\n", |stream| {
        stream.write_all(&plain(CLOSE, close(1000, ""))).unwrap();
        read_frame(stream);
    });
    let args = ["--subprotocol", "chat.v2", "--subprotocol", "chat.v1", "--origin", "http://a.example"];
    let ran = run(&[&["ws"], &args[..], &["-H", "X-A: b", "--deflate", &url]].concat(), b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("* open, subprotocol chat.v1, not compressed\n"), "{}", ran.stderr);
    let head = server.join().unwrap();
    assert!(head.starts_with("GET /path?query HTTP/1.1\r\n"), "{head}");
    for line in [
        "Sec-WebSocket-Protocol: chat.v2, chat.v1",
        "Sec-WebSocket-Version: 13",
        "Origin: http://a.example",
        "X-A: b",
        concat!("User-Agent: avx/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} {head}");
    }
    assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"), "{head}");

    let (url, _) = serving("Sec-WebSocket-Protocol: another\r\n", |stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let ran = run(&["ws", "--subprotocol", "chat", &url], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("subprotocol"), "{}", ran.stderr);
}

#[test]
fn the_end_of_the_input_closes_and_waits_for_the_answer() {
    let (url, server) = serving("", |stream| {
        assert_eq!(read_frame(stream), (TEXT, b"one".to_vec()));
        assert_eq!(read_frame(stream), (CLOSE, close(1000, "")));
        let last = [plain(TEXT, "the last word"), plain(CLOSE, close(1000, "bye"))].concat();
        stream.write_all(&last).unwrap();
    });
    let ran = run(&["ws", &url], b"one\n");
    server.join().unwrap();
    assert_eq!((ran.code, &*ran.stdout), (0, "the last word\n"));
    assert_eq!(ran.stderr, "* open\n* closed with 1000: bye\n");
}

#[test]
fn the_end_of_the_input_can_be_followed_by_patience() {
    let (url, server) = serving("", |stream| {
        assert_eq!(read_frame(stream), (TEXT, b"one".to_vec()));
        let answer = [plain(TEXT, "two"), plain(CLOSE, close(1000, "that was all"))].concat();
        stream.write_all(&answer).unwrap();
        // It had not closed before.
        assert_eq!(read_frame(stream), (CLOSE, close(1000, "")));
    });
    let ran = run(&["ws", "--wait", "60", &url], b"one\n");
    server.join().unwrap();
    assert_eq!((ran.code, &*ran.stdout), (0, "two\n"), "{}", ran.stderr);
}

#[test]
fn the_exit_status_says_how_it_was_closed() {
    for (frames, code, said) in [
        (plain(CLOSE, close(1000, "")), 0, "* closed with 1000\n"),
        (plain(CLOSE, close(1001, "going")), 0, "* closed with 1001: going\n"),
        (plain(CLOSE, ""), 0, "* closed\n"),
        (plain(CLOSE, close(1008, "not you\u{7}")), 1, "the server closed with 1008: not you\\x07\n"),
        (plain(CLOSE, close(4000, "")), 1, "the server closed with 4000\n"),
        (Vec::new(), 1, "the server left without closing (1006)\n"),
        (plain(0x83, ""), 1, "the server broke the protocol: "),
        (plain(TEXT, [0xff]), 1, "(1007)\n"),
    ] {
        let url = saying(frames);
        // The input stays open: it is the server who ends this.
        let mut child = avx(&["ws", &url]).stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{said} {stderr}");
        assert!(stderr.contains(said), "{said} {stderr}");
        drop(stdin);
    }
}

#[test]
fn who_does_not_accept_is_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        // Waits for nobody behind the first one.
        drop(listener);
    });
    let ran = run(&["ws", &url], b"");
    server.join().unwrap();
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("does not accept a WebSocket at /: 403 Forbidden"), "{}", ran.stderr);
    let ran = run(&["ws", &url], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("could not connect"), "{}", ran.stderr);

    let serving = Serving::start(&["--dir", env!("CARGO_MANIFEST_DIR")]);
    let ran = run(&["ws", "--http2", &serving.url("/")], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("takes no WebSockets over HTTP/2"), "{}", ran.stderr);
}

#[test]
fn times_may_be_longer_than_any_clock_runs() {
    let serving = Serving::start(&[]);
    let args = ["ws", "-q", "--ping", "1e19", "--connect-timeout", "1e19", &serving.url("/ws")];
    let ran = run(&args, b"x\n");
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "x\n", ""));
}

#[test]
fn who_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let ran = run(&["ws", "--connect-timeout", "0.1", &url], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no WebSocket after 0.1 s"), "{}", ran.stderr);
}

#[test]
fn wrong_arguments_have_a_status_of_their_own() {
    for (args, said) in [
        (&["wss://localhost/"][..], "wss is not supported yet"),
        (&["ftp://localhost/"], "ftp is not supported"),
        (&["ws://"], "malformed URL"),
        (&["ws://a b/"], "malformed URL"),
        (&["ws://localhost:x/"], "malformed URL"),
        (&["-H", "nonsense", "ws://localhost/"], "expected NAME: VALUE"),
        (&["-H", "Upgrade: x", "ws://localhost/"], "by itself"),
        (&["-H", "sec-websocket-key: x", "ws://localhost/"], "by itself"),
        (&["--origin", "a b", "ws://localhost/"], "--origin"),
        (&["--subprotocol", "a b", "ws://localhost/"], "a token"),
        (&["--ping", "0", "ws://localhost/"], "more than no time"),
        (&["--max-message", "0", "ws://localhost/"], "--max-message"),
    ] {
        let ran = run(&[&["ws"], args].concat(), b"");
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{args:?} {}", ran.stderr);
    }
}

#[test]
fn messages_and_lines_have_a_limit() {
    let ran = run(&["ws", "--max-message", "10", &saying(plain(TEXT, "eleven bytes"))], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("(1009)"), "{}", ran.stderr);

    let serving = Serving::start(&[]);
    let ran = run(&["ws", "--max-message", "10", &serving.url("/ws")], b"0123456789\n01234567890\n");
    assert_eq!((ran.code, &*ran.stdout), (1, "0123456789\n"));
    assert!(ran.stderr.contains("a line has more than 10 bytes"), "{}", ran.stderr);
    let ran = run(&["ws", &serving.url("/ws")], b"fine\n\xff\n");
    assert_eq!((ran.code, &*ran.stdout), (1, "fine\n"));
    assert!(ran.stderr.contains("not UTF-8"), "{}", ran.stderr);
}

#[test]
fn pings_are_sent_and_their_answers_timed() {
    let serving = Serving::start(&[]);
    let mut child =
        avx(&["ws", "--ping", "0.01", &serving.url("/ws")]).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "* open");
    for _ in 0..3 {
        let line = lines.next().unwrap();
        assert!(line.starts_with("* pong after ") && line.ends_with(" ms"), "{line}");
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_interrupt_closes_in_order_and_a_second_one_does_not_wait() {
    for answers in [true, false] {
        let (said, heard) = std::sync::mpsc::channel();
        let (url, server) = serving("", move |stream| {
            assert_eq!(read_frame(stream), (CLOSE, close(1000, "")));
            said.send(()).unwrap();
            if answers {
                stream.write_all(&plain(CLOSE, close(1000, ""))).unwrap();
            }
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let mut child = avx(&["ws", &url]).stdin(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "* open\n");
        interrupt(child.id());
        heard.recv_timeout(PATIENCE).unwrap();
        if !answers {
            interrupt(child.id());
        }
        assert_eq!(child.wait().unwrap().code(), Some(if answers { 0 } else { 1 }));
        server.join().unwrap();
    }
}

fn interrupt(id: u32) {
    let kill = std::process::Command::new("kill").args(["-s", "INT", &id.to_string()]).status();
    assert!(kill.unwrap().success());
}
