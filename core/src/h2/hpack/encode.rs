//! Fields to header blocks (RFC 7541, section 6).

use super::history::History;
use super::known::Known;
use super::table::{OVERHEAD, Table, copy, ends};
use super::{huffman, integer, section, static_table};
use crate::Field;
use alloc::vec::Vec;

/// Encodes the field sections of one direction of a connection, in the order they are sent.
///
/// Holds nothing on the heap until it meets a field that is not in the static table; then 768 bytes of
/// history and what its entries take, up to two and a half times the table size (12 KiB in all at 4096).
///
/// What is likely to come next is compared first, because field sections repeat; else a field is found by
/// its hash. Both are O(1), however many entries there are.
#[derive(Debug)]
pub struct Encoder {
    table: Table<Links>,
    /// Number of the newest entry in each chain of equal hashes: of name and value, and of names that are
    /// not in the static table.
    fields: Vec<u32>,
    names: Vec<u32>,
    /// Number of the entry that stood for a field last, of the one that the next field is compared with
    /// first, and of the one that begins most blocks.
    last: u32,
    guess: u32,
    first: u32,
    history: History,
    /// The smallest table size chosen since the last block, when a size update is due.
    smallest: Option<u32>,
}

/// What an entry is found by: its hashes, and the numbers of the entries before it in both chains; and what
/// is likely to come next.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    hash: u32,
    name_hash: u32,
    older: u32,
    older_name: u32,
    /// Number of the entry that followed last time: field sections repeat.
    follower: u32,
}

/// SETTINGS_HEADER_TABLE_SIZE until the peer says otherwise (RFC 9113, section 6.5.2).
const INITIAL_TABLE_SIZE: u32 = 4096;

/// Entries looked at for a field. Hashes are not keyed; this bounds what chosen fields can cost.
const STEPS: usize = 8;

impl Default for Encoder {
    fn default() -> Self {
        Encoder::new()
    }
}

impl Encoder {
    /// An encoder with the table size that every connection begins with: 4096.
    pub const fn new() -> Self {
        let table = Table::new(INITIAL_TABLE_SIZE);
        Encoder {
            table,
            fields: Vec::new(),
            names: Vec::new(),
            last: 0,
            guess: 0,
            first: 0,
            smallest: None,
            history: History::new(),
        }
    }

    /// Chooses a table size: the smaller one of the peer's SETTINGS_HEADER_TABLE_SIZE and of what this end
    /// wants to spend. The next block says so.
    pub fn set_max_table_size(&mut self, setting: u32, cap: u32) {
        let size = setting.min(cap);
        if size != self.table.max() || self.smallest.is_some() {
            self.smallest = Some(self.smallest.unwrap_or(size).min(size));
        }
        self.table.set_max(size);
    }

    /// Size of the dynamic table in the RFC's accounting: names, values, and 32 bytes for each entry.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// The entries of the dynamic table, newest first: for tests and tools.
    pub fn table(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let entries = (0..self.table.len()).filter_map(|back| self.table.entry(back));
        entries.map(|entry| (self.table.name(entry), self.table.value(entry)))
    }

    /// Room that [`encode`](Encoder::encode) needs for these fields: more than it fills, but not by much.
    pub fn bound<'a>(&self, fields: impl IntoIterator<Item = Field<'a>>) -> usize {
        let strings = fields.into_iter().map(|field| field.name.len() + field.value.len() + FIELD_OVERHEAD);
        strings.sum::<usize>() + SECTION_OVERHEAD
    }

    /// What so many fields, with so many octets of names and values, add to [`bound`](Encoder::bound).
    #[inline]
    pub(crate) fn bound_more(fields: usize, strings: usize) -> usize {
        strings + fields * FIELD_OVERHEAD
    }

    /// Writes one header block and returns its length. Names have to be in lower case already. Linear;
    /// allocates only while the table grows.
    ///
    /// # Panics
    /// When `out` is shorter than [`bound`](Encoder::bound) says.
    pub fn encode<'a>(&mut self, fields: impl IntoIterator<Item = Field<'a>>, out: &mut [u8]) -> usize {
        let at = self.size_updates(out);
        (self.last, self.guess) = (0, self.first);
        self.encode_more(fields, out, at)
    }

    /// Goes on with the block that [`encode`](Encoder::encode) began, from `at` on, and returns where it ends.
    #[inline]
    pub(crate) fn encode_more<'a>(
        &mut self,
        fields: impl IntoIterator<Item = Field<'a>>,
        out: &mut [u8],
        mut at: usize,
    ) -> usize {
        for field in fields {
            at = self.field(&field, out, at);
        }
        at
    }

    #[inline]
    fn size_updates(&mut self, out: &mut [u8]) -> usize {
        let Some(smallest) = self.smallest.take() else { return 0 };
        let mut at = 0;
        // RFC 7541, section 4.2: "In the case that this size is changed more than once in this interval,
        // the smallest maximum table size that occurs in that interval MUST be signaled in a dynamic
        // table size update. The final maximum size is always signaled, resulting in at most two dynamic
        // table size updates."
        if smallest < self.table.max() {
            at = integer::encode(smallest, 0x20, 5, out, at);
        }
        integer::encode(self.table.max(), 0x20, 5, out, at)
    }

    #[inline(always)]
    fn field(&mut self, field: &Field<'_>, out: &mut [u8], at: usize) -> usize {
        if let Some((back, entry)) = self.table.numbered(self.guess) {
            if !field.sensitive && self.table.is(entry, field.name, field.value) {
                self.last = self.guess;
                self.guess = entry.with.follower;
                self.history.found(entry.with.name_hash);
                return integer::encode(FIRST + back, 0x80, 7, out, at);
            }
        }
        self.search(field, out, at)
    }

    fn search(&mut self, field: &Field<'_>, out: &mut [u8], mut at: usize) -> usize {
        let known = Known::of(field.name);
        let secret = is_secret(known, field);
        if !secret {
            if let Some(index) = static_table::find(known, field.value) {
                return integer::encode(index, 0x80, 7, out, at);
            }
        }
        let name_hash = if known == Known::Other { hash(field.name, 0) } else { u64::from(known as u8) };
        let field_hash = hash(field.value, name_hash) as u32;
        let name_hash = name_hash as u32;
        if !secret {
            if let Some((number, back)) = self.find(field, field_hash) {
                self.history.found(name_hash);
                self.follow(number);
                return integer::encode(FIRST + back, 0x80, 7, out, at);
            }
        }
        let name = self.name(known, field.name, name_hash);
        let incremental = !secret && self.is_worth_it(known, field, name, name_hash, field_hash);
        at = match (incremental, secret) {
            (true, _) => integer::encode(name, 0x40, 6, out, at),
            (_, false) => integer::encode(name, 0x00, 4, out, at),
            (_, true) => integer::encode(name, 0x10, 4, out, at),
        };
        if name == 0 {
            at = string(field.name, out, at);
        }
        at = string(field.value, out, at);
        if incremental {
            self.insert(field, field_hash, name_hash);
        }
        at
    }

    /// Whether a field should enter the table.
    fn is_worth_it(&mut self, known: Known, field: &Field<'_>, name: u32, name_hash: u32, hash: u32) -> bool {
        let (size, max) = (field.name.len() + field.value.len() + OVERHEAD, self.table.max() as usize);
        let worth_it = self.history.is_worth_it(known, name_hash, hash);
        // Room to spare, or a name that is in no table yet.
        let anyway = self.table.size() + size <= max / 8 * 5 || name == 0;
        size <= max / 4 * 3 && (worth_it || anyway)
    }

    /// The index of this name, or 0.
    fn name(&self, known: Known, name: &[u8], hash: u32) -> u32 {
        match known.static_index() {
            Some(index) => index,
            None => self.find_name(name, hash).map_or(0, |back| FIRST + back),
        }
    }

    /// The entry of this number stands for a field.
    fn follow(&mut self, number: u32) {
        match self.table.with_mut(self.last) {
            Some(links) => links.follower = number,
            None => self.first = number,
        }
        self.last = number;
        self.guess = self.table.numbered(number).map_or(0, |(_, entry)| entry.with.follower);
    }

    /// The number of the entry for this field, and how many are newer.
    fn find(&self, field: &Field<'_>, hash: u32) -> Option<(u32, u32)> {
        let mut number = *self.fields.get(hash as usize & self.fields.len().wrapping_sub(1))?;
        for _ in 0..STEPS {
            let (back, entry) = self.table.numbered(number)?;
            if entry.with.hash == hash && self.table.is(entry, field.name, field.value) {
                return Some((number, back));
            }
            number = entry.with.older;
        }
        None
    }

    /// How many entries are newer than the newest of this name.
    fn find_name(&self, name: &[u8], hash: u32) -> Option<u32> {
        let mut number = *self.names.get(hash as usize & self.names.len().wrapping_sub(1))?;
        for _ in 0..STEPS {
            let (back, entry) = self.table.numbered(number)?;
            if entry.with.name_hash == hash && self.table.name(entry) == name {
                return Some(back);
            }
            number = entry.with.older_name;
        }
        None
    }

    fn insert(&mut self, field: &Field<'_>, hash: u32, name_hash: u32) {
        let (name, value) = (field.name, field.value);
        let with = Links { hash, name_hash, ..Links::default() };
        let Some(room) = self.table.insert(name.len(), value.len(), with) else { return };
        copy(name, room, name.len());
        copy(value, &mut room[name.len()..], value.len());
        let newest = self.table.number(0);
        if self.table.capacity() == self.fields.len() {
            self.link(newest);
        } else {
            self.fields = alloc::vec![0; self.table.capacity()];
            self.names = alloc::vec![0; self.table.capacity()];
            for back in (0..self.table.len()).rev() {
                self.link(self.table.number(back));
            }
        }
        self.follow(newest);
    }

    /// Puts the entry of this number at the front of its chains.
    fn link(&mut self, number: u32) {
        let mask = self.fields.len().wrapping_sub(1);
        let Some(links) = self.table.with_mut(number) else { return };
        if let Some(newest) = self.fields.get_mut(links.hash as usize & mask) {
            links.older = core::mem::replace(newest, number);
        }
        if let Some(newest) = self.names.get_mut(links.name_hash as usize & mask) {
            links.older_name = core::mem::replace(newest, number);
        }
    }
}

/// Whether a field must not enter any table.
fn is_secret(known: Known, field: &Field<'_>) -> bool {
    // RFC 7541, section 7.1.3: "An encoder might also choose not to index values for header fields that
    // are considered to be highly valuable or sensitive to recovery, such as the Cookie or Authorization
    // header fields."
    match known {
        Known::Authorization | Known::ProxyAuthorization | Known::SetCookie => true,
        // "Short or low-entropy values are more readily recovered by an adversary."
        Known::Cookie => field.sensitive || field.value.len() < 20,
        _ => field.sensitive,
    }
}

/// The dynamic table's first index.
const FIRST: u32 = static_table::LEN as u32 + 1;

/// Octets a field takes at most beyond its name and value: three integers.
const FIELD_OVERHEAD: usize = 3 * integer::MAX_LEN;

/// Octets a section takes at most beyond its fields: two size updates, and what is written ahead.
const SECTION_OVERHEAD: usize = 2 * integer::MAX_LEN + section::SLACK;

/// A string literal, with the Huffman code when that is shorter.
#[inline]
fn string(bytes: &[u8], out: &mut [u8], at: usize) -> usize {
    let len = bytes.len();
    if len < 0x7f {
        // No longer than this, its length takes one octet: written afterwards.
        if let Some(end) = huffman::encode(bytes, out, at + 1).filter(|end| end - at - 1 < len) {
            out[at] = 0x80 | (end - at - 1) as u8;
            return end;
        }
        out[at] = len as u8;
        copy(bytes, &mut out[at + 1..], len);
        return at + 1 + len;
    }
    let encoded = huffman::encoded_len(bytes);
    if encoded < len {
        let at = integer::encode(encoded as u32, 0x80, 7, out, at);
        if let Some(end) = huffman::encode(bytes, out, at) {
            return end;
        }
    }
    let at = integer::encode(len as u32, 0, 7, out, at);
    copy(bytes, &mut out[at..], len);
    at + len
}

/// Not keyed: see [`STEPS`].
#[inline]
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mix = |hash: u64, (a, b): (u64, u64)| {
        let product = u128::from(hash ^ a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
        product as u64 ^ (product >> 64) as u64
    };
    let mut hash = seed ^ (bytes.len() as u64) << 32;
    let mut rest = bytes;
    while rest.len() > 16 {
        hash = mix(hash, ends(&rest[..16]));
        rest = &rest[16..];
    }
    let last = if bytes.len() > 16 { &bytes[bytes.len() - 16..] } else { bytes };
    mix(hash, ends(last))
}
