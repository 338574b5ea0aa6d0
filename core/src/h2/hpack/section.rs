//! A decoded field section: working memory that is used again and again.

use super::known::Known;
use super::static_table;
use crate::{Field, Fields, Span};
use alloc::vec::Vec;

/// What is known of a field beyond its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Its name by number.
    pub known: Known,
    /// The name is [`Known`] or a token in lower case, and the value holds nothing but what a field value
    /// may: what RFC 9113, section 8.2.1, demands of both, and RFC 9110, section 5.5, of the value.
    /// Checked when it entered a table, not again when it was referred to.
    pub well_formed: bool,
    /// It came as a never-indexed literal, and has to be passed on as one (RFC 7541, section 6.2.3).
    pub never_indexed: bool,
}

/// Names and values of one header block, one after the other, and where each of them stands.
///
/// One per thread, not per connection: it keeps its memory. That is at most the list size allowed, 1.6
/// times the longest block, and 20 bytes for each field allowed.
#[derive(Debug, Default)]
pub struct Section {
    /// Text, and behind it room that was used before.
    pub(super) text: Vec<u8>,
    pub(super) used: usize,
    pub(super) spans: Vec<Span>,
    pub(super) marks: Vec<Mark>,
}

/// Room behind all text: short strings are copied so many bytes at a time.
pub(super) const SLACK: usize = static_table::WIDTH;

impl Section {
    /// No memory yet.
    pub const fn new() -> Self {
        Section { text: Vec::new(), used: 0, spans: Vec::new(), marks: Vec::new() }
    }

    /// The fields, in the order received.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.text(), &self.spans)
    }

    /// The bytes that the spans point into.
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.used).unwrap_or_default()
    }

    /// Where the fields stand in the text.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// What is known of each field; as many as there are fields.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The fields with their marks. A field that came never-indexed is [`sensitive`](Field::sensitive),
    /// so that passing it on keeps it so.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Field<'_>, Mark)> {
        let marked = self.fields().into_iter().zip(self.marks.iter());
        marked.map(|(field, &mark)| (Field { sensitive: mark.never_indexed, ..field }, mark))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Forgets the fields and keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
        self.spans.clear();
        self.marks.clear();
    }

    /// Appends the values at `spans` behind the text with `separator` between them, and returns where they
    /// stand as one.
    pub(in crate::h2) fn join(&mut self, values: &[Span], separator: &[u8]) -> (u32, u32) {
        let start = self.used;
        for (i, span) in values.iter().enumerate() {
            let range = span.value as usize..(span.value_end as usize).min(self.used);
            let between = if i == 0 { &[][..] } else { separator };
            self.room(between.len() + range.len());
            let at = self.used + between.len();
            self.text[self.used..at].copy_from_slice(between);
            self.used = at + range.len();
            self.text.copy_within(range, at);
        }
        (start as u32, self.used as u32)
    }

    /// Gives back memory beyond so many bytes of text.
    pub fn shrink_to(&mut self, text: usize) {
        let text = text.max(self.used);
        self.text.truncate(text);
        self.text.shrink_to(text);
        self.spans.shrink_to(text / 32);
        self.marks.shrink_to(text / 32);
    }

    /// Makes room for `n` bytes behind the text and some more, and lends all there is from there on.
    #[inline(always)]
    pub(super) fn room(&mut self, n: usize) -> &mut [u8] {
        let needed = self.used + n + SLACK;
        if self.text.len() < needed {
            self.grow(needed);
        }
        &mut self.text[self.used..]
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        self.text.resize(needed.next_power_of_two(), 0);
    }

    /// Takes the next `name_len` and `value_len` bytes behind the text as a field.
    #[inline(always)]
    pub(super) fn push(&mut self, name_len: usize, value_len: usize, mark: Mark) {
        let name_end = self.used + name_len;
        let value_end = name_end + value_len;
        self.spans.push(Span {
            name: self.used as u32,
            name_end: name_end as u32,
            value: name_end as u32,
            value_end: value_end as u32,
        });
        self.marks.push(mark);
        self.used = value_end;
    }
}
