//! What a run does.

use super::failure::Protocol;
use super::ws::Pattern;
use avx_core::{Field, Method};
use std::net::SocketAddr;
use std::time::Duration;

/// One run: where, what and how long.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) addr: SocketAddr,
    pub(crate) protocol: Protocol,
    /// As the Host field or `:authority` gives it.
    pub(crate) authority: String,
    pub(crate) target: String,
    pub(crate) method: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Sizes of messages, in turn.
    pub(crate) messages: Vec<usize>,
    pub(crate) text: bool,
    /// What they are cut from.
    pub(crate) pattern: Pattern,
    pub(crate) connections: usize,
    /// Exchanges under way on each connection, or WebSocket.
    pub(crate) depth: usize,
    /// WebSockets on each connection.
    pub(crate) sockets: usize,
    pub(crate) threads: usize,
    pub(crate) stop: Stop,
    pub(crate) warmup: Duration,
    /// Exchanges a second in all; `None` for as many as there can be.
    pub(crate) rate: Option<f64>,
    /// How many of them are due at once, on one connection.
    pub(crate) burst: u64,
    pub(crate) timeout: Duration,
}

/// When a run is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stop {
    After(Duration),
    Requests(u64),
}

/// Field lines that need no allocation.
const FEW: usize = 8;

impl Plan {
    /// Lends the field lines of a request as the machines take them.
    #[inline]
    pub(crate) fn with_fields<R>(&self, f: impl FnOnce(Method<'_>, &[Field<'_>]) -> R) -> R {
        let method = Method::from_token(self.method.as_bytes());
        fn of((name, value): &(String, String)) -> Field<'_> {
            Field::new(name, value)
        }
        if self.fields.is_empty() {
            return f(method, &[]);
        }
        if self.fields.len() > FEW {
            return f(method, &self.fields.iter().map(of).collect::<Vec<_>>());
        }
        let mut few = [const { Field { name: b"", value: b"", sensitive: false } }; FEW];
        for (place, line) in few.iter_mut().zip(&self.fields) {
            *place = of(line);
        }
        f(method, &few[..self.fields.len()])
    }

    /// The most that the texts of a request's head take, bytes.
    pub(crate) fn head_len(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
        self.method.len() + self.target.len() + self.authority.len() + fields
    }

    /// Connections of one of the threads, which share them evenly.
    pub(crate) fn connections_of(&self, thread: usize) -> usize {
        share(self.connections as u64, self.threads, thread) as usize
    }

    /// The same with one request on one connection, to see whether there is somebody who answers.
    pub(crate) fn probe(&self) -> Plan {
        Plan {
            connections: 1,
            depth: 1,
            sockets: 1,
            threads: 1,
            stop: Stop::Requests(1),
            warmup: Duration::ZERO,
            rate: None,
            ..self.clone()
        }
    }
}

/// What falls to the `n`th of `parts`.
pub(crate) fn share(all: u64, parts: usize, n: usize) -> u64 {
    let (parts, n) = (parts.max(1) as u64, n as u64);
    all / parts + u64::from(n < all % parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_even_and_nothing_is_left() {
        for (all, parts) in [(10, 3), (2, 4), (0, 1), (64, 2)] {
            let shares: Vec<u64> = (0..parts).map(|n| share(all, parts, n)).collect();
            assert_eq!(shares.iter().sum::<u64>(), all);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
