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
