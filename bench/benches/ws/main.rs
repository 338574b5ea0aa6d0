//! WebSocket, in one process and in turns: masking against fastwebsockets and against a plain loop of AVX2,
//! text against simdutf8 and std.
//!
//! `cargo bench -p avx-bench --bench ws` prints medians and their ratios. With words, only those parts: `mask`,
//! `text`. Ratios are this crate's time by that of the peer beside them; below 1 is faster.

mod mask;
mod text;
mod turns;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let wants = |part| args.is_empty() || args.iter().any(|a| a == part);
    if wants("mask") {
        mask::print();
    }
    if wants("text") {
        text::print();
    }
}
