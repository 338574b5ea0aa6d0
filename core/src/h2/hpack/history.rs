//! Which fields are worth an entry of the dynamic table.
//!
//! An entry that is never used again pushes out others that would be. So a value has to come twice before
//! it gets one, unless there is room to spare, or values of its name came again so far. Measured with
//! `cargo bench -p avx-bench --bench hpack -- --sizes`.

use super::known::Known;
use alloc::vec::Vec;

/// What was seen of values and names; hashes stand for both, and the newest one of a kind wins.
///
/// Allocates with the first field.
#[derive(Debug)]
pub(super) struct History {
    /// Hashes of fields without entry.
    seen: Vec<u32>,
    /// For each name, how often in a row a value was not to be found in the table.
    misses: Vec<u8>,
}

const SEEN: usize = 128;
const NAMES: usize = 256;

/// So many values of a name may be new one after the other before they have to come twice.
const PATIENCE: u8 = 2;

impl History {
    pub(super) const fn new() -> Self {
        History { seen: Vec::new(), misses: Vec::new() }
    }

    /// A field with this name was found in the table. O(1).
    #[inline]
    pub(super) fn found(&mut self, name_hash: u32) {
        if let Some(misses) = self.misses.get_mut(place(name_hash)) {
            *misses /= 2;
        }
    }

    /// Whether a field that was not found should enter the table, although that pushes out others. O(1).
    #[inline]
    pub(super) fn is_worth_it(&mut self, known: Known, name_hash: u32, field_hash: u32) -> bool {
        if self.seen.is_empty() {
            (self.seen, self.misses) = (alloc::vec![0; SEEN], alloc::vec![0; NAMES]);
        }
        let Some(seen) = self.seen.get_mut(field_hash as usize % SEEN) else { return true };
        if *seen == field_hash {
            return true;
        }
        let Some(misses) = self.misses.get_mut(place(name_hash)) else { return true };
        if *misses >= PATIENCE || is_seldom_repeated(known) {
            *seen = field_hash;
            return false;
        }
        *misses += 1;
        true
    }
}

/// A known name has a place of its own: its hash is its number.
#[inline]
fn place(name_hash: u32) -> usize {
    let half = NAMES / 2;
    if name_hash < half as u32 { name_hash as usize } else { half + name_hash as usize % half }
}

/// Names whose values say something about one resource or one moment.
fn is_seldom_repeated(known: Known) -> bool {
    matches!(
        known,
        Known::Path
            | Known::Age
            | Known::ContentLength
            | Known::ContentRange
            | Known::Etag
            | Known::IfModifiedSince
            | Known::IfNoneMatch
            | Known::LastModified
            | Known::Location
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_comes_twice_is_worth_an_entry() {
        let mut history = History::new();
        assert!(!history.is_worth_it(Known::Etag, Known::Etag as u32, 1000));
        assert!(!history.is_worth_it(Known::Etag, Known::Etag as u32, 2001));
        assert!(history.is_worth_it(Known::Etag, Known::Etag as u32, 1000));
    }

    #[test]
    fn values_that_are_always_new_stop_being_worth_an_entry_until_one_is_found() {
        let (mut history, name) = (History::new(), 0xabcd);
        let is_worth_it = |history: &mut History, n| history.is_worth_it(Known::Other, name, n);
        assert!(is_worth_it(&mut history, 1000) && is_worth_it(&mut history, 1001));
        assert!(!is_worth_it(&mut history, 1002) && !is_worth_it(&mut history, 1003));
        history.found(name);
        assert!(is_worth_it(&mut history, 1004));
        assert!(!is_worth_it(&mut history, 1005));
    }
}
