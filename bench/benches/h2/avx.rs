//! Our two ends.

use crate::{BULK, CONTENT, REQUESTS, WINDOW};
use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, Event, Field, Http, Instant, Method, Preset, Request, Response, Scratch, Session,
    Status, StreamId,
};
use std::sync::Arc;

const NOW: Instant = Instant::from_millis(1000);

/// Bytes the pipe carries at a time. Larger copies between buffers that stand alike in their pages take
/// several times as long on some processors, which would be the pipe's time and not the machines'.
const PIECE: usize = 2048;

pub struct Pipe {
    client: Session<Client>,
    server: Session<Server>,
    scratch: Scratch,
    preset: Preset,
    bulk: Option<(StreamId, usize)>,
    content: Vec<u8>,
    quiet: bool,
    /// Content goes from where it is into the pipe, behind its framing, as with `writev`.
    gather: bool,
    ends: usize,
}

impl Pipe {
    pub fn new() -> Self {
        let mut config = Config::default();
        (config.h2.stream_window, config.h2.connection_window) = (WINDOW, WINDOW);
        config.h2.grow_windows = false;
        config.h2.max_streams = 10_000;
        let config = Arc::new(config);
        let preset = Preset::new(&[
            Field::new("Server", "bench"),
            Field::new("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            Field::new("Content-Type", "text/plain"),
        ]);
        let mut pipe = Pipe {
            client: Session::new(Client::new(config.clone(), NOW), &config),
            server: Session::new(Server::new(config.clone(), NOW), &config),
            scratch: Scratch::new(),
            preset: preset.expect("valid"),
            bulk: None,
            content: vec![b'x'; 64 << 10],
            quiet: false,
            gather: false,
            ends: 0,
        };
        pipe.run(0);
        pipe
    }

    fn request(&mut self, target: &[u8]) {
        let (m, out) = self.client.parts(&mut self.scratch);
        let fields = [
            Field::new("user-agent", "bench/1.0"),
            Field::new("accept", "*/*"),
            Field::new("accept-encoding", "gzip, br"),
        ];
        let request = Request { method: Method::Get, target, authority: b"127.0.0.1:8080", fields: &fields };
        m.send_request(NOW, &request, BodyLen::Empty, out).expect("room");
    }

    /// Opens streams and leaves them open.
    pub fn open(&mut self, n: usize) {
        self.quiet = true;
        for _ in 0..n.div_ceil(100) {
            (0..100).for_each(|_| self.request(b"/wait"));
            self.run(0);
        }
        self.quiet = false;
    }

    pub fn get(&mut self) {
        for _ in 0..REQUESTS {
            self.request(b"/plaintext");
        }
        self.run(REQUESTS);
    }

    pub fn bulk(&mut self) {
        self.request(b"/bulk");
        self.run(1);
    }

    /// The same without a copy into the output.
    pub fn gathered(&mut self) {
        self.gather = true;
        self.bulk();
        self.gather = false;
    }

    /// Carries bytes until so many responses are complete and nothing moves any more.
    fn run(&mut self, responses: usize) {
        let mut done = 0;
        loop {
            let mut moved = 0;
            moved += self.carry_up();
            self.serve();
            moved += self.carry_down();
            done += self.fetch() + std::mem::take(&mut self.ends);
            if moved == 0 && done >= responses {
                self.client.rest(&mut self.scratch);
                self.server.rest(&mut self.scratch);
                return;
            }
        }
    }

    fn carry_up(&mut self) -> usize {
        let n = self.client.write_buf().len();
        for piece in self.client.write_buf().chunks(PIECE) {
            self.server.read_from(NOW, &mut self.scratch, piece);
        }
        self.client.did_write(NOW, n);
        n
    }

    fn carry_down(&mut self) -> usize {
        let n = self.server.write_buf().len();
        for piece in self.server.write_buf().chunks(PIECE) {
            self.client.read_from(NOW, &mut self.scratch, piece);
        }
        self.server.did_write(NOW, n);
        n
    }

    fn serve(&mut self) {
        while let Some(turn) = self.server.turn(NOW, &mut self.scratch).expect("an honest peer") {
            if let Event::Request { stream, head, .. } = turn.event {
                let presets = [&self.preset];
                let response = Response { presets: &presets, ..Response::new(Status::OK, &[]) };
                if head.target() == b"/bulk" {
                    let body = BodyLen::Exact(BULK as u64);
                    turn.machine.send_response(NOW, stream, &response, body, turn.out).expect("room");
                    turn.machine.wants_write(stream, true);
                    self.bulk = Some((stream, BULK));
                } else if !self.quiet {
                    turn.machine.send_full(NOW, stream, &response, CONTENT, turn.out).expect("room");
                    turn.machine.forgo_end(NOW, stream);
                }
            }
        }
        while self.gather && self.write_gathered() {}
        let Some((stream, left)) = &mut self.bulk else { return };
        let (m, out) = self.server.parts(&mut self.scratch);
        while *left > 0 && m.next_writable() == Some(*stream) {
            let piece = &self.content[..self.content.len().min(*left)];
            match m.send_data(NOW, *stream, piece, out).expect("open") {
                0 => break,
                n => *left -= n,
            }
        }
        if *left == 0 && m.send_end(NOW, *stream, &[], out).is_ok() {
            self.bulk = None;
        }
    }

    /// One frame: its header through the output, its content as it is.
    fn write_gathered(&mut self) -> bool {
        let Some((stream, left)) = self.bulk else { return false };
        let (m, out) = self.server.parts(&mut self.scratch);
        let len = self.content.len().min(left);
        let n = m.frame_data(NOW, stream, len, out).expect("open");
        self.carry_down();
        for piece in self.content[..n].chunks(PIECE) {
            self.client.read_from(NOW, &mut self.scratch, piece);
        }
        self.bulk = Some((stream, left - n));
        self.ends += self.fetch();
        n > 0
    }

    fn fetch(&mut self) -> usize {
        let mut ends = 0;
        while let Some(turn) = self.client.turn(NOW, &mut self.scratch).expect("an honest peer") {
            match turn.event {
                Event::Data { stream, data, credit } => {
                    std::hint::black_box(&data);
                    turn.machine.release(stream, credit);
                }
                Event::Response { head, .. } => assert_eq!(head.status(), Status::OK),
                Event::End { .. } => ends += 1,
                _ => {}
            }
        }
        ends
    }
}
