//! The chunked transfer coding, received (RFC 9112, section 7.1).
//!
//! ```text
//! size ──┬── CR LF ──▶ data ── CR LF ──▶ size ...
//!        ├── ";" extensions ── CR LF ─┘
//!        └── size 0 ──▶ trailer section (read by the head parser)
//! ```
//!
//! Every byte is looked at once and consumed at once, whatever the cutting: the state is the place in
//! the grammar. It does not read the trailer section and knows nothing of messages.

use crate::syntax::token::is_tchar;
use crate::{Lenient, Limits, PeerError};

/// Reads chunk framing and says where the data lies. No allocation; 40 bytes of state.
#[derive(Clone, Copy, Debug)]
pub struct Chunked {
    place: Place,
    digits: u8,
    /// The size being read, then what is left of the chunk.
    left: u64,
    /// Bytes of the current chunk line.
    line: u32,
    /// Extension bytes of the body so far.
    extensions: u32,
    /// Framing bytes of the body so far, and its data.
    framing: u64,
    data: u64,
}

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Size,
    /// Whitespace after the size (lenient).
    SizeSpace,
    /// After ";".
    ExtName0,
    ExtName,
    /// Whitespace after a name.
    ExtNameSpace,
    /// After "=".
    ExtValue0,
    ExtToken,
    ExtQuoted,
    ExtEscape,
    /// After the closing quote.
    ExtQuoteEnd,
    /// Whitespace after a value.
    ExtValueSpace,
    /// The LF of a chunk line.
    LineFeed,
    Data,
    /// CR, then LF, after the data.
    DataCr,
    DataLf,
    /// The last chunk has been read.
    Last,
}

/// What a piece of input holds, as offsets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// `len` bytes of data behind `skip` bytes of framing.
    Data {
        /// Framing bytes before the data.
        skip: usize,
        /// Data bytes, at least one.
        len: usize,
    },
    /// `len` bytes of a chunk extension behind `skip` bytes of framing; more may follow.
    Extension {
        /// Bytes before the extension.
        skip: usize,
        /// Extension bytes, at least one; the first of a chunk is `;`.
        len: usize,
        /// Bytes that are done with.
        consumed: usize,
    },
    /// The last chunk ends `skip` bytes on; the trailer section follows.
    Last {
        /// Bytes up to the trailer section.
        skip: usize,
    },
    /// The input ends inside framing or before data. All of it is used up.
    More {
        /// So many more bytes at least.
        at_least: usize,
    },
}

impl Chunked {
    /// At the start of a chunked body.
    pub const fn new() -> Self {
        Chunked { place: Place::Size, digits: 0, left: 0, line: 0, extensions: 0, framing: 0, data: 0 }
    }

    /// Reads the front of `input`. Extensions are stepped over, or with `report` returned as pieces.
    ///
    /// # Errors
    /// The grammar or a limit was broken, at the first byte that does.
    #[inline]
    pub fn recv(
        &mut self,
        input: &[u8],
        limits: &Limits,
        lenient: &Lenient,
        report: bool,
    ) -> Result<Piece, PeerError> {
        let mut at = 0;
        let mut extension = None;
        while at < input.len() && !matches!(self.place, Place::Data | Place::Last) {
            let before = *self;
            let is_extension = match (self.step(input[at], limits, lenient), extension) {
                (Ok(is_extension), _) => is_extension,
                (Err(error), None) => return Err(error),
                // First what came before the error, as it would with any other cutting.
                (Err(_), Some(skip)) => {
                    *self = before;
                    return Ok(Piece::Extension { skip, len: at - skip, consumed: at });
                }
            };
            match extension {
                None if is_extension && report => extension = Some(at),
                Some(skip) if !is_extension => {
                    return Ok(Piece::Extension { skip, len: at - skip, consumed: at + 1 });
                }
                _ => {}
            }
            at += 1;
        }
        if let Some(skip) = extension {
            return Ok(Piece::Extension { skip, len: at - skip, consumed: at });
        }
        match self.place {
            Place::Data if at < input.len() => {
                let here = input.len() - at;
                let len = usize::try_from(self.left).map_or(here, |left| left.min(here));
                self.left -= len as u64;
                self.data += len as u64;
                if self.left == 0 {
                    self.place = Place::DataCr;
                }
                Ok(Piece::Data { skip: at, len })
            }
            Place::Last => Ok(Piece::Last { skip: at }),
            _ => Ok(Piece::More { at_least: self.at_least(report) }),
        }
    }

    /// Takes one byte of framing. True when it belongs to an extension.
    #[inline]
    fn step(&mut self, b: u8, limits: &Limits, lenient: &Lenient) -> Result<bool, PeerError> {
        use Place::*;
        self.framing += 1;
        match self.place {
            // "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF", "chunk-data = 1*OCTET"
            DataCr if b == b'\r' => {
                self.place = DataLf;
                return Ok(false);
            }
            DataLf if b == b'\n' => {
                self.place = Size;
                (self.digits, self.left, self.line) = (0, 0, 0);
                return Ok(false);
            }
            DataCr | DataLf => return Err(PeerError::BadChunkEnd),
            _ => {}
        }
        self.line += 1;
        if self.line > limits.chunk_line {
            return Err(PeerError::ChunkLineTooLong);
        }
        match (self.place, b) {
            // "chunk-size = 1*HEXDIG"; "recipients MUST anticipate potentially large hexadecimal
            // numerals and prevent parsing errors due to integer conversion overflows"
            (Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (b as char).to_digit(16).unwrap_or_default();
                if self.digits == 16 || self.left > (i64::MAX as u64) >> 4 {
                    return Err(PeerError::ChunkTooLarge);
                }
                self.digits += 1;
                self.left = self.left << 4 | u64::from(digit);
                return Ok(false);
            }
            (LineFeed, b'\n') => return self.end_line(limits).map(|()| false),
            // A LF or CR that is not part of CR LF ends no line (RFC 9112, section 7.1, erratum 7633).
            (LineFeed, _) => return Err(PeerError::BadChunkLineEnd),
            (Size, _) if self.digits == 0 => return Err(PeerError::BadChunkSize),
            (ExtQuoted | ExtEscape, b'\r' | b'\n') => return Err(PeerError::BadChunkExtension),
            (_, b'\n') => return Err(PeerError::BadChunkLineEnd),
            (Size | SizeSpace | ExtName | ExtToken | ExtQuoteEnd, b'\r') => {
                self.place = LineFeed;
                return Ok(false);
            }
            (Size | SizeSpace, b' ' | b'\t') if lenient.chunk_whitespace => {
                self.place = SizeSpace;
                return Ok(false);
            }
            (Size | SizeSpace, b';') => self.place = ExtName0,
            (Size | SizeSpace, _) => return Err(PeerError::BadChunkSize),
            _ => self.place = extension(self.place, b).ok_or(PeerError::BadChunkExtension)?,
        }
        self.extensions += 1;
        if self.extensions > limits.chunk_extensions {
            return Err(PeerError::ChunkExtensionsTooLarge);
        }
        Ok(true)
    }

    fn end_line(&mut self, limits: &Limits) -> Result<(), PeerError> {
        self.place = if self.left == 0 { Place::Last } else { Place::Data };
        // One-byte chunks are five bytes of framing each. Beyond the allowance such a body is refused:
        // it costs far more to read than it carries.
        if self.framing > u64::from(limits.chunk_overhead) && self.framing / 4 > self.data {
            return Err(PeerError::ChunkOverhead);
        }
        Ok(())
    }

    fn at_least(&self, report: bool) -> usize {
        // After a size: CR LF and one byte of data, or with `report` the ";" of an extension.
        let after_size = if report { 1 } else { 3 };
        match self.place {
            Place::Size | Place::SizeSpace if self.digits > 0 => after_size,
            Place::LineFeed => 2,
            Place::DataCr => 3 + after_size,
            Place::DataLf => 2 + after_size,
            Place::Size => 1 + after_size,
            _ => 1,
        }
    }
}

impl Default for Chunked {
    fn default() -> Self {
        Chunked::new()
    }
}

/// The next place inside an extension.
///
/// "chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )",
/// "chunk-ext-val = token / quoted-string" (RFC 9112, section 7.1.1)
fn extension(place: Place, b: u8) -> Option<Place> {
    use Place::*;
    let space = matches!(b, b' ' | b'\t');
    Some(match place {
        ExtName0 if space => ExtName0,
        ExtName0 | ExtName if is_tchar(b) => ExtName,
        ExtName | ExtNameSpace if space => ExtNameSpace,
        ExtName | ExtNameSpace if b == b'=' => ExtValue0,
        ExtValue0 if space => ExtValue0,
        ExtValue0 if b == b'"' => ExtQuoted,
        ExtValue0 | ExtToken if is_tchar(b) => ExtToken,
        // "qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text" (RFC 9110, section 5.6.4)
        ExtQuoted if b == b'"' => ExtQuoteEnd,
        ExtQuoted if b == b'\\' => ExtEscape,
        ExtQuoted | ExtEscape if b == b'\t' || (b >= 0x20 && b != 0x7f) => ExtQuoted,
        ExtToken | ExtQuoteEnd | ExtValueSpace if space => ExtValueSpace,
        ExtName | ExtNameSpace | ExtToken | ExtQuoteEnd | ExtValueSpace if b == b';' => ExtName0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// Data, extensions, and how it ended, with the input cut into pieces of `cut` bytes.
    fn read(input: &[u8], cut: usize, lenient: Lenient) -> (Vec<u8>, String, Result<bool, PeerError>) {
        let limits = Limits::default();
        let (mut data, mut extensions, mut chunked) = (Vec::new(), String::new(), Chunked::new());
        for piece in input.chunks(cut) {
            let mut rest = piece;
            loop {
                match chunked.recv(rest, &limits, &lenient, true) {
                    Ok(Piece::Data { skip, len }) => {
                        data.extend_from_slice(&rest[skip..skip + len]);
                        rest = &rest[skip + len..];
                    }
                    Ok(Piece::Extension { skip, len, consumed }) => {
                        extensions.push_str(core::str::from_utf8(&rest[skip..skip + len]).unwrap());
                        rest = &rest[consumed..];
                    }
                    Ok(Piece::Last { .. }) => return (data, extensions, Ok(true)),
                    Ok(Piece::More { at_least }) => {
                        assert!(at_least > 0);
                        break;
                    }
                    Err(error) => return (data, extensions, Err(error)),
                }
            }
        }
        (data, extensions, Ok(false))
    }

    fn every_cut(input: &str, lenient: Lenient) -> (Vec<u8>, String, Result<bool, PeerError>) {
        let whole = read(input.as_bytes(), input.len().max(1), lenient);
        for cut in 1..input.len() {
            assert_eq!(read(input.as_bytes(), cut, lenient), whole, "{input:?} cut at {cut}");
        }
        whole
    }

    #[test]
    fn rfc9112_7_1_chunks_are_joined() {
        let (data, _, end) = every_cut("5\r\nhello\r\n006\r\n world\r\n0\r\n", Lenient::default());
        assert_eq!((&data[..], end), (&b"hello world"[..], Ok(true)));
        assert_eq!(every_cut("000\r\n", Lenient::default()).2, Ok(true));
        assert_eq!(every_cut("A\r\n0123456789\r\n", Lenient::default()).2, Ok(false));
    }

    #[test]
    fn rfc9112_7_1_sizes_are_hexadecimal_digits_and_nothing_else() {
        use PeerError::*;
        let table = [
            ("+5\r\n", BadChunkSize),
            ("-1\r\n", BadChunkSize),
            ("0x5\r\n", BadChunkSize),
            ("5_\r\n", BadChunkSize),
            ("\r\n", BadChunkSize),
            (" 5\r\n", BadChunkSize),
            ("5 \r\n", BadChunkSize),
            ("5 ;a\r\n", BadChunkSize),
            ("g\r\n", BadChunkSize),
            ("\n", BadChunkSize),
            ("8000000000000000\r\n", ChunkTooLarge),
            ("10000000000000005\r\n", ChunkTooLarge),
            ("00000000000000001\r\n", ChunkTooLarge),
            ("5\nhello\r\n", BadChunkLineEnd),
            ("5\rhello\r\n", BadChunkLineEnd),
            ("5;\nhello", BadChunkLineEnd),
            ("5;a\rX\r\n", BadChunkLineEnd),
            ("5;a\n", BadChunkLineEnd),
            ("5;a \r\n", BadChunkExtension),
            ("5;\r\n", BadChunkExtension),
            ("5;=b\r\n", BadChunkExtension),
            ("5;a=\r\n", BadChunkExtension),
            ("5;a b\r\n", BadChunkExtension),
            ("5;a=b c\r\n", BadChunkExtension),
            ("5;a=\"b\"c\r\n", BadChunkExtension),
            ("1;a=\"\r\nX\r\n0\r\n", BadChunkExtension),
            ("1;a=\"\\\r\n", BadChunkExtension),
            ("1;a=\"\x01\"\r\n", BadChunkExtension),
            ("5\r\nhelloXX0\r\n", BadChunkEnd),
            ("5\r\nhello\r0", BadChunkEnd),
            ("5\r\nhello\n0\r\n", BadChunkEnd),
            ("0\n", BadChunkLineEnd),
        ];
        for (input, error) in table {
            assert_eq!(every_cut(input, Lenient::default()).2, Err(error), "{input:?}");
        }
        assert_eq!(every_cut("7fffffffffffffff\r\nx", Lenient::default()).0, b"x");
    }

    #[test]
    fn rfc9112_7_1_1_extensions_are_parsed_and_reported() {
        let input = "1;a;b=c; d = \"e;\\\"\r\"\r\n";
        assert_eq!(every_cut(input, Lenient::default()).2, Err(PeerError::BadChunkExtension));
        let input = "1;a;b=c; d = \"e;\\\"\t\" ;f\r\nx\r\n0;last\r\n";
        let (data, extensions, end) = every_cut(input, Lenient::default());
        assert_eq!(extensions, ";a;b=c; d = \"e;\\\"\t\" ;f;last");
        assert_eq!((&data[..], end), (&b"x"[..], Ok(true)));
    }

    #[test]
    fn whitespace_after_the_size_needs_the_leniency() {
        let lenient = Lenient { chunk_whitespace: true, ..Lenient::default() };
        assert_eq!(every_cut("1 \t\r\nx\r\n0 ;a\r\n", lenient).2, Ok(true));
    }

    #[test]
    fn extensions_and_overhead_are_bounded() {
        let lenient = Lenient::default();
        let line = alloc::format!("1;{}\r\nx\r\n", "a".repeat(4090));
        assert_eq!(read(line.as_bytes(), 1000, lenient).2, Ok(false));
        let long = alloc::format!("1;{}\r\nx\r\n", "a".repeat(4095));
        assert_eq!(read(long.as_bytes(), 1000, lenient).2, Err(PeerError::ChunkLineTooLong));
        let many = line.repeat(5);
        assert_eq!(read(many.as_bytes(), 1000, lenient).2, Err(PeerError::ChunkExtensionsTooLarge));
        let tiny = "1\r\nx\r\n".repeat(20_000);
        assert_eq!(read(tiny.as_bytes(), 4096, lenient).2, Err(PeerError::ChunkOverhead));
        let small = "2\r\nxx\r\n".repeat(20_000);
        assert_eq!(read(small.as_bytes(), 4096, lenient).2, Ok(false));
    }
}
