//! Messages, from the engine's types to those of the `http` crate and back.

use crate::body::{Content, body_of};
use crate::section::{FieldSection, lines_in_order, map_of};
use avx_http::{
    Body, Error, Fields, Method, OwnedFields, OwnedRequest, Peer, Request, Response, Status, Version, client,
};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, StatusCode, Uri, uri};
use std::ops::Range;

/// A request that was received. Its content streams, with trailers; its [`FieldSection`] and the [`Peer`] who sent it
/// are among the extensions. What layers of avx have attached stays behind.
///
/// The target is path and query, as over HTTP/1.1; of a request over HTTP/2 it is absolute, because that is how its
/// authority is told.
///
/// # Errors
/// 400 (Bad Request) for a target that is no [`Uri`], 431 (Request Header Fields Too Large) for more fields than a
/// [`HeaderMap`] holds.
pub fn request_to_http(mut request: OwnedRequest) -> Result<http::Request<Content>, Error> {
    let mut http = http::Request::new(Content::from(request.take_body()));
    let (line, fields) = ((request.method(), request.target(), request.version()), request.fields());
    let place = begin(&mut http, line, request.authority(), fields, request.peer())?;
    finish(&mut http, place, request.into_fields())?;
    Ok(http)
}

/// As [`request_to_http`], of a request that was not detached: its head is copied once, too.
pub(crate) fn received_to_http(request: &mut Request<'_>) -> Result<http::Request<Content>, Error> {
    let mut http = http::Request::new(Content::from(request.take_body()));
    let (line, fields) = ((request.method(), request.target(), request.version()), request.fields());
    let place = begin(&mut http, line, request.authority(), fields, request.peer())?;
    finish(&mut http, place, OwnedFields::copy_whole(fields))?;
    Ok(http)
}

/// The authority that the target is to name, and where the target lies in the memory of the fields.
type Place = (Option<uri::Authority>, Range<usize>);

/// Fills in what the request line says, but for the target.
fn begin(
    http: &mut http::Request<Content>,
    (method, target, version): (Method<'_>, &[u8], Version),
    authority: &[u8],
    fields: Fields<'_>,
    peer: Peer,
) -> Result<Place, Error> {
    *http.method_mut() = http::Method::from_bytes(method.as_bytes()).map_err(|_| malformed())?;
    *http.version_mut() = version_to_http(version);
    http.extensions_mut().insert(peer);
    let multiplexed = matches!(version, Version::Http2 | Version::Http3);
    let names_authority = multiplexed && target.starts_with(b"/") && !authority.is_empty();
    let authority = names_authority.then(|| uri::Authority::try_from(authority)).transpose();
    let start = target.as_ptr().addr().wrapping_sub(fields.as_raw().0.as_ptr().addr());
    Ok((authority.map_err(|_| malformed())?, start..start.wrapping_add(target.len())))
}

/// Fills in target and fields: slices of one memory.
fn finish(
    http: &mut http::Request<Content>,
    (authority, target): Place,
    fields: OwnedFields,
) -> Result<(), Error> {
    let section = FieldSection::from(fields);
    let bytes = section.bytes();
    let lies_there = target.start <= target.end && target.end <= bytes.len();
    let target = if lies_there { bytes.slice(target) } else { Bytes::new() };
    *http.uri_mut() = uri_of(target, authority).map_err(|_| malformed())?;
    let too_many = || Error::new(Status::new(431).unwrap_or(Status::BAD_REQUEST));
    *http.headers_mut() = section.map(&bytes).ok_or_else(too_many)?;
    http.extensions_mut().insert(section);
    Ok(())
}

fn malformed() -> Error {
    Error::new(Status::BAD_REQUEST)
}

fn uri_of(target: Bytes, authority: Option<uri::Authority>) -> Result<Uri, http::Error> {
    let Some(authority) = authority else { return Ok(Uri::from_maybe_shared(target)?) };
    let mut parts = uri::Parts::default();
    parts.scheme = Some(uri::Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query = Some(uri::PathAndQuery::from_maybe_shared(target)?);
    Ok(Uri::from_parts(parts)?)
}

/// A response to send. Its content streams, with trailers, when the connection has room; its fields come in the order
/// and the case of its [`FieldSection`], if it has one.
///
/// What frames the message is the engine's: Content-Length says how long content is that does not know it itself,
/// and is otherwise left out, as is Transfer-Encoding. An upgrade (101) cannot be sent: nothing of
/// the engine's transport goes by way of these types, and the peer gets 501 (Not Implemented).
pub fn response_from_http<B>(response: http::Response<B>) -> Response
where
    B: http_body::Body + Send + 'static,
{
    let (parts, body) = response.into_parts();
    let body = body_of(body, || announced(&parts.headers));
    response_of(&parts, body)
}

/// With this content instead of its own.
pub(crate) fn response_of(parts: &http::response::Parts, body: Body) -> Response {
    let status = match Status::new(parts.status.as_u16()) {
        Some(status) if status != Status::SWITCHING_PROTOCOLS => status,
        _ => return Response::new(Status::NOT_IMPLEMENTED),
    };
    let fields = lines_in_order(&parts.headers, parts.extensions.get(), is_framing);
    Response::new(status).with_fields(fields).with_body(body)
}

/// What Content-Length says.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_framing(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}

/// The response of a handler. Its content streams, with trailers; its [`FieldSection`] is among the extensions. A
/// promise is lost, and so is a reason phrase; an upgrade becomes 501 (Not Implemented).
pub fn response_to_http(mut response: Response) -> http::Response<Content> {
    if response.takes_over() {
        response = Response::new(Status::NOT_IMPLEMENTED);
    }
    let body = std::mem::take(response.body_mut());
    let mut http = http::Response::new(Content::from(body));
    *http.status_mut() = status_to_http(response.status());
    let mut section = OwnedFields::from(response.fields());
    let preset = response.preset().map(|preset| preset.fields()).unwrap_or_default();
    for line in preset {
        if !response.fields().iter().any(|other| other.name.as_bytes().eq_ignore_ascii_case(line.name)) {
            section.push(line.name, line.value);
        }
    }
    match map_of(section.as_fields()) {
        Some(map) => *http.headers_mut() = map,
        None => *http.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    http.extensions_mut().insert(FieldSection::from(section.as_fields()));
    http
}

/// A request for a [`client::Connection`]. Of its target, path and query are sent, and the authority if it names one;
/// its content streams, with trailers, and its fields come in the order and the case of its [`FieldSection`].
pub fn client_request_from_http<B>(request: http::Request<B>) -> client::Request
where
    B: http_body::Body + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let body = body_of(body, || announced(&parts.headers));
    let target = target_of(&parts);
    let method = Method::from_token(parts.method.as_str().as_bytes());
    let mut http = client::Request::new(method, target).with_body(body);
    if let Some(authority) = parts.uri.authority() {
        http = http.authority(authority.as_str());
    }
    // The authority of the target is sent as Host.
    let has_authority = parts.uri.authority().is_some();
    let skip = |name: &HeaderName| is_framing(name) || (has_authority && *name == HOST) || *name == UPGRADE;
    *http.fields_mut() = lines_in_order(&parts.headers, parts.extensions.get(), skip);
    http
}

/// Path and query; of a CONNECT, the authority.
pub(crate) fn target_of(parts: &http::request::Parts) -> &str {
    match (parts.uri.path_and_query(), parts.uri.authority()) {
        (Some(target), _) if parts.method != http::Method::CONNECT => target.as_str(),
        (_, Some(authority)) => authority.as_str(),
        _ => "/",
    }
}

/// A response that was received. Its content streams, with trailers; its [`FieldSection`] is among the extensions.
pub fn client_response_to_http(response: client::Response) -> http::Response<Content> {
    let mut http = http::Response::new(Content::default());
    *http.status_mut() = status_to_http(response.status());
    *http.version_mut() = version_to_http(response.version());
    // The limits of a client are far below those of a map.
    *http.headers_mut() = map_of(response.fields()).unwrap_or_default();
    http.extensions_mut().insert(FieldSection::from(response.fields()));
    *http.body_mut() = Content::from(response.into_body());
    http
}

fn status_to_http(status: Status) -> StatusCode {
    StatusCode::from_u16(status.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn version_to_http(version: Version) -> http::Version {
    match version {
        Version::Http10 => http::Version::HTTP_10,
        Version::Http2 => http::Version::HTTP_2,
        Version::Http3 => http::Version::HTTP_3,
        _ => http::Version::HTTP_11,
    }
}

pub(crate) fn version_from_http(version: http::Version) -> Version {
    match version {
        http::Version::HTTP_10 | http::Version::HTTP_09 => Version::Http10,
        http::Version::HTTP_2 => Version::Http2,
        http::Version::HTTP_3 => Version::Http3,
        _ => Version::Http11,
    }
}

/// Who sent a request, as far as it says so: the engine's own extension, if it came this way.
pub(crate) fn peer_of(extensions: &http::Extensions) -> Peer {
    extensions.get().copied().unwrap_or(Peer::Unix)
}
