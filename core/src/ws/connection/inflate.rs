//! Receiving compressed messages (RFC 7692, section 7.2.2): inflated piece by piece, into the scratch.

use super::recv::Step;
use super::{Connection, Reader};
use crate::PeerError;
use crate::ws::deflate::{PIECE, Pool};
use crate::ws::mask::Mask;
use crate::ws::role::Role;

/// Bytes that are unmasked at once: what does not get inflated of them has to be masked again.
const CHUNK: usize = 4 << 10;

impl<R: Role> Connection<R> {
    /// Inflates the payload behind `at`, until a piece is full or there is no more of it. `None`: the frame is over,
    /// and nothing came of it; `at` is then behind it.
    pub(super) fn inflate(
        &mut self,
        input: &mut [u8],
        at: &mut usize,
        pool: &mut Pool,
    ) -> Result<Option<Step>, PeerError> {
        let Some(deflate) = &mut self.deflate else { return Err(PeerError::ReservedBit) };
        let limits = &self.config.ws;
        // One byte beyond the limit shows that there is more.
        let room = limits.message.saturating_sub(deflate.inflated).saturating_add(1);
        let room = room.min(PIECE as u64) as usize;
        let mut len = 0;
        let (mut done, mut error) = loop {
            let there = (input.len() - *at).min(CHUNK) as u64;
            let n = self.left.min(there) as usize;
            let chunk = &mut input[*at..*at + n];
            let masked = self.mask;
            if R::SERVER {
                self.mask.apply(chunk);
            }
            let last = self.fin && n as u64 == self.left;
            let step = deflate.inflate(chunk, &mut pool.piece()[len..room], last);
            if R::SERVER && step.consumed < n {
                self.mask = behind(masked, step.consumed);
                self.mask.clone().apply(&mut chunk[step.consumed..]);
            }
            *at += step.consumed;
            self.left -= step.consumed as u64;
            len += step.produced;
            if step.done || step.error.is_some() || len == room || step.consumed == 0 {
                break (step.done, step.error);
            }
        };
        let excess = deflate.inflated.saturating_sub(limits.message);
        if excess > 0 {
            // "Implementations [...] MUST protect themselves against exceeding those limits." (RFC 6455, section
            // 10.4)
            len = len.saturating_sub(excess as usize);
            error = Some(PeerError::MessageTooLarge);
        }
        let wants = limits.deflate.unwrap_or_default();
        let most = deflate.received.saturating_mul(wants.ratio.into()).max(wants.ratio_after.into());
        if wants.ratio > 0 && deflate.inflated > most {
            error = error.or(Some(PeerError::DeflateBomb));
        }
        if self.left == 0 && self.fin && len == 0 && !done {
            error = error.or(Some(PeerError::BadDeflate));
        }
        match error {
            Some(error) if len == 0 => return Err(error),
            Some(error) => {
                done = false;
                self.give_up(error);
            }
            None if done => {
                deflate.end(pool);
                self.reader = Reader::Message;
            }
            // What finds no room for now comes out before the next frame.
            None if self.left == 0 && !self.fin && len < room => self.reader = Reader::Fragment,
            None if len == 0 => return Ok(Some(Step::NeedMore { consumed: *at, at_least: 1 })),
            None => {}
        }
        if len == 0 && !done {
            return Ok(None);
        }
        let (len, last) = self.text(&pool.piece()[..len], done)?;
        Ok(Some(Step::Inflated { consumed: *at, len, last }))
    }
}

/// `mask`, so many bytes on.
fn behind(mut mask: Mask, bytes: usize) -> Mask {
    mask.apply(&mut [0; 3][..bytes % 4]);
    mask
}
