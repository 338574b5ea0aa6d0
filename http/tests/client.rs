//! The client over simulated streams and time.

#[path = "support/asking.rs"]
mod asking;
mod support;

use asking::{Pending, send};
use avx_core::PeerError;
use avx_http::client::{Connection, Error, Options, Request, Response};
use avx_http::rt::Runtime;
use avx_http::{Body, BodyError};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Remote, Sim};

/// A connection and the server's end of it.
fn connect(sim: &Sim) -> (Connection, Remote) {
    let rt = sim.clone();
    let connection =
        sim.block_on(async move { Connection::connect(&rt, "127.0.0.1:80", &Options::default()).await });
    (connection.unwrap(), sim.connected().unwrap())
}

fn collect(sim: &Sim, body: Body) -> Pending<Result<String, BodyError>> {
    Pending::start(sim, async move {
        body.collect(10 << 20).await.map(|content| String::from_utf8_lossy(&content).into_owned())
    })
}

#[test]
fn a_connection_is_used_again_until_the_server_closes_it() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    for i in 0..3 {
        let sent = send(&sim, &connection, Request::get("/x").field("x-n", i as u32));
        let text = server.recv_text();
        assert_eq!(text, format!("GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nx-n: {i}\r\n\r\n"));
        server.send("HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi");
        sim.run();
        let response = sent.take().unwrap().unwrap();
        assert_eq!((response.status().code(), response.reason()), (200, &b"Fine"[..]));
        assert_eq!(response.field("x-a"), Some(&b"b"[..]));
        assert!(
            response.raw().starts_with(b"HTTP/1.1 200 Fine\r\n") && response.raw().ends_with(b"\r\n\r\n")
        );
        assert_eq!(collect(&sim, response.into_body()).take().unwrap().unwrap(), "hi");
        assert!(connection.is_reusable());
    }
    server.finish();
    sim.run();
    assert!(!connection.is_reusable());
    assert!(matches!(send(&sim, &connection, Request::get("/")).take(), Some(Err(Error::Unsent(None)))));
    assert!(server.is_closed());
}

#[test]
fn requests_wait_for_the_content_before_them() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let first = send(&sim, &connection, Request::get("/1"));
    let second = send(&sim, &connection, Request::get("/2"));
    assert_eq!(server.recv_text().matches("GET").count(), 1);
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
    sim.run();
    let body = first.take().unwrap().unwrap().into_body();
    assert_eq!(server.recv_text(), "");
    server.send("i");
    sim.run();
    assert!(server.recv_text().starts_with("GET /2 "));
    assert_eq!(collect(&sim, body).take().unwrap().unwrap(), "hi");
    server.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    sim.run();
    assert_eq!(second.take().unwrap().unwrap().status().code(), 204);
    assert!(!connection.is_reusable() && server.is_closed());
}

#[test]
fn a_request_that_is_given_up_while_it_waits_is_not_sent() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let first = send(&sim, &connection, Request::get("/1"));
    let handle = connection.clone();
    let mut second = Box::pin(async move { handle.send(Request::get("/2")).await.map(|_| ()) });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    let third = send(&sim, &connection, Request::get("/3"));
    drop(second);
    server.recv();
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    sim.run();
    assert!(first.take().unwrap().is_ok());
    assert!(server.recv_text().starts_with("GET /3 "));
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    sim.run();
    assert!(third.take().unwrap().is_ok());
}

#[test]
fn a_connection_that_is_shut_down_completes_what_it_was_asked() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let first = send(&sim, &connection, Request::get("/1"));
    let second = send(&sim, &connection, Request::get("/2"));
    connection.shutdown();
    assert!(!connection.is_reusable());
    let third = send(&sim, &connection, Request::get("/3"));
    let error = third.take().unwrap().unwrap_err();
    assert!(matches!(error, Error::Unsent(None)) && error.is_unprocessed());
    for sent in [first, second] {
        server.recv();
        server.send("HTTP/1.1 204 No Content\r\n\r\n");
        sim.run();
        assert!(sent.take().unwrap().is_ok());
    }
    assert!(server.is_closed());
}

#[test]
fn every_way_to_fail_has_its_error() {
    let sim = Sim::new();
    type Check = fn(&Error) -> bool;
    let cases: [(&str, Check); 4] = [
        ("", |e| matches!(e, Error::Closed)),
        ("HTTP/1.1 200 OK\r\nX-", |e| matches!(e, Error::Peer(PeerError::UnexpectedEof))),
        ("nonsense\r\n\r\n", |e| matches!(e, Error::Peer(_))),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", |e| {
            matches!(e, Error::Peer(PeerError::UnexpectedUpgrade))
        }),
    ];
    for (answer, expected) in cases {
        let (connection, server) = connect(&sim);
        let sent = send(&sim, &connection, Request::get("/"));
        server.send(answer);
        server.finish();
        sim.run();
        let error = sent.take().unwrap().unwrap_err();
        assert!(expected(&error), "{answer:?}: {error}");
        assert!(server.is_closed());
    }
    let (connection, server) = connect(&sim);
    let sent = send(&sim, &connection, Request::get("/"));
    server.reset();
    sim.run();
    assert!(matches!(sent.take().unwrap().unwrap_err(), Error::Io(_)));

    let (connection, server) = connect(&sim);
    for request in [Request::get("no slash"), Request::get("/").field("x", "a\r\nb")] {
        let sent = send(&sim, &connection, request);
        assert!(matches!(sent.take().unwrap().unwrap_err(), Error::Request(_)));
    }
    assert!(connection.is_reusable() && server.recv().is_empty());
}

#[test]
fn content_that_ends_early_or_is_malformed_is_an_error_of_the_body() {
    let sim = Sim::new();
    for (answer, error) in [
        ("Content-Length: 10\r\n\r\nhello", PeerError::UnexpectedEof),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", PeerError::UnexpectedEof),
        ("Transfer-Encoding: chunked\r\n\r\nx\r\n", PeerError::BadChunkSize),
    ] {
        let (connection, server) = connect(&sim);
        let sent = send(&sim, &connection, Request::get("/"));
        server.send(format!("HTTP/1.1 200 OK\r\n{answer}"));
        server.finish();
        sim.run();
        let body = sent.take().unwrap().unwrap().into_body();
        assert_eq!(collect(&sim, body).take().unwrap(), Err(BodyError::Peer(error)), "{answer}");
    }
}

#[test]
fn a_response_is_read_no_further_than_its_reader_is() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let sent = send(&sim, &connection, Request::get("/"));
    const LEN: usize = 1 << 20;
    server.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\n\r\n{}", "x".repeat(LEN)));
    sim.run();
    let taken = LEN - server.unread_by_peer();
    assert!(taken <= 2 * avx_http::body::PIECE, "{taken}");
    let body = sent.take().unwrap().unwrap().into_body();
    assert_eq!(collect(&sim, body).take().unwrap().unwrap().len(), LEN);
    assert!(connection.is_reusable());
    // A body that is given up takes the connection with it.
    let sent = send(&sim, &connection, Request::get("/"));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    sim.run();
    drop(sent.take());
    sim.run();
    assert!(server.is_closed() && !connection.is_reusable());
}

#[test]
fn a_request_is_sent_no_faster_than_the_server_reads() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    server.set_window(10_000);
    let (mut sender, body) = Body::channel();
    let produced = Arc::new(Mutex::new(0));
    let count = produced.clone();
    sim.spawn(async move {
        for _ in 0..100 {
            sender.send(vec![b'x'; 10_000]).await.unwrap();
            *count.lock().unwrap() += 10_000;
        }
        sender.finish();
    });
    let sent = send(&sim, &connection, Request::post("/", body));
    assert!(*produced.lock().unwrap() < 300_000);
    let mut all = String::new();
    for _ in 0..1000 {
        all += &server.recv_text();
        sim.run();
    }
    assert!(all.contains("Transfer-Encoding: chunked") && all.ends_with("0\r\n\r\n"));
    assert_eq!(all.matches('x').count(), 1_000_000);
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    sim.run();
    assert!(sent.take().unwrap().is_ok());
}

#[test]
fn rfc9110_10_1_1_content_waits_for_continue_or_a_second() {
    let sim = Sim::new();
    let request = || Request::post("/", "ping").field("expect", "100-continue");
    let (connection, server) = connect(&sim);

    let interim = Arc::new(Mutex::new(Vec::new()));
    let seen = interim.clone();
    let hook = move |response: Response| seen.lock().unwrap().push(response.status().code());
    let sent = send(&sim, &connection, request().on_informational(hook));
    assert!(server.recv_text().ends_with("\r\n\r\n"));
    server.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    sim.run();
    assert_eq!(server.recv_text(), "ping");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    sim.run();
    assert!(sent.take().unwrap().is_ok());
    assert_eq!(*interim.lock().unwrap(), [103, 100]);

    let sent = send(&sim, &connection, request());
    assert!(server.recv_text().ends_with("\r\n\r\n"));
    sim.advance(Duration::from_millis(1010));
    assert_eq!(server.recv_text(), "ping");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    sim.run();
    assert!(sent.take().unwrap().is_ok() && connection.is_reusable());

    let sent = send(&sim, &connection, request());
    assert!(server.recv_text().ends_with("\r\n\r\n"));
    server.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    sim.run();
    assert_eq!(sent.take().unwrap().unwrap().status().code(), 417);
    assert_eq!(server.recv_text(), "");
    assert!(!connection.is_reusable(), "content announced but not sent");
}

#[test]
fn an_early_answer_stops_the_content() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    server.set_window(1000);
    let sent = send(&sim, &connection, Request::post("/", vec![b'x'; 1 << 20]));
    server.recv();
    server.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n");
    sim.run();
    let response = sent.take().unwrap().unwrap();
    assert_eq!(response.status().code(), 413);
    assert_eq!(collect(&sim, response.into_body()).take().unwrap().unwrap(), "no\n");
    assert!(!connection.is_reusable());
    assert!(server.is_closed());
}

#[test]
fn a_request_has_its_deadline() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let request = || Request::get("/").timeout(Duration::from_secs(3));
    let sent = send(&sim, &connection, request());
    sim.advance(Duration::from_millis(2900));
    assert!(sent.take().is_none());
    sim.advance(Duration::from_millis(200));
    assert!(matches!(sent.take().unwrap().unwrap_err(), Error::TimedOut));
    assert!(server.is_closed());

    let (connection, server) = connect(&sim);
    let sent = send(&sim, &connection, request());
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    sim.run();
    let body = collect(&sim, sent.take().unwrap().unwrap().into_body());
    sim.advance(Duration::from_secs(4));
    assert_eq!(body.take().unwrap(), Err(BodyError::TimedOut));
}

#[test]
fn a_request_nobody_waits_for_any_more_closes_the_connection() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let handle = connection.clone();
    let mut future = Box::pin(async move { handle.send(Request::get("/")).await.map(|_| ()) });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    sim.run();
    assert!(server.recv_text().starts_with("GET"));
    drop(future);
    sim.run();
    assert!(server.is_closed() && !connection.is_reusable());
}

#[test]
fn dropping_the_handle_closes_an_idle_connection_only() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let sent = send(&sim, &connection, Request::get("/"));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    sim.run();
    let body = sent.take().unwrap().unwrap().into_body();
    drop(connection);
    sim.run();
    assert!(!server.is_closed());
    server.send("llo");
    sim.run();
    assert_eq!(collect(&sim, body).take().unwrap().unwrap(), "hello");
    sim.run();
    assert!(server.is_closed());
    assert_eq!(sim.tasks(), 0);
}

#[test]
fn rfc9112_9_2_bytes_that_answer_nothing_end_the_connection() {
    let sim = Sim::new();
    let (connection, server) = connect(&sim);
    let sent = send(&sim, &connection, Request::get("/"));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    sim.run();
    assert!(sent.take().unwrap().is_ok());
    assert!(!connection.is_reusable() && server.is_closed());
}

#[test]
fn an_upgrade_and_a_tunnel_hand_the_stream_over() {
    let sim = Sim::new();
    let connect_to = Request::new(avx_http::Method::Connect, "example.org:443").authority("example.org:443");
    for (request, head) in [
        (
            Request::get("/").upgrade("x"),
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n",
        ),
        (connect_to, "HTTP/1.1 200 OK\r\n"),
    ] {
        let (connection, server) = connect(&sim);
        let sent = send(&sim, &connection, request);
        server.recv();
        server.send(format!("{head}\r\nfirst"));
        sim.run();
        let mut io = sent.take().unwrap().unwrap().into_upgraded().unwrap();
        assert!(!connection.is_reusable());
        let read = Pending::start(&sim, async move {
            let mut buf = [0; 64];
            let n = io.read(&mut buf).await.unwrap();
            io.write_all(b"second").await.unwrap();
            (io, buf[..n].to_vec())
        });
        assert_eq!(read.take().unwrap().1, b"first");
        assert_eq!(server.recv_text(), "second");
    }
}

#[test]
fn time_to_connect_is_bounded() {
    let sim = Sim::new();
    let rt = Never(sim.clone());
    let connecting = Pending::start(&sim, async move {
        Connection::connect(&rt, "127.0.0.1:80", &Options::default()).await.map(|_| ())
    });
    sim.advance(Duration::from_secs(29));
    assert!(connecting.take().is_none());
    sim.advance(Duration::from_secs(2));
    assert!(matches!(connecting.take().unwrap(), Err(Error::ConnectTimedOut)));
}

#[test]
fn time_to_connect_may_be_for_ever() {
    let sim = Sim::new();
    let rt = Never(sim.clone());
    let mut options = Options::default();
    options.connect_timeout = Duration::MAX;
    let connecting =
        Pending::start(
            &sim,
            async move { Connection::connect(&rt, "127.0.0.1:80", &options).await.map(|_| ()) },
        );
    sim.advance(Duration::from_secs(86_400));
    assert!(connecting.take().is_none());
}

/// A runtime whose connections are never made.
#[derive(Clone)]
struct Never(Sim);

mod never {
    use super::*;
    use std::io;
    use std::net::SocketAddr;
    use std::path::Path;
    use std::time::Instant;

    impl Runtime for Never {
        type Tcp = <Sim as Runtime>::Tcp;
        type TcpListener = <Sim as Runtime>::TcpListener;
        #[cfg(unix)]
        type Unix = <Sim as Runtime>::Unix;
        #[cfg(unix)]
        type UnixListener = <Sim as Runtime>::UnixListener;
        type Sleep = <Sim as Runtime>::Sleep;

        fn now(&self) -> Instant {
            self.0.now()
        }
        fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
            self.0.sleep_until(deadline)
        }
        fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
            self.0.spawn(future);
        }
        fn spawn_on_each<F>(&self, make: impl FnMut(usize) -> F)
        where
            F: Future<Output = ()> + Send + 'static,
        {
            self.0.spawn_on_each(make);
        }
        fn workers(&self) -> usize {
            1
        }
        fn unblock<T: Send + 'static>(
            &self,
            work: impl FnOnce() -> T + Send + 'static,
        ) -> impl Future<Output = T> + Send + Unpin + 'static {
            self.0.unblock(work)
        }
        fn tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Self::TcpListener> {
            self.0.tcp_listener(listener)
        }
        #[cfg(unix)]
        fn unix_listener(
            &self,
            listener: std::os::unix::net::UnixListener,
        ) -> io::Result<Self::UnixListener> {
            self.0.unix_listener(listener)
        }
        fn bind_tcp(
            &self,
            addr: SocketAddr,
            backlog: u32,
            shared: bool,
        ) -> io::Result<std::net::TcpListener> {
            self.0.bind_tcp(addr, backlog, shared)
        }
        fn connect_tcp(&self, _: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send {
            std::future::pending()
        }
        #[cfg(unix)]
        fn connect_unix(&self, path: &Path) -> impl Future<Output = io::Result<Self::Unix>> + Send {
            self.0.connect_unix(path)
        }
        fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
            self.0.resolve(host, port)
        }
    }
}

#[test]
fn rfc9112_9_2_bytes_behind_a_response_do_not_answer_the_next_request() {
    for len in [65_530, 65_536, 131_072] {
        let sim = Sim::new();
        let (connection, server) = connect(&sim);
        let first = send(&sim, &connection, Request::get("/1"));
        let second = send(&sim, &connection, Request::get("/2"));
        let _ = server.recv_text();
        // The head and content of the first response fill what is read at once, to the byte.
        let head = |n: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n");
        let content = len - head(len - head(len).len()).len();
        let poison = "HTTP/1.1 299 Poison\r\nContent-Length: 0\r\n\r\n";
        server.send(format!("{}{}{poison}", head(content), "x".repeat(content)));
        sim.run();
        let body = first.take().unwrap().unwrap().into_body();
        assert_eq!(collect(&sim, body).take().unwrap().unwrap().len(), content);
        let error = second.take().expect("an answer").map(|response| response.status());
        assert!(error.is_err(), "{len}: {error:?}");
        assert_eq!(server.recv_text(), "", "{len}: the second request was sent");
    }
}

#[test]
fn a_response_that_came_while_the_worker_was_busy_is_not_too_late() {
    let sim = Sim::new();
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-"] {
        let (connection, server) = connect(&sim);
        let sent = send(&sim, &connection, Request::get("/").timeout(Duration::from_secs(20)));
        server.send(begun);
        sim.run();
        server.send(&"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"[begun.len()..]);
        sim.block(Duration::from_secs(100));
        let response = sent.take().expect("an end").expect("a response");
        assert_eq!(response.status().code(), 200);
    }
}
