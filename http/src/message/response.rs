//! The response a handler returns.

use super::{FieldLines, Name, Push, Upgraded, Value};
use crate::{Body, Error};
use avx_core::{Preset, Status};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Status, field lines, content. The engine writes the framing fields, Date and Server itself.
///
/// Up to eight field lines with literal names and literal, numeric or short values, and literal
/// content, cost no allocation.
pub struct Response {
    pub(crate) status: Status,
    /// Lines that were checked beforehand; those of `fields` come first where names meet.
    pub(crate) preset: Option<&'static Preset>,
    pub(crate) fields: FieldLines,
    pub(crate) body: Body,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few responses have.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) reason: Option<Value>,
    pub(crate) take_over: Option<TakeOver>,
    pub(crate) error: Option<Error>,
    pub(crate) pushes: Vec<Push>,
}

/// What goes on with the transport after the head of this response.
pub(crate) type TakeOver = Box<dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Response {
    /// A response without fields and content.
    #[inline]
    pub const fn new(status: Status) -> Self {
        Response { status, preset: None, fields: FieldLines::new(), body: Body::empty(), extra: None }
    }

    /// 200 with this content and this media type.
    pub fn content(media_type: impl Into<Value>, body: impl Into<Body>) -> Self {
        Response::new(Status::OK).field("content-type", media_type).with_body(body)
    }

    /// 200 with this content and with lines that were checked once for all, made in one piece: the cheapest
    /// response there is. See [`with_preset`](Response::with_preset).
    #[inline]
    pub fn prepared(preset: &'static Preset, body: impl Into<Body>) -> Self {
        let (fields, body) = (FieldLines::new(), body.into());
        Response { status: Status::OK, preset: Some(preset), fields, body, extra: None }
    }

    /// A redirection (308, 303, ...) to `location`.
    pub fn redirect(status: Status, location: impl Into<Value>) -> Self {
        Response::new(status).field("location", location)
    }

    /// 101: switches to `protocol`, which the client must have offered, and hands the transport over
    /// once the head is out. The connection ends when the future does.
    ///
    /// Over HTTP/2 it accepts an extended CONNECT for this protocol, with 200 (RFC 8441), and what it hands over is
    /// one stream of the connection:
    ///
    /// - Shutting the sending side down ends that side alone (END_STREAM), and the end of the input is the other one's.
    /// - Dropping it before both sides have ended resets the stream, behind what was written. A client's reset is an
    ///   error of kind `ConnectionReset` on reading.
    /// - Writing waits when the client does not read, and the client when nobody reads here: a window of content and
    ///   a [piece](crate::body::PIECE) wait each way at most.
    /// - What one poll of the future writes leaves together.
    ///
    /// See [`Server::extended_connect`](crate::Server::extended_connect). A [`Router`](crate::Router) hands such
    /// requests to the route of GET, as over HTTP/1.1, and [`Request::upgrade`](crate::Request::upgrade) says what they
    /// ask for.
    pub fn upgrade<F, Fut>(protocol: impl Into<Value>, then: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Response::new(Status::SWITCHING_PROTOCOLS).field("upgrade", protocol).with_take_over(then)
    }

    /// 200 to CONNECT: the transport becomes a tunnel and is handed over once the head is out. Over HTTP/2 that is one
    /// stream of the connection (RFC 9113, section 8.5), as for [`upgrade`](Response::upgrade).
    pub fn tunnel<F, Fut>(then: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Response::new(Status::OK).with_take_over(then)
    }

    pub(crate) fn with_take_over<F, Fut>(mut self, then: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.extra().take_over = Some(Box::new(move |io| Box::pin(then(io))));
        self
    }

    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Appends a field line.
    #[inline]
    pub fn field(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.fields.push(name, value);
        self
    }

    /// With lines that were checked once for all: the cheapest way to send the same ones many times. They
    /// are not among [`fields`](Response::fields), and give way to those of the same name.
    ///
    /// ```
    /// use avx_http::{Field, Preset, Response};
    /// use std::sync::LazyLock;
    ///
    /// static JSON: LazyLock<Preset> =
    ///     LazyLock::new(|| Preset::new(&[Field::new("content-type", "application/json")]).expect("valid"));
    ///
    /// fn handler() -> Response {
    ///     Response::from("{}").with_preset(&JSON)
    /// }
    /// # handler();
    /// ```
    #[inline]
    pub fn with_preset(mut self, preset: &'static Preset) -> Self {
        self.preset = Some(preset);
        self
    }

    /// With these field lines instead.
    pub fn with_fields(mut self, fields: FieldLines) -> Self {
        self.fields = fields;
        self
    }

    /// With this content instead.
    #[inline]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// With this status instead.
    #[inline]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// With this reason phrase instead of the registered one. HTTP/1.1 only.
    pub fn with_reason(mut self, reason: impl Into<Value>) -> Self {
        self.extra().reason = Some(reason.into());
        self
    }

    /// Promises the response to a GET of this path, which the client is about to need, and sends it along
    /// (RFC 9113, section 8.4): the request goes to the same handler as any other. Over HTTP/1.1, and to clients
    /// that take no promises, nothing is pushed.
    ///
    /// ```
    /// use avx_http::{Push, Response};
    ///
    /// fn page() -> Response {
    ///     Response::content("text/html", "<link rel=stylesheet href=/style.css><script src=/app.js></script>")
    ///         .push("/style.css")
    ///         .push(Push::new("/app.js").field("accept-language", "en"))
    /// }
    /// # page();
    /// ```
    pub fn push(mut self, push: impl Into<Push>) -> Self {
        self.extra().pushes.push(push.into());
        self
    }

    /// Status code.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Value of the first line of that name, wherever it comes from: [`fields`](Self::fields) or
    /// [`preset`](Self::with_preset). Server and Date, which every response of a server gets, are not
    /// known here.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.get(name).or_else(|| self.preset?.fields().get(name))
    }

    /// The lines that were checked once for all, if there are some. See [`with_preset`](Self::with_preset).
    pub fn preset(&self) -> Option<&'static Preset> {
        self.preset
    }

    /// Whether it hands the transport over: an [`upgrade`](Self::upgrade) or a [`tunnel`](Self::tunnel).
    pub fn takes_over(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.take_over.is_some())
    }

    /// Field lines. The media type of text and bytes that were converted is a
    /// [preset](Self::with_preset) instead.
    pub fn fields(&self) -> &FieldLines {
        &self.fields
    }

    /// Field lines, to change.
    pub fn fields_mut(&mut self) -> &mut FieldLines {
        &mut self.fields
    }

    /// Content.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Content, to change or to take out.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Whether there is nothing to drop.
    #[inline]
    pub(crate) fn holds_nothing(&self) -> bool {
        self.fields.is_unused() && self.extra.is_none() && self.body.is_static()
    }

    /// Whether there is something to [promise](Self::push).
    #[inline]
    pub(crate) fn promises(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| !extra.pushes.is_empty())
    }

    pub(crate) fn reason(&self) -> Option<&[u8]> {
        self.extra.as_ref()?.reason.as_ref().map(Value::as_bytes)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("fields", &self.fields)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
