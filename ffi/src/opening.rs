//! Handshakes of WebSocket, of both ends and over both versions of HTTP.

use crate::border::{bytes, look, put, with_both, with_fields};
use crate::tunnel::Tunnel;
use crate::{Bytes, Code, Connection, Field, Scratch, Socket, Speaks};
use avx_core::ws::Deflate;
use avx_core::ws::extension::Agreed;
use avx_core::ws::handshake::{self, Accepted, Answer, Failure, Handshake, Reply};
use avx_core::ws::key::MaskKeys;
use avx_core::{
    BodyLen, Config, Http, Instant, Method, Request, RequestHead, Response, ResponseHead, Session, StreamId,
    ws,
};
use std::sync::Arc;

/// A request that asks for a WebSocket, until it is answered.
pub(crate) struct Asking {
    pub(crate) stream: StreamId,
    verdict: Verdict,
    /// It was accepted, and the connection is about to be a WebSocket.
    pub(crate) accepted: bool,
}

enum Verdict {
    Accepts(Answer<'static>, Option<Agreed>),
    Refuses(Reply),
}

impl Asking {
    pub(crate) fn new(stream: StreamId, head: &RequestHead<'_>, deflate: Option<&Deflate>) -> Self {
        let accepts = handshake::check(head).ok().and_then(|offer| {
            let agreed = deflate.and_then(|deflate| offer.deflate(deflate));
            let answer = offer.answer(None, agreed.as_ref()).ok()?;
            Some(Verdict::Accepts(answer, agreed))
        });
        let verdict = accepts.unwrap_or_else(|| Verdict::Refuses(handshake::reply(head)));
        Asking { stream, verdict, accepted: false }
    }

    pub(crate) fn accepts(&self) -> bool {
        matches!(self.verdict, Verdict::Accepts(..))
    }

    pub(crate) fn agreed(&self) -> Option<Agreed> {
        match self.verdict {
            Verdict::Accepts(_, agreed) => agreed,
            Verdict::Refuses(_) => None,
        }
    }
}

/// A handshake that this end has begun, until it is answered.
pub(crate) struct Asked {
    pub(crate) stream: StreamId,
    /// Over HTTP/2 there is none.
    nonce: Option<[u8; 16]>,
    seed: [u8; 32],
    protocols: Vec<u8>,
    deflate: Option<Deflate>,
    agreed: Option<Agreed>,
    /// It was accepted, and the connection is about to be a WebSocket.
    pub(crate) accepted: bool,
}

impl Asked {
    fn handshake(&self) -> Handshake<'_> {
        let handshake =
            self.nonce.map_or_else(Handshake::extended, Handshake::new).protocols(&self.protocols);
        match &self.deflate {
            Some(deflate) => handshake.deflate(deflate),
            None => handshake,
        }
    }

    /// Looks at the response.
    ///
    /// # Errors
    /// As [`Handshake::check`].
    pub(crate) fn check(&mut self, head: &ResponseHead<'_>) -> Result<(), Failure> {
        let Accepted { deflate, .. } = self.handshake().check(head)?;
        (self.agreed, self.accepted) = (deflate, true);
        Ok(())
    }

    /// The machine that goes on.
    pub(crate) fn machine(&self, config: &Arc<Config>, now: Instant) -> ws::Client {
        let machine = ws::Client::new(config.clone(), now, MaskKeys::new(self.seed));
        #[cfg(feature = "deflate")]
        if let Some(agreed) = &self.agreed {
            return machine.with_deflate(agreed);
        }
        machine
    }
}

/// The machine that goes on at a server.
pub(crate) fn server(config: &Arc<Config>, now: Instant, agreed: Option<Agreed>) -> ws::Server {
    let machine = ws::Server::new(config.clone(), now);
    #[cfg(feature = "deflate")]
    if let Some(agreed) = &agreed {
        return machine.with_deflate(agreed);
    }
    let _ = agreed;
    machine
}

/// Answers a request that asks for a WebSocket, once: accepts it if `websocket` was true in its event, and otherwise
/// refuses it with the status that is due. `accepted`, unless it is null, says which. `fields` stand beside those of the
/// handshake: Sec-WebSocket-Protocol for a subprotocol that was chosen from the request's, say. AVX_EVENT_OPEN follows.
/// No origin is checked. Compression is agreed on where AVX_OPTION_DEFLATE allows it.
///
/// Over HTTP/1.1 the whole connection becomes a WebSocket, over HTTP/2 this stream (RFC 8441, and only with
/// AVX_OPTION_CONNECT_PROTOCOL); what is sent and told of is the same, and `stream` names it for both.
///
/// AVX_ERROR_BAD_UPGRADE: the request of `stream` asks for no other protocol, or what a WebSocket sends had begun before
/// it was accepted, or it was answered: answer it otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_reply(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    stream: u64,
    fields: *const Field,
    fields_len: usize,
    accepted: *mut bool,
) -> i32 {
    // SAFETY: handles, lists and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            put(accepted, false);
            let (id, now) = (StreamId(stream), Instant::from_nanos(now));
            let Speaks::Server(session) = &mut c.speaks else { return Err(Code::AvxErrorProtocol) };
            let asking = c.asking.iter_mut().find(|asking| asking.stream == id && !asking.accepted);
            let asking = asking.ok_or(Code::AvxErrorBadUpgrade)?;
            let tunnel = session.machine().is_http2();
            with_fields(fields, fields_len, |more| {
                let (status, mut lines, more) = match &asking.verdict {
                    Verdict::Accepts(answer, _) => (answer.status(), answer.fields().to_vec(), more),
                    Verdict::Refuses(reply) => (reply.status(), reply.fields().to_vec(), &[][..]),
                };
                lines.extend_from_slice(more);
                let preset = s.preset.as_ref();
                let presets = preset.as_slice();
                let response = Response { presets, ..Response::new(status, &lines) };
                let (m, out) = session.parts(&mut s.core);
                if tunnel && asking.accepts() {
                    m.send_response(now, id, &response, BodyLen::Streaming, out)?;
                } else {
                    m.send_full(now, id, &response, b"", out)?;
                }
                Ok(())
            })?;
            let accepts = asking.accepts();
            if accepts && tunnel {
                let machine = server(&c.config, now, asking.agreed());
                c.tunnels.insert(id, Tunnel::new(Socket::Server(Session::new(machine, &c.config))));
            }
            asking.accepted = accepts;
            c.asking.retain(|asking| asking.accepted && !tunnel || asking.stream != id);
            put(accepted, accepts);
            Ok(())
        })
    }
}

/// Asks a server for a WebSocket. `entropy` is 48 bytes from the system's source of it, for this call alone. `protocols`
/// is a list of subprotocols, "chat, superchat", or empty; `fields` stand beside those of the handshake. What comes is
/// AVX_EVENT_RESPONSE, and AVX_EVENT_OPEN behind it if that accepts: with 101 over HTTP/1.1, whereupon the whole
/// connection is a WebSocket, with 200 over HTTP/2, where this stream is one.
///
/// AVX_ERROR_PROTOCOL: this is no client. AVX_ERROR_WRONG_STATE: one was asked for before, over HTTP/1.1.
/// AVX_ERROR_BAD_UPGRADE: a server of HTTP/2 has not said that it takes such (AVX_EVENT_SETTINGS), or not yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn avx_websocket_request(
    connection: *mut Connection,
    scratch: *mut Scratch,
    now: u64,
    entropy: *const u8,
    target: Bytes,
    authority: Bytes,
    protocols: Bytes,
    fields: *const Field,
    fields_len: usize,
    stream: *mut u64,
) -> i32 {
    // SAFETY: handles, bytes, lists and a place to write to, by the rules of the header.
    unsafe {
        with_both(connection, scratch, |c, s| {
            let entropy = look(entropy.cast::<[u8; 48]>())?;
            let (target, authority) =
                (bytes(target.data, target.len)?, bytes(authority.data, authority.len)?);
            let protocols = bytes(protocols.data, protocols.len)?.to_vec();
            let Speaks::Client(session) = &mut c.speaks else { return Err(Code::AvxErrorProtocol) };
            let tunnel = session.machine().is_http2();
            if !tunnel && !c.asked.is_empty() {
                return Err(Code::AvxErrorWrongState);
            }
            let (mut nonce, mut seed) = ([0; 16], [0; 32]);
            nonce.copy_from_slice(&entropy[..16]);
            seed.copy_from_slice(&entropy[16..]);
            let nonce = (!tunnel).then_some(nonce);
            let deflate = c.config.ws.deflate;
            let (stream_unknown, agreed, accepted) = (StreamId(0), None, false);
            let mut asked =
                Asked { stream: stream_unknown, nonce, seed, protocols, deflate, agreed, accepted };
            asked.stream = with_fields(fields, fields_len, |more| {
                let handshake = asked.handshake();
                let mut lines = handshake.fields().to_vec();
                lines.extend_from_slice(more);
                let (method, body) = match tunnel {
                    true => (Method::Connect, BodyLen::Streaming),
                    false => (Method::Get, BodyLen::Empty),
                };
                let request = Request { method, target, authority, fields: &lines };
                let (m, out) = session.parts(&mut s.core);
                Ok(m.send_request(Instant::from_nanos(now), &request, body, out)?)
            })?;
            put(stream, asked.stream.0);
            c.asked.push(asked);
            Ok(())
        })
    }
}
