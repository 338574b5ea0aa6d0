//! Header blocks in hexadecimal, a line each, through one decoder of HPACK.

use super::report::Report;
use avx_core::Config;
use avx_core::h2::hpack::{DecodeLimits, Decoder, Section};
use std::io::{self, BufRead};

/// Decodes every line of `input`, with one dynamic table, until one of them is wrong. Whether none was.
pub(super) fn run(config: &Config, input: impl BufRead, report: &mut Report<'_>) -> io::Result<bool> {
    let limits = DecodeLimits { list_size: config.h2.field_section, fields: config.limits.fields.into() };
    let mut decoder = Decoder::new(4096);
    decoder.set_max_table_size(config.h2.table_size);
    let mut section = Section::new();
    let mut clean = true;
    for (number, line) in (1..).zip(input.split(b'\n')) {
        let Some(block) = block(&line?).map_err(|why| wrong(number, why))? else { continue };
        match decoder.decode(&block, &mut section, limits) {
            Ok(decoded) => report.other()?.block(number, &section, decoded, decoder.table_size())?,
            Err(error) => {
                // The tables are out of step: what follows means nothing.
                report.other()?.block_error(number, error)?;
                clean = false;
                break;
            }
        }
        report.flush()?;
    }
    report.flush()?;
    Ok(clean)
}

/// The bytes of a line; `None` when there is nothing but space, or a comment.
fn block(line: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let text = line.split(|&b| b == b'#').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for &b in text.iter().filter(|b| !b.is_ascii_whitespace()) {
        let digit = char::from(b).to_digit(16);
        let digit =
            digit.ok_or_else(|| format!("expected hexadecimal digits, found `{}`", b.escape_ascii()))?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push((high * 16 + digit) as u8),
        }
    }
    match high {
        Some(_) => Err("expected two hexadecimal digits for each byte, but their number is odd".to_owned()),
        None => Ok((!bytes.is_empty()).then_some(bytes)),
    }
}

fn wrong(line: u64, why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_comments_and_empty_lines_are_skipped() {
        assert_eq!(block(b"82 86\t41 \r"), Ok(Some(vec![0x82, 0x86, 0x41])));
        assert_eq!(block(b"fF00 # the end"), Ok(Some(vec![0xff, 0])));
        assert_eq!(block(b"  # nothing"), Ok(None));
        assert_eq!(block(b""), Ok(None));
        assert!(block(b"8").is_err_and(|why| why.contains("odd")));
        assert!(block(b"8g").is_err_and(|why| why.contains("`g`")));
    }
}
