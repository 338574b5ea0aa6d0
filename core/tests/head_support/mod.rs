//! An obvious head parser to compare with: it pulls one byte after the other, from the start, and
//! keeps no state between calls. And what the comparisons need: results that can be compared, inputs,
//! every instruction set.
#![allow(dead_code, unreachable_pub)]

use avx_core::h1::head::{Options, Parsed, Parser};
use avx_core::scan::{self, Isa};
use avx_core::{PeerError, Span};
use proptest::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Which of the three parsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Trailers,
}

/// What a head comes to, whatever its kind: offsets and numbers of the start line in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Complete { line: Vec<u32>, spans: Vec<Span>, len: usize, folded: bool },
    Partial { at_least: usize },
    Error(PeerError),
}

impl Outcome {
    /// Without what the oracle does not know: how much is missing.
    pub fn coarse(&self) -> Outcome {
        match self {
            Outcome::Partial { .. } => Outcome::Partial { at_least: 1 },
            other => other.clone(),
        }
    }
}

/// Parses with `parser`.
pub fn step(parser: &mut Parser, kind: Kind, input: &[u8], spans: usize, options: &Options) -> Outcome {
    // What a caller's spans hold from other connections must not matter.
    let junk = Span { name: u32::MAX, name_end: 7, value: u32::MAX, value_end: u32::MAX };
    let mut room = vec![junk; spans];
    fn outcome<T>(
        result: Result<Parsed<T>, PeerError>,
        room: &[Span],
        numbers: impl Fn(T) -> Vec<u32>,
    ) -> Outcome {
        match result {
            Ok(Parsed::Complete { line, fields, len, folded }) => {
                Outcome::Complete { line: numbers(line), spans: room[..fields].to_vec(), len, folded }
            }
            Ok(Parsed::Partial { at_least }) => Outcome::Partial { at_least },
            Err(error) => Outcome::Error(error),
        }
    }
    match kind {
        Kind::Request => {
            let result = parser.request(input, &mut room, options);
            outcome(result, &room, |l| {
                let places = [l.start, l.method_end, l.target, l.target_end];
                places.map(|at| at as u32).into_iter().chain([l.version as u32]).collect()
            })
        }
        Kind::Response => {
            let result = parser.response(input, &mut room, options);
            outcome(result, &room, |l| vec![l.version as u32, l.status.code().into(), l.reason, l.reason_end])
        }
        Kind::Trailers => {
            let result = parser.trailers(input, &mut room, options);
            outcome(result, &room, |()| vec![])
        }
    }
}

/// Parses all at once.
pub fn whole(kind: Kind, input: &[u8], spans: usize, options: &Options) -> Outcome {
    step(&mut Parser::new(), kind, input, spans, options)
}

/// Parses as the bytes come, cut at `cuts`: the last outcome, or the first that is final.
pub fn cut(kind: Kind, input: &[u8], cuts: &[usize], spans: usize, options: &Options) -> Outcome {
    let mut parser = Parser::new();
    for &end in cuts {
        let outcome = step(&mut parser, kind, &input[..end.min(input.len())], spans, options);
        if !matches!(outcome, Outcome::Partial { .. }) {
            return outcome;
        }
    }
    step(&mut parser, kind, input, spans, options)
}

/// Runs `test` once per instruction set of this machine.
pub fn on_each_isa<R>(mut test: impl FnMut(Isa) -> R) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        scan::use_at_most(isa);
        test(isa);
    }
}

enum Stop {
    More,
    Bad(PeerError),
}

struct Oracle<'a> {
    input: &'a [u8],
    at: usize,
    /// First byte, limit and error of the line, inside one.
    line: Option<(usize, u32, PeerError)>,
    options: &'a Options,
    too_large: PeerError,
}

impl Oracle<'_> {
    /// The next byte, if it is there and within limits.
    fn peek(&self) -> Result<u8, Stop> {
        let Some(&b) = self.input.get(self.at) else { return Err(Stop::More) };
        match self.line {
            Some((start, limit, error)) if self.at - start >= limit as usize => Err(Stop::Bad(error)),
            _ if self.at >= self.options.head as usize => Err(Stop::Bad(self.too_large)),
            _ => Ok(b),
        }
    }

    fn next(&mut self) -> Result<u8, Stop> {
        let b = self.peek()?;
        self.at += 1;
        Ok(b)
    }

    /// Takes bytes while `class` holds; the one that ends them stays.
    fn run(&mut self, class: impl Fn(u8) -> bool) -> Result<(usize, usize), Stop> {
        let start = self.at;
        while class(self.peek()?) {
            self.at += 1;
        }
        Ok((start, self.at))
    }

    /// A line end, whose first byte is next if `error` is not.
    fn line_end(&mut self, error: PeerError) -> Result<(), Stop> {
        match self.next()? {
            b'\r' => match self.next()? {
                b'\n' => Ok(()),
                _ => Err(Stop::Bad(PeerError::BareCr)),
            },
            b'\n' if self.options.bare_lf => Ok(()),
            b'\n' => Err(Stop::Bad(PeerError::BareLf)),
            _ => Err(Stop::Bad(error)),
        }
    }

    fn expect(&mut self, class: impl Fn(u8) -> bool, error: PeerError) -> Result<u8, Stop> {
        let b = self.next()?;
        if class(b) { Ok(b) } else { Err(Stop::Bad(error)) }
    }

    fn version(&mut self) -> Result<u32, Stop> {
        for expected in *b"HTTP/" {
            self.expect(|b| b == expected, PeerError::BadVersion)?;
        }
        let major = self.expect(|b| b.is_ascii_digit(), PeerError::BadVersion)?;
        self.expect(|b| b == b'.', PeerError::BadVersion)?;
        let minor = self.expect(|b| b.is_ascii_digit(), PeerError::BadVersion)?;
        match (major, minor) {
            (b'1', b'0') => Ok(avx_core::Version::Http10 as u32),
            (b'1', _) => Ok(avx_core::Version::Http11 as u32),
            _ => Err(Stop::Bad(PeerError::UnsupportedVersion)),
        }
    }

    fn request_line(&mut self) -> Result<Vec<u32>, Stop> {
        let mut empty_lines = 0;
        while matches!(self.peek()?, b'\r' | b'\n') {
            let counts = self.peek()? == b'\r' || self.options.bare_lf;
            if counts && empty_lines == self.options.leading_empty_lines {
                return Err(Stop::Bad(PeerError::TooManyEmptyLines));
            }
            self.line_end(PeerError::BadMethod)?;
            empty_lines += 1;
        }
        self.line = Some((self.at, self.options.start_line, PeerError::StartLineTooLong));
        let (start, method_end) = self.run(is_tchar)?;
        if start == method_end {
            return Err(Stop::Bad(PeerError::BadMethod));
        }
        self.expect(|b| b == b' ', PeerError::BadMethod)?;
        let (target, target_end) = self.run(is_target)?;
        match self.peek()? {
            _ if target == target_end => return Err(Stop::Bad(PeerError::BadTarget)),
            b' ' => self.at += 1,
            b'\r' | b'\n' => return Err(Stop::Bad(PeerError::BadVersion)),
            _ => return Err(Stop::Bad(PeerError::BadTarget)),
        }
        let version = self.version()?;
        self.line_end(PeerError::BadVersion)?;
        Ok(vec![start as u32, method_end as u32, target as u32, target_end as u32, version])
    }

    fn status_line(&mut self) -> Result<Vec<u32>, Stop> {
        self.line = Some((self.at, self.options.start_line, PeerError::StartLineTooLong));
        let version = self.version()?;
        self.expect(|b| b == b' ', PeerError::BadVersion)?;
        let mut status = 0;
        for least in [b'1', b'0', b'0'] {
            let digit = self.expect(|b| (least..=b'9').contains(&b), PeerError::BadStatus)?;
            status = status * 10 + u32::from(digit - b'0');
        }
        let mut reason = (self.at, self.at);
        let error = if self.peek()? == b' ' {
            self.at += 1;
            reason = self.run(is_value)?;
            PeerError::BadReason
        } else {
            PeerError::BadStatus
        };
        self.line_end(error)?;
        Ok(vec![version, status, reason.0 as u32, reason.1 as u32])
    }

    /// Field lines and the empty line, and whether a value spans a fold.
    fn fields(&mut self, room: usize) -> Result<(Vec<Span>, bool), Stop> {
        let mut spans: Vec<Span> = Vec::new();
        let mut folded = false;
        loop {
            let line = self.line.take();
            match self.peek()? {
                b'\r' | b'\n' => {
                    self.line_end(PeerError::BareCr)?;
                    return Ok((spans, folded));
                }
                b' ' | b'\t' => {
                    let Some(last) = spans.last_mut() else {
                        return Err(Stop::Bad(PeerError::LeadingWhitespace));
                    };
                    if !self.options.obs_fold {
                        return Err(Stop::Bad(PeerError::ObsFold));
                    }
                    self.line = line;
                    let more = self.value()?;
                    if last.value == last.value_end {
                        (last.value, last.value_end) = more.unwrap_or((last.value, last.value_end));
                    } else if let Some((_, end)) = more {
                        last.value_end = end;
                        folded = true;
                    }
                }
                _ => {
                    self.line = Some((self.at, self.options.field_line, PeerError::FieldLineTooLong));
                    self.peek()?;
                    if spans.len() == room {
                        return Err(Stop::Bad(PeerError::TooManyFields));
                    }
                    let (name, name_end) = self.run(is_tchar)?;
                    if name == name_end {
                        return Err(Stop::Bad(PeerError::BadFieldName));
                    }
                    if matches!(self.peek()?, b' ' | b'\t') {
                        if !self.options.space_before_colon {
                            return Err(Stop::Bad(PeerError::SpaceBeforeColon));
                        }
                        self.run(|b| b == b' ' || b == b'\t')?;
                    }
                    match self.next()? {
                        b':' => {}
                        b'\r' | b'\n' => return Err(Stop::Bad(PeerError::MissingColon)),
                        _ => return Err(Stop::Bad(PeerError::BadFieldName)),
                    }
                    let colon_end = self.at as u32;
                    let (value, value_end) = self.value()?.unwrap_or((colon_end, colon_end));
                    spans.push(Span { name: name as u32, name_end: name_end as u32, value, value_end });
                }
            }
        }
    }

    /// A value and its line end, without whitespace around it; `None` when there is nothing else.
    fn value(&mut self) -> Result<Option<(u32, u32)>, Stop> {
        let (start, end) = self.run(is_value)?;
        self.line_end(PeerError::BadFieldValue)?;
        let bytes = &self.input[start..end];
        let left = bytes.iter().take_while(|b| b" \t".contains(b)).count();
        let right = bytes.iter().rev().take_while(|b| b" \t".contains(b)).count();
        Ok((left < bytes.len()).then(|| ((start + left) as u32, (end - right) as u32)))
    }
}

fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn is_target(b: u8) -> bool {
    b.is_ascii_graphic() && !b"#\"<>\\".contains(&b)
}

fn is_value(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}

/// What is right. `at_least` is always 1.
pub fn oracle(kind: Kind, input: &[u8], spans: usize, options: &Options) -> Outcome {
    let too_large = match kind {
        Kind::Trailers => PeerError::TrailersTooLarge,
        _ => PeerError::HeadTooLarge,
    };
    let mut oracle = Oracle { input, at: 0, line: None, options, too_large };
    let mut parse = || {
        let line = match kind {
            Kind::Request => oracle.request_line()?,
            Kind::Response => oracle.status_line()?,
            Kind::Trailers => vec![],
        };
        let (spans, folded) = oracle.fields(spans)?;
        Ok(Outcome::Complete { line, spans, len: oracle.at, folded })
    };
    match parse() {
        Ok(complete) => complete,
        Err(Stop::More) => Outcome::Partial { at_least: 1 },
        Err(Stop::Bad(error)) => Outcome::Error(error),
    }
}

pub fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Request), Just(Kind::Response), Just(Kind::Trailers)]
}

/// Any leniency, and limits that are usually out of reach and sometimes very near.
pub fn options() -> impl Strategy<Value = Options> {
    let limit = || prop_oneof![6 => Just(1u32 << 16), 1 => 0u32..16, 2 => 0u32..200];
    (limit(), limit(), limit(), 0u8..4, any::<[bool; 3]>()).prop_map(
        |(start_line, head, field_line, leading_empty_lines, [bare_lf, obs_fold, space_before_colon])| {
            Options {
                start_line,
                head,
                field_line,
                leading_empty_lines,
                bare_lf,
                obs_fold,
                space_before_colon,
            }
        },
    )
}

fn text(class: impl Fn(u8) -> bool, lengths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    let bytes: Vec<u8> = (0..=255).filter(|&b| class(b)).collect();
    prop::collection::vec(prop::sample::select(bytes), lengths)
}

/// A head of this kind: valid, or nearly.
pub fn heads(kind: Kind) -> impl Strategy<Value = Vec<u8>> {
    let ends = || prop_oneof![12 => Just(b"\r\n".to_vec()), 1 => Just(b"\n".to_vec())];
    let blanks = || prop_oneof![6 => Just(b" ".to_vec()), 1 => text(|b| b == b' ' || b == b'\t', 0..4)];
    let values = || prop_oneof![3 => text(is_value, 0..20), 1 => text(is_value, 20..140), 1 => text(|b| b == b'a', 50..80)];
    let names = prop_oneof![6 => text(is_tchar, 1..20), 1 => text(is_tchar, 28..70)];
    let folds = prop_oneof![
        12 => Just(vec![]),
        1 => (blanks(), values(), ends()).prop_map(|(b, v, e)| [b" ".to_vec(), b, v, e].concat()),
    ];
    let before = prop_oneof![20 => Just(vec![]), 1 => Just(b" ".to_vec())];
    let line = (names, before, (blanks(), values(), blanks()), ends(), folds).prop_map(
        |(name, before, (left, value, right), end, fold)| {
            [name, before, b":".to_vec(), left, value, right, end, fold].concat()
        },
    );
    let lines = prop::collection::vec(line, 0..10);
    let start = match kind {
        Kind::Request => {
            let methods = prop_oneof![Just(b"GET".to_vec()), text(is_tchar, 1..10), text(is_tchar, 30..40)];
            let targets = prop_oneof![text(is_target, 1..20), text(is_target, 50..100)];
            let empty = prop::collection::vec(ends(), 0..3);
            let minor = prop_oneof![Just(b'1'), b'0'..=b'9'];
            (empty, methods, targets, minor, ends())
                .prop_map(|(empty, method, target, minor, end)| {
                    let version = [b" HTTP/1.".as_slice(), &[minor]].concat();
                    [empty.concat(), method, b" ".to_vec(), target, version, end].concat()
                })
                .boxed()
        }
        Kind::Response => (b'0'..=b'9', 100u16..1000, any::<bool>(), values(), ends())
            .prop_map(|(minor, status, space, reason, end)| {
                let reason = if space { [b" ".to_vec(), reason].concat() } else { vec![] };
                [format!("HTTP/1.{} {status}", minor as char).into_bytes(), reason, end].concat()
            })
            .boxed(),
        Kind::Trailers => Just(vec![]).boxed(),
    };
    (start, lines, ends(), text(|_| true, 0..80))
        .prop_map(|(start, lines, end, rest)| [start, lines.concat(), end, rest].concat())
}

/// A head of this kind with a few bytes changed, put in or taken out, cut off somewhere.
pub fn mutated(kind: Kind) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        2 => prop::sample::select(b"\r\n \t:\0\x7f\x80\x1f(".to_vec()),
        1 => any::<u8>(),
    ];
    let change = (any::<prop::sample::Index>(), 0..3, byte);
    (heads(kind), prop::collection::vec(change, 0..4), any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(mut head, changes, end, whole)| {
            for (at, how, byte) in changes {
                if head.is_empty() {
                    break;
                }
                let at = at.index(head.len());
                match how {
                    0 => head[at] = byte,
                    1 => head.insert(at, byte),
                    _ => drop(head.remove(at)),
                }
            }
            if !whole {
                head.truncate(end.index(head.len() + 1));
            }
            head
        },
    )
}

/// Bytes that mean something to the grammar, in any order.
pub fn soup() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"GET ",
        b"/ ",
        b"HTTP/1.1",
        b"HTTP/1.0 ",
        b"200",
        b" OK",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"a",
        b"Name: ",
        b"value",
        b"X:",
        b"\0",
        b"\x7f",
        b"\x80",
        b"HTTP/2.0",
        b"\"",
    ];
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.concat())
}
