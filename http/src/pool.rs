//! Memory that each thread recycles: buffers of pieces, heads, pipes, and the scratch of core.

use crate::body::Pipe;
use crate::clock::{Epoch, PresetCache, Reading};
use crate::conn::Exchange;
use crate::message::{Arena, FieldLine};
use avx_core::ws::Limits;
use avx_core::{BodyLen, Config, Instant, Scratch};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Bytes of one piece of content at most, and so the memory one stream's content takes.
pub(crate) const PIECE: usize = 64 << 10;
/// Pieces up to this size do not take a large buffer.
const SMALL: usize = 4 << 10;
/// Heads larger than this are not kept.
const LARGE_HEAD: usize = 16 << 10;
/// Field lines that most messages have at most.
const LINES: usize = 8;
/// Items kept of each kind.
const SPARE: usize = 32;
/// Configurations that differ only in the limits of their WebSockets.
const CONFIGS: usize = 4;

/// What one poll of a connection works with: taken for its duration.
pub(crate) struct Local {
    pub(crate) scratch: Scratch,
    pub(crate) preset: PresetCache,
    pub(crate) reading: Reading,
    /// Memory for the exchanges of one connection.
    pub(crate) exchanges: Vec<Exchange>,
}

thread_local! {
    static LOCAL: Cell<Option<Box<Local>>> = const { Cell::new(None) };
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    static READING: Cell<Reading> = const { Cell::new(Reading::NONE) };
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

impl Local {
    /// The thread's, or a fresh one when a connection is polled inside another's poll.
    #[inline]
    pub(crate) fn take() -> Box<Local> {
        LOCAL.try_with(Cell::take).ok().flatten().unwrap_or_else(Local::fresh)
    }

    #[cold]
    fn fresh() -> Box<Local> {
        Box::new(Local {
            scratch: Scratch::new(),
            preset: PresetCache::new(),
            reading: Reading::default(),
            exchanges: Vec::new(),
        })
    }

    #[inline]
    pub(crate) fn put(self: Box<Self>) {
        let _ = LOCAL.try_with(|local| local.set(Some(self)));
    }
}

/// Lends a scratch that nobody else uses while a connection is polled: for what is done inside of that.
pub(crate) fn with_scratch<T>(f: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = f(&mut scratch);
    let _ = SCRATCH.try_with(|slot| slot.set(Some(scratch)));
    result
}

/// `now` as the machines count, for what is done inside of that poll or beside it.
#[inline]
pub(crate) fn instant(epoch: &Epoch, now: std::time::Instant) -> Instant {
    let mut reading = READING.try_with(Cell::take).unwrap_or_default();
    let instant = reading.instant(epoch, now);
    let _ = READING.try_with(|slot| slot.set(reading));
    instant
}

struct Pool {
    configs: Vec<[Arc<Config>; 2]>,
    large: Vec<Vec<u8>>,
    small: Vec<Vec<u8>>,
    arenas: Vec<Arena>,
    pipes: Vec<Arc<Pipe>>,
    lines: Vec<Vec<FieldLine>>,
}

impl Pool {
    const fn new() -> Self {
        Pool {
            configs: Vec::new(),
            large: Vec::new(),
            small: Vec::new(),
            arenas: Vec::new(),
            pipes: Vec::new(),
            lines: Vec::new(),
        }
    }
}

fn with<R>(f: impl FnOnce(&mut Pool) -> R) -> Option<R> {
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| f(&mut pool))).ok().flatten()
}

/// An empty buffer for at least `n` bytes (at most [`PIECE`] is recycled).
pub(crate) fn buffer(n: usize) -> Vec<u8> {
    let spare = match n {
        0..=SMALL => with(|pool| pool.small.pop()),
        _ if n <= PIECE => with(|pool| pool.large.pop()),
        _ => None,
    };
    spare.flatten().unwrap_or_else(|| Vec::with_capacity(if n <= SMALL { SMALL } else { n.max(PIECE) }))
}

/// Takes a buffer back; one of another size is freed.
pub(crate) fn give_buffer(mut buffer: Vec<u8>) {
    buffer.clear();
    with(|pool| {
        let spare = match buffer.capacity() {
            SMALL => &mut pool.small,
            PIECE => &mut pool.large,
            _ => return,
        };
        if spare.len() < SPARE {
            spare.push(buffer);
        }
    });
}

/// Memory for the field lines of one message.
pub(crate) fn lines() -> Vec<FieldLine> {
    with(|pool| pool.lines.pop()).flatten().unwrap_or_else(|| Vec::with_capacity(LINES))
}

/// Takes it back; what has grown beyond the usual is freed.
#[inline(never)]
pub(crate) fn give_lines(mut lines: Vec<FieldLine>) {
    lines.clear();
    if lines.capacity() <= 4 * LINES {
        with(|pool| {
            if pool.lines.len() < SPARE {
                pool.lines.push(lines);
            }
        });
    }
}

/// `config` with other limits of WebSockets; all connections that were accepted alike share one.
pub(crate) fn with_limits(config: &Arc<Config>, limits: Limits) -> Arc<Config> {
    let fresh = || {
        let mut own = Config::clone(config);
        own.ws = limits;
        Arc::new(own)
    };
    let shared = with(|pool| {
        let known = pool.configs.iter().find(|[base, own]| Arc::ptr_eq(base, config) && own.ws == limits);
        if let Some([_, own]) = known {
            return own.clone();
        }
        let own = fresh();
        if pool.configs.len() == CONFIGS {
            pool.configs.remove(0);
        }
        pool.configs.push([config.clone(), own.clone()]);
        own
    });
    shared.unwrap_or_else(fresh)
}

pub(crate) fn arena() -> Arena {
    with(|pool| pool.arenas.pop()).flatten().unwrap_or_default()
}

pub(crate) fn give_arena(mut arena: Arena) {
    if arena.bytes.capacity() == 0 || arena.bytes.capacity() > LARGE_HEAD {
        return;
    }
    arena.bytes.clear();
    arena.spans.clear();
    with(|pool| {
        if pool.arenas.len() < SPARE {
            pool.arenas.push(arena);
        }
    });
}

/// A pipe for content of this length; one that is known to be empty has ended.
pub(crate) fn pipe(len: BodyLen) -> Arc<Pipe> {
    let pipe = with(|pool| pool.pipes.pop()).flatten().unwrap_or_default();
    if len == BodyLen::Empty {
        pipe.end(None, None);
    }
    pipe
}

/// Takes a pipe back when nobody else holds it.
pub(crate) fn give_pipe(mut pipe: Arc<Pipe>) {
    if let Some(inner) = Arc::get_mut(&mut pipe) {
        inner.reset();
        with(|pool| {
            if pool.pipes.len() < SPARE {
                pool.pipes.push(pipe);
            }
        });
    }
}
