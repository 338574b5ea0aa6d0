//! Request methods (RFC 9110, section 9).

use core::fmt;

/// A request method. Case-sensitive; unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method<'a> {
    /// Transfer a representation of the target.
    Get,
    /// As GET, without the content.
    Head,
    /// Process the content.
    Post,
    /// Replace the target.
    Put,
    /// Remove the target.
    Delete,
    /// Open a tunnel.
    Connect,
    /// Describe the options.
    Options,
    /// Loop the request back.
    Trace,
    /// Change the target in part (RFC 5789).
    Patch,
    /// Any other token.
    Extension(&'a [u8]),
}

impl<'a> Method<'a> {
    /// The method spelled `token`, which is not checked to be one. O(1) for the registered ones.
    #[inline(always)]
    pub fn from_token(token: &'a [u8]) -> Self {
        if token == b"GET" { Method::Get } else { Method::other(token) }
    }

    #[inline(never)]
    fn other(token: &'a [u8]) -> Self {
        match token {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"CONNECT" => Method::Connect,
            b"OPTIONS" => Method::Options,
            b"TRACE" => Method::Trace,
            b"PATCH" => Method::Patch,
            other => Method::Extension(other),
        }
    }

    /// As it stands in the request line.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Method::Get => b"GET",
            Method::Head => b"HEAD",
            Method::Post => b"POST",
            Method::Put => b"PUT",
            Method::Delete => b"DELETE",
            Method::Connect => b"CONNECT",
            Method::Options => b"OPTIONS",
            Method::Trace => b"TRACE",
            Method::Patch => b"PATCH",
            Method::Extension(token) => token,
        }
    }

    /// Whether repeating the request has the effect of making it once (RFC 9110, section 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self, Method::Put | Method::Delete)
    }

    /// Whether the request asks for no change (RFC 9110, section 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options | Method::Trace)
    }
}

impl fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_9_1_methods_are_case_sensitive_and_extensible() {
        for token in
            [&b"GET"[..], b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"]
        {
            let method = Method::from_token(token);
            assert!(!matches!(method, Method::Extension(_)), "{method}");
            assert_eq!(method.as_bytes(), token);
        }
        assert_eq!(Method::from_token(b"get"), Method::Extension(b"get"));
        assert_eq!(Method::from_token(b"PURGE").as_bytes(), b"PURGE");
    }
}
