//! Frames by hand.

use avx_core::ws::CloseCode;
use avx_core::ws::frame::{Header, Parsed};
use avx_core::ws::mask::Mask;

/// The key that tests mask with.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Bits of the first byte.
pub const FIN: u8 = 0x80;
/// The bit that marks compressed messages.
pub const RSV1: u8 = 0x40;

/// Any frame: its first byte, its masking key, its payload.
pub fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mask = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..126 => out.push(mask | len as u8),
        len @ 126..0x1_0000 => {
            out.push(mask | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(mask | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(key.unwrap_or_default().iter().take(4 * usize::from(key.is_some())));
    let at = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        Mask::new(key).apply(&mut out[at..]);
    }
    out
}

/// A frame of a client.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, Some(KEY), payload)
}

/// A frame of a server.
pub fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, None, payload)
}

/// The payload of a close frame.
pub fn close(code: CloseCode, reason: &str) -> Vec<u8> {
    [&code.0.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// The frames in `bytes`, unmasked.
///
/// # Panics
/// On anything that is none.
pub fn read(mut bytes: &[u8]) -> Vec<(Header, Vec<u8>)> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let Ok(Parsed::Header(header, at)) = Header::parse(bytes) else {
            panic!("no header: {}", bytes.escape_ascii())
        };
        let (frame, rest) = bytes.split_at(at + header.len as usize);
        let mut payload = frame[at..].to_vec();
        if let Some(key) = header.mask {
            Mask::new(key).apply(&mut payload);
        }
        out.push((header, payload));
        bytes = rest;
    }
    out
}
