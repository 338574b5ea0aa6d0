//! A request that a server makes in its client's place.

use super::{FieldLines, Name, Value};

/// The request that a [promised response](super::Response::push) answers: GET, of a path on the same
/// authority, with these fields.
#[derive(Clone, Debug)]
pub struct Push {
    pub(crate) target: Value,
    pub(crate) fields: FieldLines,
}

impl Push {
    /// A request for `target`: path and query, such as `/style.css`.
    pub fn new(target: impl Into<Value>) -> Self {
        Push { target: target.into(), fields: FieldLines::new() }
    }

    /// Appends a field line: what the client's own request would have, as far as the response depends on it.
    pub fn field(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.fields.push(name, value);
        self
    }
}

impl From<&'static str> for Push {
    fn from(target: &'static str) -> Self {
        Push::new(target)
    }
}

impl From<String> for Push {
    fn from(target: String) -> Self {
        Push::new(target)
    }
}
