//! A tower service that upgrades, as a handler of avx.

use super::pipe::pipe;
use super::splice::splice;
use super::{HyperIo, Outcome, ask};
use crate::{Content, FieldSection, Tower};
use avx_http::rt::Runtime;
use avx_http::{
    BodyLen, Error, Handler, IntoResponse, Method, OwnedRequest, Reply, Request, Response, Status, Value,
    Version, client,
};
use hyper::server::conn::http1;
use std::fmt;
use std::future::poll_fn;
use tower_service::Service;

/// As [`Tower`], for services that upgrade: axum's WebSocket, or whatever else asks for `hyper::upgrade::on`.
///
/// What the service does with its transport is its own affair: axum's WebSocket is a task of tokio's, so that it
/// takes tokio as the runtime. Cost of an upgrade: a connection of hyper's and one of the engine's client in memory;
/// afterwards a copy of each byte and two buffers of 8 KiB.
#[derive(Clone)]
pub struct Upgrades<S, R> {
    service: S,
    rt: R,
}

impl<S> Tower<S> {
    /// The same service with upgrades, whose connections in memory run on `rt`.
    pub fn upgrades<R: Runtime>(self, rt: &R) -> Upgrades<S, R> {
        Upgrades { service: self.0, rt: rt.clone() }
    }
}

impl<S, B, R> Handler for Upgrades<S, R>
where
    S: Service<http::Request<Content>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Runtime,
{
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        let may_switch = match request.method() {
            // An extended one; of HTTP/1.1 it asks for a tunnel, and for no protocol.
            Method::Connect => request.version() == Version::Http2,
            _ => matches!(request.body_len(), BodyLen::Empty | BodyLen::Exact(0)),
        };
        if request.upgrade().is_none() || !may_switch {
            return crate::handler::call(self.service.clone(), request);
        }
        let (service, rt, request) = (self.service.clone(), self.rt.clone(), request.detach());
        Reply::later(async move {
            match upgrade(&service, &rt, request).await {
                Ok(response) => response,
                // What is asked over memory fails only when the service does.
                Err(error) => Error::new(Status::INTERNAL_SERVER_ERROR).because(error).into_response(),
            }
        })
    }
}

async fn upgrade<S, B, R>(service: &S, rt: &R, request: OwnedRequest) -> Result<Response, client::Error>
where
    S: Service<http::Request<Content>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Runtime,
{
    let (ours, theirs) = pipe();
    let (peer, section) = (request.peer(), FieldSection::from(request.fields()));
    let service = service.clone();
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (mut service, section) = (service.clone(), section.clone());
        async move {
            let mut request = request.map(|_| Content::default());
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(section);
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        }
    });
    let connection = http1::Builder::new().serve_connection(HyperIo::new(theirs), service).with_upgrades();
    rt.spawn(async { drop(connection.await) });

    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (target, authority) = (text(request.target()), text(request.authority()));
    let offer = Value::copy(request.upgrade().unwrap_or_default());
    let fields = request.fields().iter().map(|field| (field.name.to_vec(), Value::copy(field.value)));
    let fields: Vec<_> = fields.collect();
    let extended = request.method() == Method::Connect;
    let asked = (request.method(), &*target, &*authority);
    Ok(match ask(rt, ours, asked, offer, fields.into_iter(), extended).await? {
        Outcome::Switched { protocol, fields, io } => {
            let mut response = Response::upgrade(protocol, move |outside| splice(outside, io));
            for line in fields {
                response.fields_mut().push(line.name, line.value);
            }
            response
        }
        Outcome::Answered(response) => {
            let fields = response.fields().iter();
            let fields = fields.filter(|field| !super::is_of_the_transport(field.name));
            let fields = fields.map(|field| (field.name.to_vec(), Value::copy(field.value))).collect();
            Response::new(response.status()).with_fields(fields).with_body(response.into_body())
        }
    })
}

impl<S, R> fmt::Debug for Upgrades<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgrades")
    }
}
