//! Upgrades in both directions: services of hyper's kind on the engine, and the engine's WebSocket in axum.

mod support;

use adapter_tower::{Content, HandlerService, HyperIo, Tower};
use avx_http::client::{Connection, Options, Protocol, Request};
use avx_http::rt::{Runtime, Stream};
use avx_http::{Handler, Server, ServerHandle, Status, ws};
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::any;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::Host;

on_each_runtime! {
    a_service_takes_the_transport
    a_service_that_does_not_upgrade_answers
    a_service_that_leaves_leaves_nothing_behind
    a_transport_that_breaks_off_breaks_the_other_off
    an_offer_changes_neither_method_nor_content
}

/// More than any buffer on the way.
const MUCH: usize = 3 << 20;

/// Connections in each protocol.
async fn connect<R: Runtime>(rt: &R, address: SocketAddr) -> [Connection; 2] {
    let mut options = Options::default();
    let one = Connection::connect(rt, address, &options).await.unwrap();
    options.protocol = Protocol::Http2;
    [one, Connection::connect(rt, address, &options).await.unwrap()]
}

async fn serve<R: Runtime>(rt: &R, handler: impl Handler) -> SocketAddr {
    addr(&start(rt, handler).await)
}

async fn start<R: Runtime>(rt: &R, handler: impl Handler) -> ServerHandle {
    let mut config = avx_http::Config::default();
    config.h2.connect_protocol = true;
    Server::new(handler).config(config).bind("127.0.0.1:0").start(rt).await.unwrap()
}

fn addr(server: &ServerHandle) -> SocketAddr {
    match server.local_addrs()[0] {
        avx_http::Address::Inet(addr) => addr,
        ref other => panic!("{other}"),
    }
}

/// Takes the transport over where it is asked to, and gives back what comes.
fn echoing<R: Runtime>(rt: R) -> impl Handler {
    let on = rt.clone();
    let service = tower::service_fn(move |mut request: http::Request<Content>| {
        let rt = rt.clone();
        async move {
            let mut response = http::Response::new(String::new());
            if request.headers().get("upgrade").is_none_or(|offer| offer != "echo") {
                *response.body_mut() = "no echo is wanted".into();
                return Ok::<_, std::convert::Infallible>(response);
            }
            let upgrade = hyper::upgrade::on(&mut request);
            rt.spawn(async {
                let mut io = HyperIo::new(upgrade.await.unwrap());
                let mut buf = [0; 1000];
                while let n @ 1.. = poll_fn(|cx| Stream::poll_read(&mut io, cx, &mut buf)).await.unwrap() {
                    let mut rest = &buf[..n];
                    while !rest.is_empty() {
                        let n = poll_fn(|cx| Stream::poll_write(&mut io, cx, rest)).await.unwrap();
                        rest = &rest[n..];
                    }
                }
                poll_fn(|cx| Stream::poll_shutdown(&mut io, cx)).await.unwrap();
            });
            *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", "upgrade".parse().unwrap());
            response.headers_mut().insert("upgrade", "echo".parse().unwrap());
            response.headers_mut().insert("x-path", request.uri().path().parse().unwrap());
            Ok(response)
        }
    });
    Tower::new(service).upgrades(&on)
}

fn a_service_takes_the_transport<H: Host>() {
    H::run(async |rt: H::Rt| {
        let [connection, _] = connect(&rt, serve(&rt, echoing(rt.clone())).await).await;
        let response = connection.send(Request::get("/some/path?query").upgrade("echo")).await.unwrap();
        assert_eq!(response.status(), Status::SWITCHING_PROTOCOLS);
        assert_eq!(response.field("x-path"), Some(&b"/some/path"[..]));
        let mut io = response.into_upgraded().unwrap();
        let mut buf = [0; 4096];
        for len in [1, 1000, 4096] {
            io.write_all(&vec![b'x'; len]).await.unwrap();
            let mut seen = 0;
            while seen < len {
                seen += io.read(&mut buf).await.unwrap();
            }
            assert_eq!(seen, len);
        }
        io.write_all(b"the end").await.unwrap();
        io.shutdown().await.unwrap();
        let mut all = Vec::new();
        while let n @ 1.. = io.read(&mut buf).await.unwrap() {
            all.extend_from_slice(&buf[..n]);
        }
        assert_eq!(all, b"the end");
    });
}

fn a_service_that_does_not_upgrade_answers<H: Host>() {
    H::run(async |rt: H::Rt| {
        for connection in connect(&rt, serve(&rt, echoing(rt.clone())).await).await {
            for request in [Request::get("/"), Request::get("/").upgrade("other")] {
                let response = connection.send(request).await.unwrap();
                assert_eq!(response.status(), Status::OK);
                let text = response.into_body().collect(100).await.unwrap();
                assert_eq!(text, b"no echo is wanted");
            }
        }
    });
}

/// A service that does `then` with its transport.
fn taking<R: Runtime, Fut>(
    rt: &R,
    then: impl Fn(Outside) -> Fut + Clone + Send + Sync + 'static,
) -> impl Handler
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let on = rt.clone();
    let service = tower::service_fn(move |mut request: http::Request<Content>| {
        let upgrade = hyper::upgrade::on(&mut request);
        let then = then.clone();
        on.spawn(async move { then(HyperIo::new(upgrade.await.unwrap())).await });
        let response = http::Response::builder().status(101).header("connection", "upgrade");
        let response = response.header("upgrade", "echo").body(String::new()).unwrap();
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    Tower::new(service).upgrades(rt)
}

type Outside = HyperIo<hyper::upgrade::Upgraded>;

async fn until<R: Runtime>(rt: &R, so: impl Fn() -> bool) {
    let begun = rt.now();
    while !so() {
        assert!(rt.now() < begun + Duration::from_secs(10), "not in time");
        rt.sleep_until(rt.now() + Duration::from_millis(1)).await;
    }
}

/// The client neither says anything nor goes.
fn a_service_that_leaves_leaves_nothing_behind<H: Host>() {
    H::run(async |rt: H::Rt| {
        let server = start(&rt, taking(&rt, async |io| drop(io))).await;
        let [connection, other] = connect(&rt, addr(&server)).await;
        drop(other);
        let response = connection.send(Request::get("/").upgrade("echo")).await.unwrap();
        let mut io = response.into_upgraded().unwrap();
        assert_eq!(io.read(&mut [0; 10]).await.unwrap(), 0);
        until(&rt, || server.connections() == 0).await;
        drop(io);
    });
}

fn a_transport_that_breaks_off_breaks_the_other_off<H: Host>() {
    H::run(async |rt: H::Rt| {
        let broken = Arc::new(AtomicBool::new(false));
        let seen = broken.clone();
        let handler = taking(&rt, move |mut io| {
            let seen = seen.clone();
            async move {
                let read = poll_fn(|cx| Stream::poll_read(&mut io, cx, &mut [0; 10])).await;
                seen.store(read.is_err(), Ordering::Relaxed);
            }
        });
        let server = start(&rt, handler).await;
        let [connection, _] = connect(&rt, addr(&server)).await;
        let response = connection.send(Request::get("/").upgrade("echo")).await.unwrap();
        let mut io = response.into_upgraded().unwrap();
        io.reset();
        drop(io);
        until(&rt, || broken.load(Ordering::Relaxed)).await;
    });
}

async fn messages<R: Runtime>(rt: &R, connection: &Connection) {
    let mut socket = ws::open(rt, connection, "/ws", &ws::Options::default()).await.unwrap();
    for len in [0, 1, 1000, MUCH] {
        let text = "x".repeat(len);
        socket.send_text(&text).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap().as_text(), Some(&*text), "{len} bytes");
    }
    socket.close(ws::CloseCode::NORMAL, "").await.unwrap();
    assert!(socket.recv().await.unwrap().is_none());
    // What is no handshake is refused, and the connection goes on.
    let over = connection.protocol();
    if over == Protocol::Http2 {
        let response = connection.send(Request::get("/ws")).await.unwrap();
        assert!((400..500).contains(&response.status().code()), "{}", response.status());
    }
}

fn on_tokio<F: Future>(test: impl FnOnce(adapter_tokio::Tokio) -> F) -> F::Output {
    support::Tokio::run(test)
}

#[test]
fn a_websocket_of_axums_stands_on_the_engine() {
    on_tokio(async |rt| {
        let app = axum::Router::new().route(
            "/ws",
            any(async |upgrade: WebSocketUpgrade| {
                upgrade.max_message_size(2 * MUCH).max_frame_size(2 * MUCH).on_upgrade(async |mut socket| {
                    while let Some(Ok(message)) = socket.recv().await {
                        if matches!(message, axum::extract::ws::Message::Text(_)) {
                            socket.send(message).await.unwrap();
                        }
                    }
                })
            }),
        );
        let address = serve(&rt, Tower::new(app).upgrades(&rt)).await;
        for connection in connect(&rt, address).await {
            messages(&rt, &connection).await;
        }
    });
}

#[test]
fn a_websocket_of_the_engines_stands_in_axum() {
    on_tokio(async |rt| {
        let ours = avx_http::Router::new()
            .get("/ws", |request: &avx_http::Request<'_>| {
                ws::upgrade(request, async |mut socket| {
                    while let Ok(Some(message)) = socket.recv().await {
                        socket.send(message).await.unwrap();
                    }
                })
            })
            .get("/plain", || "plain");
        let service = HandlerService::new(ours).unwrap().upgrading(&rt).unwrap();
        let app = axum::Router::new().fallback_service(service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, app).await });
        for connection in connect(&rt, address).await {
            let response = connection.send(Request::get("/plain")).await.unwrap();
            assert_eq!(response.into_body().collect(100).await.unwrap(), b"plain");
            messages(&rt, &connection).await;
        }
    });
}

/// Clients that offer h2c do so with whatever they send.
fn an_offer_changes_neither_method_nor_content<H: Host>() {
    const OFFERS: [(&str, &str); 2] = [
        ("content-length: 7\r\n\r\ncontent", "POST with content"),
        ("content-length: 0\r\n\r\n", "POST with "),
    ];
    H::run(async |rt: H::Rt| {
        let app = async |request: axum::extract::Request| {
            let method = request.method().clone();
            let content = axum::body::to_bytes(request.into_body(), 100).await.unwrap();
            format!("{method} with {}", content.escape_ascii())
        };
        let app = axum::Router::new().route("/", any(app));
        let addr = serve(&rt, Tower::new(app).upgrades(&rt)).await;
        let ours = async |mut request: avx_http::OwnedRequest| {
            let content = request.take_body().collect(100).await.unwrap();
            format!("{} with {}", request.method().as_bytes().escape_ascii(), content.escape_ascii())
        };
        let service = HandlerService::new(ours).unwrap().upgrading(&rt).unwrap();
        for (rest, expected) in OFFERS {
            let answer = rt.unblock(move || {
                use std::io::{Read, Write};
                let mut stream = std::net::TcpStream::connect(addr).unwrap();
                let head = "POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n";
                stream.write_all(format!("{head}{rest}").as_bytes()).unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).map(|_| answer).unwrap()
            });
            let answer = answer.await;
            assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");

            let content = expected.strip_prefix("POST with ").unwrap();
            let request = http::Request::post("/").header("host", "a").header("connection", "upgrade");
            let request = request.header("upgrade", "h2c").body(content.to_string()).unwrap();
            let response = tower::ServiceExt::oneshot(service.clone(), request).await.unwrap();
            let answer = response.into_body().into_inner().collect(100).await.unwrap();
            assert_eq!(answer.escape_ascii().to_string(), expected);
        }
        // A tunnel is no protocol, and nobody here makes one.
        let answer = rt.unblock(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(addr).unwrap();
            let head =
                "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\nconnection: upgrade, close\r\nupgrade: x\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer).unwrap()
        });
        let answer = answer.await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    });
}
