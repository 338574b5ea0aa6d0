//! Messages on standard output, notes on standard error.

use super::{Args, Failure};
use crate::term::{Paint, Safe};
use avx_http::ws::{Kind, Message};
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Where messages and notes go.
pub(super) struct Output {
    /// Messages are written as they are.
    raw: bool,
    terminal: bool,
    quiet: bool,
    /// For messages, and for notes.
    paint: Paint,
    note_paint: Paint,
    /// What has come of the message at hand.
    message: Vec<u8>,
}

impl Output {
    pub(super) fn new(args: &Args) -> Self {
        Output {
            raw: args.binary,
            terminal: io::stdout().is_terminal(),
            quiet: args.quiet,
            paint: Paint::of(&io::stdout()),
            note_paint: Paint::of(&io::stderr()),
            message: Vec::new(),
        }
    }

    /// A note about the connection.
    pub(super) fn note(&self, text: impl Display) {
        if !self.quiet {
            let Paint { dim, reset, .. } = self.note_paint;
            let _ = writeln!(io::stderr(), "{dim}* {text}{reset}");
        }
    }

    /// A piece of a message, which ends with `last`: a line for each message, unless they are to be written as
    /// they are.
    pub(super) fn piece(&mut self, piece: &Message, last: bool) -> Result<(), Failure> {
        if self.raw {
            return write(piece);
        }
        self.message.extend_from_slice(piece);
        if !last {
            return Ok(());
        }
        let message = std::mem::take(&mut self.message);
        let Paint { dim, cyan, reset, .. } = self.paint;
        let mark = if self.terminal { format!("{dim}<{reset} ") } else { String::new() };
        match piece.kind() {
            Kind::Text if self.terminal => write(format!("{mark}{}\n", Safe(&message)).as_bytes()),
            Kind::Text => write(&[&message[..], b"\n"].concat()),
            Kind::Binary => write(format!("{mark}{cyan}{}{reset}\n", Hex(&message)).as_bytes()),
        }
    }
}

/// Writes all of it, visibly.
fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure {
        // Whoever read the output and left has seen enough.
        is_silent: error.kind() == ErrorKind::BrokenPipe,
        ..Failure::new(format_args!("standard output cannot be written: {error}"))
    })
}

/// Bytes in hex, without anything between them.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}
