//! Reading the content of a message whose framing is known (RFC 9112, sections 6.3 and 7.1).
//!
//! Both roles use it: bytes of the input in, places of data and trailers out. Nothing is stored but
//! the place in the framing.

use super::chunked::{Chunked, Piece};
use super::framing::Framing;
use super::head::{Options, Parsed, Parser};
use crate::head::Layout;
use crate::syntax::connection;
use crate::{Config, PeerError, Scratch, Span};

/// Which end of the connection reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

impl Role {
    /// What the head parser is told in this role.
    #[inline]
    pub(super) fn options(self, config: &Config) -> Options {
        let mut options = Options::new(&config.limits, &config.lenient);
        match self {
            // "A server MUST reject, with a response status code of 400 (Bad Request), any received request
            // message that contains whitespace between a header field name and colon." (RFC 9112, section 5.1)
            Role::Server => options.space_before_colon = false,
            // "A user agent that receives an obs-fold in a response message [...] MUST replace each received
            // obs-fold with one or more SP octets" (RFC 9112, section 5.2)
            Role::Client => options.obs_fold = true,
        }
        options
    }
}

/// How far the content of one message has been read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    Length(u64),
    Chunked(Chunked),
    Trailers(Parser),
    Close,
    /// Everything has been read.
    Done,
}

/// What the front of the input holds, as offsets into it.
pub(super) enum Step {
    Data {
        skip: usize,
        len: usize,
    },
    Extension {
        skip: usize,
        len: usize,
        consumed: usize,
    },
    /// The end. The trailer section is `input[skip..consumed]`, its lines in the scratch's spans.
    End {
        skip: usize,
        consumed: usize,
        trailers: usize,
        dropped: u16,
    },
    More {
        consumed: usize,
        at_least: usize,
    },
}

impl Content {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Content::Done,
            Framing::Length(n) => Content::Length(n),
            Framing::Chunked => Content::Chunked(Chunked::new()),
            Framing::Close => Content::Close,
        }
    }

    /// Bytes still to come, when that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Content::Length(n) => Some(*n),
            Content::Done => Some(0),
            Content::Chunked(_) | Content::Trailers(_) | Content::Close => None,
        }
    }

    /// Reads the front of `input`; `eof` when nothing follows it.
    #[inline]
    pub(super) fn recv(
        &mut self,
        config: &Config,
        role: Role,
        input: &mut [u8],
        eof: bool,
        scratch: &mut Scratch,
    ) -> Result<Step, PeerError> {
        match self {
            Content::Done => Ok(Step::End { skip: 0, consumed: 0, trailers: 0, dropped: 0 }),
            Content::Length(left) => {
                let len = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                if len == 0 {
                    // "If the sender closes the connection or the recipient times out before the
                    // indicated number of octets are received, the recipient MUST consider the message
                    // to be incomplete and close the connection." (RFC 9112, section 6.3)
                    return if eof { Err(PeerError::UnexpectedEof) } else { Ok(more(0, 1)) };
                }
                *left -= len as u64;
                if *left == 0 {
                    *self = Content::Done;
                }
                Ok(Step::Data { skip: 0, len })
            }
            Content::Close if !input.is_empty() => Ok(Step::Data { skip: 0, len: input.len() }),
            Content::Close if eof => {
                *self = Content::Done;
                Ok(Step::End { skip: 0, consumed: 0, trailers: 0, dropped: 0 })
            }
            Content::Close => Ok(more(0, 1)),
            Content::Chunked(chunked) => {
                match chunked.recv(input, &config.limits, &config.lenient, config.chunk_extensions)? {
                    Piece::Data { skip, len } => Ok(Step::Data { skip, len }),
                    Piece::Extension { skip, len, consumed } => Ok(Step::Extension { skip, len, consumed }),
                    Piece::Last { skip } => {
                        *self = Content::Trailers(Parser::new());
                        self.trailers(config, role, input, skip, eof, scratch)
                    }
                    // "A message body that uses the chunked transfer coding is incomplete if the
                    // zero-sized chunk that terminates the encoding has not been received." (section 8)
                    Piece::More { .. } if eof => Err(PeerError::UnexpectedEof),
                    Piece::More { at_least } => Ok(more(input.len(), at_least)),
                }
            }
            Content::Trailers(_) => self.trailers(config, role, input, 0, eof, scratch),
        }
    }

    /// Reads the trailer section that begins at `skip`.
    fn trailers(
        &mut self,
        config: &Config,
        role: Role,
        input: &mut [u8],
        skip: usize,
        eof: bool,
        scratch: &mut Scratch,
    ) -> Result<Step, PeerError> {
        let Content::Trailers(parser) = self else { return Ok(more(0, 1)) };
        let mut options = role.options(config);
        options.head = config.limits.trailers;
        let spans = Layout::room(&mut scratch.layout.spans, usize::from(config.limits.fields));
        let section = &mut input[skip..];
        match parser.trailers(section, spans, &options)? {
            Parsed::Complete { fields, len, folded, .. } => {
                if folded {
                    unfold(section, &spans[..fields]);
                }
                let trailers = keep_allowed(section, &mut spans[..fields]);
                *self = Content::Done;
                let dropped = (fields - trailers) as u16;
                Ok(Step::End { skip, consumed: skip + len, trailers, dropped })
            }
            Parsed::Partial { .. } if eof => Err(PeerError::UnexpectedEof),
            Parsed::Partial { at_least } => Ok(more(skip, at_least)),
        }
    }
}

fn more(consumed: usize, at_least: usize) -> Step {
    Step::More { consumed, at_least }
}

/// Moves the lines that may stand in trailers to the front and returns their number.
fn keep_allowed(section: &[u8], spans: &mut [Span]) -> usize {
    // "A sender MUST NOT generate a trailer field unless the sender knows the corresponding header
    // field name's definition permits the use of trailer fields": framing, routing, authentication and
    // the like never do (RFC 9110, section 6.5.1), and are not let through.
    let mut kept = 0;
    for i in 0..spans.len() {
        let name = &section[spans[i].name as usize..spans[i].name_end as usize];
        if !connection::is_forbidden_in_trailers(name) {
            spans[kept] = spans[i];
            kept += 1;
        }
    }
    kept
}

/// Overwrites the line ends inside folded values with spaces.
///
/// "replace each received obs-fold with one or more SP octets prior to interpreting the field value"
/// (RFC 9112, section 5.2)
#[cold]
pub(super) fn unfold(input: &mut [u8], spans: &[Span]) {
    for span in spans {
        for b in &mut input[span.value as usize..span.value_end as usize] {
            if matches!(b, b'\r' | b'\n') {
                *b = b' ';
            }
        }
    }
}
