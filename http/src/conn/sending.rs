//! Heads and content on their way into the output.

use crate::body::Content;
use crate::message::Wire;
use crate::{Body, BodyError, Chunk, Response};
use avx_core::{BodyLen, Field, Http, Instant, Output, Preset, Status, StreamId, UsageError};
use std::task::{Context, Poll};

/// Content up to this size is copied into the output, beside its head and its neighbours; larger
/// pieces are written from where they are.
pub(crate) const COPY: usize = 16 << 10;
/// What is cut off for want of room, and what is left then, has at least so many bytes: frames that carry
/// little cost their receiver more than they bring.
const LITTLE: usize = 1 << 10;
/// What a frame of HTTP/2 takes beside its content.
const FRAME: usize = 9;

/// What the connection has to do with a response.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Lines that it adds.
    pub(crate) preset: &'a Preset,
    /// It has others to carry: lines that are about a connection are left out.
    pub(crate) multiplexed: bool,
}

/// Writes a response head, with its content when that is at hand and small. Returns what content is
/// still to follow.
///
/// # Errors
/// [`UsageError`]; nothing was written.
#[inline]
pub(crate) fn respond<M: Http>(
    machine: &mut M,
    out: &mut dyn Output,
    now: Instant,
    stream: StreamId,
    response: &Response,
    terms: Terms<'_>,
) -> Result<BodyLen, UsageError> {
    with_head(response, terms, |head| {
        if let Some(content) = at_hand(response) {
            match machine.send_full(now, stream, head, content, out) {
                // More than the peer takes at once: in pieces then.
                Err(UsageError::NoCredit) => {}
                sent => return sent.map(|()| BodyLen::Empty),
            }
        }
        machine.send_response(now, stream, head, response.body.len(), out)
    })
}

/// Writes a response whose content is [at hand](at_hand).
///
/// # Errors
/// [`UsageError`]; nothing was written.
#[inline]
pub(crate) fn respond_at_once<M: Http>(
    machine: &mut M,
    out: &mut dyn Output,
    now: Instant,
    stream: StreamId,
    response: &Response,
    content: &[u8],
    terms: Terms<'_>,
) -> Result<(), UsageError> {
    with_head(response, terms, |head| machine.send_full(now, stream, head, content, out))
}

/// Calls `send` with the head as a machine takes it; without the field lines that are about a connection
/// of its own, where there is none.
#[inline(always)]
fn with_head<T>(response: &Response, terms: Terms<'_>, send: impl FnOnce(&avx_core::Response<'_>) -> T) -> T {
    let Terms { preset, multiplexed } = terms;
    let both = [preset, response.preset.unwrap_or(preset)];
    let presets = &both[..1 + usize::from(response.preset.is_some())];
    if response.fields.is_empty() && response.extra.is_none() {
        return send(&avx_core::Response { status: response.status, reason: None, fields: &[], presets });
    }
    let wire = Wire::new(&response.fields, multiplexed);
    let (reason, fields) = (response.reason(), wire.as_slice());
    send(&avx_core::Response { status: response.status, reason, fields, presets })
}

/// The content, if it leaves together with its head: when it is there, and small.
#[inline]
pub(crate) fn at_hand(response: &Response) -> Option<&[u8]> {
    let content = match response.body.content() {
        Content::Static(content) => *content,
        Content::Bytes(content) => content,
        Content::Empty => return Some(&[]),
        _ if is_bare(response.status) => return Some(&[]),
        _ => return None,
    };
    match response.status {
        Status::OK if content.len() <= COPY => Some(content),
        status if is_bare(status) => Some(&[]),
        _ if content.len() <= COPY => Some(content),
        _ => None,
    }
}

/// Whether a response with this status cannot even announce content: 1xx, 204, 205 (RFC 9110,
/// section 15.3.6).
#[inline]
fn is_bare(status: Status) -> bool {
    status.is_informational() || status == Status::NO_CONTENT || status == Status::RESET_CONTENT
}

/// Content that follows a head.
pub(crate) struct Sending {
    body: Body,
    piece: Chunk,
    /// Bytes of the piece that are framed: they are to be written right behind the output.
    framed: usize,
    /// How many of those have left.
    written: usize,
    /// Bytes of content accepted so far.
    pub(crate) sent: u64,
}

/// How far the content got.
#[derive(Debug)]
pub(crate) enum Step {
    /// There is a piece to write.
    Fetched,
    /// More when its producer has some.
    Waits,
    /// More when the output has room.
    Full,
    /// More when what was framed has left.
    Framed,
    /// All of it is in the output.
    Done,
    /// Its producer failed.
    Failed(BodyError),
    /// It does not fit what was announced.
    Misused(UsageError),
}

impl Sending {
    pub(crate) fn new(body: Body) -> Self {
        Sending { body, piece: Chunk::EMPTY, framed: 0, written: 0, sent: 0 }
    }

    /// Moves content into the output, as much as there is and as has room.
    pub(crate) fn advance<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        stream: StreamId,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> Step {
        loop {
            if self.framed > 0 {
                return Step::Framed;
            }
            match self.fetch(cx, now, stream, machine, out) {
                Step::Fetched => {}
                step => return step,
            }
            let taken = if self.piece.len() > COPY {
                let taken = machine.frame_data(now, stream, self.piece.len(), out);
                self.framed = *taken.as_ref().unwrap_or(&0);
                taken
            } else {
                machine.send_data(now, stream, &self.piece, out).inspect(|&n| self.piece.advance(n))
            };
            match taken {
                Ok(0) | Err(UsageError::OutputFull(_)) => return Step::Full,
                Ok(n) => self.sent += n as u64,
                Err(error) => return Step::Misused(error),
            }
        }
    }

    /// Moves so much content into the output as one of many may in its turn, and sees what comes next:
    /// the end needs no further turn.
    pub(crate) fn take_turn<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        stream: StreamId,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> Step {
        let n = share(self.piece.len().min(COPY), out.room().saturating_sub(FRAME));
        if n == 0 && !self.piece.is_empty() {
            return Step::Fetched;
        }
        match machine.send_data(now, stream, &self.piece[..n], out) {
            Ok(0) | Err(UsageError::OutputFull(_)) if n > 0 => Step::Fetched,
            Err(error) => Step::Misused(error),
            Ok(n) => {
                self.piece.advance(n);
                self.sent += n as u64;
                self.fetch(cx, now, stream, machine, out)
            }
        }
    }

    /// Sees to it that there is a piece, or that the end is sent.
    pub(crate) fn fetch<M: Http>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        stream: StreamId,
        machine: &mut M,
        out: &mut dyn Output,
    ) -> Step {
        while self.piece.is_empty() {
            match self.body.poll_data(cx) {
                Poll::Pending => return Step::Waits,
                Poll::Ready(Some(Ok(piece))) => self.piece = piece,
                Poll::Ready(Some(Err(error))) => return Step::Failed(error),
                Poll::Ready(None) => {
                    let trailers: Vec<Field<'_>> = self.body.trailers().into_iter().flatten().collect();
                    return match machine.send_end(now, stream, &trailers, out) {
                        Ok(()) => Step::Done,
                        Err(UsageError::OutputFull(_)) => Step::Full,
                        Err(error) => Step::Misused(error),
                    };
                }
            }
        }
        Step::Fetched
    }

    /// What to write right behind the output, and how much of it has left already.
    pub(crate) fn framed(&mut self) -> (&[u8], &mut usize) {
        (&self.piece[..self.framed], &mut self.written)
    }

    /// Whether something is to be written right behind the output.
    pub(crate) fn is_framed(&self) -> bool {
        self.framed > 0
    }

    /// Lets go of what was framed, once it has left.
    pub(crate) fn settle(&mut self) {
        if self.written == self.framed {
            self.piece.advance(self.framed);
            (self.framed, self.written) = (0, 0);
        }
    }
}

/// How much of `len` bytes goes into so much room.
fn share(len: usize, room: usize) -> usize {
    match room.min(len.saturating_sub(LITTLE)) {
        _ if len <= room => len,
        n if n >= LITTLE => n,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_not_cut_into_little_pieces() {
        for (len, room, n) in [
            (10, 10, 10),
            (10, 9, 0),
            (16_384, 16_384, 16_384),
            (16_384, 16_383, 15_360),
            (16_384, 5000, 5000),
            (16_384, 1000, 0),
            (1500, 1400, 0),
            (0, 0, 0),
        ] {
            assert_eq!(share(len, room), n, "{len} into {room}");
        }
    }
}
