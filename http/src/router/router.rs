//! The router itself: building and answering.

use super::pattern::{self, RouteError, Segment};
use super::table::{Added, Kind, OWN, Refusal, Table};
use crate::{Handler, IntoHandler, Layer, Next, Reply, Request};
use avx_core::Method;
use std::fmt;
use std::sync::Arc;

/// Routes, layers around them, and a fallback. See the [module](super) for patterns and precedence.
///
/// ```
/// use avx_http::{OwnedRequest, Request, Router};
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
///
/// let count = Arc::new(AtomicU64::new(0));
/// let api = Router::new()
///     .get("/count", move || format!("{}\n", count.fetch_add(1, Ordering::Relaxed)))
///     .post("/echo", async |request: OwnedRequest| request.into_body());
/// let router = Router::new()
///     .get("/", || "Hello, World!\n")
///     .get("/user/:id", |request: &Request<'_>| format!("user {}\n", request.param("id").unwrap_or_default()))
///     .mount("/api", api);
/// assert!(router.check().is_ok());
/// ```
pub struct Router {
    table: Table,
    layers: Vec<Box<dyn Layer>>,
    error: Option<RouteError>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $method:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name<S>(self, pattern: &str, handler: impl IntoHandler<S>) -> Self {
            self.route(Method::$method, pattern, handler)
        }
    )* };
}

impl Router {
    /// No routes.
    pub fn new() -> Self {
        Router { table: Table::new(), layers: Vec::new(), error: None }
    }

    methods! {
        /// A route for GET, and for HEAD unless that has its own.
        get Get;
        /// A route for HEAD alone.
        head Head;
        /// A route for POST.
        post Post;
        /// A route for PUT.
        put Put;
        /// A route for DELETE.
        delete Delete;
        /// A route for PATCH.
        patch Patch;
        /// A route for OPTIONS, instead of the automatic answer.
        options Options;
    }

    /// A route for a method. A mistake is kept until [`check`](Self::check).
    pub fn route<S>(mut self, method: Method<'_>, pattern: &str, handler: impl IntoHandler<S>) -> Self {
        self.add(Some(method.as_bytes().into()), pattern, Arc::new(handler.into_handler()), OWN, Kind::Plain);
        self
    }

    /// A route for every method that has none of its own with this pattern.
    pub fn any<S>(mut self, pattern: &str, handler: impl IntoHandler<S>) -> Self {
        self.add(None, pattern, Arc::new(handler.into_handler()), OWN, Kind::Plain);
        self
    }

    /// All routes of `inner`, with `prefix` before their patterns; its `/` answers the prefix without a
    /// slash, too, unless this router has a route for that. Handlers see the whole path.
    ///
    /// Its layers stay around all that it answers: its routes; methods that they do not have, for a
    /// path that one of them matches is answered by no other router's less specific pattern; and, by
    /// its fallback, what else begins with the prefix. Without a fallback, that is not its own.
    pub fn mount(mut self, prefix: &str, inner: Router) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let layers = Arc::new(inner.layers);
        let wrap = |handler: Arc<dyn Handler>| -> Arc<dyn Handler> {
            if layers.is_empty() { handler } else { Arc::new(Layered { layers: layers.clone(), handler }) }
        };
        self.error = self.error.or(inner.error);
        let first = self.table.refusals.len() as u32;
        self.table.refusals.push(wrap(Arc::new(Refusal)));
        self.table.refusals.extend(inner.table.refusals.into_iter().map(wrap));
        for Added { pattern, method, handler, owner, kind } in inner.table.routes {
            let owner = if owner == OWN { first } else { first + 1 + owner };
            let (shown, handler) = (show(&pattern), wrap(handler));
            if shown == "/" && !prefix.is_empty() {
                self.add(method.clone(), prefix, handler.clone(), owner, Kind::Root);
            }
            self.add(method, &format!("{prefix}{shown}"), handler, owner, kind);
        }
        if let Some(fallback) = inner.table.fallback {
            self.add(None, &format!("{prefix}/**"), wrap(fallback), first, Kind::Fallback);
        }
        self
    }

    /// A layer around everything this router answers, 404 included. The last one added is outermost.
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// A closure as a [`layer`](Self::layer).
    pub fn wrap<F>(self, layer: F) -> Self
    where
        F: for<'a> Fn(&mut Request<'a>, Next<'a>) -> Reply + Send + Sync + 'static,
    {
        self.layer(layer)
    }

    /// Answers paths that no route matches, instead of 404.
    pub fn fallback<S>(mut self, handler: impl IntoHandler<S>) -> Self {
        self.table.fallback = Some(Arc::new(handler.into_handler()));
        self
    }

    /// Whether all routes are well-formed and none conflict.
    ///
    /// # Errors
    /// The first mistake made.
    pub fn check(&self) -> Result<(), RouteError> {
        self.error.clone().map_or(Ok(()), Err)
    }

    fn add(
        &mut self,
        method: Option<Box<[u8]>>,
        pattern: &str,
        handler: Arc<dyn Handler>,
        owner: u32,
        kind: Kind,
    ) {
        let added = pattern::parse(pattern).and_then(|segments| {
            self.table.add(Added { pattern: segments, method, handler, owner, kind }, pattern)
        });
        if let Err(error) = added {
            self.error.get_or_insert(error);
        }
    }
}

impl Handler for Router {
    #[inline]
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        if self.layers.is_empty() {
            return self.table.call(request);
        }
        Next::new(&self.layers, &self.table).call(request)
    }

    fn check(&self) -> Result<(), RouteError> {
        Router::check(self)
    }
}

impl Default for Router {
    fn default() -> Self {
        Router::new()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |added: &Added| {
            let method = added.method.as_deref().unwrap_or(b"any");
            format!("{} {}", method.escape_ascii(), show(&added.pattern))
        };
        f.debug_list().entries(self.table.routes.iter().map(show)).finish()
    }
}

/// Layers of a mounted router around one of its handlers.
struct Layered {
    layers: Arc<Vec<Box<dyn Layer>>>,
    handler: Arc<dyn Handler>,
}

impl Handler for Layered {
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        Next::new(&self.layers, &*self.handler).call(request)
    }
}

fn show(segments: &[Segment]) -> String {
    segments.iter().fold(String::new(), |text, segment| match segment {
        Segment::Literal(bytes) => text + "/" + &String::from_utf8_lossy(bytes),
        Segment::Param(name) => text + "/:" + name,
        Segment::Any => text + "/*",
        Segment::Rest => text + "/**",
    })
}
