//! Frames of WebSocket as lines.
//!
//! ```text
//! TEXT FIN: Hello                 CLOSE FIN 1000: bye
//! TEXT: Hel                       PING FIN
//! CONTINUATION FIN: lo            FRAME 0x83: any first byte
//! ```
//!
//! Frames are masked as the role of their sender demands, unless `MASKED` or `UNMASKED` says otherwise; `len16`
//! and `len64` write a length in more bytes than it needs. `RAW` is no frame, and what stands between `repeat N` and
//! `again` comes N times.

use crate::transcript::format::Role;
use crate::transcript::text::{escape, parse as bytes_of};
use crate::ws::frames::{FIN, KEY, RSV1, frame};
use avx_core::ws::frame::{Header, Opcode, Parsed};
use avx_core::ws::mask::Mask;

const OPCODES: [Opcode; 6] =
    [Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];

/// The bytes that the lines stand for, sent to a machine of this role.
///
/// # Errors
/// The line that cannot be read.
pub(in crate::transcript) fn parse(lines: &[String], to: Role) -> Result<Vec<u8>, String> {
    let (mut out, mut at) = (Vec::new(), 0);
    parse_into(lines, &mut at, to, &mut out)?;
    Ok(out)
}

fn parse_into(lines: &[String], at: &mut usize, to: Role, out: &mut Vec<u8>) -> Result<(), String> {
    while let Some(line) = lines.get(*at) {
        *at += 1;
        if let Some(n) = line.strip_prefix("repeat ") {
            let n: u32 = n.parse().map_err(|_| format!("bad count in {line:?}"))?;
            let begin = *at;
            for _ in 0..n {
                *at = begin;
                parse_into(lines, at, to, out)?;
            }
        } else if line == "again" {
            return Ok(());
        } else {
            out.extend(parse_frame(line, to).map_err(|e| format!("{line:?}: {e}"))?);
        }
    }
    Ok(())
}

fn parse_frame(line: &str, to: Role) -> Result<Vec<u8>, String> {
    let (head, content) = match line.split_once(':') {
        Some((head, content)) => (head, bytes_of(content.strip_prefix(' ').unwrap_or(content))?),
        None => (line, Vec::new()),
    };
    let mut words = head.split(' ');
    let name = words.next().unwrap_or_default();
    if name == "RAW" {
        return Ok(content);
    }
    let mut first = match name {
        "FRAME" => {
            let byte = words.next().and_then(|word| word.strip_prefix("0x")).ok_or("a byte is missing")?;
            u8::from_str_radix(byte, 16).map_err(|e| e.to_string())?
        }
        _ => *OPCODES.iter().find(|opcode| shown(**opcode) == name).ok_or("an unknown frame")? as u8,
    };
    let (mut masked, mut extended, mut payload) = (to == Role::Server, 0, Vec::new());
    for word in words {
        match word {
            "FIN" => first |= FIN,
            "RSV1" => first |= RSV1,
            "RSV2" => first |= 0x20,
            "RSV3" => first |= 0x10,
            "MASKED" => masked = true,
            "UNMASKED" => masked = false,
            "len16" => extended = 2,
            "len64" => extended = 8,
            code => payload.extend(code.parse::<u16>().map_err(|e| format!("{code}: {e}"))?.to_be_bytes()),
        }
    }
    payload.extend(content);
    let mut bytes = frame(first, masked.then_some(KEY), &payload);
    if extended > 0 {
        let len = (payload.len() as u64).to_be_bytes();
        bytes[1] = bytes[1] & 0x80 | if extended == 2 { 126 } else { 127 };
        bytes.splice(2..2, len[8 - extended..].iter().copied());
    }
    Ok(bytes)
}

/// The frames in `bytes`, sent by a machine of this role.
pub(in crate::transcript) fn lines(mut bytes: &[u8], by: Role) -> Vec<String> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let header = match Header::parse(bytes) {
            Ok(Parsed::Header(header, at)) if bytes.len() as u64 - at as u64 >= header.len => (header, at),
            _ => {
                out.push(format!("RAW: {}", escape(bytes)));
                break;
            }
        };
        let (header, at) = header;
        let (frame, rest) = bytes.split_at(at + header.len as usize);
        let mut payload = frame[at..].to_vec();
        if let Some(key) = header.mask {
            Mask::new(key).apply(&mut payload);
        }
        let mut line = shown(header.opcode);
        let masks = match (by, header.mask) {
            (Role::Server, Some(_)) => " MASKED",
            (Role::Client, None) => " UNMASKED",
            _ => "",
        };
        line += if header.fin { " FIN" } else { "" };
        line += if header.compressed { " RSV1" } else { "" };
        line += masks;
        let mut shows = &payload[..];
        if let (Opcode::Close, [high, low, reason @ ..]) = (header.opcode, shows) {
            line += &format!(" {}", u16::from_be_bytes([*high, *low]));
            shows = reason;
        }
        if !shows.is_empty() {
            line += &format!(": {}", escape(shows));
        }
        out.push(line);
        bytes = rest;
    }
    out
}

fn shown(opcode: Opcode) -> String {
    opcode.name().to_ascii_uppercase()
}
