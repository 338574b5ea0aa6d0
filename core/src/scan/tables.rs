//! Classes of bytes as the product of two look-ups, by low and by high nibble.

use crate::syntax::token;

/// `low[b & 15] & high[b >> 4]` is not 0 when `b` is in the class. A byte from 0x80 on never is.
#[repr(align(16))]
pub(super) struct NibbleTable {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

impl NibbleTable {
    const fn new(class: u8) -> Self {
        let mut table = NibbleTable { low: [0; 16], high: [0; 16] };
        let mut b = 0;
        while b < 0x80 {
            if token::CLASS[b] & class != 0 {
                // A bit for each high nibble: there are eight below 0x80.
                table.low[b & 15] |= 1 << (b >> 4);
                table.high[b >> 4] = 1 << (b >> 4);
            }
            b += 1;
        }
        table
    }
}

/// Token characters.
pub(super) static TOKEN: NibbleTable = NibbleTable::new(token::TCHAR);

/// Bytes of a request target.
pub(super) static TARGET: NibbleTable = NibbleTable::new(token::TARGET);

/// `TAB_AND_DEL[b & 15] == b` for HTAB and DEL, and for no other byte.
#[cfg(target_arch = "x86_64")]
pub(super) static TAB_AND_DEL: [u8; 16] = {
    let mut table = [0xff; 16];
    table[0x9] = b'\t';
    table[0xf] = 0x7f;
    table
};

/// Bytes that must not follow each other: a bit for each rule, by nibbles.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// By the high nibble of the first byte.
    pub(super) high: [u8; 16],
    /// By its low nibble.
    pub(super) low: [u8; 16],
    /// By the high nibble of the second byte.
    pub(super) next: [u8; 16],
}

impl Rules {
    const fn new() -> Rules {
        const ANY: u16 = 0xffff;
        // Bit n of each set stands for the nibble n.
        let rules: [(u16, u16, u16); 8] = [
            // ASCII, then a continuation.
            (0x00ff, ANY, 0x0f00),
            // The first of a sequence, then none.
            (0xf000, ANY, 0xf0ff),
            // C0 and C1: two bytes for what takes one.
            (0x1000, 0x0003, 0x0f00),
            // E0, then 80 to 9F: three bytes for what takes two.
            (0x4000, 0x0001, 0x0300),
            // ED, then A0 to BF: a surrogate.
            (0x4000, 0x2000, 0x0c00),
            // F0, then 80 to 8F: four bytes for what takes three; and what F5 to FF begin.
            (0x8000, 0xffe1, 0x0100),
            // F4, then 90 to BF: beyond U+10FFFF; and what F5 to FF begin.
            (0x8000, 0xfff0, 0x0e00),
            // A continuation and one more: right where a third or fourth byte is due, which is not seen here.
            (0x0f00, ANY, 0x0f00),
        ];
        let mut tables = Rules { high: [0; 16], low: [0; 16], next: [0; 16] };
        let mut rule = 0;
        while rule < 8 {
            let (high, low, next) = rules[rule];
            let mut nibble = 0;
            while nibble < 16 {
                tables.high[nibble] |= ((high >> nibble & 1) as u8) << rule;
                tables.low[nibble] |= ((low >> nibble & 1) as u8) << rule;
                tables.next[nibble] |= ((next >> nibble & 1) as u8) << rule;
                nibble += 1;
            }
            rule += 1;
        }
        tables
    }
}

/// RFC 3629, section 4, turned round.
pub(super) static RULES: Rules = Rules::new();
