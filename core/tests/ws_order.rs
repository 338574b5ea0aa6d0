//! A WebSocket in a session: the order of what it says by itself.

use avx_core::ws::{Event, Server};
use avx_core::{Config, Instant, Scratch, Session};
use std::sync::Arc;

const NOW: Instant = Instant::ZERO;

/// What an echo answers to this input, which arrives at once.
fn echo(input: &[u8]) -> Vec<u8> {
    let config = Arc::new(Config::default());
    let (mut session, mut scratch) =
        (Session::new(Server::new(config.clone(), NOW), &config), Scratch::new());
    session.read_from(NOW, &mut scratch, input);
    while let Some(turn) = session.turn(NOW, &mut scratch).unwrap() {
        if let Event::Data { kind, data, last } = turn.event {
            turn.machine.send(NOW, kind, data, last, turn.out).unwrap();
        }
    }
    session.write_buf().to_vec()
}

/// "A Pong frame sent in response to a Ping frame must have identical "Application data"" (section 5.5.3)
#[test]
fn rfc6455_5_5_3_each_ping_of_many_is_answered_in_its_order() {
    let pings: Vec<u8> = (b'a'..b'k').flat_map(|c| [0x89, 0x81, 0, 0, 0, 0, c]).collect();
    let pongs: Vec<u8> = (b'a'..b'k').flat_map(|c| [0x8a, 1, c]).collect();
    assert_eq!(echo(&pings), pongs);
}

/// "Control frames MAY be injected in the middle of a fragmented message." (section 5.4)
#[test]
fn rfc6455_5_4_a_ping_between_fragments_is_answered_between_them() {
    let input = b"\x01\x81\0\0\0\0a\x89\x81\0\0\0\0p\x80\x81\0\0\0\0b";
    assert_eq!(echo(input), b"\x01\x01a\x8a\x01p\x80\x01b");
}
