//! Compressing and inflating messages (RFC 7692, section 7.2), with the compressor of zlib-rs.
//!
//! Only with the feature `deflate`. Contexts are allocated when they are first needed: some 50 KiB to inflate,
//! some 150 KiB to compress.

use super::extension::{Deflate, Half};
use crate::{Instant, PeerError};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Status};

/// The most bytes of a message that are inflated for one event.
pub(super) const PIECE: usize = 16 << 10;

/// What every compressed message ends in: its sender leaves these bytes out on the wire (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Contexts that a thread keeps for connections without context take-over.
const SPARE: usize = 2;

/// How one connection compresses and inflates.
pub(super) struct Context {
    own: Half,
    peer: Half,
    level: u8,
    /// Messages of fewer bytes are left alone.
    pub(super) least: u32,
    deflate: Option<zlib_rs::Deflate>,
    /// When it was used last.
    used_at: u64,
    inflate: Option<Inflate>,
    /// Bytes of the message at hand: compressed and consumed, and inflated.
    pub(super) received: u64,
    pub(super) inflated: u64,
    /// Bytes of [`TAIL`] that were put behind it.
    tail: u8,
}

/// Working memory of a thread: room for one piece, and spare contexts.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    piece: Vec<u8>,
    spare: Vec<Inflate>,
}

/// What one step of inflating came to.
#[derive(Debug)]
pub(super) struct Inflated {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The message is complete.
    pub(super) done: bool,
    /// What comes behind `produced` is wrong.
    pub(super) error: Option<PeerError>,
}

struct Inflate(zlib_rs::Inflate);

impl Pool {
    pub(crate) const fn new() -> Self {
        Pool { piece: Vec::new(), spare: Vec::new() }
    }

    /// Room for a piece.
    pub(super) fn piece(&mut self) -> &mut Vec<u8> {
        if self.piece.is_empty() {
            self.piece = vec![0; PIECE];
        }
        &mut self.piece
    }
}

impl Context {
    pub(super) fn new(own: Half, peer: Half, deflate: &Deflate) -> Self {
        Context {
            own,
            peer,
            level: deflate.level.clamp(1, 9),
            least: deflate.least,
            deflate: None,
            used_at: 0,
            inflate: None,
            received: 0,
            inflated: 0,
            tail: 0,
        }
    }

    /// Whether this end can compress: not within a window of 256 bytes, which zlib does not have.
    pub(super) fn can_compress(&self) -> bool {
        self.own.max_window_bits >= 9
    }

    /// A compressed message begins to arrive.
    pub(super) fn begin(&mut self, pool: &mut Pool) {
        (self.received, self.inflated, self.tail) = (0, 0, 0);
        if self.inflate.is_none() {
            // The memory is the same for every window, and one that is too large harms nobody.
            let fresh = || Inflate(zlib_rs::Inflate::new(false, 15));
            self.inflate = Some(pool.spare.pop().unwrap_or_else(fresh));
        }
    }

    /// It is complete.
    pub(super) fn end(&mut self, pool: &mut Pool) {
        // A peer that has agreed to take no context over compresses each message by itself (section 7.1.1).
        if self.peer.no_context_takeover {
            if let Some(mut inflate) = self.inflate.take() {
                inflate.0.reset(false);
                if pool.spare.len() < SPARE {
                    pool.spare.push(inflate);
                }
            }
        }
    }

    /// Inflates `input` into `out`, which is not empty. With `last`, nothing of the message comes behind `input`.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut [u8], last: bool) -> Inflated {
        let mut step = Inflated { consumed: 0, produced: 0, done: false, error: None };
        let Some(Inflate(zlib)) = &mut self.inflate else {
            return Inflated { error: Some(PeerError::BadDeflate), ..step };
        };
        if last && self.received == 0 && input.is_empty() {
            // No block at all: an empty message, of a sender that need not have compressed it.
            self.tail = TAIL.len() as u8;
        }
        while step.produced < out.len() {
            // What the sender has left out is put back behind the message (section 7.2.2).
            let in_tail = step.consumed == input.len();
            let source = match in_tail {
                false => &input[step.consumed..],
                true if last => &TAIL[usize::from(self.tail)..],
                true => &[],
            };
            let (read, written) = (zlib.total_in(), zlib.total_out());
            let status = zlib.decompress(source, &mut out[step.produced..], InflateFlush::NoFlush);
            let (read, written) = ((zlib.total_in() - read) as usize, (zlib.total_out() - written) as usize);
            step.produced += written;
            match in_tail {
                false => step.consumed += read,
                true => self.tail += read as u8,
            }
            match status {
                Err(_) => {
                    step.error = Some(PeerError::BadDeflate);
                    break;
                }
                Ok(Status::StreamEnd) => {
                    // A final block, behind which others may come (section 7.2.3.4). What it said is forgotten.
                    zlib.reset(false);
                    if last && self.tail == 0 && step.consumed == input.len() {
                        self.tail = TAIL.len() as u8;
                    }
                }
                Ok(_) if read == 0 && written == 0 => break,
                Ok(_) => {}
            }
        }
        let all = step.consumed == input.len() && usize::from(self.tail) == TAIL.len();
        step.done = last && all && step.produced < out.len() && step.error.is_none();
        self.received += step.consumed as u64;
        self.inflated += step.produced as u64;
        step
    }

    /// The most bytes that `len` are compressed to, those that end a piece included.
    pub(super) fn bound(len: usize) -> usize {
        len.saturating_add(len / 8).saturating_add(len / 64).saturating_add(64)
    }

    /// Compresses a piece of a message at `now` into `out`, which has [`bound`](Self::bound) bytes; returns how many it
    /// took, or `None` when they were not enough, which does not happen. With `last` the message ends.
    pub(super) fn compress(
        &mut self,
        now: Instant,
        data: &[u8],
        last: bool,
        out: &mut [u8],
    ) -> Option<usize> {
        self.used_at = now.as_nanos();
        let zlib = self.deflate.get_or_insert_with(|| {
            zlib_rs::Deflate::new_with_config(DeflateConfig {
                level: self.level.into(),
                window_bits: -i32::from(self.own.max_window_bits.clamp(9, 15)),
                // Room for 2048 symbols a block: more makes messages of some KiB no smaller.
                mem_level: 5,
                ..DeflateConfig::default()
            })
        });
        let (read, written) = (zlib.total_in(), zlib.total_out());
        zlib.compress(data, out, DeflateFlush::SyncFlush).ok()?;
        let (read, mut n) = ((zlib.total_in() - read) as usize, (zlib.total_out() - written) as usize);
        if read < data.len() || n == out.len() {
            return None;
        }
        if last {
            match out.get(..n).and_then(|bytes| bytes.strip_suffix(&TAIL)) {
                Some(bytes) => n = bytes.len(),
                // Nothing was left to say: the first byte of an empty block, whose rest is the tail (7.2.3.6).
                None => {
                    *out.get_mut(n)? = 0;
                    n += 1;
                }
            }
            if self.own.no_context_takeover {
                zlib.reset();
            }
        }
        Some(n)
    }

    /// When the compressor was used last, if there is one.
    pub(super) fn used_at(&self) -> Option<u64> {
        self.deflate.as_ref().map(|_| self.used_at)
    }

    /// Gives back what is only worth keeping for a connection that is in use. A sender may begin anew at any time.
    pub(super) fn rest(&mut self) {
        self.deflate = None;
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("own", &self.own)
            .field("peer", &self.peer)
            .field("compressed", &self.deflate.as_ref().map(|zlib| (zlib.total_in(), zlib.total_out())))
            .field("inflate", &self.inflate)
            .field("received", &self.received)
            .field("inflated", &self.inflated)
            .field("tail", &self.tail)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inflate({}, {})", self.0.total_in(), self.0.total_out())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: Half = Half { no_context_takeover: false, max_window_bits: 15 };
    const ALONE: Half = Half { no_context_takeover: true, max_window_bits: 9 };

    fn inflated(context: &mut Context, mut input: &[u8]) -> Result<Vec<u8>, PeerError> {
        let (mut pool, mut text) = (Pool::new(), Vec::new());
        context.begin(&mut pool);
        loop {
            let mut out = [0; 7];
            let step = context.inflate(input, &mut out, true);
            text.extend_from_slice(&out[..step.produced]);
            input = &input[step.consumed..];
            match step.error {
                Some(error) => return Err(error),
                None if step.done => break,
                None => assert!(step.produced > 0, "no progress"),
            }
        }
        context.end(&mut pool);
        Ok(text)
    }

    fn context(half: Half) -> Context {
        Context::new(half, half, &Deflate::default())
    }

    #[test]
    fn rfc7692_7_2_3_the_examples_are_inflated() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut context = context(PLAIN);
        // 7.2.3.1, and 7.2.3.2: the same again, with reference to the first.
        assert_eq!(inflated(&mut context, &hello).unwrap(), b"Hello");
        assert_eq!(inflated(&mut context, &[0xf2, 0x00, 0x11, 0x00, 0x00]).unwrap(), b"Hello");
        // 7.2.3.3: a block without compression.
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        assert_eq!(inflated(&mut context, &stored).unwrap(), b"Hello");
        // 7.2.3.4: a final block.
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(inflated(&mut context, &last).unwrap(), b"Hello");
        assert_eq!(inflated(&mut context, &last[..7]).unwrap(), b"Hello");
        // 7.2.3.5: two blocks.
        let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflated(&mut context, &two).unwrap(), b"Hello");
        // 7.2.3.6: nothing.
        assert_eq!(inflated(&mut context, &[0x00]).unwrap(), b"");
        assert_eq!(inflated(&mut context, &[]).unwrap(), b"");
        assert_eq!(inflated(&mut context, &hello).unwrap(), b"Hello");
    }

    #[test]
    fn rfc7692_7_2_2_what_is_no_deflate_is_refused() {
        for bad in [&b"\x07"[..], b"\xff\xff\xff", b"\x00\x05\x00\x00\x00Hello"] {
            assert_eq!(inflated(&mut context(PLAIN), bad), Err(PeerError::BadDeflate), "{bad:?}");
        }
    }

    #[test]
    fn rfc7692_7_2_1_an_empty_message_is_one_byte() {
        let mut context = context(PLAIN);
        let mut out = [0xaa; 64];
        for _ in 0..3 {
            assert_eq!((context.compress(Instant::ZERO, b"", true, &mut out), out[0]), (Some(1), 0));
        }
        let n = context.compress(Instant::ZERO, b"Hello", false, &mut out).unwrap();
        assert!(out[..n].ends_with(&TAIL));
        assert_eq!((context.compress(Instant::ZERO, b"", true, &mut out), out[0]), (Some(1), 0));
    }

    proptest! {
        #[test]
        fn what_is_compressed_in_any_pieces_is_inflated(
            messages in prop::collection::vec(prop::collection::vec((any::<u8>(), 0usize..3000, any::<bool>()), 0..4), 1..5),
            bits in 9u8..=15, alone: bool, level in 1u8..=9,
        ) {
            let half = Half { no_context_takeover: alone, max_window_bits: bits };
            let deflate = Deflate { level, ..Deflate::default() };
            let (mut sender, mut receiver) = (Context::new(half, half, &deflate), Context::new(half, half, &deflate));
            for pieces in messages {
                let (mut plain, mut wire) = (Vec::new(), Vec::new());
                for (seed, len, noise) in pieces {
                    let mut state = u32::from(seed) + 1;
                    let data: Vec<u8> = (0..len).map(|i| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        if noise { (state >> 24) as u8 } else { (i / 50) as u8 ^ seed }
                    }).collect();
                    let mut out = vec![0; Context::bound(len)];
                    let n = sender.compress(Instant::ZERO, &data, false, &mut out).expect("the bound is enough");
                    wire.extend_from_slice(&out[..n]);
                    plain.extend(data);
                }
                let mut out = vec![0; Context::bound(0)];
                let n = sender.compress(Instant::ZERO, b"", true, &mut out).expect("the bound is enough");
                wire.extend_from_slice(&out[..n]);
                prop_assert_eq!(inflated(&mut receiver, &wire), Ok(plain));
            }
        }

        #[test]
        fn the_bound_is_enough_for_noise(len in 0usize..70_000, level in 1u8..=9, bits in 9u8..=15) {
            let half = Half { max_window_bits: bits, ..ALONE };
            let mut context = Context::new(half, half, &Deflate { level, ..Deflate::default() });
            let mut state = len as u64;
            let data: Vec<u8> = (0..len).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            }).collect();
            let mut out = vec![0; Context::bound(len)];
            let n = context.compress(Instant::ZERO, &data, true, &mut out);
            prop_assert!(n.is_some());
            prop_assert_eq!(inflated(&mut context, &out[..n.unwrap()]), Ok(data));
        }
    }
}
