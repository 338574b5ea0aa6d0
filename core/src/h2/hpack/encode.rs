//! Fields to header blocks (RFC 7541, section 6).

use super::known::Known;
use super::table::{Table, copy};
use super::{huffman, integer, section, static_table};
use crate::Field;
use alloc::vec::Vec;

/// Encodes the field sections of one direction of a connection, in the order they are sent.
///
/// Holds nothing on the heap until it remembers a field.
#[derive(Debug)]
pub struct Encoder {
    table: Table<Links>,
    /// Number of the newest entry in each chain of equal hashes: of name and value, and of names that are
    /// not in the static table.
    fields: Vec<u32>,
    names: Vec<u32>,
    /// The smallest table size chosen since the last block, when a size update is due.
    smallest: Option<u32>,
}

/// What an entry is found by: its hashes, and the numbers of the entries before it in both chains.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    hash: u32,
    name_hash: u32,
    older: u32,
    older_name: u32,
}

/// How a field may be represented.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indexing {
    Incremental,
    Without,
    Never,
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
        Encoder { table, fields: Vec::new(), names: Vec::new(), smallest: None }
    }

    /// Chooses a table size: the smaller one of the peer's SETTINGS_HEADER_TABLE_SIZE and of what this end
    /// wants to spend. The next block says so.
    pub fn set_max_table_size(&mut self, setting: u32, cap: u32) {
        let size = setting.min(cap);
        let before = self.table.max();
        if size != before || self.smallest.is_some() {
            self.smallest = Some(self.smallest.unwrap_or(before).min(size));
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
        strings.sum::<usize>() + 2 * integer::MAX_LEN + section::SLACK
    }

    /// Writes one header block and returns its length. Names have to be in lower case already. Linear;
    /// allocates only while the table grows.
    ///
    /// # Panics
    /// When `out` is shorter than [`bound`](Encoder::bound) says.
    pub fn encode<'a>(&mut self, fields: impl IntoIterator<Item = Field<'a>>, out: &mut [u8]) -> usize {
        let mut at = self.size_updates(out);
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

    fn field(&mut self, field: &Field<'_>, out: &mut [u8], mut at: usize) -> usize {
        let known = Known::of(field.name);
        let indexing = self.indexing(known, field);
        let name_hash = if known == Known::Other { hash(field.name, 0) } else { u64::from(known as u8) };
        let field_hash = hash(field.value, name_hash) as u32;
        if indexing != Indexing::Never {
            let found = static_table::find(known, field.value);
            if let Some(index) = found.or_else(|| self.find(field, field_hash)) {
                return integer::encode(index, 0x80, 7, out, at);
            }
        }
        let name_hash = name_hash as u32;
        let index = known.static_index().or_else(|| self.find_name(field.name, name_hash)).unwrap_or(0);
        at = match indexing {
            Indexing::Incremental => integer::encode(index, 0x40, 6, out, at),
            Indexing::Without => integer::encode(index, 0x00, 4, out, at),
            Indexing::Never => integer::encode(index, 0x10, 4, out, at),
        };
        if index == 0 {
            at = string(field.name, out, at);
        }
        at = string(field.value, out, at);
        if indexing == Indexing::Incremental {
            self.insert(field, field_hash, name_hash);
        }
        at
    }

    fn indexing(&self, known: Known, field: &Field<'_>) -> Indexing {
        // RFC 7541, section 7.1.3: "An encoder might also choose not to index values for header fields
        // that are considered to be highly valuable or sensitive to recovery, such as the Cookie or
        // Authorization header fields."
        let secret = match known {
            Known::Authorization | Known::ProxyAuthorization | Known::SetCookie => true,
            // "Short or low-entropy values are more readily recovered by an adversary."
            Known::Cookie => field.value.len() < 20,
            _ => false,
        };
        if field.sensitive || secret {
            return Indexing::Never;
        }
        // What seldom comes twice would only push out what does.
        let once = matches!(
            known,
            Known::Path
                | Known::Age
                | Known::ContentLength
                | Known::Etag
                | Known::IfModifiedSince
                | Known::IfNoneMatch
                | Known::Location
        );
        let size = field.name.len() + field.value.len() + super::table::OVERHEAD;
        if once || size > self.table.max() as usize * 3 / 4 {
            Indexing::Without
        } else {
            Indexing::Incremental
        }
    }

    fn find(&self, field: &Field<'_>, hash: u32) -> Option<u32> {
        let mut number = *self.fields.get(hash as usize & self.fields.len().wrapping_sub(1))?;
        for _ in 0..STEPS {
            let back = self.table.back(number)?;
            let entry = self.table.entry(back)?;
            if entry.with.hash == hash
                && self.table.name(entry) == field.name
                && self.table.value(entry) == field.value
            {
                return Some(static_table::LEN as u32 + 1 + back);
            }
            number = entry.with.older;
        }
        None
    }

    fn find_name(&self, name: &[u8], hash: u32) -> Option<u32> {
        let mut number = *self.names.get(hash as usize & self.names.len().wrapping_sub(1))?;
        for _ in 0..STEPS {
            let back = self.table.back(number)?;
            let entry = self.table.entry(back)?;
            if entry.with.name_hash == hash && self.table.name(entry) == name {
                return Some(static_table::LEN as u32 + 1 + back);
            }
            number = entry.with.older_name;
        }
        None
    }

    fn insert(&mut self, field: &Field<'_>, hash: u32, name_hash: u32) {
        let (name, value) = (field.name, field.value);
        let with = Links { hash, name_hash, older: 0, older_name: 0 };
        let Some(room) = self.table.insert(name.len(), value.len(), with) else { return };
        copy(name, room, name.len());
        copy(value, &mut room[name.len()..], value.len());
        if self.table.capacity() == self.fields.len() {
            self.link(0);
            return;
        }
        self.fields = alloc::vec![0; self.table.capacity()];
        self.names = alloc::vec![0; self.table.capacity()];
        for back in (0..self.table.len()).rev() {
            self.link(back);
        }
    }

    /// Puts the newest entry but `back` at the front of its chains.
    fn link(&mut self, back: u32) {
        let number = self.table.number(back);
        let mask = self.fields.len().wrapping_sub(1);
        let Some(entry) = self.table.entry_mut(back) else { return };
        let links = &mut entry.with;
        if let Some(newest) = self.fields.get_mut(links.hash as usize & mask) {
            links.older = core::mem::replace(newest, number);
        }
        if let Some(newest) = self.names.get_mut(links.name_hash as usize & mask) {
            links.older_name = core::mem::replace(newest, number);
        }
    }
}

/// Octets a field takes at most beyond its name and value: three integers.
const FIELD_OVERHEAD: usize = 3 * integer::MAX_LEN;

/// A string literal, with the Huffman code when that is shorter.
fn string(bytes: &[u8], out: &mut [u8], at: usize) -> usize {
    let len = huffman::encoded_len(bytes);
    if len < bytes.len() {
        let at = integer::encode(len as u32, 0x80, 7, out, at);
        return huffman::encode(bytes, out, at);
    }
    let at = integer::encode(bytes.len() as u32, 0, 7, out, at);
    copy(bytes, &mut out[at..], bytes.len());
    at + bytes.len()
}

/// Not keyed: see [`STEPS`].
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ bytes.len() as u64;
    let mut eights = bytes.chunks_exact(8);
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        product as u64 ^ (product >> 64) as u64
    };
    for eight in &mut eights {
        hash = mix(hash, eight.try_into().map_or(0, u64::from_le_bytes));
    }
    let rest = eights.remainder().iter().fold(0, |word, &b| word << 8 | u64::from(b));
    mix(hash, rest)
}
