//! What only HTTP/2 can show: promises, and responses in the order of their priority.

use avx_http::rt::Runtime;
use avx_http::{Body, BodyError, Chunk, IntoResponse, OwnedRequest, Response, Source, Status};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>avx: push</title>
<link rel=\"stylesheet\" href=\"/push/style.css\">
<script src=\"/push/script.js\" defer></script>
<h1>Push</h1>
<p id=\"style\">The style sheet is missing.</p>
<p id=\"script\">The script is missing.</p>
</html>
";
const STYLE: &str = "body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem; }
#style { font-size: 0; }
#style::after { font-size: 1rem; content: 'The style sheet is there.'; }
";
const SCRIPT: &str = "document.getElementById('script').textContent = 'The script is there.';\n";
/// What the page may do: load what it names.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'";

/// A page that promises what it refers to.
pub(super) fn push() -> Response {
    Response::content("text/html; charset=utf-8", PAGE)
        .field("content-security-policy", POLICY)
        .push("/push/style.css")
        .push("/push/script.js")
}

pub(super) fn style() -> Response {
    Response::content("text/css; charset=utf-8", STYLE).field("cache-control", "max-age=60")
}

pub(super) fn script() -> Response {
    Response::content("text/javascript; charset=utf-8", SCRIPT).field("cache-control", "max-age=60")
}

/// Bytes of a `/priority` response, unless its query says so.
const SIZE: u64 = 200_000;
/// So long the first of several responses waits for those that compete with it; all begin together.
const TOGETHER: Duration = Duration::from_millis(50);
/// When the next ones begin.
static START: Mutex<Option<Instant>> = Mutex::new(None);

/// One letter, again and again: whose turn it is can be seen in what arrives.
pub(super) async fn priority<R: Runtime>(rt: R, request: OwnedRequest) -> Response {
    let Some((letters, field)) = asked(&request) else {
        return (
            Status::BAD_REQUEST,
            "expected a letter or digit, and perhaps a size, an urgency (0 to 7) and whether it is \
             incremental, as in /priority/a?size=100000&u=1&i\n",
        )
            .into_response();
    };
    drop(request);
    rt.sleep_until(start()).await;
    let response = Response::content("text/plain", Body::source(letters));
    if field.is_empty() { response } else { response.field("priority", field) }
}

/// When a response that is asked for now begins.
fn start() -> Instant {
    let now = Instant::now();
    let mut start = START.lock().unwrap_or_else(PoisonError::into_inner);
    let next = start.filter(|&at| at > now).unwrap_or(now + TOGETHER);
    *start = Some(next);
    next
}

/// The content, and the value of the Priority field.
fn asked(request: &OwnedRequest) -> Option<(Letters, String)> {
    let letter = match *request.param_bytes("letter")? {
        [letter] if letter.is_ascii_alphanumeric() => letter,
        _ => return None,
    };
    let (mut letters, mut field) = (Letters { letter, left: SIZE }, Vec::new());
    let query = std::str::from_utf8(request.query().unwrap_or_default()).ok()?;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=').unwrap_or((part, "")) {
            ("size", size) => letters.left = size.parse().ok().filter(|&n| i64::try_from(n).is_ok())?,
            ("u", u @ ("0" | "1" | "2" | "3" | "4" | "5" | "6" | "7")) => field.push(format!("u={u}")),
            ("i", "" | "1") => field.push("i".to_owned()),
            ("i", "0") => field.push("i=?0".to_owned()),
            _ => return None,
        }
    }
    Some((letters, field.join(", ")))
}

/// So many bytes, all the same.
struct Letters {
    letter: u8,
    left: u64,
}

/// Bytes of one piece.
const PIECE: usize = 16 << 10;

impl Source for Letters {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let n = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        self.left -= n as u64;
        Poll::Ready((n > 0).then(|| Ok(Chunk::from(vec![self.letter; n]))))
    }

    fn len(&self) -> Option<u64> {
        Some(self.left)
    }
}
