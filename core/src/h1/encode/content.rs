//! Writing content: counted, chunked, or until the end of the connection (RFC 9112, sections 6 and 7.1).

use super::lines::Lines;
use super::{put, put_fields};
use crate::{Field, Output, UsageError};

/// Content being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::h1) enum Sending {
    /// So many bytes are due.
    Length(u64),
    /// Chunks. `line_end`: a chunk whose data the caller wrote still lacks its CR LF.
    Chunked { line_end: bool },
    /// Until the connection ends.
    Close,
}

/// Writes as much of `data` as fits, framed, and returns how much that was.
#[inline]
pub(in crate::h1) fn data(
    sending: &mut Sending,
    data: &[u8],
    out: &mut dyn Output,
) -> Result<usize, UsageError> {
    match sending {
        Sending::Length(left) => {
            let left_after = left.checked_sub(data.len() as u64).ok_or(UsageError::BodyTooLong)?;
            let n = data.len().min(out.room());
            out.reserve(n)?.copy_from_slice(&data[..n]);
            *left = left_after + (data.len() - n) as u64;
            Ok(n)
        }
        Sending::Close => {
            let n = data.len().min(out.room());
            out.reserve(n)?.copy_from_slice(&data[..n]);
            Ok(n)
        }
        Sending::Chunked { line_end } => {
            let line = ChunkLine::fitting(data.len(), out.room(), *line_end, 2);
            if line.size == 0 {
                return Ok(0);
            }
            let buf = out.reserve(line.len() + line.size + 2)?;
            let mut at = line.put(buf);
            put(buf, &mut at, &data[..line.size]);
            put(buf, &mut at, b"\r\n");
            *line_end = false;
            Ok(line.size)
        }
    }
}

/// Writes the framing of `len` bytes that the caller writes itself, and returns how many it may.
pub(in crate::h1) fn frame(
    sending: &mut Sending,
    len: usize,
    out: &mut dyn Output,
) -> Result<usize, UsageError> {
    match sending {
        Sending::Length(left) => {
            *left = left.checked_sub(len as u64).ok_or(UsageError::BodyTooLong)?;
            Ok(len)
        }
        Sending::Close => Ok(len),
        Sending::Chunked { .. } if len == 0 => Ok(0),
        Sending::Chunked { line_end } => {
            let line = ChunkLine { size: len, line_end: *line_end };
            let Ok(buf) = out.reserve(line.len()) else { return Ok(0) };
            line.put(buf);
            *line_end = true;
            Ok(len)
        }
    }
}

/// Writes the end of the content, with trailers where the framing has a place for them.
pub(in crate::h1) fn end(
    sending: &Sending,
    trailers: &[Field<'_>],
    out: &mut dyn Output,
) -> Result<(), UsageError> {
    let lines = Lines::of_trailers(trailers)?;
    match *sending {
        Sending::Length(0) | Sending::Close => Ok(()),
        Sending::Length(_) => Err(UsageError::BodyTooShort),
        Sending::Chunked { line_end } => {
            let buf = out.reserve(usize::from(line_end) * 2 + 3 + lines + 2)?;
            let mut at = 0;
            if line_end {
                put(buf, &mut at, b"\r\n");
            }
            put(buf, &mut at, b"0\r\n");
            put_fields(buf, &mut at, trailers);
            put(buf, &mut at, b"\r\n");
            Ok(())
        }
    }
}

/// The line before a chunk's data, with the end of the chunk before it where that is missing.
struct ChunkLine {
    size: usize,
    line_end: bool,
}

impl ChunkLine {
    /// For as much of `len` bytes as fits into `room` with the line and `behind` more bytes.
    #[inline]
    fn fitting(len: usize, room: usize, line_end: bool, behind: usize) -> Self {
        let mut line = ChunkLine { size: len, line_end };
        if line.len() + len + behind > room {
            // The line for the room itself is no shorter than the one for what then fits.
            line.size = room;
            line.size = room.saturating_sub(line.len() + behind);
        }
        line
    }

    fn digits(&self) -> usize {
        ((usize::BITS - self.size.leading_zeros()) as usize).div_ceil(4).max(1)
    }

    fn len(&self) -> usize {
        usize::from(self.line_end) * 2 + self.digits() + 2
    }

    fn put(&self, buf: &mut [u8]) -> usize {
        let mut at = 0;
        if self.line_end {
            put(buf, &mut at, b"\r\n");
        }
        for i in (0..self.digits()).rev() {
            put(buf, &mut at, &[b"0123456789abcdef"[self.size >> (4 * i) & 15]]);
        }
        put(buf, &mut at, b"\r\n");
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceOutput;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn rfc9112_7_1_a_chunk_takes_what_the_room_allows() {
        for room in 0..600 {
            let mut memory = vec![0; room];
            let mut out = SliceOutput::new(&mut memory);
            let mut sending = Sending::Chunked { line_end: false };
            let n = data(&mut sending, &[b'x'; 300], &mut out).unwrap();
            assert!(room < 307 || n == 300, "{room} {n}");
            assert!(room < 7 || n > 0, "{room} {n}");
            if n == 0 {
                assert!(out.is_empty());
                continue;
            }
            let want = alloc::format!("{n:x}\r\n{}\r\n", "x".repeat(n));
            assert_eq!(out.filled(), want.as_bytes());
        }
    }

    #[test]
    fn framed_chunks_get_their_line_end_from_what_follows() {
        let mut out = Vec::new();
        let mut sending = Sending::Chunked { line_end: false };
        assert_eq!(frame(&mut sending, 3, &mut out), Ok(3));
        out.extend_from_slice(b"abc");
        assert_eq!(frame(&mut sending, 17, &mut out), Ok(17));
        out.extend_from_slice(&[b'z'; 17]);
        assert_eq!(data(&mut sending, b"de", &mut out), Ok(2));
        assert_eq!(frame(&mut sending, 1, &mut out), Ok(1));
        out.extend_from_slice(b"f");
        end(&sending, &[Field::new("x-sum", "1")], &mut out).unwrap();
        let want = "3\r\nabc\r\n11\r\nzzzzzzzzzzzzzzzzz\r\n2\r\nde\r\n1\r\nf\r\n0\r\nx-sum: 1\r\n\r\n";
        assert_eq!(core::str::from_utf8(&out).unwrap(), want);
    }
}
