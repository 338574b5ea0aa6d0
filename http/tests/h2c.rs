//! From HTTP/1.1 to HTTP/2 by `Upgrade: h2c`, over simulated streams.

mod support;

use avx_core::h2::Client;
use avx_core::{Config, Event, Instant, Machine, Method, Recv, Scratch, Status};
use avx_http::{OwnedRequest, Router, Server};
use std::sync::Arc;
use support::{Remote, Sim};

const OFFER: &str =
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";

fn start(yes: bool) -> (Sim, Remote) {
    let sim = Sim::new();
    let router = Router::new()
        .get("/", || "hello")
        .get("/later", async |_: OwnedRequest| "later")
        .get("/panic", || -> &str { panic!("on purpose") });
    let server = Server::new(router).upgrade_to_http2(yes).bind("127.0.0.1:0");
    let rt = sim.clone();
    let server = sim.block_on(async move { server.start(&rt).await }).unwrap();
    let client = sim.dial();
    std::mem::forget(server);
    (sim, client)
}

/// What a client of HTTP/2 makes of the bytes behind the 101: status and content of stream 1.
fn answer(sim: &Sim, client: &Remote) -> (Status, Vec<u8>) {
    sim.run();
    let seen = client.recv();
    let head_end = seen.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&seen[..head_end]).into_owned();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nupgrade: h2c\r\n"), "{head}");
    let now = Instant::from_millis(1);
    let (mut machine, stream) = Client::upgraded(Arc::new(Config::default()), now, Method::Get);
    let mut preface = Vec::new();
    machine.transmit(now, &mut preface);
    client.send(preface);
    sim.run();
    let mut input = seen[head_end..].to_vec();
    input.extend(client.recv());
    let (mut scratch, mut at, mut status, mut content) = (Scratch::new(), 0, None, Vec::new());
    loop {
        match machine.recv(now, &mut input[at..], &mut scratch).expect("an honest server") {
            Recv::Event { consumed, event } => {
                match event {
                    Event::Response { stream: of, head, .. } => {
                        assert_eq!(of, stream);
                        status = Some(head.status());
                    }
                    Event::Data { data, .. } => content.extend_from_slice(data),
                    Event::End { .. } => return (status.expect("a head first"), content),
                    _ => {}
                }
                at += consumed;
            }
            other => panic!("{other:?} before the end"),
        }
    }
}

#[test]
fn rfc7540_3_2_a_request_that_offers_h2c_is_answered_on_stream_1() {
    for (path, content) in [("/", "hello"), ("/later", "later")] {
        let (sim, client) = start(true);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{OFFER}"));
        assert_eq!(answer(&sim, &client), (Status::OK, content.into()));
    }
}

#[test]
fn a_handler_that_panics_is_answered_on_stream_1() {
    let (sim, client) = start(true);
    client.send(format!("GET /panic HTTP/1.1\r\nHost: a\r\n{OFFER}"));
    assert_eq!(answer(&sim, &client).0, Status::INTERNAL_SERVER_ERROR);
}

#[test]
fn rfc7540_3_2_1_an_offer_that_is_not_whole_is_ignored() {
    let whole = OFFER;
    let broken = [
        whole.replace("HTTP2-Settings: AAMAAABkAAQAAP__\r\n", ""),
        whole.replace("HTTP2-Settings: ", "HTTP2-Settings: AA\r\nHTTP2-Settings: "),
        whole.replace("Upgrade, HTTP2-Settings", "Upgrade"),
        whole.replace("AAMAAABkAAQAAP__", "!"),
        whole.replace("Upgrade: h2c", "Upgrade: other"),
    ];
    for (yes, offer) in broken.iter().map(|offer| (true, offer.as_str())).chain([(false, whole)]) {
        let (sim, client) = start(yes);
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{offer}"));
        sim.run();
        let seen = String::from_utf8_lossy(&client.recv()).into_owned();
        assert!(seen.starts_with("HTTP/1.1 200 ") && seen.ends_with("hello"), "{offer}: {seen}");
    }
}
