//! The client of HTTP/2 with the server's engine at the other end, over simulated streams and time.

#[path = "support/asking.rs"]
mod asking;
mod support;

use asking::{collect, options, response, send};
use avx_http::client::{Connection, Options, Request};
use avx_http::rt::Runtime;
use avx_http::{Body, Config, FieldLines, OwnedRequest, Peer, Router, Server, ServerHandle, Version};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::{Gate, Remote, Sim};

/// A server of the engine, and a connection to it.
fn serve(sim: &Sim, config: Config, router: Router) -> (ServerHandle, Connection) {
    serve_for(sim, config, router, &options())
}

fn serve_for(sim: &Sim, config: Config, router: Router, options: &Options) -> (ServerHandle, Connection) {
    let rt = sim.clone();
    let server = Server::new(router).config(config).bind("127.0.0.1:0");
    let server = sim.block_on(async move { server.start(&rt).await }).unwrap();
    let Remote(io) = sim.dial();
    (server, Connection::over(sim, io, Peer::Unix, "a", options))
}

/// Counts what is there at the same time.
#[derive(Clone, Default)]
struct Census(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

struct Counted(Census);

impl Census {
    fn enter(&self) -> Counted {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        self.0.2.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn total(&self) -> usize {
        self.0.2.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `/gate` waits and is counted, `/echo` gives back what comes, `/bytes` is a megabyte.
fn router(gate: &Gate, census: &Census) -> Router {
    let (gate, census) = (gate.clone(), census.clone());
    Router::new()
        .get("/", || "hi")
        .get("/gate", move |_: OwnedRequest| {
            let (gate, counted) = (gate.clone(), census.enter());
            async move {
                gate.passed().await;
                drop(counted);
                "passed"
            }
        })
        .post("/echo", async |request: OwnedRequest| request.into_body())
        .get("/bytes", || vec![b'x'; 1 << 20])
}

#[test]
fn requests_run_at_once_on_one_connection() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve(&sim, Config::default(), router(&gate, &census));
    let waiting: Vec<_> = (0..10).map(|_| send(&sim, &connection, Request::get("/gate"))).collect();
    assert_eq!(census.now(), 10);
    let quick = response(&sim, &connection, Request::get("/"));
    assert_eq!((quick.version(), quick.status().code(), quick.raw()), (Version::Http2, 200, &b""[..]));
    assert_eq!(quick.field("content-length"), Some(&b"2"[..]));
    assert_eq!(collect(&sim, quick.into_body()).take(), Some(Ok(b"hi".to_vec())));
    gate.open();
    sim.run();
    for waiting in waiting {
        let body = waiting.take().expect("an end").expect("a response").into_body();
        assert_eq!(collect(&sim, body).take(), Some(Ok(b"passed".to_vec())));
    }
    assert!(connection.is_reusable());
}

#[test]
fn rfc9113_5_1_2_requests_beyond_the_limit_wait_in_order() {
    let sim = Sim::new();
    let mut config = Config::default();
    config.h2.max_streams = 3;
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve(&sim, config, router(&gate, &census));
    // The first flight is under way before the server says how many it takes.
    let order = Arc::new(Mutex::new(Vec::new()));
    for i in 0..20 {
        let (connection, order) = (connection.clone(), order.clone());
        sim.spawn(async move {
            let response = connection.send(Request::get("/gate")).await.expect("a response");
            response.into_body().collect(10).await.expect("content");
            order.lock().unwrap().push(i);
        });
    }
    sim.run();
    assert_eq!((census.now(), census.most()), (3, 3));
    gate.open();
    sim.run();
    assert_eq!((census.now(), census.most(), census.total()), (0, 3, 20));
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 20);
    // Later ones did not pass those that were refused.
    assert!(order[5] < 12 && order[19] > 12, "{order:?}");
}

#[test]
fn content_goes_both_ways_through_small_windows() {
    const LEN: usize = 3 << 20;
    let sim = Sim::new();
    let mut config = Config::default();
    config.h2.stream_window = 5000;
    config.h2.connection_window = 65_535;
    config.h2.grow_windows = false;
    let mut options = options();
    options.config = config;
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve_for(&sim, config, router(&gate, &census), &options);
    let content: Vec<u8> = (0..LEN).map(|i| (i * 7 / 3) as u8).collect();
    let sent: Vec<_> =
        (0..3).map(|_| send(&sim, &connection, Request::post("/echo", content.clone()))).collect();
    let bodies: Vec<_> = sent.iter().map(|sent| sent.take().unwrap().unwrap().into_body()).collect();
    let read: Vec<_> = bodies.into_iter().map(|body| collect(&sim, body)).collect();
    for read in read {
        assert!(read.take().expect("an end").expect("content") == content);
    }
}

#[test]
fn credit_comes_back_whether_content_is_read_or_not() {
    let sim = Sim::new();
    let mut options = options();
    options.config.h2.connection_window = 65_535;
    options.config.h2.grow_windows = false;
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve_for(&sim, Config::default(), router(&gate, &census), &options);
    for i in 0..60 {
        let mut response = response(&sim, &connection, Request::get("/bytes"));
        match i % 3 {
            0 => drop(response),
            1 => drop(sim.block_on(async move { response.body().data().await.map(drop) })),
            _ => {
                let content = collect(&sim, response.into_body()).take().expect("an end").expect("content");
                assert_eq!(content.len(), 1 << 20);
            }
        }
        sim.run();
    }
}

#[test]
fn a_server_gets_back_the_credit_of_content_that_it_did_not_read() {
    let sim = Sim::new();
    let mut config = Config::default();
    config.h2.connection_window = 65_535;
    config.h2.grow_windows = false;
    let router = Router::new().post("/", |_: &avx_http::Request<'_>| "no").post(
        "/later",
        async |request: OwnedRequest| {
            drop(request);
            "no"
        },
    );
    // Content that lies there, complete, when the answer goes out, and for a while after.
    let kept = Arc::new(Mutex::new(None));
    let router = router.post("/echo", async |request: OwnedRequest| request.into_body()).post(
        "/ignored",
        move |request: OwnedRequest| {
            *kept.lock().unwrap() = Some(request);
            async { "no" }
        },
    );
    let (_server, connection) = serve(&sim, config, router);
    for i in 0..50 {
        let target = ["/", "/later", "/ignored"][i % 3];
        let sent = send(&sim, &connection, Request::post(target, vec![b'x'; 20_000]));
        assert_eq!(sent.take().expect("an end").expect("a response").status().code(), 200);
        let echoed = response(&sim, &connection, Request::post("/echo", "content")).into_body();
        let echoed = collect(&sim, echoed).take();
        assert_eq!(echoed, Some(Ok(b"content".to_vec())), "no credit was left after {i} requests");
    }
}

#[test]
fn a_body_that_is_not_read_holds_up_no_other() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let mut options = options();
    options.config.h2.grow_windows = false;
    let (_server, connection) = serve_for(&sim, Config::default(), router(&gate, &census), &options);
    let unread: Vec<_> = (0..10).map(|_| response(&sim, &connection, Request::get("/bytes"))).collect();
    let read = collect(&sim, response(&sim, &connection, Request::get("/bytes")).into_body());
    assert_eq!(read.take().expect("an end").expect("content").len(), 1 << 20);
    for response in unread {
        let read = collect(&sim, response.into_body());
        assert_eq!(read.take().expect("an end").expect("content").len(), 1 << 20);
    }
}

#[test]
fn giving_up_ends_one_exchange_at_both_ends() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (_server, connection) = serve(&sim, Config::default(), router(&gate, &census));
    let first = send(&sim, &connection, Request::get("/gate"));
    let second = send(&sim, &connection, Request::get("/gate"));
    assert_eq!(census.now(), 2);
    first.give_up(&sim);
    assert_eq!(census.now(), 1, "the handler was dropped");
    gate.open();
    sim.run();
    assert!(second.take().unwrap().is_ok());
}

#[test]
fn interim_responses_and_trailers_come_and_go() {
    let sim = Sim::new();
    let router = Router::new().post("/", async |request: OwnedRequest| {
        let (mut sender, body) = Body::channel();
        let mut received = request.into_body();
        let mut all = Vec::new();
        while let Some(piece) = received.data().await {
            all.extend_from_slice(&piece?);
        }
        let mut trailers = FieldLines::new();
        for field in received.trailers().into_iter().flatten() {
            trailers.push(String::from_utf8_lossy(field.name).into_owned(), field.value.to_vec());
        }
        sender.send(all).await?;
        sender.finish_with(&trailers);
        Ok::<_, avx_http::Error>(body)
    });
    let (_server, connection) = serve(&sim, Config::default(), router);
    let interim = Arc::new(Mutex::new(Vec::new()));
    let seen = interim.clone();
    let (mut sender, body) = Body::channel();
    let request = Request::post("/", body)
        .field("expect", "100-continue")
        .field("connection", "x")
        .on_informational(move |response| seen.lock().unwrap().push(response.status().code()));
    sim.spawn(async move {
        sender.send("content").await.unwrap();
        let mut trailers = FieldLines::new();
        trailers.push("x-sum", "7");
        sender.finish_with(&trailers);
    });
    let mut response = response(&sim, &connection, request);
    assert_eq!(*interim.lock().unwrap(), [100]);
    let (content, trailers) = sim.block_on(async move {
        let mut content = Vec::new();
        while let Some(piece) = response.body().data().await {
            content.extend_from_slice(&piece.unwrap());
        }
        let sum = response.body().trailers().and_then(|fields| fields.get("x-sum").map(<[u8]>::to_vec));
        (content, sum)
    });
    assert_eq!((&*content, trailers.as_deref()), (&b"content"[..], Some(&b"7"[..])));
}

#[test]
fn a_server_that_ends_gracefully_completes_what_it_was_asked() {
    let sim = Sim::new();
    let (gate, census) = (Gate::default(), Census::default());
    let (server, connection) = serve(&sim, Config::default(), router(&gate, &census));
    let sent = send(&sim, &connection, Request::get("/gate"));
    server.shutdown();
    sim.run();
    assert!(!connection.is_reusable());
    gate.open();
    sim.run();
    assert!(sent.take().unwrap().is_ok());
    sim.run();
    sim.block_on(async move { server.join().await });
}

/// A server whose page promises two others.
fn pushing() -> Router {
    Router::new()
        .get("/", || avx_http::Response::from("page").push("/style").push("/script"))
        .get("/style", || "style")
        .get("/script", || vec![b'x'; 200_000])
}

#[test]
fn rfc9113_8_4_promised_responses_come_to_those_who_ask_for_them() {
    let sim = Sim::new();
    let mut options = options();
    options.config.h2.push = true;
    let (_server, connection) = serve_for(&sim, Config::default(), pushing(), &options);
    let pushed = Arc::new(Mutex::new(Vec::new()));
    let promises = pushed.clone();
    let request = Request::get("/").on_push(move |promise| promises.lock().unwrap().push(promise));
    let page = response(&sim, &connection, request);
    assert_eq!(collect(&sim, page.into_body()).take(), Some(Ok(b"page".to_vec())));
    let mut pushed = std::mem::take(&mut *pushed.lock().unwrap());
    assert_eq!(pushed.iter().map(|p| p.target()).collect::<Vec<_>>(), [&b"/style"[..], b"/script"]);
    assert_eq!(pushed[0].authority(), b"a");
    drop(pushed.pop());
    let style = pushed.remove(0);
    let style = sim.block_on(async move { style.response().await }).unwrap();
    assert_eq!((style.status().code(), style.version()), (200, Version::Http2));
    assert_eq!(collect(&sim, style.into_body()).take(), Some(Ok(b"style".to_vec())));
    assert!(connection.is_reusable());
    drop(connection);
    sim.run();
    assert_eq!(sim.tasks(), 1, "only the server is left");
}
