//! Responses on their way out, over simulated streams and time.

mod support;

use avx_http::{
    Body, BodyError, Chunk, FieldLines, OwnedRequest, Request, Response, Router, Server, Source, Status,
    Upgraded,
};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use support::{GET, Gate, Sim, post, start, start_with};

#[test]
fn a_client_that_does_not_read_holds_the_server_back() {
    let sim = Sim::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let router = Router::new().get("/", move || {
        count.fetch_add(1, Ordering::SeqCst);
        vec![b'x'; 10_000]
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.set_window(1);
    client.send(GET.repeat(100));
    sim.run();
    let first = asked.load(Ordering::SeqCst);
    assert!(first <= 8, "{first} responses of 10 kB made for a client that reads none");
    client.set_window(usize::MAX);
    let mut all = String::new();
    for _ in 0..100 {
        sim.run();
        all += &client.recv_text();
    }
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 100);
    assert_eq!(all.matches('x').count(), 1_000_000);
}

#[test]
fn a_sender_dropped_too_early_truncates_the_message() {
    let sim = Sim::new();
    let senders = Arc::new(Mutex::new(Vec::new()));
    let keep = senders.clone();
    let router = Router::new().get("/", move |_: OwnedRequest| {
        let keep = keep.clone();
        async move {
            let (sender, body) = Body::channel();
            keep.lock().unwrap().push(sender);
            body
        }
    });
    let _server = start(&sim, router);
    let (cut, whole) = (sim.dial(), sim.dial());
    for client in [&cut, &whole] {
        client.send(GET);
        sim.run();
        assert!(client.recv_text().ends_with("Transfer-Encoding: chunked\r\n\r\n"));
    }
    for sender in senders.lock().unwrap().iter_mut() {
        sender.push("hello");
    }
    sim.run();
    let mut trailers = FieldLines::new();
    trailers.push("x-sum", 5u32);
    senders.lock().unwrap().pop().unwrap().finish_with(&trailers);
    senders.lock().unwrap().clear();
    sim.run();
    assert_eq!(whole.recv_text(), "5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n");
    assert!(!whole.is_closed());
    assert!(!cut.recv_text().contains("0\r\n"));
    assert!(cut.is_closed());
}

#[test]
fn a_sender_waits_for_the_client_and_hears_when_it_is_gone() {
    let sim = Sim::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let rt = sim.clone();
    let router = Router::new().get("/", move |_: OwnedRequest| {
        let count = count.clone();
        let rt = rt.clone();
        async move {
            let (mut sender, body) = Body::channel();
            avx_http::rt::Runtime::spawn(&rt, async move {
                while sender.send(vec![b'x'; 10_000]).await.is_ok() {
                    count.fetch_add(10_000, Ordering::SeqCst);
                }
                count.store(usize::MAX, Ordering::SeqCst);
            });
            body
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.set_window(50_000);
    client.send(GET);
    sim.run();
    let ahead = sent.load(Ordering::SeqCst);
    assert!((50_000..300_000).contains(&ahead), "{ahead} bytes ahead of the client");
    client.recv();
    sim.run();
    assert!(sent.load(Ordering::SeqCst) > ahead);
    client.reset();
    sim.run();
    assert_eq!(sent.load(Ordering::SeqCst), usize::MAX);
}

/// A task that sends and reads by turns is woken when it can go on.
#[test]
fn both_ends_of_content_may_be_in_one_task() {
    let sim = Sim::new();
    let (mut sender, body) = Body::channel();
    let total = sim.block_on(async move {
        let mut send = pin!(async move {
            for _ in 0..10 {
                sender.send(vec![b'x'; 50_000]).await.unwrap();
            }
            sender.finish();
        });
        let mut read = pin!(body.collect(1 << 20));
        let mut sent = false;
        poll_fn(|cx| {
            sent = sent || send.as_mut().poll(cx).is_ready();
            read.as_mut().poll(cx)
        })
        .await
    });
    assert_eq!(total.unwrap().len(), 500_000);
}

/// So many bytes, and then another number of them than was announced.
struct Lying {
    announced: u64,
    pieces: usize,
}

impl Source for Lying {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let more = self.pieces > 0;
        self.pieces = self.pieces.saturating_sub(1);
        Poll::Ready(more.then(|| Ok(Chunk::from(vec![b'x'; 20_000]))))
    }

    fn len(&self) -> Option<u64> {
        Some(self.announced)
    }
}

#[test]
fn content_of_another_length_than_announced_ends_the_connection() {
    let sim = Sim::new();
    let source = |announced, pieces| move || Body::source(Lying { announced, pieces });
    let router = Router::new()
        .get("/right", source(60_000, 3))
        .get("/short", source(60_000, 2))
        .get("/long", source(60_000, 4));
    let _server = start(&sim, router);
    for (path, len, closed) in [("right", 60_000, false), ("short", 40_000, true), ("long", 60_000, true)] {
        let client = sim.dial();
        client.send(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        sim.run();
        let text = client.recv_text();
        assert_eq!(text.matches('x').count(), len, "{path}");
        assert_eq!(client.is_closed(), closed, "{path}");
    }
}

#[test]
fn large_content_leaves_from_where_it_is_and_whole() {
    const LEN: usize = 3_000_000;
    let large: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
    let content = large.clone();
    let sim = Sim::new();
    let router = Router::new().get("/", move || content.clone());
    let _server = start(&sim, router);
    let client = sim.dial();
    sim.run();
    let before = client.calls().1;
    client.send(GET);
    sim.run();
    assert_eq!(client.calls().1 - before, 1, "head and content with one call");
    let all = client.recv();
    assert_eq!(&all[all.len() - LEN..], &large[..]);
    // And through a window that cuts it anywhere, with another request behind it.
    client.set_window(70_001);
    client.send(GET.repeat(2));
    let mut all = Vec::new();
    for _ in 0..200 {
        sim.run();
        all.extend(client.recv());
    }
    let len = all.len() / 2;
    assert_eq!(&all[..len], &all[len..]);
    assert_eq!(&all[len - LEN..len], &large[..]);
}

#[test]
fn an_echo_of_known_length_leaves_in_one_write() {
    let sim = Sim::new();
    let router = Router::new().post("/", async |request: OwnedRequest| request.into_body());
    let _server = start(&sim, router);
    let client = sim.dial();
    sim.run();
    let before = client.calls();
    client.send(post("/", "ping"));
    sim.run();
    assert_eq!(client.recv_text(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nping");
    let after = client.calls();
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1));
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\npi\r\n2\r\nng\r\n0\r\nX-Sum: 4\r\n\r\n",
    );
    sim.run();
    let text = client.recv_text();
    assert!(text.ends_with("\r\n\r\n4\r\nping\r\n0\r\nX-Sum: 4\r\n\r\n"), "{text}");
    assert_eq!(client.calls().1 - after.1, 1);
}

#[test]
fn an_upgrade_hands_the_stream_over_with_what_was_read_already() {
    let sim = Sim::new();
    let router = Router::new().get("/", |_: &Request<'_>| {
        Response::upgrade("echo", async |mut io: Upgraded| {
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = io.read(&mut buf).await {
                io.write_all(&buf[..n]).await.unwrap();
            }
        })
    });
    let router = router.route(avx_http::Method::Connect, "/", || "unused").wrap(|request, next| {
        if request.method() != avx_http::Method::Connect {
            return next.call(request);
        }
        Response::tunnel(async |mut io: Upgraded| io.write_all(b"tunnel").await.unwrap()).into()
    });
    let server = start(&sim, router);
    let client = sim.dial();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst ");
    sim.run();
    let text = client.recv_text();
    assert!(text.starts_with("HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nfirst "), "{text}");
    client.send("second");
    sim.run();
    assert_eq!(client.recv_text(), "second");
    client.finish();
    sim.run();
    assert!(client.is_closed());

    let client = sim.dial();
    client.send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n");
    sim.run();
    assert_eq!(client.recv_text(), "HTTP/1.1 200 OK\r\n\r\ntunnel");
    assert!(client.is_closed());
    assert_eq!(server.connections(), 0);

    // Not asked for: the handler's mistake, not the client's.
    let client = sim.dial();
    client.send(GET);
    sim.run();
    assert!(client.recv_text().starts_with("HTTP/1.1 500 "));
}

#[test]
fn a_response_that_cannot_be_sent_becomes_500_and_tells_the_hook() {
    let sim = Sim::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let router = Router::new()
        .get("/split", || Response::from("x").field("x-a", "b\r\nInjected: yes"))
        .get("/error", || -> Result<&'static str, avx_http::Error> {
            Err(io::Error::other("the password is swordfish"))?
        })
        .get("/empty", || (Status::NO_CONTENT, "not sent"));
    let server = Server::new(router)
        .on_error(move |_, error| tell.lock().unwrap().push(error.to_string()))
        .date_field(false);
    let _server = start_with(&sim, server);
    let client = sim.dial();
    for path in ["split", "error"] {
        client.send(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        sim.run();
        let text = client.recv_text();
        assert!(text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{text}");
        assert!(!text.contains("swordfish") && !text.contains("Injected"), "{text}");
    }
    let told = told.lock().unwrap();
    assert!(told[0].contains("field value") && told[1].contains("swordfish"), "{told:?}");
    client.send("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    sim.run();
    assert!(client.recv_text().starts_with("HTTP/1.1 204 No Content\r\n"));
    assert!(!client.is_closed());
}

#[test]
fn early_hints_come_before_the_response_and_not_to_http10() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().get("/", move |request: OwnedRequest| {
        let wait = wait.clone();
        async move {
            let mut fields = FieldLines::new();
            fields.push("link", "</a.css>; rel=preload");
            request.send_informational(Status::EARLY_HINTS, fields);
            wait.passed().await;
            "done"
        }
    });
    let _server = start(&sim, router);
    let (client, old) = (sim.dial(), sim.dial());
    client.send(GET);
    old.send("GET / HTTP/1.0\r\n\r\n");
    sim.run();
    assert_eq!(client.recv_text(), "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n");
    assert_eq!(old.recv_text(), "");
    gate.open();
    sim.run();
    assert!(client.recv_text().ends_with("done"));
    assert!(old.recv_text().ends_with("done"));
}
