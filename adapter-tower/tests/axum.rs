//! axum on the engine, and the engine's handlers in axum, on each runtime and over both protocols.

mod support;

use adapter_tower::{Client, Content, FieldSection, HandlerService, Tower};
use avx_http::client::Request;
use avx_http::{Body, FieldLines, OwnedRequest, Peer, Response, Router as Avx, Status, Version};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::convert::Infallible;
use std::sync::Arc;
use support::{Host, connections};
use tower::ServiceExt;

on_each_runtime! {
    axum_answers
    content_streams_both_ways
    trailers_go_both_ways
    a_response_to_head_says_how_long_it_would_be
    failures_are_told_apart
    handlers_of_avx_stand_in_axum
    order_and_case_survive_the_round_trip
    a_client_is_a_service
}

/// More than any buffer on the way.
const MUCH: usize = 3 << 20;

async fn text(response: avx_http::client::Response) -> String {
    String::from_utf8(response.into_body().collect(MUCH).await.unwrap()).unwrap()
}

fn axum_answers<H: Host>() {
    let app = Router::new()
        .route("/", get(|State(greeting): State<Arc<str>>| async move { greeting.to_string() }))
        .route("/user/{id}", get(|Path(id): Path<u32>| async move { format!("user {id}") }))
        .route(
            "/seen",
            get(|request: axum::extract::Request| async move {
                let peer = request.extensions().get::<Peer>().copied();
                assert!(matches!(peer, Some(Peer::Inet(addr)) if addr.ip().is_loopback()), "{peer:?}");
                format!("{:?} {}", request.version(), request.uri().query().unwrap_or_default())
            }),
        )
        .with_state(Arc::from("hello from axum"));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            let get = async |path: &str| connection.send(Request::get(path)).await.unwrap();
            assert_eq!(text(get("/").await).await, "hello from axum");
            assert_eq!(text(get("/user/7").await).await, "user 7");
            assert_eq!(get("/user/seven").await.status(), Status::BAD_REQUEST);
            assert_eq!(get("/nowhere").await.status(), Status::NOT_FOUND);
            let seen = get("/seen?a=b&c").await;
            let version = if seen.version() == Version::Http2 { "HTTP/2.0" } else { "HTTP/1.1" };
            assert_eq!(text(seen).await, format!("{version} a=b&c"));
        }
    });
}

fn content_streams_both_ways<H: Host>() {
    let app = Router::new()
        .route(
            "/upper",
            post(|body: axum::body::Body| async {
                let pieces = body.into_data_stream().map(|piece| piece.map(|p| p.to_ascii_uppercase()));
                axum::body::Body::from_stream(pieces)
            }),
        )
        .route("/ignores", post(|| async { "ignored" }));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            // Neither end waits for the other: an echo that held everything would never answer the first piece.
            let (mut sender, body) = Body::channel();
            let mut answer = Box::pin(connection.send(Request::post("/upper", body)));
            sender.push("first ");
            let mut response = answer.as_mut().await.unwrap();
            let first = response.body().data().await.unwrap().unwrap();
            assert_eq!(&*first, b"FIRST ");
            sender.push("second");
            sender.finish();
            assert_eq!(text(response).await, "SECOND");

            let much = vec![b'x'; MUCH];
            let response = connection.send(Request::post("/upper", much)).await.unwrap();
            assert!(text(response).await.bytes().eq(vec![b'X'; MUCH]), "it differs");
            let response = connection.send(Request::post("/ignores", "content")).await.unwrap();
            assert_eq!(text(response).await, "ignored");
        }
    });
}

fn trailers_go_both_ways<H: Host>() {
    let app = Router::new().route(
        "/",
        post(|body: axum::body::Body| async {
            let collected = body.collect().await.unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-seen", collected.trailers().unwrap()["x-sum"].clone());
            let frames = [Frame::data(collected.to_bytes()), Frame::trailers(trailers)];
            axum::body::Body::new(StreamBody::new(futures_util::stream::iter(
                frames.map(Ok::<_, Infallible>),
            )))
        }),
    );
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            let (mut sender, body) = Body::channel();
            sender.push("content");
            sender.finish_with(&[("x-sum", "42")].into_iter().collect());
            // Trailers of a response are for those who say that they want them (RFC 9110, section 6.5.1).
            let request = Request::post("/", body).field("te", "trailers");
            let mut response = connection.send(request).await.unwrap();
            while let Some(piece) = response.body().data().await {
                assert_eq!(&*piece.unwrap(), b"content");
            }
            assert_eq!(response.body().trailers().unwrap().get("x-seen"), Some(&b"42"[..]));
        }
    });
}

fn a_response_to_head_says_how_long_it_would_be<H: Host>() {
    let app = Router::new().route("/", get(|| async { "hello" }));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            for _ in 0..2 {
                let response = connection.send(Request::head("/")).await.unwrap();
                assert_eq!(response.field("content-length"), Some(&b"5"[..]));
                assert_eq!(text(response).await, "");
            }
            assert_eq!(text(connection.send(Request::get("/")).await.unwrap()).await, "hello");
        }
    });
}

fn failures_are_told_apart<H: Host>() {
    let service = tower::service_fn(|request: http::Request<Content>| async move {
        match request.uri().path() {
            "/breaks-off" => {
                let pieces = [Ok(Frame::data(Bytes::from_static(b"part"))), Err("on purpose")];
                Ok(http::Response::new(BodyExt::boxed(StreamBody::new(futures_util::stream::iter(pieces)))))
            }
            "/switches" => {
                let mut response = http::Response::new(Content::default().map_err(|_| "never").boxed());
                *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
                Ok(response)
            }
            _ => Err(std::io::Error::other("secret")),
        }
    });
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(service)).await {
            let response = connection.send(Request::get("/")).await.unwrap();
            assert_eq!(response.status(), Status::INTERNAL_SERVER_ERROR);
            assert!(!text(response).await.contains("secret"));
            let response = connection.send(Request::get("/switches")).await.unwrap();
            assert_eq!(response.status(), Status::NOT_IMPLEMENTED);
            text(response).await;
            let response = connection.send(Request::get("/breaks-off")).await.unwrap();
            assert!(response.into_body().collect(100).await.is_err(), "it looks complete");
        }
    });
}

fn handlers_of_avx_stand_in_axum<H: Host>() {
    let ours = Avx::new()
        .get("/avx/user/:id", |request: &avx_http::Request<'_>| {
            assert!(!request.authority().is_empty());
            format!("{} for {:?}", request.param("id").unwrap(), request.version())
        })
        .post("/avx/echo", async |request: OwnedRequest| request.into_body())
        .get("/avx/upgrade", || Response::upgrade("nothing", async |_| {}));
    let app = Router::new()
        .route("/", get(|| async { "axum" }))
        .fallback_service(HandlerService::new(ours).unwrap());
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            let get = async |path: &str| connection.send(Request::get(path)).await.unwrap();
            assert_eq!(text(get("/").await).await, "axum");
            let answer = text(get("/avx/user/7").await).await;
            assert!(["7 for Http11", "7 for Http2"].contains(&&*answer), "{answer}");
            let content = vec![b'x'; MUCH];
            let echo = connection.send(Request::post("/avx/echo", content)).await.unwrap();
            assert_eq!(text(echo).await.len(), MUCH);
            assert_eq!(get("/avx/nowhere").await.status(), Status::NOT_FOUND);
            assert_eq!(get("/avx/upgrade").await.status(), Status::NOT_IMPLEMENTED);
        }
    });
}

/// Our client, our server, axum, our handler, and all the way back.
fn order_and_case_survive_the_round_trip<H: Host>() {
    const LINES: [(&str, &str); 5] =
        [("X-Second", "2"), ("x-First", "1"), ("X-MANY", "a"), ("x-second", "3"), ("X-many", "b")];
    let lines = || LINES.into_iter().collect::<FieldLines>();
    let ours = Avx::new().get("/", move |request: &avx_http::Request<'_>| {
        let seen: Vec<_> =
            request.fields().iter().filter(|f| f.name[0].eq_ignore_ascii_case(&b'x')).collect();
        let sent = lines();
        for (seen, sent) in seen.iter().zip(sent.iter()) {
            let exact = request.version() != Version::Http2;
            let (one, other) = (seen.name, sent.name.as_bytes());
            assert!(if exact { one == other } else { one.eq_ignore_ascii_case(other) }, "{seen:?} {sent:?}");
            assert_eq!(seen.value, sent.value.as_bytes());
        }
        assert_eq!(seen.len(), LINES.len());
        Response::new(Status::NO_CONTENT).with_fields(sent)
    });
    let change = |mut response: axum::response::Response| async move {
        response.headers_mut().insert("x-first", "changed".parse().unwrap());
        response.headers_mut().insert("x-new", "new".parse().unwrap());
        response
    };
    let app = Router::new()
        .fallback_service(HandlerService::new(ours).unwrap())
        .layer(axum::middleware::map_response(change));
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            let mut request = Request::get("/");
            *request.fields_mut() = lines();
            let response = connection.send(request).await.unwrap();
            assert_eq!(response.status(), Status::NO_CONTENT);
            let lower = response.version() == Version::Http2;
            let named = |name: &str| if lower { name.to_ascii_lowercase() } else { name.to_string() };
            let seen: Vec<_> = response
                .fields()
                .iter()
                .map(|f| (f.name.escape_ascii().to_string(), f.value.escape_ascii().to_string()))
                .filter(|(name, _)| name.to_ascii_lowercase().starts_with('x'))
                .collect();
            let mut expected = LINES.map(|(name, value)| (named(name), value.to_string())).to_vec();
            expected[1].1 = "changed".into();
            expected.push(("x-new".into(), "new".into()));
            assert_eq!(seen, expected);
        }
    });
}

fn a_client_is_a_service<H: Host>() {
    let app = Router::new().route(
        "/{name}",
        post(|Path(name): Path<String>, headers: HeaderMap, body: String| async move {
            let host = headers.get("host").map(|host| host.to_str().unwrap().to_string());
            (http::StatusCode::CREATED, format!("{name} {body} {}", host.unwrap_or_default())).into_response()
        }),
    );
    H::run(async |rt: H::Rt| {
        for connection in connections(&rt, Tower::new(app)).await {
            let http1 = connection.protocol() == avx_http::client::Protocol::Http1;
            let request = http::Request::post("http://example.com/name").body("content".to_string()).unwrap();
            let response = Client::from(connection).oneshot(request).await.unwrap();
            assert_eq!(response.status(), http::StatusCode::CREATED);
            let section = response.extensions().get::<FieldSection>().unwrap();
            assert!(section.fields().get("date").is_some());
            let text = response.into_body().collect().await.unwrap().to_bytes();
            let host = if http1 { "example.com" } else { "" };
            assert_eq!(text, format!("name content {host}"));
        }
    });
}
