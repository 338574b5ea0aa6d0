//! The Huffman code of strings (RFC 7541, section 5.2 and appendix B).
//!
//! ```text
//!   table    lengths of appendix B  ->  codes  ->  what decoding and encoding look up
//!   decode   octets  ->  bytes       up to two symbols a look-up
//!   encode   bytes   ->  octets      a 64-bit accumulator
//! ```

mod decode;
mod encode;
mod table;

pub(super) use decode::{decode, max_decoded_len};
pub(super) use encode::{encode, encoded_len};
