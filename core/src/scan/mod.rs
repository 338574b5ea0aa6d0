//! Finding bytes and checking classes, a vector at a time.

use crate::syntax::token::{TARGET, TCHAR, VALUE, all};

/// Whether `bytes` is a token: not empty, only token characters (RFC 9110, section 5.6.2).
#[allow(dead_code)]
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TCHAR)
}

/// Whether `bytes` holds no control but HTAB (RFC 9110, section 5.5). Obs-text may stand.
#[allow(dead_code)]
#[inline]
pub(crate) fn is_field_value_bytes(bytes: &[u8]) -> bool {
    all(bytes, VALUE)
}

/// Whether `bytes` is not empty and may stand in a request target (RFC 9112, section 3.2).
#[allow(dead_code)]
#[inline]
pub(crate) fn is_target_bytes(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TARGET)
}
