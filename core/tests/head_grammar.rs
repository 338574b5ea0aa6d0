//! Heads by the letter of RFC 9112, sections 2 to 5: what is read, what is refused and at which byte.

use avx_core::h1::head::{Options, Parsed, Parser, RequestLine, StatusLine};
use avx_core::{Fields, PeerError, Span, Version};

type Lines = Vec<(String, String)>;

fn request_with(options: &Options, input: &[u8]) -> Result<Parsed<RequestLine>, PeerError> {
    Parser::new().request(input, &mut [Span::default(); 8], options)
}

fn request(input: &str) -> Result<Parsed<RequestLine>, PeerError> {
    request_with(&Options::default(), input.as_bytes())
}

fn response(input: &str) -> Result<Parsed<StatusLine>, PeerError> {
    Parser::new().response(input.as_bytes(), &mut [Span::default(); 8], &Options::default())
}

fn trailers(input: &str) -> Result<Parsed<()>, PeerError> {
    Parser::new().trailers(input.as_bytes(), &mut [Span::default(); 8], &Options::default())
}

/// Field lines behind a request line, as text, and whether a value spans a fold.
fn fields_with(options: &Options, lines: &[u8]) -> Result<(Lines, bool), PeerError> {
    let mut input = b"GET / HTTP/1.1\r\n".to_vec();
    input.extend_from_slice(lines);
    let mut spans = [Span::default(); 8];
    match Parser::new().request(&input, &mut spans, options)? {
        Parsed::Complete { fields, len, folded, .. } => {
            assert_eq!(len, input.len());
            let text = |b: &[u8]| b.iter().map(|&b| b as char).collect::<String>();
            let found = Fields::new(&input, &spans[..fields]);
            Ok((found.iter().map(|f| (text(f.name), text(f.value))).collect(), folded))
        }
        Parsed::Partial { at_least } => panic!("{at_least} bytes missing of {lines:?}"),
    }
}

fn fields(lines: &[u8]) -> Result<Lines, PeerError> {
    fields_with(&Options::default(), lines).map(|(lines, _)| lines)
}

fn pairs(pairs: &[(&str, &str)]) -> Lines {
    pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()
}

/// The error comes with the last byte of `input` and not before.
#[track_caller]
fn refused_at_end<T: std::fmt::Debug>(
    parse: impl Fn(&str) -> Result<Parsed<T>, PeerError>,
    input: &str,
    error: PeerError,
) {
    let before = parse(&input[..input.len() - 1]);
    assert!(matches!(before, Ok(Parsed::Partial { .. })), "too early in {input:?}: {before:?}");
    assert_eq!(parse(input).unwrap_err(), error, "{input:?}");
}

#[test]
fn rfc9112_3_a_request_line_is_read_with_offsets() {
    let line = RequestLine { start: 0, method_end: 3, target: 4, target_end: 6, version: Version::Http11 };
    let complete = Parsed::Complete { line, fields: 0, len: 19, folded: false };
    assert_eq!(request("GET /a HTTP/1.1\r\n\r\nrest"), Ok(complete));
}

#[test]
fn rfc9112_2_2_empty_lines_before_a_request_are_skipped_up_to_the_limit() {
    let line = RequestLine { start: 8, method_end: 11, target: 12, target_end: 13, version: Version::Http10 };
    let complete = Parsed::Complete { line, fields: 0, len: 26, folded: false };
    assert_eq!(request("\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"), Ok(complete));
    refused_at_end(request, "\r\n\r\n\r\n\r\n\r", PeerError::TooManyEmptyLines);
    refused_at_end(request, "\r\n\n", PeerError::BareLf);
    refused_at_end(request, "\rG", PeerError::BareCr);
}

#[test]
fn rfc9112_2_2_a_response_may_not_begin_with_an_empty_line() {
    refused_at_end(response, "\r", PeerError::BadVersion);
}

#[test]
fn rfc9112_2_2_octets_that_are_no_http_are_refused_at_the_first() {
    refused_at_end(request, "\x16", PeerError::BadMethod);
    refused_at_end(response, "\x16", PeerError::BadVersion);
}

#[test]
fn rfc9112_3_only_a_single_space_separates_the_words_of_a_request_line() {
    refused_at_end(request, " ", PeerError::BadMethod);
    refused_at_end(request, "GET\t", PeerError::BadMethod);
    refused_at_end(request, "GET  ", PeerError::BadTarget);
    refused_at_end(request, "GET /\t", PeerError::BadTarget);
    refused_at_end(request, "GET /  ", PeerError::BadVersion);
    refused_at_end(request, "GET / HTTP/1.1 ", PeerError::BadVersion);
    refused_at_end(request, "GET / HTTP/1.1\t", PeerError::BadVersion);
}

#[test]
fn rfc9112_3_1_a_method_is_a_token() {
    assert!(request("!#$%&'*+-.^_`|~a0Z / HTTP/1.1\r\n\r\n").is_ok());
    for bad in ["G(", "G:", "G\x7f", "G\r", "G\n", "G\0", "G/"] {
        refused_at_end(request, bad, PeerError::BadMethod);
    }
}

#[test]
fn rfc9112_3_2_a_target_holds_no_space_control_fragment_or_other_byte_no_uri_has() {
    for b in 0..=255u8 {
        let input = [b"GET /".as_slice(), &[b], b" HTTP/1.1\r\n\r\n"].concat();
        let expected = match b {
            b' ' | b'\r' | b'\n' => Err(PeerError::BadVersion),
            0..=0x20 | 0x7f.. | b'#' | b'"' | b'<' | b'>' | b'\\' => Err(PeerError::BadTarget),
            _ => Ok(()),
        };
        assert_eq!(request_with(&Options::default(), &input).map(drop), expected, "{b:#x}");
    }
    refused_at_end(request, "GET \r", PeerError::BadTarget);
}

#[test]
fn rfc9112_2_3_the_version_is_http_slash_digit_dot_digit_in_upper_case() {
    for bad in ["h", "HTTp", "HTTP ", "HTTP/x", "HTTP/1,", "HTTP/01", "HTTP/1.x", "HTTP/1.10", "\r", "\n"] {
        refused_at_end(request, &format!("GET / {bad}"), PeerError::BadVersion);
    }
    refused_at_end(request, "GET /\r", PeerError::BadVersion);
    for bad in ["h", "HTTp", "HTTP/1,", "HTTP/1.1\t", "HTTP/1.1\r"] {
        refused_at_end(response, bad, PeerError::BadVersion);
    }
}

#[test]
fn rfc9110_2_5_a_higher_minor_version_is_read_as_1_1_and_another_major_version_is_not_supported() {
    let version = |v| match request(&format!("GET / HTTP/{v}\r\n\r\n")) {
        Ok(Parsed::Complete { line, .. }) => Ok(line.version),
        other => Err(other),
    };
    assert_eq!(version("1.0"), Ok(Version::Http10));
    assert_eq!(version("1.1"), Ok(Version::Http11));
    assert_eq!(version("1.9"), Ok(Version::Http11));
    refused_at_end(request, "PRI * HTTP/2.0", PeerError::UnsupportedVersion);
    refused_at_end(request, "GET / HTTP/0.9", PeerError::UnsupportedVersion);
    refused_at_end(response, "HTTP/2.0", PeerError::UnsupportedVersion);
}

#[test]
fn rfc9112_4_a_status_line_is_read_with_and_without_reason() {
    let read = |input: &str| match response(input) {
        Ok(Parsed::Complete { line, len, .. }) if len == input.len() => {
            let reason = input[line.reason as usize..line.reason_end as usize].to_string();
            (line.version, line.status.code(), reason)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(read("HTTP/1.1 200 OK\r\n\r\n"), (Version::Http11, 200, "OK".into()));
    assert_eq!(
        read("HTTP/1.0 404 Not \tFo\u{fc}nd\r\n\r\n"),
        (Version::Http10, 404, "Not \tFo\u{fc}nd".into())
    );
    assert_eq!(read("HTTP/1.1 999 \r\n\r\n"), (Version::Http11, 999, String::new()));
    assert_eq!(read("HTTP/1.1 100\r\n\r\n"), (Version::Http11, 100, String::new()));
    assert_eq!(read("HTTP/1.1 204  \r\n\r\n"), (Version::Http11, 204, " ".into()));
}

#[test]
fn rfc9112_4_a_status_code_is_three_digits() {
    for bad in ["0", "a", "20\r", "200\t", "2000", " "] {
        refused_at_end(response, &format!("HTTP/1.1 {bad}"), PeerError::BadStatus);
    }
    refused_at_end(response, "HTTP/1.1 200 O\x7f", PeerError::BadReason);
    refused_at_end(response, "HTTP/1.1 200 O\0", PeerError::BadReason);
    refused_at_end(response, "HTTP/1.1 200 OK\rX", PeerError::BareCr);
    refused_at_end(response, "HTTP/1.1 200 OK\n", PeerError::BareLf);
    refused_at_end(response, "HTTP/1.1 200\n", PeerError::BareLf);
}

#[test]
fn rfc9112_5_field_lines_lose_their_surrounding_whitespace_and_nothing_else() {
    let lines = b"Host: a\r\nX:\r\nY: \t \r\nZ:\t b \t c\t \r\n!#$%&'*+-.^_`|~:\xff\x80:\"\r\n\r\n";
    let expected = pairs(&[
        ("Host", "a"),
        ("X", ""),
        ("Y", ""),
        ("Z", "b \t c"),
        ("!#$%&'*+-.^_`|~", "\u{ff}\u{80}:\""),
    ]);
    assert_eq!(fields(lines), Ok(expected));
}

#[test]
fn rfc9112_5_1_whitespace_before_the_colon_is_refused() {
    refused_at_end(request, "GET / HTTP/1.1\r\nContent-Length ", PeerError::SpaceBeforeColon);
    refused_at_end(request, "GET / HTTP/1.1\r\nContent-Length\t", PeerError::SpaceBeforeColon);
}

#[test]
fn rfc9112_5_1_whitespace_before_the_colon_is_dropped_when_allowed() {
    let options = Options { space_before_colon: true, ..Options::default() };
    let found = fields_with(&options, b"A \t : b\r\nC: d\r\n\r\n");
    assert_eq!(found, Ok((pairs(&[("A", "b"), ("C", "d")]), false)));
    assert_eq!(fields_with(&options, b"A b: c\r\n\r\n"), Err(PeerError::BadFieldName));
    assert_eq!(fields_with(&options, b"A \r\n\r\n"), Err(PeerError::MissingColon));
}

#[test]
fn rfc9112_5_a_field_name_is_a_token_and_a_colon_follows() {
    for (bad, error) in [
        (":", PeerError::BadFieldName),
        ("\0", PeerError::BadFieldName),
        ("\"", PeerError::BadFieldName),
        ("X(", PeerError::BadFieldName),
        ("X\x7f", PeerError::BadFieldName),
        ("foo\r", PeerError::MissingColon),
        ("foo\n", PeerError::MissingColon),
    ] {
        refused_at_end(request, &format!("GET / HTTP/1.1\r\n{bad}"), error);
    }
    assert_eq!(fields(b"X\xe9: 1\r\n\r\n"), Err(PeerError::BadFieldName));
}

#[test]
fn rfc9110_5_5_a_value_holds_no_control_but_tab() {
    for b in 0..=255u8 {
        let expected = match b {
            b'\r' => Err(PeerError::BareCr),
            b'\n' => Err(PeerError::BareLf),
            0..=8 | 11..=31 | 127 => Err(PeerError::BadFieldValue),
            _ => Ok(()),
        };
        assert_eq!(fields(&[b"X: a", &[b][..], b"b\r\n\r\n"].concat()).map(drop), expected, "{b:#x}");
    }
}

#[test]
fn rfc9112_2_2_a_bare_cr_is_refused_everywhere() {
    let line = "GET / HTTP/1.1\r\n";
    refused_at_end(request, "GET / HTTP/1.1\r\r", PeerError::BareCr);
    refused_at_end(request, &format!("{line}X: a\rY"), PeerError::BareCr);
    refused_at_end(request, &format!("{line}X: a\r\r"), PeerError::BareCr);
    refused_at_end(request, &format!("{line}X: a\r\n\r\r"), PeerError::BareCr);
    refused_at_end(request, &format!("{line}\rX"), PeerError::BareCr);
}

#[test]
fn rfc9112_2_2_a_bare_lf_is_refused_unless_allowed() {
    for bad in ["\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\n\n", "GET / HTTP/1.1\r\nX: a\n"] {
        refused_at_end(request, bad, PeerError::BareLf);
    }
    let options = Options { bare_lf: true, ..Options::default() };
    let line = RequestLine { start: 3, method_end: 6, target: 7, target_end: 8, version: Version::Http11 };
    let complete = Parsed::Complete { line, fields: 3, len: 33, folded: false };
    let input = b"\n\r\nGET / HTTP/1.1\nX: a\nY: b\r\nZ:\n\n";
    assert_eq!(request_with(&options, input), Ok(complete));
    assert_eq!(request_with(&options, b"\n\n\n\n\n"), Err(PeerError::TooManyEmptyLines));
}

#[test]
fn rfc9112_2_2_whitespace_before_the_first_field_line_is_refused() {
    let folds = Options { obs_fold: true, ..Options::default() };
    for bad in [" Host: a\r\n\r\n", "\tHost: a\r\n\r\n", " \r\n\r\n"] {
        assert_eq!(fields(bad.as_bytes()), Err(PeerError::LeadingWhitespace));
        assert_eq!(fields_with(&folds, bad.as_bytes()), Err(PeerError::LeadingWhitespace));
    }
    refused_at_end(trailers, " ", PeerError::LeadingWhitespace);
}

#[test]
fn rfc9112_5_2_a_folded_line_is_refused_unless_allowed() {
    refused_at_end(request, "GET / HTTP/1.1\r\nX: a\r\n ", PeerError::ObsFold);
    let folds = Options { obs_fold: true, ..Options::default() };
    let read = |lines: &[u8]| fields_with(&folds, lines);
    assert_eq!(read(b"X: a\r\n b\r\nY: c\r\n\r\n"), Ok((pairs(&[("X", "a\r\n b"), ("Y", "c")]), true)));
    assert_eq!(read(b"X: a \r\n\t\r\n  b \r\n\r\n"), Ok((pairs(&[("X", "a \r\n\t\r\n  b")]), true)));
    assert_eq!(read(b"X: a\r\n \r\n\r\n"), Ok((pairs(&[("X", "a")]), false)));
    assert_eq!(read(b"X: \r\n a\r\n\r\n"), Ok((pairs(&[("X", "a")]), false)));
    assert_eq!(read(b"X:\r\n \r\n\t\r\n\r\n"), Ok((pairs(&[("X", "")]), false)));
    assert_eq!(read(b"X: a\r\n \0"), Err(PeerError::BadFieldValue));
}

#[test]
fn rfc9112_7_1_2_a_trailer_section_is_field_lines_and_an_empty_line() {
    let complete = |fields, len| Ok(Parsed::Complete { line: (), fields, len, folded: false });
    assert_eq!(trailers("\r\nnext"), complete(0, 2));
    assert_eq!(trailers("A: b\r\nC: d\r\n\r\nnext"), complete(2, 14));
    let options = Options { head: 13, ..Options::default() };
    let mut spans = [Span::default(); 2];
    let short = Parser::new().trailers(b"A: b\r\nC: d\r\n\r\n", &mut spans, &options);
    assert_eq!(short, Err(PeerError::TrailersTooLarge));
}
