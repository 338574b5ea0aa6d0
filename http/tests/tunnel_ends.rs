//! How tunnels end, from either side.

#[path = "support/asking.rs"]
mod asking;
mod support;
#[path = "support/tunnels.rs"]
mod tunnels;

use avx_http::client::{Protocol, Request};
use avx_http::{BodyError, ErrorCode, Initiator, Method, Status, Upgraded};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Sim, start_with};
use tunnels::{BOTH, Pair, config, echo, read_exact, read_to_end, server};

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
