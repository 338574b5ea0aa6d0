//! The dynamic table (RFC 7541, sections 2.3.2 and 4).
//!
//! ```text
//!   bytes     [ ... dropped ... | oldest entry | ... | newest entry | room ... ]
//!   entries   a ring: where the name and value of each stand, and what its user keeps with it
//! ```
//!
//! Name and value of an entry stand side by side. Dropping an entry moves a mark; when the room behind the
//! newest is used up, what is left moves to the front, or to a larger buffer while that is allowed.
//! Entries are numbered in the order they came.

use super::section::SLACK;
use alloc::vec::Vec;

/// "The additional 32 octets account for an estimated overhead associated with an entry." (RFC 7541,
/// section 4.1)
pub(super) const OVERHEAD: usize = 32;

/// Where one entry stands, and what its user keeps with it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry<M> {
    at: u32,
    name_len: u32,
    value_len: u32,
    pub(super) with: M,
}

/// A bounded queue of fields: new ones enter at one end, old ones leave at the other.
#[derive(Debug)]
pub(super) struct Table<M> {
    bytes: Vec<u8>,
    /// One past the newest entry's last byte.
    end: usize,
    /// A ring, a power of two in length or empty: entry `number` stands at `number % length`.
    entries: Vec<Entry<M>>,
    /// Number of the oldest entry.
    oldest: u32,
    /// Number that the next entry gets.
    next: u32,
    /// In the RFC's accounting.
    size: usize,
    max: usize,
}

impl<M: Copy + Default> Table<M> {
    /// An empty table that allocates with its first entry.
    pub(super) const fn new(max: u32) -> Self {
        let max = max as usize;
        Table { bytes: Vec::new(), end: 0, entries: Vec::new(), oldest: 1, next: 1, size: 0, max }
    }

    pub(super) fn max(&self) -> u32 {
        self.max as u32
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Number of entries.
    #[inline(always)]
    pub(super) fn len(&self) -> u32 {
        self.next.wrapping_sub(self.oldest)
    }

    /// The number of the newest entry but `back`.
    #[inline(always)]
    pub(super) fn number(&self, back: u32) -> u32 {
        self.next.wrapping_sub(1).wrapping_sub(back)
    }

    /// The entry of this number, and how many are newer; `None` when it is no longer there.
    #[inline(always)]
    pub(super) fn numbered(&self, number: u32) -> Option<(u32, &Entry<M>)> {
        let back = self.number(0).wrapping_sub(number);
        if back >= self.len() {
            return None;
        }
        Some((back, self.entries.get(self.place(number))?))
    }

    /// Whether the entry has this name and value.
    #[inline(always)]
    pub(super) fn is(&self, entry: &Entry<M>, name: &[u8], value: &[u8]) -> bool {
        entry.name_len as usize == name.len()
            && entry.value_len as usize == value.len()
            && same(self.value(entry), value)
            && same(self.name(entry), name)
    }

    /// The newest entry but `back`.
    #[inline(always)]
    pub(super) fn entry(&self, back: u32) -> Option<&Entry<M>> {
        if back >= self.len() {
            return None;
        }
        self.entries.get(self.place(self.number(back)))
    }

    /// What its user keeps with the entry of this number.
    #[inline(always)]
    pub(super) fn with_mut(&mut self, number: u32) -> Option<&mut M> {
        if self.number(0).wrapping_sub(number) >= self.len() {
            return None;
        }
        let place = self.place(number);
        self.entries.get_mut(place).map(|entry| &mut entry.with)
    }

    /// How many entries there is memory for: 0 or a power of two.
    pub(super) fn capacity(&self) -> usize {
        self.entries.len()
    }

    #[inline(always)]
    fn place(&self, number: u32) -> usize {
        number as usize & self.entries.len().wrapping_sub(1)
    }

    /// Name and value side by side, all bytes behind them, and the lengths of both.
    #[inline(always)]
    pub(super) fn text(&self, entry: &Entry<M>) -> (&[u8], usize, usize) {
        let text = self.bytes.get(entry.at as usize..).unwrap_or_default();
        (text, entry.name_len as usize, entry.value_len as usize)
    }

    #[inline(always)]
    pub(super) fn name(&self, entry: &Entry<M>) -> &[u8] {
        let (text, name, _) = self.text(entry);
        text.get(..name).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn value(&self, entry: &Entry<M>) -> &[u8] {
        let (text, name, value) = self.text(entry);
        text.get(name..name + value).unwrap_or_default()
    }

    /// Changes the maximum size and drops what no longer fits.
    pub(super) fn set_max(&mut self, max: u32) {
        self.max = max as usize;
        // RFC 7541, section 4.3: "Whenever the maximum size for the dynamic table is reduced, entries are
        // evicted from the end of the dynamic table until the size of the dynamic table is less than or
        // equal to the maximum size."
        self.drop_to(self.max);
        if self.max == 0 {
            (self.bytes, self.entries, self.end) = (Vec::new(), Vec::new(), 0);
        }
    }

    fn drop_to(&mut self, size: usize) {
        while self.size > size {
            let place = self.place(self.oldest);
            let Some(entry) = self.entries.get(place) else { return };
            self.size -= entry.name_len as usize + entry.value_len as usize + OVERHEAD;
            self.oldest = self.oldest.wrapping_add(1);
        }
    }

    /// Adds an entry and lends its bytes, and some more behind them, to be filled. `None` when it is
    /// larger than the whole table, which is empty then.
    #[inline]
    pub(super) fn insert(&mut self, name_len: usize, value_len: usize, with: M) -> Option<&mut [u8]> {
        let text = name_len + value_len;
        let size = text + OVERHEAD;
        // RFC 7541, section 4.4: "Before a new entry is added to the dynamic table, entries are evicted
        // from the end of the dynamic table until the size of the dynamic table is less than or equal to
        // (maximum size - new entry size) or until the table is empty."
        self.drop_to(self.max.saturating_sub(size));
        // "It is not an error to attempt to add an entry that is larger than the maximum size; an attempt
        // to add an entry larger than the maximum size causes the table to be emptied of all existing
        // entries and results in an empty table."
        if size > self.max {
            return None;
        }
        if self.end + text + SLACK > self.bytes.len() {
            self.make_room(text);
        }
        if self.len() as usize == self.entries.len() {
            self.grow_entries();
        }
        let at = self.end;
        let place = self.place(self.next);
        self.entries[place] =
            Entry { at: at as u32, name_len: name_len as u32, value_len: value_len as u32, with };
        self.next = self.next.wrapping_add(1);
        self.size += size;
        self.end += text;
        Some(&mut self.bytes[at..])
    }

    /// Moves all entries to the front, of a larger buffer when a quarter of this one would not be free.
    #[cold]
    fn make_room(&mut self, text: usize) {
        let start = self.entry(self.len().wrapping_sub(1)).map_or(self.end, |oldest| oldest.at as usize);
        let held = self.end - start;
        let needed = held + text + SLACK;
        let len = self.bytes.len();
        self.bytes.copy_within(start..self.end, 0);
        if needed + len / 4 > len {
            // A quarter more than the table may hold is enough to move each byte four times at most. The
            // buffer may be larger than that already, from before the table was made smaller.
            let most = self.max.saturating_add(self.max / 4 + SLACK);
            let wanted = (len * 2).max(needed + needed / 4).max(256).min(most).max(needed).max(len);
            self.bytes.reserve_exact(wanted - len);
            self.bytes.resize(wanted, 0);
        }
        for number in 0..self.len() {
            let place = self.place(self.oldest.wrapping_add(number));
            self.entries[place].at -= start as u32;
        }
        self.end = held;
    }

    #[cold]
    fn grow_entries(&mut self) {
        let len = (self.entries.len() * 2).max(8);
        let mut entries = alloc::vec![Entry::default(); len];
        for number in 0..self.len() {
            let number = self.oldest.wrapping_add(number);
            entries[number as usize & (len - 1)] = self.entries[self.place(number)];
        }
        self.entries = entries;
    }
}

/// Copies the first `len` bytes. Short strings go a fixed number of bytes at a time where both slices
/// have so many: what stands behind them in `to` may be overwritten.
#[inline(always)]
pub(super) fn copy(from: &[u8], to: &mut [u8], len: usize) {
    if len <= HALF {
        if let (Some(from), Some(to)) = (from.first_chunk::<HALF>(), to.first_chunk_mut::<HALF>()) {
            *to = *from;
            return;
        }
    } else if len <= SLACK {
        if let (Some(from), Some(to)) = (from.first_chunk::<SLACK>(), to.first_chunk_mut::<SLACK>()) {
            *to = *from;
            return;
        }
    }
    to[..len].copy_from_slice(&from[..len]);
}

const HALF: usize = SLACK / 2;

/// Whether both are equal, without a call for most names and values.
#[inline(always)]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.first_chunk(), a.last_chunk(), b.first_chunk(), b.last_chunk()) {
        (Some(first), Some(last), Some(other), Some(other_last)) if a.len() <= 32 => {
            (u128::from_le_bytes(*first) ^ u128::from_le_bytes(*other))
                | (u128::from_le_bytes(*last) ^ u128::from_le_bytes(*other_last))
                == 0
        }
        (None, ..) => ends(a) == ends(b),
        _ => a == b,
    }
}

/// All of up to sixteen bytes, some of them twice.
#[inline(always)]
pub(super) const fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
    } else if let [first, .., last] = bytes {
        (*first as u64, (bytes[bytes.len() / 2] as u64) << 8 | *last as u64)
    } else if let [byte] = bytes {
        (*byte as u64, 0)
    } else {
        (0, 0)
    }
}
