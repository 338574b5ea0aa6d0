//! The server's engine over simulated streams and time.

mod support;

use avx_http::{
    Body, BodyError, Chunk, FieldLines, OwnedRequest, Peer, Reply, Request, Response, Router, Server,
    ServerHandle, Source, Status, Upgraded,
};
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::{Remote, Sim};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Starts a server in the simulation.
fn start(sim: &Sim, router: Router) -> ServerHandle {
    start_with(sim, Server::new(router).date_field(false).server_field(None::<&str>))
}

fn start_with(sim: &Sim, server: Server<Router>) -> ServerHandle {
    let rt = sim.clone();
    sim.block_on(async move { server.bind("127.0.0.1:0").start(&rt).await }).unwrap()
}

/// Something that opens when the test says so.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    fn open(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        state.1.drain(..).for_each(Waker::wake);
    }

    async fn passed(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            state.1.push(cx.waker().clone());
            if state.0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Tells when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn post(path: &str, content: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}

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
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let sim = Sim::new();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().get("/", move |_: OwnedRequest| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            "late"
        }
    });
    let _server = start(&sim, router);
    let client = sim.dial();
    client.send(GET);
    client.finish();
    sim.run();
    assert!(!client.is_closed());
    gate.open();
    sim.run();
    assert!(client.recv_text().ends_with("late"));
    assert!(client.is_closed());
}

#[test]
fn a_connection_that_breaks_drops_its_handler() {
    let sim = Sim::new();
    let dropped = Arc::new(AtomicBool::new(false));
    let mark = dropped.clone();
    let router = Router::new().get("/", move |_: OwnedRequest| {
        let mark = mark.clone();
        async move {
            let _mark = Dropped(mark);
            std::future::pending::<&str>().await
        }
    });
    let server = start(&sim, router);
    let client = sim.dial();
    client.send(GET);
    sim.run();
    assert!(!dropped.load(Ordering::SeqCst));
    client.reset();
    sim.run();
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(server.connections(), 0);
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
fn slow_clients_meet_their_deadlines() {
    let sim = Sim::new();
    let _server =
        start(&sim, Router::new().get("/", || "hi").post("/", async |r: OwnedRequest| r.into_body()));
    let (silent, slow_head, idle, slow_body) = (sim.dial(), sim.dial(), sim.dial(), sim.dial());
    slow_head.send("GET / HT");
    idle.send(GET);
    slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    sim.run();
    assert!(idle.recv_text().ends_with("hi"));
    sim.advance(Duration::from_secs(9));
    assert!(!slow_head.is_ended());
    sim.advance(Duration::from_secs(2));
    assert!(slow_head.recv_text().starts_with("HTTP/1.1 408 "));
    assert!(slow_body.is_ended(), "its response had begun, so nothing else can be said");
    assert!(!silent.is_ended());
    sim.advance(Duration::from_secs(20));
    assert!(silent.is_ended() && silent.recv().is_empty());
    assert!(!idle.is_ended());
    sim.advance(Duration::from_secs(30));
    assert!(idle.is_ended() && idle.recv().is_empty());
}

#[test]
fn a_client_that_stops_reading_is_dropped() {
    let sim = Sim::new();
    let server = start(&sim, Router::new().get("/", || vec![0; 1 << 20]));
    let client = sim.dial();
    client.set_window(1000);
    client.send(GET);
    sim.run();
    sim.advance(Duration::from_secs(29));
    assert_eq!(server.connections(), 1);
    sim.advance(Duration::from_secs(2));
    assert_eq!(server.connections(), 0);
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

#[test]
fn the_access_log_has_a_line_for_every_exchange() {
    let sim = Sim::new();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let write = lines.clone();
    let gate = Gate::default();
    let wait = gate.clone();
    let router = Router::new().get("/", || "hi").get("/slow", move |_: OwnedRequest| {
        let wait = wait.clone();
        async move {
            wait.passed().await;
            vec![0; 100_000]
        }
    });
    let server = Server::new(router).on_access(move |access| {
        let target = String::from_utf8_lossy(access.target).into_owned();
        write.lock().unwrap().push(format!(
            "{} {target} {} {} {:?} {}",
            access.method, access.status, access.sent, access.duration, access.complete
        ));
    });
    let _server = start_with(&sim, server);
    let client = sim.dial();
    client.send(format!("{GET}HEAD /?q HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
    sim.run();
    sim.advance(Duration::from_secs(2));
    gate.open();
    sim.run();
    let lines = lines.lock().unwrap();
    assert_eq!(
        lines[..],
        ["GET / 200 2 0ns true", "HEAD /?q 200 0 0ns true", "GET /slow 200 100000 2s true"]
    );
}

#[test]
fn the_access_log_tells_what_was_not_completed() {
    let sim = Sim::new();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let write = lines.clone();
    let router = Router::new()
        .get("/never", async |_: OwnedRequest| std::future::pending::<&str>().await)
        .get("/part", || vec![0; 1 << 20]);
    let server = Server::new(router).on_access(move |access| {
        write.lock().unwrap().push(format!("{} {} {}", access.status, access.sent > 0, access.complete));
    });
    let _server = start_with(&sim, server);
    for path in ["never", "part"] {
        let client = sim.dial();
        client.set_window(1000);
        client.send(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        sim.run();
        client.reset();
        sim.run();
    }
    assert_eq!(lines.lock().unwrap()[..], ["499 false false", "200 true false"]);
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
    let (ours, theirs) = support::pair();
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
