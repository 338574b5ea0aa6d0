//! Peers that are slow, and servers that end. Time-outs are short here, and nothing sleeps to wait for
//! something: pauses are what the peer does to the server.

use super::{GET, Running, Target, config, is_unharmed, until};
use crate::peer::{Ending, PATIENCE, Peer};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);

/// Attack H1-30.
pub fn a_slow_head_is_answered_408<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.head = SHORT));
    let mut peer = Peer::connect(server.addr());
    peer.send(GET);
    peer.answer();
    peer.send("GET / HTTP/1.1\r\nHost:");
    let answer = peer.answer();
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert_eq!(peer.ending(), Ending::Closed);
    is_unharmed(&server);
}

/// Attack H1-30: bytes that come do not buy time.
pub fn a_dripping_head_is_answered_408<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.head = SHORT));
    let mut peer = Peer::connect(server.addr());
    let begun = Instant::now();
    peer.send("GET / HTTP/1.1\r\nX: ");
    while !peer.hears_within(Duration::from_millis(20)) {
        peer.send("x");
        assert!(begun.elapsed() < PATIENCE, "no answer");
    }
    assert_eq!(peer.answer().status, 408);
    assert!(begun.elapsed() >= SHORT.mul_f32(0.9), "{:?}", begun.elapsed());
}

/// Attack H1-30.
pub fn slow_content_is_answered_408<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.body_grace = SHORT));
    let mut peer = Peer::connect(server.addr());
    let begun = Instant::now();
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    while !peer.hears_within(Duration::from_millis(20)) {
        peer.send("x");
        assert!(begun.elapsed() < PATIENCE, "no answer");
    }
    assert_eq!(peer.answer().status, 408);
    peer.wait_for_the_end();
    is_unharmed(&server);
}

/// RFC 9112, section 9.5: a normal close.
pub fn an_idle_connection_is_closed_without_a_word<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.idle = SHORT));
    let mut peer = Peer::connect(server.addr());
    peer.send(GET);
    peer.answer();
    assert_eq!(peer.ending(), Ending::Closed);
    until("the connection is let go of", || server.connections() == 0);
}

/// The same before the first request.
pub fn a_connection_that_says_nothing_is_closed_without_a_word<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.first_head = SHORT));
    let mut peer = Peer::connect(server.addr());
    assert_eq!(peer.ending(), Ending::Closed);
    until("the connection is let go of", || server.connections() == 0);
}

/// Attack H1-30: the other way round.
pub fn a_client_that_never_reads_is_dropped<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.write_stall = SHORT));
    let mut peer = Peer::connect(server.addr());
    peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the request is served", || server.connections() == 1);
    until("the connection is let go of", || server.connections() == 0);
    is_unharmed(&server);
}

/// A server that closes waits for its client, but not for ever.
pub fn a_closed_connection_is_let_go_of<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.linger = SHORT));
    let mut peer = Peer::connect(server.addr());
    peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    peer.answer();
    assert_eq!(peer.ending(), Ending::Closed);
    until("the connection is let go of", || server.connections() == 0);
}

/// RFC 9112, section 9.6.
pub fn a_shutdown_lets_what_is_in_flight_complete<T: Target>() {
    let server = T::start(&Default::default());
    let addr = server.addr();
    let (mut idle, mut fresh, mut busy) = (Peer::connect(addr), Peer::connect(addr), Peer::connect(addr));
    idle.send(GET);
    idle.answer();
    fresh.send("GET / HT");
    // Its 100 (Continue) says that the server has seen the request.
    busy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(busy.answer().status, 100);
    busy.send("xxxxx");
    until("all are there", || server.connections() == 3);
    server.shutdown();
    assert_eq!(idle.ending(), Ending::Closed);
    busy.send("xxxxx");
    // Whether the response says `close` is a race: a worker may be about this very connection when the end
    // begins. The transcripts have it for the machine.
    assert_eq!(busy.answer().content, b"hello");
    assert_eq!(busy.ending(), Ending::Closed);
    drop((idle, busy, fresh));
    server.join();
    assert!(TcpStream::connect_timeout(&addr, PATIENCE).is_err(), "still listening");
}

/// RFC 9112, section 9.6.
pub fn a_shutdown_does_not_wait_for_ever<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.drain = SHORT));
    let mut busy = Peer::connect(server.addr());
    busy.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(busy.answer().status, 100);
    server.shutdown();
    let begun = Instant::now();
    server.join();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    busy.wait_for_the_end();
}
