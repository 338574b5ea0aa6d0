//! Functions of several shapes as handlers. The marker type tells the shapes apart.

use super::{Handler, Reply};
use crate::{IntoResponse, OwnedRequest, Request};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

/// Becomes a [`Handler`]: functions and closures of the shapes in the
/// [module's table](crate::handler), and handlers themselves. `Shape` is inferred.
pub trait IntoHandler<Shape> {
    /// The handler.
    type Handler: Handler;

    /// The handler.
    fn into_handler(self) -> Self::Handler;
}

macro_rules! shape {
    ($(#[$doc:meta])* $shape:ident, $(#[$handler_doc:meta])* $handler:ident<$($p:ident),*>) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $shape<$($p),*> {
            #[doc(hidden)]
            Never(std::convert::Infallible, PhantomData<fn() -> ($($p,)*)>),
        }

        $(#[$handler_doc])*
        pub struct $handler<F, $($p),*>(F, PhantomData<fn() -> ($($p,)*)>);

        impl<F, $($p),*> fmt::Debug for $handler<F, $($p),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($handler))
            }
        }
    };
}

shape! {
    /// Shape of `Fn() -> R`.
    Nullary,
    /// A function without argument as a handler.
    NullaryHandler<R>
}

shape! {
    /// Shape of `Fn(&Request<'_>) -> R`.
    Plain,
    /// A plain function as a handler.
    PlainHandler<R>
}

shape! {
    /// Shape of `async Fn(OwnedRequest) -> R`.
    Async,
    /// An async function as a handler.
    AsyncHandler<Fut, R>
}

/// Shape of what is a [`Handler`] already.
#[derive(Debug)]
pub enum Itself {}

impl<F, R> IntoHandler<Nullary<R>> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    type Handler = NullaryHandler<F, R>;

    fn into_handler(self) -> Self::Handler {
        NullaryHandler(self, PhantomData)
    }
}

impl<F, R> Handler for NullaryHandler<F, R>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    #[inline]
    fn call<'a>(&'a self, _: &mut Request<'a>) -> Reply {
        Reply::Now((self.0)().into_response())
    }
}

impl<F, R> IntoHandler<Plain<R>> for F
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    type Handler = PlainHandler<F, R>;

    fn into_handler(self) -> Self::Handler {
        PlainHandler(self, PhantomData)
    }
}

impl<F, R> Handler for PlainHandler<F, R>
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    #[inline]
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        Reply::Now((self.0)(request).into_response())
    }
}

impl<F, Fut, R> IntoHandler<Async<Fut, R>> for F
where
    F: Fn(OwnedRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse + 'static,
{
    type Handler = AsyncHandler<F, Fut, R>;

    fn into_handler(self) -> Self::Handler {
        AsyncHandler(self, PhantomData)
    }
}

impl<F, Fut, R> Handler for AsyncHandler<F, Fut, R>
where
    F: Fn(OwnedRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse + 'static,
{
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        let future = (self.0)(request.detach());
        Reply::later(async { future.await.into_response() })
    }
}

impl<H: Handler> IntoHandler<Itself> for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }
}
