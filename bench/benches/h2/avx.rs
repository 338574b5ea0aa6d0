//! Our two ends, each a session, for many small requests.

use crate::{CONTENT, REQUESTS, WINDOW};
use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, Event, Field, Http, Instant, Method, Preset, Request, Response, Scratch, Session, Status,
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
    quiet: bool,
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
            quiet: false,
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

    /// Carries bytes until so many responses are complete and nothing moves any more.
    fn run(&mut self, responses: usize) {
        let mut done = 0;
        loop {
            let mut moved = 0;
            moved += self.carry_up();
            self.serve();
            moved += self.carry_down();
            done += self.fetch();
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
            if let Event::Request { stream, .. } = turn.event {
                let presets = [&self.preset];
                let response = Response { presets: &presets, ..Response::new(Status::OK, &[]) };
                if !self.quiet {
                    turn.machine.send_full(NOW, stream, &response, CONTENT, turn.out).expect("room");
                    turn.machine.forgo_end(NOW, stream);
                }
            }
        }
    }

    fn fetch(&mut self) -> usize {
        let mut ends = 0;
        while let Some(turn) = self.client.turn(NOW, &mut self.scratch).expect("an honest peer") {
            match turn.event {
                Event::Data { stream, credit, .. } => turn.machine.release(stream, credit),
                Event::Response { head, .. } => assert_eq!(head.status(), Status::OK),
                Event::End { .. } => ends += 1,
                _ => {}
            }
        }
        ends
    }
}
