//! Request targets (RFC 9112, section 3.2) and authorities (RFC 3986, section 3.2).

use super::method::Method;
use super::token::{self, NAME, TARGET};
use crate::PeerError;
use crate::scan::short;
use core::ops::Range;

/// The four forms of a request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query` (RFC 9112, section 3.2.1).
    Origin,
    /// `http://authority/path?query` (RFC 9112, section 3.2.2).
    Absolute,
    /// `host:port`, only for CONNECT (RFC 9112, section 3.2.3).
    Authority,
    /// `*`, only for OPTIONS (RFC 9112, section 3.2.4).
    Asterisk,
}

/// Tells the form of a target and checks that it fits the method. The bytes themselves are taken to
/// be of a target already (see [`is_target`]).
///
/// # Errors
/// [`PeerError::BadTargetForm`] when the form does not fit, [`PeerError::BadTarget`] when none does,
/// [`PeerError::BadHost`] when its authority is malformed.
#[inline]
pub fn form(method: &Method<'_>, target: &[u8]) -> Result<Form, PeerError> {
    // "authority-form is only used for CONNECT requests"; "a client MUST send only the host and port
    // of the tunnel destination"
    if matches!(method, Method::Connect) {
        return match split_port(target) {
            Some((_, Some(port))) if !port.is_empty() && is_authority(target) => Ok(Form::Authority),
            _ => Err(PeerError::BadTargetForm),
        };
    }
    match target {
        [b'/', ..] => Ok(Form::Origin),
        // "The asterisk-form of request-target is only used for a server-wide OPTIONS request"
        b"*" if matches!(method, Method::Options) => Ok(Form::Asterisk),
        b"*" => Err(PeerError::BadTargetForm),
        _ => match authority(target) {
            Some(authority) if is_authority(authority) => Ok(Form::Absolute),
            Some(_) => Err(PeerError::BadHost),
            None => Err(PeerError::BadTarget),
        },
    }
}

/// Whether every byte may stand in a request target, and there is one.
#[inline]
pub fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token::all(bytes, TARGET)
}

/// The authority of an absolute-form target with an `http` or `https` scheme. Other schemes have
/// none that this engine could route by, and are no target it accepts.
pub fn authority(target: &[u8]) -> Option<&[u8]> {
    authority_range(target).map(|range| &target[range])
}

/// Where the [`authority`] stands.
pub(crate) fn authority_range(target: &[u8]) -> Option<Range<usize>> {
    let rest = after_scheme(target)?;
    let start = target.len() - rest.len();
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    Some(start..start + end)
}

/// The scheme of an absolute-form target that has an [`authority`].
pub(crate) fn scheme(target: &[u8]) -> Option<&[u8]> {
    let rest = after_scheme(target)?;
    target.get(..target.len() - rest.len() - b"://".len())
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    // "The scheme and host are case-insensitive" (RFC 9110, section 4.2.3)
    [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (head, rest) = target.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Path and query of a target in any form. An absolute-form without path has `/`; the asterisk-form
/// is its own path; the authority-form has an empty one.
#[inline]
pub fn path_and_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let rest = match target {
        [b'/', ..] | b"*" => target,
        _ => match after_scheme(target) {
            Some(rest) => match rest.iter().position(|b| matches!(b, b'/' | b'?')) {
                Some(at) => &rest[at..],
                None => b"/",
            },
            None => b"",
        },
    };
    match rest.iter().position(|&b| b == b'?') {
        Some(0) => (b"/", Some(&rest[1..])),
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    }
}

/// Whether `bytes` is `uri-host [ ":" port ]` (RFC 9110, section 7.2): no userinfo, no path, a
/// bracketed literal closed, digits in the port. Not empty.
#[inline]
pub fn is_authority(bytes: &[u8]) -> bool {
    // Nearly every authority is a plain name or address with an optional port.
    let mut host_end = bytes.len();
    while host_end > 0 && bytes[host_end - 1].is_ascii_digit() && bytes.len() - host_end < 5 {
        host_end -= 1;
    }
    let host = match bytes[..host_end] {
        [ref host @ .., b':'] => host,
        _ => bytes,
    };
    !host.is_empty() && token::blocks(host, short::is_plain_host) || is_unusual_authority(bytes)
}

/// A quick yes for what nearly every authority within a head is: a short plain name or address, with or
/// without a port. It remembers the last one, for most requests name the same. A no decides nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlainAuthority {
    len: usize,
    /// The 32 bytes that ended with it.
    window: [u128; 2],
}

impl PlainAuthority {
    pub(crate) const fn new() -> Self {
        PlainAuthority { len: 0, window: [0; 2] }
    }

    /// Looks at `head[start..end]`, and at no more than the 32 bytes that end there.
    #[inline(always)]
    pub(crate) fn is(&mut self, head: &[u8], start: usize, end: usize) -> bool {
        let len = end.wrapping_sub(start);
        let block = |behind: usize| head.get(..end.wrapping_sub(behind)).and_then(<[u8]>::last_chunk);
        let Some(last) = block(0) else { return false };
        let first = match len {
            // Of what stands in front of a short one, nothing matters.
            ..=16 => 0,
            _ => match block(16) {
                Some(first) => u128::from_le_bytes(*first),
                None => return false,
            },
        };
        let window = [first, u128::from_le_bytes(*last)];
        if len == self.len && window == self.window {
            return true;
        }
        let plain = (1..=32).contains(&len) && is_plain(window.map(u128::to_le_bytes), len);
        if plain {
            *self = PlainAuthority { len, window };
        }
        plain
    }
}

/// Whether the last `len` bytes are a plain name with an optional port.
#[inline(never)]
fn is_plain([first, last]: [[u8; 16]; 2], len: usize) -> bool {
    let (first, last) = (short::authority(&first), short::authority(&last));
    let both = |first: u16, last: u16| u32::from(first) | u32::from(last) << 16;
    let host = both(first.host, last.host);
    let digits = both(first.digits, last.digits);
    let colons = both(first.colons, last.colons);
    // The authority in the highest bits, its last byte in the very highest.
    let whole = u32::MAX << (32 - len);
    let other = whole & !host;
    if other == 0 {
        return true;
    }
    // One byte that is of no host, and it is a colon, with a name in front and a port behind.
    let first = 1 << (32 - len);
    let port = !(other << 1).wrapping_sub(1);
    other & other.wrapping_sub(1) == 0
        && other & colons != 0
        && other != first
        && port & !digits == 0
        // At most five bytes of it.
        && port << 5 == 0
}

#[inline]
fn is_port(port: &[u8]) -> bool {
    port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

/// With a literal address, an escape, or something that has no place there.
#[cold]
fn is_unusual_authority(bytes: &[u8]) -> bool {
    match split_port(bytes) {
        Some((host, port)) => !host.is_empty() && is_host(host) && port.is_none_or(is_port),
        None => false,
    }
}

fn is_host(host: &[u8]) -> bool {
    // "IP-literal = "[" ( IPv6address / IPvFuture  ) "]"" (RFC 3986, section 3.2.2)
    if let [b'[', literal @ .., b']'] = host {
        return !literal.is_empty()
            && literal.iter().all(|&b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'v' | b'V'));
    }
    // "reg-name = *( unreserved / pct-encoded / sub-delims )"; a list of hosts is none of this
    // engine's: the comma, though a sub-delim, is refused.
    host.iter().all(|&b| b == b'%' || token::CLASS[b as usize] & NAME != 0) && escapes_are_whole(host)
}

fn escapes_are_whole(host: &[u8]) -> bool {
    // "pct-encoded = "%" HEXDIG HEXDIG" (RFC 3986, section 2.1)
    let mut rest = host;
    while let Some(at) = rest.iter().position(|&b| b == b'%') {
        match rest[at + 1..] {
            [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest = &rest[at + 3..],
            _ => return false,
        }
    }
    true
}

/// Host and port of an authority; the port is `None` without colon. `None` for an unclosed literal.
pub fn split_port(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_end = match bytes {
        [b'[', ..] => bytes.iter().position(|&b| b == b']')? + 1,
        _ => bytes.iter().position(|&b| b == b':').unwrap_or(bytes.len()),
    };
    match bytes[host_end..] {
        [] => Some((bytes, None)),
        [b':', ref port @ ..] => Some((&bytes[..host_end], Some(port))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn rfc9112_3_2_each_form_belongs_to_its_methods() {
        let table: [(&str, &str, Result<Form, PeerError>); 17] = [
            ("GET", "/a?b", Ok(Form::Origin)),
            ("GET", "http://h/a", Ok(Form::Absolute)),
            ("GET", "HTTPS://h:1?q", Ok(Form::Absolute)),
            ("OPTIONS", "*", Ok(Form::Asterisk)),
            ("GET", "*", Err(PeerError::BadTargetForm)),
            ("CONNECT", "h:443", Ok(Form::Authority)),
            ("CONNECT", "[::1]:443", Ok(Form::Authority)),
            ("CONNECT", "h", Err(PeerError::BadTargetForm)),
            ("CONNECT", "h:", Err(PeerError::BadTargetForm)),
            ("CONNECT", "a/b", Err(PeerError::BadTargetForm)),
            ("CONNECT", "/", Err(PeerError::BadTargetForm)),
            ("CONNECT", "u@h:1", Err(PeerError::BadTargetForm)),
            ("GET", "a", Err(PeerError::BadTarget)),
            ("GET", "h:443", Err(PeerError::BadTarget)),
            ("GET", "ftp://h/", Err(PeerError::BadTarget)),
            ("GET", "http:///x", Err(PeerError::BadHost)),
            ("GET", "http://u@h/x", Err(PeerError::BadHost)),
        ];
        for (method, target, want) in table {
            let got = form(&Method::from_token(method.as_bytes()), target.as_bytes());
            assert_eq!(got, want, "{method} {target}");
        }
    }

    #[test]
    fn rfc9110_7_2_a_host_is_a_name_or_literal_with_an_optional_port() {
        for good in ["h", "h:80", "h:", "a.b-c_d~", "1.2.3.4:5", "[::1]", "[::1]:80", "%41", "a!$&'()*+;="] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        let bad = [
            "", ":80", "a, b", "a,b", "u@a", "a/x", "h:8x", "[::1", "[]", "[::1]x", "h:123456", "a%4", "a b",
            "\u{e9}", "a:b:c",
        ];
        for bad in bad {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn the_quick_look_at_an_authority_takes_nothing_that_the_grammar_refuses() {
        let parts = [
            "",
            "h",
            "a.b-c",
            "example",
            ".",
            "1.2.3.4",
            "[::1]",
            "_",
            "u@",
            "\u{e9}",
            "x".repeat(15).leak(),
        ];
        let ports = ["", ":", ":0", ":8080", ":12345", ":123456", ":8x", ":8:9", " "];
        let (mut quick, mut seen) = (0, PlainAuthority::new());
        for (a, b) in parts.iter().flat_map(|a| parts.iter().map(move |b| (a, b))) {
            for port in ports {
                let authority = format!("{a}{b}{port}");
                let head = format!("GET / HTTP/1.1\r\nx:1\r\nHost: {authority}");
                let plain = seen.is(head.as_bytes(), head.len() - authority.len(), head.len());
                assert!(!plain || is_authority(authority.as_bytes()), "{authority}");
                quick += u32::from(plain);
            }
        }
        assert!(quick > 100, "{quick}");
        for common in
            ["h", "localhost:8080", "127.0.0.1:65535", "www.example.com", "a.rather.long.name.example:443"]
        {
            let head = format!("GET / HTTP/1.1\r\nHost: {common}");
            for _ in 0..2 {
                assert!(seen.is(head.as_bytes(), 22, head.len()), "{common}");
                let list = b"GET / HTTP/1.1\r\nHost: a, b";
                assert!(!seen.is(list, list.len() - 4, list.len()));
            }
        }
    }

    #[test]
    fn path_and_query_come_out_of_every_form() {
        let table: [(&str, &str, Option<&str>); 8] = [
            ("/a/b?c?d", "/a/b", Some("c?d")),
            ("/?", "/", Some("")),
            ("*", "*", None),
            ("http://h", "/", None),
            ("http://h?q", "/", Some("q")),
            ("http://h:1/p?q", "/p", Some("q")),
            ("h:443", "", None),
            ("/", "/", None),
        ];
        for (target, path, query) in table {
            assert_eq!(
                path_and_query(target.as_bytes()),
                (path.as_bytes(), query.map(str::as_bytes)),
                "{target}"
            );
        }
    }
}
