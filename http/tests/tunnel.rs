//! Tunnels: the very same handlers over HTTP/1.1, where they get the transport, and over HTTP/2, where they get
//! a stream of it (RFC 9113, section 8.5; RFC 8441).

#[path = "support/asking.rs"]
mod asking;
mod support;
#[path = "support/tunnels.rs"]
mod tunnels;

use asking::Pending;
use avx_http::client::{Protocol, Request};
use avx_http::{Method, OwnedRequest, Response as Answer, Router, Server, Status, Upgraded};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::Gate;
use tunnels::{BOTH, Pair, config, echo, read_exact, read_to_end, server};

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
