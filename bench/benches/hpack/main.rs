//! HPACK: this encoder and decoder against nghttp2's, the decoder of `httlib-hpack` and the encoder of
//! `hpack` (the faster ones of those crates), in one process and in turns, on the
//! same field sections.
//!
//! `cargo bench -p avx-bench --bench hpack` prints medians and their ratios, one line per corpus. Blocks to
//! decode are those of nghttp2, and those of this encoder. With a name, only that corpus. To count instructions, run one side on one
//! corpus: `hpack --run encode|decode avx|nghttp2 CORPUS N`, for two values of N, under a simulator.

mod corpus;
mod peers;

use corpus::Corpus;
use peers::{Blocks, Run, avx, hpack_crate, httlib, nghttp2};
use std::time::{Duration, Instant};

const ROUNDS: usize = 51;
const ROUND: Duration = Duration::from_micros(1500);

/// Calls that fill a round.
fn calibrate(run: &mut Run<'_>) -> u64 {
    let start = Instant::now();
    let mut n = 0;
    while start.elapsed() < 2 * ROUND {
        run();
        n += 1;
    }
    n / 2 + 1
}

fn time(run: &mut Run<'_>, n: u64) -> f64 {
    let start = Instant::now();
    (0..n).for_each(|_| run());
    start.elapsed().as_secs_f64() * 1e9 / n as f64
}

/// Medians of all, taken in turns.
fn medians<const N: usize>(mut runs: [Run<'_>; N]) -> [f64; N] {
    let calls = runs.each_mut().map(calibrate);
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for i in 0..N {
            samples[i].push(time(&mut runs[i], calls[i]));
        }
    }
    samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    })
}

fn print(what: &str, corpus: &Corpus, fields: usize, times: [f64; 3]) {
    let [ours, nghttp2, other] = times.map(|t| t / fields as f64);
    println!(
        "{what:<12} {:<12} {ours:>8.1} {nghttp2:>8.1} {:>6.2} {other:>9.1}",
        corpus.name,
        ours / nghttp2
    );
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let corpora = corpus::all();
    if let [run, what, side, name, n] = args.as_slice() {
        assert_eq!(run, "--run", "usage: --run encode|decode avx|nghttp2 CORPUS N");
        let corpus = corpora.iter().find(|c| c.name == name).expect("name of a corpus");
        let blocks = nghttp2::blocks(corpus);
        let mut run = match (what.as_str(), side.as_str()) {
            ("encode", "avx") => avx::encode(corpus),
            ("decode", "avx") => avx::decode(&blocks),
            ("encode", _) => nghttp2::encode(corpus),
            _ => nghttp2::decode(&blocks),
        };
        return (0..n.parse().expect("number of calls")).for_each(|_: u64| run());
    }
    let total = |blocks: &Blocks| blocks.iter().flatten().map(Vec::len).sum::<usize>();
    println!(
        "{:<12} {:>6} {:>7} {:>9} {:>9} {:>9} {:>6}",
        "corpus", "lists", "fields", "plain", "avx", "nghttp2", "ratio"
    );
    for corpus in &corpora {
        let lists = || corpus.connections.iter().flatten();
        let plain: usize = lists().flatten().map(|(n, v)| n.len() + v.len()).sum();
        let (ours, theirs) = (total(&avx::blocks(corpus)), total(&nghttp2::blocks(corpus)));
        let (count, fields) = (lists().count(), lists().flatten().count());
        let ratio = ours as f64 / theirs as f64;
        println!("{:<12} {count:>6} {fields:>7} {plain:>9} {ours:>9} {theirs:>9} {ratio:>6.3}", corpus.name);
    }
    if args == ["--sizes"] {
        return;
    }
    println!("\nnanoseconds a field");
    println!("{:<12} {:<12} {:>8} {:>8} {:>6} {:>9}", "", "corpus", "avx", "nghttp2", "ratio", "a crate");
    for corpus in &corpora {
        let fields = corpus.connections.iter().flatten().flatten().count();
        if args.first().is_some_and(|name| name != corpus.name) {
            continue;
        }
        let (theirs, ours) = (nghttp2::blocks(corpus), avx::blocks(corpus));
        let runs = |b| [avx::decode(b), nghttp2::decode(b), httlib::decode(b)];
        print("decode", corpus, fields, medians(runs(&theirs)));
        print("decode own", corpus, fields, medians(runs(&ours)));
        print(
            "encode",
            corpus,
            fields,
            medians([avx::encode(corpus), nghttp2::encode(corpus), hpack_crate::encode(corpus)]),
        );
    }
}
