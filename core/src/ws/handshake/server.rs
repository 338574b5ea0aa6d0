//! The server's side of the handshake (RFC 6455, section 4.2; RFC 8441, section 5).

use super::lines::{Lines, line, lists, single};
use crate::syntax::list;
use crate::syntax::token::is_token;
use crate::ws::accept;
use crate::ws::extension::{self, Agreed, Deflate, Text, elements};
use crate::{Field, Fields, Method, RequestHead, Status, UsageError, Version};
use core::fmt;

/// A handshake that may be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'b> {
    fields: Fields<'b>,
    /// The answer to the key; over HTTP/2 there is none.
    accept: Option<[u8; 28]>,
}

/// Why a request is no handshake that may be accepted, and how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing is said about WebSocket: answered with 426, so that the client knows what to ask for.
    NotWebSocket,
    /// The method is not GET (over HTTP/2: CONNECT).
    Method,
    /// HTTP/1.0.
    HttpVersion,
    /// No Host.
    Host,
    /// Connection does not list `upgrade`.
    Connection,
    /// No Sec-WebSocket-Key, several, or one that is not 16 bytes in base64.
    Key,
    /// Another version than 13, or none: answered with 426 and the version to use.
    Version,
    /// Sec-WebSocket-Protocol is no list of tokens.
    Protocol,
    /// Sec-WebSocket-Extensions breaks its grammar.
    Extensions,
    /// The same over HTTP/2 for [`Refusal::Version`]: there is no 426 where nothing can be upgraded.
    VersionOfTunnel,
}

/// Checks whether a request is an opening handshake: GET with `Upgrade: websocket` over HTTP/1.1, or an extended
/// CONNECT (RFC 8441) over HTTP/2. Linear in the fields. Does not look at the target or at Origin, which the
/// application knows about.
///
/// # Errors
/// How to refuse it.
pub fn check<'b>(head: &RequestHead<'b>) -> Result<Offer<'b>, Refusal> {
    check_parts(head.method(), head.version(), head.upgrade(), head.fields())
}

/// The same of a head that is not where it was received any more. `upgrade` is what
/// [`RequestHead::upgrade`] has said.
///
/// # Errors
/// As [`check`].
pub fn check_parts<'b>(
    method: Method<'_>,
    version: Version,
    upgrade: Option<&[u8]>,
    fields: Fields<'b>,
) -> Result<Offer<'b>, Refusal> {
    let tunnel = matches!(version, Version::Http2 | Version::Http3);
    if tunnel {
        // "The :protocol pseudo-header field MUST be included in the CONNECT request, and it MUST have a value of
        // websocket to initiate a WebSocket connection on an HTTP/2 stream." (RFC 8441, section 5)
        if !upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket")) {
            return Err(Refusal::NotWebSocket);
        }
        if method != Method::Connect {
            return Err(Refusal::Method);
        }
    } else {
        // "The request MUST contain an |Upgrade| header field whose value MUST include the "websocket" keyword."
        // (section 4.1)
        if !lists(fields, "Upgrade", "websocket") {
            return Err(Refusal::NotWebSocket);
        }
        // "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1." (section 4.1)
        if version != Version::Http11 {
            return Err(Refusal::HttpVersion);
        }
        if method != Method::Get {
            return Err(Refusal::Method);
        }
        if fields.get("Host").is_none() {
            return Err(Refusal::Host);
        }
        // "The request MUST contain a |Connection| header field whose value MUST include the "Upgrade" token."
        // (section 4.1)
        if !lists(fields, "Connection", "upgrade") {
            return Err(Refusal::Connection);
        }
    }
    // "If this version does not match a version understood by the server, the server MUST abort the WebSocket
    // handshake described in this section and instead send an appropriate HTTP error code (such as 426 Upgrade
    // Required) and a |Sec-WebSocket-Version| header field indicating the version(s) the server is capable of
    // understanding." (section 4.2.2)
    if single(fields, "Sec-WebSocket-Version") != Some(b"13") {
        return Err(if tunnel { Refusal::VersionOfTunnel } else { Refusal::Version });
    }
    // "Implementations using this extended CONNECT to bootstrap WebSockets do not do the processing of the
    // Sec-WebSocket-Key and Sec-WebSocket-Accept header fields" (RFC 8441, section 5)
    let accept = if tunnel {
        None
    } else {
        // "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded, is 16 bytes in
        // length." (section 4.2.1) "The |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP
        // request." (section 11.3.1)
        let key = single(fields, "Sec-WebSocket-Key").filter(|key| accept::is_key(key));
        Some(accept::accept(key.ok_or(Refusal::Key)?))
    };
    // "The ABNF for the value of this header field is 1#token" (section 4.1)
    let mut protocols = fields.get_all("Sec-WebSocket-Protocol").flat_map(list::members);
    if !protocols.all(is_token) {
        return Err(Refusal::Protocol);
    }
    // "If a value is received by either the client or the server during negotiation that does not conform to the
    // ABNF below, the recipient of such malformed data MUST immediately _Fail the WebSocket Connection_."
    // (section 9.1)
    let mut extensions = fields.get_all("Sec-WebSocket-Extensions").flat_map(elements);
    if extensions.any(|element| element.is_err()) {
        return Err(Refusal::Extensions);
    }
    Ok(Offer { fields, accept })
}

/// The answer of a server that accepts every handshake, without a subprotocol and without compression, and refuses
/// what is none: [`check`] and [`Offer::answer`] in one, for those who have nothing to choose.
///
/// It does not look at [`Offer::origin`]: this is for resources that any page may use.
pub fn reply(head: &RequestHead<'_>) -> Reply {
    let tunnel = matches!(head.version(), Version::Http2 | Version::Http3);
    Reply(match check(head) {
        Ok(offer) => Ok(Answer { accept: offer.accept, protocol: None, extensions: Text::EMPTY }),
        // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" (RFC 9113,
        // section 8.2.2), as a 426 would have to.
        Err(Refusal::NotWebSocket) if tunnel => Err(Refusal::VersionOfTunnel),
        Err(refusal) => Err(refusal),
    })
}

/// What [`reply`] says. Sent without content.
#[derive(Clone, Copy, Debug)]
pub struct Reply(Result<Answer<'static>, Refusal>);

impl Reply {
    /// Whether the connection, or stream, goes on as a WebSocket.
    pub fn accepts(&self) -> bool {
        self.0.is_ok()
    }

    /// The status to answer with.
    pub fn status(&self) -> Status {
        self.0.map_or_else(Refusal::status, |answer| answer.status())
    }

    /// The field lines to answer with.
    pub fn fields(&self) -> Lines<'_> {
        match &self.0 {
            Ok(answer) => answer.fields(),
            Err(refusal) => {
                let mut lines = Lines::new();
                refusal.fields().iter().for_each(|line| lines.push(line.name, line.value));
                lines
            }
        }
    }
}

impl<'b> Offer<'b> {
    /// Where the script comes from that opens this connection; clients that are no browsers need not say.
    ///
    /// "If the server does not validate the origin, it will accept connections from anywhere." (RFC 6455, section
    /// 4.2.2) A page of any origin can open a connection with the cookies of its reader: who relies on those has to
    /// look at this, and answers 403 if it is not his own.
    pub fn origin(&self) -> Option<&'b [u8]> {
        self.fields.get("Origin")
    }

    /// The subprotocols that the client speaks, the best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.fields.get_all("Sec-WebSocket-Protocol").flat_map(list::members)
    }

    /// What is agreed about permessage-deflate by a server that wants this; `None` is to do without. To be passed
    /// to [`answer`](Self::answer), and to the machine.
    pub fn deflate(&self, deflate: &Deflate) -> Option<Agreed> {
        extension::agree(self.fields.get_all("Sec-WebSocket-Extensions"), deflate)
    }

    /// The response that accepts the handshake, with one of the [`protocols`](Self::protocols) or none.
    ///
    /// # Errors
    /// [`UsageError::BadUpgrade`]: the client has not asked for this protocol. "if the server does not agree to any
    /// of the client's requested subprotocols, the only acceptable value is null" (RFC 6455, section 4.2.2)
    pub fn answer<'a>(
        &self,
        protocol: Option<&'a [u8]>,
        deflate: Option<&Agreed>,
    ) -> Result<Answer<'a>, UsageError> {
        if protocol.is_some_and(|chosen| !self.protocols().any(|offered| offered == chosen)) {
            return Err(UsageError::BadUpgrade);
        }
        let extensions = deflate.map_or(Text::EMPTY, Agreed::text);
        Ok(Answer { accept: self.accept, protocol, extensions })
    }
}

/// The response that accepts a handshake.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    accept: Option<[u8; 28]>,
    protocol: Option<&'a [u8]>,
    extensions: Text,
}

impl Answer<'_> {
    /// 101 (Switching Protocols), or 200 (OK) over HTTP/2.
    pub fn status(&self) -> Status {
        if self.accept.is_some() { Status::SWITCHING_PROTOCOLS } else { Status::OK }
    }

    /// Its field lines. Others may stand beside them.
    pub fn fields(&self) -> Lines<'_> {
        let mut lines = Lines::new();
        if let Some(accept) = &self.accept {
            lines.push(b"Upgrade", b"websocket");
            lines.push(b"Connection", b"Upgrade");
            lines.push(b"Sec-WebSocket-Accept", accept);
        }
        if let Some(protocol) = self.protocol {
            lines.push(b"Sec-WebSocket-Protocol", protocol);
        }
        if !self.extensions.is_empty() {
            lines.push(b"Sec-WebSocket-Extensions", self.extensions.as_bytes());
        }
        lines
    }
}

impl Refusal {
    /// The status to answer with.
    pub const fn status(self) -> Status {
        match self {
            Refusal::NotWebSocket | Refusal::Version => Status::UPGRADE_REQUIRED,
            _ => Status::BAD_REQUEST,
        }
    }

    /// The field lines to answer with. The content is for the caller to choose.
    pub const fn fields(self) -> &'static [Field<'static>] {
        // RFC 9110, section 15.5.22: "The server MUST send an Upgrade header field in a 426 response to indicate the
        // required protocol(s)"
        const REQUIRED: &[Field<'static>] = &[
            line(b"Upgrade", b"websocket"),
            line(b"Connection", b"Upgrade"),
            line(b"Sec-WebSocket-Version", b"13"),
        ];
        const VERSION: &[Field<'static>] = &[line(b"Sec-WebSocket-Version", b"13")];
        match self {
            Refusal::NotWebSocket | Refusal::Version => REQUIRED,
            Refusal::VersionOfTunnel => VERSION,
            _ => &[],
        }
    }

    /// The rule that was broken.
    pub const fn rfc(self) -> &'static str {
        match self {
            Refusal::Extensions => "RFC 6455, section 9.1",
            Refusal::VersionOfTunnel => "RFC 8441, section 5",
            _ => "RFC 6455, section 4.2.1",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Refusal::NotWebSocket => "websocket was not asked for",
            Refusal::Method => "handshake has the wrong method",
            Refusal::HttpVersion => "handshake over http/1.0",
            Refusal::Host => "host field is missing",
            Refusal::Connection => "connection field does not list upgrade",
            Refusal::Key => "sec-websocket-key is not one of 16 bytes",
            Refusal::Version | Refusal::VersionOfTunnel => "sec-websocket-version is not 13",
            Refusal::Protocol => "sec-websocket-protocol is malformed",
            Refusal::Extensions => "sec-websocket-extensions is malformed",
        };
        write!(f, "peer: {text} ({})", self.rfc())
    }
}

impl core::error::Error for Refusal {}
