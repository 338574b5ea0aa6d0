//! WebSocket, in one process and in turns: masking against fastwebsockets and against a plain loop of AVX2,
//! text against simdutf8 and std.
//!
//! `cargo bench -p avx-bench --bench ws` prints medians and their ratios. With words, only those parts: `mask`,
//! `text`. Ratios are this crate's time by that of the peer beside them; below 1 is faster.
//! To count instructions, run one side on one text: `ws --run avx|simdutf8|std TEXT BYTES N`, for two values
//! of N, under a simulator.

mod mask;
mod text;
mod turns;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [run, rest @ ..] = args.as_slice() {
        if run == "--run" {
            return text::run_one(rest);
        }
    }
    let wants = |part| args.is_empty() || args.iter().any(|a| a == part);
    if wants("mask") {
        mask::print();
    }
    if wants("text") {
        text::print();
    }
}
