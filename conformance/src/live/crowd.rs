//! Many connections, too many, and those that make no sense.

use super::{GET, Running, Setup, Target, is_unharmed, until};
use crate::peer::Peer;
use std::time::Duration;

/// Each is served, stays, and is served again.
pub fn many_connections_are_served<T: Target>() {
    let count = 2000.min(descriptors() / 2 - 100);
    let server = T::start(&Default::default());
    let mut peers: Vec<Peer> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut peer = Peer::connect(server.addr());
        peer.send(GET);
        assert_eq!(peer.answer().status, 200);
        peers.push(peer);
    }
    assert_eq!(server.connections(), count);
    peers.iter_mut().for_each(|peer| peer.send(GET));
    peers.iter_mut().for_each(|peer| assert_eq!(peer.answer().status, 200));
    drop(peers);
    until("all are let go of", || server.connections() == 0);
}

/// Nobody is turned away, nobody else is disturbed.
pub fn one_connection_too_many_waits_its_turn<T: Target>() {
    let server = T::start(&Setup { max_connections: 4, ..Setup::default() });
    let mut peers: Vec<Peer> = (0..4).map(|_| Peer::connect(server.addr())).collect();
    for peer in &mut peers {
        peer.send(GET);
        peer.answer();
    }
    let mut waiting = Peer::connect(server.addr());
    waiting.send(GET);
    assert!(!waiting.hears_within(Duration::from_millis(200)), "served beyond the limit");
    peers[0].send(GET);
    assert_eq!(peers[0].answer().status, 200);
    peers.pop();
    assert_eq!(waiting.answer().status, 200);
}

/// Whatever comes: an answer or an end, and the next connection is served.
pub fn random_bytes_do_no_harm<T: Target>() {
    let server = T::start(&Default::default());
    let mut random = Random(9112);
    for _ in 0..200 {
        let mut peer = Peer::connect(server.addr());
        if random.next() % 2 == 0 {
            peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
        let bytes: Vec<u8> = (0..random.next() % 300).map(|_| random.byte()).collect();
        peer.send_in_pieces(&bytes, 1 + (random.next() % 100) as usize);
        peer.half_close();
        peer.wait_for_the_end();
    }
    is_unharmed(&server);
    until("all are let go of", || server.connections() == 0);
}

/// Connections torn down with bytes unread, in the midst of anything.
pub fn resets_do_no_harm<T: Target>() {
    let server = T::start(&Default::default());
    let beginnings = [
        "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".to_string(),
        "GET / HT".to_string(),
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx".to_string(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx".to_string(),
        "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nx".to_string(),
        GET.repeat(1000),
    ];
    for beginning in beginnings.iter().cycle().take(60) {
        let mut peer = Peer::connect(server.addr());
        peer.send(beginning);
        // Dropped with bytes to read, where there are any: the system resets.
    }
    is_unharmed(&server);
    until("all are let go of", || server.connections() == 0);
}

/// Descriptors this process may have, as far as that can be told.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|n| n.parse().ok()).unwrap_or(1024)
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Mostly bytes that mean something.
    fn byte(&mut self) -> u8 {
        const WORDS: &[u8] = b"\r\n 0123456789abcdef;=\":/GETHTTP1.1";
        let n = self.next();
        if n % 4 == 0 { (n >> 8) as u8 } else { WORDS[(n >> 8) as usize % WORDS.len()] }
    }
}
