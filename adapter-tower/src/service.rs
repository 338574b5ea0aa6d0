//! A handler of avx as a tower service.

use crate::body::{Content, body_of};
use crate::convert::{announced, peer_of, response_to_http, target_of, version_from_http};
use crate::section::{FieldSection, lines_in_order};
use avx_http::router::RouteError;
use avx_http::{Handler, IntoHandler, Method, OwnedFields, Reply, Request};
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A handler of avx, a [`Router`](avx_http::Router) most of all, as a tower service, to be mounted in an
/// `axum::Router` (`fallback_service`, `route_service`, `nest_service`) or wrapped by layers of tower.
///
/// Handlers see the request as it came, with order and case of its fields where these are known
/// ([`FieldSection`]). They cannot upgrade, because that takes the engine's own transport: see the feature `upgrade`.
pub struct HandlerService<H>(pub(crate) Arc<H>);

impl<H: Handler> HandlerService<H> {
    /// `handler` as a service.
    ///
    /// # Errors
    /// The first mistake that the handler was put together with.
    pub fn new<S>(handler: impl IntoHandler<S, Handler = H>) -> Result<Self, RouteError> {
        let handler = handler.into_handler();
        handler.check()?;
        Ok(HandlerService(Arc::new(handler)))
    }

    fn call<B>(&self, request: http::Request<B>) -> Reply
    where
        B: http_body::Body + Send + 'static,
    {
        let (parts, body) = request.into_parts();
        let body = body_of(body, || announced(&parts.headers));
        let section: Option<&FieldSection> = parts.extensions.get();
        let fields = OwnedFields::from(&lines_in_order(&parts.headers, section, |_| false));
        let host = parts.headers.get(http::header::HOST).map(|host| host.as_bytes());
        let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
        let target = target_of(&parts);
        let peer = peer_of(&parts.extensions);
        let mut request = Request::new(Method::from_token(parts.method.as_str().as_bytes()), target)
            .with_fields(fields.as_fields())
            .with_authority(authority.or(host).unwrap_or_default())
            .with_version(version_from_http(parts.version))
            .with_peer(&peer)
            .with_body(body);
        request.extensions_mut().insert(parts.extensions.clone());
        self.0.call(&mut request)
    }
}

impl<H: Handler, B> Service<http::Request<B>> for HandlerService<H>
where
    B: http_body::Body + Send + 'static,
{
    type Response = http::Response<Content>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answer {
        Answer(match HandlerService::call(self, request) {
            Reply::Now(response) => Answering::Now(ready(response)),
            Reply::Later(future) => Answering::Later(future),
        })
    }
}

impl<H> Clone for HandlerService<H> {
    fn clone(&self) -> Self {
        HandlerService(self.0.clone())
    }
}

impl<H> fmt::Debug for HandlerService<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerService")
    }
}

/// What a [`HandlerService`] comes to.
pub struct Answer(Answering);

enum Answering {
    Now(Ready<avx_http::Response>),
    Later(Pin<Box<dyn Future<Output = avx_http::Response> + Send>>),
}

impl Future for Answer {
    type Output = Result<http::Response<Content>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.0 {
            Answering::Now(response) => Pin::new(response).poll(cx),
            Answering::Later(future) => future.as_mut().poll(cx),
        };
        polled.map(|response| Ok(response_to_http(response)))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
