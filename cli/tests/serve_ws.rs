//! The WebSockets of `avx serve`.

mod common;
#[path = "common/websocket.rs"]
mod websocket;

use common::{Serving, avx};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use websocket::*;

fn open(serving: &Serving, target: &str) -> TcpStream {
    let mut stream = serving.connect();
    let head = ask(&mut stream, target, "");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    stream
}

fn send(stream: &mut TcpStream, first: u8, payload: impl AsRef<[u8]>) {
    stream.write_all(&masked(first, payload)).unwrap();
}

#[test]
fn messages_come_back_as_they_were() {
    let serving = Serving::start(&[]);
    let mut stream = open(&serving, "/ws");
    for (first, payload) in [
        (TEXT, "Hello".as_bytes().to_vec()),
        (BINARY, vec![0, 0xff, 7]),
        (TEXT, Vec::new()),
        (BINARY, vec![1; 60_000]),
    ] {
        send(&mut stream, first, &payload);
        let (back, mut bytes) = read_frame(&mut stream);
        assert_eq!(back & 0x0f, first & 0x0f);
        let mut last = back;
        // A large message may come back in several pieces.
        while last & 0x80 == 0 {
            let (next, more) = read_frame(&mut stream);
            bytes.extend(more);
            last = next;
        }
        assert!(bytes == payload, "{} bytes", bytes.len());
    }
    send(&mut stream, PING, "there?");
    assert_eq!(read_frame(&mut stream), (PONG, b"there?".to_vec()));
    send(&mut stream, CLOSE, close(1000, "bye"));
    assert_eq!(read_frame(&mut stream), (CLOSE, close(1000, "")));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn fragments_come_back_before_their_message_ends() {
    let serving = Serving::start(&[]);
    let mut stream = open(&serving, "/ws");
    for (sent, back) in [(0x01, 0x01), (0x00, 0x00), (0x80, 0x80)] {
        send(&mut stream, sent, "piece");
        assert_eq!(read_frame(&mut stream), (back, b"piece".to_vec()));
    }
}

#[test]
fn rfc7692_7_1_messages_are_compressed_for_who_offers_that() {
    let serving = Serving::start(&[]);
    let mut stream = serving.connect();
    let head = ask(&mut stream, "/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"), "{head}");
    // The example of RFC 7692, section 7.2.3.1; so little is not worth compressing.
    send(&mut stream, 0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(read_frame(&mut stream), (TEXT, b"Hello".to_vec()));
    send(&mut stream, TEXT, "a".repeat(10_000));
    let (first, payload) = read_frame(&mut stream);
    assert!(first & 0x40 != 0 && payload.len() < 200, "{first:x} {}", payload.len());
}

#[test]
fn who_asks_without_a_websocket_is_told_how() {
    let serving = Serving::start(&[]);
    for path in ["/ws", "/ws/chat"] {
        let (head, content) = serving.get(path);
        assert!(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{head}");
        assert!(head.contains("\r\nUpgrade: websocket\r\n"), "{head}");
        assert!(String::from_utf8(content).unwrap().contains("Try: avx ws ws://x/ws"));
    }
    let mut stream = serving.connect();
    let request = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(
        head.starts_with("HTTP/1.1 426 ") && head.contains("\r\nSec-WebSocket-Version: 13\r\n"),
        "{head}"
    );
}

#[test]
fn the_chat_is_for_pages_of_this_server_and_for_who_is_no_page() {
    let serving = Serving::start(&[]);
    for (origin, status) in [
        ("", "101"),
        ("Origin: http://here:1\r\n", "101"),
        ("Origin: http://HERE:1\r\n", "101"),
        ("Origin: http://elsewhere.example\r\n", "403"),
        ("Origin: https://here:1\r\n", "403"),
        ("Origin: null\r\n", "403"),
    ] {
        let head = ask(&mut serving.connect(), "/ws/chat", origin);
        assert_eq!(&head[9..12], status, "{origin}");
    }
    let head = ask(&mut serving.connect(), "/ws", "Origin: http://elsewhere.example\r\n");
    assert_eq!(&head[9..12], "101");
}

#[test]
fn what_one_says_in_the_chat_the_others_hear_whatever_they_speak() {
    let serving = Serving::start(&[]);
    let mut anna = open(&serving, "/ws/chat?name=anna");
    assert_eq!(read_text(&mut anna), "* anna joined, 1 here");

    let url = serving.url("/ws/chat?name=J%C3%BCrgen");
    let mut child = avx(&["ws", "--http2", &url]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
    assert_eq!(read_text(&mut anna), "* Jürgen joined, 2 here");
    assert_eq!(lines.next().unwrap(), "* Jürgen joined, 2 here");

    send(&mut anna, TEXT, "hello\n* Jürgen left");
    assert_eq!(lines.next().unwrap(), "anna: hello * Jürgen left");
    assert_eq!(read_text(&mut anna), "anna: hello * Jürgen left");
    stdin.write_all(b"hello yourself\n").unwrap();
    assert_eq!(read_text(&mut anna), "Jürgen: hello yourself");
    assert_eq!(lines.next().unwrap(), "Jürgen: hello yourself");
    drop(stdin);
    assert_eq!(read_text(&mut anna), "* Jürgen left, 1 here");
    assert!(child.wait().unwrap().success());

    for (first, payload, code) in [(BINARY, vec![1], 1003), (TEXT, vec![b'a'; 2001], 1009)] {
        let mut rude = open(&serving, "/ws/chat");
        assert_eq!(read_text(&mut rude), "* somebody joined, 2 here");
        send(&mut rude, first, payload);
        let (first, payload) = read_frame(&mut rude);
        assert_eq!((first, &payload[..2]), (CLOSE, &u16::to_be_bytes(code)[..]));
        drop(rude);
        assert_eq!(read_text(&mut anna), "* somebody joined, 2 here");
        assert_eq!(read_text(&mut anna), "* somebody left, 1 here");
    }
}

#[test]
fn rfc6455_7_4_1_a_server_that_ends_says_1001() {
    let serving = Serving::start(&[]);
    let mut streams = [open(&serving, "/ws"), open(&serving, "/ws/chat")];
    assert_eq!(read_text(&mut streams[1]), "* somebody joined, 1 here");
    serving.signal("TERM");
    for stream in &mut streams {
        assert_eq!(read_frame(stream), (CLOSE, close(1001, "")));
        send(stream, CLOSE, close(1001, ""));
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(serving.end(), (Some(0), String::new()));
}
