//! Layers: what happens around handlers.

use super::{Handler, Reply};
use crate::Request;
use std::fmt;

/// Wraps handlers: sees the request before them and the reply after them, or answers itself.
///
/// Closures are layers; [`Router::wrap`](crate::Router::wrap) takes them without further ado. One
/// that adds a field line to every response:
///
/// ```
/// use avx_http::Router;
///
/// let router = Router::new().get("/", || "Hello").wrap(|request, next| {
///     next.call(request).map(|response| response.field("x-frame-options", "DENY"))
/// });
/// # let _ = router;
/// ```
pub trait Layer: Send + Sync + 'static {
    /// Answers itself, or lets `next` answer.
    fn call<'a>(&'a self, request: &mut Request<'a>, next: Next<'a>) -> Reply;
}

impl<F> Layer for F
where
    F: for<'a> Fn(&mut Request<'a>, Next<'a>) -> Reply + Send + Sync + 'static,
{
    fn call<'a>(&'a self, request: &mut Request<'a>, next: Next<'a>) -> Reply {
        self(request, next)
    }
}

/// What lies further in: more layers, then the handler.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    layers: &'a [Box<dyn Layer>],
    handler: &'a dyn Handler,
}

impl<'a> Next<'a> {
    pub(crate) fn new(layers: &'a [Box<dyn Layer>], handler: &'a dyn Handler) -> Self {
        Next { layers, handler }
    }

    /// Lets them answer.
    pub fn call(self, request: &mut Request<'a>) -> Reply {
        match self.layers.split_last() {
            Some((layer, inner)) => layer.call(request, Next { layers: inner, handler: self.handler }),
            None => self.handler.call(request),
        }
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Next({} layers)", self.layers.len())
    }
}
