//! What is served without `--dir`: one route for each thing worth trying.

use super::chat::{self, Room};
use super::content::{Pattern, Pieces};
use super::{http2, ws};
use avx_http::message::Value;
use avx_http::rt::Runtime;
use avx_http::{
    Body, BodyLen, Field, FieldLines, Handler, IntoResponse, OwnedRequest, Preset, Reply, Request, Response,
    Router, Status, Version,
};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const PAGE: &str = include_str!("page.html");
/// What the page may do: run its own script and style, ask this server and talk to it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";

/// Lines that never change are checked once.
static TEXT: LazyLock<Preset> = LazyLock::new(|| media_type("text/plain"));
static JSON: LazyLock<Preset> = LazyLock::new(|| media_type("application/json"));

fn media_type(value: &str) -> Preset {
    Preset::new(&[Field::new("content-type", value)]).unwrap_or_default()
}

/// The longest that `/delay` waits.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// The routes, for a server on `rt`.
pub(super) fn router<R: Runtime>(rt: &R) -> Router {
    let (for_delay, for_priority) = (rt.clone(), rt.clone());
    let room = Arc::<Room>::default();
    Router::new()
        .get("/", page)
        .post("/", Echo)
        .get("/plaintext", || Response::prepared(&TEXT, "Hello, World!"))
        .get("/json", || Response::prepared(&JSON, r#"{"message":"Hello, World!"}"#))
        .any("/echo", Echo)
        .get("/bytes/:n", bytes)
        .get("/stream/:n", stream)
        .any("/headers", headers)
        .any("/status/:code", status)
        .get("/delay/:ms", move |request| delay(for_delay.clone(), request))
        .get("/early", early)
        .get("/trailers", trailers)
        .get("/push", http2::push)
        .get("/push/style.css", http2::style)
        .get("/push/script.js", http2::script)
        .get("/priority/:letter", move |request| http2::priority(for_priority.clone(), request))
        .get("/ws", ws::echo)
        .get("/ws/chat", move |request: &Request<'_>| chat::join(&room, request))
}

fn page() -> Response {
    Response::content("text/html; charset=utf-8", PAGE)
        .field("cache-control", "no-cache")
        .field("content-security-policy", POLICY)
}

/// Content and trailers back as they come, without waiting for their end.
struct Echo;

impl Handler for Echo {
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        let media_type = request.field("content-type").map_or("application/octet-stream".into(), Value::copy);
        let mut response = Response::new(Status::OK);
        if request.body_len() != BodyLen::Empty {
            response = Response::content(media_type, request.detach().into_body());
        }
        response.into()
    }
}

fn bytes(request: &Request<'_>) -> Response {
    match request.parse_param::<u64>("n") {
        Ok(n) if i64::try_from(n).is_ok() => {
            Response::content("application/octet-stream", Body::source(Pattern::new(n)))
        }
        _ => wrong("expected a number of bytes below 2^63, as in /bytes/1000\n"),
    }
}

fn stream(request: &Request<'_>) -> Response {
    match request.parse_param::<u64>("n") {
        Ok(n) => Response::content("text/plain", Body::source(Pieces::new(n))),
        Err(_) => wrong("expected a number of chunks, as in /stream/10\n"),
    }
}

/// The head, every byte as received; over HTTP/2, where these say little, its fields.
fn headers(request: &Request<'_>) -> Response {
    if request.version() == Version::Http2 {
        let mut text = Vec::new();
        let control = [
            (":method", request.method().as_bytes()),
            (":authority", request.authority()),
            (":path", request.target()),
        ];
        let control = control.map(|(name, value)| Field::new(name, value));
        for field in control.into_iter().chain(request.fields()) {
            text.extend_from_slice(&[field.name, b": ", field.value, b"\n"].concat());
        }
        return Response::content("text/plain", text);
    }
    let (raw, _) = request.fields().as_raw();
    // Empty lines before the request line are no part of it (RFC 9112, section 2.2).
    let start = raw.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(raw.len());
    Response::content("text/plain", raw[start..].to_vec())
}

fn status(request: &Request<'_>) -> Response {
    let status = request.parse_param("code").ok().and_then(Status::new).filter(|s| !s.is_informational());
    match status {
        Some(status) if status.forbids_content() => Response::new(status),
        Some(status) => {
            Response::content("text/plain", format!("{status} {}\n", status.reason())).with_status(status)
        }
        None => wrong("expected a final status, as in /status/404\n"),
    }
}

async fn delay<R: Runtime>(rt: R, request: OwnedRequest) -> Response {
    match request.parse_param("ms").map(Duration::from_millis) {
        Ok(delay) if delay <= MAX_DELAY => {
            drop(request);
            rt.sleep_until(rt.now() + delay).await;
            format!("{} ms later\n", delay.as_millis()).into_response()
        }
        _ => wrong("expected milliseconds, at most 60000, as in /delay/250\n"),
    }
}

async fn early(request: OwnedRequest) -> Response {
    const LINK: &str = "</style.css>; rel=preload; as=style";
    request.send_informational(Status::EARLY_HINTS, FieldLines::from_iter([("link", LINK)]));
    Response::content("text/plain", "The hints came first.\n").field("link", LINK)
}

fn trailers() -> Response {
    let (mut sender, body) = Body::channel();
    sender.push("The trailers follow.\n");
    sender.finish_with(&FieldLines::from_iter([("x-bytes", "21"), ("x-end", "yes")]));
    Response::content("text/plain", body).field("trailer", "x-bytes, x-end")
}

fn wrong(text: &'static str) -> Response {
    Response::content("text/plain", text).with_status(Status::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use avx_http::Method;

    fn routes() -> Router {
        let runtime = runtime_avx::Builder::current_thread().build().expect("it starts");
        router(runtime.handle())
    }

    #[test]
    fn the_routes_do_not_conflict() {
        assert!(routes().check().is_ok());
    }

    #[test]
    fn the_page_offers_every_route() {
        for path in [
            "/plaintext",
            "/json",
            "/echo",
            "/bytes/",
            "/stream/",
            "/headers",
            "/status/",
            "/delay/",
            "/early",
            "/trailers",
            "/push",
            "/priority/a",
            "/ws",
            "/ws/chat",
        ] {
            assert!(PAGE.contains(&format!("\"{path}\"")), "{path}");
        }
    }

    #[test]
    fn only_final_statuses_are_answered() {
        for (target, expected) in [
            ("/status/204", 204),
            ("/status/799", 799),
            ("/status/100", 400),
            ("/status/99", 400),
            ("/status/x", 400),
        ] {
            let router = routes();
            let Reply::Now(response) = router.call(&mut Request::new(Method::Get, target)) else {
                panic!("{target} waits");
            };
            assert_eq!(response.status().code(), expected, "{target}");
        }
    }
}
