//! Field sections and [`HeaderMap`]s. A map knows neither the case of names nor the order among them, so a
//! [`FieldSection`] travels beside it.

use avx_http::{FieldLines, Fields, Name, OwnedFields, Value};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;

/// The order and the case of a message's field lines, kept among the extensions of an [`http::Request`] or an
/// [`http::Response`] beside its [`HeaderMap`].
///
/// Conversions put it there, and go by it on the way back: names that stand in it are written as they stand there,
/// and where they stand. What the map says counts: values that were changed are changed, lines that were removed are
/// gone, and those that came new follow at the end. A handler may put one there itself, to choose order and case of
/// its response.
///
/// ```
/// use adapter_tower::{FieldSection, response_from_http};
/// use avx_http::FieldLines;
///
/// let mut response = http::Response::new(String::new());
/// response.headers_mut().insert("x-second", "2".parse()?);
/// response.headers_mut().insert("x-first", "1".parse()?);
/// let order: FieldLines = [("X-First", ""), ("X-Second", "")].into_iter().collect();
/// response.extensions_mut().insert(FieldSection::from(&order));
///
/// let response = response_from_http(response);
/// let names: Vec<_> = response.fields().iter().map(|line| line.name.as_bytes()).collect();
/// assert_eq!(names, [&b"X-First"[..], b"X-Second"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FieldSection(Arc<OwnedFields>);

impl FieldSection {
    /// The lines.
    pub fn fields(&self) -> Fields<'_> {
        self.0.as_fields()
    }

    /// The memory of the section.
    pub(crate) fn bytes(&self) -> Bytes {
        Bytes::from_owner(Memory(self.0.clone()))
    }

    /// A map of the lines, without those that no map holds, such as pseudo-fields; its values are slices of `bytes`,
    /// the memory of the section. `None`: more lines than a map holds.
    pub(crate) fn map(&self, bytes: &Bytes) -> Option<HeaderMap> {
        fill(self.fields(), |value| HeaderValue::from_maybe_shared(part(bytes, value)).ok())
    }
}

struct Memory(Arc<OwnedFields>);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        self.0.as_fields().as_raw().0
    }
}

/// `slice` as a part of `bytes`, where it lies; a copy, if it lies elsewhere.
pub(crate) fn part(bytes: &Bytes, slice: &[u8]) -> Bytes {
    let start = slice.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
    match start.checked_add(slice.len()) {
        Some(end) if end <= bytes.len() => bytes.slice(start..end),
        _ => Bytes::copy_from_slice(slice),
    }
}

impl From<OwnedFields> for FieldSection {
    fn from(fields: OwnedFields) -> Self {
        FieldSection(Arc::new(fields))
    }
}

impl From<Fields<'_>> for FieldSection {
    fn from(fields: Fields<'_>) -> Self {
        FieldSection(Arc::new(fields.into()))
    }
}

impl From<&FieldLines> for FieldSection {
    fn from(lines: &FieldLines) -> Self {
        FieldSection(Arc::new(lines.into()))
    }
}

/// A map of these lines, without those that no map holds, such as pseudo-fields. `None`: more than a map holds.
pub(crate) fn map_of(fields: Fields<'_>) -> Option<HeaderMap> {
    fill(fields, |value| HeaderValue::from_bytes(value).ok())
}

fn fill(fields: Fields<'_>, value_of: impl Fn(&[u8]) -> Option<HeaderValue>) -> Option<HeaderMap> {
    let mut map = HeaderMap::try_with_capacity(fields.len()).ok()?;
    for field in fields {
        let name = HeaderName::from_bytes(field.name);
        if let (Ok(name), Some(value)) = (name, value_of(field.value)) {
            map.try_append(name, value).ok()?;
        }
    }
    Some(map)
}

/// The lines of a map, in its own order.
pub(crate) fn lines_of(map: &HeaderMap) -> impl Iterator<Item = (Name, Value)> {
    map.iter().map(|(name, value)| (name_of(name), value_of(value)))
}

/// The lines of a map in the order and the case of `section`, without those that `skip` names.
pub(crate) fn lines_in_order(
    map: &HeaderMap,
    section: Option<&FieldSection>,
    skip: impl Fn(&HeaderName) -> bool,
) -> FieldLines {
    let Some(section) = section else {
        let lines = map.iter().filter(|(name, _)| !skip(name));
        return lines.map(|(name, value)| (name_of(name), value_of(value))).collect();
    };
    let mut lines = FieldLines::new();
    // How many values of a name have been written; few names come twice.
    let mut written: Vec<(HeaderName, usize)> = Vec::new();
    for field in section.fields() {
        let Ok(name) = HeaderName::from_bytes(field.name) else { continue };
        let at = written.iter().position(|(other, _)| *other == name);
        let n = at.map_or(0, |at| written[at].1);
        if let Some(value) = map.get_all(&name).iter().nth(n) {
            if !skip(&name) {
                lines.push(field.name.to_vec(), value_of(value));
            }
            match at {
                Some(at) => written[at].1 += 1,
                None => written.push((name, 1)),
            }
        }
    }
    for name in map.keys().filter(|name| !skip(name)) {
        let n = written.iter().find(|(other, _)| other == name).map_or(0, |(_, n)| *n);
        for value in map.get_all(name).iter().skip(n) {
            lines.push(name_of(name), value_of(value));
        }
    }
    lines
}

/// Names and values that stand in nearly every response are literals, which need no memory.
fn name_of(name: &HeaderName) -> Name {
    match NAMES.iter().find(|literal| **literal == name.as_str()) {
        Some(literal) => (*literal).into(),
        None => name.as_str().to_owned().into(),
    }
}

fn value_of(value: &HeaderValue) -> Value {
    match VALUES.iter().find(|literal| literal.as_bytes() == value.as_bytes()) {
        Some(literal) => (*literal).into(),
        None => Value::copy(value),
    }
}

const NAMES: [&str; 12] = [
    "content-type",
    "cache-control",
    "etag",
    "vary",
    "set-cookie",
    "location",
    "last-modified",
    "content-encoding",
    "content-range",
    "accept-ranges",
    "access-control-allow-origin",
    "x-request-id",
];

/// Those that [`Value::copy`] would allocate for.
const VALUES: [&str; 3] =
    ["text/plain; charset=utf-8", "text/html; charset=utf-8", "application/octet-stream"];
