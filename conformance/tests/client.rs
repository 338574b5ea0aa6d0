//! The engine's own client on each runtime, over sockets: both protocols, WebSocket, time-outs, and how a server's end
//! looks from there. What it does in detail is tested in memory, beside it.

mod service;

use avx_http::client::{Connection, Error, Options, Protocol, Request};
use avx_http::rt::Runtime;
use avx_http::{Address, Body, BodyError, ServerHandle, Status, ws};
use conformance::live::{LARGE, Setup};
use service::Host;
use std::time::Duration;

on_each_runtime! {
    a_name_is_looked_up
    requests_share_a_connection
    content_streams_both_ways
    a_large_response_arrives_and_can_be_given_up
    an_incomplete_response_is_an_error
    a_request_that_takes_too_long_is_given_up
    a_tunnel_carries_bytes
    a_websocket_carries_messages
    a_server_that_ends_lets_requests_complete
}

/// More than any buffer on the way.
const MUCH: usize = 3 << 20;

/// The application, and a connection to it in each protocol.
async fn connections<R: Runtime>(rt: &R) -> (ServerHandle, [Connection; 2]) {
    let mut setup = Setup::default();
    setup.config.h2.connect_protocol = true;
    let server = service::start(&setup, rt).await;
    let mut options = Options::default();
    let one = Connection::connect(rt, server.local_addrs()[0].clone(), &options).await.unwrap();
    options.protocol = Protocol::Http2;
    let two = Connection::connect(rt, server.local_addrs()[0].clone(), &options).await.unwrap();
    (server, [one, two])
}

async fn hello(connection: &Connection) {
    let response = connection.send(Request::get("/")).await.unwrap();
    assert_eq!(response.into_body().collect(100).await.unwrap(), b"hello");
}

fn a_name_is_looked_up<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (server, _) = connections(&rt).await;
        let address = format!("localhost:{}", service::addr(&server).port());
        // Each address of the name is tried: the server listens on one of them.
        let connection = Connection::connect(&rt, address.as_str(), &Options::default()).await.unwrap();
        hello(&connection).await;
    });
}

fn requests_share_a_connection<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (server, all) = connections(&rt).await;
        for connection in &all {
            for _ in 0..3 {
                hello(connection).await;
                let head = connection.send(Request::head("/")).await.unwrap();
                assert_eq!(head.field("content-length"), Some(&b"5"[..]));
                assert!(head.into_body().collect(0).await.unwrap().is_empty());
                let missing = connection.send(Request::get("/nowhere")).await.unwrap();
                assert_eq!(missing.status(), Status::NOT_FOUND);
            }
            let ten: Vec<_> = (0..10).map(|_| Box::pin(hello(connection))).collect();
            for one in ten {
                one.await;
            }
        }
        assert_eq!(server.connections(), 2);
    });
}

fn content_streams_both_ways<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (_server, all) = connections(&rt).await;
        for connection in &all {
            let content: Vec<u8> = (0..MUCH).map(|i| (i / 3) as u8).collect();
            let response = connection.send(Request::post("/echo", content.clone())).await.unwrap();
            assert!(response.into_body().collect(MUCH).await.unwrap() == content, "the echo differs");

            let (mut sender, body) = Body::channel();
            let mut answer = Box::pin(connection.send(Request::post("/echo", body).field("te", "trailers")));
            sender.push("first");
            let mut response = answer.as_mut().await.unwrap();
            assert_eq!(&*response.body().data().await.unwrap().unwrap(), b"first");
            sender.send("second").await.unwrap();
            assert_eq!(&*response.body().data().await.unwrap().unwrap(), b"second");
            sender.finish_with(&[("x-sum", "42")].into_iter().collect());
            assert!(response.body().data().await.is_none());
            assert_eq!(response.body().trailers().unwrap().get("x-sum"), Some(&b"42"[..]));
        }
    });
}

fn a_large_response_arrives_and_can_be_given_up<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (_server, all) = connections(&rt).await;
        for connection in &all {
            let mut body = connection.send(Request::get("/large")).await.unwrap().into_body();
            let mut len = 0;
            while let Some(piece) = body.data().await {
                len += piece.unwrap().len();
            }
            assert_eq!(len, LARGE);
            let mut body = connection.send(Request::get("/large")).await.unwrap().into_body();
            body.data().await.unwrap().unwrap();
            drop(body);
            match connection.protocol() {
                // Nothing but the end of the connection ends a response of HTTP/1.1 early.
                Protocol::Http1 => {
                    assert!(connection.send(Request::get("/")).await.unwrap_err().is_unprocessed())
                }
                _ => hello(connection).await,
            }
        }
    });
}

fn an_incomplete_response_is_an_error<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (_server, all) = connections(&rt).await;
        for connection in &all {
            let response = connection.send(Request::get("/cut")).await.unwrap();
            let error = response.into_body().collect(100).await.unwrap_err();
            assert!(!matches!(error, BodyError::TooLarge { .. }), "{error}");
        }
    });
}

fn a_request_that_takes_too_long_is_given_up<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (_server, all) = connections(&rt).await;
        for connection in &all {
            // The server waits for the end of content that never ends.
            let (_sender, body) = Body::channel();
            let request = Request::post("/", body).timeout(Duration::from_millis(50));
            assert!(matches!(connection.send(request).await, Err(Error::TimedOut)));
        }
    });
}

fn a_tunnel_carries_bytes<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (_server, [connection, _]) = connections(&rt).await;
        let response = connection.send(Request::get("/upgrade").upgrade("echo")).await.unwrap();
        let mut io = response.into_upgraded().unwrap();
        io.write_all(b"through the tunnel").await.unwrap();
        io.shutdown().await.unwrap();
        let (mut all, mut buf) = (Vec::new(), [0; 7]);
        while let n @ 1.. = io.read(&mut buf).await.unwrap() {
            all.extend_from_slice(&buf[..n]);
        }
        assert_eq!(all, b"through the tunnel");
    });
}

fn a_websocket_carries_messages<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (_server, all) = connections(&rt).await;
        for connection in &all {
            let mut socket = ws::open(&rt, connection, "/ws", &ws::Options::default()).await.unwrap();
            for len in [0, 1, 1000, MUCH] {
                let text = "x".repeat(len);
                socket.send_text(&text).await.unwrap();
                assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some(&*text));
            }
            socket.close(ws::CloseCode::NORMAL, "").await.unwrap();
            assert!(socket.recv().await.unwrap().is_none());
        }
    });
}

fn a_server_that_ends_lets_requests_complete<H: Host>() {
    H::run(async |rt: H::Rt| {
        let (server, all) = connections(&rt).await;
        for connection in &all {
            hello(connection).await;
        }
        let mut open = Vec::new();
        for connection in &all {
            let (mut sender, body) = Body::channel();
            let mut answer = Box::pin(connection.send(Request::post("/echo", body)));
            sender.push("first");
            let mut response = answer.as_mut().await.unwrap();
            response.body().data().await.unwrap().unwrap();
            open.push((sender, response));
        }
        server.shutdown();
        for (mut sender, mut response) in open {
            sender.send("second").await.unwrap();
            sender.finish();
            assert_eq!(&*response.body().data().await.unwrap().unwrap(), b"second");
            assert!(response.body().data().await.is_none());
        }
        server.join().await;
        let Address::Inet(addr) = server.local_addrs()[0] else { panic!("no address") };
        assert!(matches!(Connection::connect(&rt, addr, &Options::default()).await, Err(Error::Connect(_))));
    });
}
