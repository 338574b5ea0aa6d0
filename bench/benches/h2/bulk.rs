//! Our two ends, bare: what one machine writes is where the other one reads, and nothing lies between them.

use crate::{BULK, CONTENT, WINDOW};
use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, Event, Full, Http, Instant, Machine, Method, Output, Recv, Request, Response, Scratch,
    Status, StreamId,
};
use std::sync::Arc;

const NOW: Instant = Instant::from_millis(1000);

pub struct Pair {
    client: Client,
    server: Server,
    scratch: Scratch,
    content: Vec<u8>,
    up: Buffer,
    down: Buffer,
    /// What the server, and what the client, still has to send.
    download: Option<(StreamId, usize)>,
    upload: Option<(StreamId, usize)>,
}

impl Pair {
    pub fn new() -> Self {
        let mut config = Config::default();
        (config.h2.stream_window, config.h2.connection_window) = (WINDOW, WINDOW);
        config.h2.grow_windows = false;
        let config = Arc::new(config);
        Pair {
            client: Client::new(config.clone(), NOW),
            server: Server::new(config, NOW),
            scratch: Scratch::new(),
            content: vec![b'x'; 64 << 10],
            up: Buffer::new(),
            down: Buffer::new(),
            download: None,
            upload: None,
        }
    }

    pub fn download(&mut self) {
        self.request(Method::Get, BodyLen::Empty);
        assert_eq!(self.run(), BULK);
    }

    pub fn upload(&mut self) {
        let stream = self.request(Method::Post, BodyLen::Exact(BULK as u64));
        self.client.wants_write(stream, true);
        self.upload = Some((stream, BULK));
        assert_eq!(self.run(), CONTENT.len());
    }

    fn request(&mut self, method: Method<'_>, body: BodyLen) -> StreamId {
        self.client.transmit(NOW, &mut self.up);
        let request = Request { method, target: b"/", authority: b"127.0.0.1:8080", fields: &[] };
        self.client.send_request(NOW, &request, body, &mut self.up).expect("room")
    }

    /// Until the response is complete; says how long its content was.
    fn run(&mut self) -> usize {
        let mut len = 0;
        loop {
            send(&mut self.client, &self.content, &mut self.upload, &mut self.up);
            self.serve();
            send(&mut self.server, &self.content, &mut self.download, &mut self.down);
            if self.fetch(&mut len) {
                return len;
            }
        }
    }

    fn serve(&mut self) {
        let (m, out, mut at) = (&mut self.server, &mut self.down, 0);
        loop {
            let input = &mut self.up.filled()[at..];
            match m.recv(NOW, input, &mut self.scratch).expect("an honest peer") {
                Recv::Event { consumed, event } => {
                    at += consumed;
                    let response = Response::new(Status::OK, &[]);
                    match event {
                        Event::Request { stream, body: BodyLen::Empty, .. } => {
                            let body = BodyLen::Exact(BULK as u64);
                            m.send_response(NOW, stream, &response, body, out).expect("room");
                            m.wants_write(stream, true);
                            m.forgo_end(NOW, stream);
                            self.download = Some((stream, BULK));
                        }
                        Event::Data { stream, credit, .. } => m.release(stream, credit),
                        Event::End { stream, .. } => {
                            m.send_full(NOW, stream, &response, CONTENT, out).expect("room");
                        }
                        _ => {}
                    }
                }
                Recv::NeedMore { consumed, .. } => {
                    self.up.consume(at + consumed);
                    return m.transmit(NOW, out);
                }
                other => unreachable!("{other:?}"),
            }
        }
    }

    fn fetch(&mut self, len: &mut usize) -> bool {
        let (mut at, mut over) = (0, false);
        loop {
            let input = &mut self.down.filled()[at..];
            match self.client.recv(NOW, input, &mut self.scratch).expect("an honest peer") {
                Recv::Event { consumed, event } => {
                    at += consumed;
                    match event {
                        Event::Data { stream, data, credit } => {
                            *len += data.len();
                            self.client.release(stream, credit);
                        }
                        Event::End { .. } => over = true,
                        _ => {}
                    }
                }
                Recv::NeedMore { consumed, .. } => {
                    self.down.consume(at + consumed);
                    self.client.transmit(NOW, &mut self.up);
                    return over;
                }
                other => unreachable!("{other:?}"),
            }
        }
    }
}

/// Sends as much of some content as there is credit and room for.
fn send<M: Http>(m: &mut M, content: &[u8], bulk: &mut Option<(StreamId, usize)>, out: &mut Buffer) {
    let Some((stream, left)) = bulk else { return };
    while *left > 0 && m.next_writable() == Some(*stream) {
        match m.send_data(NOW, *stream, &content[..content.len().min(*left)], out).expect("open") {
            0 => break,
            n => *left -= n,
        }
    }
    if *left == 0 && m.send_end(NOW, *stream, &[], out).is_ok() {
        *bulk = None;
    }
}

/// Memory that is used again and again: as much as a socket takes at once.
struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl Buffer {
    fn new() -> Self {
        Buffer { bytes: vec![0; 64 << 10], filled: 0 }
    }

    fn filled(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
    }

    fn consume(&mut self, n: usize) {
        self.bytes.copy_within(n..self.filled, 0);
        self.filled -= n;
    }
}

impl Output for Buffer {
    fn reserve(&mut self, n: usize) -> Result<&mut [u8], Full> {
        let piece = self.bytes[self.filled..].get_mut(..n).ok_or(Full { needed: n })?;
        self.filled += n;
        Ok(piece)
    }

    fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }

    fn give_back(&mut self, n: usize) {
        self.filled -= n;
    }
}
