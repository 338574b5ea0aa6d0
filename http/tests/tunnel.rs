//! Tunnels: the very same handlers over HTTP/1.1, where they get the transport, and over HTTP/2, where they get
//! a stream of it (RFC 9113, section 8.5; RFC 8441).

#[path = "support/asking.rs"]
mod asking;
mod support;

use asking::Pending;
use avx_http::client::{Connection, Options, Protocol, Request, Response};
use avx_http::{
    BodyError, Config, ErrorCode, Initiator, Method, OwnedRequest, Peer, Response as Answer, Router, Server,
    ServerHandle, Status, Upgraded,
};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Gate, Remote, Sim, start_with};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A server that takes every CONNECT for a tunnel to `user`, and a connection to it.
struct Pair {
    sim: Sim,
    server: ServerHandle,
    connection: Connection,
    protocol: Protocol,
}

fn config() -> Config {
    let mut config = Config::default();
    config.h2.connect_protocol = true;
    config
}

fn server<F>(user: impl Fn(Upgraded) -> F + Clone + Send + Sync + 'static) -> Server<Router>
where
    F: Future<Output = ()> + Send + 'static,
{
    let chat = user.clone();
    let router = Router::new()
        .get("/plain", || "plain")
        .get("/chat", move |request: &avx_http::Request<'_>| match request.upgrade() {
            Some(b"chat") => Answer::upgrade("chat", chat.clone()),
            _ => Answer::new(Status::UPGRADE_REQUIRED),
        })
        .wrap(move |request, next| match (request.method(), request.upgrade()) {
            (Method::Connect, None) => Answer::tunnel(user.clone()).into(),
            _ => next.call(request),
        });
    Server::new(router).config(config())
}

impl Pair {
    fn new(protocol: Protocol, server: Server<Router>) -> Self {
        let sim = Sim::new();
        let server = start_with(&sim, server);
        let connection = Pair::dial(&sim, protocol);
        Pair { sim, server, connection, protocol }
    }

    fn dial(sim: &Sim, protocol: Protocol) -> Connection {
        let Remote(io) = sim.dial();
        let mut options = Options::default();
        options.protocol = protocol;
        let connection = Connection::over(sim, io, Peer::Unix, "a", &options);
        sim.run();
        connection
    }

    fn send(&self, request: Request) -> Response {
        asking::response(&self.sim, &self.connection, request)
    }

    fn connect(&self) -> Upgraded {
        let response = self.send(Request::new(Method::Connect, "example.org:443"));
        assert_eq!(response.status(), Status::OK);
        response.into_upgraded().expect("a tunnel")
    }

    /// The request that asks for the protocol inside, as each protocol has it.
    fn ask(&self, protocol: &'static str) -> Request {
        match self.protocol {
            Protocol::Http1 => Request::get("/chat").upgrade(protocol).field("connection", "upgrade"),
            _ => Request::new(Method::Connect, "/chat").field(":protocol", protocol),
        }
    }

    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.sim.block_on(future)
    }
}

/// Sends back what comes until it ends, then says how much that was.
async fn echo(mut io: Upgraded) {
    let (mut buf, mut total) = (vec![0; 10_000], 0);
    loop {
        match io.read(&mut buf).await {
            Ok(0) => break,
            Ok(n) => {
                total += n;
                io.write_all(&buf[..n]).await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    io.write_all(format!("{total} bytes").as_bytes()).await.unwrap();
    io.shutdown().await.unwrap();
}

async fn read_to_end(io: &mut Upgraded) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), vec![0; 5000]);
    loop {
        match io.read(&mut buf).await? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

async fn read_exact(io: &mut Upgraded, n: usize) -> Vec<u8> {
    let (mut buf, mut at) = (vec![0; n], 0);
    while at < n {
        match io.read(&mut buf[at..]).await.unwrap() {
            0 => panic!("ended after {at} bytes"),
            n => at += n,
        }
    }
    buf
}

#[test]
fn the_same_handler_echoes_over_both_protocols() {
    for protocol in BOTH {
        let pair = Pair::new(protocol, server(echo));
        let mut io = pair.connect();
        let end = pair.run(async move {
            for message in ["one", "two", "three"] {
                io.write_all(message.as_bytes()).await.unwrap();
                assert_eq!(read_exact(&mut io, message.len()).await, message.as_bytes());
            }
            io.shutdown().await.unwrap();
            read_to_end(&mut io).await.unwrap()
        });
        assert_eq!(String::from_utf8_lossy(&end), "11 bytes", "{protocol:?}");
        if protocol == Protocol::Http2 {
            assert_eq!(pair.send(Request::get("/plain")).status(), Status::OK, "the others go on");
            assert_eq!(pair.server.connections(), 1);
        } else {
            assert_eq!(pair.server.connections(), 0);
        }
    }
}

/// RFC 8441, section 4: what a handler answers with 101 is accepted with 200, and by the same route.
#[test]
fn rfc8441_4_a_handler_that_upgrades_serves_an_extended_connect() {
    for protocol in BOTH {
        let pair = Pair::new(protocol, server(echo));
        let response = pair.send(pair.ask("chat"));
        let status = if protocol == Protocol::Http2 { 200 } else { 101 };
        assert_eq!(response.status().code(), status);
        assert_eq!(response.field("upgrade").is_some(), protocol == Protocol::Http1);
        let mut io = response.into_upgraded().unwrap();
        let end = pair.run(async move {
            io.write_all(b"hello").await.unwrap();
            io.shutdown().await.unwrap();
            read_to_end(&mut io).await.unwrap()
        });
        assert_eq!(end, b"hello5 bytes");
        // Another protocol than the handler speaks.
        let pair = Pair::new(protocol, server(echo));
        assert_eq!(pair.send(pair.ask("else")).status(), Status::UPGRADE_REQUIRED);
    }
}

#[test]
fn what_cannot_be_a_tunnel_is_answered_in_its_place() {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let told = errors.clone();
    let router = Router::new()
        .any("/other", || Answer::upgrade("other", echo))
        .any("/content", || "content")
        .any("/empty", || Answer::tunnel(echo).with_status(Status::NO_CONTENT))
        .any("/no", || Answer::tunnel(echo).with_status(Status::FORBIDDEN));
    let server = Server::new(router)
        .config(config())
        .on_error(move |_, error| told.lock().unwrap().push(error.to_string()));
    let pair = Pair::new(Protocol::Http2, server);
    for (target, status, plain) in
        [("/other", 500, 501), ("/content", 501, 200), ("/empty", 501, 204), ("/no", 403, 403)]
    {
        let request = Request::new(Method::Connect, target).field(":protocol", "chat");
        let response = pair.send(request);
        assert_eq!(response.status().code(), status, "{target}");
        assert!(response.into_upgraded().is_none());
        assert_eq!(pair.send(Request::get(target)).status().code(), plain, "{target}");
    }
    assert_eq!(
        errors.lock().unwrap()[..],
        ["caller: upgrade was not asked for"].map(|text| format!("response: {text}"))
    );
}

fn pattern(len: usize, seed: u32) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

#[test]
fn many_tunnels_share_a_connection_each_with_its_own_bytes() {
    const LEN: usize = 300_000;
    let pair = Pair::new(Protocol::Http2, server(echo));
    let tunnels: Vec<_> = (0..20).map(|_| pair.connect()).collect();
    let mut under_way = Vec::new();
    for (seed, mut io) in (0..).zip(tunnels) {
        under_way.push(Pending::start(&pair.sim, async move {
            let content = pattern(LEN, seed);
            let mut echoed = Vec::new();
            // No more than half a window ahead of the echo, which stops reading while nobody takes its bytes.
            for piece in content.chunks(30_000) {
                io.write_all(piece).await.unwrap();
                echoed.extend(read_exact(&mut io, piece.len()).await);
            }
            io.shutdown().await.unwrap();
            assert!(echoed == content);
            read_to_end(&mut io).await.unwrap()
        }));
    }
    for end in under_way {
        assert_eq!(end.take().unwrap(), format!("{LEN} bytes").as_bytes());
    }
}

/// What a user of a tunnel was told in the end.
type Told = Arc<Mutex<Option<Result<usize, (ErrorKind, Option<BodyError>)>>>>;

fn told(error: &io::Error) -> (ErrorKind, Option<BodyError>) {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>());
    (error.kind(), inner.copied())
}

/// Reads until it ends, and tells how it did.
fn listen(
    end: &Told,
) -> impl Fn(Upgraded) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Clone + use<> {
    let end = end.clone();
    move |mut io: Upgraded| {
        let end = end.clone();
        Box::pin(async move {
            let result = read_to_end(&mut io).await.map(|all| all.len()).map_err(|error| told(&error));
            *end.lock().unwrap() = Some(result);
        })
    }
}

#[test]
fn a_client_that_drops_its_tunnel_resets_it_behind_what_was_written() {
    let end = Told::default();
    let pair = Pair::new(Protocol::Http2, server(listen(&end)));
    for by_reset in [false, true] {
        let mut io = pair.connect();
        pair.run(async move {
            io.write_all(b"some").await.unwrap();
            if by_reset {
                avx_http::rt::Stream::reset(&mut io);
            }
        });
        pair.sim.run();
        let reset = BodyError::Reset { code: ErrorCode::CANCEL, by: Initiator::Remote };
        let result = end.lock().unwrap().take();
        assert_eq!(result, Some(Err((ErrorKind::ConnectionReset, Some(reset)))));
    }
    assert_eq!(pair.send(Request::get("/plain")).status(), Status::OK);
}

/// As many as the server takes, again and again: each of them gives its place back, however it ends.
#[test]
fn every_end_of_a_tunnel_gives_its_place_back() {
    let server = server(async |mut io: Upgraded| {
        let mut how = [0];
        match io.read(&mut how).await {
            // Over without a word, over in order, or with a panic.
            Ok(1) if how == *b"d" => {}
            Ok(1) if how == *b"s" => io.shutdown().await.unwrap(),
            Ok(1) if how == *b"p" => panic!("on purpose"),
            Ok(1) if how == *b"l" => while let Ok(1..) = io.read(&mut how).await {},
            _ => {}
        }
    });
    let mut config = config();
    config.h2.max_streams = 3;
    let pair = Pair::new(Protocol::Http2, server.config(config));
    for how in b"dspldsplldspldspll" {
        let mut tunnels = [pair.connect(), pair.connect(), pair.connect()];
        pair.run(async move {
            for io in &mut tunnels {
                io.write_all(&[*how]).await.unwrap();
            }
            if *how == b's' {
                for io in &mut tunnels {
                    assert_eq!(read_to_end(io).await.unwrap(), b"");
                }
            }
        });
    }
    assert_eq!(pair.send(Request::get("/plain")).status(), Status::OK);
}

#[test]
fn a_handler_that_drops_its_tunnel_resets_it_behind_what_was_written() {
    let pair =
        Pair::new(Protocol::Http2, server(async |mut io: Upgraded| io.write_all(b"some").await.unwrap()));
    for (request, code) in [
        // RFC 9113, section 8.5, and RFC 8441, section 5.
        (Request::new(Method::Connect, "a:1"), ErrorCode::CONNECT_ERROR),
        (pair.ask("chat"), ErrorCode::CANCEL),
    ] {
        let mut io = pair.send(request).into_upgraded().unwrap();
        pair.run(async move {
            assert_eq!(read_exact(&mut io, 4).await, b"some");
            let error = read_to_end(&mut io).await.unwrap_err();
            let reset = BodyError::Reset { code, by: Initiator::Remote };
            assert_eq!(told(&error), (ErrorKind::ConnectionReset, Some(reset)));
            let error = io.write_all(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    }
}

#[test]
fn each_side_ends_for_itself() {
    // The server first: it goes on reading.
    let end = Told::default();
    let slot = end.clone();
    let server = server(move |mut io: Upgraded| {
        let slot = slot.clone();
        async move {
            io.write_all(b"bye").await.unwrap();
            io.shutdown().await.unwrap();
            assert_eq!(io.write_all(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            *slot.lock().unwrap() = Some(Ok(read_to_end(&mut io).await.unwrap().len()));
        }
    });
    let pair = Pair::new(Protocol::Http2, server);
    let mut io = pair.connect();
    pair.run(async move {
        assert_eq!(read_to_end(&mut io).await.unwrap(), b"bye");
        // Far beyond what is read on after a response of another kind.
        for _ in 0..100 {
            io.write_all(&[b'x'; 10_000]).await.unwrap();
        }
        io.shutdown().await.unwrap();
    });
    pair.sim.run();
    assert_eq!(end.lock().unwrap().take(), Some(Ok(1_000_000)));
}

#[test]
fn who_does_not_read_holds_the_other_side_back() {
    let gate = Gate::default();
    let wait = gate.clone();
    let written = Arc::new(Mutex::new((0, 0)));
    let count = written.clone();
    let server = server(move |mut io: Upgraded| {
        let (wait, count) = (wait.clone(), count.clone());
        async move {
            while count.lock().unwrap().0 < 4 << 20 {
                io.write_all(&[b's'; 4096]).await.unwrap();
                count.lock().unwrap().0 += 4096;
            }
            io.shutdown().await.unwrap();
            wait.passed().await;
            assert_eq!(read_to_end(&mut io).await.unwrap().len(), 4 << 20);
        }
    });
    let mut config = config();
    config.h2.grow_windows = false;
    let pair = Pair::new(Protocol::Http2, server.config(config));
    let mut io = pair.connect();
    let (wait, count) = (gate.clone(), written.clone());
    let done = Pending::start(&pair.sim, async move {
        let mut io = std::pin::pin!(async move {
            let mut n = 0;
            // The window of the server, and a piece.
            while n < 80 << 10 {
                io.write_all(&[b'c'; 4096]).await.unwrap();
                n += 4096;
                count.lock().unwrap().1 = n;
            }
            (io, n)
        });
        let (mut io, mut n) = io.as_mut().await;
        wait.passed().await;
        assert_eq!(read_to_end(&mut io).await.unwrap().len(), 4 << 20);
        while n < 4 << 20 {
            io.write_all(&[b'c'; 4096]).await.unwrap();
            n += 4096;
        }
        io.shutdown().await.unwrap();
    });
    pair.sim.advance(Duration::from_secs(20));
    let (server, client) = *written.lock().unwrap();
    assert!((60 << 10..400 << 10).contains(&server), "{server} bytes that nobody reads");
    assert!((60 << 10..200 << 10).contains(&client), "{client} bytes that nobody reads");
    gate.open();
    pair.sim.run();
    assert!(done.take().is_some());
}

/// Small messages are what a tunnel is for: those that wait for a handler which is busy break no rule.
#[test]
fn a_handler_that_is_busy_may_be_sent_many_small_messages() {
    const MESSAGES: usize = 3000;
    let gate = Gate::default();
    let wait = gate.clone();
    let server = server(move |mut io: Upgraded| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            let n = read_to_end(&mut io).await.unwrap().len();
            io.write_all(n.to_string().as_bytes()).await.unwrap();
            io.shutdown().await.unwrap();
        }
    });
    let pair = Pair::new(Protocol::Http2, server);
    let mut io = pair.connect();
    for _ in 0..MESSAGES {
        io = pair.run(async move {
            io.write_all(b"hi").await.unwrap();
            io
        });
        pair.sim.run();
    }
    gate.open();
    let end = pair.run(async move {
        io.shutdown().await.unwrap();
        read_to_end(&mut io).await.unwrap()
    });
    assert_eq!(String::from_utf8_lossy(&end), (2 * MESSAGES).to_string());
}

/// Over HTTP/1.1 whoever has taken a transport over lives on when it breaks, to leave things in order.
#[test]
fn a_handler_hears_of_the_end_of_the_connection() {
    for protocol in BOTH {
        let end = Told::default();
        let server = server(listen(&end));
        let sim = Sim::new();
        let server = start_with(&sim, server);
        let remote = sim.dial();
        if protocol == Protocol::Http2 {
            use conformance::h2::frames::*;
            let connect = block(&[(":method", "CONNECT"), (":authority", "a:1")]);
            remote.send([PREFACE, &settings(&[]), &headers(1, 0, &connect), &data(1, 0, b"hi")].concat());
        } else {
            remote.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nhi");
        }
        sim.run();
        assert_eq!((*end.lock().unwrap(), server.connections()), (None, 1));
        remote.reset();
        sim.run();
        assert!(matches!(end.lock().unwrap().take(), Some(Err(_))), "{protocol:?}");
        assert_eq!(server.connections(), 0);
    }
}

#[test]
fn a_tunnel_goes_on_while_the_server_shuts_down_and_ends_with_it() {
    for protocol in BOTH {
        let server = server(echo).drain(Duration::from_secs(5));
        let pair = Pair::new(protocol, server);
        let mut io = pair.connect();
        pair.server.shutdown();
        pair.sim.run();
        let mut io = pair.run(async move {
            io.write_all(b"still").await.unwrap();
            assert_eq!(read_exact(&mut io, 5).await, b"still");
            io
        });
        pair.sim.advance(Duration::from_secs(6));
        let end = pair.run(async move { read_to_end(&mut io).await });
        assert_eq!(end.is_err(), protocol == Protocol::Http2, "{protocol:?}");
        pair.sim.advance(Duration::from_secs(6));
        assert_eq!(pair.server.connections(), 0);
    }
}

#[test]
fn the_access_log_has_the_bytes_of_a_tunnel() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let write = lines.clone();
    let server = server(echo).on_access(move |access| {
        let target = String::from_utf8_lossy(access.target).into_owned();
        let line =
            format!("{} {target} {} {} {}", access.method, access.status, access.sent, access.complete);
        write.lock().unwrap().push(line);
    });
    let pair = Pair::new(Protocol::Http2, server);
    let mut io = pair.connect();
    let kept = pair.run(async move {
        io.write_all(&[b'x'; 100_000]).await.ok();
        io
    });
    drop(kept);
    pair.sim.run();
    let mut io = pair.connect();
    pair.run(async move {
        io.write_all(b"hello").await.unwrap();
        io.shutdown().await.unwrap();
        read_to_end(&mut io).await.unwrap();
    });
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("CONNECT example.org:443 200 ") && lines[0].ends_with(" false"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "CONNECT example.org:443 200 12 true");
}

/// Whoever wants to read the head of a CONNECT at leisure gets it like any other.
#[test]
fn a_handler_may_take_its_time_to_accept() {
    for protocol in BOTH {
        let gate = Gate::default();
        let wait = gate.clone();
        let router = Router::new().any("/chat", move |request: OwnedRequest| {
            let wait = wait.clone();
            async move {
                wait.passed().await;
                let protocol = String::from_utf8_lossy(request.upgrade().unwrap_or_default()).into_owned();
                assert!(request.into_body().is_empty());
                Answer::upgrade(protocol, echo)
            }
        });
        let pair = Pair::new(protocol, Server::new(router).config(config()));
        let sent = asking::send(&pair.sim, &pair.connection, pair.ask("anything"));
        assert!(sent.take().is_none());
        gate.open();
        pair.sim.run();
        let mut io = sent.take().unwrap().unwrap().into_upgraded().unwrap();
        let end = pair.run(async move {
            io.shutdown().await.unwrap();
            read_to_end(&mut io).await.unwrap()
        });
        assert_eq!(end, b"0 bytes");
    }
}
