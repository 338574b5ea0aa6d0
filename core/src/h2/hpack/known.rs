//! Names that are recognised: those of the static table, and those that HTTP/2 has rules for.

use super::table::same;

/// Variants and names in one table; the number of a name of the static table is its first index there.
macro_rules! known {
    ($( $name:ident = $number:literal, $text:literal; )*) => {
        /// A field name by number: 0 for a name without one. Saves comparing strings.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Known {
            /// Any other name.
            #[default]
            Other = 0,
            $( #[doc = concat!("`", $text, "`")] $name = $number, )*
        }

        impl Known {
            /// Every name but [`Other`](Known::Other).
            pub const ALL: &'static [Known] = &[ $( Known::$name, )* ];

            /// The name, in lower case; empty for [`Other`](Known::Other).
            pub const fn as_str(self) -> &'static str {
                match self {
                    Known::Other => "",
                    $( Known::$name => $text, )*
                }
            }
        }
    };
}

known! {
    Authority = 1, ":authority";
    Method = 2, ":method";
    Path = 4, ":path";
    Scheme = 6, ":scheme";
    Status = 8, ":status";
    AcceptCharset = 15, "accept-charset";
    AcceptEncoding = 16, "accept-encoding";
    AcceptLanguage = 17, "accept-language";
    AcceptRanges = 18, "accept-ranges";
    Accept = 19, "accept";
    AccessControlAllowOrigin = 20, "access-control-allow-origin";
    Age = 21, "age";
    Allow = 22, "allow";
    Authorization = 23, "authorization";
    CacheControl = 24, "cache-control";
    ContentDisposition = 25, "content-disposition";
    ContentEncoding = 26, "content-encoding";
    ContentLanguage = 27, "content-language";
    ContentLength = 28, "content-length";
    ContentLocation = 29, "content-location";
    ContentRange = 30, "content-range";
    ContentType = 31, "content-type";
    Cookie = 32, "cookie";
    Date = 33, "date";
    Etag = 34, "etag";
    Expect = 35, "expect";
    Expires = 36, "expires";
    From = 37, "from";
    Host = 38, "host";
    IfMatch = 39, "if-match";
    IfModifiedSince = 40, "if-modified-since";
    IfNoneMatch = 41, "if-none-match";
    IfRange = 42, "if-range";
    IfUnmodifiedSince = 43, "if-unmodified-since";
    LastModified = 44, "last-modified";
    Link = 45, "link";
    Location = 46, "location";
    MaxForwards = 47, "max-forwards";
    ProxyAuthenticate = 48, "proxy-authenticate";
    ProxyAuthorization = 49, "proxy-authorization";
    Range = 50, "range";
    Referer = 51, "referer";
    Refresh = 52, "refresh";
    RetryAfter = 53, "retry-after";
    Server = 54, "server";
    SetCookie = 55, "set-cookie";
    StrictTransportSecurity = 56, "strict-transport-security";
    TransferEncoding = 57, "transfer-encoding";
    UserAgent = 58, "user-agent";
    Vary = 59, "vary";
    Via = 60, "via";
    WwwAuthenticate = 61, "www-authenticate";
    Protocol = 62, ":protocol";
    Connection = 63, "connection";
    KeepAlive = 64, "keep-alive";
    ProxyConnection = 65, "proxy-connection";
    Upgrade = 66, "upgrade";
    Te = 67, "te";
    Trailer = 68, "trailer";
    Priority = 69, "priority";
}

impl Known {
    /// The number of `name`, compared exactly: names of HTTP/2 are in lower case. O(1).
    #[inline]
    pub fn of(name: &[u8]) -> Known {
        let known = SLOTS[slot(name)];
        if same(known.as_str().as_bytes(), name) { known } else { Known::Other }
    }

    /// Whether this is a pseudo-header field (RFC 9113, section 8.3).
    pub const fn is_pseudo(self) -> bool {
        matches!(
            self,
            Known::Authority | Known::Method | Known::Path | Known::Scheme | Known::Status | Known::Protocol
        )
    }

    /// The first index of this name in the static table.
    #[inline]
    pub(super) const fn static_index(self) -> Option<u32> {
        match self as u8 {
            n @ 1..=61 => Some(n as u32),
            _ => None,
        }
    }
}

/// No two names share a slot: this does not compile otherwise.
static SLOTS: [Known; 256] = {
    let mut slots = [Known::Other; 256];
    let mut i = 0;
    while i < Known::ALL.len() {
        let at = slot(Known::ALL[i].as_str().as_bytes());
        assert!(matches!(slots[at], Known::Other), "another multiplier is needed");
        slots[at] = Known::ALL[i];
        i += 1;
    }
    slots
};

/// From a name's length and the two bytes at each end.
#[inline]
const fn slot(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else { return 0 };
    let ends = u16::from_le_bytes(*first) as u32 | (u16::from_le_bytes(*last) as u32) << 16;
    ((ends ^ (name.len() as u32).wrapping_mul(0x1_0101)).wrapping_mul(0xc498_72c7) >> 24) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_and_no_other() {
        for &known in Known::ALL {
            let name = known.as_str().as_bytes();
            assert_eq!(Known::of(name), known);
            assert_eq!(Known::of(&name.to_ascii_uppercase()), Known::Other);
            assert_eq!(Known::of(&name[1..]), Known::Other, "{known:?}");
            assert_eq!(known.is_pseudo(), name[0] == b':');
        }
        assert_eq!(Known::of(b""), Known::Other);
    }
}
