//! Routes: methods and path patterns to handlers.
//!
//! A pattern is a list of segments, matched against the segments of the request's path:
//!
//! ```text
//! /users/me      literal: this segment, escapes decoded
//! /users/:id     parameter: exactly one segment that is not empty, by name
//! /files/*       wildcard: exactly one segment that is not empty
//! /static/**     rest: any number of segments, none included; only at the end
//! ```
//!
//! Segments are compared from the left; at each one a literal goes before a parameter, that before
//! `*`, that before `**`, whatever the order of insertion. When the more specific branch has no route
//! for the rest of the path or for the method, the next one is tried. So `/users/me` and
//! `/users/:id` live together, and of `GET /users/me` and `POST /users/:id` each gets its own.
//!
//! A path that matches only with other methods is answered 405 with `Allow`, one that never matches
//! 404 (or by the [fallback](Router::fallback)). `HEAD` is answered by the route of `GET`, without
//! the content, and so is an extended `CONNECT`, which over HTTP/2 asks for what `Upgrade` asks for over
//! HTTP/1.1; `OPTIONS` by 204 with `Allow`, unless a route says otherwise; `OPTIONS *` is answered for the server
//! as a whole. Slashes count: `/users` and `/users/` are different paths.
//!
//! Of a [mounted](Router::mount) router, a path is its own as soon as one of its patterns is the first
//! that matches without having the method: from there on, only its own patterns are tried, and if
//! none has it, the 405 is its own, inside of its layers. So what layers stand around cannot be had
//! by another method from a less specific pattern outside of them.
//!
//! Matching allocates nothing and takes time in proportion to the path, except where parameters and
//! literals overlap at several levels.

mod exact;
mod pattern;
#[expect(clippy::module_inception, reason = "the concept and its folder share a word")]
mod router;
mod table;
mod trie;

pub use pattern::RouteError;
pub use router::Router;
