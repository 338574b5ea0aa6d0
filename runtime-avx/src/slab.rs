//! Numbered places for values, each number valid until its value is taken out.
//!
//! A key is an index and a generation. The generation of a place is odd while it is filled and counts up
//! with every change, so an old key (an event of the kernel for a socket that has gone, a timer that
//! another worker gave back late) finds nothing instead of its successor.

/// Names a value in a [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Key {
    /// As one number, for the kernel to carry. Never all ones: a valid generation is odd, and so far on
    /// that `u32::MAX` comes up the index would have to be `u32::MAX` too.
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The reverse of [`pack`](Key::pack).
    pub(crate) fn unpack(n: u64) -> Key {
        Key { index: n as u32, generation: (n >> 32) as u32 }
    }
}

/// Values with their keys. Insertion and removal are O(1); memory is kept for the next value.
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    /// Index of a free place, or `NONE`.
    free: u32,
}

struct Place<T> {
    generation: u32,
    /// The next free place, while this one is free.
    next_free: u32,
    value: T,
}

const NONE: u32 = u32::MAX;

impl<T: Default> Slab<T> {
    #[cfg(test)]
    pub(crate) const PLACE_SIZE: usize = size_of::<Place<T>>();

    pub(crate) const fn new() -> Self {
        Slab { places: Vec::new(), free: NONE }
    }

    /// # Panics
    /// With 2^32 - 1 values.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        if self.free != NONE {
            let index = self.free;
            let place = &mut self.places[index as usize];
            self.free = place.next_free;
            place.generation = place.generation.wrapping_add(1);
            place.value = value;
            return Key { index, generation: place.generation };
        }
        let index =
            u32::try_from(self.places.len()).ok().filter(|&i| i != NONE).expect("fewer than 2^32 values");
        self.places.push(Place { generation: 1, next_free: NONE, value });
        Key { index, generation: 1 }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index as usize).filter(|p| p.is(key))?;
        place.generation = place.generation.wrapping_add(1);
        place.next_free = self.free;
        self.free = key.index;
        Some(std::mem::take(&mut place.value))
    }

    #[inline]
    pub(crate) fn find(&mut self, key: Key) -> Option<&mut T> {
        match self.places.get_mut(key.index as usize) {
            Some(place) if place.is(key) => Some(&mut place.value),
            _ => None,
        }
    }

    /// The value at an index that is known to be filled.
    #[inline]
    pub(crate) fn at(&mut self, index: u32) -> &mut T {
        &mut self.places[index as usize].value
    }

    /// The key of the filled place at `index`, if there is one.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        let place = self.places.get(index as usize)?;
        (place.generation % 2 == 1).then_some(Key { index, generation: place.generation })
    }

    /// One more than the highest index ever filled.
    pub(crate) fn bound(&self) -> u32 {
        self.places.len() as u32
    }
}

impl<T> Place<T> {
    #[inline]
    fn is(&self, key: Key) -> bool {
        // A key is made by `insert`, so its generation is odd: no free place has it.
        self.generation == key.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_finds_nothing_in_a_place_used_again() {
        let mut slab = Slab::new();
        let old = slab.insert(1);
        assert_eq!(slab.remove(old), Some(1));
        assert_eq!(slab.remove(old), None);
        let new = slab.insert(2);
        assert_eq!(new.index, old.index);
        assert_eq!(slab.find(old), None);
        assert_eq!(slab.find(Key::unpack(new.pack())), Some(&mut 2));
        assert_eq!(slab.bound(), 1);
    }
}
