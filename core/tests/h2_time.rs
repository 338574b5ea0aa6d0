//! Deadlines of HTTP/2, on the bare machine: who is waited for, and for how long.

mod h2_support;

use avx_core::h2::frame::Kind;
use avx_core::{BodyLen, Config, ErrorCode, Http, Initiator, Machine, PeerError, Response, Status};
use conformance::drive::Seen;
use h2_support::*;
use std::time::Duration;

#[test]
fn a_connection_that_is_never_used_ends_and_an_idle_one_says_goodbye() {
    let mut driver = conformance::drive::Driver::new(avx_core::h2::Server::new(Default::default(), NOW), NOW);
    driver.feed(&[]);
    driver.pass(Duration::from_secs(30));
    driver.feed(&[]);
    assert!(driver.machine.is_send_closed());
    let mut driver = server(Config::default());
    driver.feed(&get(1));
    driver.call(|m, now, out| m.send_full(now, id(1), &Response::new(Status::OK, &[]), b"", out)).unwrap();
    driver.feed(&[]);
    driver.pass(Duration::from_secs(61));
    driver.feed(&[]);
    assert_eq!(goodbye(&driver.out), Some((1, ErrorCode::NO_ERROR)));
    assert!(driver.machine.is_send_closed());
    driver.pass(Duration::from_secs(3));
    assert!(driver.machine.is_closed());
}

#[test]
fn a_silent_peer_is_pinged_and_given_up() {
    let mut config = Config::default();
    config.h2.keep_alive = Duration::from_secs(15);
    let mut driver = client(config, 1);
    driver.pass(Duration::from_secs(15));
    driver.feed(&[]);
    let pings: Vec<_> = frames(&driver.out).into_iter().filter(|f| f.0 == Kind::PING).collect();
    assert_eq!(pings.len(), 1);
    driver.feed(&ping(ACK, &pings[0].3));
    driver.pass(Duration::from_secs(16));
    driver.feed(&[]);
    assert_eq!(connection_error(&driver), None);
    driver.pass(Duration::from_secs(20));
    driver.feed(&[]);
    assert_eq!(driver.error, Some(PeerError::PingTimeout));
}

#[test]
fn h2_04_a_window_that_dribbles_is_as_good_as_closed() {
    let mut driver = server(Config::default());
    driver.feed(&[settings(&[(4, 0)]), get(1)].concat());
    let ok = Response::new(Status::OK, &[]);
    driver.call(|m, now, out| m.send_response(now, id(1), &ok, BodyLen::Streaming, out)).unwrap();
    driver.machine.wants_write(id(1), true);
    driver.seen.clear();
    for _ in 0..40 {
        driver.pass(Duration::from_secs(1));
        driver.feed(&window_update(1, 10));
        if !driver.seen.is_empty() {
            break;
        }
        let sent = driver.call(|m, now, out| m.send_data(now, id(1), &[b'x'; 1000], out));
        assert_eq!(sent, Ok(10));
    }
    assert_eq!(driver.seen, [Seen::Reset(1, ErrorCode::ENHANCE_YOUR_CALM, Initiator::Local)]);
}

#[test]
fn an_answer_after_a_long_silence_is_given_its_time() {
    let mut config = Config::default();
    config.timeouts.idle = Duration::from_secs(60);
    let mut driver = server(config);
    driver.feed(&[settings(&[(4, 0)]), get(1)].concat());
    driver.pass(Duration::from_secs(300));
    driver.feed(&[]);
    let ok = Response::new(Status::OK, &[]);
    driver.call(|m, now, out| m.send_response(now, id(1), &ok, BodyLen::Streaming, out)).unwrap();
    driver.machine.wants_write(id(1), true);
    driver.seen.clear();
    driver.pass(Duration::from_secs(20));
    driver.feed(&window_update(1, 5));
    assert!(driver.seen.is_empty());
    driver.call(|m, now, out| m.send_data(now, id(1), b"12345", out)).unwrap();
    driver.call(|m, now, out| m.send_end(now, id(1), &[], out)).unwrap();
    driver.pass(Duration::from_secs(50));
    driver.feed(&[]);
    assert!(!driver.machine.is_send_closed(), "idle for less than a minute");
}
