//! Where the answer goes: content, heads, and with `-v` what happens on the wire.

use super::Args;
use super::failure::{Failure, WRITE};
use super::progress::Progress;
use super::request::Plan;
use crate::term::{Paint, Safe};
use crate::url::Url;
use avx_core::{BodyLen, Fields};
use avx_http::client::Response;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

/// Writes content and heads to their place, and notes to standard error.
pub(super) struct Output {
    file: Option<PathBuf>,
    out: Option<Box<dyn Write>>,
    include: bool,
    verbose: bool,
    paint: Paint,
    progress: Option<Progress>,
    shows_progress: bool,
    /// Content is about to go to a terminal, and was not looked at.
    unseen: bool,
}

impl Output {
    pub(super) fn new(args: &Args, url: &Url) -> Result<Self, Failure> {
        let file = match &args.output {
            Some(path) if path.as_os_str() == "-" => None,
            Some(path) => Some(path.clone()),
            None if args.remote_name => match url.file_name() {
                Some(name) => Some(PathBuf::from(name)),
                None => return Err(Failure::new(WRITE, "-O: the URL names no file")),
            },
            None => None,
        };
        let to_terminal = file.is_none() && io::stdout().is_terminal();
        Ok(Output {
            out: None,
            include: args.include || args.head,
            verbose: args.verbose,
            paint: Paint::of(&io::stderr()),
            progress: None,
            shows_progress: !args.silent && !args.verbose && !to_terminal && io::stderr().is_terminal(),
            unseen: to_terminal && args.output.is_none(),
            file,
        })
    }

    /// A note about the connection, with `-v`.
    pub(super) fn note(&self, text: impl Display) {
        self.line("*", text);
    }

    /// The head that is about to be sent, as the engine writes it; over HTTP/2, what it amounts to.
    pub(super) fn request(&self, plan: &Plan, url: &Url, authority: &str, len: BodyLen, http2: bool) {
        let sent = |text: &dyn Display| self.line(">", text);
        let field = |name: &str, value: &dyn Display| match http2 {
            true => sent(&format_args!("{}: {value}", name.to_ascii_lowercase())),
            false => sent(&format_args!("{name}: {value}")),
        };
        let version = if http2 { "HTTP/2" } else { "HTTP/1.1" };
        sent(&format_args!("{} {} {version}", plan.method, url.target));
        field("Host", &authority);
        for (name, value) in &plan.fields {
            field(name, value);
        }
        match len {
            BodyLen::Exact(n) => field("Content-Length", &n),
            BodyLen::Streaming if !http2 => field("Transfer-Encoding", &"chunked"),
            BodyLen::Empty if !http2 && ["POST", "PUT", "PATCH"].contains(&&*plan.method) => {
                field("Content-Length", &0);
            }
            _ => {}
        }
        sent(&"");
    }

    fn line(&self, mark: &str, text: impl Display) {
        if self.verbose {
            let Paint { dim, reset, .. } = self.paint;
            let _ = writeln!(io::stderr(), "{dim}{mark}{reset} {text}");
        }
    }

    /// A head received, interim ones included.
    pub(super) fn head(&mut self, response: &Response) -> Result<(), Failure> {
        let head = match response.raw() {
            [] => &*as_text(response),
            raw => raw,
        };
        if self.verbose {
            let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
            self.line("<", Safe(line.strip_suffix(b"\r").unwrap_or(line)));
            self.fields(response.fields());
            self.line("<", "");
        }
        if self.include {
            self.write(head)?;
            self.flush()?;
        }
        Ok(())
    }

    fn fields(&self, fields: Fields<'_>) {
        let Paint { green, reset, .. } = self.paint;
        for field in fields {
            self.line("<", format_args!("{green}{}{reset}: {}", Safe(field.name), Safe(field.value)));
        }
    }

    /// Content is to follow: so much, if that is known.
    pub(super) fn begin(&mut self, total: Option<u64>) {
        self.progress = self.shows_progress.then(|| Progress::new(total));
    }

    /// A piece of content.
    pub(super) fn content(&mut self, piece: &[u8]) -> Result<(), Failure> {
        if self.unseen && piece.contains(&0) {
            return Err(Failure::new(
                WRITE,
                "the content is binary; write it to a file with -o, or force it with -o -",
            ));
        }
        self.unseen = false;
        self.write(piece)?;
        if let Some(progress) = &mut self.progress {
            progress.add(piece.len());
        }
        Ok(())
    }

    /// The content is complete.
    pub(super) fn end(&mut self, trailers: Option<Fields<'_>>) -> Result<(), Failure> {
        self.progress = None;
        // A file is made even of no content.
        self.write(b"")?;
        self.flush()?;
        if let Some(trailers) = trailers.filter(|trailers| !trailers.is_empty()) {
            self.fields(trailers);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let out = match &mut self.out {
            Some(out) => out,
            None => {
                let out: Box<dyn Write> = match &self.file {
                    Some(path) => {
                        Box::new(File::create(path).map_err(|error| Failure::write(path.display(), &error))?)
                    }
                    None => Box::new(io::stdout().lock()),
                };
                self.out.insert(out)
            }
        };
        out.write_all(bytes).map_err(|error| self.failed(&error))
    }

    /// What was written is visible.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.out {
            Some(out) => out.flush().map_err(|error| self.failed(&error)),
            None => Ok(()),
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        match &self.file {
            Some(path) => Failure::write(path.display(), error),
            None => Failure::write("standard output", error),
        }
    }
}

/// A head that was no text on the wire, in the form of one that is.
fn as_text(response: &Response) -> Vec<u8> {
    let version = response.version().as_str();
    let mut text = format!("HTTP/{version} {}\r\n", response.status().code()).into_bytes();
    for field in response.fields() {
        text.extend_from_slice(&[field.name, b": ", field.value, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text
}
