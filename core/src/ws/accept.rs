//! The key of a handshake and the answer to it (RFC 6455, sections 4.1 and 4.2.2).

use super::{base64, sha1};

/// What a server answers in `Sec-WebSocket-Accept` to the value `key` of `Sec-WebSocket-Key`.
///
/// Any `key` has an answer; whether it is a key, [`is_key`] says.
pub fn accept(key: &[u8]) -> [u8; 28] {
    // RFC 6455, section 4.2.2: "concatenating the value of the |Sec-WebSocket-Key| header field [...]
    // with the string "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this concatenated
    // value to obtain a 20-byte value, and base64-encoding [...] this 20-byte hash"
    let mut text = alloc::vec::Vec::with_capacity(key.len() + GUID.len());
    text.extend_from_slice(key);
    text.extend_from_slice(GUID);
    let mut out = [0; 28];
    base64::encode(&sha1::digest(&text), &mut out);
    out
}

/// Whether `value` may be the value of `Sec-WebSocket-Key`, whitespace around it taken away.
///
/// "The request MUST include a header field with the name |Sec-WebSocket-Key|. The value of this header
/// field MUST be a nonce consisting of a randomly selected 16-byte value that has been base64-encoded"
/// (RFC 6455, section 4.1).
pub fn is_key(value: &[u8]) -> bool {
    base64::decode_16(value).is_some()
}

/// The value of `Sec-WebSocket-Key` for `nonce`, which the caller took from a source of entropy.
pub fn key(nonce: [u8; 16]) -> [u8; 24] {
    let mut out = [0; 24];
    base64::encode(&nonce, &mut out);
    out
}

const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6455_1_3_the_sample_nonce_has_its_answer() {
        let key = key(*b"the sample nonce");
        assert_eq!(&key, b"dGhlIHNhbXBsZSBub25jZQ==");
        assert!(is_key(&key));
        assert_eq!(&accept(&key), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_of_any_length_has_an_answer() {
        assert_eq!(&accept(b""), b"Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=");
        assert!(!is_key(b""));
    }
}
