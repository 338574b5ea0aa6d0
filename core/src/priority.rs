//! Extensible priorities (RFC 9218): how urgent a response is, and whether parts of it are of use.
//!
//! The value is a Dictionary of structured fields (RFC 9651, section 3.2), of which two keys are known.

use core::fmt;

/// The priority of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Priority {
    /// 0, the most urgent, to 7. Default 3.
    pub urgency: u8,
    /// The response is of use in parts, and may share bandwidth with others. Default false.
    pub incremental: bool,
}

impl Default for Priority {
    fn default() -> Self {
        Priority { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// The priority that a Priority field or a PRIORITY_UPDATE frame with this value asks for. Parameters
    /// left out have their defaults. `None` when it is no Dictionary, and means nothing.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut priority = Priority::default();
        priority.read(value).then_some(priority)
    }

    /// Takes over what `value` says and leaves the rest: for further lines of the same field, and for a
    /// server's own opinion, where "the absence of a priority parameter [...] indicates the server's
    /// disinterest in changing the client-provided value" (RFC 9218, section 8). False, and nothing
    /// changes, when it is no Dictionary.
    pub fn read(&mut self, value: &[u8]) -> bool {
        let mut read = *self;
        let mut input = Input(value);
        let done = input.dictionary(|key, item| {
            // "unknown priority parameters, priority parameters with out-of-range values, or values of
            // unexpected types MUST be ignored" (RFC 9218, section 4)
            match (key, item) {
                (b"u", Item::Integer(u @ 0..=7)) => read.urgency = u as u8,
                (b"i", Item::Boolean(i)) => read.incremental = i,
                _ => {}
            }
        });
        if done.is_some() {
            *self = read;
        }
        done.is_some()
    }
}

/// As a Priority field has it: `u=1, i`.
impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "u={}{}", self.urgency.min(7), if self.incremental { ", i" } else { "" })
    }
}

/// A bare item, as much of it as is of interest.
#[derive(Clone, Copy)]
enum Item {
    Integer(i64),
    Boolean(bool),
    Other,
}

/// What is left to parse (RFC 9651, section 4.2). `None` fails parsing.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn first(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn take(&mut self, b: u8) -> bool {
        let found = self.first() == Some(b);
        if found {
            self.next();
        }
        found
    }

    /// The bytes at the front that `belongs` holds for.
    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&b| !belongs(b)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        run
    }

    /// Section 4.2.2.
    fn dictionary(&mut self, mut member: impl FnMut(&[u8], Item)) -> Option<()> {
        self.run(|b| b == b' ');
        while !self.0.is_empty() {
            let key = self.key()?;
            let item = if self.take(b'=') { self.item_or_inner_list()? } else { Item::Boolean(true) };
            self.parameters()?;
            member(key, item);
            self.run(|b| matches!(b, b' ' | b'\t'));
            if self.0.is_empty() {
                break;
            }
            if self.next()? != b',' {
                return None;
            }
            self.run(|b| matches!(b, b' ' | b'\t'));
            // "If input_string is empty, there is a trailing comma; fail parsing."
            self.first()?;
        }
        Some(())
    }

    /// Section 4.2.1.1, without the parameters behind it.
    fn item_or_inner_list(&mut self) -> Option<Item> {
        if !self.take(b'(') {
            return self.bare_item();
        }
        loop {
            self.run(|b| b == b' ');
            if self.take(b')') {
                return Some(Item::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.first()?, b' ' | b')') {
                return None;
            }
        }
    }

    /// Section 4.2.3.1.
    fn bare_item(&mut self) -> Option<Item> {
        match self.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => {
                self.next();
                self.string()
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'*' => {
                self.run(|b| crate::syntax::token::is_tchar(b) || matches!(b, b':' | b'/'));
                Some(Item::Other)
            }
            b':' => {
                self.next();
                self.run(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
                self.take(b':').then_some(Item::Other)
            }
            b'?' => {
                self.next();
                match self.next()? {
                    b'0' => Some(Item::Boolean(false)),
                    b'1' => Some(Item::Boolean(true)),
                    _ => None,
                }
            }
            b'@' => {
                self.next();
                match self.number()? {
                    Item::Integer(_) => Some(Item::Other),
                    _ => None,
                }
            }
            b'%' => {
                self.next();
                if self.take(b'"') { self.string() } else { None }
            }
            _ => None,
        }
    }

    /// Section 4.2.4.
    fn number(&mut self) -> Option<Item> {
        let negative = self.take(b'-');
        let digits = self.run(|b| b.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        if self.take(b'.') {
            let fraction = self.run(|b| b.is_ascii_digit());
            return (digits.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Item::Other);
        }
        let n = digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0'));
        Some(Item::Integer(if negative { -n } else { n }))
    }

    /// Section 4.2.5, and close enough to section 4.2.10, behind the opening quote.
    fn string(&mut self) -> Option<Item> {
        loop {
            match self.next()? {
                b'"' => return Some(Item::Other),
                b'\\' if matches!(self.next()?, b'"' | b'\\') => {}
                b' '..=b'[' | b']'..=b'~' => {}
                _ => return None,
            }
        }
    }

    /// Section 4.2.3.2.
    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.run(|b| b == b' ');
            self.key()?;
            if self.take(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// Section 4.2.3.3.
    fn key(&mut self) -> Option<&'a [u8]> {
        if !matches!(self.first()?, b'a'..=b'z' | b'*') {
            return None;
        }
        Some(self.run(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parse(value: &str) -> Option<(u8, bool)> {
        Priority::parse(value.as_bytes()).map(|p| (p.urgency, p.incremental))
    }

    #[test]
    fn rfc9218_4_urgency_and_incremental_are_read() {
        assert_eq!(parse(""), Some((3, false)));
        assert_eq!(parse("u=5, i"), Some((5, true)));
        assert_eq!(parse("i,u=0"), Some((0, true)));
        assert_eq!(parse("u=1\t , \ti=?0"), Some((1, false)));
        assert_eq!(parse("u=1;x=2;y, i;z=\"a\\\"b\""), Some((1, true)));
        assert_eq!(parse("u=1, u=6"), Some((6, false)));
    }

    #[test]
    fn rfc9218_4_what_is_unknown_out_of_range_or_of_another_type_is_ignored() {
        for value in [
            "u=8",
            "u=-1",
            "u=1.0",
            "u",
            "u=?1",
            "u=\"1\"",
            "u=(1 2)",
            "i=1",
            "i=(a \"b\" ?1 :aGk=: 1.5;p)",
            "x=@1700000000, foo=*bar/baz:1, z=%\"f%c3%bc\"",
            "u=999999999999999",
        ] {
            assert_eq!(parse(value), Some((3, false)), "{value}");
        }
        assert_eq!(parse("u=8, i, u=2;a"), Some((2, true)));
    }

    #[test]
    fn rfc9651_4_2_what_is_no_dictionary_fails_as_a_whole() {
        for value in [
            "u=1,",
            "u=1 i",
            "U=1",
            "u=",
            "=1",
            ",u=1",
            "u=1, , i",
            "u=1;",
            "u=\"x",
            "u=(1",
            "u=(1\"a\")",
            "i=?2",
            "u=1.",
            "u=1.1234",
            "u=1000000000000000",
            "u=-",
            "u=:a",
            "u=\u{e9}",
            "u=@1.5",
            "u=%x",
            "1",
            "\tu=1",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
        let mut priority = Priority { urgency: 6, incremental: true };
        assert!(!priority.read(b"u=1, "));
        assert_eq!(priority, Priority { urgency: 6, incremental: true });
        assert!(priority.read(b"u=1"));
        assert_eq!(priority, Priority { urgency: 1, incremental: true });
    }

    #[test]
    fn what_is_written_is_read_back() {
        for urgency in 0..8 {
            for incremental in [false, true] {
                let priority = Priority { urgency, incremental };
                assert_eq!(Priority::parse(format!("{priority}").as_bytes()), Some(priority));
            }
        }
    }
}
