//! The server's side: from a request to a socket.

use super::pump::State;
use super::socket::{Socket, attended};
use crate::pool;
use crate::{IntoResponse, Name, OwnedRequest, Request, Response, Upgraded, Value};
use avx_core::ws::extension::Agreed;
use avx_core::ws::handshake::{self, Offer, Refusal};
use avx_core::ws::{Deflate, Limits};
use avx_core::{Field, Status};
use std::fmt;
use std::future::Future;

/// Accepts a WebSocket and hands it to `then`; answers what is no handshake as it should be (426, 400 ...).
///
/// `then` runs inside the task of the connection, like any handler. The limits are the server's,
/// `ws` of its [`Config`](crate::Config).
///
/// ```
/// use avx_http::{OwnedRequest, Response, Status, ws};
///
/// async fn members_only(request: OwnedRequest) -> Response {
///     match is_member(request.field("cookie")).await {
///         true => ws::upgrade(&request, async |mut socket| drop(socket.send_text("welcome").await)),
///         false => Response::new(Status::FORBIDDEN),
///     }
/// }
/// # async fn is_member(cookie: Option<&[u8]>) -> bool { cookie.is_some() }
/// ```
pub fn upgrade<F, Fut>(request: &impl Opening, then: F) -> Response
where
    F: FnOnce(Socket) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Upgrade::new().accept(request, then)
}

/// A request that may be a handshake: a [`Request`], or the [`OwnedRequest`] of a handler that has to wait before it
/// accepts. Nothing else is one.
pub trait Opening: sealed::Opening {}

impl Opening for Request<'_> {}
impl Opening for OwnedRequest {}

mod sealed {
    use super::{Offer, Refusal};

    pub trait Opening {
        fn offer(&self) -> Result<Offer<'_>, Refusal>;
    }
}

impl sealed::Opening for Request<'_> {
    fn offer(&self) -> Result<Offer<'_>, Refusal> {
        handshake::check_parts(self.method(), self.version(), self.upgrade(), self.fields())
    }
}

impl sealed::Opening for OwnedRequest {
    fn offer(&self) -> Result<Offer<'_>, Refusal> {
        handshake::check_parts(self.method(), self.version(), self.upgrade(), self.fields())
    }
}

/// Whether scripts of this origin may connect.
pub type OriginCheck<'a> = dyn Fn(&[u8]) -> bool + 'a;

/// How WebSockets are accepted.
#[derive(Clone, Copy, Default)]
pub struct Upgrade<'a> {
    protocols: &'a [&'a str],
    origin: Option<&'a OriginCheck<'a>>,
    limits: Option<Limits>,
    deflate: Option<Deflate>,
}

impl<'a> Upgrade<'a> {
    /// Of any origin, without subprotocols, with the server's limits.
    pub fn new() -> Self {
        Upgrade::default()
    }

    /// Speaks one of these subprotocols, the best first. A client that asks for none of them gets none.
    pub fn protocols(mut self, protocols: &'a [&'a str]) -> Self {
        self.protocols = protocols;
        self
    }

    /// Lets scripts in only of the origins for which `check` is true; others are answered with 403. Who sends no
    /// Origin is no script in a browser, and let in.
    ///
    /// "Servers that are not intended to process input from any web page but only for certain sites SHOULD verify the
    /// |Origin| field is an origin they expect." (RFC 6455, section 10.2)
    pub fn origin(mut self, check: &'a OriginCheck<'a>) -> Self {
        self.origin = Some(check);
        self
    }

    /// With these limits instead of the server's.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Compresses messages where the client offers that (permessage-deflate, RFC 7692). Default off: what an attacker can
    /// mix with secrets tells their length when it is compressed, and it costs memory; see [`Deflate`].
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// As [`upgrade`](upgrade).
    pub fn accept<F, Fut>(self, request: &impl Opening, then: F) -> Response
    where
        F: FnOnce(Socket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let offer = match request.offer() {
            Ok(offer) => offer,
            Err(refusal) => return with_fields(refusal.status().into_response(), refusal.fields()),
        };
        if offer.origin().zip(self.origin).is_some_and(|(origin, check)| !check(origin)) {
            return Status::FORBIDDEN.into_response();
        }
        let spoken = |own: &&&str| offer.protocols().any(|asked| asked == own.as_bytes());
        let protocol = self.protocols.iter().find(spoken).copied();
        let agreed = self.deflate.and_then(|deflate| offer.deflate(&deflate));
        let Ok(answer) = offer.answer(protocol.map(str::as_bytes), agreed.as_ref()) else {
            return Status::INTERNAL_SERVER_ERROR.into_response();
        };
        let response = with_fields(Response::new(answer.status()), &answer.fields());
        let protocol = protocol.map(Box::from);
        let terms = Terms { limits: self.limits, deflate: self.deflate, agreed, protocol };
        response.with_take_over(move |io| serve(io, terms, then))
    }
}

fn with_fields(mut response: Response, fields: &[Field<'_>]) -> Response {
    for field in fields {
        response.fields_mut().push(Name::from(field.name.to_vec()), Value::copy(field.value));
    }
    response
}

/// What is known before the socket is there.
struct Terms {
    limits: Option<Limits>,
    deflate: Option<Deflate>,
    agreed: Option<Agreed>,
    protocol: Option<Box<str>>,
}

fn serve<F, Fut>(io: Upgraded, terms: Terms, then: F) -> impl Future<Output = ()> + Send
where
    F: FnOnce(Socket) -> Fut + Send,
    Fut: Future<Output = ()> + Send,
{
    let config = io.host().map(|host| host.config().clone()).unwrap_or_default();
    let config = match (terms.limits, terms.deflate) {
        (None, None) => config,
        (limits, deflate) => {
            let mut limits = limits.unwrap_or(config.ws);
            limits.deflate = deflate;
            pool::with_limits(&config, limits)
        }
    };
    let (socket, shared) = Socket::new(State::new(io, config, None, terms.agreed), terms.protocol);
    attended(shared, move || then(socket))
}

impl fmt::Debug for Upgrade<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("protocols", &self.protocols)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
