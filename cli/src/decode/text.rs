//! Reports for people.

use super::frame::{Value, kind_name};
use super::json::protocol;
use super::report::{Printer, code_name, settings_list};
use super::ws::close_code;
use crate::term::{Paint, Safe};
use avx_core::h2::PeerSettings;
use avx_core::h2::frame::{Dependency, Header};
use avx_core::h2::hpack::{DecodeError, Decoded, Section};
use avx_core::ws::{self, CloseCode};
use avx_core::{
    BodyLen, ErrorCode, Fields, PeerError, PrioritySignal, Protocol, RequestHead, ResponseHead, Status,
    StreamId, Version,
};
use std::fmt::Display;
use std::io::{self, Write};

/// Prints text to `out`.
pub(super) struct Text<W> {
    out: W,
    paint: Paint,
}

impl<W: Write> Text<W> {
    pub(super) fn new(out: W, paint: Paint) -> Self {
        Text { out, paint }
    }

    /// `name      1  what follows`
    fn title(&mut self, name: &str, stream: StreamId, text: impl Display) -> io::Result<()> {
        let Paint { bold, cyan, reset, .. } = self.paint;
        writeln!(self.out, "{cyan}{name:<13}{reset} {:>3}  {bold}{text}{reset}", stream.0)
    }

    /// `name         what follows`: of a connection without streams.
    fn head(&mut self, name: &str, text: impl Display) -> io::Result<()> {
        let Paint { bold, cyan, reset, .. } = self.paint;
        writeln!(self.out, "{cyan}{name:<13}{reset}      {bold}{text}{reset}")
    }

    /// Content, indented.
    fn lines(&mut self, data: &[u8]) -> io::Result<()> {
        for line in data.split_inclusive(|&b| b == b'\n') {
            self.line(Safe(line.strip_suffix(b"\n").unwrap_or(line)))?;
        }
        Ok(())
    }

    /// An indented line.
    fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{:19}{text}", "")
    }

    fn fields(&mut self, fields: Fields<'_>) -> io::Result<()> {
        let Paint { green, reset, .. } = self.paint;
        for field in fields {
            self.line(format_args!("{green}{}{reset}: {}", Safe(field.name), Safe(field.value)))?;
        }
        Ok(())
    }

    fn body(&mut self, body: BodyLen) -> io::Result<()> {
        let Paint { dim, reset, .. } = self.paint;
        match body {
            BodyLen::Empty => Ok(()),
            BodyLen::Exact(n) => self.line(format_args!("{dim}(content: {}){reset}", bytes(n))),
            BodyLen::Streaming => self.line(format_args!("{dim}(content: until its end){reset}")),
        }
    }

    fn request_head(&mut self, name: &str, stream: StreamId, head: &RequestHead<'_>) -> io::Result<()> {
        let Paint { dim, reset, .. } = self.paint;
        let (method, target) = (Safe(head.method().as_bytes()), Safe(head.target()));
        self.title(name, stream, format_args!("{method} {target} HTTP/{}", head.version().as_str()))?;
        if head.version() == Version::Http2 {
            let parts = [
                (":scheme", head.scheme()),
                (":authority", Some(head.authority())),
                (":protocol", head.upgrade()),
            ];
            for (name, value) in parts {
                if let Some(value) = value {
                    self.line(format_args!("{dim}{name}: {}{reset}", Safe(value)))?;
                }
            }
        }
        self.fields(head.fields())
    }

    fn response_head(&mut self, name: &str, stream: StreamId, head: &ResponseHead<'_>) -> io::Result<()> {
        let (version, status) = (head.version().as_str(), head.status());
        self.title(name, stream, format_args!("HTTP/{version} {status} {}", Safe(head.reason())))?;
        self.fields(head.fields())
    }
}

impl<W: Write> Printer for Text<W> {
    fn request(&mut self, stream: StreamId, head: &RequestHead<'_>, body: BodyLen) -> io::Result<()> {
        self.request_head("request", stream, head)?;
        self.body(body)
    }

    fn response(&mut self, stream: StreamId, head: &ResponseHead<'_>, body: BodyLen) -> io::Result<()> {
        self.response_head("response", stream, head)?;
        self.body(body)
    }

    fn informational(&mut self, stream: StreamId, head: &ResponseHead<'_>) -> io::Result<()> {
        self.response_head("informational", stream, head)
    }

    fn data(&mut self, stream: StreamId, data: &[u8]) -> io::Result<()> {
        self.title("data", stream, bytes(data.len() as u64))?;
        self.lines(data)
    }

    fn end(&mut self, stream: StreamId, trailers: Fields<'_>, dropped: u16) -> io::Result<()> {
        let Paint { cyan, reset, .. } = self.paint;
        writeln!(self.out, "{cyan}end{reset}{:10} {:>3}", "", stream.0)?;
        self.fields(trailers)?;
        if dropped > 0 {
            let Paint { yellow, reset, .. } = self.paint;
            self.line(format_args!("{yellow}(trailer lines left out: {dropped}){reset}"))?;
        }
        Ok(())
    }

    fn reset(&mut self, stream: StreamId, code: ErrorCode) -> io::Result<()> {
        self.title("reset", stream, code_name(code))
    }

    fn push_promise(
        &mut self,
        stream: StreamId,
        promised: StreamId,
        head: &RequestHead<'_>,
    ) -> io::Result<()> {
        self.request_head("push promise", stream, head)?;
        self.line(format_args!("(promised stream: {})", promised.0))
    }

    fn priority(&mut self, stream: StreamId, signal: PrioritySignal) -> io::Result<()> {
        match signal {
            PrioritySignal::Extensible(priority) => self.title("priority", stream, priority),
            PrioritySignal::Dependency(dependency) => self.title("priority", stream, depends(dependency)),
            _ => Ok(()),
        }
    }

    fn go_away(&mut self, last: StreamId, code: ErrorCode, debug: &[u8]) -> io::Result<()> {
        let text = format!("{}, last stream {} {}", code_name(code), last.0, Safe(debug));
        self.title("go away", StreamId(0), text.trim_end())
    }

    fn settings(&mut self, settings: &PeerSettings) -> io::Result<()> {
        self.title("settings", StreamId(0), "of the peer")?;
        for (name, value) in settings_list(settings) {
            match value {
                Some(value) => self.line(format_args!("{name} {value}"))?,
                None => self.line(format_args!("{name} without limit"))?,
            }
        }
        Ok(())
    }

    fn frame(&mut self, header: &Header, members: &[(&str, Value<'_>)]) -> io::Result<()> {
        let Paint { dim, reset, .. } = self.paint;
        let mut list = Vec::new();
        let mut settings = &[][..];
        for (name, value) in members {
            match value {
                Value::Number(n) => list.push(format!("{name} {n}")),
                Value::Flag(true) => list.push((*name).to_owned()),
                Value::Flag(false) => {}
                Value::Word(word) => list.push(format!("{name} {word}")),
                Value::Bytes(b"") => {}
                Value::Bytes(bytes) => list.push(format!("{name} {}", Safe(bytes))),
                Value::Settings(values) => settings = values,
                Value::Dependency(dependency) => list.push(depends(*dependency)),
            }
        }
        let (kind, stream) = (kind_name(header.kind), StreamId(header.stream.into()));
        let len = bytes(header.len.into());
        self.title("frame", stream, format_args!("{kind}, {len}, flags {:#04x}", header.flags))?;
        if !list.is_empty() {
            self.line(format_args!("{dim}{}{reset}", list.join(", ")))?;
        }
        for (name, value) in settings {
            self.line(format_args!("{dim}{name} {value}{reset}"))?;
        }
        Ok(())
    }

    fn block(&mut self, line: u64, section: &Section, decoded: Decoded, table: usize) -> io::Result<()> {
        let Paint { green, dim, yellow, reset, .. } = self.paint;
        let sizes = format!("list {}, table {}", bytes(decoded.list_size), bytes(table as u64));
        self.title("block", StreamId(line), sizes)?;
        for (field, mark) in section.iter() {
            let never = if mark.is_never_indexed() { " (never indexed)" } else { "" };
            let (name, value) = (Safe(field.name), Safe(field.value));
            self.line(format_args!("{green}{name}{reset}: {value}{dim}{never}{reset}"))?;
        }
        if decoded.too_large {
            self.line(format_args!("{yellow}(too large: the rest of the list is left out){reset}"))?;
        }
        Ok(())
    }

    fn switched(&mut self, to: Protocol, rest: u64) -> io::Result<()> {
        let Paint { yellow, reset, .. } = self.paint;
        writeln!(self.out, "{yellow}switched{reset}{:11}to {}, {} left", "", protocol(to), bytes(rest))
    }

    fn need_more(&mut self, at_least: usize) -> io::Result<()> {
        let Paint { red, reset, .. } = self.paint;
        let at_least = bytes(at_least as u64);
        writeln!(
            self.out,
            "{red}need more{reset}{:10}the input ends here; at least {at_least} are missing",
            ""
        )
    }

    fn error(&mut self, error: PeerError) -> io::Result<()> {
        let Paint { bold, red, reset, .. } = self.paint;
        writeln!(self.out, "{red}error{reset}{:14}{bold}{error:?}{reset}: {error}", "")?;
        self.line(format_args!("a server answers {}", error.h1_status()))
    }

    fn h2_error(&mut self, error: PeerError) -> io::Result<()> {
        let Paint { bold, red, reset, .. } = self.paint;
        writeln!(self.out, "{red}error{reset}{:14}{bold}{error:?}{reset}: {error}", "")?;
        self.line(format_args!("the connection ends with {}", code_name(error.code())))
    }

    fn stream_error(&mut self, stream: StreamId, code: ErrorCode, answer: Option<Status>) -> io::Result<()> {
        let Paint { bold, red, reset, .. } = self.paint;
        let code = code_name(code);
        writeln!(self.out, "{red}{:<13}{reset} {:>3}  {bold}{code}{reset}", "error", stream.0)?;
        match answer {
            Some(status) => self.line(format_args!("the stream is answered with {status}")),
            None => self.line("the stream is reset"),
        }
    }

    fn block_error(&mut self, line: u64, error: DecodeError) -> io::Result<()> {
        let Paint { bold, red, reset, .. } = self.paint;
        writeln!(self.out, "{red}{:<13}{reset} {line:>3}  {bold}{error:?}{reset}: {error}", "error")?;
        self.line(format_args!("the connection ends with {}", code_name(error.code())))
    }

    fn ws_message(&mut self, kind: ws::Kind, data: &[u8], last: bool) -> io::Result<()> {
        let name = if kind == ws::Kind::Text { "text" } else { "binary" };
        let more = if last { "" } else { ", without its end" };
        self.head(name, format_args!("{}{more}", bytes(data.len() as u64)))?;
        self.lines(data)
    }

    fn ws_control(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        self.head(name, bytes(data.len() as u64))?;
        self.lines(data)
    }

    fn ws_close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        match code {
            CloseCode::NO_STATUS => self.head("close", "without a code"),
            code => self.head("close", format!("{code} {}", Safe(reason.as_bytes())).trim_end()),
        }
    }

    fn ws_frame(&mut self, header: &ws::frame::Header) -> io::Result<()> {
        let flag = |yes, word| if yes { word } else { "" };
        let (name, len) = (header.opcode.name(), bytes(header.len));
        let masked = flag(header.mask.is_some(), ", masked");
        let (fin, compressed) = (flag(header.fin, ", fin"), flag(header.compressed, ", rsv1"));
        self.head("frame", format_args!("{name}, {len}{fin}{compressed}{masked}"))
    }

    fn ws_error(&mut self, error: PeerError) -> io::Result<()> {
        let Paint { bold, red, reset, .. } = self.paint;
        writeln!(self.out, "{red}error{reset}{:14}{bold}{error:?}{reset}: {error}", "")?;
        self.line(format_args!("the connection is closed with {}", close_code(error)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn depends(dependency: Dependency) -> String {
    let Dependency { exclusive, on, weight } = dependency;
    format!("depends on {on}, weight {weight}{}", if exclusive { ", exclusive" } else { "" })
}

fn bytes(n: u64) -> impl Display {
    format!("{n} {}", if n == 1 { "byte" } else { "bytes" })
}
