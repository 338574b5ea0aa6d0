//! Heads of received messages: views over the bytes they were parsed from.
//!
//! ```text
//! bytes    GET /a?b HTTP/1.1 CRLF Host: example CRLF CRLF     the caller's input, or decoded text
//! layout   method 0..3, target 4..8, line 19..23 25..32        offsets, in the thread's Scratch
//! head     (bytes, layout)                                     three words, whatever a head may hold
//! ```

use crate::h1::head::{RequestLine, StatusLine};
use crate::syntax::method::Method;
use crate::syntax::status::Status;
use crate::syntax::target::{self, PlainAuthority};
use crate::{Fields, Span, Version};
use alloc::vec::Vec;
use core::fmt;

/// The head of a received request: a view, cheap to move and to copy.
#[derive(Clone, Copy)]
pub struct RequestHead<'b> {
    bytes: &'b [u8],
    layout: &'b Layout,
}

impl<'b> RequestHead<'b> {
    #[inline]
    pub(crate) fn new(bytes: &'b [u8], layout: &'b Layout) -> Self {
        RequestHead { bytes, layout }
    }

    /// Method, case kept.
    #[inline]
    pub fn method(&self) -> Method<'b> {
        Method::from_token(self.layout.method(self.bytes))
    }

    /// Request target as received: origin-form, absolute-form, authority-form or asterisk-form.
    #[inline]
    pub fn target(&self) -> &'b [u8] {
        self.layout.target(self.bytes)
    }

    /// The path of the target, without query. `*` for the asterisk-form, empty for the authority-form.
    pub fn path(&self) -> &'b [u8] {
        target::path_and_query(self.target()).0
    }

    /// The query of the target, without `?`, when there is one.
    pub fn query(&self) -> Option<&'b [u8]> {
        target::path_and_query(self.target()).1
    }

    /// The authority addressed: of an absolute-form or authority-form target, else Host. Empty when
    /// the request names none.
    #[inline]
    pub fn authority(&self) -> &'b [u8] {
        self.layout.authority.of(self.bytes)
    }

    /// Scheme of the target, where the request names one: over HTTP/2 all but plain CONNECT do, over
    /// HTTP/1.1 the absolute-form does.
    pub fn scheme(&self) -> Option<&'b [u8]> {
        match self.version() {
            Version::Http2 | Version::Http3 => self.layout.scheme.map(|part| part.of(self.bytes)),
            _ => target::scheme(self.target()),
        }
    }

    /// Version of the message.
    #[inline]
    pub fn version(&self) -> Version {
        self.layout.line.version
    }

    /// Field lines, order and case kept.
    #[inline]
    pub fn fields(&self) -> Fields<'b> {
        Fields::new(self.bytes, self.layout.lines())
    }

    /// Raw view: every byte of the head from the request line through the empty line. Empty where
    /// the wire format is binary.
    pub fn raw(&self) -> &'b [u8] {
        self.bytes.get(self.layout.line.start..self.layout.end).unwrap_or_default()
    }

    /// The client waits for 100 (Continue) before it sends the content.
    #[inline]
    pub fn expect_continue(&self) -> bool {
        self.layout.expect_continue
    }

    /// Protocols the client offers to switch to, as listed in the first Upgrade line (any others are in
    /// the fields); `None` unless a switch is possible. Over HTTP/2, the protocol that an extended CONNECT
    /// names (RFC 8441, section 4).
    #[inline]
    pub fn upgrade(&self) -> Option<&'b [u8]> {
        self.layout.upgrade.map(|part| part.of(self.bytes))
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method())
            .field("target", &format_args!("{}", self.target().escape_ascii()))
            .field("version", &self.version())
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}

/// The head of a received response: a view, cheap to move and to copy.
#[derive(Clone, Copy)]
pub struct ResponseHead<'b> {
    bytes: &'b [u8],
    layout: &'b Layout,
}

impl<'b> ResponseHead<'b> {
    pub(crate) fn new(bytes: &'b [u8], layout: &'b Layout) -> Self {
        ResponseHead { bytes, layout }
    }

    /// Status code.
    pub fn status(&self) -> Status {
        self.layout.status_line.status
    }

    /// Reason phrase as received; empty when the wire format has none.
    pub fn reason(&self) -> &'b [u8] {
        let line = &self.layout.status_line;
        self.bytes.get(line.reason as usize..line.reason_end as usize).unwrap_or_default()
    }

    /// Version of the message.
    pub fn version(&self) -> Version {
        self.layout.status_line.version
    }

    /// Field lines, order and case kept.
    pub fn fields(&self) -> Fields<'b> {
        Fields::new(self.bytes, self.layout.lines())
    }

    /// Raw view: every byte of the head. Empty where the wire format is binary.
    pub fn raw(&self) -> &'b [u8] {
        self.bytes.get(..self.layout.end).unwrap_or_default()
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("status", &self.status())
            .field("version", &self.version())
            .field("fields", &self.fields())
            .finish_non_exhaustive()
    }
}

/// Where the parts of one head stand in its bytes. Belongs to the thread, not to the connection.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Memory for field lines, the first `fields` of them in use.
    pub(crate) spans: Vec<Span>,
    pub(crate) fields: usize,
    /// Where the raw view ends; 0 when there is none.
    pub(crate) end: usize,
    pub(crate) line: RequestLine,
    pub(crate) authority: Part,
    pub(crate) upgrade: Option<Part>,
    /// Of HTTP/2 only.
    pub(crate) scheme: Option<Part>,
    pub(crate) expect_continue: bool,
    pub(crate) status_line: StatusLine,
    /// The Host that was seen last.
    pub(crate) host: PlainAuthority,
}

impl Layout {
    pub(crate) const fn new() -> Self {
        Layout {
            spans: Vec::new(),
            fields: 0,
            end: 0,
            line: RequestLine::EMPTY,
            authority: Part::NONE,
            upgrade: None,
            scheme: None,
            expect_continue: false,
            status_line: StatusLine::EMPTY,
            host: PlainAuthority::new(),
        }
    }

    /// Room for `n` field lines. (Only the memory is borrowed: the start line goes beside it.)
    #[inline]
    pub(crate) fn room(spans: &mut Vec<Span>, n: usize) -> &mut [Span] {
        if spans.len() < n {
            spans.resize(n, Span::default());
        }
        &mut spans[..n]
    }

    #[inline]
    pub(crate) fn method<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(self.line.start..self.line.method_end).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn target<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(self.line.target..self.line.target_end).unwrap_or_default()
    }

    /// Where the field lines stand.
    #[inline]
    pub(crate) fn lines(&self) -> &[Span] {
        self.spans.get(..self.fields).unwrap_or_default()
    }
}

/// From one offset to another.
///
/// As wide as they are used: halves of words, written one by one and read as one, stall the processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Part {
    pub(crate) const NONE: Part = Part { start: 0, end: 0 };

    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
}
