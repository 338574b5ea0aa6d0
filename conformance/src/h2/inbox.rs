//! What a server sent, by stream.

use super::frames::{ACK, END_HEADERS, END_STREAM, ping, settings_ack};
use avx_core::ErrorCode;
use avx_core::h2::frame::{Header, Kind};
use avx_core::h2::hpack::{DecodeLimits, Decoder, Section};
use std::collections::BTreeMap;

/// Field lines.
type Lines = Vec<(String, String)>;

/// Everything that has come on one connection.
#[derive(Debug)]
pub struct Inbox {
    unread: Vec<u8>,
    decoder: Decoder,
    /// A field block that is not complete: its stream, whether the message ends with it, its bytes.
    block: Option<(u32, bool, Vec<u8>)>,
    /// What came on each stream.
    streams: BTreeMap<u32, Answer>,
    /// Frames that came, without the content of DATA.
    pub frames: Vec<Frame>,
    /// Each GOAWAY: last stream and code.
    pub goodbyes: Vec<(u32, ErrorCode)>,
    /// Credit given by WINDOW_UPDATE, for each stream and, at 0, for the connection.
    pub credit: BTreeMap<u32, u64>,
    /// The settings announced.
    pub settings: Vec<(u16, u32)>,
    /// Acknowledgements of settings and pings that were sent.
    pub settings_acks: usize,
    /// See `settings_acks`.
    pub pongs: usize,
    /// Acknowledgements that are due.
    due: Vec<u8>,
}

/// A frame; the payload of DATA is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Type.
    pub kind: Kind,
    /// Flags.
    pub flags: u8,
    /// Stream, or 0.
    pub stream: u32,
    /// Length of the payload.
    pub len: usize,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What came on one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Interim status codes.
    pub interim: Vec<u16>,
    /// Final status code, or 0.
    pub status: u16,
    /// Field lines of the final response.
    pub fields: Lines,
    /// Content.
    pub content: Vec<u8>,
    /// Trailers.
    pub trailers: Lines,
    /// The message is complete.
    pub ended: bool,
    /// The stream was reset.
    pub reset: Option<ErrorCode>,
}

impl Answer {
    /// Value of the first field line with this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    /// Whether nothing more comes on this stream.
    pub fn is_over(&self) -> bool {
        self.ended || self.reset.is_some()
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox {
            unread: Vec::new(),
            decoder: Decoder::new(4096),
            block: None,
            streams: BTreeMap::new(),
            frames: Vec::new(),
            goodbyes: Vec::new(),
            credit: BTreeMap::new(),
            settings: Vec::new(),
            settings_acks: 0,
            pongs: 0,
            due: Vec::new(),
        }
    }
}

impl Inbox {
    /// Bytes have come.
    ///
    /// # Panics
    /// When they are no frames that a server may send.
    pub fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut self.unread);
        let mut rest = &unread[..];
        while let Some(header) = Header::peek(rest) {
            let end = Header::LEN + header.len as usize;
            if rest.len() < end {
                break;
            }
            self.frame(&header, &rest[Header::LEN..end]);
            rest = &rest[end..];
        }
        self.unread = rest.to_vec();
    }

    /// What came on this stream so far.
    pub fn answer(&self, stream: u32) -> Answer {
        self.streams.get(&stream).cloned().unwrap_or_default()
    }

    /// Bytes of content that came on this stream so far.
    pub fn length(&self, stream: u32) -> usize {
        self.streams.get(&stream).map_or(0, |answer| answer.content.len())
    }

    /// Whether nothing more comes on this stream.
    pub fn is_over(&self, stream: u32) -> bool {
        self.streams.get(&stream).is_some_and(Answer::is_over)
    }

    /// Forgets a stream that is over, and the frames so far.
    pub fn forget(&mut self, stream: u32) -> Answer {
        self.frames.clear();
        self.streams.remove(&stream).unwrap_or_default()
    }

    /// Each stream that something came on.
    pub fn answers(&self) -> impl Iterator<Item = (u32, &Answer)> {
        self.streams.iter().map(|(&stream, answer)| (stream, answer))
    }

    /// The streams that were reset, and why.
    pub fn resets(&self) -> Vec<(u32, ErrorCode)> {
        self.answers().filter_map(|(stream, answer)| Some((stream, answer.reset?))).collect()
    }

    /// The acknowledgements of settings and pings that a polite client owes.
    pub fn replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.due)
    }

    /// Whether nothing of an incomplete frame has come.
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty() && self.block.is_none()
    }

    fn frame(&mut self, header: &Header, payload: &[u8]) {
        let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("four bytes"));
        let stream = header.stream;
        let kept = if header.kind == Kind::DATA { &[] } else { payload };
        let (kind, flags) = (header.kind, header.flags);
        self.frames.push(Frame { kind, flags, stream, len: payload.len(), payload: kept.to_vec() });
        assert!(payload.len() <= 16 << 10, "a frame of {} bytes", payload.len());
        assert!(self.block.is_none() || kind == Kind::CONTINUATION, "{kind:?} within a block");
        match kind {
            Kind::DATA => {
                let answer = self.streams.entry(stream).or_default();
                assert!(answer.status > 0 && !answer.is_over(), "content on {stream}");
                answer.content.extend_from_slice(payload);
                answer.ended = flags & END_STREAM != 0;
            }
            Kind::HEADERS => self.block = Some((stream, flags & END_STREAM != 0, payload.to_vec())),
            Kind::CONTINUATION => {
                let (of, _, block) = self.block.as_mut().expect("a block to continue");
                assert_eq!(*of, stream);
                block.extend_from_slice(payload);
            }
            Kind::RST_STREAM => {
                let answer = self.streams.entry(stream).or_default();
                assert_eq!(answer.reset, None, "{stream} is reset twice");
                answer.reset = Some(ErrorCode(word(0)));
            }
            Kind::SETTINGS if flags & ACK != 0 => self.settings_acks += 1,
            Kind::SETTINGS => {
                let entries = payload.chunks(6);
                let entry = |e: &[u8]| {
                    (u16::from_be_bytes([e[0], e[1]]), u32::from_be_bytes([e[2], e[3], e[4], e[5]]))
                };
                self.settings = entries.map(entry).collect();
                self.due.extend(settings_ack());
            }
            Kind::PING if flags & ACK != 0 => self.pongs += 1,
            Kind::PING => self.due.extend(ping(ACK, payload)),
            Kind::GOAWAY => self.goodbyes.push((word(0), ErrorCode(word(4)))),
            Kind::WINDOW_UPDATE => *self.credit.entry(stream).or_default() += u64::from(word(0)),
            other => panic!("a server sent {other:?}"),
        }
        if matches!(kind, Kind::HEADERS | Kind::CONTINUATION) && flags & END_HEADERS != 0 {
            let (stream, end, block) = self.block.take().expect("a block");
            self.section(stream, end, &block);
        }
    }

    fn section(&mut self, stream: u32, end: bool, block: &[u8]) {
        let mut section = Section::new();
        let limits = DecodeLimits { list_size: 1 << 20, fields: 1 << 10 };
        self.decoder.decode(block, &mut section, limits).expect("a field block");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut lines: Lines = section.iter().map(|(f, _)| (text(f.name), text(f.value))).collect();
        let answer = self.streams.entry(stream).or_default();
        assert!(!answer.is_over(), "a head on {stream}, which is over");
        if answer.status > 0 {
            assert!(end, "trailers that end nothing");
            answer.trailers = lines;
        } else {
            let (name, status) = lines.remove(0);
            assert_eq!(name, ":status");
            let status: u16 = status.parse().expect("a status code");
            if status < 200 {
                assert!(!end, "an interim response that ends the stream");
                answer.interim.push(status);
            } else {
                (answer.status, answer.fields) = (status, lines);
            }
        }
        answer.ended = end;
    }
}
