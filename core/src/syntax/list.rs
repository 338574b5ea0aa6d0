//! Comma-separated lists (RFC 9110, section 5.6.1).

use super::token::trim;

/// The members of a list value, trimmed, empty ones skipped. Commas inside quoted strings do not
/// separate.
pub fn members(value: &[u8]) -> Members<'_> {
    Members { rest: Some(value) }
}

/// Whether the list holds this token, ignoring ASCII case.
pub fn contains(value: &[u8], token: &str) -> bool {
    members(value).any(|m| m.eq_ignore_ascii_case(token.as_bytes()))
}

/// Iterator over the members of a list.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        // "A recipient MUST parse and ignore a reasonable number of empty list elements"
        loop {
            let rest = self.rest?;
            let (member, tail) = match comma(rest) {
                Some(at) => (&rest[..at], Some(&rest[at + 1..])),
                None => (rest, None),
            };
            self.rest = tail;
            let member = trim(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
    }
}

fn comma(bytes: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.iter().position(|&b| {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn rfc9110_5_6_1_empty_members_are_skipped_and_quotes_respected() {
        let got: Vec<_> = members(b", a ,, \"b,c\\\"\" ,\td,").collect();
        assert_eq!(got, [&b"a"[..], b"\"b,c\\\"\"", b"d"]);
        assert!(contains(b"keep-alive, Upgrade", "upgrade"));
        assert!(!contains(b"upgraded", "upgrade"));
        assert_eq!(members(b"").count(), 0);
    }
}
