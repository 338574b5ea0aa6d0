//! The Connection field (RFC 9110, section 7.6.1): options, and what a proxy must not forward.

use super::list;
use crate::{Field, Fields};

/// The field lines an intermediary may forward: those neither connection-specific by definition nor
/// nominated by Connection. Quadratic only in the number of nominations.
pub fn end_to_end<'b>(fields: Fields<'b>) -> impl Iterator<Item = Field<'b>> {
    fields.iter().filter(move |f| {
        !is_connection_specific(f.name)
            && (is_protected(f.name)
                || !fields
                    .get_all("connection")
                    .any(|value| list::members(value).any(|option| option.eq_ignore_ascii_case(f.name))))
    })
}

/// Whether the field is about this connection only, nominated or not.
pub fn is_connection_specific(name: &[u8]) -> bool {
    const NAMES: [&str; 6] =
        ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];
    NAMES.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
}

// "A sender MUST NOT send a connection option corresponding to a field that is intended for all
// recipients of the content. For example, Cache-Control is never appropriate as a connection option"
fn is_protected(name: &[u8]) -> bool {
    const NAMES: [&str; 6] =
        ["authorization", "cache-control", "content-length", "content-type", "host", "cookie"];
    NAMES.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
}

/// Whether a field must not stand in a trailer section: framing, routing, authentication, request
/// modifiers, response control and content format (RFC 9110, section 6.5.1).
pub fn is_forbidden_in_trailers(name: &[u8]) -> bool {
    const NAMES: [&str; 31] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
        || name.eq_ignore_ascii_case(b"vary")
        || name.eq_ignore_ascii_case(b"www-authenticate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use alloc::vec::Vec;

    fn fields<R>(lines: &[(&str, &str)], f: impl FnOnce(Fields<'_>) -> R) -> R {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for (name, value) in lines {
            let at = bytes.len() as u32;
            let mid = at + name.len() as u32;
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(value.as_bytes());
            spans.push(Span { name: at, name_end: mid, value: mid, value_end: mid + value.len() as u32 });
        }
        f(Fields::new(&bytes, &spans))
    }

    #[test]
    fn rfc9110_7_6_1_nominated_fields_stay_behind_but_protected_ones_do_not() {
        let lines = [
            ("Host", "x"),
            ("Connection", "close, X-Hop, Host"),
            ("Connection", "content-length"),
            ("X-Hop", "1"),
            ("Content-Length", "3"),
            ("TE", "trailers"),
            ("X-End", "2"),
        ];
        fields(&lines, |fields| {
            let kept: Vec<_> = end_to_end(fields).map(|f| f.name.to_vec()).collect();
            assert_eq!(kept, [&b"Host"[..], b"Content-Length", b"X-End"]);
        });
    }

    #[test]
    fn rfc9110_6_5_1_framing_and_routing_fields_are_no_trailers() {
        for name in ["Content-Length", "transfer-encoding", "HOST", "Authorization", "Vary"] {
            assert!(is_forbidden_in_trailers(name.as_bytes()), "{name}");
        }
        assert!(!is_forbidden_in_trailers(b"x-checksum"));
    }
}
