//! The fast way: a whole head without anything unusual, a vector at a time.
//!
//! It takes a strict subset of what the bytewise way takes, and decides on no error: where it stops,
//! the bytewise way goes on. It looks no further than a single field line may reach, so that no line
//! has to be measured: what a longer head has behind that goes bytewise.

use super::parser::{Options, Parsed, Parser, RequestLine, Start, StatusLine};
use crate::scan::{Job, Scan};
use crate::{PeerError, Span, Status, Version};

/// Parses the head that begins the input.
pub(super) struct Head<'a, 's, L> {
    pub(super) parser: &'s mut Parser,
    pub(super) input: &'a [u8],
    pub(super) spans: &'s mut [Span],
    pub(super) options: &'s Options,
    /// Where the start line goes.
    pub(super) line: &'s mut L,
}

impl<'a, L: Start> Job<'a> for Head<'a, '_, L> {
    type Output = Result<Parsed<()>, PeerError>;

    #[inline(always)]
    fn input(&self) -> &'a [u8] {
        within(self.input, self.options)
    }

    #[inline(always)]
    fn run<S: Scan>(self, mut scan: S) -> Self::Output {
        let start = self.options.start_line as usize;
        let at = match L::fast(&mut scan) {
            Some((line, at)) if at <= start => {
                *self.line = line;
                at
            }
            _ => return self.parser.walk(self.input, self.spans, self.options, self.line, 0, 0),
        };
        scan.seek(at);
        let (at, fields) = field_lines(&mut scan, at, self.spans);
        if scan.input().get(at..).and_then(|rest| rest.first_chunk()) == Some(b"\r\n") {
            Ok(Parsed::Complete { line: (), fields, len: at + 2, folded: false })
        } else {
            self.parser.walk(self.input, self.spans, self.options, self.line, at, fields)
        }
    }
}

/// Parses the field lines that begin at a place in the input: where the first line begins that is
/// incomplete or unusual, and how many there are before.
pub(super) struct FieldLines<'a, 's> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    pub(super) spans: &'s mut [Span],
    pub(super) options: &'s Options,
}

impl<'a> Job<'a> for FieldLines<'a, '_> {
    type Output = (usize, usize);

    #[inline(always)]
    fn input(&self) -> &'a [u8] {
        within(self.input, self.options)
    }

    #[inline(always)]
    fn run<S: Scan>(self, mut scan: S) -> (usize, usize) {
        if self.at >= scan.input().len() {
            return (self.at, 0);
        }
        scan.seek(self.at);
        field_lines(&mut scan, self.at, self.spans)
    }
}

/// The part of `input` in which every line is within its limit, and the head is.
#[inline(always)]
fn within<'a>(input: &'a [u8], options: &Options) -> &'a [u8] {
    let limit = options.head.min(options.field_line) as usize;
    &input[..input.len().min(limit)]
}

const DOT_1: u32 = u32::from_le_bytes(*b".1\r\n");
const DOT_0: u32 = u32::from_le_bytes(*b".0\r\n");

/// A request line, and where the next line begins.
#[inline(always)]
pub(super) fn request_line<S: Scan>(scan: &mut S) -> Option<(RequestLine, usize)> {
    let method_end = match scan.input().first_chunk() {
        // The target need not wait for the search.
        Some(start) if u32::from_le_bytes(*start) == u32::from_le_bytes(*b"GET ") => 3,
        _ => scan.token_end(0)?,
    };
    let target = method_end + 1;
    let target_end = scan.target_end(target)?;
    let input = scan.input();
    let rest: &[u8; 11] = input.get(target_end..)?.first_chunk()?;
    if method_end == 0 || input[method_end] != b' ' || target_end == target {
        return None;
    }
    let (head, tail) = (rest.first_chunk()?, rest.last_chunk()?);
    if u64::from_le_bytes(*head) != u64::from_le_bytes(*b" HTTP/1.") {
        return None;
    }
    let version = match u32::from_le_bytes(*tail) {
        DOT_1 => Version::Http11,
        DOT_0 => Version::Http10,
        _ => return None,
    };
    let line = RequestLine { start: 0, method_end, target, target_end, version };
    Some((line, target_end + 11))
}

/// A status line, and where the next line begins.
#[inline(always)]
pub(super) fn status_line<S: Scan>(scan: &mut S) -> Option<(StatusLine, usize)> {
    scan.seek(13);
    let reason_end = scan.line_end()?;
    let input = scan.input();
    if input.get(reason_end..reason_end + 2)? != b"\r\n" {
        return None;
    }
    let start: &[u8; 13] = input.first_chunk()?;
    let version = match start.first_chunk()? {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return None,
    };
    let [.., a, b, c, b' '] = *start else { return None };
    if !(a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit()) {
        return None;
    }
    let digit = |b: u8| u16::from(b - b'0');
    let status = Status::new(digit(a) * 100 + digit(b) * 10 + digit(c))?;
    let line = StatusLine { version, status, reason: 13, reason_end: reason_end as u32 };
    Some((line, reason_end + 2))
}

/// Field lines from `at` on: where the next line begins, and how many there were.
#[inline(always)]
fn field_lines<S: Scan>(scan: &mut S, at: usize, spans: &mut [Span]) -> (usize, usize) {
    let total = spans.len();
    let mut spans = spans.iter_mut();
    let mut name = at;
    // One look tells the end from another name.
    while scan.input().get(name) != Some(&b'\r') {
        let Some(name_end) = scan.token_end(name) else { break };
        if scan.input().get(name_end) != Some(&b':') || name_end == name {
            break;
        }
        let Some(mut value_end) = scan.line_end() else { break };
        let input = scan.input();
        let next = value_end + 2;
        if input.get(value_end..next) != Some(b"\r\n") {
            break;
        }
        let mut value = name_end + 2;
        if value >= value_end
            || input[name_end + 1] != b' '
            || input[value] <= b' '
            || input[value_end - 1] <= b' '
        {
            (value, value_end) = trim(input, name_end + 1, value_end);
        }
        let Some(span) = spans.next() else { break };
        *span = Span {
            name: name as u32,
            name_end: name_end as u32,
            value: value as u32,
            value_end: value_end as u32,
        };
        name = next;
    }
    (name, total - spans.len())
}

/// The value between `start` and `end` without the whitespace around it.
#[inline(always)]
fn trim(input: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    let empty = (start, start);
    let blank = |at: usize| matches!(input.get(at), Some(b' ' | b'\t'));
    while start < end && blank(start) {
        start += 1;
    }
    while start < end && blank(end - 1) {
        end -= 1;
    }
    if start < end { (start, end) } else { empty }
}
