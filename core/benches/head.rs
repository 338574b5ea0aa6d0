//! Heads: this parser against httparse, in one process and in turns, on the same bytes.
//!
//! `cargo bench -p avx-core --bench head` prints medians and their ratio, one line per head and
//! instruction set. To count instructions, run one side on one head: `head --run ISA|httparse HEAD N`,
//! for two values of N, under a simulator; the difference is what the calls cost.

mod heads;

use avx_core::Span;
use avx_core::h1::head::{Options, Parsed, Parser};
use avx_core::scan::{self, Isa};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 101;
const ROUND: Duration = Duration::from_micros(800);

/// What parses one head and says how long it is.
type Parse<'a> = Box<dyn FnMut(u64) + 'a>;

struct Input {
    name: &'static str,
    response: bool,
    heads: Vec<Vec<u8>>,
    /// The first half comes alone, and then all of it.
    halves: bool,
}

fn inputs() -> Vec<Input> {
    let one =
        |name, response, head: &[u8]| Input { name, response, heads: vec![head.to_vec()], halves: false };
    vec![
        one("browser", false, heads::BROWSER),
        one("modern", false, heads::MODERN),
        one("tiny", false, heads::TINY),
        one("response", true, heads::RESPONSE),
        Input { name: "mixed", response: false, heads: heads::mixed(), halves: false },
        Input { name: "halves", response: false, heads: vec![heads::MODERN.to_vec()], halves: true },
    ]
}

fn avx(input: &Input) -> Parse<'_> {
    let (mut spans, options) = ([Span::default(); 64], Options::default());
    let mut heads = input.heads.iter().cycle();
    let response = input.response;
    Box::new(move |n| {
        for _ in 0..n {
            let head = black_box(heads.next().unwrap().as_slice());
            let mut parser = Parser::new();
            if input.halves {
                let half = parser.request(&head[..head.len() / 2], &mut spans, black_box(&options));
                assert!(black_box(half).is_ok());
            }
            let len = if response {
                match parser.response(head, &mut spans, black_box(&options)) {
                    Ok(Parsed::Complete { len, .. }) => len,
                    _ => 0,
                }
            } else {
                match parser.request(head, &mut spans, black_box(&options)) {
                    Ok(Parsed::Complete { len, .. }) => len,
                    _ => 0,
                }
            };
            assert_eq!(len, head.len());
            black_box(&spans);
        }
    })
}

fn httparse(input: &Input) -> Parse<'_> {
    let mut spans = [httparse::EMPTY_HEADER; 64];
    let mut heads = input.heads.iter().cycle();
    let response = input.response;
    Box::new(move |n| {
        for _ in 0..n {
            let head = black_box(heads.next().unwrap().as_slice());
            if input.halves {
                let half = httparse::Request::new(&mut spans).parse(&head[..head.len() / 2]);
                assert!(black_box(half).is_ok());
            }
            let len = if response {
                httparse::Response::new(&mut spans).parse(head)
            } else {
                httparse::Request::new(&mut spans).parse(head)
            };
            assert_eq!(len, Ok(httparse::Status::Complete(head.len())));
            black_box(&spans);
        }
    })
}

/// Calls that fill a round.
fn calibrate(parse: &mut Parse<'_>) -> u64 {
    let mut n = 64;
    loop {
        let start = Instant::now();
        parse(n);
        let took = start.elapsed();
        if took > ROUND / 4 {
            return (n as f64 * ROUND.as_secs_f64() / took.as_secs_f64()) as u64 + 1;
        }
        n *= 2;
    }
}

fn time(parse: &mut Parse<'_>, n: u64) -> f64 {
    let start = Instant::now();
    parse(n);
    start.elapsed().as_secs_f64() * 1e9 / n as f64
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let inputs = inputs();
    let available = Isa::ALL.into_iter().rev().filter(|isa| isa.is_available());
    if let [run, side, name, n] = args.as_slice() {
        assert_eq!(run, "--run", "usage: --run ISA|httparse HEAD N");
        let input = inputs.iter().find(|i| i.name == name).expect("name of a head");
        let isa = available.into_iter().find(|isa| format!("{isa:?}").eq_ignore_ascii_case(side));
        let mut parse = match isa {
            Some(isa) => {
                scan::use_at_most(isa);
                avx(input)
            }
            None => httparse(input),
        };
        return parse(n.parse().expect("number of calls"));
    }
    println!("{:<10} {:>6} {:>9} {:>9} {:>9} {:>6}", "head", "bytes", "isa", "avx ns", "httparse", "ratio");
    for isa in available {
        scan::use_at_most(isa);
        for input in &inputs {
            let (mut ours, mut theirs) = (avx(input), httparse(input));
            let (n, m) = (calibrate(&mut ours), calibrate(&mut theirs));
            let (a, b): (Vec<f64>, Vec<f64>) =
                (0..ROUNDS).map(|_| (time(&mut ours, n), time(&mut theirs, m))).unzip();
            let (a, b) = (median(a), median(b));
            let bytes = input.heads.iter().map(Vec::len).sum::<usize>() / input.heads.len();
            let (name, isa) = (input.name, format!("{isa:?}"));
            println!("{name:<10} {bytes:>6} {isa:>9} {a:>9.1} {b:>9.1} {:>6.2}", a / b);
        }
    }
}
