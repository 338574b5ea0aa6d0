//! The value of `Sec-WebSocket-Extensions` (RFC 6455, section 9.1).

use crate::syntax::list::{self, Members};
use crate::syntax::token::{is_tchar, is_token, trim};
use core::fmt;

/// The extensions that a value lists.
pub fn elements(value: &[u8]) -> Elements<'_> {
    Elements { members: list::members(value) }
}

/// Iterator over the extensions of a value.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    members: Members<'a>,
}

/// One extension and its parameters, whose grammar was checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    name: &'a [u8],
    /// From the first semicolon on.
    params: &'a [u8],
}

/// A value that breaks the grammar: "the recipient of such malformed data MUST immediately _Fail the WebSocket
/// Connection_" (RFC 6455, section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed;

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.members.next().map(|member| {
            let at = member.iter().position(|&b| b == b';').unwrap_or(member.len());
            let (name, params) = member.split_at(at);
            let element = Element { name: trim(name), params };
            // "extension = extension-token *( ";" extension-param )"
            let good = is_token(element.name) && element.params().all(|param| param.is_valid());
            if good { Ok(element) } else { Err(Malformed) }
        })
    }
}

impl<'a> Element<'a> {
    /// The name, case kept.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Whether the name is `name`, ignoring ASCII case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The parameters, in order.
    pub fn params(&self) -> Params<'a> {
        Params { rest: self.params }
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name.escape_ascii(), self.params.escape_ascii())
    }
}

/// Iterator over the parameters of an extension.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: &'a [u8],
}

/// One parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name, case kept.
    pub name: &'a [u8],
    /// The value, when there is one.
    pub value: Option<Value<'a>>,
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let rest = self.rest.strip_prefix(b";")?;
        let end = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
        let (param, rest) = rest.split_at(end);
        self.rest = rest;
        Some(match param.iter().position(|&b| b == b'=') {
            None => Param { name: trim(param), value: None },
            Some(at) => {
                Param { name: trim(&param[..at]), value: Some(Value { raw: trim(&param[at + 1..]) }) }
            }
        })
    }
}

impl Param<'_> {
    /// "extension-param = token [ "=" (token | quoted-string) ]"
    fn is_valid(&self) -> bool {
        is_token(self.name) && self.value.is_none_or(|value| value.is_valid())
    }
}

impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.name.escape_ascii(), self.value)
    }
}

/// The value of a parameter, possibly quoted.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// The bytes, out of their quotes.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        let inner = self.quoted();
        let mut rest = inner.unwrap_or(self.raw).iter();
        core::iter::from_fn(move || match rest.next() {
            Some(b'\\') if inner.is_some() => rest.next().copied(),
            other => other.copied(),
        })
    }

    /// A decimal number without leading zeros, of at most two digits.
    pub fn small_number(&self) -> Option<u8> {
        let mut number = 0u8;
        for (i, digit) in self.bytes().enumerate() {
            if !digit.is_ascii_digit() || i == 2 || (i == 0 && digit == b'0') {
                return None;
            }
            number = number * 10 + (digit - b'0');
        }
        (number > 0).then_some(number)
    }

    fn quoted(&self) -> Option<&'a [u8]> {
        self.raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the
    /// 'token' ABNF." (section 9.1)
    fn is_valid(&self) -> bool {
        match self.quoted() {
            None => is_token(self.raw),
            // A backslash is no token character: what is left of one at the end is not behind any.
            Some(inner) => {
                let mut escaped = false;
                for &b in inner {
                    if !escaped && b == b'\\' {
                        escaped = true;
                    } else if !is_tchar(b) {
                        return false;
                    } else {
                        escaped = false;
                    }
                }
                !escaped && !inner.is_empty()
            }
        }
    }
}

/// What they stand for is equal, quoted or not.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for Value<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn shown(value: &str) -> Result<Vec<String>, Malformed> {
        elements(value.as_bytes())
            .map(|element| {
                element.map(|element| {
                    let mut text = String::from_utf8(element.name().to_vec()).unwrap();
                    for param in element.params() {
                        let value: Option<String> = param.value.map(|v| v.bytes().map(char::from).collect());
                        text += &format!(" {}={value:?}", param.name.escape_ascii());
                    }
                    text
                })
            })
            .collect()
    }

    #[test]
    fn rfc6455_9_1_the_examples() {
        assert_eq!(shown("deflate-stream").unwrap(), ["deflate-stream"]);
        assert_eq!(
            shown("mux; max-channels=4; flow-control, deflate-stream").unwrap(),
            ["mux max-channels=Some(\"4\") flow-control=None", "deflate-stream"]
        );
        assert_eq!(shown("a ; b = \"c\\d\"\t;e,,").unwrap(), ["a b=Some(\"cd\") e=None"]);
        assert_eq!(shown("").unwrap(), [""; 0]);
    }

    #[test]
    fn rfc6455_9_1_what_breaks_the_grammar_is_malformed() {
        for value in [
            ";",
            "a;",
            "a;;b",
            "a b",
            "a;b=",
            "a;=b",
            "a;b=\"\"",
            "a;b=\"c",
            "a;b=\"c d\"",
            "a;b=\"c,d\"",
            "a;b=\"c;d\"",
            "a;b=\"c\\\"",
            "a;b=c=d",
            "a/b",
            "a;b=\"c\\\\\"",
            "a;b=\"c\"d",
        ] {
            assert_eq!(shown(value), Err(Malformed), "{value}");
        }
    }

    #[test]
    fn small_numbers_have_no_leading_zero() {
        let number = |raw: &'static str| Value { raw: raw.as_bytes() }.small_number();
        assert_eq!([number("8"), number("15"), number("\"1\\0\"")], [Some(8), Some(15), Some(10)]);
        for bad in ["0", "08", "+8", "8.0", "100", "x", "-8", "\" 8\""] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
