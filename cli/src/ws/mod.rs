//! `avx ws`: a WebSocket between the terminal and a server.
//!
//! ```text
//! input     standard input: lines, or bytes as they are
//! output    standard output, and notes on standard error
//! talk      connecting, both directions at once, the end
//! ```

mod input;
mod output;
mod talk;

use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;

/// Open a WebSocket: lines that are typed are sent, messages that come are printed
///
/// Each line of standard input becomes a text message, and each message received a line of standard output:
/// text as it is (on a terminal without control characters), bytes in hex. Pings, pongs and the end are told on
/// standard error. The end of the input closes the connection, with 1000, and waits for the server's answer; so
/// does Ctrl-C, and a second one does not wait. Only ws is supported so far, no wss.
#[derive(Parser)]
#[command(after_long_help = AFTER_HELP, after_help = "See --help for examples and the exit status.")]
pub(crate) struct Args {
    /// Where to connect: ws://host:port/path
    #[arg(value_name = "URL")]
    url: String,

    /// Send standard input as binary messages, byte for byte as it is read, and write what comes as it is
    #[arg(short, long)]
    binary: bool,

    /// Send a ping every so many seconds, and tell how long its answer took
    #[arg(long, value_name = "SECONDS", value_parser = period)]
    ping: Option<Duration>,

    /// Offer to compress messages (permessage-deflate)
    #[arg(long)]
    deflate: bool,

    /// Ask for this subprotocol; may be given several times, the best first
    #[arg(long = "subprotocol", value_name = "NAME", value_parser = token)]
    subprotocols: Vec<String>,

    /// Open it on a stream of HTTP/2 (extended CONNECT), which the server is known to understand
    #[arg(long, visible_alias = "http2-prior-knowledge")]
    http2: bool,

    /// Field line to send with the handshake; `Name;` sends an empty value
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    fields: Vec<String>,

    /// Say that a script of this origin connects, as a browser would, such as `http://example.com`
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    /// Longest message to take, and longest line to send
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    max_message: u64,

    /// Time until the server has accepted the WebSocket
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = crate::seconds)]
    connect_timeout: Duration,

    /// Listen for so long behind the end of the input, before the connection is closed
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = crate::seconds)]
    wait: Duration,

    /// No notes about pings and the end
    #[arg(short, long)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
Examples:
  avx ws ws://127.0.0.1:8080/ws                               # avx serve echoes what it hears there
  avx ws 'ws://127.0.0.1:8080/ws/chat?name=anna'
  avx ws --http2 --deflate --ping 5 ws://127.0.0.1:8080/ws
  echo Hello | avx ws ws://127.0.0.1:8080/ws
  echo status | avx ws --wait 5 ws://example.com/api          # for answers that take their time
  avx ws --binary ws://127.0.0.1:8080/ws <logo.png >copy.png
  avx ws --subprotocol mqtt -H 'Authorization: Bearer x' ws://broker.example/

Exit status:
  0  the connection was closed in order: with 1000, 1001 or without a code
  1  there was no connection, it was closed with another code, or it broke off; standard error says why
  2  wrong arguments";

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match talk::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent {
                eprintln!("avx ws: {failure}");
            }
            ExitCode::from(failure.code)
        }
    }
}

/// Why it did not go well.
#[derive(Debug)]
struct Failure {
    code: u8,
    is_silent: bool,
    text: String,
}

impl Failure {
    fn new(text: impl ToString) -> Self {
        Failure { code: 1, is_silent: false, text: text.to_string() }
    }

    /// The arguments are wrong.
    fn usage(text: impl ToString) -> Self {
        Failure { code: 2, ..Failure::new(text) }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn period(text: &str) -> Result<Duration, String> {
    crate::seconds(text).and_then(|time| match time.is_zero() {
        true => Err("expected more than no time".to_owned()),
        false => Ok(time),
    })
}

fn token(text: &str) -> Result<String, String> {
    match avx_core::syntax::token::is_token(text.as_bytes()) {
        true => Ok(text.to_owned()),
        false => Err("expected a token, such as chat.v1".to_owned()),
    }
}
