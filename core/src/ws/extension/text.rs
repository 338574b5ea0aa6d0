//! What a handshake says about permessage-deflate, in fixed storage.

use core::fmt;
use core::fmt::Write;

/// Bytes of the longest text: two offers with all their parameters.
const MOST: usize = 280;

/// The value of a `Sec-WebSocket-Extensions` to send. Empty when there is none.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; MOST],
    len: u16,
}

impl Text {
    /// Nothing.
    pub const EMPTY: Text = Text { bytes: [0; MOST], len: 0 };

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an extension without parameters.
    pub(super) fn element(&mut self, name: &str) {
        self.push(if self.is_empty() { "" } else { ", " }, name, None);
    }

    /// Appends a parameter, if it is to be there.
    pub(super) fn param(&mut self, yes: bool, name: &str, value: Option<u8>) {
        if yes {
            self.push("; ", name, value);
        }
    }

    fn push(&mut self, before: &str, name: &str, value: Option<u8>) {
        let written = match value {
            None => write!(self, "{before}{name}"),
            Some(value) => write!(self, "{before}{name}={value}"),
        };
        debug_assert!(written.is_ok(), "no longer text than MOST is ever made");
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let at = usize::from(self.len);
        let room = self.bytes.get_mut(at..at + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len() as u16;
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}
