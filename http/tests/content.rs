//! The content of requests, over simulated streams and time.

mod support;

use avx_http::{
    BodyError, BodyLen, Method, OwnedFields, OwnedRequest, Peer, Reply, Request, Response, Router, Status,
    Version,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::{Dropped, GET, Gate, Sim, post, start};

#[test]
fn content_nobody_reads_is_not_read_from_the_client() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().post("/", move |request: OwnedRequest| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            request.into_body().collect(4 << 20).await.map(|content| content.len().to_string())
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    const LEN: usize = 1 << 20;
    client.send(post("/", &"x".repeat(LEN)));
    sim.run();
    let taken = LEN - client.unread_by_peer();
    assert!(taken <= 2 * avx_http::body::PIECE, "{taken} bytes were taken in");
    sim.advance(Duration::from_secs(60));
    assert_eq!(LEN - client.unread_by_peer(), taken, "time alone changes nothing");
    gate.open();
    sim.run();
    assert!(client.recv_text().ends_with(&format!("\r\n\r\n{LEN}")));
}

#[test]
fn rfc9110_10_1_1_continue_is_sent_when_the_content_is_wanted_and_not_before() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new()
        .post("/later", move |request: OwnedRequest| {
            let wait = wait.clone();
            async move {
                wait.passed().await;
                request.into_body().collect(100).await
            }
        })
        .post("/echo", async |request: OwnedRequest| request.into_body())
        .post("/no", || (Status::FORBIDDEN, "no"));
    let _server = start(&sim, router);
    let head = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    };

    let client = sim.dial();
    client.send(head("/later"));
    sim.run();
    sim.advance(Duration::from_secs(20));
    assert_eq!(client.recv_text(), "", "nobody has asked for the content");
    gate.open();
    sim.run();
    assert_eq!(client.recv_text(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ping");
    sim.run();
    assert!(client.recv_text().ends_with("\r\n\r\nping"));

    client.send(head("/echo"));
    sim.run();
    let text = client.recv_text();
    assert!(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "{text}");
    client.send("ping");
    sim.run();
    assert_eq!(client.recv_text(), "ping");

    client.send(head("/no"));
    sim.run();
    let text = client.recv_text();
    assert!(text.starts_with("HTTP/1.1 403 ") && text.contains("Connection: close"), "{text}");
    assert!(client.is_ended());
}

/// Content may come without the 100 it might have waited for; once it has ended there is none to invite,
/// and a handler that takes long over it is not the client's fault.
#[test]
fn rfc9110_10_1_1_nothing_is_invited_once_the_content_has_ended() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().post("/", move |request: OwnedRequest| {
        let wait = wait.clone();
        async move {
            let content = request.into_body().collect(100).await;
            wait.passed().await;
            content
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
    );
    sim.run();
    sim.advance(Duration::from_secs(20));
    assert_eq!(client.recv_text(), "");
    gate.open();
    sim.run();
    let text = client.recv_text();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(!client.is_ended());
}

#[test]
fn an_invitation_that_found_no_room_is_sent_when_there_is_some() {
    let sim = Sim::new();
    let router = Router::new()
        .get("/:n", |request: &Request<'_>| vec![b'x'; request.parse_param("n").unwrap_or_default()])
        .post("/", async |request: OwnedRequest| request.into_body().collect(100).await);
    let _server = start(&sim, router);
    let client = sim.dial();
    let get = |n: usize| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(get(16_000));
    sim.run();
    let head = client.recv_text().len() - 16_000;
    // All that an output holds.
    let mut requests = get((16 << 10) - head).repeat(4);
    requests += "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    client.send(requests);
    sim.run();
    let text = client.recv_text();
    assert_eq!(text.len().min(64 << 10), 64 << 10);
    assert_eq!(&text[64 << 10..], "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ping");
    sim.run();
    assert!(client.recv_text().ends_with("\r\n\r\nping"));
}

#[test]
fn a_client_that_is_gone_before_it_was_invited_is_noticed() {
    let sim = Sim::new();
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = dropped.clone();
    let router = Router::new().post("/", move |request: OwnedRequest| {
        let guard = Dropped(flag.clone());
        async move {
            std::future::pending::<()>().await;
            drop((request, guard));
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    sim.run();
    assert!(!dropped.load(Ordering::SeqCst));
    client.finish();
    sim.run();
    assert!(dropped.load(Ordering::SeqCst));
    assert!(client.is_closed());
}

#[test]
fn an_answer_before_the_end_of_the_content_leaves_the_connection_usable_within_limits() {
    let sim = Sim::new();
    let router = Router::new().post("/", || "early").post("/later", async |_: OwnedRequest| "early");
    let _server = start(&sim, router);
    for path in ["/", "/later"] {
        let client = sim.dial();
        sim.run();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"));
        sim.run();
        assert!(client.recv_text().ends_with("early"), "{path}");
        client.send(vec![b'x'; 100_000]);
        sim.run();
        client.send(post(path, ""));
        sim.run();
        assert!(client.recv_text().ends_with("early"), "{path}");
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"));
        sim.run();
        let text = client.recv_text();
        assert!(text.ends_with("early") && text.contains("Connection: close"), "{path}: {text}");
        assert!(client.is_ended());
        sim.advance(Duration::from_secs(3));
        assert!(client.is_closed());
    }
}

#[test]
fn content_can_be_read_in_another_task() {
    let sim = Sim::new();
    let rt = sim.clone();
    let total = Arc::new(AtomicUsize::new(0));
    let sum = total.clone();
    let router = Router::new().post("/", move |request: &Request<'_>| {
        // A plain handler cannot take the content; see the layer below.
        let _ = request;
        "unused"
    });
    let router = router.wrap(move |request, _| {
        let (mut body, sum) = (request.detach().into_body(), sum.clone());
        avx_http::rt::Runtime::spawn(&rt, async move {
            while let Some(Ok(piece)) = body.data().await {
                sum.fetch_add(piece.len(), Ordering::SeqCst);
            }
        });
        Reply::Now(Response::from("taken"))
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.send(post("/", &"x".repeat(200_000)));
    sim.run();
    assert!(client.recv_text().ends_with("taken"));
    assert_eq!(total.load(Ordering::SeqCst), 200_000);
    client.send(GET);
    sim.run();
    assert!(client.recv_text().contains("HTTP/1.1 200"));
}

#[test]
fn content_whose_reader_is_slow_after_the_answer_is_given_up() {
    let sim = Sim::new();
    let rt = sim.clone();
    let gate = Gate::default();
    let wait = gate.clone();
    let seen = Arc::new(Mutex::new(None));
    let slot = seen.clone();
    let router = Router::new().post("/", || "unused").wrap(move |request, _| {
        let (body, wait, slot) = (request.detach().into_body(), wait.clone(), slot.clone());
        avx_http::rt::Runtime::spawn(&rt, async move {
            wait.passed().await;
            *slot.lock().unwrap() = Some(body.collect(1 << 20).await);
        });
        Reply::Now(Response::from("taken"))
    });
    let server = start(&sim, router);
    let client = sim.dial();
    client.send(post("/", &"x".repeat(200_000)));
    sim.run();
    assert!(client.recv_text().ends_with("taken"));
    assert!(client.unread_by_peer() > 0, "held up by its reader");
    sim.advance(Duration::from_secs(5));
    assert_eq!((client.is_closed(), server.connections()), (true, 0));
    gate.open();
    sim.run();
    assert_eq!(seen.lock().unwrap().take(), Some(Err(BodyError::Disconnected)));
}

#[test]
fn content_that_breaks_off_is_an_error_to_its_reader() {
    let sim = Sim::new();
    let seen = Arc::new(Mutex::new(None));
    let slot = seen.clone();
    let rt = sim.clone();
    let router = Router::new().post("/", || "unused").wrap(move |request, _| {
        let (body, slot) = (request.detach().into_body(), slot.clone());
        avx_http::rt::Runtime::spawn(&rt, async move {
            *slot.lock().unwrap() = Some(body.collect(1 << 20).await);
        });
        Reply::later(std::future::pending())
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n");
    sim.run();
    assert!(matches!(seen.lock().unwrap().take(), Some(Err(BodyError::Peer(_)))));
    assert!(client.recv_text().starts_with("HTTP/1.1 400 "));

    let client = sim.dial();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    sim.run();
    client.reset();
    sim.run();
    assert!(matches!(seen.lock().unwrap().take(), Some(Err(BodyError::Disconnected))));
}

#[test]
fn a_slow_handler_is_not_held_against_its_client() {
    let sim = Sim::new();
    let gate = Gate::default();
    let opens = gate.clone();
    let router = Router::new().post("/", move |request: OwnedRequest| {
        let gate = opens.clone();
        async move {
            gate.passed().await;
            request.into_body().collect(1 << 20).await
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    let content = "0123456789".repeat(40_000);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len()));
    sim.run();
    client.send(&content[..avx_http::body::PIECE]);
    sim.run();
    client.send(&content[avx_http::body::PIECE..]);
    sim.run();
    // Far beyond what a client may take for the piece that was read: but it has sent more, and nobody
    // has looked.
    sim.advance(Duration::from_secs(24 * 3600));
    gate.open();
    sim.run();
    assert!(client.recv_text().ends_with(&content));
}

#[test]
fn a_request_made_by_hand_has_what_it_was_made_with() {
    let mut lines = OwnedFields::default();
    lines.push("X-Case", "kept");
    let peer = Peer::Inet(([192, 0, 2, 1], 80).into());
    let mut request = Request::new(Method::Post, "/path?query")
        .with_body("content")
        .with_version(Version::Http2)
        .with_authority(b"example.com")
        .with_fields(lines.as_fields())
        .with_peer(&peer);
    assert_eq!(request.body_len(), BodyLen::Exact(7));
    let mut owned = request.detach();
    assert_eq!(
        (owned.path(), owned.query(), owned.authority()),
        (&b"/path"[..], Some(&b"query"[..]), &b"example.com"[..])
    );
    assert_eq!((owned.version(), owned.peer(), owned.body_len()), (Version::Http2, peer, BodyLen::Exact(7)));
    assert_eq!(
        owned.fields().at(0).map(|field| (field.name, field.value)),
        Some((&b"X-Case"[..], &b"kept"[..]))
    );
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(Ok(piece))) = owned.body().poll_data(&mut cx) else { panic!("no content") };
    assert_eq!(&*piece, b"content");
    assert!(matches!(owned.body().poll_data(&mut cx), Poll::Ready(None)));
    // The content is given once.
    assert!(request.detach().body().is_empty());
}
