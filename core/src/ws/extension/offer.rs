//! permessage-deflate: what is offered, and what comes of it (RFC 7692, section 7.1).

use super::list::{Element, Param, elements};
use super::{Deflate, Text};
use core::fmt;

/// The registered name of the extension.
const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The smallest window that this crate's compressor has. What is smaller can be received, but not sent.
const LEAST_OF_SENDER: u8 = 9;

/// A client's offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The server is to compress each message by itself (section 7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client will do so, asked or not (section 7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The largest window the server may use, 8 to 15 bits (section 7.1.2.1).
    pub server_max_window_bits: Option<u8>,
    /// Whether the server may limit the client's window (section 7.1.2.2).
    pub client_max_window_bits: ClientBits,
}

/// What an offer says about the client's own window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientBits {
    /// It cannot be limited.
    #[default]
    Unlimited,
    /// It can be limited.
    Limitable,
    /// It can be limited, and has no more than so many bits anyway.
    AtMost(u8),
}

/// What both ends have agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// How the server compresses.
    pub server: Half,
    /// How the client compresses.
    pub client: Half,
    /// The offer has named the server's window, so that the answer has to.
    names_server_window: bool,
}

/// How one end compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Half {
    /// Each message by itself.
    pub no_context_takeover: bool,
    /// The largest window, 8 to 15 bits.
    pub max_window_bits: u8,
}

/// The server agreed to something that was not offered, and the client has to give the connection up (RFC 7692,
/// sections 5 and 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadResponse;

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("peer: extension was not offered like this (RFC 7692, section 7.1)")
    }
}

impl core::error::Error for BadResponse {}

/// What a server answers to the offers in `values`, those of all `Sec-WebSocket-Extensions` lines in order: the
/// first offer that it can accept. `None` is to do without.
pub fn agree<'v>(values: impl IntoIterator<Item = &'v [u8]>, deflate: &Deflate) -> Option<Agreed> {
    // What is offered first is what the client prefers (RFC 7692, section 5).
    let offers = values.into_iter().flat_map(elements).flatten().filter(|element| element.is(NAME));
    offers.filter_map(|element| Offer::parse(&element)).find_map(|offer| offer.accept(deflate))
}

/// What a server's answer in `values` comes to for a client that has made these `offers`.
///
/// # Errors
/// [`BadResponse`]: another extension, more than one, or one that answers none of the offers.
pub fn check<'v>(
    values: impl IntoIterator<Item = &'v [u8]>,
    offers: &[Offer],
) -> Result<Option<Agreed>, BadResponse> {
    let mut agreed = None;
    for element in values.into_iter().flat_map(elements) {
        let element = element.map_err(|_| BadResponse)?;
        // RFC 6455, section 4.1: "If the response includes a |Sec-WebSocket-Extensions| header field and this
        // header field indicates the use of an extension that was not present in the client's handshake (the server
        // has indicated an extension not requested by the client), the client MUST _Fail the WebSocket
        // Connection_."
        if !element.is(NAME) || agreed.is_some() {
            return Err(BadResponse);
        }
        let response = Response::parse(&element).ok_or(BadResponse)?;
        agreed = Some(offers.iter().find_map(|offer| response.answers(offer)).ok_or(BadResponse)?);
    }
    Ok(agreed)
}

impl Offer {
    /// The offer in an element, if it is one that may be accepted.
    ///
    /// A server has to decline an offer with a parameter that is not defined for one, with an invalid value, or with
    /// several parameters of the same name (RFC 7692, section 7.1).
    pub fn parse(element: &Element<'_>) -> Option<Offer> {
        let given = Given::parse(element)?;
        Some(Offer {
            server_no_context_takeover: given.server_no_context_takeover,
            client_no_context_takeover: given.client_no_context_takeover,
            // Without a value, this one means nothing (section 7.1.2.1).
            server_max_window_bits: match given.server_max_window_bits {
                None => None,
                Some(bits) => Some(bits?),
            },
            client_max_window_bits: match given.client_max_window_bits {
                None => ClientBits::Unlimited,
                Some(None) => ClientBits::Limitable,
                Some(Some(bits)) => ClientBits::AtMost(bits),
            },
        })
    }

    /// The offers of a client that wants this, the best first: one with all it wants, and a plain one for servers
    /// that cannot do that.
    pub fn of(deflate: &Deflate) -> [Offer; 2] {
        let bits = deflate.window_bits.clamp(LEAST_OF_SENDER, 15);
        let client_max_window_bits = if bits < 15 { ClientBits::AtMost(bits) } else { ClientBits::Limitable };
        let plain = Offer {
            client_no_context_takeover: !deflate.take_over,
            client_max_window_bits,
            ..Offer::default()
        };
        let peer = deflate.peer_window_bits.clamp(8, 15);
        let best = Offer {
            server_no_context_takeover: !deflate.peer_take_over,
            server_max_window_bits: (peer < 15).then_some(peer),
            ..plain
        };
        [best, plain]
    }

    /// These offers as the value of `Sec-WebSocket-Extensions`; one that repeats the one before it is left out.
    pub fn text(offers: &[Offer; 2]) -> Text {
        let mut text = Text::EMPTY;
        offers[0].write(&mut text);
        if offers[1] != offers[0] {
            offers[1].write(&mut text);
        }
        text
    }

    fn write(&self, text: &mut Text) {
        text.element(NAME);
        text.param(self.server_no_context_takeover, SERVER_NO_CONTEXT_TAKEOVER, None);
        text.param(self.client_no_context_takeover, CLIENT_NO_CONTEXT_TAKEOVER, None);
        text.param(
            self.server_max_window_bits.is_some(),
            SERVER_MAX_WINDOW_BITS,
            self.server_max_window_bits,
        );
        match self.client_max_window_bits {
            ClientBits::Unlimited => {}
            ClientBits::Limitable => text.param(true, CLIENT_MAX_WINDOW_BITS, None),
            ClientBits::AtMost(bits) => text.param(true, CLIENT_MAX_WINDOW_BITS, Some(bits)),
        }
    }

    /// What a server that wants this makes of the offer; `None` declines it.
    pub fn accept(&self, deflate: &Deflate) -> Option<Agreed> {
        let own = deflate.window_bits.clamp(LEAST_OF_SENDER, 15);
        let server_window = match self.server_max_window_bits {
            // What a server cannot do is to be declined, too (section 7.1).
            Some(bits) if bits < LEAST_OF_SENDER => return None,
            // The answer names the same window or a smaller one (section 7.1.2.1).
            Some(bits) => own.min(bits),
            None => own,
        };
        // Where the client has not said that its window can be limited, the answer must not do so (section 7.1.2.2).
        let client_window = match self.client_max_window_bits {
            ClientBits::Unlimited => 15,
            ClientBits::Limitable => deflate.peer_window_bits.clamp(8, 15),
            ClientBits::AtMost(bits) => deflate.peer_window_bits.clamp(8, 15).min(bits),
        };
        Some(Agreed {
            server: Half {
                no_context_takeover: self.server_no_context_takeover || !deflate.take_over,
                max_window_bits: server_window,
            },
            client: Half {
                no_context_takeover: self.client_no_context_takeover || !deflate.peer_take_over,
                max_window_bits: client_window,
            },
            names_server_window: self.server_max_window_bits.is_some(),
        })
    }
}

impl Agreed {
    /// What a server says in `Sec-WebSocket-Extensions`.
    pub fn text(&self) -> Text {
        let mut text = Text::EMPTY;
        let (server, client) = (self.server.max_window_bits, self.client.max_window_bits);
        text.element(NAME);
        text.param(self.server.no_context_takeover, SERVER_NO_CONTEXT_TAKEOVER, None);
        text.param(self.client.no_context_takeover, CLIENT_NO_CONTEXT_TAKEOVER, None);
        text.param(self.names_server_window || server < 15, SERVER_MAX_WINDOW_BITS, Some(server));
        text.param(client < 15, CLIENT_MAX_WINDOW_BITS, Some(client));
        text
    }
}

/// A server's answer.
struct Response {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

impl Response {
    /// In an answer both windows need a value (sections 7.1.2.1 and 7.1.2.2).
    fn parse(element: &Element<'_>) -> Option<Response> {
        let given = Given::parse(element)?;
        let value = |bits: Option<Option<u8>>| match bits {
            None => Some(None),
            Some(bits) => bits.map(Some),
        };
        Some(Response {
            server_no_context_takeover: given.server_no_context_takeover,
            client_no_context_takeover: given.client_no_context_takeover,
            server_max_window_bits: value(given.server_max_window_bits)?,
            client_max_window_bits: value(given.client_max_window_bits)?,
        })
    }

    /// What is agreed to, if this accepts `offer`.
    fn answers(&self, offer: &Offer) -> Option<Agreed> {
        // What the client has asked the server to do is accepted by saying it again (sections 7.1.1.1, 7.1.2.1).
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return None;
        }
        if let Some(most) = offer.server_max_window_bits {
            self.server_max_window_bits.filter(|bits| *bits <= most)?;
        }
        let own = match (offer.client_max_window_bits, self.client_max_window_bits) {
            (ClientBits::AtMost(most), None) => most,
            (_, None) => 15,
            (ClientBits::Limitable, Some(bits)) => bits,
            // RFC 7692, section 7.1.2.2: the value in the offer is a hint that the client uses no larger window, whether
            // the server allows one or not. A larger value breaks no rule.
            (ClientBits::AtMost(most), Some(bits)) => bits.min(most),
            _ => return None,
        };
        Some(Agreed {
            server: Half {
                no_context_takeover: self.server_no_context_takeover,
                max_window_bits: self.server_max_window_bits.unwrap_or(15),
            },
            client: Half {
                no_context_takeover: self.client_no_context_takeover || offer.client_no_context_takeover,
                max_window_bits: own,
            },
            names_server_window: offer.server_max_window_bits.is_some(),
        })
    }
}

/// The parameters of an element: each known, once, and with a value that it may have.
#[derive(Default)]
struct Given {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<u8>>,
    client_max_window_bits: Option<Option<u8>>,
}

impl Given {
    fn parse(element: &Element<'_>) -> Option<Given> {
        let mut given = Given::default();
        for param in element.params() {
            let is = |name: &str| param.name.eq_ignore_ascii_case(name.as_bytes());
            if is(SERVER_NO_CONTEXT_TAKEOVER) {
                once(&param, &mut given.server_no_context_takeover)?;
            } else if is(CLIENT_NO_CONTEXT_TAKEOVER) {
                once(&param, &mut given.client_no_context_takeover)?;
            } else if is(SERVER_MAX_WINDOW_BITS) {
                bits(&param, &mut given.server_max_window_bits)?;
            } else if is(CLIENT_MAX_WINDOW_BITS) {
                bits(&param, &mut given.client_max_window_bits)?;
            } else {
                return None;
            }
        }
        Some(given)
    }
}

/// A parameter without a value.
fn once(param: &Param<'_>, seen: &mut bool) -> Option<()> {
    let first = !core::mem::replace(seen, true);
    (first && param.value.is_none()).then_some(())
}

/// The bits of a window: a decimal number from 8 to 15 without leading zeros (section 7.1.2.1), or no value at all.
fn bits(param: &Param<'_>, seen: &mut Option<Option<u8>>) -> Option<()> {
    let bits = match &param.value {
        None => None,
        Some(value) => Some(value.small_number().filter(|bits| (8..=15).contains(bits))?),
    };
    seen.replace(bits).is_none().then_some(())
}
