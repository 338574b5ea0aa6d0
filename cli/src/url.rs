//! URLs of http, as far as a request needs them (RFC 9110, section 4.2; RFC 3986).

use avx_core::syntax::target;
use std::fmt;

/// An `http` URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// As it is looked up and connected to: without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the Host field gives it: without the default port.
    pub(crate) authority: String,
    /// Path and query, escaped where they have to be.
    pub(crate) target: String,
}

/// Why a text is no URL that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It is no URL.
    Malformed(&'static str),
    /// Another scheme than http.
    Unsupported(String),
}

const DEFAULT_PORT: u16 = 80;

impl Url {
    /// Reads a URL; one without a scheme is one of http.
    pub(crate) fn parse(text: &str) -> Result<Url, UrlError> {
        let malformed = |why| Err(UrlError::Malformed(why));
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                if !scheme.eq_ignore_ascii_case("http") {
                    return Err(UrlError::Unsupported(scheme.to_ascii_lowercase()));
                }
                rest
            }
            _ => text,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // "a recipient SHOULD [...] treat its presence as an error; it is likely being used to obscure
        // the authority for the sake of phishing attacks" (RFC 9110, section 4.2.4)
        if authority.contains('@') {
            return malformed("user and password in a URL are not supported; use -H 'Authorization: ...'");
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return malformed("something other than a port follows the address"),
            },
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        // "A recipient that processes such a URI reference MUST reject it as invalid." (RFC 9110,
        // section 4.2.1, of an empty host)
        if host.is_empty() {
            return malformed("the host is missing");
        }
        let port = match port {
            None | Some("") => DEFAULT_PORT,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 && port_is_digits(authority) => port,
                _ => return malformed("the port is no number from 1 to 65535"),
            },
        };
        let written = if authority.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let authority = if port == DEFAULT_PORT { written } else { format!("{written}:{port}") };
        if !target::is_authority(authority.as_bytes()) {
            return malformed("the host holds a character that no host has");
        }
        let Some(target) = escape(target) else { return malformed("white space or a control character") };
        Ok(Url { host: host.to_ascii_lowercase(), port, authority, target })
    }

    /// Where a Location field of a response from here leads (RFC 3986, section 5.2, without removing
    /// dot segments: servers do that).
    pub(crate) fn join(&self, reference: &str) -> Result<Url, UrlError> {
        let reference = reference.split('#').next().unwrap_or_default();
        let path = self.target.split('?').next().unwrap_or_default();
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        let absolute = match reference {
            r if r.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) => r.to_owned(),
            r if r.starts_with("//") => format!("http:{r}"),
            r if r.starts_with('/') => format!("http://{}{r}", self.authority),
            "" => self.to_string(),
            r if r.starts_with('?') => format!("http://{}{path}{r}", self.authority),
            r => format!("http://{}{folder}{r}", self.authority),
        };
        match absolute.split_once(':') {
            Some((scheme, _)) if !scheme.eq_ignore_ascii_case("http") => {
                Err(UrlError::Unsupported(scheme.to_ascii_lowercase()))
            }
            _ => Url::parse(&absolute),
        }
    }

    /// Last segment of the path, for a file's name.
    pub(crate) fn file_name(&self) -> Option<&str> {
        let path = self.target.split('?').next().unwrap_or_default();
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.target)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Malformed(why) => write!(f, "malformed URL: {why}"),
            UrlError::Unsupported(scheme) if scheme == "https" => {
                f.write_str("https is not supported yet, only http")
            }
            UrlError::Unsupported(scheme) => write!(f, "scheme {scheme} is not supported, only http"),
        }
    }
}

/// scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) (RFC 3986, section 3.1)
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// `+80` parses as a number, but is no port.
fn port_is_digits(authority: &str) -> bool {
    authority.rsplit(':').next().is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

/// Path and query as a request target: with a slash in front, and escapes where the text has
/// characters that a target must not hold. `None` for white space and controls.
fn escape(path_and_query: &str) -> Option<String> {
    let mut target = String::with_capacity(path_and_query.len() + 1);
    if !path_and_query.starts_with('/') {
        target.push('/');
    }
    for b in path_and_query.bytes() {
        match b {
            0..=b' ' | 0x7f => return None,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                target += &format!("%{b:02X}");
            }
            _ => target.push(char::from(b)),
        }
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, u16, String, String)> {
        Url::parse(text).ok().map(|url| (url.host, url.port, url.authority, url.target))
    }

    fn some(host: &str, port: u16, authority: &str, target: &str) -> Option<(String, u16, String, String)> {
        Some((host.into(), port, authority.into(), target.into()))
    }

    #[test]
    fn rfc9110_4_2_1_http_urls_are_taken_apart() {
        assert_eq!(parts("http://Example.com"), some("example.com", 80, "Example.com", "/"));
        assert_eq!(parts("HTTP://a:80/b?c#d"), some("a", 80, "a", "/b?c"));
        assert_eq!(parts("http://a:8080?q"), some("a", 8080, "a:8080", "/?q"));
        assert_eq!(parts("localhost:8080/x"), some("localhost", 8080, "localhost:8080", "/x"));
        assert_eq!(parts("http://[::1]:81/"), some("::1", 81, "[::1]:81", "/"));
        assert_eq!(parts("http://a/\u{e9}|"), some("a", 80, "a", "/%C3%A9%7C"));
        assert_eq!(parts("a/http://b"), some("a", 80, "a", "/http://b"));
        assert_eq!(parts("http://a:/"), some("a", 80, "a", "/"));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "http://",
            "http:///x",
            "http://a b/",
            "http://a/ b",
            "http://a:b/",
            "http://a:0/",
            "http://a:+1/",
            "http://u:p@a/",
            "http://[::1/",
            "http://[::1]x/",
            "http://a:99999/",
            "http://a\r\n/",
        ] {
            assert!(matches!(Url::parse(text), Err(UrlError::Malformed(_))), "{text}");
        }
        assert_eq!(Url::parse("https://a/"), Err(UrlError::Unsupported("https".into())));
        assert_eq!(Url::parse("ftp://a/"), Err(UrlError::Unsupported("ftp".into())));
    }

    #[test]
    fn rfc3986_5_4_references_are_resolved() {
        let base = Url::parse("http://a:81/b/c?d").unwrap();
        for (reference, expected) in [
            ("/x?y#z", "http://a:81/x?y"),
            ("x", "http://a:81/b/x"),
            ("?y", "http://a:81/b/c?y"),
            ("//g/h", "http://g/h"),
            ("http://g", "http://g/"),
            ("", "http://a:81/b/c?d"),
        ] {
            assert_eq!(
                base.join(reference).map(|url| url.to_string()),
                Ok(expected.to_owned()),
                "{reference}"
            );
        }
        assert_eq!(base.join("https://a/"), Err(UrlError::Unsupported("https".into())));
    }
}
