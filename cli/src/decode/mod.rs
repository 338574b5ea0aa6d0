//! `avx decode`: raw bytes through the bare machine, and what it says about them.
//!
//! ```text
//! feed     HTTP/1.1: the bytes, cut as asked, through a machine; plays the other role just as far as needed
//! h2       the same for HTTP/2, frame by frame
//! ws       the same for WebSocket
//! frame    one frame, whatever a machine makes of it
//! hpack    header blocks alone
//! unread   input that was not consumed yet
//! report   what a machine said, as calls; joins the pieces of one body
//! text     reports for people
//! json     reports for programs, one object a line
//! ```

mod feed;
mod frame;
mod h2;
mod hpack;
mod json;
mod report;
mod text;
mod unread;
mod ws;

use crate::term::Paint;
use avx_core::ws::key::MaskKeys;
use avx_core::ws::{Client, Server};
use avx_core::{Config, Lenient};
use clap::{Parser, ValueEnum};
use report::Report;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Decode raw bytes of a connection and print what the machine makes of them
///
/// Feeds the bytes of FILE to the sans-IO machine of the role named and prints every event it
/// reports: heads, content, ends, protocol switches, resets, settings, errors with the rule that was
/// broken. Nothing touches the network; what the machine would answer is not printed.
///
/// As a server it answers each request with 200 (an upgrade with 101), so that all requests are read
/// to the end. As a client it has sent one request for each response in the input, with the method of
/// --method and, over HTTP/1.1, an offer to upgrade to websocket.
///
/// For WebSocket the input begins behind the handshake; with --deflate it may hold compressed messages.
///
/// As hpack it reads header blocks of HTTP/2 in hexadecimal, one a line, and prints their fields; the
/// dynamic table lasts from line to line.
#[derive(Parser)]
#[command(after_long_help = AFTER_HELP, after_help = "See --help for examples and the JSON format.")]
pub(crate) struct Args {
    /// Role to play: a server reads requests, a client responses
    #[arg(long = "as", value_name = "ROLE")]
    role: Role,

    /// Method of the requests that the responses answer (h1-client, h2-client): decides how they are
    /// framed
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,

    /// Feed the machine N bytes at a time; what is printed stays the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    split: Option<u32>,

    /// Print every frame as well, before what comes of it (h2-server, h2-client, ws-server, ws-client)
    #[arg(long)]
    frames: bool,

    /// What was agreed about compression: what the server has answered in Sec-WebSocket-Extensions, such
    /// as "permessage-deflate; server_no_context_takeover" (ws-server, ws-client)
    #[arg(long, value_name = "PARAMS")]
    deflate: Option<String>,

    /// Size of the dynamic table that the peer may use once it has acknowledged the setting, bytes
    /// (h2-server, h2-client, hpack)
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    table_size: u32,

    /// Let a deviation from the grammar through; may be given several times [possible values:
    /// bare-lf, obs-fold, repeated-content-length, transfer-encoding-over-content-length,
    /// chunk-whitespace, space-before-colon]
    #[arg(long, value_name = "FLAG", value_parser = lenient, hide_possible_values = true)]
    lenient: Vec<&'static str>,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// What to read; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// HTTP/1.1 server: the input holds requests
    H1Server,
    /// HTTP/1.1 client: the input holds responses
    H1Client,
    /// HTTP/2 server: the input holds what a client sends, from its preface on
    H2Server,
    /// HTTP/2 client: the input holds what a server sends, from its SETTINGS on
    H2Client,
    /// WebSocket server: the input holds what a client sends behind the handshake
    WsServer,
    /// WebSocket client: the input holds what a server sends behind the handshake
    WsClient,
    /// HPACK decoder: the input holds header blocks in hexadecimal, one a line
    Hpack,
}

/// Bytes read at once, where nothing else is asked for.
const READ: usize = 64 << 10;

const AFTER_HELP: &str = r#"Examples:
  printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' | avx decode --as h1-server
  avx decode --as h1-client --method HEAD response.bin
  avx decode --as h1-server --lenient bare-lf --lenient obs-fold --json request.txt
  avx decode --as h1-server --split 1 --json requests.bin     # the same as without --split
  avx decode --as h2-server --frames connection.bin           # what a client sent, frame by frame
  avx decode --as h2-client --json server.bin
  avx decode --as ws-server --frames --json frames.bin        # what a client sent, unmasked
  avx decode --as ws-client --deflate permessage-deflate frames.bin
  echo 828684410f7777772e6578616d706c652e636f6d | avx decode --as hpack

Lenient flags:
  bare-lf                                a lone LF ends a line of a head or trailer section
  obs-fold                               folded field lines are joined (a client always does)
  repeated-content-length                equal repetitions of Content-Length count as one
  transfer-encoding-over-content-length  Transfer-Encoding wins over a Content-Length beside it
  chunk-whitespace                       spaces or tabs between chunk size and extensions
  space-before-colon                     a client drops whitespace between field name and colon

JSON, one object a line:
  {"event":"request","stream":1,"method":"POST","target":"/","version":"1.1",
   "fields":[["Host","x"]],"body":{"exact":5}}           body: "empty", "streaming" or {"exact":N}
  {"event":"response","stream":1,"status":200,"reason":"OK","version":"1.1","fields":[],"body":"empty"}
  {"event":"informational","stream":1,"status":103,"reason":"","version":"1.1","fields":[]}
  {"event":"data","stream":1,"text":"hello"}             "base64" instead of "text" when not UTF-8
  {"event":"end","stream":1,"trailers":[]}
  {"event":"reset","stream":1,"code":"CANCEL"}
  {"event":"switched","to":"websocket","rest":12}        or "tunnel", "http2"; rest: bytes left
  {"event":"need_more","at_least":2}                     the input ends inside a message
  {"event":"error","error":"BadChunkSize","rfc":"RFC 9112, section 7.1","status":400}
  The pieces of one body are joined into one data event, unless something else comes between them; a
  body beyond 16 MiB makes one for each 16 MiB. Fields, targets and reasons are UTF-8; an object in which one of them is not ends in
  "encoding":"latin-1", and then each character of them stands for one byte.

JSON of HTTP/2, beside the events above; requests have "scheme" and "authority" behind the version:
  {"event":"settings","settings":[["HEADER_TABLE_SIZE",4096],["MAX_CONCURRENT_STREAMS",null],...]}
  {"event":"priority","stream":1,"urgency":3,"incremental":false}     or as RFC 7540 has it:
  {"event":"priority","stream":1,"exclusive":false,"depends_on":0,"weight":16}
  {"event":"push_promise","stream":1,"promised":2,"method":"GET","target":"/a.css",...}
  {"event":"go_away","last":5,"code":"NO_ERROR","debug":""}
  {"event":"error","error":"BadFrameLength","rfc":"RFC 9113, section 6","code":"FRAME_SIZE_ERROR",
   "scope":"connection"}
  {"event":"error","stream":1,"code":"PROTOCOL_ERROR","scope":"stream"}    "status" when answered
  --frames: one line a frame, before what comes of it, and what the type has beside these five
  {"event":"frame","type":"SETTINGS","stream":0,"flags":0,"len":6,"ack":false,
   "settings":[["ENABLE_PUSH",0]]}
  "missing":N is what the input lacks of it, "malformed" which rule its payload breaks; codes,
  settings and types without a name are "0xff".

JSON of WebSocket:
  {"event":"message","kind":"text","last":true,"text":"hello"}     "base64" when not UTF-8; "last":false
                                                                   when its end is missing, or still to come
  {"event":"ping","text":""}   {"event":"pong","text":""}   {"event":"close","code":1000,"reason":""}
  {"event":"error","error":"BadText","rfc":"RFC 6455, section 8.1","close_code":1007}
  --frames: {"event":"frame","opcode":"text","fin":true,"rsv1":false,"masked":true,"len":5}

JSON of HPACK:
  {"event":"block","line":1,"fields":[{"name":":method","value":"GET","never_indexed":false}],
   "list_size":42,"table_size":0}
  {"event":"error","line":2,"error":"IndexZero","rfc":"RFC 7541, section 6.1",
   "code":"COMPRESSION_ERROR"}
  Spaces, empty lines and what follows a # are skipped; a block that is wrong ends the input.

Exit status:
  0  the input was read to a clean end (or to a protocol switch)
  1  the peer broke the protocol (on one stream, at least), or the input ends inside a message
  2  wrong arguments, or the input cannot be read"#;

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match decode(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("avx decode: {error}");
            ExitCode::from(2)
        }
    }
}

fn decode(args: &Args) -> io::Result<bool> {
    let ws = matches!(args.role, Role::WsServer | Role::WsClient);
    let h2 = matches!(args.role, Role::H2Server | Role::H2Client);
    if args.frames && !h2 && !ws {
        return Err(io::Error::other(
            "--frames: only HTTP/2 and WebSocket have frames (--as h2-server, h2-client, ws-server or ws-client)",
        ));
    }
    if args.deflate.is_some() && !ws {
        return Err(io::Error::other(
            "--deflate: only WebSocket is compressed (--as ws-server or ws-client)",
        ));
    }
    let deflate = args.deflate.as_deref().map(ws::agreed).transpose();
    let deflate = deflate.map_err(|error| io::Error::other(format!("--deflate {error}")))?;
    let mut config = Config::default();
    config.h2.table_size = args.table_size;
    // Whatever the input holds was welcome to somebody.
    (config.h2.push, config.h2.connect_protocol) = (true, true);
    // There is no round trip to measure.
    config.h2.grow_windows = false;
    (config.ws.message, config.ws.frame) = (u64::MAX, u64::MAX);
    for name in &args.lenient {
        config.lenient.set(name);
    }
    // Small cuts come out of a large buffer.
    let input = BufReader::with_capacity(READ, open(&args.file)?);
    let stdout = io::stdout();
    let paint = Paint::of(&stdout);
    let out = BufWriter::with_capacity(READ, stdout.lock());
    let mut report = Report::new(if args.json {
        Box::new(json::Json::new(out))
    } else {
        Box::new(text::Text::new(out, paint))
    });
    let cut = args.split.map_or(READ, |n| n as usize);
    let config = Arc::new(config);
    let method = args.method.as_bytes();
    let wrong = |error| io::Error::other(format!("--method {}: {error}", args.method));
    let ended = match args.role {
        Role::H1Server => feed::run(feed::AsServer::new(config), input, cut, &mut report)?,
        Role::H1Client => {
            feed::run(feed::AsClient::new(config, method).map_err(wrong)?, input, cut, &mut report)?
        }
        Role::H2Server => h2::run(h2::AsServer::new(config), input, cut, args.frames, &mut report)?,
        Role::H2Client => {
            let client = h2::AsClient::new(config, method).map_err(wrong)?;
            h2::run(client, input, cut, args.frames, &mut report)?
        }
        Role::WsServer => {
            let machine = Server::new(config, feed::NOW);
            let machine = deflate.iter().fold(machine, |machine, agreed| machine.with_deflate(agreed));
            ws::run(machine, input, cut, args.frames, &mut report)?
        }
        Role::WsClient => {
            // It sends nothing, and so nothing is masked with these keys.
            let machine = Client::new(config, feed::NOW, MaskKeys::new([0; 32]));
            let machine = deflate.iter().fold(machine, |machine, agreed| machine.with_deflate(agreed));
            ws::run(machine, input, cut, args.frames, &mut report)?
        }
        Role::Hpack => return hpack::run(&config, input, &mut report),
    };
    if ended.ignored > 0 {
        eprintln!("avx decode: {} bytes behind the end of the connection were not looked at", ended.ignored);
    }
    Ok(ended.clean)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(named)?;
    // A directory opens, but does not read.
    if file.metadata().map_err(named)?.is_dir() {
        return Err(named(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(file))
}

/// The flag called `name`, as core calls it.
fn lenient(name: &str) -> Result<&'static str, String> {
    Lenient::NAMES
        .into_iter()
        .find(|known| *known == name)
        .ok_or_else(|| format!("no such flag\n  [possible values: {}]", Lenient::NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lenient_flag_of_core_is_documented() {
        for name in Lenient::NAMES {
            assert!(AFTER_HELP.contains(&format!("\n  {name} ")), "{name}");
        }
    }
}
