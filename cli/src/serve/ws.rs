//! WebSockets of the demo: an echo, and what it shares with the chat.

use avx_http::ws::{Deflate, Event, Socket, Upgrade};
use avx_http::{Request, Response, Status};

/// `/ws`: everything back as it comes, piece by piece.
pub(super) fn echo(request: &Request<'_>) -> Response {
    hinted(request, Upgrade::new().deflate(Deflate::default()).accept(request, back))
}

async fn back(mut socket: Socket) {
    while let Ok(Some(event)) = socket.next_event().await {
        if let Event::Data { data, last } = event {
            if socket.send_piece(data, last).await.is_err() {
                return;
            }
        }
    }
}

/// The response, with words for who came without a WebSocket.
pub(super) fn hinted(request: &Request<'_>, response: Response) -> Response {
    if response.status() != Status::UPGRADE_REQUIRED {
        return response;
    }
    let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (host, path) = (lossy(request.authority()), lossy(request.path()));
    response.with_body(format!("A WebSocket lives here. Try: avx ws ws://{host}{path}\n"))
}

/// Whether a script of this origin was served from here.
pub(super) fn is_same_origin(request: &Request<'_>, origin: &[u8]) -> bool {
    origin.strip_prefix(b"http://").is_some_and(|host| host.eq_ignore_ascii_case(request.authority()))
}
