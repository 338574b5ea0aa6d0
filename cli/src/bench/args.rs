//! The command line, and what it means.

use super::compare;
use super::failure::Protocol;
use super::plan::{Plan, Stop};
use super::ws::Pattern;
use crate::field;
use crate::url::{Url, is_scheme};
use clap::Parser;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// Load a server and measure how it answers, over HTTP/1.1, HTTP/2 or WebSocket
///
/// Requests are sent as fast as answers come, on each connection one at a time or several (-p, -m), or with
/// --rate on a schedule that does not wait for answers. Every answer is read by the engine's own machines, as
/// strictly as any; a WebSocket has to send back what it was sent, byte for byte.
///
/// `avx bench compare` compares what `avx serve` does under each runtime.
#[derive(Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_long_help = AFTER_HELP,
    after_help = "See --help for examples and what is measured."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) load: Load,
}

#[derive(clap::Subcommand)]
pub(super) enum Command {
    Compare(compare::Args),
}

/// What to load, and how.
#[derive(clap::Args)]
pub(crate) struct Load {
    /// Whom to load: http://host:port/path, or ws:// of a WebSocket that echoes
    #[arg(value_name = "URL", required = true)]
    url: Option<String>,

    /// Connections
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,

    /// Threads, each with its share of the connections
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// How long to measure: 10s, 500ms, 2m
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = some_time, conflicts_with = "requests")]
    duration: Duration,

    /// End after so many requests instead: 1000, 50k, 2M
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    requests: Option<u64>,

    /// Send requests for so long before measuring
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    warmup: Duration,

    /// Requests a second in all, at even intervals, whatever the server makes of it; latency counts from when
    /// each was due
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    /// With --rate: so many requests are due at once, on one connection, as a page asks for what it consists of
    #[arg(long, value_name = "N", default_value = "1", requires = "rate", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    burst: u16,

    /// Speak HTTP/2, which the server is known to understand
    #[arg(long, visible_alias = "http2-prior-knowledge")]
    http2: bool,

    /// Requests under way on each connection of HTTP/2, or WebSockets open on it
    #[arg(short = 'm', long, value_name = "N", requires = "http2", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    streams: Option<u32>,

    /// Requests under way on each connection of HTTP/1.1, pipelined, or messages on each WebSocket
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pipeline: Option<u16>,

    /// Send messages over a WebSocket, which has to send them back; a URL of ws:// says so as well
    #[arg(long, conflicts_with_all = ["method", "body_size", "data"])]
    ws: bool,

    /// Bytes of a message; several sizes take turns
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = size)]
    message_size: Vec<usize>,

    /// Messages are text, not binary
    #[arg(long)]
    text: bool,

    /// Method [default: GET, or POST with content]
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<String>,

    /// Field line to send; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    fields: Vec<String>,

    /// Send so many bytes of content with each request: 1000, 64k, 1M
    #[arg(long, value_name = "N", value_parser = size, conflicts_with = "data")]
    body_size: Option<usize>,

    /// Send this content with each request, or that of a file with @FILE
    #[arg(long, value_name = "TEXT|@FILE")]
    data: Option<String>,

    /// How long a connection, or an answer, may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time)]
    timeout: Duration,

    /// Write the result as JSON, to a file or with - to standard output
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  avx bench http://127.0.0.1:8080/plaintext
  avx bench -c 256 -t 4 -d 30s --warmup 3s http://127.0.0.1:8080/json
  avx bench -p 16 http://127.0.0.1:8080/plaintext               # pipelined
  avx bench --http2 -c 8 -m 32 http://127.0.0.1:8080/plaintext
  avx bench --rate 20k -d 30s http://127.0.0.1:8080/plaintext   # what latency is at that rate
  avx bench --message-size 125,4096 ws://127.0.0.1:8080/ws
  avx bench --http2 -c 8 -m 100 ws://127.0.0.1:8080/ws          # 800 WebSockets on 8 connections
  avx bench --body-size 64k http://127.0.0.1:8080/echo
  avx bench compare --report report.html

What is measured:
  Latency runs from when a request was sent (with --rate: was due) to the end of its answer, and is known to
  one part in 128. The clock is read once behind each read, so that answers read together have one time, which
  is also that at which their successors are sent.
  Without --rate a connection sends when it has an answer, so that a server that stops for a second delays one
  request of each connection, and not all that would have come in that second: what is called coordinated
  omission. Use --rate to see what visitors see; requests leave some tens of µs after they are due, which counts.
  What fails has no latency: look at the failures first. What is under way at the end and has waited for longer
  than anything before (with --rate: than most) counts as if its answer had come then.
  When this program needs all of its threads (it says so), it is measured instead of the server: use -t.

Exit status:
  0  measured, also when Ctrl-C or SIGTERM ended it early
  1  nobody answered, the answer was no HTTP (WebSocket, HTTP/2), or the server went away
  2  wrong arguments";

/// More is no longer than a century: clocks end somewhere.
pub(super) const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
/// Content and messages are held in memory.
const LARGEST: u64 = 1 << 30;
/// Less is rather a mistake in the unit than a time that a network needs or a figure stands on.
const LEAST: Duration = Duration::from_millis(1);
/// Bytes of a message unless told otherwise.
const MESSAGE: usize = 125;

impl Load {
    /// What to do; names are looked up.
    pub(super) fn plan(&self) -> Result<Plan, Wrong> {
        let (url, is_ws) = parse(self.url.as_deref().unwrap_or_default()).map_err(Wrong::Usage)?;
        let is_ws = is_ws || self.ws;
        if self.http2 && !is_ws && self.pipeline.is_some() {
            return Err(usage(
                "-p is for HTTP/1.1 and WebSockets: -m says how many requests HTTP/2 has under way",
            ));
        }
        let streams = self.streams.unwrap_or(1) as usize;
        let sockets = if is_ws { streams } else { 1 };
        let (protocol, depth) = match (is_ws, self.http2) {
            (true, true) => (Protocol::Tunnel, self.pipeline.unwrap_or(1).into()),
            (true, false) => (Protocol::WebSocket, self.pipeline.unwrap_or(1).into()),
            (false, true) => (Protocol::Http2, streams),
            (false, false) => match self.pipeline.unwrap_or(1) {
                depth @ 1..=32 => (Protocol::Http1, depth.into()),
                _ => return Err(usage("-p: at most 32 requests are pipelined on a connection of HTTP/1.1")),
            },
        };
        if !is_ws && (self.text || !self.message_size.is_empty()) {
            return Err(usage("--message-size and --text are for WebSockets (--ws, or a URL of ws://)"));
        }
        if is_ws && (self.method.is_some() || self.body_size.is_some() || self.data.is_some()) {
            return Err(usage("a WebSocket sends messages: --message-size, instead of a method and content"));
        }
        let body = self.body()?;
        let method =
            self.method.clone().unwrap_or_else(|| if body.is_empty() { "GET" } else { "POST" }.to_owned());
        if !avx_core::syntax::token::is_token(method.as_bytes()) || method == "CONNECT" {
            return Err(usage(format_args!("-X {method}: expected a method such as GET")));
        }
        let (connections, threads) = (self.connections as usize, usize::from(self.threads));
        if threads > connections {
            return Err(usage(format_args!("-t {threads}: more threads than connections ({connections})")));
        }
        let messages = match (is_ws, self.message_size.is_empty()) {
            (false, _) => Vec::new(),
            (true, true) => vec![MESSAGE],
            (true, false) => self.message_size.clone(),
        };
        Ok(Plan {
            addr: look_up(&url, self.timeout)?,
            protocol,
            pattern: Pattern::new(messages.iter().copied().max().unwrap_or(0)),
            messages,
            text: self.text,
            fields: self.fields(is_ws)?,
            authority: url.authority,
            target: url.target,
            method,
            body,
            connections,
            depth,
            sockets,
            threads,
            stop: self.requests.map_or(Stop::After(self.duration), Stop::Requests),
            warmup: self.warmup,
            rate: self.rate,
            burst: self.burst.into(),
            timeout: self.timeout,
        })
    }

    fn body(&self) -> Result<Vec<u8>, Wrong> {
        match (&self.data, self.body_size) {
            (Some(data), _) => match data.strip_prefix('@') {
                Some(file) => {
                    std::fs::read(file).map_err(|error| Wrong::Usage(format!("--data {data}: {error}")))
                }
                None => Ok(data.clone().into_bytes()),
            },
            (None, Some(n)) => Ok(vec![b'x'; n]),
            (None, None) => Ok(Vec::new()),
        }
    }

    fn fields(&self, is_ws: bool) -> Result<Vec<(String, String)>, Wrong> {
        const FRAMING: [&str; 5] = ["connection", "host", "upgrade", "content-length", "transfer-encoding"];
        let mut fields = Vec::new();
        for line in &self.fields {
            let wrong = |why: &str| usage(format_args!("-H {line}: {why}"));
            let (name, value) = field::parse(line).ok_or_else(|| wrong("expected NAME: VALUE"))?;
            let lower = name.to_ascii_lowercase();
            if FRAMING.contains(&&*lower) || is_ws && lower.starts_with("sec-websocket-") {
                return Err(wrong("that line is written by itself"));
            }
            if let Some(value) = value {
                // "Field names MUST be converted to lowercase when constructing an HTTP/2 message." (RFC 9113,
                // section 8.2)
                fields.push((if self.http2 { lower } else { name.to_owned() }, value.to_owned()));
            }
        }
        Ok(fields)
    }
}

/// Why there is nothing to do.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The arguments.
    Usage(String),
    /// The world.
    Failed(String),
}

/// A URL, and whether its scheme says that it is of a WebSocket; one without a scheme is one of http.
fn parse(text: &str) -> Result<(Url, bool), String> {
    let (rest, is_ws) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => match &*scheme.to_ascii_lowercase() {
            "http" => (rest, false),
            "ws" => (rest, true),
            "https" | "wss" => return Err(format!("{scheme} is not supported yet, only http and ws")),
            _ => return Err(format!("scheme {scheme} is not supported, only http and ws")),
        },
        _ => (text, false),
    };
    let url = Url::parse(&format!("http://{rest}")).map_err(|error| error.to_string())?;
    Ok((url, is_ws))
}

fn usage(text: impl std::fmt::Display) -> Wrong {
    Wrong::Usage(text.to_string())
}

/// The address of a name; of several the first that accepts, as `localhost` may mean two.
fn look_up(url: &Url, timeout: Duration) -> Result<SocketAddr, Wrong> {
    let failed =
        |why: &dyn std::fmt::Display| Wrong::Failed(format!("could not resolve {}: {why}", url.host));
    let found = (&*url.host, url.port).to_socket_addrs().map_err(|error| failed(&error))?;
    let found: Vec<SocketAddr> = found.collect();
    let accepts = |addr: &&SocketAddr| TcpStream::connect_timeout(addr, timeout).is_ok();
    let answering = if found.len() > 1 { found.iter().find(accepts) } else { None };
    answering.or(found.first()).copied().ok_or_else(|| failed(&"no address"))
}

/// `10s`, `500ms`, `2m`, `1h`, and seconds without a unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("expected a time such as 10s, 500ms or 2m".to_owned()),
    };
    number
        .parse::<f64>()
        .ok()
        .and_then(|n| Duration::try_from_secs_f64(n * scale).ok())
        .map(|time| time.min(CENTURY))
        .ok_or_else(|| "expected a time such as 10s, 500ms or 2m".to_owned())
}

/// As [`duration`], and long enough for something to happen.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| match time < LEAST {
        true => Err("expected a millisecond or more".to_owned()),
        false => Ok(time),
    })
}

/// `1000`, `50k`, `2M`, `1.5G`.
fn number(text: &str) -> Option<f64> {
    let (number, scale) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'M') => (&text[..at], 1e6),
        (at, 'G') => (&text[..at], 1e9),
        _ => (text, 1.0),
    };
    let n = number.parse::<f64>().ok()? * scale;
    (n.is_finite() && n >= 0.0 && number.starts_with(|c: char| c.is_ascii_digit())).then_some(n)
}

fn count(text: &str) -> Result<u64, String> {
    number(text)
        .filter(|&n| (1.0..=1e15).contains(&n) && n.fract() == 0.0)
        .map(|n| n as u64)
        .ok_or_else(|| "expected a number such as 1000, 50k or 2M".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|n| (1e-3..=1e9).contains(n))
        .ok_or_else(|| "expected requests a second, such as 500 or 20k".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    number(text)
        .filter(|&n| n <= LARGEST as f64 && n.fract() == 0.0)
        .map(|n| n as usize)
        .ok_or_else(|| "expected bytes, such as 125, 64k or 1M, of at most 1G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in
            [("10s", 10_000), ("500ms", 500), ("2m", 120_000), ("1.5", 1500), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "s", "-1s", "1d", "1 s", "NaN", "infs", "1e400"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(some_time("0").is_err() && some_time("10us").is_err() && some_time("1ms").is_ok());
    }

    #[test]
    fn numbers_may_be_thousands_and_millions() {
        assert_eq!((count("50k"), count("2M"), count("7")), (Ok(50_000), Ok(2_000_000), Ok(7)));
        assert_eq!((rate("0.5"), rate("1.5k"), size("64k")), (Ok(0.5), Ok(1500.0), Ok(64_000)));
        for wrong in ["", "k", "-1", "0", "1.5", "+1", "inf", "1e99"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
        assert!(rate("0").is_err() && size("2G").is_err());
    }
}
