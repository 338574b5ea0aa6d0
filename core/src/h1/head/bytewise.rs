//! The grammar, byte by byte: the one place that decides what is an error, and the resumable path.
//!
//! ```text
//!  request:  Begin -> Method -> TargetStart -> Target -> RequestVersion -+
//!              | ^                                                       |
//!            BeginCr                                                     v
//!  response: StatusLine -----------------------> Reason -> StartCr -> LineStart -> EndCr -> complete
//!                                                                      ^     |
//!                                              ValueCr <- Value <- [NameSpace] <- Name
//! ```
//!
//! With `bare_lf` a LF goes the way of CR LF; with `obs_fold` whitespace leads from `LineStart` back to
//! `Value`. The vector path only handles lines that need none of the errors and leniencies named here.

use super::fast::FieldLines;
use super::parser::{Marks, Options, Parser};
use crate::scan;
use crate::syntax::token::{CLASS, TARGET, TCHAR, VALUE};
use crate::{PeerError, Span, Status, Version};

/// What byte may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// An empty line, or the first byte of a method.
    #[default]
    Begin,
    /// The LF of an empty line in front.
    BeginCr,
    /// More of the method.
    Method,
    /// The first byte of a target.
    TargetStart,
    /// More of the target.
    Target,
    /// Byte `count` of a version, and then the line's end.
    RequestVersion,
    /// Byte `count` of a version, a space and a status, and then what may follow those.
    StatusLine,
    /// More of a reason phrase.
    Reason,
    /// The LF of the start line.
    StartCr,
    /// A field line, a fold, or the empty line.
    LineStart,
    /// The LF of the empty line that ends the head.
    EndCr,
    /// More of a field name.
    Name,
    /// More whitespace before the colon.
    NameSpace,
    /// More of a value.
    Value,
    /// The LF of a field line.
    ValueCr,
}

/// Why a walk stopped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// A line ended, and another begins.
    Line,
    /// The head ended.
    Complete,
    /// The input ended.
    Partial {
        /// At least so many bytes are missing.
        at_least: usize,
    },
}

/// One call's way through a head. What it finds is of use only if it began at the head's first byte.
pub(super) struct Walk<'a> {
    /// Where it is: all that a later call needs.
    pub(super) at: Parser,
    pub(super) marks: Marks,
    /// Some value spans a fold.
    pub(super) folded: bool,
    pub(super) spans: &'a mut [Span],
    input: &'a [u8],
    options: &'a Options,
    /// The error of a head over its limit.
    too_large: PeerError,
    /// The field line being read.
    span: Span,
    /// Its value has been folded.
    fold: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        at: Parser,
        input: &'a [u8],
        spans: &'a mut [Span],
        options: &'a Options,
        too_large: PeerError,
    ) -> Self {
        let (marks, span) = (Marks::NONE, Span::default());
        Walk { at, marks, folded: false, spans, input, options, too_large, span, fold: false }
    }

    /// Goes on to the end of the head, or of the input.
    pub(super) fn finish(&mut self) -> Result<Stop, PeerError> {
        loop {
            match self.line()? {
                Stop::Line => {}
                stop => return Ok(stop),
            }
        }
    }

    /// At the start of a line, goes on to the first field line that is incomplete or unusual.
    pub(super) fn skip_lines(&mut self) {
        let at = self.at.pos as usize;
        let fields = self.at.fields as usize;
        if let Some(spans) = self.spans.get_mut(fields..) {
            let lines = FieldLines { input: self.input, at, spans, options: self.options };
            let (at, more) = scan::dispatch(lines);
            self.skipped(at, fields + more);
        }
    }

    /// Goes on at `at`, where a line begins that is preceded by so many field lines.
    pub(super) fn skipped(&mut self, at: usize, fields: usize) {
        self.at.pos = at as u32;
        if let Some(last) = fields.checked_sub(1).and_then(|last| self.spans.get(last)) {
            if fields as u32 > self.at.fields {
                self.at.line = last.name;
            }
        }
        self.at.fields = fields as u32;
    }

    /// Goes on to the end of the line.
    pub(super) fn line(&mut self) -> Result<Stop, PeerError> {
        loop {
            self.skip();
            let Some(&b) = self.input.get(self.at.pos as usize) else {
                return Ok(Stop::Partial { at_least: self.missing() });
            };
            self.within_limits()?;
            let stop = self.byte(b)?;
            // No overflow: within_limits refused anything from options.head on.
            self.at.pos += 1;
            if let Some(stop) = stop {
                return Ok(stop);
            }
        }
    }

    /// Skips bytes within limits that leave the state as it is.
    #[inline(always)]
    fn skip(&mut self) {
        let class = match self.at.state {
            State::Method | State::Name => TCHAR,
            State::Target => TARGET,
            State::Value | State::Reason => VALUE,
            _ => return,
        };
        let (from, mut to) = (self.at.pos, self.options.head);
        if let Some((limit, _)) = self.line_limit() {
            to = to.min(self.at.line.saturating_add(limit));
        }
        let rest = self.input.get(from as usize..).unwrap_or_default();
        let rest = &rest[..rest.len().min(to.saturating_sub(from) as usize)];
        let run = rest.iter().position(|&b| CLASS[b as usize] & class == 0).unwrap_or(rest.len());
        self.at.pos += run as u32;
        if self.at.state == State::Value {
            self.extend(from, &rest[..run]);
        }
    }

    /// The value goes on with `bytes`, which stand at `from`.
    fn extend(&mut self, from: u32, bytes: &[u8]) {
        // RFC 9112, section 5.1: "OWS occurring before the first non-whitespace octet of the field line
        // value, or after the last non-whitespace octet of the field line value, is excluded".
        let solid = |&b: &u8| b != b' ' && b != b'\t';
        if let (Some(first), Some(last)) = (bytes.iter().position(solid), bytes.iter().rposition(solid)) {
            if self.span.value == self.span.value_end {
                self.span.value = from + first as u32;
            } else {
                self.folded |= self.fold;
            }
            self.span.value_end = from + last as u32 + 1;
        }
    }

    /// Where the byte at `pos` goes, which is none that could be skipped.
    #[inline(always)]
    fn byte(&mut self, b: u8) -> Result<Option<Stop>, PeerError> {
        let pos = self.at.pos;
        let class = CLASS[b as usize];
        self.at.state = match (self.at.state, b) {
            // RFC 9112, section 2.2: "a server that is expecting to receive and parse a request-line
            // SHOULD ignore at least one empty line (CRLF) received prior to the request-line."
            (State::Begin, b'\r') => {
                self.empty_line()?;
                State::BeginCr
            }
            (State::Begin, b'\n') if self.options.bare_lf => {
                self.empty_line()?;
                State::Begin
            }
            (State::Begin, b'\n') => return Err(PeerError::BareLf),
            (State::BeginCr, b'\n') => State::Begin,
            (State::Begin, _) => {
                self.at.line = pos;
                self.within_line(self.options.start_line, PeerError::StartLineTooLong)?;
                // RFC 9112, section 3.1: "method = token".
                if class & TCHAR == 0 {
                    return Err(PeerError::BadMethod);
                }
                self.marks.start = pos;
                State::Method
            }

            // RFC 9112, section 3: "request-line = method SP request-target SP HTTP-version".
            (State::Method, b' ') => {
                (self.marks.method_end, self.marks.target) = (pos, pos + 1);
                State::TargetStart
            }
            (State::Method, _) => return Err(PeerError::BadMethod),
            // RFC 9112, section 3.2: "No whitespace is allowed in the request-target."
            (State::TargetStart, _) if class & TARGET != 0 => State::Target,
            (State::Target, b' ') => {
                self.marks.target_end = pos;
                self.at.count = 0;
                State::RequestVersion
            }
            (State::Target, b'\r' | b'\n') => return Err(PeerError::BadVersion),
            (State::TargetStart | State::Target, _) => return Err(PeerError::BadTarget),
            (State::RequestVersion, _) if self.at.count < 8 => {
                self.version(b)?;
                State::RequestVersion
            }
            (State::RequestVersion | State::Reason, b'\r') => {
                self.marks.reason_end = pos;
                State::StartCr
            }
            (State::RequestVersion | State::Reason, b'\n') => {
                self.marks.reason_end = pos;
                return self.bare_lf().map(Some);
            }
            (State::RequestVersion, _) => return Err(PeerError::BadVersion),

            // RFC 9112, section 4: "status-line = HTTP-version SP status-code SP [ reason-phrase ]".
            (State::StatusLine, _) if self.at.count < 8 => {
                self.version(b)?;
                State::StatusLine
            }
            (State::StatusLine, _) if self.at.count < 12 => {
                self.status(b)?;
                State::StatusLine
            }
            (State::StatusLine, b' ') => {
                (self.marks.reason, self.marks.reason_end) = (pos + 1, pos + 1);
                State::Reason
            }
            // Without a reason phrase some leave the space out. What then follows is not in doubt.
            (State::StatusLine, b'\r') => {
                (self.marks.reason, self.marks.reason_end) = (pos, pos);
                State::StartCr
            }
            (State::StatusLine, b'\n') => {
                (self.marks.reason, self.marks.reason_end) = (pos, pos);
                return self.bare_lf().map(Some);
            }
            (State::StatusLine, _) => return Err(PeerError::BadStatus),
            // RFC 9112, section 4: "reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )".
            (State::Reason, _) => return Err(PeerError::BadReason),

            (State::LineStart, b'\r') => State::EndCr,
            (State::LineStart, b'\n') if self.options.bare_lf => return Ok(Some(Stop::Complete)),
            (State::LineStart, b'\n') => return Err(PeerError::BareLf),
            (State::LineStart, b' ' | b'\t') => {
                self.fold()?;
                State::Value
            }
            (State::LineStart, _) => {
                self.at.line = pos;
                self.within_line(self.options.field_line, PeerError::FieldLineTooLong)?;
                if self.at.fields as usize >= self.spans.len() {
                    return Err(PeerError::TooManyFields);
                }
                // RFC 9110, section 5.1: "field-name = token".
                if class & TCHAR == 0 {
                    return Err(PeerError::BadFieldName);
                }
                self.span.name = pos;
                State::Name
            }

            // RFC 9112, section 5: "field-line = field-name ":" OWS field-value OWS".
            (State::Name | State::NameSpace, b':') => {
                if self.at.state == State::Name {
                    self.span.name_end = pos;
                }
                (self.span.value, self.span.value_end) = (pos + 1, pos + 1);
                self.fold = false;
                State::Value
            }
            // RFC 9112, section 5.1: "A server MUST reject, with a response status code of 400 (Bad
            // Request), any received request message that contains whitespace between a header field
            // name and colon. A proxy MUST remove any such whitespace from a response message".
            (State::Name, b' ' | b'\t') if self.options.space_before_colon => {
                self.span.name_end = pos;
                State::NameSpace
            }
            (State::Name, b' ' | b'\t') => return Err(PeerError::SpaceBeforeColon),
            (State::NameSpace, b' ' | b'\t') => State::NameSpace,
            (State::Name | State::NameSpace, b'\r' | b'\n') => return Err(PeerError::MissingColon),
            (State::Name | State::NameSpace, _) => return Err(PeerError::BadFieldName),

            (State::Value, b'\r') => State::ValueCr,
            (State::Value, b'\n') => {
                self.keep();
                return self.bare_lf().map(Some);
            }
            // RFC 9110, section 5.5: "Field values containing CR, LF, or NUL characters are invalid and
            // dangerous"; "Field values containing other CTL characters are also invalid".
            (State::Value, _) => return Err(PeerError::BadFieldValue),

            (State::StartCr, b'\n') => {
                self.at.state = State::LineStart;
                return Ok(Some(Stop::Line));
            }
            (State::ValueCr, b'\n') => {
                self.keep();
                self.at.state = State::LineStart;
                return Ok(Some(Stop::Line));
            }
            (State::EndCr, b'\n') => return Ok(Some(Stop::Complete)),
            // RFC 9112, section 2.2: "A recipient of such a bare CR MUST consider that element to be
            // invalid or replace each bare CR with SP before processing the element".
            (State::BeginCr | State::StartCr | State::ValueCr | State::EndCr, _) => {
                return Err(PeerError::BareCr);
            }
        };
        Ok(None)
    }

    /// An empty line begins in front of the request line.
    fn empty_line(&mut self) -> Result<(), PeerError> {
        if self.at.count >= self.options.leading_empty_lines {
            return Err(PeerError::TooManyEmptyLines);
        }
        self.at.count += 1;
        Ok(())
    }

    /// Byte `count` of a version.
    fn version(&mut self, b: u8) -> Result<(), PeerError> {
        // RFC 9112, section 2.3: "HTTP-version is case-sensitive. HTTP-version = HTTP-name "/" DIGIT
        // "." DIGIT, HTTP-name = %s"HTTP"".
        let fits = match self.at.count {
            i @ 0..=4 => b == b"HTTP/"[i as usize],
            6 => b == b'.',
            _ => b.is_ascii_digit(),
        };
        if !fits {
            return Err(PeerError::BadVersion);
        }
        if self.at.count == 7 {
            // RFC 9110, section 2.5: "A recipient that receives a message with a major version number
            // that it implements and a minor version number higher than what it implements SHOULD
            // process the message as if it was in the highest minor version".
            self.marks.version = if b == b'0' { Version::Http10 } else { Version::Http11 };
            if self.before(2) != b'1' {
                return Err(PeerError::UnsupportedVersion);
            }
        }
        self.at.count += 1;
        Ok(())
    }

    /// Byte `count` of a version, a space and a status, behind the version.
    fn status(&mut self, b: u8) -> Result<(), PeerError> {
        match self.at.count {
            8 if b != b' ' => return Err(PeerError::BadVersion),
            8 => {}
            // RFC 9112, section 4: "status-code = 3DIGIT".
            9 if matches!(b, b'1'..=b'9') => {}
            10 if b.is_ascii_digit() => {}
            11 if b.is_ascii_digit() => {
                let digit = |b: u8| u16::from(b.wrapping_sub(b'0'));
                let code = digit(self.before(2)) * 100 + digit(self.before(1)) * 10 + digit(b);
                self.marks.status = Status::new(code).ok_or(PeerError::BadStatus)?;
            }
            _ => return Err(PeerError::BadStatus),
        }
        self.at.count += 1;
        Ok(())
    }

    /// The byte `n` before the one at `pos`.
    fn before(&self, n: u32) -> u8 {
        self.input.get(self.at.pos.wrapping_sub(n) as usize).copied().unwrap_or(0)
    }

    /// A line begins with whitespace.
    fn fold(&mut self) -> Result<(), PeerError> {
        // RFC 9112, section 2.2: "A recipient that receives whitespace between the start-line and the
        // first header field MUST either reject the message as invalid or consume each
        // whitespace-preceded line without further processing of it".
        if self.at.fields == 0 {
            return Err(PeerError::LeadingWhitespace);
        }
        // RFC 9112, section 5.2: "A server that receives an obs-fold in a request message [...] MUST
        // either reject the message by sending a 400 (Bad Request) [...] or replace each received
        // obs-fold with one or more SP octets". The caller replaces.
        if !self.options.obs_fold {
            return Err(PeerError::ObsFold);
        }
        self.within_line(self.options.field_line, PeerError::FieldLineTooLong)?;
        self.at.fields -= 1;
        self.span = self.spans.get(self.at.fields as usize).copied().unwrap_or_default();
        self.fold = true;
        Ok(())
    }

    /// The field line is complete.
    fn keep(&mut self) {
        if let Some(slot) = self.spans.get_mut(self.at.fields as usize) {
            *slot = self.span;
        }
        self.at.fields += 1;
    }

    /// A LF without CR ends the line, if it may.
    fn bare_lf(&mut self) -> Result<Stop, PeerError> {
        // RFC 9112, section 2.2: "a recipient MAY recognize a single LF as a line terminator".
        if !self.options.bare_lf {
            return Err(PeerError::BareLf);
        }
        self.at.state = State::LineStart;
        Ok(Stop::Line)
    }

    /// Whether the byte at `pos` is within the limits of its line and of the head. At the start of a
    /// line it is not known yet whose byte it is.
    #[inline(always)]
    fn within_limits(&self) -> Result<(), PeerError> {
        if let Some((limit, error)) = self.line_limit() {
            self.within_line(limit, error)?;
        }
        if self.at.pos >= self.options.head { Err(self.too_large) } else { Ok(()) }
    }

    /// Whether the byte at `pos` is within the limit of the line.
    fn within_line(&self, limit: u32, error: PeerError) -> Result<(), PeerError> {
        if self.at.pos.wrapping_sub(self.at.line) >= limit { Err(error) } else { Ok(()) }
    }

    /// The limit of the line the byte at `pos` belongs to, and the error to be over it.
    #[inline(always)]
    fn line_limit(&self) -> Option<(u32, PeerError)> {
        match self.at.state {
            State::Begin | State::BeginCr | State::LineStart | State::EndCr => None,
            State::Name | State::NameSpace | State::Value | State::ValueCr => {
                Some((self.options.field_line, PeerError::FieldLineTooLong))
            }
            _ => Some((self.options.start_line, PeerError::StartLineTooLong)),
        }
    }

    /// How many bytes are missing at least. Never 0, and no more than the limits leave, plus one.
    fn missing(&self) -> usize {
        let eol = if self.options.bare_lf { 1 } else { 2 };
        let count = u32::from(self.at.count);
        let need = match self.at.state {
            State::Begin => 12 + 2 * eol,
            State::BeginCr => 13 + 2 * eol,
            State::Method => 11 + 2 * eol,
            State::TargetStart => 10 + 2 * eol,
            State::Target => 9 + 2 * eol,
            State::RequestVersion => 8 - count + 2 * eol,
            State::StatusLine => 12 - count + 2 * eol,
            State::Reason => 2 * eol,
            State::LineStart => eol,
            State::EndCr => 1,
            State::Name | State::NameSpace => 1 + 2 * eol,
            State::Value => 2 * eol,
            State::StartCr | State::ValueCr => 1 + eol,
        };
        let head = self.options.head.saturating_sub(self.at.pos).saturating_add(1);
        let line = match self.line_limit() {
            Some((limit, _)) => {
                limit.saturating_sub(self.at.pos.saturating_sub(self.at.line)).saturating_add(1)
            }
            None => u32::MAX,
        };
        need.min(head).min(line) as usize
    }
}
