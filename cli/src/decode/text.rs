//! Reports for people.

use super::json::protocol;
use super::report::Printer;
use crate::term::{Paint, Safe};
use avx_core::{BodyLen, ErrorCode, Fields, PeerError, Protocol, RequestHead, ResponseHead, StreamId};
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

    fn response_head(&mut self, name: &str, stream: StreamId, head: &ResponseHead<'_>) -> io::Result<()> {
        let (version, status) = (head.version().as_str(), head.status());
        self.title(name, stream, format_args!("HTTP/{version} {status} {}", Safe(head.reason())))?;
        self.fields(head.fields())
    }
}

impl<W: Write> Printer for Text<W> {
    fn request(&mut self, stream: StreamId, head: &RequestHead<'_>, body: BodyLen) -> io::Result<()> {
        let (method, target) = (Safe(head.method().as_bytes()), Safe(head.target()));
        self.title("request", stream, format_args!("{method} {target} HTTP/{}", head.version().as_str()))?;
        self.fields(head.fields())?;
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
        for line in data.split_inclusive(|&b| b == b'\n') {
            self.line(Safe(line.strip_suffix(b"\n").unwrap_or(line)))?;
        }
        Ok(())
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
        self.title("reset", stream, format_args!("code {}", code.0))
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

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn bytes(n: u64) -> impl Display {
    format!("{n} {}", if n == 1 { "byte" } else { "bytes" })
}
