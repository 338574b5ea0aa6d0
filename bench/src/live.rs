//! Throughput, CPU and latency under wrk: the server on core 0, the load on core 1.

use crate::server::{KINDS, Kind, Result, Server};
use std::process::Command;

const SECONDS: u64 = 4;

/// One run of wrk.
#[derive(Clone, Copy, Default)]
struct Sample {
    rate: f64,
    total: f64,
    user: f64,
    p99: f64,
}

/// Alternates the servers, `rounds` times each, without and with pipelining.
pub fn run(rounds: usize) -> Result<()> {
    println!("/plaintext, 64 connections, {SECONDS} s a run, medians of {rounds} alternating rounds");
    println!("CPU of the server per request, in microseconds; ratios to the bare loop\n");
    for depth in [1, 16] {
        let mut samples = vec![Vec::new(); KINDS.len()];
        for _ in 0..rounds {
            for (kind, samples) in KINDS.into_iter().zip(&mut samples) {
                samples.push(sample(kind, depth)?);
            }
        }
        let medians: Vec<Sample> = samples.iter().map(|s| median(s)).collect();
        let floor = medians[KINDS.iter().position(|k| *k == Kind::Bare).unwrap_or(0)];
        println!("pipeline depth {depth}");
        println!("  {:10} {:>10} {:>16} {:>12} {:>10}", "", "requests/s", "CPU/req", "user/req", "p99 ms");
        for (kind, s) in KINDS.iter().zip(&medians) {
            let ratio = s.total / floor.total;
            println!(
                "  {:10} {:>10.0} {:>8.3} ({ratio:.2}x) {:>12.3} {:>10.2}",
                kind.name(),
                s.rate,
                s.total,
                s.user,
                s.p99
            );
        }
        println!();
    }
    Ok(())
}

fn sample(kind: Kind, depth: usize) -> Result<Sample> {
    let server = Server::start(kind, &["taskset", "-c", "0"])?;
    load(&server, depth, 1)?;
    let (user, system) = server.cpu()?;
    let (requests, rate, p99) = load(&server, depth, SECONDS)?;
    let (user_end, system_end) = server.cpu()?;
    let (user, system) = (user_end - user, system_end - system);
    Ok(Sample { rate, total: (user + system) * 1e6 / requests, user: user * 1e6 / requests, p99 })
}

/// Requests answered, requests a second, 99th percentile in milliseconds.
fn load(server: &Server, depth: usize, seconds: u64) -> Result<(f64, f64, f64)> {
    let script = std::env::temp_dir().join(format!("avx-bench-{depth}.lua"));
    std::fs::write(
        &script,
        format!(
            "init = function(args)\n  local one = \"GET /plaintext HTTP/1.1\\r\\nHost: {}\\r\\n\\r\\n\"\n  \
             all = string.rep(one, {depth})\nend\nrequest = function() return all end\n",
            server.addr
        ),
    )?;
    let output = Command::new("taskset")
        .args(["-c", "1", "wrk", "-t1", "-c64", "--latency", &format!("-d{seconds}s"), "-s"])
        .arg(&script)
        .arg(format!("http://{}/plaintext", server.addr))
        .output()
        .map_err(|e| format!("taskset, wrk: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |needle: &str, field: usize| {
        let line = text.lines().find(|l| l.contains(needle));
        line.and_then(|l| l.split_whitespace().nth(field)).ok_or(format!("wrk said: {text}"))
    };
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(format!("errors under load: {text}").into());
    }
    Ok((number("requests in", 0)?.parse()?, number("Requests/sec", 1)?.parse()?, millis(number("99%", 1)?)?))
}

fn millis(text: &str) -> Result<f64> {
    let (digits, scale) = match text {
        t if t.ends_with("us") => (&t[..t.len() - 2], 1e-3),
        t if t.ends_with("ms") => (&t[..t.len() - 2], 1.0),
        t if t.ends_with('s') => (&t[..t.len() - 1], 1e3),
        t => return Err(format!("latency {t}").into()),
    };
    Ok(digits.parse::<f64>()? * scale)
}

fn median(samples: &[Sample]) -> Sample {
    let of = |field: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Sample { rate: of(|s| s.rate), total: of(|s| s.total), user: of(|s| s.user), p99: of(|s| s.p99) }
}
