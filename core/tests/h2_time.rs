//! Deadlines of HTTP/2, on the bare machine: who is waited for, and for how long.

mod h2_support;

use avx_core::h2::Server;
use avx_core::h2::frame::Kind;
use avx_core::{BodyLen, Config, ErrorCode, Http, Initiator, Machine, PeerError, Response, Status};
use conformance::drive::{Driver, Seen};
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

/// A server whose client has begun to send content on stream 1.
fn uploading() -> Driver<Server> {
    let mut driver = server(Config::default());
    driver.feed(&post(1));
    driver.seen.clear();
    driver
}

/// Lets so many seconds pass, one by one, sending `content` in each; says when the stream was reset.
fn pass_with(driver: &mut Driver<Server>, seconds: u32, content: &[u8]) -> Option<u32> {
    for second in 1..=seconds {
        driver.pass(Duration::from_secs(1));
        let input = if content.is_empty() { vec![] } else { data(1, 0, content) };
        driver.feed(&input);
        driver.seen.retain(|seen| !matches!(seen, Seen::Data(..)));
        if !driver.seen.is_empty() {
            return Some(second);
        }
    }
    None
}

#[test]
fn content_that_never_comes_ends_its_stream_and_nothing_else() {
    let mut driver = uploading();
    let second = pass_with(&mut driver, 60, b"");
    assert!(second.is_some_and(|second| (5..=10).contains(&second)), "{second:?}");
    assert_eq!(driver.seen, [Seen::Reset(1, ErrorCode::ENHANCE_YOUR_CALM, Initiator::Local)]);
    assert_eq!(
        (connection_error(&driver), resets(&driver.out)),
        (None, vec![(1, ErrorCode::ENHANCE_YOUR_CALM)])
    );
}

#[test]
fn content_below_the_rate_ends_its_stream_and_above_it_does_not() {
    assert!(pass_with(&mut uploading(), 120, &[b'x'; 100]).is_some());
    assert_eq!(pass_with(&mut uploading(), 120, &[b'x'; 250]), None);
}

#[test]
fn content_that_came_fast_earns_a_pause_but_not_for_ever() {
    let mut driver = uploading();
    driver.feed(&data(1, 0, &[b'x'; 10_000]));
    driver.seen.clear();
    let second = pass_with(&mut driver, 300, b"");
    assert!(second.is_some_and(|second| (40..=60).contains(&second)), "{second:?}");
}

#[test]
fn a_client_without_credit_is_not_late() {
    let mut driver = uploading();
    for _ in 0..4 {
        driver.feed(&data(1, 0, &[b'x'; 16_000]));
    }
    driver.feed(&data(1, 0, &[b'x'; 1_500]));
    driver.seen.clear();
    assert_eq!(pass_with(&mut driver, 600, b""), None);
}

#[test]
fn rfc9110_10_1_1_a_client_that_waits_for_100_is_not_late() {
    let mut driver = server(Config::default());
    driver.feed(&headers(1, 0, &with(&POST, &[("expect", "100-continue")])));
    driver.seen.clear();
    assert_eq!(pass_with(&mut driver, 60, b""), None);
    let proceed = Response::new(Status::CONTINUE, &[]);
    driver.call(|m, now, out| m.send_informational(now, id(1), &proceed, out)).unwrap();
    assert!(pass_with(&mut driver, 60, b"").is_some());
}

#[test]
fn rfc9113_8_1_content_that_outlasts_its_response_is_ended_without_blame() {
    let mut driver = uploading();
    driver.call(|m, now, out| m.send_full(now, id(1), &Response::new(Status::OK, &[]), b"x", out)).unwrap();
    assert!(pass_with(&mut driver, 60, b"").is_some());
    assert_eq!(driver.seen, [Seen::Reset(1, ErrorCode::NO_ERROR, Initiator::Local)]);
}

#[test]
fn rfc9113_8_5_a_tunnel_may_be_silent() {
    let mut driver = server(Config::default());
    driver.feed(&headers(1, 0, &block(&[(":method", "CONNECT"), (":authority", "a:1")])));
    driver.seen.clear();
    driver
        .call(|m, now, out| {
            m.send_response(now, id(1), &Response::new(Status::OK, &[]), BodyLen::Streaming, out)
        })
        .unwrap();
    assert_eq!(pass_with(&mut driver, 600, b""), None);
}

#[test]
fn a_server_may_let_content_take_its_time() {
    let mut config = Config::default();
    config.timeouts.body_rate = 0;
    let mut driver = server(config);
    driver.feed(&post(1));
    driver.seen.clear();
    assert_eq!(pass_with(&mut driver, 600, b""), None);
}
