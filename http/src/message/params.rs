//! What a path pattern captured, and percent-decoding (RFC 3986, section 2.1).

use crate::{Error, IntoResponse, Response, Status};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Captures of one pattern at most.
pub(crate) const MAX_PARAMS: usize = 8;

/// Names of a route's captures; `*` and `**` have empty ones.
pub(crate) type Names = Arc<[Box<str>]>;

/// Captures as offsets into the path, without allocation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Params {
    spans: [(u32, u32); MAX_PARAMS],
    len: u8,
}

impl Params {
    #[inline]
    pub(crate) fn push(&mut self, start: usize, end: usize) {
        if let Some(slot) = self.spans.get_mut(usize::from(self.len)) {
            *slot = (start as u32, end as u32);
            self.len += 1;
        }
    }

    #[inline]
    pub(crate) fn truncate(&mut self, len: u8) {
        self.len = self.len.min(len);
    }

    #[inline]
    pub(crate) fn len(&self) -> u8 {
        self.len
    }

    pub(crate) fn at<'p>(&self, i: usize, path: &'p [u8]) -> Option<&'p [u8]> {
        let (start, end) = *self.spans[..usize::from(self.len)].get(i)?;
        path.get(start as usize..end as usize)
    }

    pub(crate) fn named<'p>(&self, names: &[Box<str>], name: &str, path: &'p [u8]) -> Option<&'p [u8]> {
        self.at(names.iter().position(|n| **n == *name)?, path)
    }
}

/// `bytes` with its escapes decoded; borrowed when there is none. An escape that is not complete
/// stays as it is; what is not UTF-8 then reads as U+FFFD.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if !bytes.contains(&b'%') {
        return String::from_utf8_lossy(bytes);
    }
    let decoded = decode_bytes(bytes);
    match String::from_utf8(decoded) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

pub(crate) fn decode_bytes(bytes: &[u8]) -> Vec<u8> {
    Decoder { bytes }.collect()
}

/// Whether `raw` decodes to `literal`, without writing it anywhere.
pub(crate) fn decodes_to(raw: &[u8], literal: &[u8]) -> bool {
    Decoder { bytes: raw }.eq(literal.iter().copied())
}

struct Decoder<'a> {
    bytes: &'a [u8],
}

impl Iterator for Decoder<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        if first != b'%' {
            return Some(first);
        }
        let digit = |at: usize| rest.get(at).and_then(|&b| (b as char).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => {
                self.bytes = &rest[2..];
                Some((high * 16 + low) as u8)
            }
            _ => Some(first),
        }
    }
}

/// A capture is missing or does not parse: 400 when a handler returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadParam(pub(crate) String);

impl fmt::Display for BadParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer: path parameter {} is missing or malformed", self.0)
    }
}

impl std::error::Error for BadParam {}

impl IntoResponse for BadParam {
    fn into_response(self) -> Response {
        Error::new(Status::BAD_REQUEST).because(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3986_2_1_escapes_decode_and_broken_ones_stay() {
        assert_eq!(decode(b"a%20b%2Fc"), "a b/c");
        assert_eq!(decode(b"%zz%4"), "%zz%4");
        assert_eq!(decode(b"%C3%A9"), "\u{e9}");
        assert_eq!(decode(b"%ff"), "\u{fffd}");
        assert!(matches!(decode(b"plain"), Cow::Borrowed("plain")));
        assert!(decodes_to(b"us%65r", b"user"));
        assert!(!decodes_to(b"us%65", b"user"));
    }
}
