//! Upgrades, by way of a connection in memory.
//!
//! A transport that is handed over is of the engine's making here and of hyper's there, and neither can be made by
//! anybody else. So a request that wants to upgrade goes through a small connection in memory, from a client of the
//! engine's to whoever can hand a transport over; when it has done so, bytes are copied between that transport and
//! the one outside. All other requests go the short way, and so do those with content: clients that offer h2c do so with
//! whatever they send.
//!
//! ```text
//! outside: the engine   --- Upgrades ----- client ~~pipe~~ hyper ---- the service: axum's WebSocket
//! outside: hyper, axum  --- Upgrading ---- client ~~pipe~~ engine --- the handler: ws::upgrade
//! ```
//!
//! An extended CONNECT of HTTP/2 (RFC 8441) goes through as the request of HTTP/1.1 that means the same.

mod handler;
mod io;
mod pipe;
mod service;
mod splice;

pub use handler::Upgrades;
pub use io::HyperIo;
pub use service::Upgrading;

use avx_http::client::{Connection, Error, Options, Request, Response};
use avx_http::rt::{Runtime, Stream};
use avx_http::{FieldLines, Method, Peer, Status, Upgraded, Value};

/// The key of every opening handshake in memory: that of RFC 6455, section 1.3. Nobody else sees it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What came of a request to upgrade.
enum Outcome {
    /// The transport, and the fields beside Upgrade.
    Switched { protocol: Value, fields: FieldLines, io: Upgraded },
    /// An answer like any other.
    Answered(Response),
}

/// Asks for `offer` over `io`. `extended`: in the place of an extended CONNECT, which GET stands for and whose
/// handshake has no key.
async fn ask<R: Runtime>(
    rt: &R,
    io: impl Stream,
    (method, target, authority): (Method<'_>, &str, &str),
    offer: Value,
    fields: impl Iterator<Item = (Vec<u8>, Value)>,
    extended: bool,
) -> Result<Outcome, Error> {
    let connection = Connection::over(rt, io, Peer::Unix, authority, &Options::default());
    let mut request = Request::new(if extended { Method::Get } else { method }, target);
    for (name, value) in fields.filter(|(name, _)| !is_of_the_transport(name)) {
        request.fields_mut().push(name, value);
    }
    if extended {
        request.fields_mut().push("sec-websocket-key", KEY);
    }
    let response = connection.send(request.authority(authority).upgrade(offer)).await?;
    if response.status() != Status::SWITCHING_PROTOCOLS {
        return Ok(Outcome::Answered(response));
    }
    let protocol = Value::copy(response.field("upgrade").unwrap_or_default());
    let kept = |name: &[u8]| {
        !(is_of_the_transport(name) || extended && name.eq_ignore_ascii_case(b"sec-websocket-accept"))
    };
    let fields = response.fields().iter().filter(|field| kept(field.name));
    let fields = fields.map(|field| (field.name.to_vec(), Value::copy(field.value))).collect();
    match response.into_upgraded() {
        Some(io) => Ok(Outcome::Switched { protocol, fields, io }),
        None => Err(Error::Closed),
    }
}

/// Whether a field is about the connection that it comes over. Host is said once, by the authority.
fn is_of_the_transport(name: &[u8]) -> bool {
    let names = ["connection", "upgrade", "host", "content-length", "transfer-encoding", ":protocol"];
    names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}
