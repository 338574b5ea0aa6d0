//! Exchanges over HTTP/2 as they should be, with a live server.

use super::{LARGE, Running, Setup, Target, config, is_unharmed, until};
use crate::h2::Peer;
use crate::h2::frames::*;
use crate::peer::{Ending, PATIENCE};
use avx_core::ErrorCode;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// RFC 9113, section 5: on the port that speaks HTTP/1.1 as well.
pub fn h2_a_connection_serves_many_requests_at_once<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[]);
    for round in 0..3 {
        let streams: Vec<u32> = (0..100).map(|i| 200 * round + 2 * i + 1).collect();
        let wire = streams.iter().flat_map(|&stream| match stream % 3 {
            0 => get(stream, "/"),
            1 => [post(stream, "/echo"), content(stream, stream.to_string().as_bytes())].concat(),
            _ => get(stream, "/nothing"),
        });
        peer.send(wire.collect::<Vec<u8>>());
        for stream in streams {
            let answer = peer.answer(stream);
            match stream % 3 {
                0 => assert_eq!((answer.status, &answer.content[..]), (200, &b"hello"[..])),
                1 => assert_eq!(answer.content, stream.to_string().as_bytes()),
                _ => assert_eq!(answer.status, 404),
            }
            peer.send(window_update(0, 100));
        }
    }
    assert_eq!(server.connections(), 1);
    assert_eq!((peer.inbox.resets(), peer.inbox.goodbyes.len()), (vec![], 0));
}

/// RFC 9113, section 4: frames end where they end, whatever the reads.
pub fn h2_a_request_may_come_byte_by_byte<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = Peer::connect(server.addr());
    let upload = [post(1, "/echo"), data(1, PADDED, b"\x03content\0\0\0"), data(1, END_STREAM, b"")].concat();
    let wire = [PREFACE, &settings(&[]), &upload, &ping(0, b"12345678"), &get(3, "/")].concat();
    wire.chunks(1).for_each(|byte| peer.send(byte));
    assert_eq!(peer.answer(1).content, b"content");
    assert_eq!(peer.answer(3).content, b"hello");
    peer.until("a pong", |inbox| inbox.pongs == 1);
}

/// RFC 9113, section 6.9: content goes in while it comes out, on several streams, and none is lost.
pub fn h2_content_goes_both_ways<T: Target>() {
    const LEN: usize = 3_000_000;
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[]);
    let contents: Vec<Vec<u8>> =
        (0..3u32).map(|k| (0..LEN as u32).map(|i| (i * (k + 1) % 251) as u8).collect()).collect();
    (0..3).for_each(|k| peer.send(post(2 * k + 1, "/echo")));
    let (mut sent, mut granted) = ([0; 3], [0; 3]);
    let begun = Instant::now();
    let window =
        |peer: &Peer| peer.inbox.settings.iter().find(|s| s.0 == 4).map_or(65_535, |s| u64::from(s.1));
    while granted != [LEN; 3] {
        for k in 0..3 {
            let stream = 2 * k as u32 + 1;
            let given = |stream| peer.inbox.credit.get(&stream).copied().unwrap_or(0);
            let all: usize = sent.iter().sum();
            let of_all = (65_535 + given(0)) as usize - all;
            let credit = ((window(&peer) + given(stream)) as usize - sent[k]).min(of_all).min(LEN - sent[k]);
            let next = sent[k] + credit.min(16_384);
            if next > sent[k] {
                peer.send(data(stream, 0, &contents[k][sent[k]..next]));
                sent[k] = next;
            }
            let come = peer.inbox.length(stream);
            if come > granted[k] {
                let n = (come - granted[k]) as u32;
                peer.send([window_update(stream, n), window_update(0, n)].concat());
                granted[k] = come;
            }
        }
        assert!(begun.elapsed() < 3 * PATIENCE, "stuck: {sent:?} {granted:?}");
        peer.read(Duration::from_millis(1));
    }
    for (k, content) in contents.iter().enumerate() {
        let stream = 2 * k as u32 + 1;
        peer.send(data(stream, END_STREAM, b""));
        assert!(peer.answer(stream).content == *content, "not what was sent");
    }
}

/// More than any buffer holds, for as long as the client wants it.
pub fn h2_a_large_response_arrives_and_can_be_cancelled<T: Target>() {
    const ENOUGH: usize = 8 << 20;
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[(4, 1 << 20)]);
    peer.send([get(1, "/large"), window_update(0, 1 << 20)].concat());
    let mut come = 0;
    while come < ENOUGH {
        peer.until("more of it", |inbox| inbox.length(1) > come);
        let n = peer.inbox.length(1) - come;
        peer.send([window_update(1, n as u32), window_update(0, n as u32)].concat());
        come += n;
    }
    peer.send([reset(1, ErrorCode::CANCEL), get(3, "/")].concat());
    assert_eq!(peer.answer(3).content, b"hello");
    let answer = peer.inbox.answer(1);
    assert!(answer.content.iter().all(|&b| b == b'x') && !answer.ended);
    assert_eq!(answer.field("content-length"), Some(&LARGE.to_string()[..]));
}

/// RFC 9113, section 8.1: it does not look complete.
pub fn h2_a_response_that_breaks_off_is_reset<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[]);
    peer.send([get(1, "/cut"), get(3, "/")].concat());
    let answer = peer.answer(1);
    assert_eq!((answer.status, answer.ended), (200, false));
    assert_eq!(answer.reset, Some(ErrorCode::INTERNAL_ERROR));
    assert_eq!(peer.answer(3).content, b"hello");
}

/// RFC 9110, sections 9.3.2 and 10.1.1.
pub fn h2_head_and_expectations_are_what_they_are<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[]);
    peer.send(headers(1, END_STREAM, &request("HEAD", "/", &[])));
    let answer = peer.answer(1);
    assert_eq!((answer.status, answer.field("content-length"), answer.content.len()), (200, Some("5"), 0));
    let expects = |path| request("POST", path, &[("expect", "100-continue")]);
    peer.send(headers(3, 0, &expects("/echo")));
    peer.until("an invitation", |inbox| inbox.answer(3).interim == [100]);
    peer.send(content(3, b"hello"));
    assert_eq!(peer.answer(3).content, b"hello");
    peer.send(headers(5, 0, &expects("/ignore")));
    let answer = peer.answer(5);
    assert_eq!((&answer.content[..], answer.interim), (&b"ignored"[..], vec![]));
}

/// RFC 9113, section 8.1; attack H2-23: content nobody reads gives its credit back, and no more than that.
pub fn h2_content_nobody_reads_is_read_over<T: Target>() {
    let server = T::start(&Setup::default());
    let mut peer = Peer::greet(server.addr(), &[]);
    for i in 0..100 {
        let stream = 2 * i + 1;
        peer.send([post(stream, "/ignore"), content(stream, &[b'x'; 40_000])].concat());
        assert_eq!(peer.answer(stream).content, b"ignored");
    }
    assert_eq!((peer.inbox.resets(), peer.inbox.goodbyes.len()), (vec![], 0));
}

/// RFC 9113, section 6.8.
pub fn h2_a_shutdown_lets_what_is_in_flight_complete<T: Target>() {
    const NONE: ErrorCode = ErrorCode::NO_ERROR;
    let server = T::start(&Setup::default());
    let addr = server.addr();
    let (mut idle, mut busy) = (Peer::greet(addr, &[]), Peer::greet(addr, &[]));
    idle.send(get(1, "/"));
    idle.answer(1);
    busy.send(headers(1, 0, &request("POST", "/", &[("expect", "100-continue")])));
    busy.until("an invitation", |inbox| inbox.answer(1).interim == [100]);
    server.shutdown();
    assert_eq!(idle.ending(), Ending::Closed);
    assert_eq!(idle.inbox.goodbyes, [(0x7fff_ffff, NONE), (1, NONE)]);
    busy.until("two goodbyes", |inbox| inbox.goodbyes.len() == 2);
    assert_eq!(busy.inbox.goodbyes, [(0x7fff_ffff, NONE), (1, NONE)]);
    busy.send([content(1, b"content"), get(3, "/")].concat());
    assert_eq!(busy.answer(1).content, b"hello");
    assert_eq!(busy.ending(), Ending::Closed);
    assert_eq!(busy.inbox.answer(3), Default::default(), "nothing new begins");
    drop((idle, busy));
    server.join();
    assert!(TcpStream::connect_timeout(&addr, PATIENCE).is_err(), "still listening");
}

/// RFC 9113, section 9.1: an idle connection ends with a goodbye.
pub fn h2_an_idle_connection_is_told_goodbye<T: Target>() {
    let server = T::start(&config(|c| c.timeouts.idle = Duration::from_millis(300)));
    let mut peer = Peer::greet(server.addr(), &[]);
    peer.send(get(1, "/"));
    peer.answer(1);
    assert_eq!(peer.ending(), Ending::Closed);
    assert_eq!(peer.inbox.goodbyes, [(1, ErrorCode::NO_ERROR)]);
    drop(peer);
    until("the connection is let go of", || server.connections() == 0);
    is_unharmed(&server);
}
