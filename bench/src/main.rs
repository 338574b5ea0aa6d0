//! `cargo run --release -p avx-bench -- live|instructions|syscalls|runtimes|memory|startup|http2|ws`
//!
//! Starts each server as a child on its own core, loads it from another, alternates the servers over
//! several rounds and prints medians and ratios. Needs `wrk`, `h2load`, `valgrind` or `strace` for the mode that
//! uses it, and says so when it is missing.

mod exact;
mod http2;
mod live;
mod server;
mod ws;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rounds = args.get(1).and_then(|n| n.parse().ok());
    let result = match args.first().map(String::as_str) {
        Some("live") => live::run(rounds.unwrap_or(5)),
        Some("instructions") => exact::instructions(),
        Some("syscalls") => exact::syscalls(),
        Some("runtimes") => exact::runtimes(),
        Some("memory") => exact::memory(rounds.unwrap_or(10_000)),
        Some("startup") => exact::startup(rounds.unwrap_or(21)),
        Some("http2") => http2::run(rounds.unwrap_or(5)),
        Some("ws") => ws::run(rounds.unwrap_or(5)),
        _ => Err("usage: avx-bench live|instructions|syscalls|runtimes|memory|startup|http2|ws [N]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("avx-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
