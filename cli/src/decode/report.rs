//! What a machine said, as calls; the pieces of one body joined.

use avx_core::{BodyLen, ErrorCode, Fields, PeerError, Protocol, RequestHead, ResponseHead, StreamId};
use std::io;

/// Content held back until its end, at most.
const JOINED: usize = 16 << 20;

/// One way to print.
pub(super) trait Printer {
    fn request(&mut self, stream: StreamId, head: &RequestHead<'_>, body: BodyLen) -> io::Result<()>;
    fn response(&mut self, stream: StreamId, head: &ResponseHead<'_>, body: BodyLen) -> io::Result<()>;
    fn informational(&mut self, stream: StreamId, head: &ResponseHead<'_>) -> io::Result<()>;
    fn data(&mut self, stream: StreamId, data: &[u8]) -> io::Result<()>;
    fn end(&mut self, stream: StreamId, trailers: Fields<'_>, dropped: u16) -> io::Result<()>;
    fn reset(&mut self, stream: StreamId, code: ErrorCode) -> io::Result<()>;
    fn switched(&mut self, to: Protocol, rest: u64) -> io::Result<()>;
    fn need_more(&mut self, at_least: usize) -> io::Result<()>;
    fn error(&mut self, error: PeerError) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

/// Joins content and hands everything to a [`Printer`].
pub(super) struct Report<'p> {
    printer: Box<dyn Printer + 'p>,
    stream: StreamId,
    content: Vec<u8>,
}

impl<'p> Report<'p> {
    pub(super) fn new(printer: Box<dyn Printer + 'p>) -> Self {
        Report { printer, stream: StreamId(0), content: Vec::new() }
    }

    /// A piece of content.
    pub(super) fn data(&mut self, stream: StreamId, mut data: &[u8]) -> io::Result<()> {
        self.stream = stream;
        while !data.is_empty() {
            let n = data.len().min(JOINED - self.content.len());
            self.content.extend_from_slice(&data[..n]);
            data = &data[n..];
            if self.content.len() == JOINED {
                // Cut between characters, so that text stays text.
                let whole = JOINED - cut_character(&self.content);
                self.printer.data(stream, &self.content[..whole])?;
                self.content.drain(..whole);
            }
        }
        Ok(())
    }

    /// The printer, for anything but content; what was joined so far is printed first.
    pub(super) fn other(&mut self) -> io::Result<&mut (dyn Printer + 'p)> {
        if !self.content.is_empty() {
            self.printer.data(self.stream, &self.content)?;
            self.content.clear();
        }
        Ok(self.printer.as_mut())
    }

    /// What was printed so far becomes visible.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.printer.flush()
    }
}

/// Length of the incomplete character at the end of otherwise valid UTF-8.
fn cut_character(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_falls_between_characters_of_text_and_anywhere_else() {
        assert_eq!(cut_character("abc".as_bytes()), 0);
        assert_eq!(cut_character(&"ab€".as_bytes()[..4]), 2);
        assert_eq!(cut_character(b"ab\xff"), 0);
    }
}
