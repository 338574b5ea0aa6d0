//! Whole paths and what stands there: most requests are routed by one look at a table.

/// Paths of nothing but literals, by hash, with linear probing in a table at most half full.
pub(super) struct Exact {
    /// A power of two of them.
    slots: Box<[Slot]>,
    len: usize,
}

/// A path and what stands there; free while the path is empty.
#[derive(Clone, Default)]
struct Slot {
    key: Key,
    path: Box<[u8]>,
    id: u32,
}

/// All that there is of a path of 8 to 16 bytes, and something of every other.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Key {
    len: usize,
    first: u64,
    last: u64,
}

impl Exact {
    pub(super) fn new() -> Self {
        Exact { slots: vec![Slot::default(); 2].into(), len: 0 }
    }

    /// Puts a path in that begins with a slash, unless it is there.
    pub(super) fn insert(&mut self, path: &[u8], id: u32) {
        if self.find(path).is_some() {
            return;
        }
        if 2 * (self.len + 1) > self.slots.len() {
            let larger = vec![Slot::default(); 2 * self.slots.len()].into();
            let old = std::mem::replace(&mut self.slots, larger);
            for slot in old.into_iter().filter(|slot| slot.key.len > 0) {
                self.place(slot);
            }
        }
        self.place(Slot { key: Key::of(path), path: path.into(), id });
        self.len += 1;
    }

    fn place(&mut self, slot: Slot) {
        let mut at = self.start(&slot.key);
        while self.slots[at].key.len > 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    /// What stands at this path.
    #[inline(always)]
    pub(super) fn find(&self, path: &[u8]) -> Option<u32> {
        match (path.first_chunk(), path.last_chunk()) {
            (Some(first), Some(last)) if path.len() <= 16 => {
                self.search(Key::new(path.len(), *first, *last), |_| true)
            }
            _ => self.find_slowly(path),
        }
    }

    #[inline(never)]
    fn find_slowly(&self, path: &[u8]) -> Option<u32> {
        self.search(Key::of(path), |found| found == path)
    }

    #[inline(always)]
    fn search(&self, key: Key, is_it: impl Fn(&[u8]) -> bool) -> Option<u32> {
        let mut at = self.start(&key);
        loop {
            let slot = self.slots.get(at)?;
            if slot.key == key && is_it(&slot.path) {
                // (The empty path finds a free slot.)
                return (key.len > 0).then_some(slot.id);
            }
            if slot.key.len == 0 {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn start(&self, key: &Key) -> usize {
        let hash = mix(mix(key.len as u64, key.first), key.last);
        (hash ^ hash >> 32) as usize & (self.slots.len() - 1)
    }
}

impl Key {
    #[inline]
    fn new(len: usize, first: [u8; 8], last: [u8; 8]) -> Self {
        Key { len, first: u64::from_le_bytes(first), last: u64::from_le_bytes(last) }
    }

    fn of(path: &[u8]) -> Self {
        match (path.first_chunk(), path.last_chunk()) {
            (Some(first), Some(last)) if path.len() <= 16 => Key::new(path.len(), *first, *last),
            // Paths of an application often begin and end alike: every byte counts.
            _ => {
                let hash = path.chunks(8).fold(0, |hash, bytes| {
                    let mut word = [0; 8];
                    word[..bytes.len()].copy_from_slice(bytes);
                    mix(hash, u64::from_le_bytes(word))
                });
                Key { len: path.len(), first: hash, last: 0 }
            }
        }
    }
}

#[inline]
fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let mut table = Exact::new();
        let mut paths: Vec<String> = (0..40).map(|len| format!("/{}", "x".repeat(len))).collect();
        paths.extend((0..200).map(|n| format!("/same/length/{n:03}/end-of-it")));
        paths.extend(["/a", "/b", "/plaintext", "/plaintexu", "/json"].map(String::from));
        for (id, path) in paths.iter().enumerate() {
            assert_eq!(table.find(path.as_bytes()), None, "{path}");
            table.insert(path.as_bytes(), id as u32);
            table.insert(path.as_bytes(), 9999);
        }
        for (id, path) in paths.iter().enumerate() {
            assert_eq!(table.find(path.as_bytes()), Some(id as u32), "{path}");
        }
        for other in ["", "/c", "/plaintext/", "/plaintext?a", "/same/length/200/end-of-it"] {
            assert_eq!(table.find(other.as_bytes()), None, "{other}");
        }
    }
}
