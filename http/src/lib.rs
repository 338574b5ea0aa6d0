//! HTTP server and client over avx-core.
pub mod rt;
