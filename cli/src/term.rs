//! Colours, on terminals only, and text that cannot take a terminal over.

use std::env;
use std::fmt;
use std::io::IsTerminal;

/// Whether `stream` is to be coloured: a terminal that can, and a user who did not set `NO_COLOR`
/// (<https://no-color.org>).
pub(crate) fn wants_colour(stream: &impl IsTerminal) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A palette: escape sequences, or nothing at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) bold: &'static str,
    pub(crate) dim: &'static str,
    pub(crate) red: &'static str,
    pub(crate) green: &'static str,
    pub(crate) yellow: &'static str,
    pub(crate) cyan: &'static str,
    pub(crate) reset: &'static str,
}

impl Paint {
    pub(crate) const PLAIN: Paint =
        Paint { bold: "", dim: "", red: "", green: "", yellow: "", cyan: "", reset: "" };

    const COLOURED: Paint = Paint {
        bold: "\x1b[1m",
        dim: "\x1b[2m",
        red: "\x1b[31m",
        green: "\x1b[32m",
        yellow: "\x1b[33m",
        cyan: "\x1b[36m",
        reset: "\x1b[0m",
    };

    /// The palette for `stream`.
    pub(crate) fn of(stream: &impl IsTerminal) -> Paint {
        if wants_colour(stream) { Paint::COLOURED } else { Paint::PLAIN }
    }
}

/// Bytes of a peer as text: UTF-8 as it is, but controls and whatever is no UTF-8 as `\xNN`.
pub(crate) struct Safe<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(at) = rest.find(is_unsafe) {
                let (text, control) = rest.split_at(at);
                f.write_str(text)?;
                let len = control.chars().next().map_or(0, char::len_utf8);
                escape(f, &control.as_bytes()[..len])?;
                rest = &control[len..];
            }
            f.write_str(rest)?;
            escape(f, chunk.invalid())?;
        }
        Ok(())
    }
}

/// Controls, and the marks that reorder the text around them.
fn is_unsafe(c: char) -> bool {
    c != '\t' && c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|b| write!(f, "\\x{b:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_broken_utf8_are_escaped_and_text_is_not() {
        assert_eq!(Safe(b"plain \xc3\xa9\ttab").to_string(), "plain é\ttab");
        assert_eq!(Safe(b"\x1b[31mred\x07\xff").to_string(), "\\x1b[31mred\\x07\\xff");
        assert_eq!(Safe("a\u{202e}b".as_bytes()).to_string(), "a\\xe2\\x80\\xaeb");
    }
}
