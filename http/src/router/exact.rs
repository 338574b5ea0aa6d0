//! Whole paths and what stands there: most requests are routed by one look at a table.

/// Paths of nothing but literals, by hash, with linear probing in a table at most half full.
pub(super) struct Exact {
    /// A power of two of them; those with an empty path are free.
    slots: Box<[(Box<[u8]>, u32)]>,
    len: usize,
}

impl Exact {
    pub(super) fn new() -> Self {
        Exact { slots: free(2), len: 0 }
    }

    /// Puts a path in that begins with a slash, unless it is there.
    pub(super) fn insert(&mut self, path: &[u8], id: u32) {
        if self.find(path).is_some() {
            return;
        }
        if 2 * (self.len + 1) > self.slots.len() {
            let larger = free(2 * self.slots.len());
            let old = std::mem::replace(&mut self.slots, larger);
            for (path, id) in old.into_iter().filter(|(path, _)| !path.is_empty()) {
                self.place(path, id);
            }
        }
        self.place(path.into(), id);
        self.len += 1;
    }

    fn place(&mut self, path: Box<[u8]>, id: u32) {
        let mut at = self.start(&path);
        while !self.slots[at].0.is_empty() {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = (path, id);
    }

    /// What stands at this path.
    #[inline]
    pub(super) fn find(&self, path: &[u8]) -> Option<u32> {
        let mut at = self.start(path);
        loop {
            let (found, id) = self.slots.get(at)?;
            if found.is_empty() {
                return None;
            }
            if equal(found, path) {
                return Some(*id);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn start(&self, path: &[u8]) -> usize {
        let hash = hash(path);
        (hash ^ hash >> 32) as usize & (self.slots.len() - 1)
    }
}

fn free(n: usize) -> Box<[(Box<[u8]>, u32)]> {
    (0..n).map(|_| (Box::default(), 0)).collect()
}

/// Words of eight bytes; the last one may overlap the one before.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(MIX);
    let hash = bytes.len() as u64;
    match bytes.last_chunk() {
        Some(last) => {
            let word = |word: &[u8]| word.try_into().map_or(0, u64::from_le_bytes);
            let hash = bytes.chunks_exact(8).fold(hash, |hash, bytes| mix(hash, word(bytes)));
            mix(hash, u64::from_le_bytes(*last))
        }
        None => bytes.iter().fold(hash, |hash, &b| mix(hash, u64::from(b))),
    }
}

/// As `==`, without a call for the short ones.
#[inline]
fn equal(a: &[u8], b: &[u8]) -> bool {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    match (a.first_chunk(), b.first_chunk(), a.last_chunk(), b.last_chunk()) {
        _ if a.len() != b.len() => false,
        (Some(a0), Some(b0), Some(a1), Some(b1)) if a.len() <= 16 => {
            (word(a0) ^ word(b0)) | (word(a1) ^ word(b1)) == 0
        }
        _ => a == b,
    }
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
