//! Reports for programs: one JSON object a line, members always in the same order.

use super::frame::{Value, kind_name};
use super::report::{Printer, code_name, settings_list};
use super::ws::close_code;
use avx_core::h2::PeerSettings;
use avx_core::h2::frame::{Dependency, Header};
use avx_core::h2::hpack::{DecodeError, Decoded, Section};
use avx_core::ws::{self, CloseCode};
use avx_core::{
    BodyLen, ErrorCode, Fields, PeerError, PrioritySignal, Protocol, RequestHead, ResponseHead, Status,
    StreamId, Version,
};
use std::io::{self, Write};
use std::str;

/// Prints JSON to `out`.
pub(super) struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W) -> Self {
        Json { out }
    }

    /// `{"event":"name"`
    fn open(&mut self, name: &str) -> io::Result<()> {
        write!(self.out, "{{\"event\":\"{name}\"")
    }

    /// `{"event":"name","stream":1`
    fn open_on(&mut self, name: &str, stream: StreamId) -> io::Result<()> {
        self.open(name)?;
        write!(self.out, ",\"stream\":{}", stream.0)
    }

    fn body(&mut self, body: BodyLen) -> io::Result<()> {
        match body {
            BodyLen::Empty => write!(self.out, ",\"body\":\"empty\""),
            BodyLen::Exact(n) => write!(self.out, ",\"body\":{{\"exact\":{n}}}"),
            BodyLen::Streaming => write!(self.out, ",\"body\":\"streaming\""),
        }
    }

    fn fields(&mut self, name: &str, fields: Fields<'_>, encoding: Encoding) -> io::Result<()> {
        write!(self.out, ",\"{name}\":[")?;
        for (i, field) in fields.iter().enumerate() {
            self.out.write_all(if i > 0 { b",[" } else { b"[" })?;
            string(&mut self.out, field.name, encoding)?;
            self.out.write_all(b",")?;
            string(&mut self.out, field.value, encoding)?;
            self.out.write_all(b"]")?;
        }
        self.out.write_all(b"]")
    }

    fn close(&mut self, encoding: Encoding) -> io::Result<()> {
        if encoding == Encoding::Latin1 {
            self.out.write_all(b",\"encoding\":\"latin-1\"")?;
        }
        self.out.write_all(b"}\n")
    }

    /// Everything of a request head from its method on.
    fn request_head(&mut self, head: &RequestHead<'_>) -> io::Result<Encoding> {
        let encoding = Encoding::of(head.target(), head.fields());
        self.member("method", head.method().as_bytes(), encoding)?;
        self.member("target", head.target(), encoding)?;
        write!(self.out, ",\"version\":\"{}\"", head.version().as_str())?;
        if head.version() == Version::Http2 {
            if let Some(scheme) = head.scheme() {
                self.member("scheme", scheme, encoding)?;
            }
            self.member("authority", head.authority(), encoding)?;
            if let Some(protocol) = head.upgrade() {
                self.member("protocol", protocol, encoding)?;
            }
        }
        self.fields("fields", head.fields(), encoding)?;
        Ok(encoding)
    }

    /// `,"text":"hello"`, or `"base64"` for what is no text.
    fn content(&mut self, data: &[u8]) -> io::Result<()> {
        if str::from_utf8(data).is_ok() {
            write!(self.out, ",\"text\":")?;
            string(&mut self.out, data, Encoding::Utf8)
        } else {
            write!(self.out, ",\"base64\":\"")?;
            base64(&mut self.out, data)?;
            self.out.write_all(b"\"")
        }
    }

    /// `,"name":"value"`
    fn member(&mut self, name: &str, value: &[u8], encoding: Encoding) -> io::Result<()> {
        write!(self.out, ",\"{name}\":")?;
        string(&mut self.out, value, encoding)
    }

    fn dependency(&mut self, dependency: Dependency) -> io::Result<()> {
        let Dependency { exclusive, on, weight } = dependency;
        write!(self.out, "\"exclusive\":{exclusive},\"depends_on\":{on},\"weight\":{weight}")
    }

    /// `[["NAME",1],["NAME",null]]`
    fn settings_pairs<'s>(
        &mut self,
        list: impl IntoIterator<Item = (&'s str, Option<u32>)>,
    ) -> io::Result<()> {
        write!(self.out, ",\"settings\":[")?;
        for (i, (name, value)) in list.into_iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            match value {
                Some(value) => write!(self.out, "{comma}[\"{name}\",{value}]")?,
                None => write!(self.out, "{comma}[\"{name}\",null]")?,
            }
        }
        self.out.write_all(b"]")
    }

    /// Everything of a response head but its content.
    fn response_head(
        &mut self,
        name: &str,
        stream: StreamId,
        head: &ResponseHead<'_>,
    ) -> io::Result<Encoding> {
        let encoding = Encoding::of(head.reason(), head.fields());
        self.open_on(name, stream)?;
        write!(self.out, ",\"status\":{},\"reason\":", head.status().code())?;
        string(&mut self.out, head.reason(), encoding)?;
        write!(self.out, ",\"version\":\"{}\"", head.version().as_str())?;
        self.fields("fields", head.fields(), encoding)?;
        Ok(encoding)
    }
}

impl<W: Write> Printer for Json<W> {
    fn request(&mut self, stream: StreamId, head: &RequestHead<'_>, body: BodyLen) -> io::Result<()> {
        self.open_on("request", stream)?;
        let encoding = self.request_head(head)?;
        self.body(body)?;
        self.close(encoding)
    }

    fn response(&mut self, stream: StreamId, head: &ResponseHead<'_>, body: BodyLen) -> io::Result<()> {
        let encoding = self.response_head("response", stream, head)?;
        self.body(body)?;
        self.close(encoding)
    }

    fn informational(&mut self, stream: StreamId, head: &ResponseHead<'_>) -> io::Result<()> {
        let encoding = self.response_head("informational", stream, head)?;
        self.close(encoding)
    }

    fn data(&mut self, stream: StreamId, data: &[u8]) -> io::Result<()> {
        self.open_on("data", stream)?;
        self.content(data)?;
        self.close(Encoding::Utf8)
    }

    fn end(&mut self, stream: StreamId, trailers: Fields<'_>, _: u16) -> io::Result<()> {
        let encoding = Encoding::of(b"", trailers);
        self.open_on("end", stream)?;
        self.fields("trailers", trailers, encoding)?;
        self.close(encoding)
    }

    fn reset(&mut self, stream: StreamId, code: ErrorCode) -> io::Result<()> {
        self.open_on("reset", stream)?;
        write!(self.out, ",\"code\":\"{}\"", code_name(code))?;
        self.close(Encoding::Utf8)
    }

    fn push_promise(
        &mut self,
        stream: StreamId,
        promised: StreamId,
        head: &RequestHead<'_>,
    ) -> io::Result<()> {
        self.open_on("push_promise", stream)?;
        write!(self.out, ",\"promised\":{}", promised.0)?;
        let encoding = self.request_head(head)?;
        self.close(encoding)
    }

    fn priority(&mut self, stream: StreamId, signal: PrioritySignal) -> io::Result<()> {
        self.open_on("priority", stream)?;
        match signal {
            PrioritySignal::Extensible(p) => {
                write!(self.out, ",\"urgency\":{},\"incremental\":{}", p.urgency, p.incremental)?;
            }
            PrioritySignal::Dependency(dependency) => {
                self.out.write_all(b",")?;
                self.dependency(dependency)?;
            }
            _ => {}
        }
        self.close(Encoding::Utf8)
    }

    fn go_away(&mut self, last: StreamId, code: ErrorCode, debug: &[u8]) -> io::Result<()> {
        let encoding = Encoding::of(debug, Fields::default());
        self.open("go_away")?;
        write!(self.out, ",\"last\":{},\"code\":\"{}\"", last.0, code_name(code))?;
        self.member("debug", debug, encoding)?;
        self.close(encoding)
    }

    fn settings(&mut self, settings: &PeerSettings) -> io::Result<()> {
        self.open("settings")?;
        self.settings_pairs(settings_list(settings))?;
        self.close(Encoding::Utf8)
    }

    fn frame(&mut self, header: &Header, members: &[(&str, Value<'_>)]) -> io::Result<()> {
        let mut encoding = Encoding::Utf8;
        let (kind, Header { len, flags, stream, .. }) = (kind_name(header.kind), header);
        self.open("frame")?;
        write!(self.out, ",\"type\":\"{kind}\",\"stream\":{stream},\"flags\":{flags},\"len\":{len}")?;
        for (name, value) in members {
            match value {
                Value::Number(n) => write!(self.out, ",\"{name}\":{n}")?,
                Value::Flag(yes) => write!(self.out, ",\"{name}\":{yes}")?,
                Value::Word(word) => write!(self.out, ",\"{name}\":\"{word}\"")?,
                Value::Bytes(bytes) => {
                    encoding = Encoding::of(bytes, Fields::default());
                    self.member(name, bytes, encoding)?;
                }
                Value::Settings(list) => {
                    self.settings_pairs(list.iter().map(|(name, value)| (&**name, Some(*value))))?;
                }
                Value::Dependency(dependency) => {
                    write!(self.out, ",\"{name}\":{{")?;
                    self.dependency(*dependency)?;
                    self.out.write_all(b"}")?;
                }
            }
        }
        self.close(encoding)
    }

    fn block(&mut self, line: u64, section: &Section, decoded: Decoded, table: usize) -> io::Result<()> {
        let encoding = Encoding::of(b"", section.fields());
        self.open("block")?;
        write!(self.out, ",\"line\":{line},\"fields\":[")?;
        for (i, (field, mark)) in section.iter().enumerate() {
            self.out.write_all(if i > 0 { b",{\"name\":" } else { b"{\"name\":" })?;
            string(&mut self.out, field.name, encoding)?;
            self.out.write_all(b",\"value\":")?;
            string(&mut self.out, field.value, encoding)?;
            write!(self.out, ",\"never_indexed\":{}}}", mark.is_never_indexed())?;
        }
        write!(self.out, "],\"list_size\":{},\"table_size\":{table}", decoded.list_size)?;
        if decoded.too_large {
            self.out.write_all(b",\"too_large\":true")?;
        }
        self.close(encoding)
    }

    fn switched(&mut self, to: Protocol, rest: u64) -> io::Result<()> {
        self.open("switched")?;
        write!(self.out, ",\"to\":\"{}\",\"rest\":{rest}", protocol(to))?;
        self.close(Encoding::Utf8)
    }

    fn need_more(&mut self, at_least: usize) -> io::Result<()> {
        self.open("need_more")?;
        write!(self.out, ",\"at_least\":{at_least}")?;
        self.close(Encoding::Utf8)
    }

    fn error(&mut self, error: PeerError) -> io::Result<()> {
        self.open("error")?;
        let (rfc, status) = (error.rfc(), error.h1_status());
        write!(self.out, ",\"error\":\"{error:?}\",\"rfc\":\"{rfc}\",\"status\":{status}")?;
        self.close(Encoding::Utf8)
    }

    fn h2_error(&mut self, error: PeerError) -> io::Result<()> {
        self.open("error")?;
        let (rfc, code) = (error.rfc(), code_name(error.code()));
        write!(
            self.out,
            ",\"error\":\"{error:?}\",\"rfc\":\"{rfc}\",\"code\":\"{code}\",\"scope\":\"connection\""
        )?;
        self.close(Encoding::Utf8)
    }

    fn stream_error(&mut self, stream: StreamId, code: ErrorCode, answer: Option<Status>) -> io::Result<()> {
        self.open_on("error", stream)?;
        write!(self.out, ",\"code\":\"{}\",\"scope\":\"stream\"", code_name(code))?;
        if let Some(status) = answer {
            write!(self.out, ",\"status\":{}", status.code())?;
        }
        self.close(Encoding::Utf8)
    }

    fn block_error(&mut self, line: u64, error: DecodeError) -> io::Result<()> {
        self.open("error")?;
        let (rfc, code) = (error.rfc(), code_name(error.code()));
        write!(self.out, ",\"line\":{line},\"error\":\"{error:?}\",\"rfc\":\"{rfc}\",\"code\":\"{code}\"")?;
        self.close(Encoding::Utf8)
    }

    fn ws_message(&mut self, kind: ws::Kind, data: &[u8], last: bool) -> io::Result<()> {
        let kind = if kind == ws::Kind::Text { "text" } else { "binary" };
        self.open("message")?;
        write!(self.out, ",\"kind\":\"{kind}\",\"last\":{last}")?;
        self.content(data)?;
        self.close(Encoding::Utf8)
    }

    fn ws_control(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        self.open(name)?;
        self.content(data)?;
        self.close(Encoding::Utf8)
    }

    fn ws_close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        self.open("close")?;
        match code {
            CloseCode::NO_STATUS => write!(self.out, ",\"code\":null")?,
            code => write!(self.out, ",\"code\":{code}")?,
        }
        self.member("reason", reason.as_bytes(), Encoding::Utf8)?;
        self.close(Encoding::Utf8)
    }

    fn ws_frame(&mut self, header: &ws::frame::Header) -> io::Result<()> {
        self.open("frame")?;
        let (opcode, masked) = (header.opcode.name(), header.mask.is_some());
        let ws::frame::Header { fin, compressed, len, .. } = header;
        write!(
            self.out,
            ",\"opcode\":\"{opcode}\",\"fin\":{fin},\"rsv1\":{compressed},\"masked\":{masked},\"len\":{len}"
        )?;
        self.close(Encoding::Utf8)
    }

    fn ws_error(&mut self, error: PeerError) -> io::Result<()> {
        self.open("error")?;
        let (rfc, code) = (error.rfc(), close_code(error));
        write!(self.out, ",\"error\":\"{error:?}\",\"rfc\":\"{rfc}\",\"close_code\":{code}")?;
        self.close(Encoding::Utf8)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The name of a protocol, as `switched` gives it.
pub(super) fn protocol(to: Protocol) -> &'static str {
    match to {
        Protocol::Http2 => "http2",
        Protocol::WebSocket => "websocket",
        _ => "tunnel",
    }
}

/// How the bytes of one head become characters. Peers may send bytes that are no UTF-8; no byte may
/// get lost, so a head with such bytes is printed one character a byte, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Latin1,
}

impl Encoding {
    fn of(other: &[u8], fields: Fields<'_>) -> Self {
        let utf8 = |bytes| str::from_utf8(bytes).is_ok();
        if utf8(other) && fields.iter().all(|f| utf8(f.name) && utf8(f.value)) {
            Encoding::Utf8
        } else {
            Encoding::Latin1
        }
    }
}

/// A JSON string. What is escaped: what JSON asks for, DEL, and all beyond ASCII of Latin-1.
fn string(out: &mut impl Write, bytes: &[u8], encoding: Encoding) -> io::Result<()> {
    out.write_all(b"\"")?;
    let mut done = 0;
    for (i, &b) in bytes.iter().enumerate() {
        let plain = match b {
            b'"' | b'\\' | 0x7f => false,
            0x80.. => encoding == Encoding::Utf8,
            _ => b >= 0x20,
        };
        if plain {
            continue;
        }
        out.write_all(&bytes[done..i])?;
        done = i + 1;
        match b {
            b'"' => out.write_all(b"\\\"")?,
            b'\\' => out.write_all(b"\\\\")?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            b'\t' => out.write_all(b"\\t")?,
            _ => {
                let digit = |n: u8| b"0123456789abcdef"[usize::from(n)];
                out.write_all(&[b'\\', b'u', b'0', b'0', digit(b >> 4), digit(b & 15)])?;
            }
        }
    }
    out.write_all(&bytes[done..])?;
    out.write_all(b"\"")
}

/// Base 64 with padding (RFC 4648, section 4).
fn base64(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        let mut digits = [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize]);
        digits[group.len() + 1..].fill(b'=');
        out.write_all(&digits)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(bytes: &[u8], encoding: Encoding) -> String {
        let mut out = Vec::new();
        string(&mut out, bytes, encoding).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_escape_what_json_asks_for_and_keep_every_byte() {
        assert_eq!(quoted(b"a\"b\\c\r\n\t\x01\x7f", Encoding::Utf8), r#""a\"b\\c\r\n\t\u0001\u007f""#);
        assert_eq!(quoted("é€".as_bytes(), Encoding::Utf8), "\"é€\"");
        assert_eq!(quoted(b"caf\xe9", Encoding::Latin1), r#""caf\u00e9""#);
    }

    #[test]
    fn rfc4648_10_test_vectors() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            base64(&mut out, bytes.as_bytes()).unwrap();
            assert_eq!(out, text.as_bytes());
        }
    }
}
