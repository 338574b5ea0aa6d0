//! The access log: a line for each exchange, however it ended.

use crate::rt::Peer;
use crate::server::{Access, AccessHook};
use crate::{Request, Response};
use avx_core::{BodyLen, Instant, Method, Status, Version};

/// For the access log only: nobody waited for the response to begin.
const GIVEN_UP: Option<Status> = Status::new(499);

/// What became of a request.
#[derive(Default)]
pub(super) struct Outcome {
    /// Of the response, once its head has left.
    pub(super) status: Option<Status>,
    /// Bytes of content.
    pub(super) sent: u64,
    /// The response has left as a whole.
    pub(super) complete: bool,
    entry: Option<Box<Entry>>,
}

/// What the line says of the request.
pub(super) struct Entry {
    method: Box<[u8]>,
    target: Box<[u8]>,
    user_agent: Option<Box<[u8]>>,
    referer: Option<Box<[u8]>>,
    version: Version,
    since: Instant,
}

impl Entry {
    pub(super) fn new(request: &Request<'_>, since: Instant) -> Box<Self> {
        Box::new(Entry {
            method: request.method().as_bytes().into(),
            target: request.target().into(),
            user_agent: request.field("user-agent").map(Into::into),
            referer: request.field("referer").map(Into::into),
            version: request.version(),
            since,
        })
    }
}

impl Outcome {
    pub(super) fn of(entry: Option<Box<Entry>>) -> Self {
        Outcome { entry, ..Outcome::default() }
    }

    /// The head of the response has left, and its content with it, unless some `follows`.
    pub(super) fn responded(&mut self, response: &Response, follows: BodyLen) {
        let head = self.entry.as_ref().is_some_and(|entry| *entry.method == *b"HEAD");
        self.status = Some(response.status);
        self.complete = follows == BodyLen::Empty;
        self.sent = match response.body.len() {
            BodyLen::Exact(n) if self.complete && !head && !is_bare(response.status) => n,
            _ => 0,
        };
    }

    /// The machine answered in the handler's place.
    pub(super) fn refused(&mut self, refusal: Option<(Status, u64)>) {
        if let (Some((status, sent)), None) = (refusal, self.status) {
            (self.status, self.sent, self.complete) = (Some(status), sent, true);
        }
    }

    /// Writes the line, once, where there is a log.
    pub(super) fn log(&mut self, hook: Option<&AccessHook>, peer: Peer, now: Instant) {
        let Some((hook, entry)) = hook.zip(self.entry.take()) else { return };
        hook(&Access {
            peer,
            method: Method::from_token(&entry.method),
            target: &entry.target,
            version: entry.version,
            user_agent: entry.user_agent.as_deref(),
            referer: entry.referer.as_deref(),
            status: self.status.or(GIVEN_UP).unwrap_or(Status::INTERNAL_SERVER_ERROR),
            sent: self.sent,
            complete: self.complete,
            duration: now.saturating_since(entry.since),
        });
    }
}

/// The line for what was answered at once.
#[cold]
pub(super) fn log(hook: &AccessHook, request: &Request<'_>, response: &Response, peer: Peer) {
    let bare = request.method() == Method::Head || is_bare(response.status);
    let sent = match response.body.len() {
        BodyLen::Exact(n) if !bare => n,
        _ => 0,
    };
    hook(&Access {
        peer,
        method: request.method(),
        target: request.target(),
        version: request.version(),
        user_agent: request.field("user-agent"),
        referer: request.field("referer"),
        status: response.status,
        sent,
        complete: true,
        duration: std::time::Duration::ZERO,
    });
}

/// Whether content of a response with this status is left out.
fn is_bare(status: Status) -> bool {
    status.forbids_content() || status == Status::RESET_CONTENT
}
