//! The native runtime of avx.
