//! The page that lists a directory.

use super::open::{Root, inside};
use avx_core::Date;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Entries shown at most: bounds the memory of a page.
const MAX_ENTRIES: usize = 10_000;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.2rem;word-break:break-all}\
table{border-collapse:collapse;width:100%}\
td{padding:.25rem .5rem;border-top:1px solid #8883}\
td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;opacity:.7}\
a{text-decoration:none}a:hover{text-decoration:underline}";

struct Entry {
    name: String,
    is_dir: bool,
    len: u64,
    modified: Option<u64>,
}

/// The page: directories first, then files, each by name.
pub(super) fn page(root: &Root, dir: &Path, shown: &str, top: bool) -> io::Result<String> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir)?.take(MAX_ENTRIES) {
        let entry = entry?;
        // A name that is not Unicode could not be asked for.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') && !root.hidden {
            continue;
        }
        let Ok(mut meta) = entry.metadata() else { continue };
        if meta.is_symlink() {
            // What it leads to is shown if it would be served.
            let Ok(Some((_, target))) = inside(root, &entry.path()) else { continue };
            meta = target;
        }
        if !(meta.is_dir() || meta.is_file()) {
            continue;
        }
        let modified = meta.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let modified = modified.map(|since| since.as_secs());
        entries.push(Entry { name, is_dir: meta.is_dir(), len: meta.len(), modified });
    }
    entries.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.name.cmp(&b.name)));
    Ok(render(shown, top, &entries))
}

fn render(shown: &str, top: bool, entries: &[Entry]) -> String {
    let title = escape(shown);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n<table>\n"
    );
    if !top {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in entries {
        let slash = if entry.is_dir { "/" } else { "" };
        let len = if entry.is_dir { String::new() } else { size(entry.len) };
        let date = entry.modified.map(Date::from_unix);
        // "Sun, 06 Nov 1994 08:49:37 GMT" without the day's name, seconds and zone
        let date = date.as_ref().map_or("".into(), |date| String::from_utf8_lossy(&date.as_bytes()[5..22]));
        let (link, name) = (encode(&entry.name), escape(&entry.name));
        let _ = writeln!(page, "<tr><td><a href=\"./{link}{slash}\">{name}{slash}</a><td>{len}<td>{date}");
    }
    page.push_str("</table>\n");
    page
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut n = bytes as f64 / 1024.0;
    let mut unit = 0;
    while n >= 1024.0 && unit + 1 < UNITS.len() {
        n /= 1024.0;
        unit += 1;
    }
    format!("{n:.1} {}", UNITS[unit])
}

/// For HTML text and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

/// For one segment of a path: everything but unreserved characters (RFC 3986, section 2.3) escaped.
fn encode(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
            out.push(b as char);
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let name = "<img src=x onerror=\"alert('1')\">&".to_owned();
        let entries = [Entry { name, is_dir: false, len: 1536, modified: Some(784_111_777) }];
        let page = render("/a<b>/", false, &entries);
        assert!(!page.contains("<img") && !page.contains("a<b>"), "{page}");
        assert!(page.contains("%3Cimg%20src%3Dx"), "{page}");
        assert!(page.contains("1.5 KiB") && page.contains("06 Nov 1994 08:49"), "{page}");
        assert!(page.contains("../"));
    }
}
