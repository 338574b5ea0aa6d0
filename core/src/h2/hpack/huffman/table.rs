//! Appendix B of RFC 7541.

/// "EOS", the end-of-string symbol.
pub(super) const EOS: usize = 256;

/// Symbols of the code: every octet, and the end of a string.
pub(super) const SYMBOLS: usize = 257;

/// The longest code, in bits.
pub(super) const LONGEST: usize = 30;

/// Length of each symbol's code in bits, sixteen a line, the end-of-string symbol last.
pub(super) static LENGTHS: [u8; SYMBOLS] = LENGTHS_OF_APPENDIX_B;

#[rustfmt::skip]
const LENGTHS_OF_APPENDIX_B: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// The code of each symbol, aligned to the least significant bit.
pub(super) static CODES: [u32; SYMBOLS] = CODES_OF_APPENDIX_B;

/// "It is a canonical Huffman code": among codes of one length the symbols ascend, and a longer code
/// goes on where the shorter ones end. So the lengths are all there is to know.
pub(super) const CODES_OF_APPENDIX_B: [u32; SYMBOLS] = {
    let mut codes = [0; SYMBOLS];
    let (mut code, mut len) = (0, 1);
    while len <= LONGEST {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS_OF_APPENDIX_B[symbol] as usize == len {
                codes[symbol] = code;
                code += 1;
            }
            symbol += 1;
        }
        code <<= 1;
        len += 1;
    }
    codes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7541_appendix_b_the_codes_are_those_of_the_table() {
        // One of each length, as printed there.
        for (symbol, code, len) in [
            (b'0'.into(), 0x0, 5),
            (b't'.into(), 0x9, 5),
            (b' '.into(), 0x14, 6),
            (b'/'.into(), 0x18, 6),
            (b'u'.into(), 0x2d, 6),
            (b':'.into(), 0x5c, 7),
            (b'z'.into(), 0x7b, 7),
            (b'&'.into(), 0xf8, 8),
            (b'Z'.into(), 0xfd, 8),
            (b'?'.into(), 0x3fc, 10),
            (b'|'.into(), 0x7fc, 11),
            (b'>'.into(), 0xffb, 12),
            (0, 0x1ff8, 13),
            (b'}'.into(), 0x3ffd, 14),
            (b'{'.into(), 0x7ffe, 15),
            (b'\\'.into(), 0x7fff0, 19),
            (226, 0xfffed, 20),
            (230, 0x1fffe8, 21),
            (233, 0x3fffeb, 22),
            (239, 0x7ffff4, 23),
            (9, 0xffffea, 24),
            (235, 0x1ffffef, 25),
            (255, 0x3ffffee, 26),
            (254, 0x7fffff0, 27),
            (249, 0xffffffe, 28),
            (22, 0x3ffffffe, 30),
            (EOS, 0x3fffffff, 30),
        ] {
            assert_eq!((CODES[symbol], LENGTHS[symbol]), (code, len), "{symbol}");
        }
    }

    #[test]
    fn the_code_is_complete_and_no_code_begins_another() {
        let space: u64 = LENGTHS.iter().map(|&len| 1u64 << (LONGEST - usize::from(len))).sum();
        assert_eq!(space, 1 << LONGEST);
        let mut ranges: Vec<_> = CODES
            .iter()
            .zip(&LENGTHS)
            .map(|(&code, &len)| (code << (30 - len), 1 << (30 - len)))
            .collect::<Vec<(u32, u32)>>();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
    }
}
