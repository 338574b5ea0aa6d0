//! Starting from HTTP/1.1 with `Upgrade: h2c` (RFC 7540, section 3.2): "This usage was never widely deployed
//! and is deprecated" (RFC 9113, section 3.1). Nothing here happens unless the caller asks for it.
//!
//! ```text
//! GET / HTTP/1.1
//! Connection: Upgrade, HTTP2-Settings
//! Upgrade: h2c
//! HTTP2-Settings: <base64url of a SETTINGS payload>
//! ```
//!
//! Once 101 is on its way, the exchange goes on as stream 1 of an HTTP/2 connection, whose preface both ends
//! still send.

use super::frame::{Setting, SettingId};
use super::limits::Limits;
use super::settings::{LocalSettings, Role};
use alloc::vec::Vec;

/// The value of HTTP2-Settings that a client with these limits sends.
pub fn settings_field(limits: &Limits) -> Vec<u8> {
    let (settings, n) = LocalSettings::announced(limits, Role::Client);
    let payload: Vec<u8> = settings[..n]
        .iter()
        .flat_map(|setting| {
            let ([a, b], [c, d, e, f]) = (setting.id.0.to_be_bytes(), setting.value.to_be_bytes());
            [a, b, c, d, e, f]
        })
        .collect();
    let mut out = Vec::with_capacity(payload.len().div_ceil(3) * 4);
    for three in payload.chunks(3) {
        let word = three.iter().fold(0u32, |word, &b| word << 8 | u32::from(b)) << (8 * (3 - three.len()));
        let digits = [word >> 18, word >> 12, word >> 6, word].map(|six| ALPHABET[six as usize & 63]);
        // "the "=" padding characters are omitted" (RFC 7540, section 3.2.1)
        out.extend_from_slice(&digits[..three.len() + 1]);
    }
    out
}

/// The settings in a value of HTTP2-Settings, if it is one.
pub(super) fn settings(value: &[u8], most: usize) -> Option<Vec<Setting>> {
    if value.len() > most * 8 || value.len() % 4 == 1 {
        return None;
    }
    let mut payload = Vec::with_capacity(value.len());
    for four in value.chunks(4) {
        let mut word = 0;
        for i in 0..4 {
            let six = match four.get(i) {
                Some(b) => ALPHABET.iter().position(|a| a == b)?,
                None => 0,
            };
            word = word << 6 | six as u32;
        }
        payload.extend_from_slice(&word.to_be_bytes()[1..four.len()]);
    }
    let whole = payload.len() % 6 == 0;
    let settings = payload.chunks_exact(6).map(|six| Setting {
        id: SettingId(u16::from_be_bytes([six[0], six[1]])),
        value: u32::from_be_bytes([six[2], six[3], six[4], six[5]]),
    });
    whole.then(|| settings.collect())
}

/// RFC 4648, section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7540_3_2_1_settings_travel_in_a_field() {
        let value = settings_field(&Limits::default());
        let back = settings(&value, 32).unwrap();
        let (sent, n) = LocalSettings::announced(&Limits::default(), Role::Client);
        assert_eq!(back, sent[..n]);
        assert_eq!(settings(b"AAMAAABkAAQAAP__", 32).unwrap().len(), 2);
        assert_eq!(settings(b"", 32), Some(Vec::new()));
        for bad in [&b"A"[..], b"AAMAAABk=", b"AAMAAABkAA", b"AAM AABk", b"\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(settings(bad, 32), None, "{}", bad.escape_ascii());
        }
        assert_eq!(settings(&b"AAMAAABk".repeat(33), 32), None);
    }
}
