//! Field lines as arguments.

use avx_core::syntax::token;

/// `Name: value`, `Name;` (an empty value) or `Name:` (no such line).
pub(crate) fn parse(line: &str) -> Option<(&str, Option<&str>)> {
    let (name, value) = match line.split_once(':') {
        Some((name, value)) => (name, Some(value.trim_matches([' ', '\t'])).filter(|v| !v.is_empty())),
        None => (line.strip_suffix(';')?, Some("")),
    };
    let plain = value.is_none_or(|value| !value.contains(|c: char| c != '\t' && c.is_ascii_control()));
    (token::is_token(name.as_bytes()) && plain).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_lines_have_three_forms() {
        assert_eq!(parse("A: b c "), Some(("A", Some("b c"))));
        assert_eq!(parse("A:b:c"), Some(("A", Some("b:c"))));
        assert_eq!(parse("A;"), Some(("A", Some(""))));
        assert_eq!(parse("A:"), Some(("A", None)));
        for wrong in ["A", "", ": x", "A b: c", "A: b\r\nC: d"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
