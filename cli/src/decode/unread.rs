//! Input between its source and a machine.

use std::io::{self, Read};

/// Input that was not consumed is moved to the front of its buffer beyond so many bytes.
const COMPACT: usize = 64 << 10;

/// Bytes read and not consumed.
#[derive(Default)]
pub(super) struct Unread {
    bytes: Vec<u8>,
    start: usize,
}

impl Unread {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Appends up to `cut` bytes, as many as are there. Returns how many; 0 at the end of the input.
    pub(super) fn fill(&mut self, input: &mut impl Read, cut: usize) -> io::Result<usize> {
        if self.start >= COMPACT {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let len = self.bytes.len();
        self.bytes.resize(len + cut, 0);
        let read = loop {
            match input.read(&mut self.bytes[len..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(len + *read.as_ref().unwrap_or(&0));
        read
    }
}
