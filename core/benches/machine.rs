//! The whole server machine against its two halves: 16 pipelined requests per read, parsed and
//! answered; and inside the one for any version. `cargo bench -p avx-core --bench machine`; `-- machine N`, `-- any N`
//! or `-- halves N` runs one side N times over the 16 and prints nothing, for counting instructions.

use avx_core::h1::encode::{self, Connection, Length};
use avx_core::h1::head::{Options, Parsed, Parser};
use avx_core::{
    Config, Date, Event, Field, Http, Instant, Lenient, Limits, Preset, Recv, Response, Scratch, SliceOutput,
    Span, Status, any, h1,
};
use std::hint::black_box;
use std::sync::Arc;

const SHORT: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const BROWSER: &[u8] = b"GET /index.html?q=1 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n\
sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n\
Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
Chrome/130.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: id=0123456789abcdef\r\n\r\n";

const FIELDS: [(&str, &str); 1] = [("Content-Type", "text/plain")];
const CONTENT: &[u8] = b"Hello, World!";

struct Bench<M> {
    input: Vec<u8>,
    memory: Vec<u8>,
    scratch: Scratch,
    spans: Vec<Span>,
    machine: M,
    preset: Preset,
}

impl<M: Http> Bench<M> {
    fn new(request: &[u8], machine: fn(Arc<Config>, Instant) -> M) -> Self {
        let config = Arc::new(Config::default());
        let date = Date::from_unix(784_111_777);
        Bench {
            input: request.repeat(16),
            memory: vec![0; 16 << 10],
            scratch: Scratch::new(),
            spans: vec![Span::default(); 100],
            machine: machine(config, Instant::ZERO),
            preset: Preset::new(&[Field::new("Server", "avx"), Field::new("Date", date.as_bytes())])
                .expect("valid"),
        }
    }

    /// Parse and answer through the machine.
    fn machine(&mut self) -> usize {
        let fields = FIELDS.map(|(name, value)| Field::new(name, value));
        let response = Response { presets: &[&self.preset], ..Response::new(Status::OK, &fields) };
        let mut out = SliceOutput::new(&mut self.memory);
        let (mut at, now) = (0, Instant::from_millis(1));
        loop {
            match self.machine.recv(now, &mut self.input[at..], &mut self.scratch) {
                Ok(Recv::Event { consumed, event }) => {
                    if let Event::Request { stream, head, .. } = event {
                        black_box(head.target());
                        self.machine.send_full(now, stream, &response, CONTENT, &mut out).expect("room");
                        self.machine.forgo_end(now, stream);
                    }
                    at += consumed;
                }
                Ok(Recv::NeedMore { .. }) => return out.len(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The parser and the encoder alone.
    fn halves(&mut self) -> usize {
        let options = Options::new(&Limits::default(), &Lenient::default());
        let fields = FIELDS.map(|(name, value)| Field::new(name, value));
        let response = Response { presets: &[&self.preset], ..Response::new(Status::OK, &fields) };
        let mut out = SliceOutput::new(&mut self.memory);
        let mut at = 0;
        while at < self.input.len() {
            match Parser::new().request(&self.input[at..], &mut self.spans, &options) {
                Ok(Parsed::Complete { line, len, .. }) => {
                    black_box(line.target);
                    let length = Length::Exact(CONTENT.len() as u64);
                    encode::response(&response, length, Connection::Nothing, CONTENT, &mut out)
                        .expect("room");
                    at += len;
                }
                other => panic!("{other:?}"),
            }
        }
        out.len()
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let count = args.last().and_then(|n| n.parse::<usize>().ok());
    let sides = ["machine", "any", "halves"];
    if let (Some(side), Some(count)) = (args.iter().find(|a| sides.contains(&a.as_str())), count) {
        let (mut bench, mut any) = (Bench::new(SHORT, h1::Server::new), Bench::new(SHORT, any::Server::new));
        for _ in 0..count {
            black_box(match side.as_str() {
                "machine" => bench.machine(),
                "any" => any.machine(),
                _ => bench.halves(),
            });
        }
        return;
    }
    for (name, request) in [("short", SHORT), ("browser", BROWSER)] {
        let (mut bench, mut any) =
            (Bench::new(request, h1::Server::new), Bench::new(request, any::Server::new));
        assert_eq!(bench.machine(), bench.halves());
        assert_eq!(any.machine(), bench.halves());
        let (mut whole, mut either, mut halves) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..61 {
            whole.push(time(|| bench.machine()));
            either.push(time(|| any.machine()));
            halves.push(time(|| bench.halves()));
        }
        let (whole, either, halves) = (median(whole), median(either), median(halves));
        println!(
            "{name:8} {:4} bytes: machine {whole:6.1} ns, parser + encoder {halves:6.1} ns a request, ratio {:.2}; \
             any version {either:6.1} ns",
            request.len(),
            whole / halves
        );
    }
}

/// Nanoseconds a request.
fn time(mut run: impl FnMut() -> usize) -> f64 {
    let start = std::time::Instant::now();
    for _ in 0..500 {
        black_box(run());
    }
    start.elapsed().as_nanos() as f64 / (500.0 * 16.0)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
