//! Masking (RFC 6455, section 5.3).

use super::utf8;
use crate::scan::{mask, masked_text};

/// A masking key, and how far into it the content has come.
///
/// Masking and unmasking are the same. Content may be cut anywhere: what is passed next continues where
/// the last call ended. Four bytes; copy one to mask the same content twice.
///
/// ```
/// use avx_core::ws::mask::Mask;
///
/// let mut data = *b"Hello";
/// let mut mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// mask.apply(&mut data[..2]);
/// mask.apply(&mut data[2..]);
/// assert_eq!(data, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    /// The key, turned so that the lowest octet is for the next byte.
    key: u32,
}

impl Mask {
    /// The beginning of a frame's content under the masking key `key`.
    #[inline]
    pub const fn new(key: [u8; 4]) -> Self {
        Mask { key: u32::from_le_bytes(key) }
    }

    /// Masks or unmasks `data` in place.
    #[inline]
    pub fn apply(&mut self, data: &mut [u8]) {
        // RFC 6455, section 5.3: "Octet i of the transformed data ("transformed-octet-i") is the XOR of
        // octet i of the original data ("original-octet-i") with octet at index i modulo 4 of the
        // masking key ("masking-key-octet-j")"
        mask::apply(self.key, data);
        self.advance(data.len());
    }

    /// Unmasks a text in place that is whole with `text`, and says whether it is UTF-8 (RFC 6455, section
    /// 8.1). Short ones take less time than unmasking and checking do one after the other.
    #[inline]
    pub fn unmask_text(self, text: &mut [u8]) -> bool {
        masked_text::unmask(self.key, text) && utf8::ends_complete(text)
    }

    /// Masks or unmasks `from` into `to`, which is as long.
    ///
    /// # Panics
    /// If the lengths differ.
    #[inline]
    pub fn copy(&mut self, from: &[u8], to: &mut [u8]) {
        mask::copy(self.key, from, to);
        self.advance(from.len());
    }

    #[inline(always)]
    fn advance(&mut self, len: usize) {
        self.key = mask::turned(self.key, len);
    }
}

/// The key stays out of it: whoever knows it can choose the bytes on the wire.
impl core::fmt::Debug for Mask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Mask")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn expected(key: [u8; 4], data: &[u8]) -> Vec<u8> {
        data.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect()
    }

    #[test]
    fn rfc6455_5_7_the_masked_hello_of_the_examples_is_unmasked() {
        let mut data = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut data);
        assert_eq!(&data, b"Hello");
    }

    #[test]
    fn rfc6455_5_3_every_pair_of_cuts_gives_the_same() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let data: Vec<u8> = (0..40).collect();
        let expected = expected(key, &data);
        for first in 0..=data.len() {
            for second in first..=data.len() {
                let (mut applied, mut copied) = (data.clone(), vec![0; data.len()]);
                let (mut apply, mut copy) = (Mask::new(key), Mask::new(key));
                for piece in [0..first, first..second, second..data.len()] {
                    apply.apply(&mut applied[piece.clone()]);
                    copy.copy(&data[piece.clone()], &mut copied[piece]);
                }
                assert_eq!((&applied, &copied), (&expected, &expected), "cut at {first} and {second}");
                assert_eq!(apply, copy);
            }
        }
    }

    proptest! {
        #[test]
        fn masking_is_the_exclusive_or_by_octets_at_any_alignment_and_cut(
            key: [u8; 4],
            data in prop::collection::vec(any::<u8>(), 0..3000),
            start in 0usize..64,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut place = vec![0xaa; start];
            place.extend_from_slice(&data);
            place.extend_from_slice(&[0xaa; 64]);
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(data.len() + 1)).collect();
            cuts.extend([0, data.len()]);
            cuts.sort_unstable();
            let mut copied = vec![0xaa; data.len() + 64];
            let (mut apply, mut copy) = (Mask::new(key), Mask::new(key));
            for cut in cuts.windows(2) {
                apply.apply(&mut place[start + cut[0]..start + cut[1]]);
                copy.copy(&data[cut[0]..cut[1]], &mut copied[cut[0]..cut[1]]);
            }
            let expected = expected(key, &data);
            prop_assert_eq!(&place[start..start + data.len()], expected.as_slice());
            prop_assert_eq!(&copied[..data.len()], expected.as_slice());
            // Nothing beside them was touched.
            prop_assert!(place[..start].iter().chain(&place[start + data.len()..]).all(|&b| b == 0xaa));
            prop_assert!(copied[data.len()..].iter().all(|&b| b == 0xaa));
        }
    }

    #[test]
    fn rfc6455_8_1_a_text_is_unmasked_and_checked_as_a_whole() {
        for (text, is_text) in [
            (&b""[..], true),
            (b"Hello", true),
            (b"na\xc3\xafve", true),
            (b"na\xc3", false),
            (b"\xed\xa0\x80", false),
            (b"sixteen bytes of\xf0\x9f\xa6\x8a", true),
            (b"sixteen bytes of\xf0\x9f\xa6", false),
            (b"sixteen bytes of\xff", false),
        ] {
            let key = [0x37, 0xfa, 0x21, 0x3d];
            let mut data = expected(key, text);
            assert_eq!(Mask::new(key).unmask_text(&mut data), is_text);
            assert_eq!(data, text);
            assert_eq!(utf8::is_text(text), is_text);
        }
    }

    #[test]
    #[should_panic]
    fn copying_into_another_length_is_a_mistake_of_the_caller() {
        Mask::new([0; 4]).copy(b"abc", &mut [0; 2]);
    }
}
