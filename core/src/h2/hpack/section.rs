//! A decoded field section: working memory that is used again and again.

use super::known::Known;
use super::table::OVERHEAD;
use crate::{Field, Fields, Span};
use alloc::vec::Vec;

/// What is known of a field beyond its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    known: Known,
    flags: u8,
}

const WELL_FORMED: u8 = 1;
const NEVER_INDEXED: u8 = 2;

impl Mark {
    #[inline(always)]
    pub(super) const fn new(known: Known, well_formed: bool, never_indexed: bool) -> Self {
        Mark { known, flags: well_formed as u8 * WELL_FORMED + never_indexed as u8 * NEVER_INDEXED }
    }

    /// The field's name by number.
    #[inline]
    pub const fn known(self) -> Known {
        self.known
    }

    /// Whether the name is [`Known`] or a token in lower case, and the value holds nothing but what a
    /// field value may: what RFC 9113, section 8.2.1, demands of both, and RFC 9110, section 5.5, of the
    /// value. Checked when the field entered a table, not again when it was referred to.
    #[inline]
    pub const fn is_well_formed(self) -> bool {
        self.flags & WELL_FORMED != 0
    }

    /// Whether the field came as a never-indexed literal, and has to be passed on as one (RFC 7541,
    /// section 6.2.3).
    #[inline]
    pub const fn is_never_indexed(self) -> bool {
        self.flags & NEVER_INDEXED != 0
    }
}

/// Names and values of one header block, one after the other, and where each of them stands.
///
/// One per thread, not per connection: it keeps its memory. That is 18 bytes for each field allowed, and for
/// text at most twice the sum of the list size allowed and 1.6 times the longest block.
#[derive(Debug, Default)]
pub struct Section {
    /// Text, and behind it room that was used before.
    text: Vec<u8>,
    used: usize,
    /// Spans and marks, and behind them such of before.
    spans: Vec<Span>,
    marks: Vec<Mark>,
    count: usize,
}

/// Room behind all text: short strings are copied so many bytes at a time.
pub(super) const SLACK: usize = 64;

impl Section {
    /// No memory yet.
    pub const fn new() -> Self {
        Section { text: Vec::new(), used: 0, spans: Vec::new(), marks: Vec::new(), count: 0 }
    }

    /// The fields, in the order received.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self.text(), self.spans())
    }

    /// The bytes that the spans point into.
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.used).unwrap_or_default()
    }

    /// Where the fields stand in the text.
    pub fn spans(&self) -> &[Span] {
        self.spans.get(..self.count).unwrap_or_default()
    }

    /// What is known of each field; as many as there are fields.
    pub fn marks(&self) -> &[Mark] {
        self.marks.get(..self.count).unwrap_or_default()
    }

    /// The fields with their marks. A field that came never-indexed is [`sensitive`](Field::sensitive),
    /// so that passing it on keeps it so.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Field<'_>, Mark)> {
        let marked = self.fields().into_iter().zip(self.marks());
        marked.map(|(field, &mark)| (Field { sensitive: mark.is_never_indexed(), ..field }, mark))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the fields and keeps the memory.
    pub fn clear(&mut self) {
        (self.used, self.count) = (0, 0);
    }

    /// Appends the values at `spans` behind the text with `separator` between them, and returns where they
    /// stand as one.
    pub(in crate::h2) fn join(&mut self, values: &[Span], separator: &[u8]) -> (u32, u32) {
        let start = self.used;
        for (i, span) in values.iter().enumerate() {
            let range = span.value as usize..(span.value_end as usize).min(self.used);
            let between = if i == 0 { &[][..] } else { separator };
            let needed = self.used + between.len() + range.len();
            if self.text.len() < needed {
                self.text.resize(needed.next_power_of_two(), 0);
            }
            let at = self.used + between.len();
            self.text[self.used..at].copy_from_slice(between);
            self.used = at + range.len();
            self.text.copy_within(range, at);
        }
        (start as u32, self.used as u32)
    }

    /// Gives memory back: all but so many bytes of text, and what the fields held now take.
    pub fn shrink_to(&mut self, text: usize) {
        let text = text.max(self.used);
        let count = self.count.max(text / OVERHEAD);
        self.text.truncate(text);
        self.text.shrink_to_fit();
        self.spans.truncate(count);
        self.spans.shrink_to_fit();
        self.marks.truncate(count);
        self.marks.shrink_to_fit();
    }

    /// Makes room for so many fields and for a first few.
    #[inline]
    pub(super) fn start(&mut self, fields: usize) -> Writer<'_> {
        self.clear();
        if self.spans.len() < fields || self.marks.len() < fields {
            self.grow_fields(fields);
        }
        Writer { spans: &mut self.spans[..fields], marks: &mut self.marks[..fields], text: &mut self.text }
    }

    /// What the writer wrote.
    #[inline]
    pub(super) fn finish(&mut self, used: usize, count: usize) {
        (self.used, self.count) = (used, count);
    }

    #[cold]
    fn grow_fields(&mut self, fields: usize) {
        let fields = fields.next_multiple_of(32);
        self.spans.resize(fields.max(self.spans.len()), Span::default());
        self.marks.resize(fields.max(self.marks.len()), Mark::default());
    }
}

/// The memory of a section while it is written. The writer counts bytes and fields in its registers.
pub(super) struct Writer<'s> {
    text: &'s mut Vec<u8>,
    spans: &'s mut [Span],
    marks: &'s mut [Mark],
}

impl Writer<'_> {
    /// Makes room for `n` bytes behind `used`, and some more, and lends all there is from there on.
    #[inline(always)]
    pub(super) fn room(&mut self, used: usize, n: usize) -> &mut [u8] {
        let needed = used + n + SLACK;
        if self.text.len() < needed {
            self.grow(needed);
        }
        &mut self.text[used..]
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        self.text.resize(needed.next_power_of_two(), 0);
    }

    /// Takes the next `name_len` and `value_len` bytes behind `used` as the field of this number; false
    /// when there is no room for so many fields.
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        number: usize,
        used: usize,
        name_len: usize,
        value_len: usize,
        mark: Mark,
    ) -> bool {
        let (Some(span), Some(at)) = (self.spans.get_mut(number), self.marks.get_mut(number)) else {
            return false;
        };
        let name_end = (used + name_len) as u32;
        *span = Span {
            name: used as u32,
            name_end,
            value: name_end,
            value_end: (used + name_len + value_len) as u32,
        };
        *at = mark;
        true
    }
}
