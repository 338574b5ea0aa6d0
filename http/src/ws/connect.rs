//! The client's side: from an address to a socket.

use super::Error;
use super::pump::State;
use super::socket::{Attendant, Socket};
use crate::client::{self, Connection, Protocol, Request};
use crate::clock::Epoch;
use crate::message::Plain;
use crate::rt::Runtime;
use crate::{Address, FieldLines, Name, Value};
use avx_core::ws::Deflate;
use avx_core::ws::extension::Agreed;
use avx_core::ws::handshake::{Failure, Handshake};
use avx_core::ws::key::MaskKeys;
use avx_core::{Method, ResponseHead};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// How to open a WebSocket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// How to connect, over which protocol, with which limits (`ws` of the [`Config`](crate::Config)).
    pub client: client::Options,
    /// Subprotocols to ask for, a list with commas and the best first. Default none.
    pub protocols: String,
    /// Further field lines of the request: Origin, Cookie, Authorization ...
    pub fields: FieldLines,
    /// Bytes that nobody can predict, other ones with each call: called for the key of the handshake over HTTP/1.1 (RFC
    /// 6455, section 4.1), of which it takes 16 bytes, and for the seed of the masking keys (section 5.3), never for
    /// both at once. Default none: they come from the 128 bits that the standard library draws from the system for
    /// each thread to key its maps with ([`RandomState`]), stretched by its keyed hash, SipHash.
    ///
    /// That is enough for what masking is for: those who choose what a client sends must not know how it will look
    /// on the wire, and would have to find a key of 128 bits for that. Set it, to a call of the system's source,
    /// where a policy wants every key from there, or where the standard library's comes from no such source.
    pub entropy: Option<fn() -> [u8; 32]>,
    /// Offers to compress messages (permessage-deflate, RFC 7692). Default off; see [`Deflate`].
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
}

impl Options {
    fn offer(&self) -> Option<Deflate> {
        #[cfg(feature = "deflate")]
        return self.deflate;
        #[cfg(not(feature = "deflate"))]
        None
    }

    fn draw(&self) -> [u8; 32] {
        self.entropy.map_or_else(entropy, |entropy| entropy())
    }

    /// "The nonce MUST be selected randomly for each connection." (RFC 6455, section 4.1)
    fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&self.draw()[..16]);
        nonce
    }
}

/// Connects to an address like `ws://example.com/chat` and opens a WebSocket there.
///
/// What it needs when nobody polls it (writing, pings, deadlines) is done in a task on `rt`.
///
/// # Errors
/// [`Error::Url`], [`Error::Request`] when there is no connection or no answer, [`Error::Handshake`] when the
/// server does not accept.
pub async fn connect<R: Runtime>(rt: &R, url: &str, options: &Options) -> Result<Socket, Error> {
    let rest = url.strip_prefix("ws://").ok_or(Error::Url("expected ws://"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || authority.contains('@') {
        return Err(Error::Url("expected ws://host:port/path"));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let address = if has_port { authority.to_string() } else { format!("{authority}:80") };
    let target = if target.starts_with('/') { target.to_string() } else { format!("/{target}") };
    let connection =
        Connection::connect(rt, Address::Host(address), &options.client).await.map_err(Error::Request)?;
    begin(rt, &connection, Some(authority), &target, options).await
}

/// Opens a WebSocket over a connection that is there: over HTTP/1.1 it takes all of it, over HTTP/2 a stream, beside
/// whatever else the connection carries.
///
/// # Errors
/// As [`connect`].
pub async fn open<R: Runtime>(
    rt: &R,
    connection: &Connection,
    target: &str,
    options: &Options,
) -> Result<Socket, Error> {
    begin(rt, connection, None, target, options).await
}

async fn begin<R: Runtime>(
    rt: &R,
    connection: &Connection,
    authority: Option<&str>,
    target: &str,
    options: &Options,
) -> Result<Socket, Error> {
    let nonce = (connection.protocol() == Protocol::Http1).then(|| options.nonce());
    let handshake = handshake(nonce, &options.protocols, options.offer());
    let mut request = match nonce {
        Some(_) => Request::get(target),
        None => Request::new(Method::Connect, target),
    };
    for field in handshake.fields().iter() {
        request = request.field(Name::from(field.name.to_vec()), Value::copy(field.value));
    }
    for line in options.fields.iter() {
        request.fields_mut().push(line.name.clone(), line.value.clone());
    }
    if let Some(authority) = authority {
        request = request.authority(authority);
    }
    // The head is judged where it is.
    let verdict = Arc::new(Mutex::new(None));
    let slot = verdict.clone();
    let (asked, offer) = (options.protocols.clone(), options.offer());
    let request = request.inspected(Box::new(move |head: &ResponseHead<'_>| {
        let accepted = handshake_of(nonce, &asked, offer, head);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted);
    }));
    let response = connection.send(request).await.map_err(Error::Request)?;
    let status = response.status();
    let verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (protocol, agreed) = verdict.unwrap_or(Err(Failure::Status(status))).map_err(Error::Handshake)?;
    let io = response.into_upgraded().ok_or(Error::Handshake(Failure::Status(status)))?;
    let mut config = options.client.config;
    config.ws.deflate = options.offer();
    let config = Arc::new(config);
    let host = Plain { rt: rt.clone(), epoch: Epoch::new(rt.now()), config: config.clone() };
    let state = State::new(io.of(Arc::new(host)), config, Some(MaskKeys::new(options.draw())), agreed);
    let (socket, shared) = Socket::new(state, protocol);
    rt.spawn(Attendant(shared));
    Ok(socket)
}

fn handshake(nonce: Option<[u8; 16]>, protocols: &str, offer: Option<Deflate>) -> Handshake<'_> {
    let handshake = nonce.map_or_else(Handshake::extended, Handshake::new);
    let handshake = match &offer {
        Some(deflate) => handshake.deflate(deflate),
        None => handshake,
    };
    if protocols.is_empty() { handshake } else { handshake.protocols(protocols.as_bytes()) }
}

/// The subprotocol that was agreed on, and how to compress.
fn handshake_of(
    nonce: Option<[u8; 16]>,
    protocols: &str,
    offer: Option<Deflate>,
    head: &ResponseHead<'_>,
) -> Result<(Option<Box<str>>, Option<Agreed>), Failure> {
    let accepted = handshake(nonce, protocols, offer).check(head)?;
    Ok((accepted.protocol.map(|name| String::from_utf8_lossy(name).into()), accepted.deflate))
}

/// Bytes that nobody can predict, for keys and nonces: what the standard library keys its maps with, which comes from the
/// system once for each thread, stretched by a keyed hash. What [`Options::entropy`] is by default.
pub fn entropy() -> [u8; 32] {
    let mut bytes = [0; 32];
    for (i, eight) in bytes.chunks_exact_mut(8).enumerate() {
        eight.copy_from_slice(&RandomState::new().hash_one(i).to_le_bytes());
    }
    bytes
}
