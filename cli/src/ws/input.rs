//! Standard input, read on a thread that may block: a line or a piece at a time, never more than one ahead.

use super::Failure;
use avx_http::ws::Message;
use runtime_avx::{Handle, Unblock};
use std::future::{Future, poll_fn};
use std::io::{self, BufRead, BufReader, Read, Stdin};
use std::pin::Pin;

/// Bytes of one binary message.
const PIECE: usize = 64 << 10;

/// What is to be sent.
pub(super) struct Input {
    handle: Handle,
    mode: Mode,
    state: State,
}

/// What becomes of it.
#[derive(Clone, Copy)]
enum Mode {
    /// A text for each line, of so many bytes at most.
    Lines(u64),
    /// Bytes, as they are read.
    Pieces,
}

type Reader = BufReader<Stdin>;

enum State {
    Idle(Reader),
    Busy(Unblock<(Reader, io::Result<Vec<u8>>)>),
    Done,
}

impl Input {
    pub(super) fn new(handle: &Handle, binary: bool, longest: u64) -> Self {
        let mode = if binary { Mode::Pieces } else { Mode::Lines(longest) };
        Input { handle: handle.clone(), mode, state: State::Idle(BufReader::new(io::stdin())) }
    }

    /// The next message; `None` at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            match &mut self.state {
                State::Idle(_) => {
                    let State::Idle(mut reader) = std::mem::replace(&mut self.state, State::Done) else {
                        continue;
                    };
                    let mode = self.mode;
                    self.state = State::Busy(self.handle.unblock(move || {
                        let bytes = mode.read(&mut reader);
                        (reader, bytes)
                    }));
                }
                State::Busy(work) => {
                    let (reader, bytes) = poll_fn(|cx| Pin::new(&mut *work).poll(cx)).await;
                    self.state = State::Done;
                    let bytes = bytes.map_err(|error| {
                        Failure::new(format_args!("standard input cannot be read: {error}"))
                    })?;
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    self.state = State::Idle(reader);
                    return self.mode.message(bytes).map(Some);
                }
                State::Done => return Ok(None),
            }
        }
    }
}

impl Mode {
    /// A line with its end, or a piece; nothing at the end of the input.
    fn read(self, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            // A line's end, and one byte that shows that it is too long.
            Mode::Lines(longest) => {
                reader.take(longest.saturating_add(3)).read_until(b'\n', &mut bytes)?;
            }
            Mode::Pieces => loop {
                bytes.resize(PIECE, 0);
                match reader.read(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => {
                        bytes.truncate(read?);
                        break;
                    }
                }
            },
        }
        Ok(bytes)
    }

    fn message(self, mut bytes: Vec<u8>) -> Result<Message, Failure> {
        let Mode::Lines(longest) = self else { return Ok(Message::binary(bytes)) };
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.len() as u64 > longest {
            return Err(Failure::new(format_args!("a line has more than {longest} bytes (--max-message)")));
        }
        String::from_utf8(bytes)
            .map(Message::text)
            .map_err(|_| Failure::new("a line is not UTF-8; --binary sends any bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mode: Mode, mut input: &[u8]) -> Result<Vec<String>, String> {
        let mut messages = Vec::new();
        loop {
            match mode.read(&mut input) {
                Ok(bytes) if bytes.is_empty() => return Ok(messages),
                Ok(bytes) => {
                    let message = mode.message(bytes).map_err(|failure| failure.to_string())?;
                    messages.push(message.escape_ascii().to_string());
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn lines_are_messages_without_their_ends() {
        assert_eq!(all(Mode::Lines(3), b"a\nb\r\n\n123\r\nend").unwrap(), ["a", "b", "", "123", "end"]);
        assert_eq!(all(Mode::Lines(3), b"a\nb\r\n\n123\r\n").unwrap(), ["a", "b", "", "123"]);
        assert_eq!(all(Mode::Lines(3), b"1234\n").unwrap_err(), LONG.replace('N', "3"));
        assert_eq!(all(Mode::Lines(3), b"1234567\n").unwrap_err(), LONG.replace('N', "3"));
        assert_eq!(all(Mode::Lines(3), b"123").unwrap(), ["123"]);
        assert!(all(Mode::Lines(3), b"\xff\n").unwrap_err().contains("UTF-8"));
    }

    const LONG: &str = "a line has more than N bytes (--max-message)";

    #[test]
    fn pieces_are_messages_as_they_are() {
        assert_eq!(all(Mode::Pieces, b"a\n\xff").unwrap(), ["a\\n\\xff"]);
        let long = vec![7; PIECE + 1];
        let messages = all(Mode::Pieces, &long).unwrap();
        assert_eq!(messages.iter().map(|text| text.len() / 4).collect::<Vec<_>>(), [PIECE, 1]);
    }
}
