//! `avx_fuzz::ws_server` as a binary of cargo-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avx_fuzz::ws_server(data));
