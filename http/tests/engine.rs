//! The server's engine over simulated streams and time: how it begins, carries on and ends.

mod support;

use avx_http::{OwnedRequest, Peer, Request, Response, Router, Server, Upgraded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::{GET, Gate, Remote, Sim, pair, start, start_with};

#[test]
fn a_request_on_a_warm_connection_costs_one_read_and_one_write_and_no_timer() {
    let sim = Sim::new();
    let _server = start(&sim, Router::new().get("/", || "hi"));
    let client = sim.dial();
    sim.run();
    client.send(GET);
    sim.run();
    assert!(client.recv_text().ends_with("\r\n\r\nhi"));
    let (calls, timers) = (client.calls(), sim.timers_armed());
    for i in 1..=50 {
        client.send(GET);
        assert_eq!(sim.run(), 1, "polled more than once");
        assert!(client.recv_text().ends_with("\r\n\r\nhi"));
        assert_eq!(client.calls(), (calls.0 + i, calls.1 + i));
    }
    assert_eq!(sim.timers_armed(), timers);
}

#[test]
fn pipelined_requests_are_answered_in_order_with_one_write() {
    let sim = Sim::new();
    let router = Router::new()
        .get("/plain/:n", |request: &Request<'_>| request.param("n").unwrap_or_default().into_owned())
        .get("/later/:n", async |request: OwnedRequest| request.param("n").unwrap_or_default().into_owned());
    let _server = start(&sim, router);
    let client = sim.dial();
    for kind in ["plain", "later"] {
        sim.run();
        let before = client.calls();
        let request = |i: usize| format!("GET /{kind}/-{i}- HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send((0..16).map(request).collect::<String>());
        sim.run();
        assert_eq!(client.calls(), (before.0 + 1, before.1 + 1), "{kind}");
        let text = client.recv_text();
        let places: Vec<_> = (0..16).map(|i| text.find(&format!("\r\n\r\n-{i}-")).unwrap()).collect();
        assert!(places.is_sorted(), "{kind}: {text}");
    }
}

#[test]
fn shutting_down_closes_idle_connections_and_completes_the_others() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().get("/", || "hi").get("/slow", move |_: OwnedRequest| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            "slow"
        }
    });
    let server = start(&sim, router);
    let (idle, fresh, busy) = (sim.dial(), sim.dial(), sim.dial());
    idle.send(GET);
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    sim.run();
    assert_eq!(server.connections(), 3);
    server.shutdown();
    sim.run();
    assert!(idle.is_closed() && fresh.is_closed() && !busy.is_closed());
    let late = sim.dial();
    sim.run();
    late.send(GET);
    sim.run();
    assert_eq!(late.recv_text(), "", "nothing is accepted any more");
    gate.open();
    sim.run();
    let text = busy.recv_text();
    assert!(text.contains("Connection: close") && text.ends_with("slow"), "{text}");
    busy.finish();
    sim.run();
    let joined = Arc::new(AtomicBool::new(false));
    let mark = joined.clone();
    sim.block_on(async move {
        server.join().await;
        mark.store(true, Ordering::SeqCst);
    });
    assert!(joined.load(Ordering::SeqCst));
    assert_eq!(sim.tasks(), 0);
}

#[test]
fn what_does_not_complete_is_dropped_at_the_deadline() {
    let sim = Sim::new();
    let router = Router::new()
        .get("/stuck", async |_: OwnedRequest| std::future::pending::<&str>().await)
        .get("/tunnel", |_: &Request<'_>| {
            Response::upgrade("x", async |io: Upgraded| {
                std::future::pending::<()>().await;
                drop(io);
            })
        });
    let server = Server::new(router).drain(Duration::from_secs(5));
    let server = start_with(&sim, server);
    let (stuck, tunnel) = (sim.dial(), sim.dial());
    stuck.send("GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n");
    tunnel.send("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    sim.run();
    server.shutdown();
    sim.advance(Duration::from_secs(4));
    assert!(!stuck.is_closed() && !tunnel.is_closed());
    sim.advance(Duration::from_secs(2));
    assert!(stuck.is_closed() && tunnel.is_closed());
    assert_eq!(sim.tasks(), 0);
}

#[test]
fn accepting_pauses_at_the_maximum_and_goes_on_when_a_connection_ends() {
    let sim = Sim::new();
    let server = Server::new(Router::new().get("/", || "hi")).max_connections(2);
    let server = start_with(&sim, server);
    let clients: Vec<Remote> = (0..4).map(|_| sim.dial()).collect();
    for client in &clients {
        client.send(GET);
    }
    sim.run();
    assert_eq!(server.connections(), 2);
    let answered = |client: &Remote| client.recv_text().ends_with("hi");
    assert!(answered(&clients[0]) && answered(&clients[1]));
    assert_eq!(clients[2].recv_text() + &clients[3].recv_text(), "");
    let calls = sim.accept_calls();
    sim.run();
    assert_eq!(sim.accept_calls(), calls, "nobody asks while it is full");
    clients[0].finish();
    sim.run();
    assert!(answered(&clients[2]));
    assert_eq!(clients[3].recv_text(), "");
    clients[1].reset();
    sim.run();
    assert!(answered(&clients[3]));
    assert_eq!(server.connections(), 2);
}

#[test]
fn running_out_of_descriptors_is_waited_out_without_spinning() {
    let sim = Sim::new();
    let errors = Arc::new(AtomicUsize::new(0));
    let count = errors.clone();
    let server = Server::new(Router::new().get("/", || "hi")).on_error(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let _server = start_with(&sim, server);
    let before = sim.dial();
    sim.run();
    const EMFILE: i32 = 24;
    sim.offer(Err(io::Error::from_raw_os_error(EMFILE)));
    let after = sim.dial();
    after.send(GET);
    sim.run();
    let calls = sim.accept_calls();
    sim.advance(Duration::from_millis(50));
    assert_eq!((sim.accept_calls(), errors.load(Ordering::SeqCst)), (calls, 1));
    before.send(GET);
    sim.run();
    assert!(before.recv_text().ends_with("hi"), "the others go on");
    sim.advance(Duration::from_millis(60));
    assert!(after.recv_text().ends_with("hi"));

    // A connection that was gone before it was accepted is no reason to wait.
    sim.offer(Err(io::ErrorKind::ConnectionAborted.into()));
    let next = sim.dial();
    next.send(GET);
    sim.run();
    assert!(next.recv_text().ends_with("hi"));
}

#[test]
fn a_handler_that_panics_costs_its_connection_and_nothing_else() {
    let sim = Sim::new();
    let router = Router::new()
        .get("/", || "hi")
        .get("/plain", || -> &'static str { panic!("no") })
        .get("/later", async |_: OwnedRequest| -> &'static str { panic!("no") });
    let panics = Arc::new(AtomicUsize::new(0));
    let count = panics.clone();
    let server = Server::new(router).on_error(move |_, error| {
        count.fetch_add(usize::from(matches!(error, avx_http::ConnectionError::Panicked)), Ordering::SeqCst);
    });
    let _server = start_with(&sim, server);
    for path in ["/plain", "/later"] {
        let client = sim.dial();
        client.send(format!("{GET}GET {path} HTTP/1.1\r\nHost: a\r\n\r\n{GET}"));
        sim.run();
        let text = client.recv_text();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 2, "{text}");
        assert!(text.contains("500 Internal Server Error") && text.contains("onnection: close"), "{text}");
        assert!(client.is_ended());
    }
    assert_eq!(panics.load(Ordering::SeqCst), 2);
    let client = sim.dial();
    client.send(GET);
    sim.run();
    assert!(client.recv_text().ends_with("hi"));
}

#[cfg(unix)]
#[test]
fn the_file_of_a_unix_socket_is_replaced_when_stale_and_removed_at_the_end() {
    let sim = Sim::new();
    let path = std::env::temp_dir().join(format!("avx-engine-{}.sock", std::process::id()));
    let start = |sim: &Sim, path: &std::path::Path| {
        let (rt, path) = (sim.clone(), path.to_owned());
        sim.block_on(async move { Server::new(|| "hi").bind(path).start(&rt).await })
    };
    // Left over: bound once, listened on by nobody.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    // In use by another one.
    let other = path.with_extension("other");
    let listening = std::os::unix::net::UnixListener::bind(&other).unwrap();
    assert_eq!(start(&sim, &other).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(other.exists());
    drop(listening);
    std::fs::remove_file(&other).unwrap();
    // No socket at all.
    std::fs::write(&other, "precious").unwrap();
    assert_eq!(start(&sim, &other).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
    std::fs::remove_file(&other).unwrap();

    let server = start(&sim, &path).unwrap();
    assert_eq!(server.local_addrs(), [avx_http::Address::Unix(path.clone())]);
    let client = sim.dial();
    client.send(GET);
    sim.run();
    assert!(client.recv_text().ends_with("hi"));
    server.shutdown();
    sim.run();
    assert!(!path.exists());
}

#[test]
fn a_stream_accepted_elsewhere_is_served_too() {
    let sim = Sim::new();
    let engine = Server::new(|| "hi").engine(&sim).unwrap();
    let (ours, theirs) = pair();
    let client = Remote(ours);
    avx_http::rt::Runtime::spawn(&sim, engine.connection(theirs, Peer::Unix));
    client.send(GET);
    sim.run();
    assert!(client.recv_text().ends_with("hi"));
    engine.shutdown();
    sim.run();
    assert!(client.is_closed());
}

#[test]
fn a_host_is_bound_at_the_first_address_that_is_here() {
    let sim = Sim::new();
    let start = |host: &'static str| {
        let rt = sim.clone();
        sim.block_on(async move { Server::new(|| "hi").bind(host).start(&rt).await.map_err(|e| e.kind()) })
    };
    assert!(start("both:80").is_ok());
    assert_eq!(start("elsewhere:80").unwrap_err(), std::io::ErrorKind::AddrNotAvailable);
    assert_eq!(start("nowhere:80").unwrap_err(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_server_that_was_put_together_wrongly_does_not_start() {
    let sim = Sim::new();
    let conflicting = || Router::new().get("/a", || "1").get("/a", || "2");
    assert_eq!(Server::new(conflicting()).engine(&sim).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let server = Server::new(|| "hi").server_field(Some("a\r\nb"));
    assert_eq!(server.engine(&sim).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let rt = sim.clone();
    let result = sim.block_on(async move { Server::new(|| "hi").start(&rt).await.map(|_| ()) });
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
