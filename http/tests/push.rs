//! Promised responses, and the server's own priorities, over simulated streams.

mod support;

use avx_core::h2::Client;
use avx_core::{Config, ErrorCode, Event, Http, Instant, Machine, Method, Recv, Request, Scratch, StreamId};
use avx_http::{Body, BodyLen, OwnedRequest, Push, Response, Router, Server};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use support::{Remote, Sim};

const NOW: Instant = Instant::from_millis(1);

/// A client of HTTP/2 at the other end of a simulated stream, and what it has seen.
struct Peer {
    sim: Sim,
    remote: Remote,
    machine: Client,
    input: Vec<u8>,
    /// `promise 1 2 /style.css`, `head 1 200`, `end 1`, `reset 2` in the order they came.
    seen: Vec<String>,
    content: BTreeMap<u64, Vec<u8>>,
    /// Streams in the order of the content's pieces.
    turns: Vec<u64>,
}

impl Peer {
    fn connect(sim: &Sim, config: Config) -> Self {
        Peer {
            sim: sim.clone(),
            remote: sim.dial(),
            machine: Client::new(Arc::new(config), NOW),
            input: Vec::new(),
            seen: Vec::new(),
            content: BTreeMap::new(),
            turns: Vec::new(),
        }
    }

    fn get(&mut self, paths: &[&str]) {
        let mut out = Vec::new();
        for path in paths {
            let request = Request {
                method: Method::Get,
                target: path.as_bytes(),
                authority: b"example.com:81",
                fields: &[],
            };
            self.machine.send_request(NOW, &request, BodyLen::Empty, &mut out).unwrap();
        }
        self.remote.send(out);
        self.go_on();
    }

    /// Lets both ends do all they can.
    fn go_on(&mut self) {
        loop {
            self.sim.run();
            let come = self.remote.recv();
            self.input.extend_from_slice(&come);
            self.receive();
            let mut out = Vec::new();
            self.machine.transmit(NOW, &mut out);
            if come.is_empty() && out.is_empty() {
                return;
            }
            self.remote.send(out);
        }
    }

    fn receive(&mut self) {
        let mut scratch = Scratch::new();
        loop {
            let (consumed, release) = match self.machine.recv(NOW, &mut self.input, &mut scratch) {
                Ok(Recv::Event { consumed, event }) => {
                    let mut release = None;
                    match event {
                        Event::PushPromise { stream, promised, head } => {
                            let authority = String::from_utf8_lossy(head.authority()).into_owned();
                            assert_eq!((&*authority, head.scheme()), ("example.com:81", Some(&b"http"[..])));
                            let target = String::from_utf8_lossy(head.target()).into_owned();
                            self.seen.push(format!("promise {} {} {target}", stream.0, promised.0));
                        }
                        Event::Response { stream, head, .. } => {
                            self.seen.push(format!("head {} {}", stream.0, head.status()));
                        }
                        Event::Data { stream, data, credit } => {
                            self.content.entry(stream.0).or_default().extend_from_slice(data);
                            self.turns.push(stream.0);
                            release = Some((stream, credit));
                        }
                        Event::End { stream, .. } => self.seen.push(format!("end {}", stream.0)),
                        Event::Reset { stream, .. } => self.seen.push(format!("reset {}", stream.0)),
                        _ => {}
                    }
                    (consumed, release)
                }
                Ok(Recv::NeedMore { consumed, .. }) => {
                    self.input.drain(..consumed);
                    return;
                }
                other => panic!("{other:?}"),
            };
            self.input.drain(..consumed);
            if let Some((stream, credit)) = release {
                self.machine.release(stream, credit);
            }
        }
    }

    fn text(&self, stream: u64) -> &str {
        self.content.get(&stream).map_or("", |content| std::str::from_utf8(content).unwrap())
    }
}

fn welcome() -> Config {
    let mut config = Config::default();
    config.h2.push = true;
    config
}

fn page() -> Response {
    Response::from("page").push("/style").push(Push::new("/script?x").field("accept-language", "en"))
}

/// Says what was asked for.
fn script(request: &avx_http::Request<'_>) -> String {
    let language = request.field("accept-language").unwrap_or_default();
    format!(
        "{} {} {} {}",
        String::from_utf8_lossy(request.target()),
        String::from_utf8_lossy(request.authority()),
        String::from_utf8_lossy(language),
        request.version().as_str(),
    )
}

fn start(errors: &Arc<Mutex<Vec<String>>>) -> Sim {
    let sim = Sim::new();
    let router = Router::new()
        .get("/", page)
        .get("/later", async |_: OwnedRequest| page())
        .get("/style", async |request: OwnedRequest| {
            format!("style for {}", String::from_utf8_lossy(request.authority()))
        })
        .get("/script", script)
        .get("/again", || Response::from("again").push("/recursive"))
        .get("/recursive", || Response::from("recursive").push("/recursive"))
        .get("/panics", || Response::from("calm").push("/panic"))
        .get("/panic", || -> &str { panic!("on purpose") })
        .get("/wrong", || Response::from("right").push(".example.org/").push("/style"))
        .get("/bulk", || Response::from("bulk").push("/large"))
        .get("/large", || Response::content("text/plain", "x".repeat(100_000)))
        .get("/waits", || Response::from("waits").push("/never"))
        .get("/never", async |_: OwnedRequest| std::future::pending::<&str>().await)
        .get("/a", || Response::content("text/plain", "a".repeat(50_000)))
        .get("/b", || Response::content("text/plain", "b".repeat(50_000)).field("priority", "u=0, i=?0"))
        .get("/c", || Response::content("text/plain", "c".repeat(50_000)).field("priority", "u=7"))
        .get("/empty", || Response::content("text/plain", Body::empty()).field("priority", "u=0"));
    let errors = errors.clone();
    let server = Server::new(router)
        .on_error(move |_, error| errors.lock().unwrap().push(error.to_string()))
        .bind("127.0.0.1:0");
    let rt = sim.clone();
    std::mem::forget(sim.block_on(async move { server.start(&rt).await }).unwrap());
    sim
}

#[test]
fn rfc9113_8_4_what_a_response_pushes_is_promised_before_it_and_answered_by_the_same_handler() {
    for path in ["/", "/later"] {
        let sim = start(&Arc::default());
        let mut peer = Peer::connect(&sim, welcome());
        peer.get(&[path]);
        assert_eq!(peer.seen[..2], ["promise 1 2 /style", "promise 1 4 /script?x"], "{path}");
        for line in ["head 1 200", "end 1", "head 2 200", "end 2", "head 4 200", "end 4"] {
            assert!(peer.seen.iter().any(|seen| seen == line), "{line} {:?}", peer.seen);
        }
        assert_eq!(peer.text(1), "page");
        assert_eq!(peer.text(2), "style for example.com:81");
        assert_eq!(peer.text(4), "/script?x example.com:81 en 2");
    }
}

#[test]
fn rfc9113_8_4_a_client_that_switched_promises_off_gets_none() {
    let errors = Arc::default();
    let sim = start(&errors);
    let mut peer = Peer::connect(&sim, Config::default());
    peer.get(&["/", "/later"]);
    assert_eq!((peer.text(1), peer.text(3)), ("page", "page"));
    assert_eq!(peer.seen.len(), 4, "{:?}", peer.seen);
    assert!(errors.lock().unwrap().is_empty());
}

#[test]
fn over_http1_a_response_that_pushes_is_like_any_other() {
    let sim = start(&Arc::default());
    for path in ["/", "/later"] {
        let client = sim.dial();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        sim.run();
        let text = client.recv_text();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\npage"), "{text}");
    }
}

#[test]
fn rfc9113_6_6_a_promised_response_promises_nothing() {
    let sim = start(&Arc::default());
    let mut peer = Peer::connect(&sim, welcome());
    peer.get(&["/again"]);
    assert_eq!(peer.text(2), "recursive");
    assert_eq!(peer.seen.iter().filter(|seen| seen.starts_with("promise")).count(), 1, "{:?}", peer.seen);
}

#[test]
fn a_handler_that_panics_spoils_nothing_but_what_was_promised() {
    let errors = Arc::default();
    let sim = start(&errors);
    let mut peer = Peer::connect(&sim, welcome());
    peer.get(&["/panics"]);
    assert!(peer.seen.iter().any(|seen| seen == "head 2 500"), "{:?}", peer.seen);
    assert_eq!(peer.text(1), "calm");
    assert_eq!(errors.lock().unwrap().len(), 1);
    peer.get(&["/a"]);
    assert_eq!(peer.text(3).len(), 50_000);
}

#[test]
fn what_is_no_path_is_not_promised_and_reported() {
    let errors = Arc::default();
    let sim = start(&errors);
    let mut peer = Peer::connect(&sim, welcome());
    peer.get(&["/wrong"]);
    assert_eq!(peer.text(1), "right");
    assert_eq!(peer.seen[0], "promise 1 2 /style");
    let errors = errors.lock().unwrap();
    assert!(matches!(&errors[..], [one] if one.contains("target")), "{errors:?}");
}

#[test]
fn rfc9113_5_1_2_no_more_is_promised_than_the_client_takes_at_once() {
    let mut config = welcome();
    config.h2.max_pushes = 1;
    let sim = start(&Arc::default());
    let mut peer = Peer::connect(&sim, config);
    peer.get(&["/"]);
    assert_eq!(peer.text(1), "page");
    assert_eq!(peer.seen.iter().filter(|seen| seen.starts_with("promise")).count(), 1, "{:?}", peer.seen);
}

#[test]
fn content_of_any_size_is_pushed_and_a_promise_may_be_declined() {
    let sim = start(&Arc::default());
    let mut peer = Peer::connect(&sim, welcome());
    peer.get(&["/bulk"]);
    assert_eq!(peer.text(2).len(), 100_000);
    peer.get(&["/waits"]);
    assert_eq!(peer.text(3), "waits");
    assert!(peer.seen.iter().any(|seen| seen == "promise 3 4 /never"), "{:?}", peer.seen);
    peer.machine.reset(NOW, StreamId(4), ErrorCode::CANCEL);
    peer.go_on();
    peer.get(&["/"]);
    assert_eq!(peer.text(5), "page");
}

#[test]
fn the_line_of_the_access_log_names_what_was_pushed() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = lines.clone();
    let sim = Sim::new();
    let router = Router::new().get("/", page).get("/style", || "style").get("/script", || "script");
    let server = Server::new(router)
        .on_access(move |access| {
            let target = String::from_utf8_lossy(access.target).into_owned();
            log.lock().unwrap().push(format!("{target} {} {}", access.status, access.sent));
        })
        .bind("127.0.0.1:0");
    let rt = sim.clone();
    std::mem::forget(sim.block_on(async move { server.start(&rt).await }).unwrap());
    let mut peer = Peer::connect(&sim, welcome());
    peer.get(&["/"]);
    let mut lines = lines.lock().unwrap().clone();
    lines.sort();
    assert_eq!(lines, ["/ 200 4", "/script?x 200 6", "/style 200 5"]);
}

/// Streams in the order that their content came, each once.
fn order(peer: &Peer) -> Vec<u64> {
    let mut order = peer.turns.clone();
    order.dedup();
    order
}

#[test]
fn rfc9218_8_the_server_may_say_itself_what_is_urgent() {
    let mut config = Config::default();
    (config.h2.stream_window, config.h2.connection_window) = (65_535, 65_535);
    let sim = start(&Arc::default());
    let mut peer = Peer::connect(&sim, config);
    peer.get(&["/c", "/a", "/b"]);
    assert_eq!(order(&peer), [5, 3, 1], "{:?}", peer.seen);
    peer.get(&["/empty"]);
    assert!(peer.seen.iter().any(|seen| seen == "end 7"), "{:?}", peer.seen);
}
