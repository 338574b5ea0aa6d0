//! HTTP/1.1, HTTP/2 and WebSocket on one port over io_uring: completions instead of readiness, one thread.
//!
//! `cargo run -p avx-core --example uring [address]` on Linux; what it answers stands in `answers/`, what to ask it in `blocking.rs`. Each connection
//! has one operation under way, linked to a timeout at its deadline. The kernel reads into the session's buffer while
//! it waits, 64 KiB for each connection; poll first, or read into provided buffers and use `read_from`, if that is much.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[path = "../answers/mod.rs"]
mod answers;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod ring;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
use ring::main;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn main() {
    eprintln!("io_uring is Linux's, and its bindings are those of x86-64 and aarch64");
    std::process::exit(1);
}
