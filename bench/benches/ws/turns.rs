//! Medians of runs that take turns.

use std::time::{Duration, Instant};

const ROUNDS: usize = 51;
const ROUND: Duration = Duration::from_micros(400);

/// What does its work that many times.
pub type Run<'a> = Box<dyn FnMut(u64) + 'a>;

/// Calls that fill a round.
fn calibrate(run: &mut Run<'_>) -> u64 {
    let mut n = 1;
    loop {
        let start = Instant::now();
        run(n);
        let took = start.elapsed();
        if took > ROUND / 4 {
            return (n as f64 * ROUND.as_secs_f64() / took.as_secs_f64()) as u64 + 1;
        }
        n *= 2;
    }
}

fn time(run: &mut Run<'_>, n: u64) -> f64 {
    let start = Instant::now();
    run(n);
    start.elapsed().as_secs_f64() * 1e9 / n as f64
}

/// Nanoseconds a call of each, as medians.
pub fn medians<const N: usize>(mut runs: [Run<'_>; N]) -> [f64; N] {
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
