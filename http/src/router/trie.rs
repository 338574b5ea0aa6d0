//! The routes as a tree of segments.

use super::exact::Exact;
use super::pattern::Segment;
use crate::message::{Params, decodes_to};
use crate::scan;
use avx_core::Method;

/// Index of a node.
type Id = u32;

/// A tree whose nodes are segments; `T` is what stands at the end of a pattern.
pub(super) struct Trie<T> {
    nodes: Vec<Node<T>>,
    /// Where the patterns of nothing but literals end: they go before all others, so most requests need
    /// no walk.
    exact: Exact,
}

struct Node<T> {
    /// Sorted by length, then by bytes.
    literals: Vec<(Box<[u8]>, Id)>,
    param: Option<Id>,
    any: Option<Id>,
    rest: Option<T>,
    end: Option<T>,
}

impl<T> Trie<T> {
    pub(super) fn new() -> Self {
        Trie { nodes: vec![Node::new()], exact: Exact::new() }
    }

    /// What stands at the end of this pattern, put there by `new` if nothing did.
    pub(super) fn entry(&mut self, pattern: &[Segment], new: impl FnOnce() -> T) -> &mut T {
        let mut at = 0;
        let mut exact = Some(Vec::new());
        for segment in pattern {
            match (segment, &mut exact) {
                (Segment::Literal(text), Some(path)) => {
                    path.push(b'/');
                    path.extend_from_slice(text);
                }
                _ => exact = None,
            }
            let next = self.nodes.len() as Id;
            let node = &mut self.nodes[at as usize];
            at = match segment {
                Segment::Rest => return self.nodes[at as usize].rest.get_or_insert_with(new),
                Segment::Param(_) => *node.param.get_or_insert(next),
                Segment::Any => *node.any.get_or_insert(next),
                Segment::Literal(text) => match search(&node.literals, text) {
                    Ok(i) => node.literals[i].1,
                    Err(i) => {
                        node.literals.insert(i, (text.clone(), next));
                        next
                    }
                },
            };
            if at == next {
                self.nodes.push(Node::new());
            }
        }
        // A target is looked up as a whole: no query may be taken for a part of the path.
        if let Some(path) = exact.filter(|path| !path.contains(&b'?')) {
            self.exact.insert(&path, at);
        }
        self.nodes[at as usize].end.get_or_insert_with(new)
    }

    /// What stands at the end of the pattern that is this target, byte by byte.
    #[inline]
    pub(super) fn exact(&self, target: &[u8]) -> Option<&T> {
        self.nodes.get(self.exact.find(target)? as usize)?.end.as_ref()
    }

    /// The first end, in order of precedence, that `accept` takes, with its captures in `params`.
    /// `path` begins with a slash.
    pub(super) fn find<'t, R>(
        &'t self,
        path: &[u8],
        params: &mut Params,
        accept: &mut impl FnMut(&'t T) -> Option<R>,
    ) -> Option<R> {
        self.walk(&self.nodes[0], path, 1, params, accept)
    }

    /// `start`: where the next segment begins; beyond the path's end when there is none.
    fn walk<'t, R>(
        &'t self,
        node: &'t Node<T>,
        path: &[u8],
        start: usize,
        params: &mut Params,
        accept: &mut impl FnMut(&'t T) -> Option<R>,
    ) -> Option<R> {
        if start > path.len() {
            let found = node.end.as_ref().and_then(&mut *accept);
            return found.or_else(|| self.rest(node, path, path.len(), params, accept));
        }
        let len = scan::find(&path[start..], b'/').unwrap_or(path.len() - start);
        let end = start + len;
        let segment = &path[start..end];
        if let Some(next) = node.literal(segment) {
            let found = self.walk(&self.nodes[next as usize], path, end + 1, params, accept);
            if found.is_some() {
                return found;
            }
        }
        if !segment.is_empty() {
            for next in [node.param, node.any].into_iter().flatten() {
                let mark = params.len();
                params.push(start, end);
                let found = self.walk(&self.nodes[next as usize], path, end + 1, params, accept);
                if found.is_some() {
                    return found;
                }
                params.truncate(mark);
            }
        }
        self.rest(node, path, start, params, accept)
    }

    #[inline]
    fn rest<'t, R>(
        &'t self,
        node: &'t Node<T>,
        path: &[u8],
        start: usize,
        params: &mut Params,
        accept: &mut impl FnMut(&'t T) -> Option<R>,
    ) -> Option<R> {
        let mark = params.len();
        let rest = node.rest.as_ref()?;
        params.push(start, path.len());
        let found = accept(rest);
        if found.is_none() {
            params.truncate(mark);
        }
        found
    }
}

impl<T> Node<T> {
    fn new() -> Self {
        Node { literals: Vec::new(), param: None, any: None, rest: None, end: None }
    }

    #[inline]
    fn literal(&self, segment: &[u8]) -> Option<Id> {
        if let Ok(i) = search(&self.literals, segment) {
            return Some(self.literals[i].1);
        }
        if segment.contains(&b'%') { self.decoded(segment) } else { None }
    }

    #[cold]
    fn decoded(&self, segment: &[u8]) -> Option<Id> {
        self.literals.iter().find(|(literal, _)| decodes_to(segment, literal)).map(|(_, next)| *next)
    }
}

/// Where `text` stands in a list sorted by length, then by bytes; else where it belongs. Lengths
/// alone decide most comparisons.
#[inline]
fn search(list: &[(Box<[u8]>, Id)], text: &[u8]) -> Result<usize, usize> {
    list.binary_search_by(|(entry, _)| entry.len().cmp(&text.len()).then_with(|| (**entry).cmp(text)))
}

/// Something for each method.
pub(super) struct Methods<T> {
    known: [Option<T>; KNOWN.len()],
    extensions: Vec<(Box<[u8]>, T)>,
    /// For every method without one of its own.
    any: Option<T>,
}

const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Place of a method in [`KNOWN`].
#[inline]
fn place(method: &Method<'_>) -> Option<usize> {
    Some(match method {
        Method::Get => 0,
        Method::Head => 1,
        Method::Post => 2,
        Method::Put => 3,
        Method::Delete => 4,
        Method::Connect => 5,
        Method::Options => 6,
        Method::Trace => 7,
        Method::Patch => 8,
        _ => return None,
    })
}

impl<T> Methods<T> {
    pub(super) fn new() -> Self {
        Methods { known: [const { None }; KNOWN.len()], extensions: Vec::new(), any: None }
    }

    /// Puts `value` in, unless there is one for this method; `None` stands for every method. Of two,
    /// one that `yields` gives way.
    pub(super) fn insert(
        &mut self,
        method: Option<&Method<'_>>,
        value: T,
        yields: impl Fn(&T) -> bool,
    ) -> Result<(), T> {
        let old = match method {
            None => self.any.as_mut(),
            Some(method) => match place(method) {
                Some(at) => self.known[at].as_mut(),
                None => self.extension(method.as_bytes()),
            },
        };
        match (old, method) {
            (Some(old), _) if yields(old) && !yields(&value) => *old = value,
            (Some(old), _) if yields(&value) && !yields(old) => {}
            (Some(_), _) => return Err(value),
            (None, None) => self.any = Some(value),
            (None, Some(method)) => match place(method) {
                Some(at) => self.known[at] = Some(value),
                None => self.extensions.push((method.as_bytes().into(), value)),
            },
        }
        Ok(())
    }

    fn extension(&mut self, name: &[u8]) -> Option<&mut T> {
        self.extensions.iter_mut().find(|(own, _)| **own == *name).map(|(_, value)| value)
    }

    /// All there are.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let extensions = self.extensions.iter().map(|(_, value)| value);
        self.known.iter().flatten().chain(extensions).chain(&self.any)
    }

    /// Methods that are not registered and have one of their own.
    pub(super) fn extensions(&self) -> impl Iterator<Item = &Box<[u8]>> {
        self.extensions.iter().map(|(name, _)| name)
    }

    /// What answers this method: its own, for HEAD the one of GET, else the one for every method. So for CONNECT:
    /// with a path it is an extended one, which asks for what Upgrade asks for with GET over HTTP/1.1 (RFC 8441,
    /// section 5).
    #[inline]
    pub(super) fn get(&self, method: &Method<'_>) -> Option<&T> {
        let own = match place(method) {
            Some(at) => match &self.known[at] {
                None if at == 1 || at == 5 => self.known[0].as_ref(),
                own => own.as_ref(),
            },
            None => {
                self.extensions.iter().find(|(name, _)| **name == *method.as_bytes()).map(|(_, value)| value)
            }
        };
        own.or(self.any.as_ref())
    }

    /// What is to be named beside others for this method.
    pub(super) fn named(&self, method: &Method<'_>) -> Option<&T> {
        match method {
            Method::Connect => self.known[5].as_ref().or(self.any.as_ref()),
            _ => self.get(method),
        }
    }
}

/// Methods that a path has routes for.
#[derive(Default)]
pub(super) struct Allow {
    known: [bool; KNOWN.len()],
    extensions: Vec<Box<[u8]>>,
}

impl Allow {
    /// Those, of the registered ones and of `extensions`, that `find` finds a route for; it says
    /// whether that is one for every method. Such a one does not speak for CONNECT and TRACE.
    pub(super) fn of(extensions: &[Box<[u8]>], mut find: impl FnMut(&Method<'_>) -> Option<bool>) -> Self {
        let mut allow = Allow::default();
        for (name, known) in KNOWN.iter().zip(&mut allow.known) {
            let any = find(&Method::from_token(name.as_bytes()));
            *known = any.is_some_and(|any| !any || !matches!(*name, "CONNECT" | "TRACE"));
        }
        for name in extensions {
            if find(&Method::from_token(name)).is_some() && !allow.extensions.contains(name) {
                allow.extensions.push(name.clone());
            }
        }
        allow
    }

    pub(super) fn is_empty(&self) -> bool {
        self.extensions.is_empty() && !self.known.contains(&true)
    }

    /// As a field value.
    pub(super) fn value(&self) -> Vec<u8> {
        let known = (0..KNOWN.len()).filter(|&at| self.known[at] || KNOWN[at] == "OPTIONS");
        let known = known.map(|at| KNOWN[at].as_bytes());
        known.chain(self.extensions.iter().map(|name| &**name)).collect::<Vec<_>>().join(&b", "[..])
    }
}
