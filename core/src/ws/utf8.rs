//! Text in pieces (RFC 6455, section 8.1): UTF-8 (RFC 3629) that may be cut anywhere.

use crate::scan::utf8;
use core::fmt;

/// A validator of text that arrives in pieces.
///
/// It fails with the first piece that holds a byte no valid text can have there: an overlong form, a
/// surrogate and what is beyond U+10FFFF are refused at the byte that makes them so, not at the end of
/// their sequence. Three bytes; an error repeats itself.
///
/// ```
/// use avx_core::ws::utf8::Utf8;
///
/// let mut text = Utf8::new();
/// text.push(b"na\xc3").unwrap();
/// assert!(!text.is_complete());
/// text.push(b"\xafve").unwrap();
/// assert!(text.is_complete());
/// // The half of a surrogate pair, before its third byte is there.
/// assert!(text.push(b"\xed\xa0").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8 {
    /// Bytes that the open sequence still needs.
    missing: u8,
    /// The least that the next one of them may be.
    least: u8,
    /// The most that it may be: less than `least` after an error.
    most: u8,
}

/// Bytes that are no UTF-8.
///
/// "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in
/// fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_." (RFC 6455, section
/// 8.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text is not UTF-8")
    }
}

#[cfg(feature = "std")]
impl std::error::Error for InvalidUtf8 {}

impl Default for Utf8 {
    fn default() -> Self {
        Self::new()
    }
}

impl Utf8 {
    const BETWEEN: Utf8 = Utf8 { missing: 0, least: 0x80, most: 0xbf };
    const FAILED: Utf8 = Utf8 { missing: 1, least: 1, most: 0 };

    /// The beginning of a text.
    #[inline]
    pub const fn new() -> Self {
        Self::BETWEEN
    }

    /// Checks the next bytes of the text.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        if self.missing > 0 {
            return self.push_behind_open(bytes);
        }
        if !utf8::is_text_so_far(bytes) {
            *self = Self::FAILED;
            return Err(InvalidUtf8);
        }
        match last_open(bytes) {
            [] => Ok(()),
            open => self.step(open),
        }
    }

    #[cold]
    fn push_behind_open(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let (open, rest) = bytes.split_at(bytes.len().min(self.missing.into()));
        self.step(open)?;
        if rest.is_empty() { Ok(()) } else { self.push(rest) }
    }

    /// Byte by byte.
    #[inline(never)]
    fn step(&mut self, bytes: &[u8]) -> Result<(), InvalidUtf8> {
        *self = bytes.iter().fold(*self, |state, &byte| state.after(byte));
        if self.least > self.most { Err(InvalidUtf8) } else { Ok(()) }
    }

    /// Whether the text may end here: no sequence is open, and nothing was wrong.
    #[inline]
    pub const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// What follows `byte`.
    fn after(self, byte: u8) -> Utf8 {
        let open = |missing, least, most| Utf8 { missing, least, most };
        if self.missing > 0 {
            return match byte {
                _ if byte < self.least || byte > self.most => Self::FAILED,
                _ => open(self.missing - 1, 0x80, 0xbf),
            };
        }
        // RFC 3629, section 4: the table of well-formed sequences, by their first byte.
        match byte {
            0x00..=0x7f => Self::BETWEEN,
            0xc2..=0xdf => open(1, 0x80, 0xbf),
            0xe0 => open(2, 0xa0, 0xbf),
            0xe1..=0xec | 0xee..=0xef => open(2, 0x80, 0xbf),
            0xed => open(2, 0x80, 0x9f),
            0xf0 => open(3, 0x90, 0xbf),
            0xf1..=0xf3 => open(3, 0x80, 0xbf),
            0xf4 => open(3, 0x80, 0x8f),
            _ => Self::FAILED,
        }
    }
}

/// Whether `text` as a whole is UTF-8.
#[inline]
pub fn is_text(text: &[u8]) -> bool {
    utf8::is_text_so_far(text) && ends_complete(text)
}

/// Whether `text`, in which no byte is wrong, ends between two sequences.
#[inline(always)]
pub(super) fn ends_complete(text: &[u8]) -> bool {
    last_open(text).is_empty()
}

/// The last sequence of `text` if it may still be open, or nothing.
#[inline(always)]
fn last_open(text: &[u8]) -> &[u8] {
    match text {
        [.., 0..=0x7f] => &[],
        [.., 0xc0..=0xff] => &text[text.len() - 1..],
        [.., 0xe0..=0xff, _] => &text[text.len() - 2..],
        [.., 0xf0..=0xff, _, _] => &text[text.len() - 3..],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// What std says: refused, or whether no sequence is open.
    fn expected(text: &[u8]) -> Result<bool, InvalidUtf8> {
        match core::str::from_utf8(text) {
            Ok(_) => Ok(true),
            Err(error) if error.error_len().is_none() => Ok(false),
            Err(_) => Err(InvalidUtf8),
        }
    }

    fn pushed(pieces: &[&[u8]]) -> Result<bool, InvalidUtf8> {
        let mut text = Utf8::new();
        for piece in pieces {
            text.push(piece)?;
        }
        Ok(text.is_complete())
    }

    #[test]
    fn every_sequence_of_up_to_three_bytes_is_judged_as_std_judges_it() {
        for first in 0..=255 {
            for second in 0..=255 {
                assert_eq!(pushed(&[&[first, second]]), expected(&[first, second]));
                if first < 0xc0 && !matches!(second, 0xc0..) {
                    continue;
                }
                for third in 0..=255 {
                    let all = [first, second, third];
                    assert_eq!(pushed(&[&all]), expected(&all), "{all:x?}");
                }
            }
        }
    }

    #[test]
    fn every_sequence_of_four_bytes_at_the_edges_is_judged_as_std_judges_it_at_every_byte() {
        let edges =
            [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xf0];
        for first in 0xe0..=255 {
            for second in 0..=255 {
                for third in edges {
                    for fourth in edges {
                        let all = [first, second, third, fourth];
                        let mut text = Utf8::new();
                        for len in 1..=4 {
                            let verdict = text.push(&all[len - 1..len]).map(|()| text.is_complete());
                            assert_eq!(verdict, expected(&all[..len]), "{:x?}", &all[..len]);
                            if verdict.is_err() {
                                break;
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rfc6455_8_1_a_text_fails_at_the_first_byte_that_cannot_continue_it() {
        // A Greek word, a code point beyond U+10FFFF, ASCII.
        let text = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
        let mut utf8 = Utf8::new();
        assert_eq!(utf8.push(&text[..12]), Ok(()));
        assert_eq!(utf8.push(&text[12..13]), Err(InvalidUtf8));
    }

    #[test]
    fn an_error_repeats_itself() {
        let mut text = Utf8::new();
        assert!(text.push(b"\xff").is_err());
        assert!(text.push(b"").is_err());
        assert!(text.push(b"fine").is_err());
        assert!(!text.is_complete());
    }

    /// Text of all lengths of sequences, in which some bytes were replaced.
    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        let character = prop_oneof![
            4 => "[ -~]{1,40}",
            1 => "[\u{80}-\u{7ff}]{1,20}",
            1 => "[\u{800}-\u{d7ff}\u{e000}-\u{ffff}]{1,20}",
            1 => "[\u{10000}-\u{10ffff}]{1,20}",
        ];
        let wrong = prop_oneof![3 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)];
        (prop::collection::vec(character, 0..12), wrong).prop_map(|(characters, wrong)| {
            let mut text = characters.concat().into_bytes();
            if let (Some((at, byte)), false) = (wrong, text.is_empty()) {
                let at = at.index(text.len());
                text[at] = byte;
            }
            text
        })
    }

    proptest! {
        #[test]
        fn every_cut_gives_the_verdict_of_std(text in nearly_text(), second: prop::sample::Index) {
            let whole = expected(&text);
            let second = second.index(text.len() + 1);
            for first in 0..=text.len() {
                let (from, to) = (first.min(second), first.max(second));
                let pieces = [&text[..from], &text[from..to], &text[to..]];
                prop_assert_eq!(pushed(&pieces), whole);
                // As early as any reader can know.
                prop_assert_eq!(pushed(&pieces[..1]), expected(&text[..from]));
            }
        }
    }
}
