//! Reports for programs: one JSON object a line, members always in the same order.

use super::report::Printer;
use avx_core::{BodyLen, ErrorCode, Fields, PeerError, Protocol, RequestHead, ResponseHead, StreamId};
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
        let encoding = Encoding::of(head.target(), head.fields());
        self.open_on("request", stream)?;
        write!(self.out, ",\"method\":")?;
        string(&mut self.out, head.method().as_bytes(), encoding)?;
        write!(self.out, ",\"target\":")?;
        string(&mut self.out, head.target(), encoding)?;
        write!(self.out, ",\"version\":\"{}\"", head.version().as_str())?;
        self.fields("fields", head.fields(), encoding)?;
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
        if str::from_utf8(data).is_ok() {
            write!(self.out, ",\"text\":")?;
            string(&mut self.out, data, Encoding::Utf8)?;
        } else {
            write!(self.out, ",\"base64\":\"")?;
            base64(&mut self.out, data)?;
            self.out.write_all(b"\"")?;
        }
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
        write!(self.out, ",\"code\":{}", code.0)?;
        self.close(Encoding::Utf8)
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
