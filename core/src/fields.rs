//! Field sections (RFC 9110, section 5): received as spans over one slice, sent as a slice of [`Field`].

use core::fmt;

/// One field line, borrowed: name and value as bytes, order and case as given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Field name; compared without regard to case.
    pub name: &'a [u8],
    /// Field value without the optional whitespace around it. May hold obs-text (0x80 to 0xFF).
    pub value: &'a [u8],
    /// Keep this value out of compression state (RFC 7541, section 7.1.3). No effect in HTTP/1.1.
    pub sensitive: bool,
}

impl<'a> Field<'a> {
    /// A field line to send. Checked when it is encoded, not here.
    pub fn new<N: AsRef<[u8]> + ?Sized, V: AsRef<[u8]> + ?Sized>(name: &'a N, value: &'a V) -> Self {
        Field { name: name.as_ref(), value: value.as_ref(), sensitive: false }
    }

    /// Whether the name is `name`, ignoring ASCII case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

/// Where one field line stands in the bytes it was parsed from. Offsets, so it outlives any borrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte of the name.
    pub name: u32,
    /// One past the name's last byte.
    pub name_end: u32,
    /// First byte of the value, after optional whitespace.
    pub value: u32,
    /// One past the value's last byte, before optional whitespace.
    pub value_end: u32,
}

/// A received field section: cheap to copy, nothing allocated, every byte as the peer sent it.
#[derive(Clone, Copy, Default)]
pub struct Fields<'b> {
    bytes: &'b [u8],
    spans: &'b [Span],
}

impl<'b> Fields<'b> {
    /// A view over `spans` into `bytes`. A span that points outside reads as empty.
    pub const fn new(bytes: &'b [u8], spans: &'b [Span]) -> Self {
        Fields { bytes, spans }
    }

    /// Number of field lines.
    pub const fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field line.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The field line at position `i`, in the order received.
    #[inline]
    pub fn at(&self, i: usize) -> Option<Field<'b>> {
        self.spans.get(i).map(|s| field(self.bytes, s))
    }

    /// All field lines in the order received.
    #[inline]
    pub fn iter(&self) -> FieldsIter<'b> {
        FieldsIter { bytes: self.bytes, spans: self.spans.iter() }
    }

    /// Value of the first field line with this name. Linear in the number of lines.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&'b [u8]> {
        self.iter().find(|f| f.is(name)).map(|f| f.value)
    }

    /// Values of every field line with this name, in order (RFC 9110, section 5.3).
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        self.iter().filter(move |f| f.is(name)).map(|f| f.value)
    }

    /// The bytes the spans point into, and the spans: for those who keep an owned copy.
    pub const fn as_raw(&self) -> (&'b [u8], &'b [Span]) {
        (self.bytes, self.spans)
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Fields<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'b> IntoIterator for Fields<'b> {
    type Item = Field<'b>;
    type IntoIter = FieldsIter<'b>;
    fn into_iter(self) -> FieldsIter<'b> {
        self.iter()
    }
}

/// Iterator over the lines of a [`Fields`].
#[derive(Clone, Debug)]
pub struct FieldsIter<'b> {
    bytes: &'b [u8],
    spans: core::slice::Iter<'b, Span>,
}

impl<'b> Iterator for FieldsIter<'b> {
    type Item = Field<'b>;
    #[inline]
    fn next(&mut self) -> Option<Field<'b>> {
        self.spans.next().map(|s| field(self.bytes, s))
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for FieldsIter<'_> {}

#[inline]
fn field<'b>(bytes: &'b [u8], s: &Span) -> Field<'b> {
    Field {
        name: bytes.get(s.name as usize..s.name_end as usize).unwrap_or_default(),
        value: bytes.get(s.value as usize..s.value_end as usize).unwrap_or_default(),
        sensitive: false,
    }
}
