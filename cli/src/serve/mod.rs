//! `avx serve`: a demo of the engine, or a directory, on the native runtime or another one.
//!
//! ```text
//! demo      the routes without --dir, and their page
//! ws, chat  those of them that are WebSockets
//! http2     those of them that show something over HTTP/2 only
//! content   content made as it is sent
//! runtime   the runtimes that it can run on
//! log       access log and errors, on standard error
//! ```

mod chat;
mod content;
mod demo;
mod http2;
mod log;
pub(crate) mod runtime;
mod ws;

use crate::first;
use avx_http::{Address, Config, ConnectionError, Files, Handler, Protocols, Server, ServerHandle, rt};
use clap::Parser;
use log::{Lines, Log};
use runtime_avx::signal;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

/// Where it listens unless told otherwise.
const ADDR: &str = "127.0.0.1:8080";

/// Serve a demo of the engine, or a directory, over HTTP/1.1 and HTTP/2
///
/// Both are spoken on the same port, and the first bytes of a connection tell which: HTTP/2 is for
/// clients that know beforehand (curl --http2-prior-knowledge, nghttp).
///
/// Without --dir it serves a page that shows, and tries, what the engine can do: plain answers, echo,
/// streams, early hints, trailers, promises, priorities, WebSockets. With --dir it serves the files below
/// DIR.
///
/// When it is ready, it prints one line for each address to standard output: `listening on
/// http://127.0.0.1:8080`. It ends at SIGINT or SIGTERM: idle connections are closed, requests in
/// flight complete, WebSockets are closed with 1001. A second signal ends it at once.
#[derive(Parser)]
#[command(after_long_help = AFTER_HELP, after_help = "See --help for examples and the demo's endpoints.")]
pub(crate) struct Args {
    /// Address to listen on; may be given several times. Port 0 lets the system choose [default:
    /// 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    addr: Vec<String>,

    /// Unix socket to listen on, instead of (or with --addr beside) an address; may be given several
    /// times
    #[arg(long, value_name = "PATH")]
    unix: Vec<PathBuf>,

    /// Directory to serve
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// With --dir: list directories that have no index.html
    #[arg(long, requires = "dir")]
    listing: bool,

    /// Runtime to run on
    #[arg(long, value_name = "NAME", default_value = "avx")]
    runtime: runtime::Name,

    /// Worker threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Connections at the same time; further ones wait. Each takes an open file: the soft limit of those
    /// is raised to the hard one (ulimit -Hn), which bounds them as well
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// Requests of one HTTP/2 connection at the same time
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    max_streams: u32,

    /// Speak HTTP/1.1 (and 1.0) only: a client of HTTP/2 is told with 505
    #[arg(long, conflicts_with = "http2_only")]
    http1_only: bool,

    /// Speak HTTP/2 only: a connection that begins in another way is ended
    #[arg(long)]
    http2_only: bool,

    /// Write one line for each request to standard error, in the combined log format
    #[arg(long)]
    access_log: bool,

    /// End as at a signal when standard input ends: for programs that start this one, whose end closes it
    #[arg(long, hide = true)]
    until_eof: bool,

    /// How long requests in flight may take after the first signal
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = crate::seconds)]
    shutdown_timeout: Duration,
}

const AFTER_HELP: &str = "\
Examples:
  avx serve
  avx serve --addr 0.0.0.0:80 --addr '[::]:80' --access-log
  avx serve --dir public --listing --addr 127.0.0.1:0
  avx serve --unix /run/avx.sock          # avx get --unix-socket /run/avx.sock http://localhost/
  avx serve --http2-only
  avx serve --runtime tokio --workers 2   # the same server under another runtime

HTTP/2, against the default address:
  curl -v --http2-prior-knowledge http://127.0.0.1:8080/plaintext
  nghttp -v http://127.0.0.1:8080/json
  nghttp -v http://127.0.0.1:8080/push
  nghttp -v http://127.0.0.1:8080/priority/{a\\?u=5,b\\?u=1} | grep DATA
  h2load -n 100000 -c 4 -m 32 http://127.0.0.1:8080/plaintext

WebSocket:
  avx ws ws://127.0.0.1:8080/ws
  avx ws --http2 'ws://127.0.0.1:8080/ws/chat?name=anna'

Endpoints of the demo:
  /             a page that tries all of these; POST / does what /echo does
  /plaintext    Hello, World!
  /json         {\"message\":\"Hello, World!\"}
  /echo         any method: content and trailers, streamed back
  /headers      the request head exactly as it was received; its fields over HTTP/2
  /bytes/N      N bytes with a content-length
  /stream/N     N chunks of unknown total length
  /status/NNN   an answer with this status
  /delay/MS     an answer after so many milliseconds
  /early        103 (Early Hints), then 200
  /trailers     content followed by trailers
  /push         a page that pushes its style sheet and its script to clients of HTTP/2 that take them
  /priority/X   200000 times the letter X, in turns with others over HTTP/2; ?size=N for N of them, u=0
                (most urgent) to u=7, and i to share bandwidth, override what the client asks for
  /ws           a WebSocket, over HTTP/1.1 or HTTP/2: messages back, piece by piece as they come;
                compressed for clients that offer permessage-deflate
  /ws/chat      a WebSocket: what anybody says, everybody hears; ?name=anna for a name. Scripts
                of other origins are refused with 403; who reads too slowly misses lines

Exit status:
  0  ended by a signal, with everything in flight completed (or its time over)
  1  it could not start: address in use, no such directory, ...; or a second signal ended it
  2  wrong arguments";

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match start(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("avx serve: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves what was asked for. Whether the end was a graceful one.
fn start(args: &Args) -> Result<bool, String> {
    args.runtime.check(args.workers)?;
    raise_limit(args.max_connections);
    runtime::with(args.runtime, args.workers, Serve(args))
}

/// Serves, on whatever runtime there is.
struct Serve<'a>(&'a Args);

impl runtime::Visitor for Serve<'_> {
    type Output = bool;

    fn visit<R: rt::Runtime>(self, control: &runtime_avx::Runtime, rt: R) -> Result<bool, String> {
        let Serve(args) = self;
        match &args.dir {
            None => serve(args, control, &rt, demo::router(&rt)),
            Some(dir) => {
                let files = Files::new(&rt, dir)
                    .map_err(|error| format!("--dir {}: {error}", dir.display()))?
                    .listing(args.listing);
                serve(args, control, &rt, files)
            }
        }
    }
}

fn serve<H: Handler, R: rt::Runtime>(
    args: &Args,
    control: &runtime_avx::Runtime,
    rt: &R,
    handler: H,
) -> Result<bool, String> {
    let log = Log::new().map_err(|error| format!("the log could not start: {error}"))?;
    let mut config = Config::default();
    config.h2.max_streams = args.max_streams;
    // The demo has WebSockets.
    config.h2.connect_protocol = args.dir.is_none();
    let mut server = Server::new(handler)
        .config(config)
        .protocols(protocols(args))
        .max_connections(args.max_connections as usize)
        .drain(args.shutdown_timeout);
    let addresses = addresses(args)?;
    for address in &addresses {
        server = server.bind(address.clone());
    }
    if args.access_log {
        let lines = log.lines();
        server = server.on_access(move |access| lines.access(access));
    }
    let lines = log.lines();
    server = server.on_error(move |_, error| report(&lines, &error));

    control.block_on(async {
        // From here on a signal is an orderly end, even one that comes at once.
        let unable = |error: io::Error| format!("signals cannot be listened for: {error}");
        let mut interrupt = signal::ctrl_c().map_err(unable)?;
        let mut terminate = signal::terminate().map_err(unable)?;
        let server = start_on(rt, server).map_err(|error| cannot_listen(&addresses, &error))?;
        announce(&server);
        let left_alone = async {
            match args.until_eof {
                true => control.handle().unblock(wait_for_eof).await,
                false => std::future::pending().await,
            }
        };
        let _ = first(first(interrupt.recv(), terminate.recv()), left_alone).await;
        server.shutdown();
        let again = async {
            let _ = first(interrupt.recv(), terminate.recv()).await;
            server.abort();
            false
        };
        let joined = async {
            server.join().await;
            true
        };
        Ok(first(joined, again).await)
    })
}

/// Starts the server inside of its own runtime: some can bind sockets and look names up only there. The
/// calling thread is none of its workers, and has nothing else to do until then.
fn start_on<H: Handler, R: rt::Runtime>(rt: &R, server: Server<H>) -> io::Result<ServerHandle> {
    let (sender, started) = mpsc::sync_channel(1);
    let own = rt.clone();
    rt.spawn(async move {
        let _ = sender.send(server.start(&own).await);
    });
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the runtime has ended")))
}

/// As many open files as the system allows; says so when they are fewer than the connections asked for.
fn raise_limit(connections: u32) {
    match runtime_avx::net::raise_descriptor_limit() {
        Ok(files) if files >= connections.into() => {}
        Ok(files) => eprintln!(
            "avx serve: {files} open files are allowed (ulimit -Hn), and so fewer than {connections} connections"
        ),
        Err(error) => eprintln!("avx serve: the limit of open files could not be raised: {error}"),
    }
}

fn protocols(args: &Args) -> Protocols {
    match (args.http1_only, args.http2_only) {
        (true, _) => Protocols::Http1,
        (_, true) => Protocols::Http2,
        _ => Protocols::Both,
    }
}

fn addresses(args: &Args) -> Result<Vec<Address>, String> {
    let mut addresses = Vec::new();
    for addr in &args.addr {
        addresses.push(address(addr)?);
    }
    addresses.extend(args.unix.iter().cloned().map(Address::Unix));
    if addresses.is_empty() {
        addresses.push(ADDR.into());
    }
    Ok(addresses)
}

/// `host:port`, or a port alone on the loopback.
fn address(text: &str) -> Result<Address, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(([127, 0, 0, 1], port).into());
    }
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    match port.map(str::parse::<u16>) {
        Some(Ok(_)) => Ok(text.into()),
        _ => Err(format!("--addr {text}: expected HOST:PORT, such as {ADDR} or [::1]:0")),
    }
}

fn cannot_listen(addresses: &[Address], error: &io::Error) -> String {
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; is another server running there? (port 0 picks a free port)",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    };
    format!("cannot listen on {list}: {error}{advice}")
}

/// Waits until nobody can write to standard input any more.
fn wait_for_eof() -> io::Result<()> {
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

/// One line for each address, so that whoever started it knows where, and that it is ready.
fn announce(server: &ServerHandle) {
    let mut text = String::new();
    for address in server.local_addrs() {
        text += &match address {
            Address::Unix(_) => format!("listening on {address}\n"),
            _ => format!("listening on http://{address}\n"),
        };
    }
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Tells of what the one who runs the server can do something about; peers that break the protocol or
/// go away are everyday life.
fn report(lines: &Lines, error: &ConnectionError<'_>) {
    match error {
        ConnectionError::Peer(_) | ConnectionError::Io(_) | ConnectionError::Body(_) => {}
        _ => lines.text(&format!("avx serve: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port_or_a_port() {
        assert_eq!(address("8080"), Ok(([127, 0, 0, 1], 8080).into()));
        assert_eq!(address("[::1]:0"), Ok("[::1]:0".into()));
        assert_eq!(address("localhost:80"), Ok(Address::Host("localhost:80".into())));
        for wrong in ["", "localhost", ":80", "localhost:", "localhost:http", "1.2.3.4:99999"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
