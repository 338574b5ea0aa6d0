//! `avx_fuzz::ws_deflate` as a binary of cargo-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avx_fuzz::ws_deflate(data));
