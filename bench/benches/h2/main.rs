//! HTTP/2: both machines against both ends of the `h2` crate, in memory, in one thread and in turns.
//!
//! Small requests go from session to session, as drivers have them. Bulk goes from machine to machine: what
//! is written is read where it lies, which makes one copy, into the output. The `h2` crate does its own
//! reading and writing, and needs a pipe: it shares what it sends, but the pipe copies in and out.
//!
//! `cargo bench -p avx-bench --bench h2` prints medians and their ratios. `-- avx get N` (or `h2`, or `bulk`)
//! runs one side N rounds and prints nothing, for counting instructions.

mod avx;
mod bulk;
mod peer;

use std::time::Instant;

/// Requests of one round, all at once.
const REQUESTS: usize = 100;
/// Bytes of one bulk response.
const BULK: usize = 16 << 20;
const CONTENT: &[u8] = b"Hello, World!";
const WINDOW: u32 = 1 << 20;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let has = |word: &str| args.iter().any(|arg| arg == word);
    let mut ours = avx::Pipe::new();
    let mut theirs = peer::Pipe::new();
    let mut pair = bulk::Pair::new();
    if let Some(n) = args.last().and_then(|n| n.parse::<usize>().ok()) {
        for _ in 0..n {
            match (has("avx"), has("bulk")) {
                (true, false) => ours.get(),
                (true, true) => pair.download(),
                (false, false) => theirs.get(),
                (false, true) => theirs.bulk(),
            }
        }
        return;
    }
    compare("100 GETs at once", REQUESTS as f64, "ns a request", 201, || ours.get(), || theirs.get());
    theirs = peer::Pipe::new();
    compare("16 MiB response", BULK as f64 / 1024.0, "ns a KiB", 41, || pair.download(), || theirs.bulk());
    compare("16 MiB request", BULK as f64 / 1024.0, "ns a KiB", 41, || pair.upload(), || theirs.upload());
    for open in [100, 1000, 9_000] {
        let mut pipe = avx::Pipe::new();
        let before = median((0..51).map(|_| time(&mut || pipe.get())).collect());
        pipe.open(open);
        let after = median((0..51).map(|_| time(&mut || pipe.get())).collect());
        println!("{open:>6} more streams open: {:.2} times the time a request", after / before);
    }
}

fn compare(
    name: &str,
    units: f64,
    unit: &str,
    rounds: usize,
    mut ours: impl FnMut(),
    mut theirs: impl FnMut(),
) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(time(&mut ours) / units);
        b.push(time(&mut theirs) / units);
    }
    let (a, b) = (median(a), median(b));
    println!("{name}: avx {a:.1}, h2 {b:.1} {unit}, ratio {:.3}", a / b);
}

fn time(run: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
