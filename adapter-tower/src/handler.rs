//! A tower service as a handler of avx.

use crate::body::{Content, absent, begun_body_of};
use crate::convert::{announced, received_to_http, response_of};
use avx_http::{Error, Handler, IntoResponse, Method, Reply, Request, Status};
use std::fmt;
use std::future::poll_fn;
use tower_service::Service;

/// A tower service, an `axum::Router` most of all, as a [`Handler`]: a server takes it as it is, and a
/// [`Router`](avx_http::Router) as one of its routes.
///
/// The service is cloned for each request, made ready and called, inside the task of the connection. An error that it
/// returns is 500 for the client, and more only for the server's error hook. A service that is not `Sync` becomes so
/// in a `BoxCloneSyncService` of tower's.
///
/// Cost per request: the copy of the head, that of it into a `HeaderMap`, a box for the service's future, and what the
/// service does.
#[derive(Clone)]
pub struct Tower<S>(pub(crate) S);

impl<S> Tower<S> {
    /// `service` as a handler.
    pub fn new<B>(service: S) -> Self
    where
        S: Service<http::Request<Content>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: http_body::Body + Send + 'static,
    {
        Tower(service)
    }
}

impl<S, B> Handler for Tower<S>
where
    S: Service<http::Request<Content>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
{
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        call(self.0.clone(), request)
    }
}

/// Lets `service` answer.
pub(crate) fn call<S, B>(mut service: S, request: &mut Request<'_>) -> Reply
where
    S: Service<http::Request<Content>, Response = http::Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
{
    let is_head = request.method() == Method::Head;
    let request = match received_to_http(request) {
        Ok(request) => request,
        Err(error) => return error.into_response().into(),
    };
    Reply::later(async move {
        let failed =
            |error: S::Error| Error::new(Status::INTERNAL_SERVER_ERROR).because(error).into_response();
        if let Err(error) = poll_fn(|cx| service.poll_ready(cx)).await {
            return failed(error);
        }
        let (parts, body) = match service.call(request).await {
            Ok(response) => response.into_parts(),
            Err(error) => return failed(error),
        };
        let len = || announced(&parts.headers);
        let body = match is_head.then(len).flatten() {
            // "The server SHOULD send the same header fields in response to a HEAD request as it would have sent if
            // the request method had been GET." (RFC 9110, section 9.3.2) The content is gone already.
            Some(len) => absent(len),
            None => begun_body_of(body, len).await,
        };
        response_of(&parts, body)
    })
}

impl<S> fmt::Debug for Tower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tower")
    }
}
