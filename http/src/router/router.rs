//! The router itself: building and answering.

use super::pattern::{self, RouteError, Segment};
use super::trie::{Allow, Methods, Trie};
use crate::message::{Names, Params};
use crate::{Handler, IntoHandler, IntoResponse, Layer, Next, Reply, Request, Response};
use avx_core::syntax::token;
use avx_core::{Method, Status};
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

/// A router without its layers.
struct Table {
    trie: Trie<Methods<Route>>,
    /// Every route as it was added, to mount this router elsewhere.
    routes: Vec<Added>,
    fallback: Option<Arc<dyn Handler>>,
}

struct Added {
    pattern: Vec<Segment>,
    method: Option<Box<[u8]>>,
    handler: Arc<dyn Handler>,
}

struct Route {
    handler: Arc<dyn Handler>,
    names: Option<Names>,
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
        let table = Table { trie: Trie::new(), routes: Vec::new(), fallback: None };
        Router { table, layers: Vec::new(), error: None }
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
        self.add(Some(method), pattern, Arc::new(handler.into_handler()));
        self
    }

    /// A route for every method that has none of its own with this pattern.
    pub fn any<S>(mut self, pattern: &str, handler: impl IntoHandler<S>) -> Self {
        self.add(None, pattern, Arc::new(handler.into_handler()));
        self
    }

    /// All routes of `inner`, with `prefix` before their patterns. Its layers stay around them; its
    /// fallback answers what else begins with the prefix. Handlers see the whole path.
    pub fn mount(mut self, prefix: &str, inner: Router) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let layers = Arc::new(inner.layers);
        let wrap = |handler: Arc<dyn Handler>| -> Arc<dyn Handler> {
            if layers.is_empty() { handler } else { Arc::new(Layered { layers: layers.clone(), handler }) }
        };
        self.error = self.error.or(inner.error);
        for added in inner.table.routes {
            let pattern = format!("{prefix}{}", show(&added.pattern));
            self.add(added.method.as_deref().map(Method::from_token), &pattern, wrap(added.handler));
        }
        if let Some(fallback) = inner.table.fallback {
            self.add(None, &format!("{prefix}/**"), wrap(fallback));
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

    fn add(&mut self, method: Option<Method<'_>>, pattern: &str, handler: Arc<dyn Handler>) {
        let added = self.try_add(method, pattern, handler);
        if let Err(error) = added {
            self.error.get_or_insert(error);
        }
    }

    fn try_add(
        &mut self,
        method: Option<Method<'_>>,
        pattern: &str,
        handler: Arc<dyn Handler>,
    ) -> Result<(), RouteError> {
        if method.is_some_and(|method| !token::is_token(method.as_bytes())) {
            return Err(RouteError::BadMethod(pattern.into()));
        }
        handler.check()?;
        let segments = pattern::parse(pattern)?;
        let names = pattern::names(&segments);
        let names = if names.is_empty() { None } else { Some(names.into()) };
        let route = Route { handler: handler.clone(), names };
        let methods = self.table.trie.entry(&segments, Methods::new);
        methods.insert(method.as_ref(), route).map_err(|_| RouteError::Conflict(pattern.into()))?;
        let method = method.map(|method| method.as_bytes().into());
        self.table.routes.push(Added { pattern: segments, method, handler });
        Ok(())
    }
}

impl Table {
    /// The route of this request, with its captures in the request.
    #[inline]
    fn find<'a>(&'a self, request: &mut Request<'a>) -> Option<&'a Route> {
        let method = request.method();
        if let Some(route) = self.trie.exact(request.target()).and_then(|methods| methods.get(&method)) {
            return Some(route);
        }
        self.search(&method, request)
    }

    /// As [`find`](Self::find), segment by segment.
    #[inline(never)]
    fn search<'a>(&'a self, method: &Method<'_>, request: &mut Request<'a>) -> Option<&'a Route> {
        let path = request.path();
        if path.first() != Some(&b'/') {
            return None;
        }
        let mut params = Params::default();
        let route = self.trie.find(path, &mut params, &mut |methods| methods.get(method))?;
        if let Some(names) = &route.names {
            request.params = params;
            request.names = Some(names);
        }
        Some(route)
    }

    #[cold]
    fn unmatched<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        let (path, options) = (request.path(), request.method() == Method::Options);
        let mut allow = Allow::default();
        if path.first() == Some(&b'/') {
            let mut params = Params::default();
            let _: Option<()> = self.trie.find(path, &mut params, &mut |methods| {
                methods.allow(&mut allow);
                None
            });
        } else if path == b"*" && options {
            return Response::new(Status::NO_CONTENT).field("allow", ALL).into();
        }
        if allow.is_empty() {
            return match &self.fallback {
                Some(handler) => handler.call(request),
                None => Status::NOT_FOUND.into_response().into(),
            };
        }
        // "The origin server MUST generate an Allow header field in a 405 response" (RFC 9110,
        // section 15.5.6)
        let status = if options { Status::NO_CONTENT } else { Status::METHOD_NOT_ALLOWED };
        let mut response = status.into_response();
        response.fields_mut().push("allow", allow.value());
        response.into()
    }
}

const ALL: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

impl Handler for Table {
    #[inline]
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        match self.find(request) {
            Some(route) => route.handler.call(request),
            None => self.unmatched(request),
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
