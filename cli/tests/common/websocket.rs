//! One end of a WebSocket by hand, on a blocking socket.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// The head of a message and nothing behind it.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the head goes on");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("the head is text")
}

/// Asks for a WebSocket; the head of the answer.
pub(crate) fn ask(stream: &mut TcpStream, target: &str, fields: &str) -> String {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: here:1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    read_head(stream)
}

/// A frame as a client sends it, with a masking key of zeros.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut frame = plain(first, payload.as_ref());
    frame[1] |= 0x80;
    let at = frame.len() - payload.as_ref().len();
    frame.splice(at..at, [0; 4]);
    frame
}

/// A frame as a server sends it.
pub(crate) fn plain(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(len as u8),
        len => {
            frame.push(126);
            frame.extend(u16::try_from(len).expect("a short frame").to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// The payload of a close frame.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// The next frame, unmasked: its first byte, and its payload.
pub(crate) fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("another frame");
    let mut long = [0; 2];
    let len = match head[1] & 0x7f {
        126 => {
            stream.read_exact(&mut long).expect("its length");
            usize::from(u16::from_be_bytes(long))
        }
        len => usize::from(len),
    };
    let mut key = [0; 4];
    if head[1] & 0x80 != 0 {
        stream.read_exact(&mut key).expect("its key");
    }
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).expect("its payload");
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
    (head[0], payload)
}

/// The next frame, a text.
pub(crate) fn read_text(stream: &mut TcpStream) -> String {
    let (first, payload) = read_frame(stream);
    assert_eq!(first, TEXT, "{}", payload.escape_ascii());
    String::from_utf8(payload).expect("a text is UTF-8")
}
