//! Handlers: functions from requests to responses.
//!
//! ```text
//! || -> R                      plain: answers at once, no allocation, no task switch
//! |request: &Request<'_>| -> R plain, looks at the head where it lies
//! async |OwnedRequest| -> R    async: may wait, may read the content
//! impl Handler                 everything else: Router, Files, one's own
//! ```
//!
//! `R` is anything that [`IntoResponse`](crate::IntoResponse). [`Layer`]s wrap handlers.
//!
//! Shared state is what the closure captures. The future of an async one has to own its part of it:
//!
//! ```
//! use avx_http::{OwnedRequest, Router};
//! use std::sync::Arc;
//!
//! let greeting: Arc<str> = "Hello".into();
//! let router = Router::new().get("/", move |_: OwnedRequest| {
//!     let greeting = greeting.clone();
//!     async move { greeting.to_string() }
//! });
//! # let _ = router;
//! ```

mod into_handler;
mod layer;

pub use into_handler::{
    Async, AsyncHandler, IntoHandler, Itself, Nullary, NullaryHandler, Plain, PlainHandler,
};
pub use layer::{Layer, Next};

use crate::router::RouteError;
use crate::{Request, Response};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers at once, or says how it will.
    ///
    /// It runs inside the task of the connection: it must not block. A panic is answered with 500
    /// and ends the connection, not the server.
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply;

    /// Whether it was put together without mistakes; a server asks before it starts.
    ///
    /// # Errors
    /// [`RouteError`], the first mistake.
    fn check(&self) -> Result<(), RouteError> {
        Ok(())
    }
}

/// A handler's answer.
pub enum Reply {
    /// At once.
    Now(Response),
    /// Later; runs inside the task of the connection. Dropped when the connection ends before.
    Later(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl Reply {
    /// What `future` comes to. One allocation.
    pub fn later(future: impl Future<Output = Response> + Send + 'static) -> Self {
        Reply::Later(Box::pin(future))
    }

    /// Changes the response, now or when it is there.
    pub fn map(self, f: impl FnOnce(Response) -> Response + Send + 'static) -> Self {
        match self {
            Reply::Now(response) => Reply::Now(f(response)),
            Reply::Later(future) => Reply::later(async { f(future.await) }),
        }
    }
}

impl From<Response> for Reply {
    #[inline]
    fn from(response: Response) -> Self {
        Reply::Now(response)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Now(response) => f.debug_tuple("Now").field(response).finish(),
            Reply::Later(_) => f.write_str("Later"),
        }
    }
}
