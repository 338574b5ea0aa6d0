//! What goes on for halves of a socket in other tasks than that of the connection, over simulated streams and time.

#[path = "support/asking.rs"]
mod asking;
#[path = "support/sockets.rs"]
mod sockets;
mod support;

use asking::Pending;
use avx_http::Peer;
use avx_http::client::{Connection, Protocol};
use avx_http::rt::Runtime;
use avx_http::ws::{self, Error, Socket};
use sockets::{Rude, options, server};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Gate, Remote, Sim, start_with};

/// A client's socket, and a server that writes its frames by hand.
fn client(sim: &Sim) -> (Socket, Remote) {
    let mut options = options(Protocol::Http1);
    options.entropy = Some(|| [1; 32]);
    let (ours, theirs) = support::pair();
    let connection = Connection::over(sim, ours, Peer::Unix, "a", &options.client);
    let rt = sim.clone();
    let opening =
        Pending::start(sim, async move { ws::open(&rt, &connection, "/", &options).await.unwrap() });
    let server = Remote(theirs);
    server.recv();
    let accept = avx_core::ws::accept::accept(b"AQEBAQEBAQEBAQEBAQEBAQ==");
    server.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        String::from_utf8_lossy(&accept)
    ));
    sim.run();
    (opening.take().unwrap(), server)
}

/// A server whose socket is used by `user` in a task of its own, and what comes of that.
fn apart<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    sim: &Sim,
    user: impl Fn(Socket) -> F + Clone + Send + Sync + 'static,
) -> (avx_http::ServerHandle, Arc<Mutex<Option<T>>>) {
    let slot = Arc::new(Mutex::new(None));
    let (rt, told) = (sim.clone(), slot.clone());
    let server = server(move |socket: Socket| {
        let (told, using) = (told.clone(), user(socket));
        rt.spawn(async move {
            let value = using.await;
            *told.lock().unwrap() = Some(value);
        });
        async {}
    });
    (start_with(sim, server), slot)
}

/// "the client SHOULD wait for the server to close the connection but MAY close the connection at any time after
/// sending and receiving a Close message, e.g., if it has not received a TCP Close from the server in a reasonable
/// time period." (RFC 6455, section 5.5.1)
#[test]
fn rfc6455_5_5_1_a_client_waits_no_longer_than_it_should_for_the_end_of_the_transport() {
    for flushes in [false, true] {
        let sim = Sim::new();
        let (mut socket, server) = client(&sim);
        let gate = Gate::default();
        let wait = gate.clone();
        if flushes {
            server.set_window(1000);
        }
        let using = Pending::start(&sim, async move {
            socket.recv().await.unwrap().unwrap();
            if flushes {
                socket.send(vec![7; 60_000]).await.unwrap();
                socket.flush().await.unwrap();
            } else {
                assert!(socket.recv().await.unwrap().is_none());
            }
            wait.passed().await;
        });
        server.send(b"\x81\x00");
        sim.run();
        server.send(b"\x88\x02\x03\xe8");
        sim.run();
        server.set_window(usize::MAX);
        sim.run();
        let said = server.recv();
        assert_eq!(said[said.len() - 8..][..2], [0x88, 0x82], "{flushes}");
        sim.advance(Duration::from_secs(6));
        assert!(server.is_closed(), "{flushes}");
        gate.open();
        sim.run();
        assert!(using.take().is_some());
    }
}

/// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response" (RFC 6455, section 5.5.2)
#[test]
fn rfc6455_5_5_2_a_ping_behind_a_message_is_answered_once_that_was_received() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let wait = gate.clone();
    let (_server, end) = apart(&sim, move |mut socket: Socket| {
        let wait = wait.clone();
        async move {
            let one = socket.recv().await.unwrap().unwrap();
            wait.passed().await;
            (one, socket.recv().await.unwrap())
        }
    });
    let client = Rude::open(&sim);
    client.0.send(b"\x81\x83\0\0\0\0one\x89\x85\0\0\0\0there");
    sim.run();
    assert_eq!(client.0.recv(), b"\x8a\x05there");
    // And the peer is asked whether it is there.
    sim.advance(Duration::from_secs(31));
    assert_eq!(client.0.recv(), b"\x89\x00");
    gate.open();
    client.frame(0x88, b"\x03\xe8");
    sim.run();
    let (one, end) = end.lock().unwrap().take().unwrap();
    assert!(one.as_text() == Some("one") && end.is_none());
}

/// Both are read at once.
#[test]
fn what_came_before_an_error_can_be_answered() {
    let sim = Sim::new();
    let (_server, end) = apart(&sim, async |mut socket: Socket| {
        let one = socket.recv().await.unwrap().unwrap();
        socket.send(one).await.unwrap();
        socket.recv().await.is_err()
    });
    let client = Rude::open(&sim);
    client.0.send(b"\x81\x83\0\0\0\0one\xa1\x83\0\0\0\0two");
    sim.run();
    let heard = client.0.recv();
    assert!(heard.starts_with(b"\x81\x03one\x88"), "{heard:?}");
    assert!(end.lock().unwrap().take().unwrap());
}

#[test]
fn who_waits_for_room_hears_that_the_peer_closes() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let own = Gate::default();
    let heard = Arc::new(Mutex::new(None));
    let (rt, slot, wait, ours) = (sim.clone(), heard.clone(), gate.clone(), own.clone());
    let server = server(move |socket: Socket| {
        let (rt, slot, wait, ours) = (rt.clone(), slot.clone(), wait.clone(), ours.clone());
        async move {
            let (mut sender, mut receiver) = socket.split();
            rt.spawn(async move {
                wait.passed().await;
                let end = loop {
                    if let Err(error) = sender.send(vec![7; 300_000]).await {
                        break error;
                    }
                };
                *slot.lock().unwrap() = Some(end);
            });
            ours.passed().await;
            assert!(receiver.recv().await.unwrap().is_none());
            std::future::pending::<()>().await;
        }
    });
    let _server = start_with(&sim, server);
    let client = Rude::open(&sim);
    client.0.set_window(1000);
    gate.open();
    sim.run();
    // The task of the connection is the last that looks for what comes.
    own.open();
    sim.run();
    client.frame(0x88, b"\x03\xe8");
    sim.run();
    assert!(matches!(heard.lock().unwrap().take(), Some(Error::Closed)));
}

#[test]
fn who_waits_for_the_transport_hears_that_the_peer_breaks_a_rule() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let heard = Arc::new(Mutex::new(None));
    let (rt, slot, wait) = (sim.clone(), heard.clone(), gate.clone());
    let server = server(move |socket: Socket| {
        let (rt, slot, wait) = (rt.clone(), slot.clone(), wait.clone());
        async move {
            let (mut sender, mut receiver) = socket.split();
            rt.spawn(async move {
                wait.passed().await;
                sender.send(vec![7; 60_000]).await.unwrap();
                *slot.lock().unwrap() = Some(sender.flush().await);
            });
            assert!(receiver.recv().await.is_err());
        }
    });
    let _server = start_with(&sim, server);
    let client = Rude::open(&sim);
    client.0.set_window(1000);
    gate.open();
    sim.run();
    assert!(heard.lock().unwrap().is_none());
    client.0.send(b"\x83\x80\0\0\0\0");
    sim.run();
    assert!(matches!(heard.lock().unwrap().take(), Some(Err(Error::Peer(_)))));
}

/// Other connections get their turn.
#[test]
fn a_flood_that_is_received_is_read_in_turns() {
    for own in [true, false] {
        let sim = Sim::new();
        let rt = sim.clone();
        let server = server(move |mut socket: Socket| {
            let rt = rt.clone();
            let mut receiving = Box::pin(async move { while let Ok(Some(_)) = socket.recv().await {} });
            async move { if own { receiving.as_mut().await } else { rt.spawn(receiving) } }
        });
        let _server = start_with(&sim, server);
        let client = Rude::open(&sim);
        let message = [&[0x82, 0x80 | 126, 0xea, 0x60, 0, 0, 0, 0][..], &[7; 60_000]].concat();
        client.0.send(message.repeat(256));
        let polls = sim.run();
        assert_eq!(client.0.unread_by_peer(), 0);
        assert!(polls > 4, "15 MB in {polls} turns");
    }
}

/// The future of the connection is gone, and what was used of it in other tasks hears of that.
#[test]
fn a_handler_that_panics_takes_the_socket_with_it() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let heard = Arc::new(Mutex::new(None));
    let (rt, slot, wait) = (sim.clone(), heard.clone(), gate.clone());
    let server = server(move |socket: Socket| {
        let (rt, slot, wait) = (rt.clone(), slot.clone(), wait.clone());
        async move {
            let (mut sender, mut receiver) = socket.split();
            rt.spawn(async move {
                wait.passed().await;
                *slot.lock().unwrap() = Some(sender.send("late").await);
                std::future::pending::<()>().await;
            });
            receiver.recv().await.unwrap();
            panic!("of the handler");
        }
    });
    let server = start_with(&sim, server);
    let client = Rude::open(&sim);
    client.frame(0x81, b"now");
    sim.run();
    assert_eq!(server.connections(), 0);
    assert!(client.0.is_closed());
    gate.open();
    sim.run();
    assert!(matches!(heard.lock().unwrap().take(), Some(Err(_))));
}

/// As those do who have no other way to poll: with a call of its own each time.
#[test]
fn calls_that_are_given_up_in_the_task_of_the_connection_wake_nobody() {
    let sim = Sim::new();
    let server = server(async |mut socket: Socket| {
        let message = poll_fn(|cx| pin!(socket.recv()).poll(cx)).await.unwrap().unwrap();
        socket.send(message).await.unwrap();
        poll_fn(|cx| pin!(socket.flush()).poll(cx)).await.unwrap();
        assert!(poll_fn(|cx| pin!(socket.recv()).poll(cx)).await.unwrap().is_none());
    });
    let server = start_with(&sim, server);
    let client = Rude::open(&sim);
    client.0.set_window(3);
    client.frame(0x81, b"there and back");
    sim.run();
    assert_eq!(client.0.recv(), b"\x81\x0et");
    client.0.set_window(usize::MAX);
    sim.run();
    assert_eq!(client.0.recv(), b"here and back");
    client.frame(0x88, b"\x03\xe8");
    sim.run();
    assert_eq!(server.connections(), 0);
}
