//! Ranges of bytes (RFC 9110, section 14).

use std::ops::Range;

/// Ranges answered at most in one response; more are answered with the whole content. Stops requests
/// for the same bytes over and over.
const MAX_RANGES: usize = 16;

/// What a Range field comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole content: there is no such field, or it is ignored.
    Whole,
    /// These parts, none of them empty, none overlapping.
    Parts(Vec<Range<u64>>),
    /// Nothing that there is.
    Unsatisfiable,
}

/// Reads the value of a Range field for content of `len` bytes.
///
/// "An origin server MUST ignore a Range header field that contains a range unit it does not
/// understand"; "A server that supports range requests MAY ignore or reject a Range header field that
/// contains an invalid ranges-specifier, [...] more than two overlapping ranges or many small ranges".
pub(super) fn parse(value: &[u8], len: u64) -> Wanted {
    let Some((unit, set)) = value.iter().position(|&b| b == b'=').map(|at| (&value[..at], &value[at + 1..]))
    else {
        return Wanted::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Wanted::Whole;
    }
    let mut parts = Vec::new();
    let mut count = 0;
    for spec in avx_core::syntax::list::members(set) {
        count += 1;
        match one(spec, len) {
            None => return Wanted::Whole,
            Some(_) if count > MAX_RANGES => return Wanted::Whole,
            Some(range) if range.is_empty() => {}
            Some(range) => parts.push(range),
        }
    }
    if count == 0 {
        return Wanted::Whole;
    }
    if parts.is_empty() {
        return Wanted::Unsatisfiable;
    }
    let overlaps = |(i, a): (usize, &Range<u64>)| {
        parts[i + 1..].iter().any(|b: &Range<u64>| a.start < b.end && b.start < a.end)
    };
    if parts.iter().enumerate().any(overlaps) { Wanted::Whole } else { Wanted::Parts(parts) }
}

/// `first-last`, `first-` or `-suffix`; `None` when it is none of them. Empty when it lies beyond the
/// end.
fn one(spec: &[u8], len: u64) -> Option<Range<u64>> {
    let dash = spec.iter().position(|&b| b == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Some(first.min(len)..last.saturating_add(1).min(len)),
        (Some(first), None) if last.is_empty() => Some(first.min(len)..len),
        (None, Some(suffix)) if first.is_empty() => Some(len - suffix.min(len)..len),
        _ => None,
    }
}

/// Digits as a number; one too large for any content counts as the largest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u64, |n, b| n.saturating_mul(10).saturating_add(u64::from(b - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_14_1_2_byte_ranges() {
        let table: [(&str, &[(u64, u64)]); 8] = [
            ("bytes=0-499", &[(0, 500)]),
            ("bytes=500-999", &[(500, 1000)]),
            ("bytes=-500", &[(9500, 10000)]),
            ("bytes=9500-", &[(9500, 10000)]),
            ("bytes=0-0,-1", &[(0, 1), (9999, 10000)]),
            ("bytes= 0-999, 4500-5499, -1000", &[(0, 1000), (4500, 5500), (9000, 10000)]),
            ("Bytes=9999-99999999999999999999999", &[(9999, 10000)]),
            ("bytes=0-0, 20000-", &[(0, 1)]),
        ];
        for (value, parts) in table {
            let parts = parts.iter().map(|&(start, end)| start..end).collect();
            assert_eq!(parse(value.as_bytes(), 10000), Wanted::Parts(parts), "{value}");
        }
    }

    #[test]
    fn rfc9110_14_2_what_is_no_range_is_ignored() {
        let many = format!("bytes={}", (0..17).map(|i| format!("{i}-{i}")).collect::<Vec<_>>().join(","));
        for value in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-1", "bytes=a-b", "lines=0-1", "bytes=0-9,5-6", &many]
        {
            assert_eq!(parse(value.as_bytes(), 10000), Wanted::Whole, "{value}");
        }
    }

    #[test]
    fn rfc9110_15_5_17_ranges_beyond_the_end_cannot_be_satisfied() {
        for value in ["bytes=10000-", "bytes=-0", "bytes=20000-30000, 40000-"] {
            assert_eq!(parse(value.as_bytes(), 10000), Wanted::Unsatisfiable, "{value}");
        }
        assert_eq!(parse(b"bytes=0-", 0), Wanted::Unsatisfiable);
    }
}
