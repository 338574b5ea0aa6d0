//! Frames of HTTP/2 as lines.
//!
//! ```text
//! PREFACE                                    HEADERS 1 END_STREAM END_HEADERS
//! SETTINGS INITIAL_WINDOW_SIZE 1               :method: GET
//! DATA 1 END_STREAM: hello                     = \x84            bytes of a field block as they are
//! ```
//!
//! `@` is the next stream of a client, `.` the one before it; what stands between `repeat N` and `again` comes
//! N times.

use super::text::{escape, parse as bytes_of};
use crate::h2::frames::{ACK, END_HEADERS, END_STREAM, PADDED, PREFACE, block, frame};
use avx_core::ErrorCode;
use avx_core::h2::frame::{Header, Kind};
use avx_core::h2::hpack::{DecodeLimits, Decoder, Section};

const KINDS: [Kind; 11] = [
    Kind::DATA,
    Kind::HEADERS,
    Kind::PRIORITY,
    Kind::RST_STREAM,
    Kind::SETTINGS,
    Kind::PUSH_PROMISE,
    Kind::PING,
    Kind::GOAWAY,
    Kind::WINDOW_UPDATE,
    Kind::CONTINUATION,
    Kind::PRIORITY_UPDATE,
];

const SETTINGS: [(u16, &str); 8] = [
    (1, "HEADER_TABLE_SIZE"),
    (2, "ENABLE_PUSH"),
    (3, "MAX_CONCURRENT_STREAMS"),
    (4, "INITIAL_WINDOW_SIZE"),
    (5, "MAX_FRAME_SIZE"),
    (6, "MAX_HEADER_LIST_SIZE"),
    (8, "ENABLE_CONNECT_PROTOCOL"),
    (9, "NO_RFC7540_PRIORITIES"),
];

/// The bytes that the lines stand for.
///
/// # Errors
/// The line that cannot be read.
pub(super) fn parse(lines: &[String]) -> Result<Vec<u8>, String> {
    let (mut out, mut at) = (Vec::new(), 0);
    let mut last = None;
    parse_into(lines, &mut at, &mut last, &mut out)?;
    Ok(out)
}

fn parse_into(
    lines: &[String],
    at: &mut usize,
    last: &mut Option<u32>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    while let Some(line) = lines.get(*at) {
        *at += 1;
        if let Some(n) = line.strip_prefix("repeat ") {
            let n: u32 = n.parse().map_err(|_| format!("bad count in {line:?}"))?;
            let begin = *at;
            for _ in 0..n {
                *at = begin;
                parse_into(lines, at, last, out)?;
            }
        } else if line == "again" {
            return Ok(());
        } else {
            let fields = lines[*at..].iter().take_while(|line| line.starts_with("  ")).count();
            let below = &lines[*at..*at + fields];
            *at += fields;
            out.extend(parse_frame(line, below, last).map_err(|e| format!("{line:?}: {e}"))?);
        }
    }
    Ok(())
}

fn parse_frame(line: &str, below: &[String], last: &mut Option<u32>) -> Result<Vec<u8>, String> {
    let (head, content) = match line.split_once(':') {
        Some((head, content)) => (head, bytes_of(content.strip_prefix(' ').unwrap_or(content))?),
        None => (line, Vec::new()),
    };
    let mut words = head.split(' ');
    let mut next = || words.next().ok_or("a word is missing".to_string());
    let name = next()?;
    if name == "PREFACE" {
        return Ok(PREFACE.to_vec());
    }
    if name == "RAW" {
        return Ok(content);
    }
    if name == "FRAME" {
        let (kind, flags, stream) = (number(next()?)?, number(next()?)?, number(next()?)?);
        return Ok(frame(Kind(kind as u8), flags as u8, stream, &content));
    }
    let kind = KINDS.into_iter().find(|kind| kind.name() == Some(name)).ok_or("an unknown frame")?;
    let of_connection = [Kind::SETTINGS, Kind::PING, Kind::GOAWAY].contains(&kind);
    let stream = match (of_connection, kind) {
        (true, _) => 0,
        _ => match next()? {
            "@" => *last.insert(last.map_or(1, |last| last + 2)),
            "." => last.ok_or("no stream yet")?,
            word => number(word)?,
        },
    };
    let (mut flags, mut payload, mut padding) = (0, Vec::new(), None);
    let mut behind = Vec::new();
    let words: Vec<&str> = words.collect();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match (kind, word) {
            (_, "ACK") => flags |= ACK,
            (_, "END_STREAM") => flags |= END_STREAM,
            (_, "END_HEADERS") => flags |= END_HEADERS,
            (_, "PADDED") => padding = Some(number(value()?)?),
            (_, "last" | "promises") => payload.extend(number(value()?)?.to_be_bytes()),
            (_, "on") => payload.extend(number(value()?)?.to_be_bytes()),
            (_, "weight") => payload.push((number(value()?)? - 1) as u8),
            (Kind::SETTINGS, name) => {
                let known = SETTINGS.into_iter().find(|known| known.1 == name).map(|known| known.0);
                let id = known.map_or_else(|| number(name).map(|id| id as u16), Ok)?;
                payload.extend(id.to_be_bytes());
                payload.extend(number(value()?)?.to_be_bytes());
            }
            (Kind::WINDOW_UPDATE, n) => {
                payload
                    .extend(number(n.strip_prefix('+').ok_or("an increment begins with +")?)?.to_be_bytes());
            }
            (Kind::RST_STREAM | Kind::GOAWAY, name) => behind.extend(code(name)?.to_be_bytes()),
            (_, word) => return Err(format!("unknown word {word:?}")),
        }
    }
    payload.extend(behind);
    let number_first = if kind == Kind::PRIORITY_UPDATE { stream.to_be_bytes().to_vec() } else { Vec::new() };
    if kind == Kind::HEADERS && payload.len() == 5 {
        flags |= crate::h2::frames::PRIORITY;
    }
    payload.extend(number_first);
    payload.extend(content);
    for line in below {
        payload.extend(match line.trim_start().strip_prefix("= ") {
            Some(raw) => bytes_of(raw)?,
            None => {
                let (name, value) = line[3..].split_once(':').ok_or("a field line needs a colon")?;
                let name = bytes_of(&format!("{}{name}", &line[2..3]))?;
                let value = bytes_of(value.strip_prefix(' ').unwrap_or(value))?;
                let field = avx_core::Field { sensitive: true, ..avx_core::Field::new(&name, &value) };
                raw_block(field)
            }
        });
    }
    if let Some(n) = padding {
        flags |= PADDED;
        payload.insert(0, n as u8);
        payload.extend(vec![0; n as usize]);
    }
    let stream = if kind == Kind::PRIORITY_UPDATE { 0 } else { stream };
    Ok(frame(kind, flags, stream, &payload))
}

/// One field, which leaves no trace in any table.
fn raw_block(field: avx_core::Field<'_>) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    match (text(field.name), text(field.value)) {
        (Some(name), Some(value)) => block(&[(&name, &value)]),
        _ => {
            let mut encoder = avx_core::h2::hpack::Encoder::new();
            let mut out = vec![0; encoder.bound([field])];
            let len = encoder.encode([field], &mut out);
            out.truncate(len);
            out
        }
    }
}

fn number(word: &str) -> Result<u32, String> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.map_err(|_| format!("bad number {word:?}"))
}

fn code(name: &str) -> Result<u32, String> {
    (0..14).find(|&code| ErrorCode(code).name() == Some(name)).map_or_else(|| number(name), Ok)
}

/// Reads what one end writes: its field blocks belong together.
#[derive(Debug)]
pub(super) struct Reader(Decoder);

impl Reader {
    pub(super) fn new() -> Self {
        Reader(Decoder::new(4096))
    }

    /// The frames in `bytes`, which begin and end with one.
    pub(super) fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let (mut lines, mut rest) = (Vec::new(), bytes);
        if let Some(behind) = rest.strip_prefix(PREFACE) {
            lines.push("PREFACE".to_string());
            rest = behind;
        }
        while let Some(header) = Header::peek(rest) {
            let end = Header::LEN + header.len as usize;
            let Some(payload) = rest.get(Header::LEN..end) else { break };
            self.frame(&header, payload, &mut lines);
            rest = &rest[end..];
        }
        if !rest.is_empty() {
            lines.push(format!("RAW: {}", escape(rest)));
        }
        lines
    }

    fn frame(&mut self, header: &Header, payload: &[u8], lines: &mut Vec<String>) {
        let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("four bytes"));
        let name_of = |code: u32| ErrorCode(code).name().map_or_else(|| code.to_string(), str::to_string);
        let name = header.kind.name().unwrap_or("FRAME");
        let stream = header.stream;
        let mut flags = String::new();
        for (flag, name) in [(END_STREAM, " END_STREAM"), (END_HEADERS, " END_HEADERS")] {
            if header.has(flag) {
                flags.push_str(name);
            }
        }
        let ack = if header.has(ACK) { " ACK" } else { "" };
        lines.push(match header.kind {
            Kind::DATA if payload.is_empty() => format!("DATA {stream}{flags}"),
            Kind::DATA => format!("DATA {stream}{flags}: {}", escape(payload)),
            Kind::HEADERS | Kind::CONTINUATION => format!("{name} {stream}{flags}"),
            Kind::PUSH_PROMISE => format!("{name} {stream} promises {}{flags}", word(0)),
            Kind::RST_STREAM => format!("{name} {stream} {}", name_of(word(0))),
            Kind::WINDOW_UPDATE => format!("{name} {stream} +{}", word(0)),
            Kind::PING => format!("{name}{ack}: {}", escape(payload)),
            Kind::GOAWAY if payload.len() == 8 => format!("{name} last {} {}", word(0), name_of(word(4))),
            Kind::GOAWAY => {
                format!("{name} last {} {}: {}", word(0), name_of(word(4)), escape(&payload[8..]))
            }
            Kind::SETTINGS => {
                let entries = payload.chunks(6).map(|entry| {
                    let (id, value) = (u16::from_be_bytes([entry[0], entry[1]]), &entry[2..6]);
                    let known =
                        SETTINGS.into_iter().find(|known| known.0 == id).map(|known| known.1.to_string());
                    let value = u32::from_be_bytes(value.try_into().expect("four bytes"));
                    format!(" {} {value}", known.unwrap_or_else(|| id.to_string()))
                });
                format!("{name}{ack}{}", entries.collect::<String>())
            }
            _ => format!("FRAME 0x{:x} 0x{:x} {stream}: {}", header.kind.0, header.flags, escape(payload)),
        });
        let block = match header.kind {
            Kind::HEADERS => payload,
            Kind::PUSH_PROMISE => &payload[4..],
            _ => return,
        };
        let mut section = Section::new();
        let limits = DecodeLimits { list_size: 1 << 20, fields: 1 << 10 };
        match self.0.decode(block, &mut section, limits) {
            Ok(_) if header.has(END_HEADERS) => lines.extend(section.iter().map(|(field, mark)| {
                let never = if mark.is_never_indexed() { " (never indexed)" } else { "" };
                format!("  {}: {}{never}", escape(field.name), escape(field.value))
            })),
            _ => lines.push(format!("  = {}", escape(block))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_way_through_text() {
        let lines = [
            "PREFACE",
            "SETTINGS INITIAL_WINDOW_SIZE 1 153 2",
            "SETTINGS ACK",
            "DATA 1: hello",
            "DATA 1 END_STREAM",
            "RST_STREAM 3 CANCEL",
            "WINDOW_UPDATE 0 +5",
            "PING: 12345678",
            "GOAWAY last 3 PROTOCOL_ERROR: why",
            "FRAME 0xbb 0x1 7: x",
        ];
        let lines = lines.map(str::to_string);
        assert_eq!(Reader::new().lines(&parse(&lines).unwrap()), lines);
        let head = ["HEADERS 1 END_STREAM END_HEADERS", "  :method: GET", "  x: y: z"].map(str::to_string);
        let read = Reader::new().lines(&parse(&head).unwrap());
        assert_eq!(read[2], "  x: y: z (never indexed)");
        let three = ["repeat 3", "HEADERS @", "RST_STREAM . CANCEL", "again"].map(str::to_string);
        assert!(parse(&three).unwrap().ends_with(&[0, 0, 0, 5, 0, 0, 0, 8]));
    }
}
