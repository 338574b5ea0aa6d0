//! `avx`: an HTTP server, clients of HTTP and WebSocket, a load generator and a protocol decoder, on the engine of this workspace.
//!
//! ```text
//! main      arguments, dispatch, and what the commands share
//! serve/    a server: the demo, or a directory
//! get/      a client: one request, its answer
//! ws/       a client: one WebSocket and the terminal
//! bench/    load, what it measures, and a comparison of runtimes
//! decode/   raw bytes through the bare machine, and what it says about them
//! url       URLs of http
//! field     field lines as arguments
//! term      colours, and text that is safe to print
//! ```

mod bench;
mod decode;
mod field;
mod get;
mod serve;
mod term;
mod url;
mod ws;

use clap::{Parser, Subcommand};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

/// An HTTP engine on the command line: serve, ask, talk, and look at what it makes of raw bytes
///
/// Try it: `avx serve` in one terminal, then open http://127.0.0.1:8080 or run `avx get -v
/// http://127.0.0.1:8080/early` in another.
#[derive(Parser)]
#[command(name = "avx", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Get(get::Args),
    Ws(ws::Args),
    Decode(decode::Args),
    Bench(bench::Args),
}

const AFTER_HELP: &str = "\
Examples:
  avx serve                                            # a demo on http://127.0.0.1:8080
  avx serve --dir public --addr 0.0.0.0:80             # files
  avx get -v http://127.0.0.1:8080/early               # one request, everything it says
  curl -v --http2-prior-knowledge http://127.0.0.1:8080/json
                                                       # the same server over HTTP/2
  avx ws ws://127.0.0.1:8080/ws                        # a WebSocket: what you type comes back
  avx bench http://127.0.0.1:8080/plaintext            # how much of it a server can take
  printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | avx decode --as h1-server

Each command has examples of its own: avx serve --help

Environment:
  NO_COLOR  no colours, even on a terminal";

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Ws(args) => ws::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}

/// More is no longer than a century: clocks end somewhere.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Seconds as an argument: `30`, `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .map(|time| time.min(CENTURY))
        .ok_or_else(|| "expected seconds, such as 30 or 0.5".to_owned())
}

/// The output of the future that is done first; when both are, of the former.
async fn first<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Pending => b.as_mut().poll(cx),
        ready => ready,
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds_may_have_a_fraction_and_no_sign() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(seconds("1e19"), Ok(CENTURY));
        for wrong in ["", "-1", "x", "inf", "NaN"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
