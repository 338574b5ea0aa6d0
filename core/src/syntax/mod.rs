//! Words of RFC 9110 that every version shares, one file each: tokens, methods, status codes,
//! targets, numbers, lists, dates.

pub mod connection;
pub mod content_length;
pub mod date;
pub mod list;
pub mod method;
pub mod status;
pub mod target;
pub mod token;
