//! What services do at the edges of what they may, on each runtime and over both protocols.

mod support;

use adapter_tower::{Client, Tower, response_from_http};
use avx_http::client::{Error, Request};
use avx_http::rt::Runtime;
use avx_http::{Address, Server, Status};
use axum::Router;
use axum::body::Body as AxumBody;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use support::{Host, connections};

on_each_runtime! {
    services_wait_until_they_are_ready
    panics_are_500_or_the_end_of_the_connection
    responses_without_content_have_none
    lengths_that_are_wrong_do_not_look_complete
    what_nobody_waits_for_is_dropped
    content_that_a_service_does_not_want_is_not_in_the_way
    content_is_asked_for_with_100
    fields_of_the_connection_stay_with_the_connection
    shared_content_arrives
    a_client_that_takes_no_more_is_not_ready
}

async fn text(response: avx_http::client::Response) -> String {
    String::from_utf8(response.into_body().collect(1 << 22).await.unwrap()).unwrap()
}

/// The answer to these bytes, up to `end` or the end of the connection.
async fn raw<R: Runtime>(rt: &R, app: Router, request: &'static str, end: &'static str) -> String {
    let server = Server::new(Tower::new(app)).bind("127.0.0.1:0").start(rt).await.unwrap();
    let Address::Inet(addr) = server.local_addrs()[0] else { panic!("no address") };
    let exchange = move || {
        let mut stream = std::net::TcpStream::connect(addr).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let (mut answer, mut buf) = (Vec::new(), [0; 1000]);
        while !answer.ends_with(end.as_bytes()) || end.is_empty() {
            match stream.read(&mut buf).unwrap() {
                0 => break,
                n => answer.extend_from_slice(&buf[..n]),
            }
        }
        String::from_utf8(answer).unwrap()
    };
    rt.unblock(exchange).await
}

fn services_wait_until_they_are_ready<H: Host>() {
    #[derive(Clone)]
    struct Reluctant(usize);
    impl tower::Service<http::Request<adapter_tower::Content>> for Reluctant {
        type Response = Response<Full<Bytes>>;
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.0 += 1;
            match self.0 {
                3 => Poll::Ready(Ok(())),
                n if n > 100 => Poll::Ready(Err(std::io::Error::other("never"))),
                _ => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }
        fn call(&mut self, request: http::Request<adapter_tower::Content>) -> Self::Future {
            assert_eq!(self.0, 3, "called before it was ready");
            std::future::ready(Ok(Response::new(Full::from(request.uri().path().to_owned()))))
        }
    }
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(Reluctant(0))).await {
            for _ in 0..2 {
                assert_eq!(text(connection.send(Request::get("/path")).await.unwrap()).await, "/path");
            }
        }
        for connection in connections(&rt, Tower::new(Reluctant(100))).await {
            let response = connection.send(Request::get("/")).await.unwrap();
            assert_eq!(response.status(), Status::INTERNAL_SERVER_ERROR);
        }
    });
}

fn panics_are_500_or_the_end_of_the_connection<H: Host>() {
    struct Panics;
    impl http_body::Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("on purpose");
        }
    }
    let app = || {
        Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/now", get(async || -> &'static str { panic!("on purpose") }))
            .route("/body", get(async || AxumBody::new(Panics)))
    };
    H::run(async |rt: H::Rt| {
        for path in ["/now", "/body"] {
            for connection in connections(&rt, Tower::new(app())).await {
                let complete = match connection.send(Request::get(path)).await {
                    Ok(response) if response.status() == Status::OK => {
                        response.into_body().collect(100).await.is_ok()
                    }
                    Ok(response) => {
                        assert_eq!(response.status(), Status::INTERNAL_SERVER_ERROR, "{path}");
                        false
                    }
                    Err(_) => false,
                };
                assert!(!complete, "{path}");
            }
        }
        // Nobody else notices.
        for connection in connections(&rt, Tower::new(app())).await {
            let _ = connection.send(Request::get("/now")).await;
            let server = connections(&rt, Tower::new(app())).await;
            for connection in server {
                assert_eq!(text(connection.send(Request::get("/")).await.unwrap()).await, "hello");
            }
        }
    });
}

fn responses_without_content_have_none<H: Host>() {
    let streaming = || {
        let pieces =
            futures_util::stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(b"endless")));
        AxumBody::from_stream(pieces)
    };
    let app = Router::new()
        .route("/204", get(async || (StatusCode::NO_CONTENT, "content")))
        .route("/304", get(async || (StatusCode::NOT_MODIFIED, [("etag", "\"a\"")], "content")))
        .route("/stream", get(async move || (StatusCode::NOT_MODIFIED, streaming())))
        .route("/long", get(async move || ([("content-length", "7000000")], streaming())))
        .route("/endless", get(async move || streaming()));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            for _ in 0..2 {
                for (path, status) in [("/204", 204), ("/304", 304), ("/stream", 304)] {
                    let response = connection.send(Request::get(path)).await.unwrap();
                    assert_eq!(response.status().code(), status, "{path}");
                    assert_eq!(text(response).await, "", "{path}");
                }
                let response = connection.send(Request::head("/long")).await.unwrap();
                assert_eq!(response.field("content-length"), Some(&b"7000000"[..]));
                assert_eq!(text(response).await, "");
                let response = connection.send(Request::head("/endless")).await.unwrap();
                assert_eq!((response.field("content-length"), response.status()), (None, Status::OK));
                assert_eq!(text(response).await, "");
            }
        }
    });
}

fn lengths_that_are_wrong_do_not_look_complete<H: Host>() {
    let app = Router::new().route(
        "/{announced}",
        get(|axum::extract::Path(announced): axum::extract::Path<String>| async move {
            let pieces = ["four", "five"].map(|piece| Ok::<_, Infallible>(Bytes::from(piece)));
            let body = AxumBody::from_stream(futures_util::stream::iter(pieces));
            ([("content-length", announced)], body)
        }),
    );
    H::run(async |rt: H::Rt| {
        for path in ["/3", "/7", "/9", "/90000"] {
            for connection in connections(&rt, Tower::new(app.clone())).await {
                let response = connection.send(Request::get(path)).await.unwrap();
                let got = response.into_body().collect(100_000).await;
                assert!(got.is_err(), "{path} looks complete: {got:?}");
            }
        }
        for connection in connections(&rt, Tower::new(app)).await {
            assert_eq!(text(connection.send(Request::get("/8")).await.unwrap()).await, "fourfive");
        }
    });
}

/// Counts those that live.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn what_nobody_waits_for_is_dropped<H: Host>() {
    let count = Arc::<AtomicUsize>::default();
    let handlers = count.clone();
    let app = Router::new().route(
        "/handler",
        get(move || {
            let alive = Alive::new(&handlers);
            async move {
                let _alive = alive;
                std::future::pending::<&'static str>().await
            }
        }),
    );
    let until = async |n: usize| {
        let mut turns = 0u64;
        while count.load(Ordering::SeqCst) != n {
            turns += 1;
            assert!(turns < 1_000_000, "{} live", count.load(Ordering::SeqCst));
            smol::future::yield_now().await;
        }
    };
    H::run(async |rt: H::Rt| {
        // Over HTTP/1.1 a client that ends its side may still wait for the answer.
        let [_, http2] = connections(&rt, Tower::new(app)).await;
        let mut waiting = Box::pin(http2.send(Request::get("/handler")));
        let polled = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_ready())).await;
        assert!(!polled);
        until(1).await;
        drop(waiting);
        until(0).await;
    });
}

fn content_that_a_service_does_not_want_is_not_in_the_way<H: Host>() {
    let app = Router::new().route(
        "/",
        post(async |request: axum::extract::Request| {
            drop(request);
            "not wanted"
        }),
    );
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            for len in [1, 1000, 40_000] {
                let response = connection.send(Request::post("/", vec![b'x'; len])).await.unwrap();
                assert_eq!(text(response).await, "not wanted");
            }
        }
    });
}

fn content_is_asked_for_with_100<H: Host>() {
    const HEAD: &str = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let app = Router::new()
        .route("/echo", post(async |body: Bytes| body))
        .route("/ignores", post(async || (StatusCode::FORBIDDEN, "no")));
    H::run(async |rt: H::Rt| {
        let answer = raw(&rt, app.clone(), HEAD, "\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.1 100 Continue\r\n\r\n");
        let head: String = HEAD.replace("/echo", "/ignores");
        let answer = raw(&rt, app, head.leak(), "no").await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    });
}

fn fields_of_the_connection_stay_with_the_connection<H: Host>() {
    let headers = || {
        let hops = [("connection", "close, x-hop"), ("keep-alive", "timeout=5"), ("x-hop", "1")];
        let ends = [("x-end", "2"), ("server", "mine"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")];
        (axum::response::AppendHeaders(hops), axum::response::AppendHeaders(ends))
    };
    let app = Router::new().route("/", get(async move || (headers(), "hello")));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app.clone())).await {
            let http1 = connection.protocol() == avx_http::client::Protocol::Http1;
            let response = connection.send(Request::get("/")).await.unwrap();
            assert_eq!(response.field("x-end"), Some(&b"2"[..]));
            assert_eq!(response.field("connection").is_some(), http1);
            assert_eq!(text(response).await, "hello");
        }
        // To the end of the connection.
        let answer = raw(&rt, app, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "").await;
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
        // The service's own, and no second ones.
        for line in ["server: mine\r\n", "date: thu, 01 jan 1970 00:00:00 gmt\r\n"] {
            let answer = answer.to_ascii_lowercase();
            let name = &line[..line.find(':').unwrap() + 1];
            assert_eq!((answer.matches(line).count(), answer.matches(name).count()), (1, 1), "{answer}");
        }
    });
}

const SHARED: Bytes = Bytes::from_static(&[b'x'; 1 << 20]);

fn shared_content_arrives<H: Host>() {
    let app = Router::new().route("/", get(async || SHARED));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            let response = connection.send(Request::get("/")).await.unwrap();
            assert_eq!(response.field("content-length"), Some(&b"1048576"[..]));
            assert!(text(response).await.bytes().eq(SHARED), "it differs");
        }
    });
}

fn a_client_that_takes_no_more_is_not_ready<H: Host>() {
    use tower::Service;
    let ready = |client: &mut Client| {
        let mut cx = Context::from_waker(Waker::noop());
        Service::<http::Request<AxumBody>>::poll_ready(client, &mut cx)
    };
    H::run(async |rt: H::Rt| {
        let app = Router::new().route("/", get(async || "hello"));
        for connection in connections(&rt, Tower::new(app)).await {
            let mut client = Client::from(connection.clone());
            assert!(matches!(ready(&mut client), Poll::Ready(Ok(()))));
            assert_eq!(text(connection.send(Request::get("/")).await.unwrap()).await, "hello");
            assert!(matches!(ready(&mut client), Poll::Ready(Ok(()))));
            connection.shutdown();
            assert!(matches!(ready(&mut client), Poll::Ready(Err(Error::Unsent(None)))));
        }
    });
}

#[test]
fn a_handler_of_avx_sees_the_target_of_connect() {
    let seen = |request: &avx_http::Request<'_>| {
        format!("{} {}", request.target().escape_ascii(), request.authority().escape_ascii())
    };
    let service = adapter_tower::HandlerService::new(seen).unwrap();
    let answer = |method: &str, uri: &str| {
        let request = http::Request::builder().method(method).uri(uri).body(AxumBody::empty()).unwrap();
        let response = smol::block_on(tower::ServiceExt::oneshot(service.clone(), request)).unwrap();
        let body = smol::block_on(response.into_body().into_inner().collect(100)).unwrap();
        String::from_utf8(body).unwrap()
    };
    assert_eq!(answer("CONNECT", "example.com:443"), "example.com:443 example.com:443");
    assert_eq!(answer("OPTIONS", "*"), "* ");
    assert_eq!(answer("GET", "http://example.com/a?b"), "/a?b example.com");
}

/// What lies in the program, or is shared by many responses, is copied a piece at a time.
#[test]
fn shared_content_is_not_copied_as_a_whole() {
    let mut response = response_from_http(Response::new(Full::new(SHARED)));
    let mut cx = Context::from_waker(Waker::noop());
    let mut len = 0;
    while let Poll::Ready(Some(piece)) = response.body_mut().poll_data(&mut cx) {
        let piece = piece.unwrap();
        assert!(piece.len() <= avx_http::body::PIECE, "{} bytes at once", piece.len());
        len += piece.len();
    }
    assert_eq!(len, SHARED.len());
    // What nobody shares is not copied at all.
    let own = vec![b'x'; 1 << 20];
    let address = own.as_ptr();
    let mut response = response_from_http(Response::new(Full::new(Bytes::from(own))));
    let Poll::Ready(Some(Ok(piece))) = response.body_mut().poll_data(&mut cx) else { panic!("nothing") };
    assert_eq!((piece.len(), piece.as_ptr()), (1 << 20, address));
}

#[test]
fn trailers_without_content_are_kept() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "0".parse().unwrap());
    let frames = [Ok::<_, Infallible>(Frame::<Bytes>::trailers(trailers))];
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut response = response_from_http(Response::new(body));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(response.body_mut().poll_data(&mut cx), Poll::Ready(None)));
    assert_eq!(response.body().trailers().unwrap().get("x-sum"), Some(&b"0"[..]));
}

#[test]
fn a_response_that_goes_nowhere_drops_its_content() {
    let count = Arc::<AtomicUsize>::default();
    let alive = Alive::new(&count);
    let pieces = futures_util::stream::repeat_with(move || {
        let _ = &alive;
        Ok::<_, Infallible>(Bytes::from_static(b"x"))
    });
    let response = AxumBody::from_stream(pieces).into_response();
    let mut response = response_from_http(response);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(response.body_mut().poll_data(&mut cx).is_ready());
    drop(response);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
