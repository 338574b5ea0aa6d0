//! Field sections to messages (RFC 9113, section 8): control data, fields, trailers.
//!
//! What a field block held is in a [`Section`]; here it becomes the head of a request or response, laid
//! out like any other, or it is malformed. Bytes of names and values were checked while they were decoded.
//!
//! Cookie crumbs are joined: "these MUST be concatenated into a single octet string using the two-octet
//! delimiter of 0x3b, 0x20 (the ASCII string "; ") before being passed into a non-HTTP/2 context"
//! (section 8.2.3), and this engine's callers are one.

use super::hpack::{Known, Section};
use crate::head::{Layout, Part};
use crate::priority::Priority;
use crate::syntax::method::Method;
use crate::syntax::status::Status;
use crate::syntax::{connection, content_length, list, target, token};
use crate::{Span, Version};

/// Why a message cannot be taken: "Malformed requests or responses that are detected MUST be treated as a
/// stream error of type PROTOCOL_ERROR. For malformed requests, a server MAY send an HTTP response prior to
/// closing or resetting the stream." (section 8.1.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It is reset.
    Reset,
    /// It is well-framed, but addresses two hosts at once: 400.
    BadRequest,
}

/// What a head says beyond what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) content_length: Option<u64>,
    pub(super) head: bool,
    pub(super) connect: bool,
    pub(super) safe: bool,
    pub(super) priority: Option<Priority>,
}

/// Control data of a message, as places in the section.
#[derive(Default)]
struct Control {
    method: Option<Span>,
    scheme: Option<Span>,
    authority: Option<Span>,
    path: Option<Span>,
    protocol: Option<Span>,
    status: Option<Span>,
}

/// What the regular fields of a message say about the message itself.
#[derive(Default)]
struct Regular {
    fields: usize,
    cookies: usize,
    host: Option<Span>,
    content_length: Option<u64>,
    expect_continue: bool,
    priority: Option<Priority>,
}

/// Lays out the head of a request.
pub(super) fn request(
    section: &mut Section,
    layout: &mut Layout,
    extended_connect: bool,
) -> Result<Seen, Malformed> {
    let (control, regular) = split(section, layout, true)?;
    if regular.cookies > 1 {
        join_cookies(section, layout);
    }
    let text = section.text();
    // "All HTTP/2 requests MUST include exactly one valid value for the ":method", ":scheme", and ":path"
    // pseudo-header fields, unless they are CONNECT requests"; "Pseudo-header fields defined for responses
    // MUST NOT appear in requests" (section 8.3)
    let Control { method: Some(method), status: None, scheme, authority, path, protocol } = control else {
        return Err(Malformed::Reset);
    };
    let method_word = Method::from_token(value(text, method));
    if matches!(method_word, Method::Extension(word) if !token::is_token(word)) {
        return Err(Malformed::Reset);
    }
    let connect = method_word == Method::Connect;
    // "On requests that contain the :protocol pseudo-header field, the :scheme and :path pseudo-header fields
    // of the target URI MUST also be included." (RFC 8441, section 4), and it goes with CONNECT alone.
    let plain_connect = connect && protocol.is_none();
    if protocol.is_some() && !(connect && extended_connect && authority.is_some()) {
        return Err(Malformed::Reset);
    }
    if protocol.is_some_and(|span| !token::is_token(value(text, span))) {
        return Err(Malformed::Reset);
    }
    let place = if plain_connect {
        // "The ":scheme" and ":path" pseudo-header fields MUST be omitted. The ":authority" pseudo-header
        // field contains the host and port to connect to" (section 8.5)
        let (None, None, Some(authority)) = (scheme, path, authority) else { return Err(Malformed::Reset) };
        if target::form(&method_word, value(text, authority)).is_err() {
            return Err(Malformed::Reset);
        }
        authority
    } else {
        let (Some(scheme), Some(path)) = (scheme, path) else { return Err(Malformed::Reset) };
        if !is_scheme(value(text, scheme)) || !is_path(&method_word, value(text, scheme), value(text, path)) {
            return Err(Malformed::Reset);
        }
        path
    };
    // "":authority" MUST NOT include the deprecated userinfo subcomponent for "http" or "https" schemed
    // URIs." (section 8.3.1)
    let mut is_authority = |span: Span| {
        layout.host.is(text, span.value as usize, span.value_end as usize)
            || target::is_authority(value(text, span))
    };
    if authority.is_some_and(|span| !is_authority(span)) {
        return Err(Malformed::Reset);
    }
    if let Some(host) = regular.host {
        let host = value(text, host);
        if !target::is_authority(host) {
            return Err(Malformed::BadRequest);
        }
        // "A server SHOULD treat a request as malformed if it contains a Host header field that identifies
        // an entity that differs from the entity in the ":authority" pseudo-header field." (section 8.3.1)
        let scheme = scheme.map_or(&[][..], |span| value(text, span));
        if authority.is_some_and(|span| !is_same_host(value(text, span), host, scheme)) {
            return Err(Malformed::BadRequest);
        }
    }
    layout.line.start = method.value as usize;
    layout.line.method_end = method.value_end as usize;
    layout.line.target = place.value as usize;
    layout.line.target_end = place.value_end as usize;
    layout.line.version = Version::Http2;
    layout.end = 0;
    layout.authority = authority.or(regular.host).map_or(Part::NONE, part);
    layout.scheme = scheme.map(part);
    layout.upgrade = protocol.map(part);
    layout.expect_continue = regular.expect_continue;
    layout.fields = regular.fields - regular.cookies.saturating_sub(1);
    Ok(Seen {
        content_length: regular.content_length,
        head: method_word == Method::Head,
        connect,
        safe: method_word.is_safe(),
        priority: regular.priority,
    })
}

/// Lays out the head of a response and says its status.
pub(super) fn response(section: &Section, layout: &mut Layout) -> Result<(Status, Seen), Malformed> {
    let (control, regular) = split(section, layout, false)?;
    // "For HTTP/2 responses, a single ":status" pseudo-header field is defined [...]. This pseudo-header field
    // MUST be included in all responses" (section 8.3.2)
    let Control {
        status: Some(status),
        method: None,
        scheme: None,
        authority: None,
        path: None,
        protocol: None,
    } = control
    else {
        return Err(Malformed::Reset);
    };
    let status = match *value(section.text(), status) {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            let digit = |d: u8| u16::from(d - b'0');
            Status::new(digit(a) * 100 + digit(b) * 10 + digit(c)).ok_or(Malformed::Reset)?
        }
        _ => return Err(Malformed::Reset),
    };
    // "HTTP/2 does not support the 101 (Switching Protocols) informational status code" (section 8.6)
    if status == Status::SWITCHING_PROTOCOLS {
        return Err(Malformed::Reset);
    }
    layout.status_line.status = status;
    layout.status_line.version = Version::Http2;
    (layout.status_line.reason, layout.status_line.reason_end) = (0, 0);
    layout.end = 0;
    layout.fields = regular.fields;
    let seen = Seen {
        content_length: regular.content_length,
        head: false,
        connect: false,
        safe: false,
        priority: regular.priority,
    };
    Ok((status, seen))
}

/// Lays out a trailer section and says how many of its lines were left out.
pub(super) fn trailers(section: &Section, layout: &mut Layout) -> Result<u16, Malformed> {
    let (mut kept, mut dropped) = (0, 0);
    room(layout, section.len());
    for ((field, mark), &span) in section.iter().zip(section.spans()) {
        // "Trailers MUST NOT include pseudo-header fields. An endpoint that receives pseudo-header fields in
        // trailers MUST treat the request or response as malformed." (section 8.1)
        if !mark.is_well_formed() || mark.known().is_pseudo() || is_connection_specific(mark.known()) {
            return Err(Malformed::Reset);
        }
        // Framing, routing, authentication and the like never belong there (RFC 9110, section 6.5.1).
        if mark.known() == Known::Te || connection::is_forbidden_in_trailers(field.name) {
            dropped += 1;
        } else {
            layout.spans[kept] = span;
            kept += 1;
        }
    }
    layout.fields = kept;
    Ok(dropped)
}

/// Divides a section into control data and regular fields; the places of the latter go to the layout.
#[inline]
fn split(section: &Section, layout: &mut Layout, is_request: bool) -> Result<(Control, Regular), Malformed> {
    let (mut control, mut regular) = (Control::default(), Regular::default());
    room(layout, section.len());
    let text = section.text();
    for (&span, mark) in section.spans().iter().zip(section.marks()) {
        // "A request or response that contains a field that violates any of these conditions MUST be treated
        // as malformed" (section 8.2.1)
        if !mark.is_well_formed() {
            return Err(Malformed::Reset);
        }
        let place = match mark.known() {
            Known::Method => &mut control.method,
            Known::Scheme => &mut control.scheme,
            Known::Authority => &mut control.authority,
            Known::Path => &mut control.path,
            Known::Protocol => &mut control.protocol,
            Known::Status => &mut control.status,
            known => {
                if known != Known::Other {
                    regular.note(known, value(text, span), span, is_request)?;
                }
                layout.spans[regular.fields] = span;
                regular.fields += 1;
                continue;
            }
        };
        // "Any request or response that contains a pseudo-header field that appears in a field block after a
        // regular field line MUST be treated as malformed"; "The same pseudo-header field name MUST NOT
        // appear more than once in a field block." (section 8.3)
        if regular.fields > 0 || place.replace(span).is_some() {
            return Err(Malformed::Reset);
        }
    }
    Ok((control, regular))
}

impl Regular {
    #[inline]
    fn note(&mut self, known: Known, value: &[u8], span: Span, is_request: bool) -> Result<(), Malformed> {
        match known {
            // "Any message containing connection-specific header fields MUST be treated as malformed"
            // (section 8.2.2)
            _ if is_connection_specific(known) => return Err(Malformed::Reset),
            // "The only exception to this is the TE header field, which MAY be present in an HTTP/2 request;
            // when it is, it MUST NOT contain any value other than "trailers"." (section 8.2.2)
            Known::Te if !is_request || !value.eq_ignore_ascii_case(b"trailers") => {
                return Err(Malformed::Reset);
            }
            Known::ContentLength => {
                let n = content_length::parse(value, false).map_err(|_| Malformed::Reset)?;
                if self.content_length.replace(n).is_some() {
                    return Err(Malformed::Reset);
                }
            }
            Known::Host if self.host.replace(span).is_some() => return Err(Malformed::BadRequest),
            Known::Cookie if is_request => self.cookies += 1,
            Known::Expect => self.expect_continue |= list::contains(value, "100-continue"),
            Known::Priority => {
                self.priority.get_or_insert_default().read(value);
            }
            _ => {}
        }
        Ok(())
    }
}

#[inline]
fn is_connection_specific(known: Known) -> bool {
    matches!(
        known,
        Known::Connection
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::TransferEncoding
            | Known::Upgrade
    )
}

fn room(layout: &mut Layout, n: usize) {
    Layout::room(&mut layout.spans, n);
}

#[inline]
fn value(text: &[u8], span: Span) -> &[u8] {
    text.get(span.value as usize..span.value_end as usize).unwrap_or_default()
}

#[inline]
fn part(span: Span) -> Part {
    Part { start: span.value as usize, end: span.value_end as usize }
}

/// "scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )" (RFC 3986, section 3.1)
#[inline]
fn is_scheme(scheme: &[u8]) -> bool {
    matches!(scheme, b"https" | b"http")
        || scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[inline]
fn is_path(method: &Method<'_>, scheme: &[u8], path: &[u8]) -> bool {
    // "This pseudo-header field MUST NOT be empty for "http" or "https" URIs; "http" or "https" URIs that do
    // not contain a path component MUST include a value of '/'. The exceptions to this rule are: an OPTIONS
    // request [...] with a value of '*'" (section 8.3.1)
    match path {
        [b'/', ..] => target::is_target(path),
        b"*" => *method == Method::Options,
        _ => {
            let http = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
            !http && target::is_target(path)
        }
    }
}

/// Whether two authorities are one after "scheme-based normalization" (section 8.3.1).
fn is_same_host(a: &[u8], b: &[u8], scheme: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let default: &[u8] = if scheme.eq_ignore_ascii_case(b"https") { b"443" } else { b"80" };
    let normal = |authority| {
        let (host, port) = target::split_port(authority)?;
        Some((host, port.filter(|port| !port.is_empty() && *port != default)))
    };
    match (normal(a), normal(b)) {
        (Some((host_a, port_a)), Some((host_b, port_b))) => {
            host_a.eq_ignore_ascii_case(host_b) && port_a == port_b
        }
        _ => false,
    }
}

/// Makes one line of all Cookie lines, where the first of them stood.
#[cold]
fn join_cookies(section: &mut Section, layout: &mut Layout) {
    let regular = section.marks().iter().filter(|mark| !mark.known().is_pseudo()).count();
    // The crumbs go behind the fields, which close ranks.
    let (fields, crumbs) = Layout::room(&mut layout.spans, 2 * regular).split_at_mut(regular);
    let (mut kept, mut found, mut first) = (0, 0, None);
    for i in 0..regular {
        let span = fields[i];
        if section.text().get(span.name as usize..span.name_end as usize) == Some(b"cookie") {
            crumbs[found] = span;
            found += 1;
            if first.is_some() {
                continue;
            }
            first = Some(kept);
        }
        fields[kept] = span;
        kept += 1;
    }
    let (value, value_end) = section.join(&crumbs[..found], b"; ");
    if let Some(first) = first {
        fields[first] = Span { value, value_end, ..fields[first] };
    }
}

#[cfg(test)]
mod tests;
