//! The path of a request as names below a directory.

use crate::message::decode_bytes;

/// Names below the root, and whether a slash ends the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Below {
    pub(super) names: Vec<String>,
    pub(super) slash: bool,
}

/// Takes apart what the request's path says behind the mount point and its slash. `None` for a path that names
/// nothing that could be served: a name that is empty, `.` or `..`, that holds a separator of any
/// system, a drive or stream mark, NUL or another control character, or that is not UTF-8; or, unless
/// `hidden`, one that begins with a dot (but `.well-known`, RFC 8615).
pub(super) fn below(path: &[u8], hidden: bool) -> Option<Below> {
    if path.is_empty() {
        return Some(Below { names: Vec::new(), slash: true });
    }
    let (path, slash) = match path.strip_suffix(b"/") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let names = path.split(|&b| b == b'/').map(|name| {
        let name = String::from_utf8(decode_bytes(name)).ok()?;
        let bad = |b: u8| b.is_ascii_control() || matches!(b, b'/' | b'\\' | b':');
        let hides = !hidden && is_hidden(name.as_bytes());
        let refused = name.is_empty() || name == "." || name == ".." || hides || name.bytes().any(bad);
        (!refused && !is_device(&name)).then_some(name)
    });
    Some(Below { names: names.collect::<Option<_>>()?, slash })
}

/// Whether this name is one of those that are not served by default: it begins with a dot and is not
/// `.well-known` (RFC 8615).
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && name != b".well-known"
}

/// Names that stand for devices on Windows, whatever their extension.
fn is_device(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    if !cfg!(windows) {
        return false;
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let port = |prefix: &str| stem.strip_prefix(prefix).is_some_and(|n| n.chars().count() == 1);
    DEVICES.contains(&stem.as_str()) || port("com") || port("lpt") || name.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_directory() {
        let refused = [
            "/..",
            "/../x",
            "/a/../b",
            "/%2e%2e/x",
            "/.%2e/x",
            "/%2E./x",
            "/a%2f..%2fb",
            "/a\\b",
            "/a%5cb",
            "/%00",
            "/a%00.html",
            "//a",
            "/a//b",
            "/.",
            "/./a",
            "/C:/x",
            "/a:b",
            "/.git/config",
            "/a/.env",
            "/%0a",
            "/%ff",
            "//",
            "/..%5c",
            "/...%2f",
        ];
        for path in refused {
            assert_eq!(below(&path.as_bytes()[1..], false), None, "{path}");
        }
        assert_eq!(below(b"../x", true), None);
    }

    #[test]
    fn names_are_decoded() {
        let names = |path: &str| below(&path.as_bytes()[1..], false).map(|b| (b.names.join("|"), b.slash));
        assert_eq!(names("/"), Some((String::new(), true)));
        assert_eq!(names("/a%20b/c.txt"), Some(("a b|c.txt".into(), false)));
        assert_eq!(names("/dir/"), Some(("dir".into(), true)));
        assert_eq!(names("/.well-known/x"), Some((".well-known|x".into(), false)));
        assert_eq!(below(b".env", true).map(|b| b.names.len()), Some(1));
        assert_eq!(names("/..."), None);
    }
}
