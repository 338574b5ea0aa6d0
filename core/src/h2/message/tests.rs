use super::super::hpack::{DecodeLimits, Decoder, Encoder, Section};
use super::*;
use crate::head::{RequestHead, ResponseHead};
use crate::{Field, Version};
use alloc::vec;
use alloc::vec::Vec;

fn section(fields: &[(&str, &str)]) -> Section {
    let fields = fields.iter().map(|(name, value)| Field::new(name, value));
    let (mut encoder, mut decoder, mut section) = (Encoder::new(), Decoder::new(4096), Section::new());
    let mut block = vec![0; encoder.bound(fields.clone())];
    let len = encoder.encode(fields, &mut block);
    let limits = DecodeLimits { list_size: 1 << 20, fields: 1000 };
    decoder.decode(&block[..len], &mut section, limits).unwrap();
    section
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/b?c")];

fn lines(fields: crate::Fields<'_>) -> Vec<(&[u8], &[u8])> {
    fields.iter().map(|f| (f.name, f.value)).collect()
}

#[test]
fn rfc9113_8_3_control_data_becomes_a_head_like_any_other() {
    let mut section = section(&[&GET[..], &[("accept", "*/*"), ("te", "trailers")]].concat());
    let mut layout = Layout::new();
    let seen = request(&mut section, &mut layout, false).unwrap();
    assert!(seen.safe && !seen.connect && !seen.head && seen.content_length.is_none());
    let head = RequestHead::new(section.text(), &layout);
    assert_eq!((head.method(), head.version()), (Method::Get, Version::Http2));
    assert_eq!((head.target(), head.path(), head.query()), (&b"/b?c"[..], &b"/b"[..], Some(&b"c"[..])));
    assert_eq!((head.authority(), head.scheme()), (&b"a"[..], Some(&b"https"[..])));
    assert_eq!((head.raw(), head.upgrade(), head.expect_continue()), (&b""[..], None, false));
    assert_eq!(lines(head.fields()), [(&b"accept"[..], &b"*/*"[..]), (b"te", b"trailers")]);
}

#[test]
fn rfc9113_8_2_3_cookie_crumbs_are_joined_where_the_first_stood() {
    let crumbs = [("cookie", "a=b"), ("x", "1"), ("cookie", "c=d; e"), ("y", "2"), ("cookie", "f")];
    let mut section = section(&[&GET[..], &crumbs].concat());
    let mut layout = Layout::new();
    request(&mut section, &mut layout, false).unwrap();
    let head = RequestHead::new(section.text(), &layout);
    let want: [(&[u8], &[u8]); 3] = [(b"cookie", b"a=b; c=d; e; f"), (b"x", b"1"), (b"y", b"2")];
    assert_eq!(lines(head.fields()), want);
}

#[test]
fn rfc9113_8_3_1_the_host_stands_in_for_a_missing_authority() {
    let without: Vec<_> = GET.iter().copied().filter(|(name, _)| *name != ":authority").collect();
    let mut one = section(&[&without[..], &[("host", "b:443")]].concat());
    let mut layout = Layout::new();
    assert!(request(&mut one, &mut layout, false).is_ok());
    assert_eq!(RequestHead::new(one.text(), &layout).authority(), b"b:443");
    let mut same = section(&[&GET[..], &[("host", "A:443")]].concat());
    assert!(request(&mut same, &mut layout, false).is_ok());
    let mut other = section(&[&GET[..], &[("host", "a:80")]].concat());
    assert_eq!(request(&mut other, &mut layout, false), Err(Malformed::BadRequest));
    let mut two = section(&[&GET[..], &[("host", "a"), ("host", "a")]].concat());
    assert_eq!(request(&mut two, &mut layout, false), Err(Malformed::BadRequest));
    let mut none = section(&without);
    assert!(request(&mut none, &mut layout, false).is_ok());
    assert_eq!(RequestHead::new(none.text(), &layout).authority(), b"");
}

#[test]
fn rfc9218_5_lines_of_priority_add_up() {
    let mut section = section(&[&GET[..], &[("priority", "u=1"), ("priority", "i")]].concat());
    let seen = request(&mut section, &mut Layout::new(), false).unwrap();
    assert_eq!(seen.priority, Some(Priority { urgency: 1, incremental: true }));
}

#[test]
fn rfc9113_8_3_2_a_response_has_a_status_and_nothing_else() {
    let mut layout = Layout::new();
    let one = section(&[(":status", "404"), ("content-length", "7")]);
    let (status, seen) = response(&one, &mut layout).unwrap();
    assert_eq!((status, seen.content_length), (Status::NOT_FOUND, Some(7)));
    let head = ResponseHead::new(one.text(), &layout);
    assert_eq!((head.status(), head.reason(), head.version()), (Status::NOT_FOUND, &b""[..], Version::Http2));
    assert_eq!(lines(head.fields()), [(&b"content-length"[..], &b"7"[..])]);
    for bad in ["101", "99", "1000", "2x0", "", "+20"] {
        assert!(response(&section(&[(":status", bad)]), &mut layout).is_err(), "{bad}");
    }
    assert!(response(&section(&[(":status", "200"), (":path", "/")]), &mut layout).is_err());
    assert!(response(&section(&[(":status", "200"), ("te", "trailers")]), &mut layout).is_err());
}

#[test]
fn rfc9110_6_5_1_trailers_lose_what_has_no_place_there() {
    let mut layout = Layout::new();
    let one = section(&[("x-sum", "1"), ("content-length", "5"), ("authorization", "x"), ("y", "2")]);
    assert_eq!(trailers(&one, &mut layout), Ok(2));
    let fields = crate::Fields::new(one.text(), layout.lines());
    assert_eq!(lines(fields), [(&b"x-sum"[..], &b"1"[..]), (b"y", b"2")]);
    assert!(trailers(&section(&[(":status", "200")]), &mut layout).is_err());
    assert!(trailers(&section(&[("connection", "close")]), &mut layout).is_err());
}
