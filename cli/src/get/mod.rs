//! `avx get`: requests, their answers on standard output.
//!
//! ```text
//! request   what the options make of it: method, fields, content
//! upload    content to send, read as it is sent
//! fetch     asking, following redirects, several at once
//! connect   connections, and why there is no answer
//! interim   interim responses until they can be shown
//! pushed    promised responses until it is their turn
//! output    where the answer goes: content, heads, notes
//! progress  how far a long transfer is
//! failure   what went wrong, and the exit code for it
//! ```

mod connect;
mod failure;
mod fetch;
mod interim;
mod output;
mod progress;
mod pushed;
mod request;
mod upload;

pub(crate) use connect::unanswered;

use clap::Parser;
use failure::Failure;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Ask for URLs and print the answers
///
/// Sends one request for each URL and writes the content of the answers to standard output, in the order of
/// the URLs, as it arrives. With --http2, URLs of one host share a connection and are asked for at once. The
/// options are those of curl, as far as they go; so are the exit codes. Only http is supported so far.
#[derive(Parser)]
#[command(after_long_help = AFTER_HELP, after_help = "See --help for examples and exit codes.")]
pub(crate) struct Args {
    /// What to ask for; without a scheme it is http
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,

    /// Method [default: GET; POST with -d, PUT with -T, HEAD with -I]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,

    /// Field line to send; `Name:` leaves a default one out, `Name;` sends an empty value
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    fields: Vec<String>,

    /// Content to send: text, @FILE or @- (standard input), byte for byte; several are joined by &
    #[arg(short = 'd', long, value_name = "DATA", allow_hyphen_values = true)]
    data: Vec<String>,

    /// File to send, `-` for standard input, with PUT
    #[arg(short = 'T', long = "upload-file", value_name = "FILE", conflicts_with = "data")]
    upload: Option<String>,

    /// Print the head of the answer in front of its content
    #[arg(short = 'i', long)]
    include: bool,

    /// Ask for the head alone (HEAD), and print it
    #[arg(short = 'I', long, conflicts_with_all = ["data", "upload"])]
    head: bool,

    /// Write the content to FILE
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the content to a file called like the last part of the URL, for each of them
    #[arg(short = 'O', long, conflicts_with = "output")]
    remote_name: bool,

    /// Follow redirects, ten at most
    #[arg(short = 'L', long)]
    location: bool,

    /// Fail, without printing the content, when the status is 400 or above
    #[arg(short = 'f', long)]
    fail: bool,

    /// Tell on standard error what is sent and received: heads, interim responses, trailers
    #[arg(short = 'v', long)]
    verbose: bool,

    /// No progress and no error messages
    #[arg(short = 's', long)]
    silent: bool,

    /// Error messages even with -s
    #[arg(short = 'S', long)]
    show_error: bool,

    /// Speak HTTP/1.1, which is the default
    #[arg(long = "http1.1", conflicts_with = "http2")]
    http11: bool,

    /// Speak HTTP/2 from the first byte on: the server is known to understand it
    #[arg(long, visible_alias = "http2-prior-knowledge")]
    http2: bool,

    /// Print the responses that the server pushes, each behind the one that promised it
    #[arg(long, requires = "http2", conflicts_with_all = ["output", "remote_name"])]
    push: bool,

    /// Time that everything together may take
    #[arg(short = 'm', long, value_name = "SECONDS", value_parser = crate::seconds)]
    max_time: Option<Duration>,

    /// Connect to this Unix socket instead of the URL's host
    #[arg(long, value_name = "PATH")]
    unix_socket: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  avx get http://127.0.0.1:8080/json
  avx get -v http://127.0.0.1:8080/trailers         # interim responses and trailers are shown, too
  avx get -d 'Hello' http://127.0.0.1:8080/echo
  avx get -X PUT -H 'Content-Type: image/png' -d @logo.png http://127.0.0.1:8080/echo
  tar c . | avx get -T - -o copy.tar http://127.0.0.1:8080/echo
  avx get --unix-socket /run/avx.sock http://localhost/
  avx get --http2 -v http://127.0.0.1:8080/json http://127.0.0.1:8080/early      # both at once
  avx get --http2 --push -i http://127.0.0.1:8080/push

Exit status, of several URLs that of the last one to fail:
   0  the answer is complete                    22  -f, and the status is 400 or above
   1  the URL's scheme is not supported         23  the content could not be written
   2  wrong arguments                           26  the content to send could not be read
   3  the URL is malformed                      28  --max-time has passed
   6  the host could not be resolved            47  too many redirects
   7  the connection was refused or failed      52  the server closed without an answer
   8  the answer breaks the protocol            55  sending failed
  16  the server does not speak HTTP/2          56  receiving failed
  18  the answer ended early                    92  the stream was reset (HTTP/2)";

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let report = |failure: &Failure| {
        // Whoever read the output and left has seen enough.
        if !failure.broken_pipe && (!args.silent || args.show_error) {
            eprintln!("avx get: {failure}");
        }
    };
    ExitCode::from(fetch::run(args, &report))
}
