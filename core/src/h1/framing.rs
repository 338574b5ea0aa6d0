//! What a received head says about its message: where the content ends, whether the connection
//! lasts, what the sender expects (RFC 9112, sections 3.2, 6 and 9.3).
//!
//! One pass over the field lines collects the few that matter ([`Semantics`]); the rules of section
//! 6.3 then give the length. It does not read content (see [`super::content`]).

use super::upgrade::Offer;
use crate::head::Part;
use crate::syntax::target::{self, PlainAuthority};
use crate::syntax::token::{self, is};
use crate::syntax::{content_length, list};
use crate::{BodyLen, Lenient, PeerError, Span};

/// The field lines that the connection itself has to understand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Semantics {
    /// Value of the Host field.
    pub(super) host: Option<Part>,
    /// Keep-alive is asked for.
    pub(super) keep_alive: bool,
    pub(super) content_length: Option<u64>,
    pub(super) transfer_encoding: Option<TransferEncoding>,
    pub(super) close: bool,
    pub(super) connection_upgrade: bool,
    /// Value of the first Upgrade line, and what all of them offer.
    pub(super) upgrade: Option<Part>,
    pub(super) offer: Offer,
    pub(super) expect: Option<Expectation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransferEncoding {
    /// Chunked, and nothing else.
    Chunked,
    /// Chunked is there, but not last.
    NotFinal,
    /// Only `identity`, which delimits nothing.
    Identity,
    /// A coding this engine does not implement.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expectation {
    Continue,
    Other,
}

/// Where the content of a received message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
}

impl Framing {
    pub(super) fn body_len(self) -> BodyLen {
        match self {
            Framing::Empty => BodyLen::Empty,
            Framing::Length(n) => BodyLen::Exact(n),
            Framing::Chunked | Framing::Close => BodyLen::Streaming,
        }
    }
}

/// First letters of the names below, in lower case, by the length of the name.
const FIRST: [u8; 32] = {
    let mut first = [0; 32];
    let names: [&[u8]; 6] =
        [b"host", b"expect", b"upgrade", b"connection", b"content-length", b"transfer-encoding"];
    let mut i = 0;
    while i < names.len() {
        first[names[i].len()] = names[i][0];
        i += 1;
    }
    first
};

/// The Host of a request whose field lines tell the connection nothing else, but perhaps to be kept: of
/// nearly every request without content. `None` decides nothing; [`Semantics`] does.
#[inline(always)]
pub(super) fn plain_host(input: &[u8], spans: &[Span], known: &mut PlainAuthority) -> Option<Part> {
    let mut host = Part::NONE;
    for span in spans {
        let (start, end) = (span.name as usize, span.name_end as usize);
        let len = end.wrapping_sub(start);
        if len >= FIRST.len() || *input.get(start)? | 0x20 != FIRST[len] {
            continue;
        }
        let name = input.get(start..end)?;
        let part = Part { start: span.value as usize, end: span.value_end as usize };
        if is(name, b"host") && host.end == 0 && known.is(input, part.start, part.end) {
            host = part;
        } else if !(is(name, b"connection") && is(part.of(input), b"keep-alive")) {
            return None;
        }
    }
    (host.end > 0).then_some(host)
}

/// Lengths of the names below: all other field lines are stepped over with one test.
const LENGTHS: u32 = 1 << 4 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 14 | 1 << 17;

impl Semantics {
    /// Reads the field lines of a head. Host is checked for form and number only where `request`.
    pub(super) fn of(
        input: &[u8],
        spans: &[Span],
        request: bool,
        lenient: &Lenient,
    ) -> Result<Self, PeerError> {
        let mut seen = Semantics::default();
        for span in spans {
            let len = span.name_end.wrapping_sub(span.name);
            if len < 32 && LENGTHS & 1 << len != 0 {
                let name = &input[span.name as usize..span.name_end as usize];
                let part = Part { start: span.value as usize, end: span.value_end as usize };
                let value = &input[part.start..part.end];
                match (len, name[0] | 0x20) {
                    (4, b'h') if request && is(name, b"host") => {
                        // "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
                        // request message that lacks a Host header field and to any request message that
                        // contains more than one Host header field line or a Host header field with an
                        // invalid field value." (RFC 9112, section 3.2)
                        if seen.host.is_some() {
                            return Err(PeerError::DuplicateHost);
                        }
                        if !target::is_authority(value) && !value.is_empty() {
                            return Err(PeerError::BadHost);
                        }
                        seen.host = Some(part);
                    }
                    (6, b'e') | (7, b'u') | (10, b'c') | (14, b'c') | (17, b't') => {
                        seen.note(input, name, part, request, lenient)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(seen)
    }

    #[inline(never)]
    fn note(
        &mut self,
        input: &[u8],
        name: &[u8],
        part: Part,
        request: bool,
        lenient: &Lenient,
    ) -> Result<(), PeerError> {
        let value = part.of(input);
        match name.len() {
            6 if request && is(name, b"expect") => {
                for expectation in list::members(value) {
                    let is_continue = expectation.eq_ignore_ascii_case(b"100-continue");
                    if !is_continue || self.expect == Some(Expectation::Other) {
                        self.expect = Some(Expectation::Other);
                    } else {
                        self.expect = Some(Expectation::Continue);
                    }
                }
            }
            7 if is(name, b"upgrade") => {
                // "A client MAY send a list of protocol names in the Upgrade header field of a request"
                // (RFC 9110, section 7.8); "When a field name is repeated within a section, its combined
                // field value consists of the list of corresponding field line values" (section 5.2)
                self.upgrade = self.upgrade.or(Some(part));
                self.offer = self.offer.with(value);
            }
            10 if is(name, b"connection") => {
                for option in list::members(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            14 if is(name, b"content-length") => {
                // "If a message is received without Transfer-Encoding and with an invalid
                // Content-Length header field, then the message framing is invalid and the recipient
                // MUST treat it as an unrecoverable error" (RFC 9112, section 6.3)
                let n = content_length::parse(value, lenient.repeated_content_length)?;
                if self.content_length.is_some_and(|seen| seen != n || !lenient.repeated_content_length) {
                    return Err(PeerError::ConflictingContentLength);
                }
                self.content_length = Some(n);
            }
            17 if is(name, b"transfer-encoding") => {
                self.transfer_encoding = Some(TransferEncoding::next(self.transfer_encoding, value)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the connection lasts beyond this message, as far as its sender is concerned.
    #[inline]
    pub(super) fn persists(&self, http10: bool) -> bool {
        // "If the "close" connection option is present [...], the connection will not persist after
        // the current response; else, If the received protocol is HTTP/1.1 (or later), the connection
        // will persist [...]; else, If the received protocol is HTTP/1.0, the "keep-alive" connection
        // option is present [...], the connection will persist" (RFC 9112, section 9.3)
        !self.close && (!http10 || self.keep_alive)
    }

    /// Length of a request's content.
    #[inline]
    pub(super) fn request_framing(&self, http10: bool, lenient: &Lenient) -> Result<Framing, PeerError> {
        if self.transfer_encoding.is_some() {
            return self.coded(http10, lenient, true);
        }
        // "If this is a request message and none of the above are true, then the message body length
        // is zero (no message body is present)." (RFC 9112, section 6.3)
        Ok(match self.content_length {
            None | Some(0) => Framing::Empty,
            Some(n) => Framing::Length(n),
        })
    }

    /// Length of a response's content, status and method allowing any.
    pub(super) fn response_framing(&self, http10: bool, lenient: &Lenient) -> Result<Framing, PeerError> {
        if self.transfer_encoding.is_some() {
            return self.coded(http10, lenient, false);
        }
        // "Otherwise, this is a response message without a declared message body length, so the
        // message body length is determined by the number of octets received prior to the server
        // closing the connection." (RFC 9112, section 6.3)
        Ok(match self.content_length {
            None => Framing::Close,
            Some(0) => Framing::Empty,
            Some(n) => Framing::Length(n),
        })
    }

    #[cold]
    fn coded(&self, http10: bool, lenient: &Lenient, request: bool) -> Result<Framing, PeerError> {
        // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header
        // field MUST treat the message as if the framing is faulty" (RFC 9112, section 6.1)
        if http10 {
            return Err(PeerError::TransferEncodingInHttp10);
        }
        // "If a message is received with both a Transfer-Encoding and a Content-Length header field,
        // the Transfer-Encoding overrides the Content-Length. Such a message might indicate an attempt
        // to perform request smuggling [...] and ought to be handled as an error." (section 6.3)
        if self.content_length.is_some() && !lenient.transfer_encoding_over_content_length {
            return Err(PeerError::TransferEncodingAndContentLength);
        }
        match self.transfer_encoding {
            Some(TransferEncoding::Chunked) => Ok(Framing::Chunked),
            // "If a Transfer-Encoding header field is present in a request and the chunked transfer
            // coding is not the final encoding, the message body length cannot be determined reliably;
            // the server MUST respond with the 400 (Bad Request) status code and then close the
            // connection." (section 6.3)
            Some(TransferEncoding::NotFinal | TransferEncoding::Identity) if request => {
                Err(PeerError::ChunkedNotFinal)
            }
            // "If a Transfer-Encoding header field is present in a response and the chunked transfer
            // coding is not the final encoding, the message body length is determined by reading the
            // connection until it is closed by the server." (section 6.3)
            Some(TransferEncoding::NotFinal | TransferEncoding::Identity) => Ok(Framing::Close),
            // "A server that receives a request message with a transfer coding it does not understand
            // SHOULD respond with 501 (Not Implemented)." (section 6.1)
            Some(TransferEncoding::Unknown) | None => Err(PeerError::UnknownTransferCoding),
        }
    }
}

impl TransferEncoding {
    /// What the list comes to with one more line of it.
    #[cold]
    fn next(mut seen: Option<Self>, value: &[u8]) -> Result<Self, PeerError> {
        for coding in value.split(|&b| b == b',') {
            let coding = token::trim(coding);
            let name = coding.split(|&b| b == b';').next().map_or(coding, token::trim);
            if !token::is_token(name) {
                return Err(PeerError::BadTransferEncoding);
            }
            let chunked = name.eq_ignore_ascii_case(b"chunked");
            // "A sender MUST NOT apply the chunked transfer coding more than once to a message body"
            // (section 6.1); chunked "does not define any parameters. Their presence SHOULD be treated
            // as an error." (section 7.1)
            let again = matches!(seen, Some(TransferEncoding::Chunked | TransferEncoding::NotFinal));
            if chunked && (name.len() != coding.len() || again) {
                return Err(PeerError::BadTransferEncoding);
            }
            let identity = name.eq_ignore_ascii_case(b"identity");
            seen = Some(match seen {
                None if chunked => TransferEncoding::Chunked,
                None | Some(TransferEncoding::Identity) if identity => TransferEncoding::Identity,
                Some(TransferEncoding::Chunked | TransferEncoding::NotFinal) => TransferEncoding::NotFinal,
                _ => TransferEncoding::Unknown,
            });
        }
        seen.ok_or(PeerError::BadTransferEncoding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codings(values: &[&str]) -> Result<TransferEncoding, PeerError> {
        let mut seen = None;
        for value in values {
            seen = Some(TransferEncoding::next(seen, value.as_bytes())?);
        }
        Ok(seen.unwrap())
    }

    #[test]
    fn rfc9112_6_1_transfer_encoding_is_a_list_of_tokens_over_all_lines() {
        use TransferEncoding::*;
        for (values, want) in [
            (&["chunked"][..], Ok(Chunked)),
            (&["CHUNKED"], Ok(Chunked)),
            (&["gzip, chunked"], Ok(Unknown)),
            (&["gzip", "chunked"], Ok(Unknown)),
            (&["xchunked"], Ok(Unknown)),
            (&["chunked, identity"], Ok(NotFinal)),
            (&["chunked", "gzip"], Ok(NotFinal)),
            (&["identity"], Ok(Identity)),
            (&["chunked, gzip, chunked"], Err(PeerError::BadTransferEncoding)),
            (&["identity, chunked"], Ok(Unknown)),
            (&["chunked, chunked"], Err(PeerError::BadTransferEncoding)),
            (&["chunked", "chunked"], Err(PeerError::BadTransferEncoding)),
            (&["chunked;a=b"], Err(PeerError::BadTransferEncoding)),
            (&[",chunked"], Err(PeerError::BadTransferEncoding)),
            (&["chunked,"], Err(PeerError::BadTransferEncoding)),
            (&[""], Err(PeerError::BadTransferEncoding)),
            (&["\u{a0}chunked"], Err(PeerError::BadTransferEncoding)),
            (&["chun ked"], Err(PeerError::BadTransferEncoding)),
        ] {
            assert_eq!(codings(values), want, "{values:?}");
        }
    }
}
