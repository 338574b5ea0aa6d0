//! A connection of the client as a tower service.

use crate::body::Content;
use crate::convert::{client_request_from_http, client_response_to_http};
use avx_http::client::{Connection, Error};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A client's connection as a tower service, to be wrapped by layers of tower. Clones share the connection: over
/// HTTP/2 their requests run side by side, over HTTP/1.1 one after the other.
#[derive(Clone, Debug)]
pub struct Client(Connection);

impl From<Connection> for Client {
    fn from(connection: Connection) -> Self {
        Client(connection)
    }
}

impl<B> Service<http::Request<B>> for Client
where
    B: http_body::Body + Send + 'static,
{
    type Response = http::Response<Content>;
    type Error = Error;
    type Future = Sending;

    /// Ready at once, because requests wait inside. [`Error::Unsent`] when the connection takes no more: layers that
    /// connect again or choose among several go by that.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(if self.0.is_reusable() { Ok(()) } else { Err(Error::Unsent(None)) })
    }

    fn call(&mut self, request: http::Request<B>) -> Sending {
        let (connection, request) = (self.0.clone(), client_request_from_http(request));
        Sending(Box::pin(async move { connection.send(request).await.map(client_response_to_http) }))
    }
}

/// A request of a [`Client`] under way.
pub struct Sending(Pin<Box<dyn Future<Output = Result<http::Response<Content>, Error>> + Send>>);

impl Future for Sending {
    type Output = Result<http::Response<Content>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending")
    }
}
