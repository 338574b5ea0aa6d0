//! The static table (RFC 7541, appendix A).

use super::known::Known;

/// Entries of the static table; indices from here on (counted from 1) are the dynamic table's.
pub(super) const LEN: usize = 61;

/// Bytes that name and value of an entry take together at most, rounded up to what is copied at once.
pub(super) const WIDTH: usize = 32;

/// One entry: name and value side by side.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) text: [u8; WIDTH],
    pub(super) name_len: u8,
    pub(super) value_len: u8,
    pub(super) known: Known,
}

impl Entry {
    #[cfg(test)]
    pub(super) fn name(&self) -> &[u8] {
        &self.text[..usize::from(self.name_len)]
    }

    pub(super) fn value(&self) -> &[u8] {
        &self.text[usize::from(self.name_len)..][..usize::from(self.value_len)]
    }
}

/// The entry at `index`, counted from 1.
#[inline]
pub(super) fn entry(index: u32) -> Option<&'static Entry> {
    ENTRIES.get(index.wrapping_sub(1) as usize)
}

/// The index of this name and value. O(1): no name has more than seven values.
#[inline]
pub(super) fn find(known: Known, value: &[u8]) -> Option<u32> {
    let first = known.static_index()?;
    let len = match known {
        Known::Status => 7,
        Known::Method | Known::Path | Known::Scheme => 2,
        Known::AcceptEncoding => 1,
        // The others stand there with an empty value.
        _ if value.is_empty() => return Some(first),
        _ => return None,
    };
    (first..first + len).find(|&index| entry(index).is_some_and(|e| e.value() == value))
}

/// Appendix A: the names come from [`Known`], whose numbers are indices of this table; here are the
/// values that are not empty.
static ENTRIES: [Entry; LEN] = {
    let mut entries = [Entry { text: [0; WIDTH], name_len: 0, value_len: 0, known: Known::Other }; LEN];
    let mut i = 0;
    while i < Known::ALL.len() {
        let known = Known::ALL[i];
        if let Some(index) = known.static_index() {
            entries[index as usize - 1] = fill(known, "");
        }
        i += 1;
    }
    let mut i = 0;
    while i < VALUES.len() {
        let (index, known, value) = VALUES[i];
        entries[index - 1] = fill(known, value);
        i += 1;
    }
    entries
};

const VALUES: [(usize, Known, &str); 14] = [
    (2, Known::Method, "GET"),
    (3, Known::Method, "POST"),
    (4, Known::Path, "/"),
    (5, Known::Path, "/index.html"),
    (6, Known::Scheme, "http"),
    (7, Known::Scheme, "https"),
    (8, Known::Status, "200"),
    (9, Known::Status, "204"),
    (10, Known::Status, "206"),
    (11, Known::Status, "304"),
    (12, Known::Status, "400"),
    (13, Known::Status, "404"),
    (14, Known::Status, "500"),
    (16, Known::AcceptEncoding, "gzip, deflate"),
];

const fn fill(known: Known, value: &str) -> Entry {
    let (name, value) = (known.as_str().as_bytes(), value.as_bytes());
    let mut text = [0; WIDTH];
    let mut i = 0;
    while i < name.len() {
        text[i] = name[i];
        i += 1;
    }
    let mut i = 0;
    while i < value.len() {
        text[name.len() + i] = value[i];
        i += 1;
    }
    Entry { text, name_len: name.len() as u8, value_len: value.len() as u8, known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7541_appendix_a_every_entry_is_there() {
        let table = include_str!("static_table.txt");
        let mut lines = 0;
        for (i, line) in table.lines().enumerate() {
            let (name, value) = line.split_once('\t').unwrap_or((line, ""));
            let entry = entry(i as u32 + 1).unwrap();
            assert_eq!((entry.name(), entry.value()), (name.as_bytes(), value.as_bytes()), "{}", i + 1);
            assert_eq!(entry.known.as_str(), name);
            assert_eq!(find(entry.known, value.as_bytes()), Some(i as u32 + 1));
            lines += 1;
        }
        assert_eq!(lines, LEN);
        assert!(entry(0).is_none() && entry(62).is_none());
        assert_eq!(find(Known::Status, b"201"), None);
        assert_eq!(find(Known::Te, b""), None);
        assert_eq!(find(Known::Etag, b"x"), None);
    }
}
