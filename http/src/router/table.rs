//! The routes of a router and of those mounted in it, and who answers a request.

use super::pattern::{self, RouteError, Segment};
use super::trie::{Allow, Methods, Trie};
use crate::message::{Names, Params};
use crate::{Handler, IntoResponse, Reply, Request, Response};
use avx_core::syntax::token;
use avx_core::{Method, Status};
use std::sync::Arc;

/// A router without its layers.
pub(super) struct Table {
    trie: Trie<Methods<Route>>,
    /// Every route as it was added, to mount this router elsewhere.
    pub(super) routes: Vec<Added>,
    /// What the routers mounted here, at any depth, answer to methods that they have no route for.
    pub(super) refusals: Vec<Arc<dyn Handler>>,
    pub(super) fallback: Option<Arc<dyn Handler>>,
}

/// One route.
#[derive(Clone)]
pub(super) struct Added {
    pub(super) pattern: Vec<Segment>,
    pub(super) method: Option<Box<[u8]>>,
    pub(super) handler: Arc<dyn Handler>,
    /// Whose it is: a place in [`Table::refusals`], or [`OWN`].
    pub(super) owner: u32,
    pub(super) kind: Kind,
}

/// The router itself, not one that is mounted in it.
pub(super) const OWN: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// The root of a mounted router, without the slash: gives way to a route with this pattern.
    Root,
    /// What a mounted router answers to paths that it has no route for.
    Fallback,
}

struct Route {
    handler: Arc<dyn Handler>,
    names: Option<Names>,
    owner: u32,
    kind: Kind,
    /// For every method without a route of its own.
    any: bool,
}

impl Table {
    pub(super) fn new() -> Self {
        Table { trie: Trie::new(), routes: Vec::new(), refusals: Vec::new(), fallback: None }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// [`RouteError`]; then it was not added.
    pub(super) fn add(&mut self, added: Added, shown: &str) -> Result<(), RouteError> {
        if added.method.as_deref().is_some_and(|method| !token::is_token(method)) {
            return Err(RouteError::BadMethod(shown.into()));
        }
        added.handler.check()?;
        let names = pattern::names(&added.pattern);
        let route = Route {
            handler: added.handler.clone(),
            names: if names.is_empty() { None } else { Some(names.into()) },
            owner: added.owner,
            kind: added.kind,
            any: added.method.is_none(),
        };
        let methods = self.trie.entry(&added.pattern, Methods::new);
        let method = added.method.as_deref().map(Method::from_token);
        methods
            .insert(method.as_ref(), route, |route| route.kind == Kind::Root)
            .map_err(|_| RouteError::Conflict(shown.into()))?;
        self.routes.push(added);
        Ok(())
    }

    /// The route of this request, with its captures in the request; else whose refusal is due.
    #[inline(always)]
    fn find<'a>(&'a self, request: &mut Request<'a>) -> Result<&'a Route, u32> {
        let method = request.method();
        if let Some(route) = self.trie.exact(request.target()).and_then(|methods| methods.get(&method)) {
            return Ok(route);
        }
        self.search(&method, request)
    }

    /// As [`find`](Self::find), segment by segment.
    #[inline(never)]
    fn search<'a>(&'a self, method: &Method<'_>, request: &mut Request<'a>) -> Result<&'a Route, u32> {
        let path = request.path();
        if path.first() != Some(&b'/') {
            return Err(OWN);
        }
        let mut params = Params::default();
        let route = self.look_up(path, &mut params, |methods| methods.get(method))?;
        if let Some(names) = &route.names {
            request.params = params;
            request.names = Some(names);
        }
        Ok(route)
    }

    /// The most specific route for the path that has the method. Once a path belongs to a mounted
    /// router, no other one answers it.
    #[inline]
    fn look_up<'t>(
        &'t self,
        path: &[u8],
        params: &mut Params,
        of_method: impl Fn(&'t Methods<Route>) -> Option<&'t Route>,
    ) -> Result<&'t Route, u32> {
        let mut owner = OWN;
        let found = self.trie.find(path, params, &mut |methods| match of_method(methods) {
            Some(route) if owner == OWN || route.owner == owner && route.kind != Kind::Fallback => {
                Some(route)
            }
            Some(_) => None,
            None => {
                if owner == OWN {
                    owner = methods.iter().map(|route| route.owner).find(|&o| o != OWN).unwrap_or(OWN);
                }
                None
            }
        });
        found.ok_or(owner)
    }

    #[cold]
    fn unmatched<'a>(&'a self, request: &mut Request<'a>, owner: u32) -> Reply {
        let (path, options) = (request.path(), request.method() == Method::Options);
        if path == b"*" && options {
            return Response::new(Status::NO_CONTENT).field("allow", ALL).into();
        }
        let allow = if path.first() == Some(&b'/') { self.allowed(path) } else { Allow::default() };
        if allow.is_empty() {
            return match &self.fallback {
                Some(handler) => handler.call(request),
                None => Status::NOT_FOUND.into_response().into(),
            };
        }
        request.extensions_mut().insert(Allowed(allow.value()));
        match self.refusals.get(owner as usize) {
            Some(refusal) => refusal.call(request),
            None => Refusal.call(request),
        }
    }

    /// The methods that this path has a route for.
    fn allowed(&self, path: &[u8]) -> Allow {
        let mut params = Params::default();
        let mut extensions: Vec<Box<[u8]>> = Vec::new();
        let _: Option<()> = self.trie.find(path, &mut params, &mut |methods| {
            extensions.extend(methods.extensions().cloned());
            None
        });
        Allow::of(&extensions, |method| {
            let route = self.look_up(path, &mut params, |methods| methods.named(method)).ok()?;
            Some(route.any)
        })
    }
}

const ALL: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

impl Handler for Table {
    #[inline]
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        match self.find(request) {
            Ok(route) => route.handler.call(request),
            Err(owner) => self.unmatched(request, owner),
        }
    }
}

/// Value of Allow for the [`Refusal`].
struct Allowed(Vec<u8>);

/// Answers a path without the method.
pub(super) struct Refusal;

impl Handler for Refusal {
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        // "The origin server MUST generate an Allow header field in a 405 response" (RFC 9110,
        // section 15.5.6)
        let options = request.method() == Method::Options;
        let status = if options { Status::NO_CONTENT } else { Status::METHOD_NOT_ALLOWED };
        let mut response = status.into_response();
        if let Some(Allowed(value)) = request.extensions_mut().remove() {
            response.fields_mut().push("allow", value);
        }
        response.into()
    }
}
