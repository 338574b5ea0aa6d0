//! Header blocks to fields (RFC 7541, sections 3 and 6).

use super::error::DecodeError;
use super::known::Known;
use super::section::{Mark, Section};
use super::table::{OVERHEAD, Table, copy};
use super::{huffman, integer, static_table};
use crate::syntax::token;

/// Bounds on one field section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Names, values, and 32 bytes for each field (SETTINGS_MAX_HEADER_LIST_SIZE). Stops a small block
    /// that refers to a large entry again and again.
    pub list_size: u32,
    /// Fields. Stops many small ones, whose spans take more memory than their bytes.
    pub fields: u32,
}

/// What a block came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Size of the whole list, stored or not: names, values, and 32 bytes for each field.
    pub list_size: u64,
    /// Fields of the whole list, stored or not.
    pub fields: u32,
    /// A limit was passed: the fields from there on were decoded but not stored.
    pub too_large: bool,
}

/// Decodes the header blocks of one direction of a connection, in the order they were sent.
///
/// Holds nothing on the heap until the peer makes it remember a field; then at most one and a quarter
/// times the table size for text and three quarters of it for entries (8 KiB at 4096).
#[derive(Debug)]
pub struct Decoder {
    table: Table<Mark>,
    /// The largest size the peer may choose.
    setting: u32,
    /// The smallest setting since the last block, when the peer has to come down to it.
    owed: Option<u32>,
}

impl Decoder {
    /// A decoder with a dynamic table of at most `max_table_size` bytes; 4096 unless another
    /// SETTINGS_HEADER_TABLE_SIZE was acknowledged.
    pub const fn new(max_table_size: u32) -> Self {
        Decoder { table: Table::new(max_table_size), setting: max_table_size, owed: None }
    }

    /// The peer acknowledged this SETTINGS_HEADER_TABLE_SIZE: it holds from the next block on.
    pub fn set_max_table_size(&mut self, max_table_size: u32) {
        self.setting = max_table_size;
        if max_table_size < self.owed.unwrap_or(self.table.max()) {
            self.owed = Some(max_table_size);
        }
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

    /// Decodes one whole block into `section`, which is cleared first. Linear in the block and in what is
    /// stored; allocates only where `section` or the table need more memory than ever before.
    ///
    /// Beyond `limits` nothing more is stored, but the block is decoded to its end, because later blocks
    /// depend on the table.
    ///
    /// # Errors
    /// [`DecodeError`]: the table is out of step, and the connection is over. What `section` holds then
    /// is unspecified.
    pub fn decode(
        &mut self,
        block: &[u8],
        section: &mut Section,
        limits: DecodeLimits,
    ) -> Result<Decoded, DecodeError> {
        section.clear();
        let mut at = self.size_updates(block)?;
        let mut list = List { limits, decoded: Decoded::default() };
        while let Some(&first) = block.get(at) {
            at += 1;
            if first & 0x80 != 0 {
                let index = integer::decode(first, 7, block, &mut at)?;
                self.indexed(index, section, &mut list)?;
            } else if first & 0x40 != 0 {
                let index = integer::decode(first, 6, block, &mut at)?;
                self.literal(index, true, false, block, &mut at, section, &mut list)?;
            } else if first & 0x20 == 0 {
                let index = integer::decode(first, 4, block, &mut at)?;
                self.literal(index, false, first & 0x10 != 0, block, &mut at, section, &mut list)?;
            } else {
                return Err(DecodeError::SizeUpdateMisplaced);
            }
        }
        Ok(list.decoded)
    }

    /// Size updates at the start of a block; returns where the fields begin.
    #[inline]
    fn size_updates(&mut self, block: &[u8]) -> Result<usize, DecodeError> {
        let mut at = 0;
        while let Some(&first) = block.get(at).filter(|&first| first & 0xe0 == 0x20) {
            at += 1;
            let size = integer::decode(first, 5, block, &mut at)?;
            // RFC 7541, section 6.3: "The new maximum size MUST be lower than or equal to the limit
            // determined by the protocol using HPACK. A value that exceeds this limit MUST be treated as
            // a decoding error."
            if size > self.setting {
                return Err(DecodeError::SizeUpdateTooLarge);
            }
            // RFC 7541, section 4.2: "In the case that this size is changed more than once in this
            // interval, the smallest maximum table size that occurs in that interval MUST be signaled in
            // a dynamic table size update."
            if self.owed.take().is_some_and(|smallest| size > smallest) {
                return Err(DecodeError::SizeUpdateMissing);
            }
            self.table.set_max(size);
        }
        // RFC 7541, section 4.2: "This dynamic table size update MUST occur at the beginning of the first
        // header block following the change to the dynamic table size."
        if self.owed.is_some() {
            return Err(DecodeError::SizeUpdateMissing);
        }
        Ok(at)
    }

    #[inline(always)]
    fn indexed(&mut self, index: u32, section: &mut Section, list: &mut List) -> Result<(), DecodeError> {
        if let Some(entry) = static_table::entry(index as usize) {
            let (name_len, value_len) = (entry.name_len.into(), entry.value_len.into());
            if list.add(name_len, value_len)? {
                copy(&entry.text, section.room(static_table::WIDTH), name_len + value_len);
                let mark = Mark { known: entry.known, well_formed: true, never_indexed: false };
                section.push(name_len, value_len, mark);
            }
            return Ok(());
        }
        let entry = self.dynamic(index)?;
        let (text, name_len, value_len) = self.table.text(entry);
        if list.add(name_len, value_len)? {
            let len = name_len + value_len;
            copy(text, section.room(len), len);
            section.push(name_len, value_len, entry.with);
        }
        Ok(())
    }

    #[inline(always)]
    fn dynamic(&self, index: u32) -> Result<&super::table::Entry<Mark>, DecodeError> {
        // RFC 7541, section 6.1: "The index value of 0 is not used. It MUST be treated as a decoding error
        // if found in an indexed header field representation."
        let Some(index) = index.checked_sub(1) else { return Err(DecodeError::IndexZero) };
        // RFC 7541, section 2.3.3: "Indices strictly greater than the sum of the lengths of both tables
        // MUST be treated as a decoding error."
        self.table.entry(index.wrapping_sub(static_table::LEN as u32)).ok_or(DecodeError::IndexTooLarge)
    }

    /// A literal whose name has this index, or follows when it is 0.
    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    fn literal(
        &mut self,
        index: u32,
        indexing: bool,
        never_indexed: bool,
        block: &[u8],
        at: &mut usize,
        section: &mut Section,
        list: &mut List,
    ) -> Result<(), DecodeError> {
        let (name_len, known, mut well_formed);
        if index == 0 {
            name_len = string(block, at, section, 0, list)?.0;
            let name = section.room(name_len).get(..name_len).unwrap_or_default();
            known = Known::of(name);
            well_formed = known != Known::Other || is_name(name);
        } else if let Some(entry) = static_table::entry(index as usize) {
            (name_len, known, well_formed) = (entry.name_len.into(), entry.known, true);
            copy(&entry.text, section.room(static_table::WIDTH), name_len);
        } else {
            let entry = self.dynamic(index)?;
            let (text, len, _) = self.table.text(entry);
            name_len = len;
            copy(text, section.room(len), len);
            known = entry.with.known;
            // An entry with a bad value counts as bad, and its name is looked at again.
            well_formed = entry.with.well_formed || known != Known::Other || is_name(self.table.name(entry));
        }
        let (value_len, plain) = string(block, at, section, name_len, list)?;
        let stored = list.add(name_len, value_len)?;
        let len = name_len + value_len;
        let text = section.room(len);
        well_formed = well_formed && plain && !has_space_at_end(text.get(name_len..len).unwrap_or_default());
        let mark = Mark { known, well_formed, never_indexed };
        if indexing {
            if let Some(room) = self.table.insert(name_len, value_len, mark) {
                copy(text, room, len);
            }
        }
        if stored {
            section.push(name_len, value_len, mark);
        }
        Ok(())
    }
}

/// The account of one block.
struct List {
    limits: DecodeLimits,
    decoded: Decoded,
}

impl List {
    /// Counts a field; whether it is to be stored.
    #[inline(always)]
    fn add(&mut self, name_len: usize, value_len: usize) -> Result<bool, DecodeError> {
        let decoded = &mut self.decoded;
        decoded.list_size += (name_len + value_len + OVERHEAD) as u64;
        decoded.fields += 1;
        if decoded.list_size > u64::from(self.limits.list_size) || decoded.fields > self.limits.fields {
            decoded.too_large = true;
            let size = decoded.list_size;
            self.check(size)?;
        }
        Ok(!self.decoded.too_large)
    }

    /// RFC 9113, section 10.5.1: "A server that receives a larger field block than it is willing to handle
    /// can send an HTTP 431 (Request Header Fields Too Large) status code." That needs the block decoded
    /// to its end, which is not worth any amount of work.
    #[cold]
    fn check(&self, size: u64) -> Result<(), DecodeError> {
        if size > 4 * u64::from(self.limits.list_size) { Err(DecodeError::ListFarTooLarge) } else { Ok(()) }
    }
}

/// Decodes a string to `offset` bytes behind the section's text: its length, and whether all of it may
/// stand in a field value.
#[inline(always)]
fn string(
    block: &[u8],
    at: &mut usize,
    section: &mut Section,
    offset: usize,
    list: &List,
) -> Result<(usize, bool), DecodeError> {
    let first = *block.get(*at).ok_or(DecodeError::Truncated)?;
    *at += 1;
    let len = integer::decode(first, 7, block, at)? as usize;
    let rest = block.get(*at..).unwrap_or_default();
    let octets = rest.get(..len).ok_or(DecodeError::Truncated)?;
    *at += len;
    // No code is longer than 30 bits: a string so long passes the limit before it takes memory.
    list.check(list.decoded.list_size + len as u64 / 4)?;
    if first & 0x80 == 0 {
        copy(rest, section.room(offset + len).get_mut(offset..).unwrap_or_default(), len);
        return Ok((len, token::all(octets, token::VALUE)));
    }
    let room = section.room(offset + huffman::max_decoded_len(len));
    huffman::decode(octets, room.get_mut(offset..).unwrap_or_default())
}

/// RFC 9113, section 8.2.1: "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a,
/// or 0x7f-0xff", and no colon but that of a pseudo-header field, all of which are [`Known`].
#[cold]
fn is_name(name: &[u8]) -> bool {
    token::is_token(name) && !name.iter().any(u8::is_ascii_uppercase)
}

/// RFC 9113, section 8.2.1: "A field value MUST NOT start or end with an ASCII whitespace character".
#[inline(always)]
fn has_space_at_end(value: &[u8]) -> bool {
    let is_space = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    is_space(value.first()) || is_space(value.last())
}
