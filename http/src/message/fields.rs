//! Field lines to send, and received field sections that outlive their buffer.

use super::Arena;
use crate::pool;
use avx_core::syntax::connection::is_connection_specific;
use avx_core::{Date, Field, Fields, Span};
use std::fmt;

/// Bytes of a value kept without allocation.
const INLINE: usize = 22;
/// Field lines handed to a machine without allocation.
const LINES: usize = 4;

/// A field name to send: a literal costs nothing, anything else one allocation.
#[derive(Clone)]
pub struct Name(NameRepr);

#[derive(Clone)]
enum NameRepr {
    Static(&'static str),
    Heap(Box<[u8]>),
}

impl Name {
    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            NameRepr::Static(name) => name.as_bytes(),
            NameRepr::Heap(name) => name,
        }
    }
}

impl From<&'static str> for Name {
    #[inline]
    fn from(name: &'static str) -> Self {
        Name(NameRepr::Static(name))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Name(NameRepr::Heap(name.into_bytes().into()))
    }
}

impl From<Vec<u8>> for Name {
    fn from(name: Vec<u8>) -> Self {
        Name(NameRepr::Heap(name.into()))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// A field value to send. Literals, numbers and up to 22 bytes of anything need no allocation.
/// Checked when the message is encoded: a value with a control character is refused there.
#[derive(Clone)]
pub struct Value(ValueRepr);

#[derive(Clone)]
enum ValueRepr {
    Static(&'static [u8]),
    Inline(u8, [u8; INLINE]),
    Heap(Box<[u8]>),
}

impl Value {
    /// A copy of `bytes`; no allocation up to 22 of them.
    pub fn copy(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        match Value::inline(bytes) {
            Some(value) => value,
            None => Value(ValueRepr::Heap(bytes.into())),
        }
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            ValueRepr::Static(value) => value,
            ValueRepr::Inline(len, value) => &value[..usize::from(*len).min(INLINE)],
            ValueRepr::Heap(value) => value,
        }
    }

    fn inline(bytes: &[u8]) -> Option<Self> {
        let mut value = [0; INLINE];
        value.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Value(ValueRepr::Inline(bytes.len() as u8, value)))
    }
}

impl From<&'static str> for Value {
    #[inline]
    fn from(value: &'static str) -> Self {
        Value(ValueRepr::Static(value.as_bytes()))
    }
}

impl From<&'static [u8]> for Value {
    #[inline]
    fn from(value: &'static [u8]) -> Self {
        Value(ValueRepr::Static(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        value.into_bytes().into()
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::inline(&value).unwrap_or_else(|| Value(ValueRepr::Heap(value.into())))
    }
}

impl From<u64> for Value {
    fn from(mut n: u64) -> Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                return Value::copy(&digits[at..]);
            }
        }
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        u64::from(n).into()
    }
}

impl From<usize> for Value {
    fn from(n: usize) -> Self {
        (n as u64).into()
    }
}

impl From<Date> for Value {
    fn from(date: Date) -> Self {
        Value::copy(date.as_bytes())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// One field line to send.
#[derive(Clone, Debug)]
pub struct FieldLine {
    /// Field name.
    pub name: Name,
    /// Field value.
    pub value: Value,
}

impl FieldLine {
    /// Whether the name is `name`, ignoring ASCII case.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Field lines to send, in order. Their memory is the thread's, so that a response is small to move and a
/// few lines cost no allocation.
#[derive(Clone, Default)]
pub struct FieldLines {
    lines: Vec<FieldLine>,
}

impl FieldLines {
    /// None.
    #[inline]
    pub const fn new() -> Self {
        FieldLines { lines: Vec::new() }
    }

    /// Appends a line; earlier ones of that name stay.
    #[inline]
    pub fn push(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        if self.lines.capacity() == 0 {
            self.lines = pool::lines();
        }
        self.lines.push(FieldLine { name: name.into(), value: value.into() });
    }

    /// Replaces every line of that name by this one.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let name = name.into();
        self.remove(name.as_bytes());
        self.push(name, value);
    }

    /// Removes every line of that name, ignoring ASCII case.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        let name = name.as_ref();
        self.lines.retain(|line| !line.name.as_bytes().eq_ignore_ascii_case(name));
    }

    /// Value of the first line of that name, ignoring ASCII case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|line| line.is(name)).map(|line| line.value.as_bytes())
    }

    /// Every line, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &FieldLine> {
        self.lines.iter()
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether it holds no memory.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.lines.capacity() == 0
    }
}

impl Drop for FieldLines {
    #[inline]
    fn drop(&mut self) {
        if self.lines.capacity() > 0 {
            pool::give_lines(std::mem::take(&mut self.lines));
        }
    }
}

impl IntoIterator for FieldLines {
    type Item = FieldLine;
    type IntoIter = std::vec::IntoIter<FieldLine>;
    fn into_iter(mut self) -> Self::IntoIter {
        std::mem::take(&mut self.lines).into_iter()
    }
}

impl<N: Into<Name>, V: Into<Value>> FromIterator<(N, V)> for FieldLines {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(lines: T) -> Self {
        let mut fields = FieldLines::new();
        for (name, value) in lines {
            fields.push(name, value);
        }
        fields
    }
}

impl fmt::Debug for FieldLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Field lines as a machine takes them: on the stack when they are few.
pub(crate) struct Wire<'a> {
    few: [Field<'a>; LINES],
    len: usize,
    many: Vec<Field<'a>>,
}

impl<'a> Wire<'a> {
    /// `multiplexed`: without what is about the connection. "An endpoint MUST NOT generate an HTTP/2 message
    /// containing connection-specific header fields." (RFC 9113, section 8.2.2)
    #[inline]
    pub(crate) fn new(lines: &'a FieldLines, multiplexed: bool) -> Self {
        const NONE: Field<'static> = Field { name: &[], value: &[], sensitive: false };
        let kept = |line: &&FieldLine| !multiplexed || !is_connection_specific(line.name.as_bytes());
        let mut wire = Wire { few: [NONE; LINES], len: 0, many: Vec::new() };
        if lines.len() > LINES {
            wire.many = lines.iter().filter(kept).map(as_field).collect();
            return wire;
        }
        for (line, few) in lines.iter().filter(kept).zip(&mut wire.few) {
            *few = as_field(line);
            wire.len += 1;
        }
        wire
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[Field<'a>] {
        if self.many.is_empty() { &self.few[..self.len] } else { &self.many }
    }
}

#[inline]
fn as_field(line: &FieldLine) -> Field<'_> {
    Field { name: line.name.as_bytes(), value: line.value.as_bytes(), sensitive: false }
}

/// A field section that was received, copied out of the buffer it came in.
#[derive(Clone, Default)]
pub struct OwnedFields {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedFields {
    /// The section whose memory this is.
    pub(super) fn of(arena: Arena) -> Self {
        OwnedFields { bytes: arena.bytes, spans: arena.spans }
    }

    /// A copy of `fields` with all of the memory that they lie in, at the same offsets: of a received message, its
    /// head. In recycled memory.
    pub fn copy_whole(fields: Fields<'_>) -> Self {
        let mut arena = pool::arena();
        let (whole, spans) = fields.as_raw();
        arena.bytes.extend_from_slice(whole);
        arena.spans.extend_from_slice(spans);
        OwnedFields::of(arena)
    }

    /// The section as it was received.
    pub fn as_fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, &self.spans)
    }

    /// Appends a line.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name.as_ref());
        let middle = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value.as_ref());
        let end = self.bytes.len() as u32;
        self.spans.push(Span { name: start, name_end: middle, value: middle, value_end: end });
    }
}

impl Drop for OwnedFields {
    fn drop(&mut self) {
        let (bytes, spans) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.spans));
        pool::give_arena(Arena { bytes, spans });
    }
}

impl From<Fields<'_>> for OwnedFields {
    fn from(fields: Fields<'_>) -> Self {
        let len = fields.iter().map(|field| field.name.len() + field.value.len()).sum();
        let mut owned =
            OwnedFields { bytes: Vec::with_capacity(len), spans: Vec::with_capacity(fields.len()) };
        for field in fields {
            owned.push(field.name, field.value);
        }
        owned
    }
}

impl From<&FieldLines> for OwnedFields {
    fn from(lines: &FieldLines) -> Self {
        let mut owned = OwnedFields::default();
        for line in lines.iter() {
            owned.push(line.name.as_bytes(), line.value.as_bytes());
        }
        owned
    }
}

impl fmt::Debug for OwnedFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_fields().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_order_beyond_the_inline_ones() {
        let mut lines = FieldLines::new();
        for i in 0..7u32 {
            lines.push(format!("x-{i}"), i);
        }
        lines.set("X-1", "new");
        let names: Vec<_> = lines.iter().map(|l| format!("{:?}={:?}", l.name, l.value)).collect();
        assert_eq!(names, ["x-0=0", "x-2=2", "x-3=3", "x-4=4", "x-5=5", "x-6=6", "X-1=new"]);
        let wire = Wire::new(&lines, false);
        assert_eq!(wire.as_slice().len(), 7);
        assert!(wire.as_slice()[6].is("x-1"));
    }

    #[test]
    fn values_of_every_origin_read_back() {
        for n in [0u64, 9, 10, 1234567890, u64::MAX] {
            assert_eq!(Value::from(n).as_bytes(), n.to_string().as_bytes());
        }
        let long = "x".repeat(INLINE + 1);
        assert_eq!(Value::copy(&long).as_bytes(), long.as_bytes());
        assert_eq!(Value::from(long.clone()).as_bytes(), long.as_bytes());
        assert_eq!(Value::copy("short").as_bytes(), b"short");
        assert_eq!(size_of::<Value>(), 24);
    }
}
