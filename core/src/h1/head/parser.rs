//! The interface: one parser, three kinds of head, and what it is told and tells.

use super::bytewise::{State, Stop, Walk};
use super::fast::{self, Head};
use crate::limits::{Lenient, Limits};
use crate::scan::{self, Scan};
use crate::{PeerError, Span, Status, Version};

/// Resume state of a head parser: how far the head was checked. Nothing of the head is kept.
///
/// `input` begins with the same bytes at every call until the head is complete: the caller keeps an
/// incomplete head at the front of its buffer and appends. After `Complete` the parser is new again;
/// after an error, the same call reports it again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parser {
    /// Bytes checked so far.
    pub(super) pos: u32,
    /// First byte of the line at `pos`, a folded field being one line.
    pub(super) line: u32,
    /// Field lines completed.
    pub(super) fields: u32,
    /// Where in the grammar `pos` is.
    pub(super) state: State,
    /// Empty lines skipped, or characters of a version and status matched, as the state says.
    pub(super) count: u8,
}

const _: () = assert!(size_of::<Parser>() <= 24);

/// What a parser made of the bytes it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// The head is complete.
    Complete {
        /// Its start line.
        line: T,
        /// Field lines, as so many spans.
        fields: usize,
        /// Bytes of the head: from the first byte of the input, empty lines in front included,
        /// through the empty line that ends it.
        len: usize,
        /// Some value spans a line end, only where folds are allowed: the caller overwrites the CR
        /// and LF bytes inside the values with spaces before anybody sees them.
        folded: bool,
    },
    /// The head goes on.
    Partial {
        /// At least so many bytes are missing to a complete head: never 0, and never more than it
        /// takes to exceed a limit.
        at_least: usize,
    },
}

impl Parsed<()> {
    #[inline]
    fn with<L>(self, line: L) -> Parsed<L> {
        match self {
            Parsed::Complete { line: (), fields, len, folded } => {
                Parsed::Complete { line, fields, len, folded }
            }
            Parsed::Partial { at_least } => Parsed::Partial { at_least },
        }
    }
}

/// Offsets of a request line (RFC 9112, section 3).
///
/// As wide as they are used: halves of words, written one by one and read as one, stall the processor
/// (9 ns a request; the machine's benchmark).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// First byte of the method, behind any empty lines.
    pub start: usize,
    /// One past the method's last byte.
    pub method_end: usize,
    /// First byte of the request target.
    pub target: usize,
    /// One past the request target's last byte.
    pub target_end: usize,
    /// The version, `Http10` or `Http11`.
    pub version: Version,
}

/// A status line (RFC 9112, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusLine {
    /// The version, `Http10` or `Http11`.
    pub version: Version,
    /// The status code.
    pub status: Status,
    /// First byte of the reason phrase.
    pub reason: u32,
    /// One past the reason phrase's last byte; equal to `reason` when there is none.
    pub reason_end: u32,
}

impl RequestLine {
    pub(crate) const EMPTY: RequestLine =
        RequestLine { start: 0, method_end: 0, target: 0, target_end: 0, version: Version::Http11 };
}

impl StatusLine {
    pub(crate) const EMPTY: StatusLine =
        StatusLine { version: Version::Http11, status: Status::OK, reason: 0, reason_end: 0 };
}

/// What a parser is told: the part of limits and leniency that concerns heads.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Longest start line, with its line end. Bytes.
    pub start_line: u32,
    /// Longest head, or trailer section. Bytes.
    pub head: u32,
    /// Longest field line, with its folds and line end. Bytes.
    pub field_line: u32,
    /// Empty lines skipped before a request line.
    pub leading_empty_lines: u8,
    /// A lone LF ends a line.
    pub bare_lf: bool,
    /// A field line may be folded.
    pub obs_fold: bool,
    /// Whitespace before the colon is dropped.
    pub space_before_colon: bool,
}

impl Options {
    /// The options of a head under these limits. For a trailer section, set
    /// [`head`](Self::head) to [`Limits::trailers`].
    pub const fn new(limits: &Limits, lenient: &Lenient) -> Self {
        Options {
            start_line: limits.start_line,
            head: limits.head,
            field_line: limits.field_line,
            leading_empty_lines: limits.leading_empty_lines,
            bare_lf: lenient.bare_lf,
            obs_fold: lenient.obs_fold,
            space_before_colon: lenient.space_before_colon,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new(&Limits::default(), &Lenient::default())
    }
}

impl Parser {
    /// A parser at the start of a head.
    pub const fn new() -> Self {
        Parser { pos: 0, line: 0, fields: 0, state: State::Begin, count: 0 }
    }

    /// Parses a request head at the start of `input`, with one span per field line.
    ///
    /// # Errors
    /// The first offence of the bytes seen, as the [module](crate::h1::head) says.
    #[inline]
    pub fn request(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
    ) -> Result<Parsed<RequestLine>, PeerError> {
        let mut line = RequestLine::EMPTY;
        self.parse(input, spans, options, &mut line).map(|parsed| parsed.with(line))
    }

    /// As [`request`](Self::request), with the request line in `line`, where it stays.
    #[inline]
    pub(crate) fn request_into(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
        line: &mut RequestLine,
    ) -> Result<Parsed<()>, PeerError> {
        self.parse(input, spans, options, line)
    }

    /// Parses a response head at the start of `input`, with one span per field line.
    ///
    /// # Errors
    /// The first offence of the bytes seen, as the [module](crate::h1::head) says.
    pub fn response(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
    ) -> Result<Parsed<StatusLine>, PeerError> {
        let mut line = StatusLine::EMPTY;
        self.parse(input, spans, options, &mut line).map(|parsed| parsed.with(line))
    }

    /// Parses a trailer section (RFC 9112, section 7.1.2) at the start of `input`: field lines and an
    /// empty line. Its size limit is [`Options::head`].
    ///
    /// # Errors
    /// The first offence of the bytes seen, as the [module](crate::h1::head) says.
    pub fn trailers(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
    ) -> Result<Parsed<()>, PeerError> {
        // Most are empty.
        if self.pos == 0 && options.head >= 2 && input.starts_with(b"\r\n") {
            return Ok(Parsed::Complete { line: (), fields: 0, len: 2, folded: false });
        }
        self.parse(input, spans, options, &mut ())
    }

    #[inline]
    fn parse<L: Start>(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
        line: &mut L,
    ) -> Result<Parsed<()>, PeerError> {
        if self.pos > 0 {
            return self.resume(input, spans, options, line);
        }
        scan::dispatch(Head { parser: self, input, spans, options, line })
    }

    /// Goes on with a head of which an earlier call saw the start.
    #[cold]
    fn resume<L: Start>(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
        line: &mut L,
    ) -> Result<Parsed<()>, PeerError> {
        let mut walk = Walk::new(*self, input, spans, options, L::TOO_LARGE);
        let mut stop = walk.line()?;
        if let Stop::Line = stop {
            walk.skip_lines();
            stop = walk.finish()?;
        }
        if let Stop::Partial { at_least } = stop {
            *self = walk.at;
            return Ok(Parsed::Partial { at_least });
        }
        // The spans of the earlier calls are gone: once more, from the start.
        *self = Parser::new();
        self.parse(input, spans, options, line)
    }

    /// Goes on byte by byte, behind a start line and `fields` field lines that were found valid
    /// unless `at` is 0.
    #[cold]
    #[inline(never)]
    pub(super) fn walk<L: Start>(
        &mut self,
        input: &[u8],
        spans: &mut [Span],
        options: &Options,
        line: &mut L,
        at: usize,
        fields: usize,
    ) -> Result<Parsed<()>, PeerError> {
        let start = Parser { state: L::FIRST, ..Parser::new() };
        let mut walk = Walk::new(start, input, spans, options, L::TOO_LARGE);
        if at > 0 {
            walk.at.state = State::LineStart;
            walk.skipped(at, fields);
        }
        if let Stop::Partial { at_least } = walk.finish()? {
            *self = walk.at;
            return Ok(Parsed::Partial { at_least });
        }
        let (fields, len, folded) = (walk.at.fields as usize, walk.at.pos as usize, walk.folded);
        let mut marks = walk.marks;
        if at > 0 && L::FIRST != State::LineStart {
            let start = Parser { state: L::FIRST, ..Parser::new() };
            let mut walk = Walk::new(start, input, spans, options, L::TOO_LARGE);
            walk.line()?;
            marks = walk.marks;
        }
        *line = L::from_marks(&marks);
        Ok(Parsed::Complete { line: (), fields, len, folded })
    }
}

/// A kind of head, by what stands before its field lines.
pub(super) trait Start: Copy {
    /// The state it begins in.
    const FIRST: State;
    /// What it is to be over the limit of the whole.
    const TOO_LARGE: PeerError = PeerError::HeadTooLarge;
    /// The start line, if there is nothing unusual about it, and where the next line begins.
    fn fast<S: Scan>(scan: &mut S) -> Option<(Self, usize)>;
    /// From what was found on the way.
    fn from_marks(marks: &Marks) -> Self;
}

/// What was found of a start line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) start: u32,
    pub(super) method_end: u32,
    pub(super) target: u32,
    pub(super) target_end: u32,
    pub(super) version: Version,
    pub(super) status: Status,
    pub(super) reason: u32,
    pub(super) reason_end: u32,
}

impl Marks {
    pub(super) const NONE: Marks = Marks {
        start: 0,
        method_end: 0,
        target: 0,
        target_end: 0,
        version: Version::Http11,
        status: Status::OK,
        reason: 0,
        reason_end: 0,
    };
}

impl Start for RequestLine {
    #[inline(always)]
    fn fast<S: Scan>(scan: &mut S) -> Option<(Self, usize)> {
        fast::request_line(scan)
    }
    const FIRST: State = State::Begin;

    fn from_marks(m: &Marks) -> Self {
        let Marks { start, method_end, target, target_end, version, .. } = *m;
        let [start, method_end, target, target_end] =
            [start, method_end, target, target_end].map(|at| at as usize);
        RequestLine { start, method_end, target, target_end, version }
    }
}

impl Start for StatusLine {
    #[inline(always)]
    fn fast<S: Scan>(scan: &mut S) -> Option<(Self, usize)> {
        fast::status_line(scan)
    }
    const FIRST: State = State::StatusLine;

    fn from_marks(m: &Marks) -> Self {
        let Marks { version, status, reason, reason_end, .. } = *m;
        StatusLine { version, status, reason, reason_end }
    }
}

impl Start for () {
    #[inline(always)]
    fn fast<S: Scan>(_: &mut S) -> Option<(Self, usize)> {
        Some(((), 0))
    }
    const FIRST: State = State::LineStart;
    const TOO_LARGE: PeerError = PeerError::TrailersTooLarge;

    fn from_marks(_: &Marks) -> Self {}
}
