//! Values that layers attach to a request for those further in.

use std::any::{Any, TypeId};
use std::fmt;

/// At most one value of each type. Empty ones cost a pointer and no allocation.
#[derive(Default)]
pub struct Extensions(Option<Box<Entries>>);

type Entries = Vec<(TypeId, Box<dyn Any + Send + Sync>)>;

impl Extensions {
    /// Puts a value in and returns the one of this type that was there.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> Option<T> {
        let old = self.remove::<T>();
        self.0.get_or_insert_default().push((TypeId::of::<T>(), Box::new(value)));
        old
    }

    /// Whether nothing was ever put in.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.0.is_none()
    }

    /// The value of this type. Linear in the number of values.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        let (_, value) = self.0.as_ref()?.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        value.downcast_ref()
    }

    /// Takes the value of this type out.
    pub fn remove<T: 'static>(&mut self) -> Option<T> {
        let entries = self.0.as_mut()?;
        let at = entries.iter().position(|(id, _)| *id == TypeId::of::<T>())?;
        entries.swap_remove(at).1.downcast().ok().map(|value| *value)
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.as_ref().map_or(0, |entries| entries.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_each_type() {
        let mut extensions = Extensions::default();
        assert_eq!(extensions.insert(1u8), None);
        assert_eq!(extensions.insert(2u8), Some(1));
        extensions.insert("text");
        assert_eq!(extensions.get::<u8>(), Some(&2));
        assert_eq!(extensions.remove::<&str>(), Some("text"));
        assert_eq!(extensions.get::<&str>(), None);
    }
}
