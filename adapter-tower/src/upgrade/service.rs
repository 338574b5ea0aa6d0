//! A handler of avx that upgrades, as a tower service under hyper.

use super::pipe::pipe;
use super::splice::splice;
use super::{HyperIo, Outcome, ask};
use crate::convert::{client_response_to_http, peer_of};
use crate::section::map_of;
use crate::{Content, FieldSection, HandlerService};
use avx_http::conn::Engine;
use avx_http::router::RouteError;
use avx_http::rt::Runtime;
use avx_http::{Handler, OwnedFields, Reply, Request, Server, Value};
use http::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use http::{Method, StatusCode};
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// As [`HandlerService`], for handlers that upgrade (`ws::upgrade`), where hyper serves: in an `axum::Router` under
/// `axum::serve`.
///
/// Cost of an upgrade: a connection of the engine's and one of its client in memory; afterwards a copy of each byte
/// and two buffers of 8 KiB.
pub struct Upgrading<H, R> {
    service: HandlerService<H>,
    engine: Engine<Shared<H>, R>,
    rt: R,
}

impl<H: Handler> HandlerService<H> {
    /// The same handler with upgrades, whose connections in memory run on `rt`.
    ///
    /// # Errors
    /// The first mistake that the handler was put together with.
    pub fn upgrading<R: Runtime>(self, rt: &R) -> std::io::Result<Upgrading<H, R>> {
        // Nobody outside sees the fields that a server adds.
        let server = Server::new(Shared(self.0.clone())).server_field(None::<Value>).date_field(false);
        Ok(Upgrading { engine: server.engine(rt)?, service: self, rt: rt.clone() })
    }
}

impl<H: Handler, R: Runtime, B> Service<http::Request<B>> for Upgrading<H, R>
where
    B: http_body::Body + Send + 'static,
{
    type Response = http::Response<Content>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Content>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let extended = request.extensions().get::<hyper::ext::Protocol>().map(|p| p.as_str().to_owned());
        let offer = match (request.headers().get(UPGRADE), &extended) {
            (_, Some(protocol)) if request.method() == Method::CONNECT => Some(Value::copy(protocol)),
            _ if request.method() == Method::CONNECT => None,
            (Some(offer), _) if request.body().is_end_stream() => Some(Value::copy(offer)),
            _ => None,
        };
        let on_upgrade = hyper::upgrade::on(&mut request);
        let Some(offer) = offer else { return Box::pin(Service::call(&mut self.service, request)) };
        let (ours, theirs) = pipe();
        self.rt.spawn(self.engine.connection(theirs, peer_of(request.extensions())));
        let rt = self.rt.clone();
        Box::pin(async move {
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            let authority = request.uri().authority().map(|authority| authority.as_str());
            let authority = authority.or(host).unwrap_or_default();
            let fields = request.headers().iter();
            let fields = fields.map(|(name, value)| (name.as_str().into(), Value::copy(value)));
            let fields: Vec<_> = fields.collect();
            let extended = extended.is_some();
            let method = avx_http::Method::from_token(request.method().as_str().as_bytes());
            let asked =
                ask(&rt, ours, (method, target, authority), offer, fields.into_iter(), extended).await;
            let mut response = http::Response::new(Content::default());
            match asked {
                Ok(Outcome::Answered(answer)) => return Ok(client_response_to_http(answer)),
                Ok(Outcome::Switched { protocol, fields, io }) => {
                    let section = OwnedFields::from(&fields);
                    *response.headers_mut() = map_of(section.as_fields()).unwrap_or_default();
                    response.extensions_mut().insert(FieldSection::from(&fields));
                    if !extended {
                        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                        let headers = response.headers_mut();
                        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                        if let Ok(protocol) = HeaderValue::from_bytes(protocol.as_bytes()) {
                            headers.insert(UPGRADE, protocol);
                        }
                    }
                    rt.spawn(async {
                        if let Ok(outside) = on_upgrade.await {
                            splice(HyperIo::new(outside), io).await;
                        }
                    });
                }
                Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
            }
            Ok(response)
        })
    }
}

impl<H, R: Clone> Clone for Upgrading<H, R> {
    fn clone(&self) -> Self {
        Upgrading { service: self.service.clone(), engine: self.engine.clone(), rt: self.rt.clone() }
    }
}

impl<H, R> fmt::Debug for Upgrading<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgrading")
    }
}

/// The handler in both places.
struct Shared<H>(Arc<H>);

impl<H: Handler> Handler for Shared<H> {
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        self.0.call(request)
    }

    fn check(&self) -> Result<(), RouteError> {
        self.0.check()
    }
}
