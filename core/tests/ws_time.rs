//! Deadlines of WebSocket, on the bare machine: who is waited for, and for how long; and how connections end.

mod ws_support;

use avx_core::ws::frame::Opcode;
use avx_core::ws::role::Role;
use avx_core::ws::{CloseCode, Kind};
use avx_core::{Config, Machine, PeerError, UsageError};
use conformance::ws::{Driver, Seen};
use std::time::Duration;
use ws_support::*;

fn seconds(driver: &mut Driver<impl Role>, seconds: u64) {
    for _ in 0..seconds {
        driver.pass(Duration::from_secs(1));
    }
    assert_eq!(driver.faults, Vec::<String>::new());
}

/// What was written since the last look.
fn taken(driver: &mut Driver<impl Role>) -> Vec<u8> {
    std::mem::take(&mut driver.out)
}

fn opcodes(out: &[u8]) -> Vec<Opcode> {
    read(out).iter().map(|frame| frame.0.opcode).collect()
}

#[test]
fn a_silent_peer_is_pinged_after_30_seconds_and_given_up_after_20_more() {
    let mut driver = server(Config::default());
    seconds(&mut driver, 29);
    assert!(driver.out.is_empty());
    seconds(&mut driver, 1);
    assert_eq!(opcodes(&driver.out), [Opcode::Ping]);
    seconds(&mut driver, 19);
    assert_eq!(driver.error, None);
    seconds(&mut driver, 1);
    assert_eq!(driver.error, Some(PeerError::PongTimeout));
    assert_eq!(goodbye(&driver.out).unwrap().0, CloseCode::POLICY);
    assert!(driver.machine.is_send_closed() && !driver.machine.is_closed());
    seconds(&mut driver, 3);
    assert!(driver.machine.is_closed());
}

#[test]
fn whatever_is_heard_keeps_a_connection_alive() {
    let mut driver = server(Config::default());
    for _ in 0..10 {
        seconds(&mut driver, 25);
        driver.feed(&masked(BINARY, b"x"));
    }
    assert!(driver.out.is_empty(), "no ping while there is something to hear");
    seconds(&mut driver, 35);
    assert_eq!(opcodes(&driver.out), [Opcode::Ping]);
    // A byte of a large message will do.
    driver.feed(&masked(BINARY, &[b'x'; 1000])[..9]);
    seconds(&mut driver, 29);
    assert_eq!((driver.error, driver.out.len()), (None, 2));
    seconds(&mut driver, 1);
    assert_eq!(opcodes(&driver.out), [Opcode::Ping, Opcode::Ping]);
    driver.feed(&masked(BINARY, &[b'x'; 1000])[9..]);
    driver.feed(&masked(PONG, b""));
    assert_eq!(driver.error, None);
}

#[test]
fn a_deadline_does_not_move_with_each_message() {
    let mut driver = server(Config::default());
    let deadline = driver.machine.poll_timeout();
    for _ in 0..10 {
        driver.pass(Duration::from_secs(2));
        driver.feed(&masked(TEXT, b"hello"));
        assert_eq!(driver.machine.poll_timeout(), deadline);
    }
    seconds(&mut driver, 10);
    assert!(driver.out.is_empty());
    assert!(driver.machine.poll_timeout() > deadline);
}

#[test]
fn keep_alive_and_its_deadline_can_be_switched_off() {
    let mut config = Config::default();
    config.ws.pong_timeout = Duration::ZERO;
    let mut driver = client(config);
    seconds(&mut driver, 200);
    assert_eq!((driver.error, opcodes(&driver.out).len()), (None, 6));
    config.ws.keep_alive = Duration::ZERO;
    let mut driver = client(config);
    assert_eq!(driver.machine.poll_timeout(), None);
    seconds(&mut driver, 200);
    assert!(driver.out.is_empty());
}

#[test]
fn time_in_which_nobody_reads_is_not_the_peers() {
    let mut driver = server(Config::default());
    seconds(&mut driver, 30);
    driver.machine.hold(driver.now);
    assert_eq!(driver.machine.poll_timeout(), None);
    driver.now = driver.now + Duration::from_secs(1000);
    driver.feed(&[]);
    assert_eq!(driver.error, None);
    seconds(&mut driver, 29);
    assert_eq!(opcodes(&driver.out), [Opcode::Ping]);
    seconds(&mut driver, 1);
    assert_eq!(opcodes(&driver.out), [Opcode::Ping, Opcode::Ping]);
}

#[test]
fn a_pong_is_waited_for_from_when_the_ping_has_left() {
    let mut driver = server(Config::default());
    seconds(&mut driver, 30);
    // Nothing is timed while output waits.
    assert!(driver.machine.wants_flush());
    driver.now = driver.now + Duration::from_secs(60);
    driver.machine.did_flush(driver.now);
    seconds(&mut driver, 19);
    assert_eq!(driver.error, None);
    seconds(&mut driver, 1);
    assert_eq!(driver.error, Some(PeerError::PongTimeout));
}

#[test]
fn rfc6455_5_5_1_the_peers_close_frame_is_answered_with_its_code_and_the_server_ends_first() {
    let mut driver = server(Config::default());
    driver.feed(&[masked(CLOSE, &close(CloseCode(4321), "bye")), masked(TEXT, b"behind")].concat());
    assert_eq!(driver.seen, [Seen::Close(CloseCode(4321), "bye".into())]);
    assert_eq!(goodbye(&driver.out), Some((CloseCode(4321), String::new())));
    assert!(driver.machine.is_closed() && driver.error.is_none());

    let mut driver = client(Config::default());
    driver.feed(&plain(CLOSE, b""));
    assert_eq!(driver.seen, [Seen::Close(CloseCode::NO_STATUS, String::new())]);
    assert_eq!(goodbye(&driver.out), Some((CloseCode::NO_STATUS, String::new())));
    assert!(!driver.machine.is_closed() && !driver.machine.is_send_closed(), "the server is to end first");
    seconds(&mut driver, 4);
    assert!(!driver.machine.is_closed());
    seconds(&mut driver, 1);
    assert!(driver.machine.is_closed());
}

#[test]
fn rfc6455_7_1_1_a_client_goes_when_the_server_does() {
    let mut driver = client(Config::default());
    driver.call(|m, now, out| m.close(now, CloseCode::NORMAL, "done", out)).unwrap();
    driver.feed(&plain(CLOSE, &close(CloseCode::NORMAL, "")));
    assert!(!driver.machine.is_closed());
    driver.eof();
    assert!(driver.machine.is_closed() && driver.error.is_none());
}

/// "An endpoint MAY delay sending a Close frame until its current message is sent" (section 5.5.1)
#[test]
fn rfc6455_5_5_1_what_is_still_to_be_sent_goes_before_the_answer_to_a_close_frame() {
    let mut driver = server(Config::default());
    driver.call(|m, now, out| m.send(now, Kind::Text, b"one ", false, out)).unwrap();
    driver.machine.delay_close(true);
    driver.feed(&masked(CLOSE, &close(CloseCode(4321), "bye")));
    assert!(!driver.machine.is_open());
    assert_eq!(taken(&mut driver), plain(1, b"one "));
    driver.pass(Duration::from_secs(4));
    driver.call(|m, now, out| m.send(now, Kind::Text, b"two", true, out)).unwrap();
    assert_eq!(taken(&mut driver), plain(FIN, b"two"));
    // Each piece gives time for the next one.
    driver.pass(Duration::from_secs(4));
    assert!(!driver.machine.is_closed());
    driver.machine.delay_close(false);
    driver.call(|m, now, out| m.send(now, Kind::Text, b"three", true, out)).unwrap_err();
    driver.call(|m, now, out| m.transmit(now, out));
    assert_eq!(goodbye(&taken(&mut driver)), Some((CloseCode(4321), String::new())));
    assert!(driver.machine.is_closed() && driver.error.is_none());
}

#[test]
fn ws_13_what_is_never_sent_delays_the_answer_to_a_close_frame_for_5_seconds() {
    let mut driver = server(Config::default());
    driver.machine.delay_close(true);
    driver.feed(&masked(CLOSE, &close(CloseCode::NORMAL, "")));
    driver.pass(Duration::from_millis(4999));
    assert!(!driver.machine.is_closed());
    driver.pass(Duration::from_millis(1));
    assert!(driver.machine.is_closed() && driver.error.is_none());
}

#[test]
fn ws_13_a_close_frame_that_is_never_answered_is_waited_for_5_seconds() {
    let mut driver = server(Config::default());
    driver.call(|m, now, out| m.close(now, CloseCode::NORMAL, "", out)).unwrap();
    // What was under way is told of until then, and pings are not answered any more.
    driver.feed(&[masked(TEXT, b"late"), masked(PING, b"p")].concat());
    assert_eq!(driver.seen, [text("late"), Seen::Ping(b"p".to_vec())]);
    assert_eq!(opcodes(&driver.out), [Opcode::Close]);
    let refused = driver.call(|m, now, out| m.send(now, Kind::Text, b"x", true, out));
    assert_eq!(refused, Err(UsageError::WrongState));
    assert!(driver.call(|m, now, out| m.ping(now, b"", out)).is_err());
    assert!(driver.call(|m, now, out| m.close(now, CloseCode::NORMAL, "", out)).is_err());
    seconds(&mut driver, 4);
    assert!(!driver.machine.is_closed());
    seconds(&mut driver, 1);
    assert!(driver.machine.is_closed() && driver.error.is_none());
}

#[test]
fn ws_13_rfc6455_7_1_5_an_end_without_a_close_frame_is_an_error_unless_it_was_asked_for() {
    for input in [&b""[..], &masked(TEXT, b"hello")[..7], &masked(1, b"part")] {
        let mut driver = server(Config::default());
        driver.feed(input);
        driver.eof();
        assert_eq!(driver.error, Some(PeerError::AbnormalClosure));
        assert_eq!(PeerError::AbnormalClosure.close_code(), CloseCode::ABNORMAL);
        assert!(driver.out.is_empty() && driver.machine.is_closed());
    }
    let mut driver = server(Config::default());
    driver.call(|m, now, out| m.close(now, CloseCode::NORMAL, "", out)).unwrap();
    driver.eof();
    assert!(driver.machine.is_closed() && driver.error.is_none());
    // Told of early, with a close frame still to be read.
    let mut driver = server(Config::default());
    driver.input = masked(CLOSE, b"");
    driver.eof();
    assert_eq!(driver.seen.len(), 1);
    assert!(driver.machine.is_closed() && driver.error.is_none());
}

#[test]
fn rfc6455_7_1_7_a_failed_connection_lingers_and_goes() {
    let mut driver = server(Config::default());
    driver.feed(b"\x83");
    assert_eq!(goodbye(&driver.out), Some((CloseCode::PROTOCOL_ERROR, "opcode is reserved".into())));
    assert!(driver.machine.is_send_closed() && driver.machine.wants_read());
    driver.feed(&masked(TEXT, b"ignored"));
    assert!(driver.seen.is_empty());
    driver.eof();
    assert!(driver.machine.is_closed());
    // An error behind our own close frame needs no second one.
    let mut driver = server(Config::default());
    driver.call(|m, now, out| m.close(now, CloseCode::NORMAL, "", out)).unwrap();
    driver.feed(b"\x83");
    assert_eq!((driver.error, opcodes(&driver.out)), (Some(PeerError::UnknownOpcode), vec![Opcode::Close]));
    seconds(&mut driver, 2);
    assert!(driver.machine.is_closed());
}

#[test]
fn rfc6455_7_4_1_a_graceful_end_says_1001() {
    let mut driver = server(Config::default());
    driver.call(|m, now, out| m.send(now, Kind::Text, b"par", false, out)).unwrap();
    driver.out.clear();
    driver.machine.shutdown(driver.now);
    assert!(!driver.machine.is_open());
    driver.feed(&[]);
    assert_eq!(goodbye(&driver.out), Some((CloseCode::GOING_AWAY, String::new())));
    driver.machine.shutdown(driver.now);
    driver.feed(&masked(CLOSE, &close(CloseCode::GOING_AWAY, "")));
    assert_eq!(opcodes(&driver.out), [Opcode::Close]);
    assert!(driver.machine.is_closed());
    // Both at once: ours was not written yet.
    let mut driver = server(Config::default());
    driver.machine.shutdown(driver.now);
    driver.feed(&masked(CLOSE, b""));
    assert_eq!((opcodes(&driver.out), driver.machine.is_closed()), (vec![Opcode::Close], true));
}
