//! What can be wrong with a header block.

use crate::ErrorCode;
use core::fmt;

/// Variants, rule and text in one table.
macro_rules! decode_errors {
    ($( $(#[$doc:meta])* $name:ident, $rfc:literal, $text:literal; )*) => {
        /// The peer's header block cannot be decoded, and the dynamic table is out of step from here on.
        ///
        /// "A decoding error in a field block MUST be treated as a connection error of type
        /// COMPRESSION_ERROR." (RFC 9113, section 4.3)
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DecodeError { $( $(#[$doc])* $name, )* }

        impl DecodeError {
            /// Every variant, for tables and tests.
            pub const ALL: &'static [DecodeError] = &[ $( DecodeError::$name, )* ];

            /// The rule that was broken, as `RFC 7541, section 5.2`.
            pub const fn rfc(self) -> &'static str {
                match self { $( DecodeError::$name => $rfc, )* }
            }

            const fn text(self) -> &'static str {
                match self { $( DecodeError::$name => $text, )* }
            }
        }
    };
}

decode_errors! {
    /// The block ends within a representation.
    Truncated, "RFC 7541, section 6", "block ends within a representation";
    /// An integer beyond 32 bits, or of more octets than any such integer takes.
    IntegerTooLarge, "RFC 7541, section 5.1", "integer is too large";
    /// An indexed field with the index 0.
    IndexZero, "RFC 7541, section 6.1", "index is zero";
    /// An index beyond both tables.
    IndexTooLarge, "RFC 7541, section 2.3.3", "index is beyond the tables";
    /// A Huffman-encoded string holds the end-of-string symbol.
    EndOfString, "RFC 7541, section 5.2", "string holds the end-of-string symbol";
    /// A Huffman-encoded string ends with a whole octet of padding or more.
    PaddingTooLong, "RFC 7541, section 5.2", "padding is longer than 7 bits";
    /// The padding of a Huffman-encoded string is not all ones.
    PaddingNotOnes, "RFC 7541, section 5.2", "padding is not the start of the end-of-string symbol";
    /// A size update above the setting.
    SizeUpdateTooLarge, "RFC 7541, section 6.3", "table size update is above the setting";
    /// A size update behind a field.
    SizeUpdateMisplaced, "RFC 7541, section 4.2", "table size update is not at the start of the block";
    /// No size update, or not one small enough, after the setting was reduced.
    SizeUpdateMissing, "RFC 7541, section 4.2", "table size update is missing";
    /// More than four times the list size allowed: no longer decoded just to keep the table in step.
    ListFarTooLarge, "RFC 9113, section 10.5.1", "field section is far too large";
}

impl DecodeError {
    /// COMPRESSION_ERROR, or ENHANCE_YOUR_CALM for a list that is far too large.
    pub const fn code(self) -> ErrorCode {
        match self {
            DecodeError::ListFarTooLarge => ErrorCode::ENHANCE_YOUR_CALM,
            _ => ErrorCode(0x9),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer: {} ({})", self.text(), self.rfc())
    }
}

impl core::error::Error for DecodeError {}
