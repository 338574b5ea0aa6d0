//! Connecting, both directions at once, and the end.

use super::input::Input;
use super::output::Output;
use super::{Args, Failure};
use crate::term::Safe;
use crate::url::Url;
use crate::{field, first, get};
use avx_core::ws::handshake;
use avx_core::{PeerError, UsageError};
use avx_http::client::{Error as RequestError, Protocol};
use avx_http::ws::{self, CloseCode, Deflate, Error, Event, Farewell, Options, Receiver, Sender, Socket};
use runtime_avx::signal::{self, Signal};
use runtime_avx::{Handle, sleep, sleep_until};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// What the engine bounds by itself is bounded by the user here, with Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(300);
/// Field lines that are the handshake's own.
const OWN: [&str; 4] = ["connection", "host", "upgrade", "origin"];

/// Connects and talks to the end.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let url = parse(&args.url).map_err(Failure::usage)?;
    let options = options(args)?;
    let unable = |error| Failure::new(format_args!("the runtime could not start: {error}"));
    let runtime = runtime_avx::Builder::current_thread().build().map_err(unable)?;
    let handle = runtime.handle().clone();
    let result = runtime.block_on(async {
        let unable = |error| Failure::new(format_args!("signals cannot be listened for: {error}"));
        let mut interrupt = signal::ctrl_c().map_err(unable)?;
        let interrupted = async {
            let _ = interrupt.recv().await;
            Err(Failure::new("interrupted before the WebSocket was open"))
        };
        let socket = first(connect(args, &url, &options, &handle), interrupted).await?;
        let mut output = Output::new(args);
        output.note(opened(&socket, args));
        let input = Input::new(&handle, args.binary, args.max_message);
        talk(args, socket, input, &mut output, &mut interrupt).await
    });
    // A read that still blocks is not waited for.
    runtime.shutdown_timeout(Duration::ZERO);
    result
}

/// A URL of ws; one of http means the same, and so does one without a scheme.
fn parse(text: &str) -> Result<Url, String> {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) => match &*scheme.to_ascii_lowercase() {
            "ws" | "http" => rest,
            "wss" | "https" => return Err("wss is not supported yet, only ws".to_owned()),
            other => return Err(format!("scheme {other} is not supported, only ws")),
        },
        None => text,
    };
    Url::parse(&format!("http://{rest}")).map_err(|error| error.to_string())
}

fn options(args: &Args) -> Result<Options, Failure> {
    let mut options = Options::default();
    let client = &mut options.client;
    client.protocol = if args.http2 { Protocol::Http2 } else { Protocol::Http1 };
    client.connect_timeout = args.connect_timeout;
    client.config.timeouts.head = PATIENCE;
    client.config.timeouts.write_stall = PATIENCE;
    client.config.h2.window_stall = PATIENCE;
    client.config.ws.message = args.max_message;
    client.config.ws.frame = args.max_message;
    options.deflate = args.deflate.then(Deflate::default);
    options.protocols = args.subprotocols.join(", ");
    let mut fields = vec![("User-Agent".to_owned(), concat!("avx/", env!("CARGO_PKG_VERSION")).to_owned())];
    for line in &args.fields {
        let wrong = |why: &str| Failure::usage(format_args!("-H {line}: {why}"));
        let (name, value) = field::parse(line).ok_or_else(|| wrong("expected NAME: VALUE"))?;
        let lower = name.to_ascii_lowercase();
        if OWN.contains(&&*lower) || lower.starts_with("sec-websocket-") {
            return Err(wrong("the handshake says that by itself (--origin and --subprotocol choose)"));
        }
        if lower == "user-agent" {
            fields.retain(|(name, _)| name != "User-Agent");
        }
        if let Some(value) = value {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    if let Some(origin) = &args.origin {
        if origin.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return Err(Failure::usage(format_args!(
                "--origin {origin}: expected one, such as http://example.com"
            )));
        }
        fields.push(("Origin".to_owned(), origin.clone()));
    }
    options.fields = fields.into_iter().collect();
    Ok(options)
}

async fn connect(args: &Args, url: &Url, options: &Options, handle: &Handle) -> Result<Socket, Failure> {
    let address = format!("ws://{}{}", url.authority, url.target);
    let opening = async {
        ws::connect(handle, &address, options).await.map_err(|error| refused(url, &error, args.http2))
    };
    let late = async {
        sleep(args.connect_timeout).await;
        let seconds = args.connect_timeout.as_secs_f64();
        Err(Failure::new(format_args!("no WebSocket after {seconds} s (--connect-timeout)")))
    };
    first(opening, late).await
}

/// Why there is no WebSocket.
fn refused(url: &Url, error: &Error, http2: bool) -> Failure {
    match error {
        Error::Handshake(handshake::Failure::Status(status)) => Failure::new(format_args!(
            "{} does not accept a WebSocket at {}: {status} {}",
            url.authority,
            url.target,
            status.reason()
        )),
        Error::Request(RequestError::Request(UsageError::BadUpgrade)) if http2 => Failure::new(format_args!(
            "{} takes no WebSockets over HTTP/2; try without --http2",
            url.authority
        )),
        Error::Request(error) => Failure::new(get::unanswered(url, error, http2)),
        error => Failure::new(error),
    }
}

fn opened(socket: &Socket, args: &Args) -> String {
    let mut text = "open".to_owned();
    if let Some(protocol) = socket.protocol() {
        text += &format!(", subprotocol {}", Safe(protocol.as_bytes()));
    }
    match socket.compresses() {
        true => text += ", compressed",
        false if args.deflate => text += ", not compressed",
        false => {}
    }
    text
}

/// Both directions, until the connection is closed.
async fn talk(
    args: &Args,
    socket: Socket,
    mut input: Input,
    output: &mut Output,
    interrupt: &mut Signal,
) -> Result<(), Failure> {
    let (mut sender, mut receiver) = socket.split();
    let start = Instant::now();
    // Why the input was given up.
    let given_up = RefCell::new(None);
    let incoming = listen(&mut receiver, output, start, args.ping.is_some());
    let outgoing = async {
        let feeding = async {
            feed(&mut input, &mut sender, args.ping, start).await?;
            sleep(args.wait).await;
            Ok(())
        };
        let interrupted = async {
            let _ = interrupt.recv().await;
            Ok(())
        };
        *given_up.borrow_mut() = first(feeding, interrupted).await.err();
        let closed = async {
            // Should it be closed already, the other direction knows why.
            let _ = sender.close(CloseCode::NORMAL, "").await;
            Ok(())
        };
        let again = async {
            let _ = interrupt.recv().await;
            Err(Failure::new("interrupted"))
        };
        first(closed, again).await?;
        let _ = interrupt.recv().await;
        Err(Failure::new("interrupted before the server had answered the close"))
    };
    let farewell = first(incoming, outgoing).await?;
    match given_up.into_inner() {
        Some(failure) => Err(failure),
        None => judge(farewell, output),
    }
}

/// Sends the input and pings until the input ends, or nothing can be sent any more.
async fn feed(
    input: &mut Input,
    sender: &mut Sender,
    ping: Option<Duration>,
    start: Instant,
) -> Result<(), Failure> {
    let mut due = ping.map(|period| start + period);
    loop {
        let message = async { input.next().await.map(|message| message.map(Some)) };
        let tick = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
            Ok(Some(None))
        };
        let sent = match first(message, tick).await? {
            None => return Ok(()),
            Some(Some(message)) => sender.send(message).await,
            Some(None) => {
                due = ping.map(|period| Instant::now() + period);
                // When it was sent is all that has to be known of it.
                sender.ping(&(start.elapsed().as_micros() as u64).to_be_bytes()).await
            }
        };
        if sent.is_err() {
            // The other direction knows why.
            return std::future::pending().await;
        }
    }
}

/// Prints what comes until the connection is closed.
async fn listen(
    receiver: &mut Receiver,
    output: &mut Output,
    start: Instant,
    pings: bool,
) -> Result<Option<Farewell>, Failure> {
    loop {
        match receiver.next_event().await {
            Ok(Some(Event::Data { data, last })) => output.piece(&data, last)?,
            Ok(Some(Event::Ping(data))) => output.note(format_args!("ping {}", Safe(&data))),
            Ok(Some(Event::Pong(data))) => match <[u8; 8]>::try_from(&data[..]) {
                Ok(sent) if pings => {
                    let took = (start.elapsed().as_micros() as u64).saturating_sub(u64::from_be_bytes(sent));
                    output.note(format_args!("pong after {:.1} ms", took as f64 / 1000.0));
                }
                // To a ping that the engine sent, to see whether the server is there.
                _ if data.is_empty() => {}
                _ => output.note(format_args!("pong {}", Safe(&data))),
            },
            Ok(Some(_)) => {}
            Ok(None) => return Ok(receiver.farewell()),
            Err(error) => return Err(broken(&error)),
        }
    }
}

/// Why the connection broke off.
fn broken(error: &Error) -> Failure {
    match error {
        Error::Peer(PeerError::AbnormalClosure) => Failure::new("the server left without closing (1006)"),
        Error::Peer(error) => {
            let code = error.close_code();
            Failure::new(format_args!("the server broke the protocol: {error} ({code})"))
        }
        error => Failure::new(format_args!("the connection broke off: {error}")),
    }
}

/// What the end was: in order or not.
fn judge(farewell: Option<Farewell>, output: &Output) -> Result<(), Failure> {
    let Some(Farewell { code, reason }) = farewell else {
        return Err(Failure::new("the server did not answer the close"));
    };
    let mut text = match code {
        CloseCode::NO_STATUS => "closed".to_owned(),
        code => format!("closed with {code}"),
    };
    if !reason.is_empty() {
        text += &format!(": {}", Safe(reason.as_bytes()));
    }
    if [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS].contains(&code) {
        output.note(text);
        return Ok(());
    }
    Err(Failure::new(format_args!("the server {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_of_ws_or_what_means_the_same() {
        for text in ["ws://a/b?c", "WS://a/b?c", "http://a/b?c", "a/b?c"] {
            let url = parse(text).unwrap();
            assert_eq!((&*url.authority, &*url.target), ("a", "/b?c"), "{text}");
        }
        assert_eq!(parse("wss://a/").unwrap_err(), "wss is not supported yet, only ws");
        assert_eq!(parse("ftp://a/").unwrap_err(), "scheme ftp is not supported, only ws");
        for wrong in ["", "ws://", "ws://a b/", "ws://a:x/", "ws://u@a/"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
