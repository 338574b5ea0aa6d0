//! The client's side of the handshake (RFC 6455, section 4.1; RFC 8441, section 5).

use super::lines::{Lines, lists, single};
use crate::syntax::list;
use crate::ws::accept;
use crate::ws::extension::{self, Agreed, BadResponse, Deflate, Offer, Text};
use crate::{ResponseHead, Status};
use core::fmt;

/// A handshake that a client is going through: what it says, and what it takes for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// The key; over HTTP/2 there is none.
    key: Option<[u8; 24]>,
    protocols: &'a [u8],
    offers: Option<[Offer; 2]>,
    extensions: Text,
}

/// What the server has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted<'b> {
    /// The subprotocol it has chosen.
    pub protocol: Option<&'b [u8]>,
    /// What is agreed about permessage-deflate, for the machine.
    pub deflate: Option<Agreed>,
}

/// Why a response does not accept the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// Another status: the server has something else to say, and no rule is broken.
    Status(Status),
    /// Upgrade is not `websocket`.
    Upgrade,
    /// Connection does not list `upgrade`.
    Connection,
    /// Sec-WebSocket-Accept does not answer the key.
    Accept,
    /// A subprotocol that was not asked for.
    Protocol,
    /// An extension that was not offered like this.
    Extension,
}

impl<'a> Handshake<'a> {
    /// One over HTTP/1.1: a GET. `nonce` comes from a source of entropy, and is used once.
    pub fn new(nonce: [u8; 16]) -> Self {
        Handshake { key: Some(accept::key(nonce)), protocols: b"", offers: None, extensions: Text::EMPTY }
    }

    /// One over HTTP/2: a CONNECT, to a server whose settings say that it takes such.
    pub fn extended() -> Self {
        Handshake { key: None, protocols: b"", offers: None, extensions: Text::EMPTY }
    }

    /// Asks for one of these subprotocols, a list with commas and the best first, each of them once.
    pub fn protocols(self, protocols: &'a [u8]) -> Self {
        Handshake { protocols, ..self }
    }

    /// Offers permessage-deflate.
    pub fn deflate(self, deflate: &Deflate) -> Self {
        let offers = Offer::of(deflate);
        Handshake { offers: Some(offers), extensions: Offer::text(&offers), ..self }
    }

    /// The field lines of the request; `:protocol` among them makes the CONNECT an extended one. Others may stand
    /// beside them. Scheme, authority and target are the caller's.
    pub fn fields(&self) -> Lines<'_> {
        let mut lines = Lines::new();
        match &self.key {
            Some(key) => {
                lines.push(b"Upgrade", b"websocket");
                lines.push(b"Connection", b"Upgrade");
                lines.push(b"Sec-WebSocket-Key", key);
            }
            None => lines.push(b":protocol", b"websocket"),
        }
        lines.push(b"Sec-WebSocket-Version", b"13");
        if !self.protocols.is_empty() {
            lines.push(b"Sec-WebSocket-Protocol", self.protocols);
        }
        if !self.extensions.is_empty() {
            lines.push(b"Sec-WebSocket-Extensions", self.extensions.as_bytes());
        }
        lines
    }

    /// Checks the response to it, an interim one apart.
    ///
    /// # Errors
    /// The connection is not a WebSocket: for [`Failure::Status`] because the server does not want to, and else
    /// because it broke a rule, whereupon the connection is to be closed.
    pub fn check<'b>(&self, head: &ResponseHead<'b>) -> Result<Accepted<'b>, Failure> {
        let (fields, status) = (head.fields(), head.status());
        match &self.key {
            // "If the status code received from the server is not 101, the client handles the response per HTTP
            // procedures." (section 4.1)
            Some(_) if status != Status::SWITCHING_PROTOCOLS => return Err(Failure::Status(status)),
            Some(key) => {
                // "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a value
                // that is not an ASCII case-insensitive match for the value "websocket", the client MUST _Fail the
                // WebSocket Connection_."
                let upgrade = single(fields, "Upgrade").unwrap_or_default();
                if !upgrade.eq_ignore_ascii_case(b"websocket") {
                    return Err(Failure::Upgrade);
                }
                // "If the response lacks a |Connection| header field or the |Connection| header field doesn't
                // contain a token that is an ASCII case-insensitive match for the value "Upgrade", the client MUST
                // _Fail the WebSocket Connection_."
                if !lists(fields, "Connection", "upgrade") {
                    return Err(Failure::Connection);
                }
                // "If the response lacks a |Sec-WebSocket-Accept| header field or the |Sec-WebSocket-Accept|
                // contains a value other than the base64-encoded SHA-1 [...], the client MUST _Fail the WebSocket
                // Connection_."
                if single(fields, "Sec-WebSocket-Accept") != Some(&accept::accept(key)) {
                    return Err(Failure::Accept);
                }
            }
            None if !(200..300).contains(&status.code()) => return Err(Failure::Status(status)),
            None => {}
        }
        // "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates the use
        // of a subprotocol that was not present in the client's handshake [...], the client MUST _Fail the WebSocket
        // Connection_."
        let protocol = fields.get("Sec-WebSocket-Protocol");
        if protocol.is_some() {
            // "The |Sec-WebSocket-Protocol| header field MUST NOT appear more than once in an HTTP response."
            // (section 11.3.4)
            let one = single(fields, "Sec-WebSocket-Protocol").ok_or(Failure::Protocol)?;
            if !list::members(self.protocols).any(|asked| asked == one) {
                return Err(Failure::Protocol);
            }
        }
        let offers = self.offers.as_ref().map_or(&[][..], |offers| &offers[..]);
        let deflate = extension::check(fields.get_all("Sec-WebSocket-Extensions"), offers)?;
        Ok(Accepted { protocol, deflate })
    }
}

impl From<BadResponse> for Failure {
    fn from(_: BadResponse) -> Self {
        Failure::Extension
    }
}

impl Failure {
    /// The rule that was broken; for [`Failure::Status`], the one that says what it means.
    pub const fn rfc(self) -> &'static str {
        match self {
            Failure::Extension => "RFC 7692, section 7.1",
            _ => "RFC 6455, section 4.1",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Failure::Status(status) => return write!(f, "peer: handshake was answered with {status}"),
            Failure::Upgrade => "upgrade field is not websocket",
            Failure::Connection => "connection field does not list upgrade",
            Failure::Accept => "sec-websocket-accept does not answer the key",
            Failure::Protocol => "subprotocol was not asked for",
            Failure::Extension => "extension was not offered like this",
        };
        write!(f, "peer: {text} ({})", self.rfc())
    }
}

impl core::error::Error for Failure {}
