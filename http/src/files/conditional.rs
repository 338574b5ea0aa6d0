//! Preconditions (RFC 9110, section 13).

use avx_core::Fields;
use avx_core::syntax::list;
use std::time::{Duration, SystemTime};

/// The fields of a request that decide what is answered.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    if_match: Option<Vec<u8>>,
    if_unmodified_since: Option<u64>,
    if_none_match: Option<Vec<u8>>,
    if_modified_since: Option<u64>,
    if_range: Option<Vec<u8>>,
    pub(super) range: Option<Vec<u8>>,
}

/// What a representation is known by.
#[derive(Debug)]
pub(super) struct Validators {
    /// Entity tag with its quotes, and `W/` when it is weak.
    pub(super) etag: String,
    /// Seconds since 1970.
    pub(super) modified: u64,
}

/// What the preconditions say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Send,
    NotModified,
    Failed,
}

impl Validators {
    /// The tag is made of the time of change and the size. It is weak while the file is so young that
    /// another change might leave both as they are.
    pub(super) fn of(modified: SystemTime, len: u64, now: SystemTime) -> Self {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let young = now.duration_since(modified).is_ok_and(|age| age < Duration::from_secs(2));
        let mark = if young { "W/" } else { "" };
        Validators { etag: format!("{mark}\"{:x}-{len:x}\"", since.as_nanos()), modified: since.as_secs() }
    }
}

impl Conditions {
    pub(super) fn of(fields: Fields<'_>) -> Self {
        let bytes = |name| fields.get(name).map(<[u8]>::to_vec);
        let date = |name| fields.get(name).and_then(avx_core::Date::parse);
        Conditions {
            if_match: list_of(fields, "if-match"),
            if_unmodified_since: date("if-unmodified-since"),
            if_none_match: list_of(fields, "if-none-match"),
            if_modified_since: date("if-modified-since"),
            if_range: bytes("if-range"),
            range: bytes("range"),
        }
    }

    /// In the order of RFC 9110, section 13.2.2, for GET and HEAD.
    pub(super) fn verdict(&self, of: &Validators) -> Verdict {
        let failed = match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) => !any(tags, |tag| strong(tag, &of.etag)),
            (None, Some(date)) => of.modified > date,
            (None, None) => false,
        };
        let unchanged = match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => any(tags, |tag| weak(tag, &of.etag)),
            (None, Some(date)) => of.modified <= date,
            (None, None) => false,
        };
        match (failed, unchanged) {
            (true, _) => Verdict::Failed,
            (_, true) => Verdict::NotModified,
            _ => Verdict::Send,
        }
    }

    /// The Range field, unless If-Range says that it is about another representation.
    ///
    /// "A client MUST NOT generate an If-Range header field containing an entity tag that is marked as
    /// weak"; a date has to match exactly (RFC 9110, section 13.1.5).
    pub(super) fn range(&self, of: &Validators) -> Option<&[u8]> {
        let applies = match &self.if_range {
            None => true,
            Some(tag) if tag.starts_with(b"\"") || tag.starts_with(b"W/") => strong(tag, &of.etag),
            Some(date) => !of.etag.starts_with("W/") && avx_core::Date::parse(date) == Some(of.modified),
        };
        self.range.as_deref().filter(|_| applies)
    }
}

fn list_of(fields: Fields<'_>, name: &str) -> Option<Vec<u8>> {
    fields.get_all(name).map(<[u8]>::to_vec).reduce(|all, more| [&all[..], b",", &more].concat())
}

fn any(tags: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    list::members(tags).any(|tag| tag == b"*" || matches(tag))
}

// "Strong comparison: two entity tags are equivalent if both are not weak and their opaque-tags match
// character-by-character" (RFC 9110, section 8.8.3.2)
fn strong(tag: &[u8], own: &str) -> bool {
    tag == own.as_bytes() && !own.starts_with("W/")
}

// "Weak comparison: two entity tags are equivalent if their opaque-tags match character-by-character,
// regardless of either or both being tagged as weak"
fn weak(tag: &[u8], own: &str) -> bool {
    tag.strip_prefix(b"W/").unwrap_or(tag) == own.strip_prefix("W/").unwrap_or(own).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validators(young: bool) -> Validators {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let age = Duration::from_secs(if young { 1 } else { 100 });
        Validators::of(modified, 16, modified + age)
    }

    fn date(seconds: u64) -> Option<Vec<u8>> {
        Some(avx_core::Date::from_unix(seconds).as_bytes().to_vec())
    }

    #[test]
    fn rfc9110_13_2_2_the_tag_goes_before_the_date() {
        let of = validators(false);
        let mut conditions = Conditions::default();
        assert_eq!(conditions.verdict(&of), Verdict::Send);
        conditions.if_modified_since = Some(of.modified);
        assert_eq!(conditions.verdict(&of), Verdict::NotModified);
        conditions.if_none_match = Some(b"\"other\"".to_vec());
        assert_eq!(conditions.verdict(&of), Verdict::Send);
        conditions.if_none_match = Some(format!("\"a\", W/{}", of.etag).into_bytes());
        assert_eq!(conditions.verdict(&of), Verdict::NotModified);
        conditions.if_match = Some(b"\"other\"".to_vec());
        assert_eq!(conditions.verdict(&of), Verdict::Failed);
        conditions.if_match = Some(b"*".to_vec());
        assert_eq!(conditions.verdict(&of), Verdict::NotModified);
    }

    #[test]
    fn rfc9110_13_1_5_if_range_needs_a_strong_match() {
        for (young, if_range, applies) in [
            (false, None, true),
            (false, Some(validators(false).etag.into_bytes()), true),
            (true, Some(validators(true).etag.into_bytes()), false),
            (false, Some(b"\"other\"".to_vec()), false),
            (false, date(784_111_777), true),
            (true, date(784_111_777), false),
            (false, date(784_111_778), false),
            (false, Some(b"nonsense".to_vec()), false),
        ] {
            let conditions =
                Conditions { if_range, range: Some(b"bytes=0-1".to_vec()), ..Conditions::default() };
            assert_eq!(conditions.range(&validators(young)).is_some(), applies, "{conditions:?}");
        }
    }
}
