//! What a socket does by itself, and how it ends, over simulated streams and time.

#[path = "support/sockets.rs"]
mod sockets;
mod support;

use avx_core::PeerError;
use avx_http::ServerHandle;
use avx_http::ws::{CloseCode, Error, Socket};
use sockets::{BOTH, Pair, Rude, server};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Gate, Sim, start_with};

/// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response" (RFC 6455, section 5.5.2):
/// also while the handler waits for something else.
#[test]
fn rfc6455_5_5_2_pings_and_closes_are_answered_without_the_handler() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let wait = gate.clone();
    let server = server(move |mut socket: Socket| {
        let gate = wait.clone();
        async move {
            gate.passed().await;
            assert!(socket.recv().await.unwrap().is_none());
            assert_eq!(socket.farewell().unwrap().reason, "enough");
        }
    });
    let server = start_with(&sim, server);
    let client = Rude::open(&sim);
    client.frame(0x89, b"are you there");
    sim.run();
    assert_eq!(client.0.recv(), b"\x8a\x0dare you there");
    client.frame(0x88, b"\x03\xe8enough");
    sim.run();
    assert_eq!(client.0.recv(), b"\x88\x02\x03\xe8");
    assert!(client.0.is_ended());
    gate.open();
    sim.run();
    assert_eq!(server.connections(), 0);
}

/// "1001 indicates that an endpoint is "going away", such as a server going down" (RFC 6455, section 7.4.1)
#[test]
fn rfc6455_7_4_1_a_server_that_shuts_down_says_1001() {
    for protocol in BOTH {
        let gate = Gate::default();
        let wait = gate.clone();
        let pair = Pair::new(
            protocol,
            server(move |mut socket: Socket| {
                let wait = wait.clone();
                async move {
                    // Busy with something else.
                    wait.passed().await;
                    assert!(matches!(socket.send_text("late").await, Err(Error::Closed)));
                }
            }),
        );
        let mut socket = pair.open();
        pair.server.shutdown();
        let farewell = pair.run(async move {
            assert!(socket.recv().await.unwrap().is_none());
            socket.farewell()
        });
        assert_eq!(farewell.unwrap().code, CloseCode::GOING_AWAY, "{protocol:?}");
        gate.open();
        pair.sim.run();
        pair.sim.advance(Duration::from_secs(5));
        assert_eq!(pair.server.connections(), 0, "{protocol:?}");
    }
}

#[test]
fn what_was_sent_before_the_server_shuts_down_leaves_before_1001() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let wait = gate.clone();
    let server = server(move |mut socket: Socket| {
        let gate = wait.clone();
        async move {
            gate.passed().await;
            socket.send(vec![7; 300_000]).await.unwrap();
            assert!(socket.recv().await.unwrap().is_none());
        }
    });
    let server = start_with(&sim, server);
    let client = Rude::open(&sim);
    // More than the transport and the machine's output take.
    client.0.set_window(1000);
    gate.open();
    sim.run();
    server.shutdown();
    sim.run();
    let mut heard = Vec::new();
    loop {
        let some = client.0.recv();
        if some.is_empty() {
            break;
        }
        heard.extend(some);
        sim.run();
    }
    let (message, farewell) = heard.split_at(heard.len() - 4);
    assert_eq!(farewell, b"\x88\x02\x03\xe9");
    let content = message.iter().filter(|&&byte| byte == 7).count();
    assert_eq!(content, 300_000);
    client.frame(0x88, b"\x03\xe9");
    sim.run();
    assert_eq!(server.connections(), 0);
}

/// Other connections get their turn.
#[test]
fn a_flood_that_nobody_receives_is_read_in_turns() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let wait = gate.clone();
    let server = server(move |socket: Socket| {
        let gate = wait.clone();
        async move {
            let (sender, receiver) = socket.split();
            drop(receiver);
            gate.passed().await;
            drop(sender);
        }
    });
    let _server = start_with(&sim, server);
    let client = Rude::open(&sim);
    sim.run();
    let message = [&[0x82, 0x80 | 126, 0xea, 0x60, 0, 0, 0, 0][..], &[7; 60_000]].concat();
    client.0.send(message.repeat(256));
    let polls = sim.run();
    assert!(polls > 4, "15 MB in {polls} turns");
    assert_eq!(client.0.unread_by_peer(), 0);
    gate.open();
    sim.run();
}

#[test]
fn whoever_drops_a_socket_closes_it_in_order() {
    for protocol in BOTH {
        // The server.
        let pair = Pair::new(protocol, server(async |mut socket: Socket| socket.send("one").await.unwrap()));
        let mut socket = pair.open();
        let farewell = pair.run(async move {
            assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some("one"));
            assert!(socket.recv().await.unwrap().is_none());
            socket.farewell().unwrap()
        });
        assert_eq!(farewell.code, CloseCode::NORMAL);
        // The client.
        let heard = Arc::new(Mutex::new(None));
        let slot = heard.clone();
        let pair = Pair::new(
            protocol,
            server(move |mut socket: Socket| {
                let slot = slot.clone();
                async move {
                    let first = socket.recv().await.unwrap().unwrap().into_vec();
                    assert!(socket.recv().await.unwrap().is_none());
                    *slot.lock().unwrap() = Some((first, socket.farewell().unwrap().code));
                }
            }),
        );
        let mut socket = pair.open();
        pair.run(async move { socket.send("two").await.unwrap() });
        pair.sim.run();
        assert_eq!(heard.lock().unwrap().take(), Some((b"two".to_vec(), CloseCode::NORMAL)), "{protocol:?}");
    }
}

/// How a server's socket ended.
fn judged(sim: &Sim) -> (ServerHandle, Arc<Mutex<Option<String>>>) {
    let end = Arc::new(Mutex::new(None));
    let slot = end.clone();
    let server = server(move |mut socket: Socket| {
        let slot = slot.clone();
        async move {
            let end = loop {
                match socket.recv().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break "closed".to_string(),
                    Err(error) => break error.to_string(),
                }
            };
            *slot.lock().unwrap() = Some(end);
        }
    });
    (start_with(sim, server), end)
}

#[test]
fn a_peer_that_breaks_a_rule_is_told_which() {
    for (wire, code, error) in [
        // Unmasked, reserved bits, an unknown opcode, a long ping, a continuation of nothing, no UTF-8.
        (&b"\x81\x02hi"[..], 1002, "5.1"),
        (b"\xc1\x80\0\0\0\0", 1002, "5.2"),
        (b"\x83\x80\0\0\0\0", 1002, "5.2"),
        (b"\x89\xfe\x00\x7e\0\0\0\0", 1002, "5.5"),
        (b"\x80\x80\0\0\0\0", 1002, "5.4"),
        (b"\x81\x81\0\0\0\0\xff", 1007, "8.1"),
        (b"\x82\xff\0\0\0\x7f\0\0\0\0\0\0\0\0", 1009, "7.4.1"),
    ] {
        let sim = Sim::new();
        let (server, end) = judged(&sim);
        let client = Rude::open(&sim);
        client.0.send(wire);
        sim.run();
        let said = client.0.recv();
        assert_eq!((said[0], &said[2..4]), (0x88, &(code as u16).to_be_bytes()[..]), "{wire:?}");
        assert!(end.lock().unwrap().take().is_some(), "{error}");
        sim.advance(Duration::from_secs(10));
        assert_eq!(server.connections(), 0);
    }
}

#[test]
fn silent_peers_are_asked_and_given_up() {
    let sim = Sim::new();
    let (server, end) = judged(&sim);
    let client = Rude::open(&sim);
    sim.advance(Duration::from_secs(29));
    assert_eq!(client.0.recv(), b"");
    sim.advance(Duration::from_secs(2));
    assert_eq!(client.0.recv(), b"\x89\x00");
    client.frame(0x8a, b"");
    sim.advance(Duration::from_secs(29));
    assert_eq!(client.0.recv(), b"");
    sim.advance(Duration::from_secs(2));
    assert_eq!(client.0.recv(), b"\x89\x00");
    sim.advance(Duration::from_secs(22));
    let said = client.0.recv();
    assert_eq!((said[0], &said[2..4]), (0x88, &b"\x03\xf0"[..]));
    assert!(end.lock().unwrap().take().is_some());
    sim.advance(Duration::from_secs(10));
    assert_eq!(server.connections(), 0);
}

#[test]
fn who_leaves_without_a_word_is_an_error() {
    let sim = Sim::new();
    let (server, end) = judged(&sim);
    let client = Rude::open(&sim);
    client.frame(0x01, b"begun");
    client.0.finish();
    sim.run();
    assert_eq!(end.lock().unwrap().take(), Some(Error::Peer(PeerError::AbnormalClosure).to_string()));
    assert_eq!(server.connections(), 0);
    let client = Rude::open(&sim);
    client.0.reset();
    sim.run();
    assert!(end.lock().unwrap().take().unwrap().starts_with("transport: "));
    assert_eq!(server.connections(), 0);
}
