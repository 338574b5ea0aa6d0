//! HPACK: header compression for HTTP/2 (RFC 7541).
//!
//! ```text
//!                 +-- static table (appendix A)
//!   block ---> Decoder ---> Section: text, spans, marks ---> Fields
//!                 +-- dynamic table -- in step, entry by entry
//!                                |
//!                 +-- dynamic table
//!   fields --> Encoder ---> block
//!                 +-- static table
//! ```
//!
//! A [`Decoder`] and an [`Encoder`] belong to one connection and hold its dynamic tables; a [`Section`] is
//! working memory of the thread. Both see every block of their direction in order, or the tables
//! fall out of step, which no one can repair: every [`DecodeError`] ends the connection.
//!
//! | section of RFC 7541 | file |
//! |---|---|
//! | 2.3.1, appendix A: static table | `static_table`, `known` |
//! | 2.3.2, 4: dynamic table | `table` |
//! | 5.1: integers | `integer` |
//! | 5.2, appendix B: Huffman code | `huffman` |
//! | 3, 6: representations, read | `decode`, `section`, `error` |
//! | 6, 7.1: representations, chosen and written | `encode` |
//!
//! # What this does not do
//!
//! It knows neither frames nor which fields a request needs. A block is one slice: joining CONTINUATION
//! frames is the frame layer's work. Names are not put into lower case.
//!
//! ```
//! use avx_core::Field;
//! use avx_core::h2::hpack::{DecodeLimits, Decoder, Encoder, Known, Section};
//!
//! let fields = [Field::new(":method", "GET"), Field::new(":path", "/"), Field::new("accept", "*/*")];
//! let mut encoder = Encoder::new();
//! let mut block = vec![0; encoder.bound(fields)];
//! let len = encoder.encode(fields, &mut block);
//! assert_eq!(len, 7);
//!
//! let (mut decoder, mut section) = (Decoder::new(4096), Section::new());
//! let limits = DecodeLimits { list_size: 16 << 10, fields: 100 };
//! let decoded = decoder.decode(&block[..len], &mut section, limits).unwrap();
//! assert!(!decoded.too_large);
//! assert_eq!(section.fields().get("accept"), Some(&b"*/*"[..]));
//! assert_eq!(section.marks()[0].known(), Known::Method);
//! ```

mod decode;
mod encode;
mod error;
mod history;
mod huffman;
mod integer;
mod known;
mod section;
mod static_table;
mod table;

pub use decode::{DecodeLimits, Decoded, Decoder};
pub use encode::Encoder;
pub use error::DecodeError;
pub use known::Known;
pub use section::{Mark, Section};
