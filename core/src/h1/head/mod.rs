//! Message heads (RFC 9112, sections 2 to 5): bytes in, offsets out, nothing copied.
//!
//! ```text
//!            empty lines   start line          field lines             empty line
//!            CR LF ...     GET / HTTP/1.1 CR LF  Name: value CR LF ...   CR LF
//!   request  [parser]      RequestLine           Span, Span, ...
//!   response               StatusLine            Span, Span, ...
//!   trailers                                     Span, Span, ...
//! ```
//!
//! [`Parser`] turns one head into a [`RequestLine`] or [`StatusLine`] and one [`Span`](crate::Span)
//! per field line. A head that is all there is read in one pass, a vector at a time. A head that comes
//! in pieces is checked as it comes, lines cut by the end of a piece byte by byte, and is read once more
//! when it is complete: the spans belong to the caller's thread, not to the connection, so none are kept
//! in between.
//!
//! # What is refused, and when
//!
//! The result depends on the bytes seen and on nothing else: not on how they were cut, and not on the
//! bytes behind the head. The first byte that cannot be part of a valid head is an error as soon as it
//! is there. Limits count bytes the same way: byte `n` (from 0) of a line is one too many when the
//! line's limit is `n` or less, line ends included, and likewise for the head, empty lines in front
//! included. A byte that is refused for several reasons is refused for its line's limit first, then
//! for the head's, then for the number of fields, then for the grammar.
//!
//! # What this does not do
//!
//! It knows no field by name and no target by form: that is framing's and the machine's work.

mod bytewise;
mod fast;
mod parser;

pub use parser::{Options, Parsed, Parser, RequestLine, StatusLine};
