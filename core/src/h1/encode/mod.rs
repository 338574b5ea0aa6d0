//! Writing heads and content (RFC 9112, sections 3 to 7): checked, measured, then written at once.
//!
//! Nothing reaches the output unchecked: each name is a token, each value free of controls, and the
//! framing fields come from the announced length, not from the caller.

mod content;
mod lines;

pub(super) use content::{Sending, data, end, frame};

use crate::http::{Request, Response};
use crate::syntax::{content_length, target, token};
use crate::{BodyLen, Field, Full, Method, Output, Status, UsageError};
use alloc::vec::Vec;
use lines::Lines;

/// What a written head announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The connection ends with this message.
    pub close: bool,
    /// A switch to another protocol is offered or made.
    pub upgrade: bool,
    /// The content waits for 100 (Continue).
    pub expect_continue: bool,
}

/// The line to add about the connection, unless the caller's fields say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// None.
    Nothing,
    /// `Connection: close`
    Close,
    /// `Connection: keep-alive`, which an HTTP/1.0 client needs to see.
    KeepAlive,
    /// `Connection: upgrade`
    Upgrade,
}

impl Connection {
    fn line(self) -> &'static [u8] {
        match self {
            Connection::Nothing => b"",
            Connection::Close => b"Connection: close\r\n",
            Connection::KeepAlive => b"Connection: keep-alive\r\n",
            Connection::Upgrade => b"Connection: upgrade\r\n",
        }
    }
}

/// The line to add about the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// None, and the caller must not give one either.
    Forbidden,
    /// None; the caller may give a Content-Length (HEAD, 304).
    Optional,
    /// `Content-Length`
    Exact(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// None: the end of the connection delimits.
    Close,
}

/// Writes a response head, and `content` behind it as it is, with one reservation. Linear in the
/// bytes written; whether head and content fit each other is the caller's concern.
///
/// # Errors
/// [`UsageError`] when a field, the reason or the framing cannot be sent; nothing was written.
#[inline]
pub fn response(
    response: &Response<'_>,
    length: Length,
    connection: Connection,
    content: &[u8],
    out: &mut dyn Output,
) -> Result<Announced, UsageError> {
    let lines = Lines::of(response.fields)?;
    let length = lines.settle(length)?;
    let switching = response.status == Status::SWITCHING_PROTOCOLS;
    if switching && !lines.upgrade {
        return Err(UsageError::BadUpgrade);
    }
    let reason = match response.reason {
        None if response.status == Status::OK => b"OK",
        None => response.status.reason().as_bytes(),
        Some(reason) if token::all(reason, token::VALUE) => reason,
        Some(_) => return Err(UsageError::BadReason),
    };
    let connection = lines.connection(connection);
    let mut presets = 0;
    for (i, preset) in response.presets.iter().enumerate() {
        let same_name = response.fields.iter().any(|f| preset.has(f.name))
            || response.presets[..i].iter().any(|other| preset.meets(other));
        if same_name {
            return merged(response, length, connection, content, out);
        }
        presets += preset.as_bytes().len();
    }
    let needed = STATUS_LINE
        + reason.len()
        + presets
        + lines.len
        + connection.line().len()
        + length_len(length)
        + 2
        + content.len();
    let buf = out.reserve(needed)?;
    let mut at = 0;
    if response.status == Status::OK && response.reason.is_none() {
        put(buf, &mut at, b"HTTP/1.1 200 OK\r\n");
    } else {
        put(buf, &mut at, b"HTTP/1.1 ");
        put(buf, &mut at, &response.status.digits());
        put(buf, &mut at, b" ");
        put(buf, &mut at, reason);
        put(buf, &mut at, b"\r\n");
    }
    for preset in response.presets {
        put(buf, &mut at, preset.as_bytes());
    }
    put_fields(buf, &mut at, response.fields);
    put(buf, &mut at, connection.line());
    put_length(buf, &mut at, length);
    put(buf, &mut at, b"\r\n");
    put(buf, &mut at, content);
    debug_assert_eq!(at, needed);
    Ok(Announced {
        close: lines.close || connection == Connection::Close,
        upgrade: switching,
        expect_continue: false,
    })
}

/// As [`response`], for what most responses are: a registered reason, no lines but preset ones, the
/// content at hand, the connection kept. Anything else goes the general way.
#[inline]
pub(super) fn plain(
    response: &Response<'_>,
    content: &[u8],
    out: &mut dyn Output,
) -> Result<Announced, UsageError> {
    let simple = response.status == Status::OK && response.fields.is_empty() && response.reason.is_none();
    let (first, second) = match *response.presets {
        [first, second] if simple && !first.meets(second) => (first.as_bytes(), second.as_bytes()),
        [first] if simple => (first.as_bytes(), &[][..]),
        _ => return self::response(response, exactly(content), Connection::Nothing, content, out),
    };
    let digits = content_length::digits(content.len() as u64);
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
    let lines = HEAD.len() + first.len() + second.len();
    let buf = out.reserve(lines + LENGTH_NAME.len() + digits + 4 + content.len())?;
    let rest = next(next(next(next(buf, HEAD), first), second), LENGTH_NAME);
    if let Some((number, rest)) = rest.split_at_mut_checked(digits) {
        content_length::write(content.len() as u64, number);
        next(next(rest, b"\r\n\r\n"), content);
    }
    Ok(Announced { close: false, upgrade: false, expect_continue: false })
}

#[inline]
fn exactly(content: &[u8]) -> Length {
    Length::Exact(content.len() as u64)
}

/// Writes a response some of whose preset lines give way: to its own fields, or to a later preset.
#[cold]
fn merged(
    response: &Response<'_>,
    length: Length,
    connection: Connection,
    content: &[u8],
    out: &mut dyn Output,
) -> Result<Announced, UsageError> {
    let mut lines: Vec<Field<'_>> = Vec::new();
    for (i, preset) in response.presets.iter().enumerate() {
        let later = &response.presets[i + 1..];
        lines.extend(preset.fields().iter().filter(|line| {
            let own = response.fields.iter().any(|f| f.name.eq_ignore_ascii_case(line.name));
            !own && !later.iter().any(|preset| preset.has(line.name))
        }));
    }
    lines.extend_from_slice(response.fields);
    self::response(&Response { fields: &lines, presets: &[], ..*response }, length, connection, content, out)
}

/// Writes a request head. Linear in the bytes written.
///
/// # Errors
/// [`UsageError`] when method, target, authority, a field or the framing cannot be sent; nothing was
/// written.
pub fn request(request: &Request<'_>, length: Length, out: &mut dyn Output) -> Result<Announced, UsageError> {
    let method = request.method.as_bytes();
    if !token::is_token(method) {
        return Err(UsageError::BadMethod);
    }
    if !target::is_target(request.target) || target::form(&request.method, request.target).is_err() {
        return Err(UsageError::BadTarget);
    }
    let lines = Lines::of(request.fields)?;
    // "A client MUST send a Host header field in all HTTP/1.1 request messages. If the target URI
    // includes an authority component, then a client MUST send a field value for Host that is identical
    // to that authority component" (RFC 9112, section 3.2)
    let host = match lines.host {
        Some(line) if request.authority.is_empty() => {
            let value = request.fields[line].value;
            if !value.is_empty() && !target::is_authority(value) {
                return Err(UsageError::BadAuthority);
            }
            None
        }
        Some(line) if request.fields[line].value == request.authority => None,
        Some(_) => return Err(UsageError::BadAuthority),
        None if target::is_authority(request.authority) => Some(request.authority),
        None => return Err(UsageError::BadAuthority),
    };
    // "The presence of a message body in a request is signaled by a Content-Length or Transfer-Encoding
    // header field" (RFC 9112, section 6): a length without content would take the next request for it.
    if length == Length::Optional && lines.content_length.is_some_and(|n| n > 0) {
        return Err(UsageError::FramingField);
    }
    let length = lines.settle(length)?;
    let connection = lines.connection(if lines.upgrade { Connection::Upgrade } else { Connection::Nothing });
    let needed = method.len()
        + 1
        + request.target.len()
        + b" HTTP/1.1\r\n".len()
        + host.map_or(0, |h| b"Host: \r\n".len() + h.len())
        + lines.len
        + connection.line().len()
        + length_len(length)
        + 2;
    let buf = out.reserve(needed)?;
    let mut at = 0;
    put(buf, &mut at, method);
    put(buf, &mut at, b" ");
    put(buf, &mut at, request.target);
    put(buf, &mut at, b" HTTP/1.1\r\n");
    // "A client SHOULD send [Host] as the first field in the header section" (RFC 9110, section 7.2)
    if let Some(host) = host {
        put(buf, &mut at, b"Host: ");
        put(buf, &mut at, host);
        put(buf, &mut at, b"\r\n");
    }
    put_fields(buf, &mut at, request.fields);
    put(buf, &mut at, connection.line());
    put_length(buf, &mut at, length);
    put(buf, &mut at, b"\r\n");
    debug_assert_eq!(at, needed);
    Ok(Announced { close: lines.close, upgrade: lines.upgrade, expect_continue: lines.expect_continue })
}

/// How a request announces its content.
pub(super) fn request_length(method: &Method<'_>, body: BodyLen) -> Result<Length, UsageError> {
    Ok(match body {
        // "A CONNECT request message does not have content." (RFC 9110, section 9.3.6); "A client MUST
        // NOT send content in a TRACE request." (section 9.3.8)
        BodyLen::Empty if matches!(method, Method::Connect | Method::Trace) => Length::Forbidden,
        _ if matches!(method, Method::Connect | Method::Trace) => return Err(UsageError::BodyNotAllowed),
        // "A user agent SHOULD send Content-Length in a request when the method defines a meaning for
        // enclosed content and it is not sending Transfer-Encoding. For example, a user agent normally
        // sends Content-Length in a POST request even when the value is 0 [...]. A user agent SHOULD NOT
        // send a Content-Length header field when the request message does not contain content and the
        // method semantics do not anticipate such data." (RFC 9110, section 8.6)
        BodyLen::Empty if matches!(method, Method::Post | Method::Put | Method::Patch) => Length::Exact(0),
        BodyLen::Empty => Length::Optional,
        BodyLen::Exact(n) => Length::Exact(n),
        BodyLen::Streaming => Length::Chunked,
    })
}

/// Without its reason phrase.
const STATUS_LINE: usize = b"HTTP/1.1 000 \r\n".len();
const CHUNKED_LINE: &[u8] = b"Transfer-Encoding: chunked\r\n";
const LENGTH_NAME: &[u8] = b"Content-Length: ";

#[inline]
fn length_len(length: Length) -> usize {
    match length {
        Length::Exact(n) => LENGTH_NAME.len() + content_length::digits(n) + 2,
        Length::Chunked => CHUNKED_LINE.len(),
        Length::Forbidden | Length::Optional | Length::Close => 0,
    }
}

#[inline]
fn put_length(buf: &mut [u8], at: &mut usize, length: Length) {
    match length {
        Length::Exact(n) => {
            put(buf, at, LENGTH_NAME);
            let digits = content_length::digits(n);
            content_length::write(n, &mut buf[*at..*at + digits]);
            *at += digits;
            put(buf, at, b"\r\n");
        }
        Length::Chunked => put(buf, at, CHUNKED_LINE),
        Length::Forbidden | Length::Optional | Length::Close => {}
    }
}

#[inline]
fn put_fields(buf: &mut [u8], at: &mut usize, fields: &[Field<'_>]) {
    for field in fields {
        put(buf, at, field.name);
        put(buf, at, b": ");
        put(buf, at, field.value);
        put(buf, at, b"\r\n");
    }
}

/// Copies `src` to `buf[*at..]`.
#[inline(always)]
fn put(buf: &mut [u8], at: &mut usize, src: &[u8]) {
    copy(&mut buf[*at..*at + src.len()], src);
    *at += src.len();
}

/// Copies `src` to the front of `buf` and returns the rest. What finds no room is left out: the caller
/// has measured.
#[inline(always)]
fn next<'b>(buf: &'b mut [u8], src: &[u8]) -> &'b mut [u8] {
    let Some((dst, rest)) = buf.split_at_mut_checked(src.len()) else { return &mut [] };
    copy(dst, src);
    rest
}

/// Copies `src` to `dst`, which is as long. Most pieces of a head are shorter than a call of memcpy is
/// worth.
#[inline(always)]
fn copy(dst: &mut [u8], src: &[u8]) {
    let len = src.len();
    if len > 64 {
        dst.copy_from_slice(src);
    } else if len > 32 {
        dst[..16].copy_from_slice(&src[..16]);
        dst[16..32].copy_from_slice(&src[16..32]);
        dst[len - 32..len - 16].copy_from_slice(&src[len - 32..len - 16]);
        dst[len - 16..].copy_from_slice(&src[len - 16..]);
    } else if len >= 16 {
        dst[..16].copy_from_slice(&src[..16]);
        dst[len - 16..].copy_from_slice(&src[len - 16..]);
    } else if len >= 8 {
        dst[..8].copy_from_slice(&src[..8]);
        dst[len - 8..].copy_from_slice(&src[len - 8..]);
    } else if len >= 4 {
        dst[..4].copy_from_slice(&src[..4]);
        dst[len - 4..].copy_from_slice(&src[len - 4..]);
    } else {
        for (d, s) in dst.iter_mut().zip(src) {
            *d = *s;
        }
    }
}

/// What a server says before it closes on a peer's error: all of it, or nothing.
pub(super) fn goodbye(
    status: Status,
    text: &[&[u8]],
    with_content: bool,
    out: &mut dyn Output,
) -> Result<(), Full> {
    let content: usize = text.iter().map(|t| t.len()).sum();
    let mut digits = [0; 20];
    let digits = &mut digits[..content_length::digits(content as u64)];
    content_length::write(content as u64, digits);
    let reason = status.reason().as_bytes();
    let pieces: [&[u8]; 7] = [
        b"HTTP/1.1 ",
        &status.digits(),
        b" ",
        reason,
        b"\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ",
        digits,
        b"\r\n\r\n",
    ];
    let text = if with_content { text } else { &[] };
    let buf = out.reserve(pieces.iter().chain(text).map(|p| p.len()).sum())?;
    let mut at = 0;
    for piece in pieces.iter().chain(text) {
        put(buf, &mut at, piece);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;
    use alloc::vec;

    #[test]
    fn short_copies_are_exact_at_every_length() {
        let src: Vec<u8> = (0..100).collect();
        for len in 0..100 {
            let mut buf = vec![0xff; 102];
            let mut at = 1;
            put(&mut buf, &mut at, &src[..len]);
            assert_eq!((&buf[1..=len], buf[0], buf[len + 1], at), (&src[..len], 0xff, 0xff, len + 1));
        }
    }

    #[test]
    fn the_plain_way_writes_what_the_general_way_writes() {
        let server = Preset::new(&[Field::new("Server", "avx"), Field::new("Date", "now")]).unwrap();
        let text = Preset::new(&[Field::new("content-type", "text/plain")]).unwrap();
        let other = Preset::new(&[Field::new("x", "1")]).unwrap();
        let late = Preset::new(&[Field::new("date", "later")]).unwrap();
        let sets: [&[&Preset]; 5] =
            [&[], &[&server], &[&server, &text], &[&server, &late], &[&server, &text, &other]];
        let field = [Field::new("a", "b")];
        for presets in sets {
            for fields in [&[][..], &field] {
                for status in [Status::OK, Status::NOT_FOUND] {
                    for reason in [None, Some(&b"why"[..])] {
                        for len in [0, 9, 10, 99, 100, 12345] {
                            let (mut one, mut two) = (Vec::new(), Vec::new());
                            let content = vec![b'x'; len];
                            let response = Response { status, reason, fields, presets };
                            let announced = plain(&response, &content, &mut one);
                            let length = exactly(&content);
                            let general =
                                super::response(&response, length, Connection::Nothing, &content, &mut two);
                            assert_eq!((announced, one), (general, two));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn lines_of_the_preset_give_way_to_the_responses_own() {
        let preset = Preset::new(&[Field::new("Server", "avx"), Field::new("Date", "now")]).unwrap();
        for (field, want) in [
            (Field::new("X-Long-Name", "1"), "Server: avx\r\nDate: now\r\nX-Long-Name: 1\r\n"),
            (Field::new("server", "mine"), "Date: now\r\nserver: mine\r\n"),
            (Field::new("same-6", "1"), "Server: avx\r\nDate: now\r\nsame-6: 1\r\n"),
        ] {
            let mut out = Vec::new();
            let fields = [field];
            let response = Response { presets: &[&preset], ..Response::new(Status::OK, &fields) };
            super::response(&response, Length::Exact(0), Connection::Nothing, b"", &mut out).unwrap();
            let want = alloc::format!("HTTP/1.1 200 OK\r\n{want}Content-Length: 0\r\n\r\n");
            assert_eq!(core::str::from_utf8(&out).unwrap(), want);
        }
        let later = Preset::new(&[Field::new("date", "later"), Field::new("X", "1")]).unwrap();
        let mut out = Vec::new();
        let response = Response { presets: &[&preset, &later], ..Response::new(Status::OK, &[]) };
        super::response(&response, Length::Optional, Connection::Nothing, b"", &mut out).unwrap();
        assert_eq!(out, b"HTTP/1.1 200 OK\r\nServer: avx\r\ndate: later\r\nX: 1\r\n\r\n");
    }
}
