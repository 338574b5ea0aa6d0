//! The handler.

use super::conditional::{Conditions, Validators, Verdict};
use super::mime;
use super::open::{Found, Root, open};
use super::path::{Below, below};
use super::range::{self, Wanted};
use super::source::{FileSource, Part, read};
use crate::pool::PIECE;
use crate::rt::Runtime;
use crate::{Body, Error, Handler, IntoResponse, Reply, Request, Response, Value, pool};
use avx_core::{Date, Method, Status};
use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

/// Serves the files of a directory. For a route that ends in `**`, what that captured is the path
/// below the directory; else the whole path of the request is.
///
/// Answers GET, HEAD and OPTIONS, with validators, preconditions and ranges. Files whose name begins
/// with a dot are not there unless [`hidden`](Files::hidden), by a symbolic link neither.
pub struct Files<R> {
    rt: R,
    root: Arc<Root>,
    cache_control: Option<Value>,
}

const ALLOW: &str = "GET, HEAD, OPTIONS";

impl<R: Runtime> Files<R> {
    /// The files below `dir`, with `index.html` for directories, without listings.
    ///
    /// # Errors
    /// When `dir` is no directory. Blocks for the look-up.
    pub fn new(rt: &R, dir: impl AsRef<Path>) -> io::Result<Self> {
        let path = std::fs::canonicalize(dir)?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let index = Some("index.html".to_owned());
        let root = Arc::new(Root { path, index, listing: false, hidden: false });
        Ok(Files { rt: rt.clone(), root, cache_control: None })
    }

    /// The file that stands for its directory; `None` for none.
    pub fn index(self, name: Option<&str>) -> Self {
        self.with(|root| root.index = name.map(Into::into))
    }

    /// Whether a directory without index is listed. Default false.
    pub fn listing(self, yes: bool) -> Self {
        self.with(|root| root.listing = yes)
    }

    /// Whether names that begin with a dot are served. Default false; `.well-known` always is.
    pub fn hidden(self, yes: bool) -> Self {
        self.with(|root| root.hidden = yes)
    }

    /// Value of Cache-Control for files. Default none.
    pub fn cache_control(mut self, value: impl Into<Value>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Root)) -> Self {
        let root = &self.root;
        let mut root = Root {
            path: root.path.clone(),
            index: root.index.clone(),
            listing: root.listing,
            hidden: root.hidden,
        };
        change(&mut root);
        self.root = Arc::new(root);
        self
    }
}

impl<R: Runtime> Handler for Files<R> {
    fn call<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        let head = match request.method() {
            Method::Get => false,
            Method::Head => true,
            Method::Options => return Response::new(Status::NO_CONTENT).field("allow", ALLOW).into(),
            _ => return Status::METHOD_NOT_ALLOWED.into_response().field("allow", ALLOW).into(),
        };
        let path = request.path();
        let inner = request.rest().or_else(|| path.strip_prefix(b"/")).unwrap_or_default();
        let Some(mut below) = below(inner, self.root.hidden) else {
            return Status::NOT_FOUND.into_response().into();
        };
        // The mount point itself, asked for without the slash.
        below.slash &= path.ends_with(b"/");
        let look_up = LookUp {
            root: self.root.clone(),
            below,
            path: path.to_vec(),
            query: request.query().map(<[u8]>::to_vec),
            conditions: Conditions::of(request.fields()),
            head,
            cache_control: self.cache_control.clone(),
        };
        let rt = self.rt.clone();
        Reply::later(async move {
            let (mut response, rest) = rt.unblock(move || look_up.run()).await;
            if let Some((file, parts)) = rest {
                response = response.with_body(Body::source(FileSource::new(rt, file, parts)));
            }
            response
        })
    }
}

impl<R> fmt::Debug for Files<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Files").field(&self.root.path).finish()
    }
}

/// The blocking part of a request: look up, open, decide, and read what is small.
struct LookUp {
    root: Arc<Root>,
    below: Below,
    path: Vec<u8>,
    query: Option<Vec<u8>>,
    conditions: Conditions,
    head: bool,
    cache_control: Option<Value>,
}

/// A response, and the file to send behind it unless it was read already.
type Answer = (Response, Option<(File, Vec<Part>)>);

impl LookUp {
    fn run(self) -> Answer {
        let shown = String::from_utf8_lossy(&self.path).into_owned();
        let response = match open(&self.root, &self.below, &crate::message::decode(shown.as_bytes())) {
            Found::File { file, name, len, validators } => return self.file(file, &name, len, &validators),
            Found::Directory => self.redirect(),
            Found::Listing(page) => Response::content("text/html; charset=utf-8", page)
                .field("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")
                .field("x-content-type-options", "nosniff"),
            Found::Nothing => Status::NOT_FOUND.into_response(),
            Found::Forbidden => Status::FORBIDDEN.into_response(),
            Found::Failed(error) => Error::from(error).into_response(),
        };
        (response, None)
    }

    /// To the same path with a slash. Relative, so that no authority has to be made up, and beginning
    /// with a single slash, so that it cannot be read as one.
    fn redirect(&self) -> Response {
        let path = [b"/", self.path.trim_ascii_start()].concat();
        let start = path.iter().position(|&b| b != b'/').unwrap_or(path.len());
        let mut location = [b"/", &path[start..], b"/"].concat();
        if let Some(query) = &self.query {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        Response::redirect(Status::PERMANENT_REDIRECT, location)
    }

    fn file(self, mut file: File, name: &str, len: u64, validators: &Validators) -> Answer {
        let fields = |response: Response| {
            let response = response
                .field("etag", validators.etag.clone())
                .field("last-modified", Date::from_unix(validators.modified))
                .field("accept-ranges", "bytes");
            match &self.cache_control {
                Some(value) => response.field("cache-control", value.clone()),
                None => response,
            }
        };
        match self.conditions.verdict(validators) {
            Verdict::Send => {}
            Verdict::NotModified => return (fields(Response::new(Status::NOT_MODIFIED)), None),
            Verdict::Failed => return (Status::PRECONDITION_FAILED.into_response(), None),
        }
        // "A server MUST ignore a Range header field received with a request method that is unrecognized
        // or for which range handling is not defined. For this specification, GET is the only method"
        // (RFC 9110, section 14.2)
        let range = self.conditions.range(validators).filter(|_| !self.head);
        let media = mime::of(name);
        let (response, parts) = match range.map_or(Wanted::Whole, |range| range::parse(range, len)) {
            Wanted::Whole => {
                (Response::new(Status::OK).field("content-type", media), vec![Part::File(0..len)])
            }
            Wanted::Unsatisfiable => {
                let response = Status::RANGE_NOT_SATISFIABLE.into_response();
                return (response.field("content-range", format!("bytes */{len}")), None);
            }
            Wanted::Parts(ranges) => match &ranges[..] {
                [range] => {
                    let response = Response::new(Status::PARTIAL_CONTENT)
                        .field("content-type", media)
                        .field("content-range", content_range(range, len));
                    (response, vec![Part::File(range.clone())])
                }
                ranges => multipart(ranges, media, len),
            },
        };
        let response = fields(response);
        if let ([Part::File(range)], false) = (&parts[..], self.head) {
            if range.end - range.start <= PIECE as u64 {
                let buffer = pool::buffer((range.end - range.start) as usize);
                return match read(&mut file, range.clone(), buffer) {
                    Ok(content) => (response.with_body(content), None),
                    Err(error) => (Error::from(error).into_response(), None),
                };
            }
        }
        (response, Some((file, parts)))
    }
}

fn content_range(range: &std::ops::Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", range.start, range.end - 1)
}

/// "If multiple parts are being transferred, the server generating the 206 response MUST generate
/// "multipart/byteranges" content [...] and a Content-Type header field containing the
/// "multipart/byteranges" media type and its required boundary parameter" (RFC 9110, section 15.3.7.2)
fn multipart(ranges: &[std::ops::Range<u64>], media: &str, len: u64) -> (Response, Vec<Part>) {
    let boundary = format!("{:016x}", RandomState::new().build_hasher().finish());
    let mut parts = Vec::new();
    for range in ranges {
        let of = content_range(range, len);
        let head = format!("\r\n--{boundary}\r\nContent-Type: {media}\r\nContent-Range: {of}\r\n\r\n");
        parts.push(Part::Text(head.into_bytes()));
        parts.push(Part::File(range.clone()));
    }
    parts.push(Part::Text(format!("\r\n--{boundary}--\r\n").into_bytes()));
    let media = format!("multipart/byteranges; boundary={boundary}");
    (Response::new(Status::PARTIAL_CONTENT).field("content-type", media), parts)
}
