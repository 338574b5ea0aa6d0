//! What the access log says, also of requests that came to no response of a handler.

mod support;

use avx_http::{OwnedRequest, Router, Server, ServerHandle, Status};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{GET, Gate, Sim, start_with};

const SLOW: Duration = Duration::from_secs(100);

/// A server that writes what it hears of each request.
fn start(sim: &Sim) -> (ServerHandle, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let write = lines.clone();
    let router = Router::new()
        .post("/", async |request: OwnedRequest| request.into_body().collect(1000).await)
        .get("/reset", || (Status::RESET_CONTENT, "left out"))
        .get("/reset/later", async |_: OwnedRequest| (Status::RESET_CONTENT, "left out"))
        .post("/early", async |_: OwnedRequest| "early");
    let server = Server::new(router).on_access(move |access| {
        let target = String::from_utf8_lossy(access.target).into_owned();
        write.lock().unwrap().push(format!(
            "{} {target} {} {} {}",
            access.method, access.status, access.sent, access.complete
        ));
    });
    (start_with(sim, server), lines)
}

fn take(lines: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut lines.lock().unwrap())
}

/// Status and content of the only response.
fn parts(text: &str) -> (&str, &str) {
    let (head, content) = text.split_once("\r\n\r\n").expect("a head");
    (&head[9..12], content)
}

#[test]
fn the_access_log_tells_of_requests_that_were_refused() {
    let sim = Sim::new();
    let (_server, lines) = start(&sim);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(10_000));
    let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("(", "400"),
        (&long, "414"),
        (&large, "431"),
        ("GET / HTTP/1.1\r\nHost:", "408"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", "501"),
    ] {
        let client = sim.dial();
        client.send(request);
        sim.advance(SLOW);
        let text = client.recv_text();
        let (answered, content) = parts(&text);
        assert_eq!(answered, status);
        assert_eq!(take(&lines), [format!("  {status} {} true", content.len())]);
    }
}

#[test]
fn the_access_log_tells_of_content_that_was_refused() {
    let sim = Sim::new();
    let (_server, lines) = start(&sim);
    for (content, status) in
        [("Transfer-Encoding: chunked\r\n\r\nx", "400"), ("Content-Length: 9\r\n\r\nx", "408")]
    {
        let client = sim.dial();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{content}"));
        sim.advance(SLOW);
        let text = client.recv_text();
        let (answered, content) = parts(&text);
        assert_eq!(answered, status);
        assert_eq!(take(&lines), [format!("POST / {status} {} true", content.len())]);
    }
}

#[test]
fn the_access_log_tells_of_a_response_whose_request_was_given_up() {
    let sim = Sim::new();
    let (_server, lines) = start(&sim);
    let client = sim.dial();
    client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    sim.advance(SLOW);
    assert!(client.recv_text().ends_with("early"));
    assert_eq!(take(&lines), ["POST /early 200 5 true"]);
}

#[test]
fn the_access_log_tells_nothing_of_connections_without_a_request() {
    let sim = Sim::new();
    let (_server, lines) = start(&sim);
    let (silent, gone, done) = (sim.dial(), sim.dial(), sim.dial());
    gone.finish();
    done.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    sim.advance(SLOW);
    assert!(silent.is_closed() && gone.is_closed() && done.is_closed());
    assert_eq!(take(&lines), ["POST / 200 0 true"]);
}

/// RFC 9110, section 15.3.6.
#[test]
fn content_that_a_205_leaves_out_was_not_sent() {
    let sim = Sim::new();
    let (_server, lines) = start(&sim);
    for path in ["/reset", "/reset/later"] {
        let client = sim.dial();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        sim.run();
        assert!(client.recv_text().ends_with("Content-Length: 0\r\n\r\n"));
        assert_eq!(take(&lines), [format!("GET {path} 205 0 true")]);
    }
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
