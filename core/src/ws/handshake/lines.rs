//! The few field lines of a handshake, in fixed storage, and what is asked of received ones.

use crate::syntax::list;
use crate::syntax::token::trim;
use crate::{Field, Fields};
use core::ops::Deref;

/// At most so many lines.
const MOST: usize = 6;

/// Field lines to send: a slice of them.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    lines: [Field<'a>; MOST],
    len: usize,
}

impl<'a> Lines<'a> {
    pub(super) const fn new() -> Self {
        Lines { lines: [line(b"", b""); MOST], len: 0 }
    }

    pub(super) fn push(&mut self, name: &'static [u8], value: &'a [u8]) {
        if let Some(free) = self.lines.get_mut(self.len) {
            *free = line(name, value);
            self.len += 1;
        }
    }
}

impl<'a> Deref for Lines<'a> {
    type Target = [Field<'a>];

    fn deref(&self) -> &[Field<'a>] {
        self.lines.get(..self.len).unwrap_or_default()
    }
}

pub(super) const fn line<'a>(name: &'static [u8], value: &'a [u8]) -> Field<'a> {
    Field { name, value, sensitive: false }
}

/// Whether some line of this name lists `token`, ignoring case.
pub(super) fn lists(fields: Fields<'_>, name: &str, token: &str) -> bool {
    fields.get_all(name).any(|value| list::contains(value, token))
}

/// The value of the one line of this name.
pub(super) fn single<'b>(fields: Fields<'b>, name: &str) -> Option<&'b [u8]> {
    let mut values = fields.get_all(name);
    let value = values.next()?;
    values.next().is_none().then_some(trim(value))
}
