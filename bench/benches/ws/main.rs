//! WebSocket, in one process and in turns: masking against fastwebsockets and a plain loop of AVX2, text against
//! simdutf8 and std, and whole echo servers in memory against tungstenite, fastwebsockets and yawc.
//!
//! `cargo bench -p avx-bench --bench ws` prints medians and their ratios. With words, only those parts: `mask`,
//! `text`, `echo`. Ratios are this crate's time by that of the peer beside them; below 1 is faster.
//! To count instructions, run one side alone under a simulator, for two values of N:
//! `ws --text avx|simdutf8|std TEXT BYTES N`, `ws --echo SERVER KIND BYTES BATCH N`.

mod avx;
mod echo;
mod mask;
mod peers;
mod text;
mod turns;
mod wire;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts calls, of this one thread.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.store(ALLOCATIONS.load(Relaxed) + 1, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.store(ALLOCATIONS.load(Relaxed) + 1, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// How often memory was asked for so far.
fn allocations() -> usize {
    ALLOCATIONS.load(Relaxed)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match args.first().map(String::as_str) {
        Some("--text") => return text::run_one(&args[1..]),
        Some("--echo") => return echo::run_one(&args[1..]),
        _ => {}
    }
    let wants = |part| args.is_empty() || args.iter().any(|a| a == part);
    if wants("mask") {
        mask::print();
    }
    if wants("text") {
        text::print();
    }
    if wants("echo") {
        echo::print();
    }
}
