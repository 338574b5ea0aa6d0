//! `avx_fuzz::any_connection` as a binary of cargo-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| avx_fuzz::any_connection(data));
