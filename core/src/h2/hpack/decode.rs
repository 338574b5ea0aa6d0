//! Header blocks to fields (RFC 7541, sections 3 and 6).

use super::error::DecodeError;
use super::known::Known;
use super::section::{Mark, Section, Writer};
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
/// Holds nothing on the heap until the peer makes it remember a field; then what its entries take, up to
/// one and a quarter times the table size for text and half of it for places (8 KiB in all at 4096).
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
        let updates = block.first().is_some_and(|first| first & 0xe0 == 0x20) || self.owed.is_some();
        let mut at = if updates { self.size_updates(block)? } else { 0 };
        // Every field takes an octet at least.
        let mut writer = section.start(block.len().min(limits.fields as usize));
        let (mut used, mut stored) = (0, 0);
        let (mut size, mut most) = (0, u64::from(limits.list_size));
        let mut fields = 0;
        while let Some(&first) = block.get(at) {
            at += 1;
            let (name_len, value_len, mark);
            if first & 0x80 != 0 {
                let index = integer::decode(first, 7, block, &mut at)?;
                if let Some(entry) = static_table::entry(index) {
                    (name_len, value_len) = (entry.name_len.into(), entry.value_len.into());
                    put_static(entry, writer.room(used, static_table::WIDTH));
                    mark = Mark::new(entry.known, true, false);
                } else {
                    let entry = self.dynamic(index)?;
                    let text;
                    (text, name_len, value_len) = self.table.text(entry);
                    mark = entry.with;
                    let len = name_len + value_len;
                    if size + (len as u64) < most {
                        copy(text, writer.room(used, len), len);
                    }
                }
            } else {
                (name_len, value_len, mark) = self.literal(first, block, &mut at, &mut writer, used)?;
            }
            fields += 1;
            size += (name_len + value_len + OVERHEAD) as u64;
            if size <= most && writer.put(stored, used, name_len, value_len, mark) {
                stored += 1;
                used += name_len + value_len;
            } else {
                // Nothing more is stored, not even what would fit again.
                most = 0;
                limits.check(size)?;
            }
        }
        section.finish(used, stored);
        Ok(Decoded { list_size: size, fields, too_large: stored < fields as usize })
    }

    /// Size updates at the start of a block; returns where the fields begin.
    #[cold]
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
    fn dynamic(&self, index: u32) -> Result<&super::table::Entry<Mark>, DecodeError> {
        // RFC 7541, section 6.1: "The index value of 0 is not used. It MUST be treated as a decoding error
        // if found in an indexed header field representation."
        let Some(index) = index.checked_sub(1) else { return Err(DecodeError::IndexZero) };
        // RFC 7541, section 2.3.3: "Indices strictly greater than the sum of the lengths of both tables
        // MUST be treated as a decoding error."
        self.table.entry(index.wrapping_sub(static_table::LEN as u32)).ok_or(DecodeError::IndexTooLarge)
    }

    /// A literal that begins with the octet `first`, to the room behind `used`: the lengths of its name and
    /// value, and its mark.
    #[inline(never)]
    fn literal(
        &mut self,
        first: u8,
        block: &[u8],
        at: &mut usize,
        writer: &mut Writer<'_>,
        used: usize,
    ) -> Result<(usize, usize, Mark), DecodeError> {
        let indexing = first & 0x40 != 0;
        // Without a misplaced size update, two patterns of four bits are left: without indexing, and never
        // indexed.
        if first & 0x60 == 0x20 {
            return Err(DecodeError::SizeUpdateMisplaced);
        }
        let never_indexed = first & 0x50 == 0x10;
        let index = integer::decode(first, if indexing { 6 } else { 4 }, block, at)?;
        // Room for both strings, however they are cut.
        let strings = huffman::max_decoded_len(block.len() - *at);
        let (name_len, known, mut well_formed, room);
        if index == 0 {
            room = writer.room(used, strings);
            name_len = string(block, at, room)?.0;
            let name = room.get(..name_len).unwrap_or_default();
            known = Known::of(name);
            well_formed = known != Known::Other || is_name(name);
        } else if let Some(entry) = static_table::entry(index) {
            (name_len, known, well_formed) = (entry.name_len.into(), entry.known, true);
            room = writer.room(used, static_table::WIDTH + strings);
            put_static(entry, room);
        } else {
            let entry = self.dynamic(index)?;
            let text;
            (text, name_len, _) = self.table.text(entry);
            room = writer.room(used, name_len + strings);
            copy(text, room, name_len);
            known = entry.with.known();
            // An entry with a bad value counts as bad, and its name is looked at again.
            well_formed =
                entry.with.is_well_formed() || known != Known::Other || is_name(self.table.name(entry));
        }
        let (value_len, is_value) = string(block, at, room.get_mut(name_len..).unwrap_or_default())?;
        well_formed &= is_value;
        if indexing {
            if let Some(entry) = self.table.insert(name_len, value_len, Mark::new(known, well_formed, false))
            {
                copy(room, entry, name_len + value_len);
            }
        }
        Ok((name_len, value_len, Mark::new(known, well_formed, never_indexed)))
    }
}

impl DecodeLimits {
    /// RFC 9113, section 10.5.1: "A server that receives a larger field block than it is willing to handle
    /// can send an HTTP 431 (Request Header Fields Too Large) status code." That needs the block decoded
    /// to its end, which is not worth any amount of work.
    #[cold]
    fn check(&self, size: u64) -> Result<(), DecodeError> {
        if size > 4 * u64::from(self.list_size) { Err(DecodeError::ListFarTooLarge) } else { Ok(()) }
    }
}

#[inline(always)]
fn put_static(entry: &static_table::Entry, room: &mut [u8]) {
    if let Some(to) = room.first_chunk_mut() {
        *to = entry.text;
    }
}

/// Decodes a string into `room`: its length, and whether it may be a field value.
#[inline(always)]
fn string(block: &[u8], at: &mut usize, room: &mut [u8]) -> Result<(usize, bool), DecodeError> {
    let first = *block.get(*at).ok_or(DecodeError::Truncated)?;
    *at += 1;
    let len = integer::decode(first, 7, block, at)? as usize;
    let start = *at;
    *at = start.checked_add(len).ok_or(DecodeError::Truncated)?;
    if first & 0x80 == 0 {
        let rest = block.get(start..).unwrap_or_default();
        let octets = rest.get(..len).ok_or(DecodeError::Truncated)?;
        copy(rest, room, len);
        return Ok((len, token::is_field_value(octets)));
    }
    let (len, plain) = huffman::decode(block, start, *at, room)?;
    Ok((len, plain && !has_space_at_end(room.get(..len).unwrap_or_default())))
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
