//! Limits of heads to the byte: which is hit, by which byte, and before which other error.

mod head_support;

use avx_core::h1::head::{Options, Parser};
use avx_core::{Lenient, Limits, PeerError};
use head_support::{Kind, Outcome, cut, on_each_isa, step, whole};

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nLonger: value\r\n\r\n";
const START_LINE: u32 = 16;
const LONGEST_FIELD_LINE: u32 = 15;

fn request(input: &[u8], options: &Options) -> Outcome {
    whole(Kind::Request, input, 8, options)
}

/// `head` passes with `options(limit)` and is refused with `error` at byte `at` with one less.
#[track_caller]
fn exactly(options: impl Fn(u32) -> Options, limit: u32, head: &[u8], at: usize, error: PeerError) {
    on_each_isa(|isa| {
        let found = request(head, &options(limit));
        assert!(matches!(found, Outcome::Complete { .. }), "{isa:?} {found:?}");
        let less = options(limit - 1);
        assert_eq!(request(head, &less), Outcome::Error(error), "{isa:?}");
        assert_eq!(request(&head[..=at], &less), Outcome::Error(error), "{isa:?}");
        assert!(matches!(request(&head[..at], &less), Outcome::Partial { .. }), "{isa:?}");
    });
}

#[test]
fn a_start_line_may_be_as_long_as_its_limit_with_its_line_end() {
    let options = |start_line| Options { start_line, ..Options::default() };
    exactly(options, START_LINE, HEAD, 15, PeerError::StartLineTooLong);
    let behind_empty_lines = [b"\r\n\r\n", HEAD].concat();
    exactly(options, START_LINE, &behind_empty_lines, 19, PeerError::StartLineTooLong);
}

#[test]
fn a_field_line_may_be_as_long_as_its_limit_with_its_line_end() {
    let options = |field_line| Options { field_line, ..Options::default() };
    exactly(options, LONGEST_FIELD_LINE, HEAD, 39, PeerError::FieldLineTooLong);
}

#[test]
fn a_folded_field_line_counts_as_one_line() {
    let head = b"GET / HTTP/1.1\r\nX: a\r\n b\r\n c\r\nYear: b\r\n\r\n";
    let options = |field_line| Options { field_line, obs_fold: true, ..Options::default() };
    exactly(options, 14, head, 29, PeerError::FieldLineTooLong);
}

#[test]
fn a_head_may_be_as_long_as_its_limit_with_empty_lines_around_it() {
    let options = |head| Options { head, ..Options::default() };
    exactly(options, HEAD.len() as u32, HEAD, HEAD.len() - 1, PeerError::HeadTooLarge);
    let behind = [b"\r\n\r\n", HEAD].concat();
    exactly(options, behind.len() as u32, &behind, behind.len() - 1, PeerError::HeadTooLarge);
}

#[test]
fn a_head_may_have_as_many_fields_as_there_are_spans() {
    on_each_isa(|_| {
        let options = Options::default();
        assert!(matches!(whole(Kind::Request, HEAD, 2, &options), Outcome::Complete { .. }));
        let second_line = 25;
        assert!(matches!(whole(Kind::Request, &HEAD[..second_line], 1, &options), Outcome::Partial { .. }));
        let found = whole(Kind::Request, &HEAD[..=second_line], 1, &options);
        assert_eq!(found, Outcome::Error(PeerError::TooManyFields));
        assert!(matches!(whole(Kind::Trailers, b"\r\n", 0, &options), Outcome::Complete { .. }));
    });
}

#[test]
fn of_several_offences_the_first_byte_counts_and_then_the_limit_of_the_line() {
    let is = |input: &[u8], options: &Options, error| {
        on_each_isa(|isa| assert_eq!(request(input, options), Outcome::Error(error), "{isa:?}"));
    };
    let options = Options::default();
    // The bad byte stands at offset 5.
    is(b"GET /\0", &Options { start_line: 6, ..options }, PeerError::BadTarget);
    is(b"GET /\0", &Options { start_line: 5, ..options }, PeerError::StartLineTooLong);
    is(b"GET /\0", &Options { head: 5, ..options }, PeerError::HeadTooLarge);
    is(b"GET /\0", &Options { head: 5, start_line: 5, ..options }, PeerError::StartLineTooLong);
    is(b"GET /\0", &Options { head: 4, start_line: 5, ..options }, PeerError::HeadTooLarge);
    // A field too many that is no field either.
    let head = b"GET / HTTP/1.1\r\n\0";
    on_each_isa(|_| {
        assert_eq!(whole(Kind::Request, head, 0, &options), Outcome::Error(PeerError::TooManyFields));
    });
    is(head, &options, PeerError::BadFieldName);
}

#[test]
fn a_trailer_section_over_its_limit_has_its_own_error() {
    on_each_isa(|_| {
        let options = Options { head: 8, ..Options::default() };
        assert!(matches!(whole(Kind::Trailers, b"A: b\r\n\r\n", 1, &options), Outcome::Complete { .. }));
        let found = whole(Kind::Trailers, b"A: bc\r\n\r\n", 1, &options);
        assert_eq!(found, Outcome::Error(PeerError::TrailersTooLarge));
    });
}

#[test]
fn at_least_is_exact_for_the_shortest_heads() {
    let strict = Options::default();
    let bare = Options { bare_lf: true, ..strict };
    for (kind, head, options) in [
        (Kind::Request, "A / HTTP/1.0\r\n\r\n", strict),
        (Kind::Request, "A / HTTP/1.0\n\n", bare),
        (Kind::Response, "HTTP/1.0 200\r\n\r\n", strict),
        (Kind::Response, "HTTP/1.0 200\n\n", bare),
        (Kind::Trailers, "\r\n", strict),
        (Kind::Trailers, "\n", bare),
    ] {
        for end in 0..head.len() {
            let at_least = head.len() - end;
            let found = whole(kind, &head.as_bytes()[..end], 8, &options);
            assert_eq!(found, Outcome::Partial { at_least }, "{head:?} {end}");
        }
    }
}

#[test]
fn at_least_never_reaches_beyond_the_byte_that_exceeds_a_limit() {
    for limit in 1..16 {
        let head = Options { head: limit, ..Options::default() };
        let start_line = Options { start_line: limit, ..Options::default() };
        for end in 1..=limit {
            let left = (limit + 1 - end) as usize;
            for options in [head, start_line] {
                match request(&HEAD[..end as usize], &options) {
                    Outcome::Partial { at_least } => assert!(at_least <= left, "{limit} {end} {at_least}"),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn options_follow_limits_and_leniency() {
    let mut lenient = Lenient::default();
    lenient.bare_lf = true;
    let options = Options::new(&Limits::default(), &lenient);
    assert!(options.bare_lf && !options.obs_fold && !options.space_before_colon);
    assert_eq!((options.start_line, options.head, options.field_line), (8 << 10, 64 << 10, 16 << 10));
}

#[test]
fn an_error_is_reported_again_and_a_parser_is_new_after_a_head() {
    let options = Options::default();
    let mut parser = Parser::new();
    let mut next = |input: &[u8]| step(&mut parser, Kind::Request, input, 8, &options);
    assert!(matches!(next(&HEAD[..20]), Outcome::Partial { .. }));
    assert!(matches!(next(HEAD), Outcome::Complete { .. }));
    assert!(matches!(next(&HEAD[..20]), Outcome::Partial { .. }));
    let bad = [&HEAD[..20], b"\0"].concat();
    assert_eq!(next(&bad), Outcome::Error(PeerError::BadFieldName));
    assert_eq!(next(&bad), Outcome::Error(PeerError::BadFieldName));
}

/// Quadratic cost would be two thousand million steps a head here.
#[test]
fn the_largest_head_byte_by_byte_costs_linear_time() {
    let lines = "Name: value\r\n".repeat(80);
    let few_long = format!("X: {}\r\n", "v".repeat(16_000)).repeat(3);
    let empty = format!("X:{}\r\n", " ".repeat(16_000));
    let head = format!("GET /{} HTTP/1.1\r\n{lines}{few_long}{empty}\r\n", "t".repeat(200));
    let cuts: Vec<usize> = (0..head.len()).collect();
    let found = cut(Kind::Request, head.as_bytes(), &cuts, 100, &Options::default());
    assert!(matches!(found, Outcome::Complete { .. }), "{found:?}");
}
