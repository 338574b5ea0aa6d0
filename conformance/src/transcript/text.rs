//! Bytes as text: the escapes of the transcripts.
//!
//! ```text
//! \r \n \t \0 \\   as in most languages          \xHH       the byte HH
//! \{N b}           the byte b, N times           \ at the end of a line: no CR LF here
//! ```

/// Runs of at least so many equal bytes are written with a count.
const RUN: usize = 24;

/// The bytes that `text` stands for.
///
/// # Errors
/// What is wrong with an escape.
pub(super) fn parse(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (len, byte) = match rest[at + 1..].chars().next() {
            Some('r') => (2, b'\r'),
            Some('n') => (2, b'\n'),
            Some('t') => (2, b'\t'),
            Some('0') => (2, 0),
            Some('\\') => (2, b'\\'),
            Some('x') => {
                let digits = rest.get(at + 2..at + 4).ok_or("\\x lacks its two digits")?;
                (4, u8::from_str_radix(digits, 16).map_err(|_| format!("bad escape \\x{digits}"))?)
            }
            Some('{') => {
                let end = closing(rest, at).ok_or("\\{ is not closed")?;
                let (count, what) =
                    rest[at + 2..end].split_once(' ').ok_or("\\{ needs a count and a text")?;
                let count: usize = count.parse().map_err(|_| format!("bad count {count}"))?;
                let unit = parse(what)?;
                out.extend(unit.iter().copied().cycle().take(count * unit.len()));
                rest = &rest[end + 1..];
                continue;
            }
            other => return Err(format!("unknown escape \\{}", other.unwrap_or(' '))),
        };
        out.push(byte);
        rest = &rest[at + len..];
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Where the brace behind the backslash at `open` is closed; others may stand inside.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    text.bytes().enumerate().skip(open).find_map(|(at, b)| {
        match b {
            b'{' if text[..at].ends_with('\\') => depth += 1,
            b'}' => depth -= 1,
            _ => return None,
        }
        (depth == 0).then_some(at)
    })
}

/// `bytes` on one line, so that [`parse`] gives them back.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let b = bytes[at];
        let run = bytes[at..].iter().take_while(|&&other| other == b).count();
        let edge = at == 0 || at + 1 == bytes.len();
        let one = match b {
            b'\r' => "\\r".into(),
            b'\n' => "\\n".into(),
            b'\t' => "\\t".into(),
            0 => "\\0".into(),
            b'\\' => "\\\\".into(),
            b' ' if edge => "\\x20".into(),
            b' '..=b'~' => (b as char).to_string(),
            _ => format!("\\x{b:02x}"),
        };
        if run >= RUN {
            out.push_str(&format!("\\{{{run} {one}}}"));
            at += run;
        } else {
            out.push_str(&one);
            at += 1;
        }
    }
    out
}

/// The bytes of a block: each line ends in CR LF unless it ends with a backslash.
///
/// # Errors
/// What is wrong with an escape, or a line that ends in whitespace nobody sees.
pub(super) fn parse_block(lines: &[String]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for line in lines {
        if line.ends_with([' ', '\t']) {
            return Err(format!("write the whitespace at the end of {line:?} as \\x20 or \\t"));
        }
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            out.extend(parse(&line[..line.len() - 1])?);
        } else {
            out.extend(parse(line)?);
            out.extend_from_slice(b"\r\n");
        }
    }
    Ok(out)
}

/// `bytes` as the lines of a block.
pub(super) fn escape_block(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        lines.push(escape(&rest[..at]));
        rest = &rest[at + 2..];
    }
    if !rest.is_empty() {
        lines.push(escape(rest) + "\\");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_through_text() {
        let all: Vec<u8> = (0..=255).chain(*b" a  b ").chain([b'x'; 100]).chain(*b"\r\n\r\nend \\").collect();
        assert_eq!(parse(&escape(&all)).unwrap(), all);
        assert_eq!(parse_block(&escape_block(&all)).unwrap(), all);
        assert_eq!(parse_block(&escape_block(b"a\r\n\r\n")).unwrap(), b"a\r\n\r\n");
        assert_eq!(parse("\\{3 ab}c").unwrap(), b"abababc");
    }
}
