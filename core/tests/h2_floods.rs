//! Attacks on HTTP/2 by number or size, on the bare machine: what is too much, and with which code it ends.

mod h2_support;

use avx_core::h2::frame::Kind;
use avx_core::{BodyLen, Config, ErrorCode, Http, Initiator, Machine, PeerError, Response, Status, StreamId};
use conformance::drive::Seen;
use h2_support::*;
use std::time::Duration;

#[test]
fn h2_01_rapid_reset_ends_in_calm_and_frees_no_slot_early() {
    let asked_and_cancelled = |i: u32| [get(2 * i + 1), reset(2 * i + 1, ErrorCode::CANCEL)].concat();
    assert_eq!(error_of(&many(asked_and_cancelled, 1000)), CALM);

    // A hundred at once are within the budget, but count until the caller is done with them.
    let mut driver = server(Config::default());
    driver.feed(&many(asked_and_cancelled, 100));
    assert_eq!(connection_error(&driver), None);
    driver.feed(&get(201));
    assert_eq!(resets(&driver.out), [(201, ErrorCode::REFUSED_STREAM)]);
    driver.machine.done(NOW, StreamId(1));
    driver.feed(&get(203));
    assert!(driver.seen.iter().any(|seen| matches!(seen, Seen::Request(head) if head.stream == 203)));
}

#[test]
fn h2_02_no_primitive_makes_the_server_reset_its_own_streams() {
    // Each of them ends the connection instead.
    let opened = |more: Vec<u8>| [post(1), more].concat();
    assert_eq!(error_of(&opened(window_update(1, 0))), PROTOCOL);
    assert_eq!(error_of(&opened(window_update(1, 0x7fff_ffff))), FLOW);
    assert_eq!(error_of(&opened(frame(Kind::PRIORITY, 0, 1, &[0; 4]))), SIZE);
    assert_eq!(error_of(&opened(priority(1, 1, 0))), PROTOCOL);
    assert_eq!(error_of(&[get(1), headers(1, END_STREAM, &block(&[("x", "y")]))].concat()), CLOSED);
    assert_eq!(error_of(&[get(1), data(1, 0, b"x")].concat()), CLOSED);
    // What does reset a stream is counted like a reset by the peer.
    let malformed = |i| headers(2 * i + 1, END_STREAM, &block(&[(":method", "GET")]));
    assert_eq!(resets_of(&many(malformed, 200)).len(), 200);
    assert_eq!(error_of(&many(malformed, 201)), CALM);
    let too_much = |i| {
        [headers(2 * i + 1, 0, &with(&POST, &[("content-length", "1")])), data(2 * i + 1, 0, b"xx")].concat()
    };
    let mut driver = server(Config::default());
    driver.feed(&many(too_much, 100));
    driver.feed(&get(201));
    assert_eq!(
        resets(&driver.out).last(),
        Some(&(201, ErrorCode::REFUSED_STREAM)),
        "its slot is still taken"
    );
}

#[test]
fn h2_03_a_block_without_end_is_not_waited_for() {
    let open = frame(Kind::HEADERS, END_STREAM, 1, &block(&GET));
    let more = |n, block: &[u8]| [open.clone(), many(|_| continuation(1, 0, block), n)].concat();
    assert_eq!(error_of(&more(9, b"\x82")), CALM);
    assert_eq!(error_of(&more(5, b"")), CALM);
    let mut driver = server(Config::default());
    driver.feed(&more(7, &block(&[("x", "y")])));
    assert_eq!(connection_error(&driver), None);
    assert!(driver.seen.is_empty());
    driver.feed(&continuation(1, END_HEADERS, &block(&[("x", "z")])));
    assert!(matches!(&driver.seen[0], Seen::Request(head) if head.fields.len() == 8));
    // Four times the size of an acceptable section, from the headers of the frames alone.
    assert_eq!(error_of(&more(8, &vec![0x82; 16_384])), CALM);
    // Nor does it take for ever.
    let mut driver = server(Config::default());
    driver.feed(&open);
    driver.pass(Duration::from_secs(10));
    driver.feed(&[]);
    assert_eq!(driver.error, Some(PeerError::HeadTimeout));
    assert_eq!(connection_error(&driver), CALM);
}

#[test]
fn h2_04_floods_of_small_frames_end_in_calm() {
    // Pings and settings that nobody reads the answers to.
    let mut config = Config::default();
    config.h2.glitches = 10_000;
    let mut driver = server(config);
    let mut nowhere = avx_core::Scratch::new();
    let mut input = many(|_| ping(0, b"12345678"), 1001);
    assert!(matches!(
        driver.machine.recv(NOW, &mut input, &mut nowhere),
        Err(PeerError::TooManyControlFrames)
    ));
    assert_eq!(error_of(&many(|_| settings(&[]), 1002)), CALM);
    // PRIORITY for one stream, and for none.
    assert_eq!(error_of(&[post(1), many(|_| priority(1, 3, 7), 100)].concat()), None);
    assert_eq!(error_of(&[post(1), many(|_| priority(1, 3, 7), 101)].concat()), CALM);
    assert_eq!(error_of(&many(|i| priority(2 * i + 1, 0, 7), 1001)), CALM);
    // Frames of unknown types.
    assert_eq!(error_of(&many(|_| frame(Kind(0xbb), 0, 0, b"x"), 1001)), CALM);
    // Names without length.
    assert_eq!(
        resets_of(&headers(1, END_STREAM, &with(&GET, &[("", "x")]))),
        [(1, ErrorCode::PROTOCOL_ERROR)]
    );
}

#[test]
fn h2_05_empty_and_tiny_data_is_bounded() {
    assert_eq!(error_of(&[post(1), many(|_| data(1, 0, b""), 10)].concat()), None);
    assert_eq!(error_of(&[post(1), many(|_| data(1, 0, b""), 11)].concat()), CALM);
    assert_eq!(error_of(&[post(1), many(|_| data(1, 0, b"x"), 257)].concat()), None);
    assert_eq!(error_of(&[post(1), many(|_| data(1, 0, b"x"), 258)].concat()), CALM);
    // A reader that keeps up is never the reason.
    let mut driver = server(Config::default());
    driver.feed(&post(1));
    for _ in 0..20_000 {
        driver.feed(&data(1, 0, b"x"));
        driver.machine.release(StreamId(1), 1);
    }
    assert_eq!(connection_error(&driver), None);
}

#[test]
fn h2_04_a_ping_for_each_piece_of_content_is_free_and_others_are_counted() {
    assert_eq!(error_of(&many(|_| ping(0, &[0; 8]), 1000)), None);
    assert_eq!(error_of(&many(|_| ping(0, &[0; 8]), 1001)), CALM);
    let mut driver = server(Config::default());
    driver.feed(&post(1));
    for _ in 0..5000 {
        driver.feed(&[data(1, 0, b"x"), ping(0, &[0; 8])].concat());
        driver.machine.release(StreamId(1), 1);
    }
    assert_eq!(connection_error(&driver), None);
    let ok = Response::new(Status::OK, &[]);
    driver.call(|m, now, out| m.send_response(now, id(1), &ok, BodyLen::Streaming, out)).unwrap();
    for _ in 0..5000 {
        assert_eq!(driver.call(|m, now, out| m.send_data(now, id(1), b"x", out)), Ok(1));
        driver.feed(&ping(0, &[0; 8]));
    }
    assert_eq!(connection_error(&driver), None);
}

#[test]
fn h2_06_many_fields_are_too_many_and_a_closed_window_does_not_keep_them() {
    let status = |driver: &conformance::drive::Driver<avx_core::h2::Server>| {
        let answer = frames(&driver.out).into_iter().find(|f| f.0 == Kind::HEADERS);
        answer.map(|f| f.3)
    };
    let crumbs: Vec<u8> = [block(&GET), block(&[("cookie", "a")]).repeat(200)].concat();
    let mut driver = server(Config::default());
    driver.feed(&headers(1, END_STREAM, &crumbs));
    assert_eq!(connection_error(&driver), None);
    assert!(driver.seen.is_empty());
    assert!(status(&driver).is_some_and(|block| block.ends_with(b"431") || block.len() > 1));

    // A response whose window stays closed is given up after half a minute.
    let mut driver = server(Config::default());
    driver.feed(&settings(&[(4, 0)]));
    driver.feed(&get(1));
    let ok = Response::new(Status::OK, &[]);
    driver.call(|m, now, out| m.send_response(now, id(1), &ok, BodyLen::Streaming, out)).unwrap();
    driver.machine.wants_write(id(1), true);
    assert_eq!(driver.machine.next_writable(), None);
    driver.seen.clear();
    driver.pass(Duration::from_secs(29));
    driver.feed(&[]);
    assert!(driver.seen.is_empty());
    driver.pass(Duration::from_secs(2));
    driver.feed(&[]);
    assert_eq!(driver.seen, [Seen::Reset(1, ErrorCode::ENHANCE_YOUR_CALM, Initiator::Local)]);
    assert_eq!(resets(&driver.out), [(1, ErrorCode::ENHANCE_YOUR_CALM)]);
    driver.machine.done(NOW, id(1));
    assert!(driver.machine.is_idle());
}

#[test]
fn h2_06_the_hundredth_field_is_taken_and_the_next_one_is_not() {
    for (lines, taken) in [(100, true), (101, false), (105, false)] {
        let mut driver = server(Config::default());
        let fields = [block(&GET), block(&[("x", "1")]).repeat(lines)].concat();
        driver.feed(&headers(1, END_STREAM, &fields));
        assert_eq!((driver.seen.is_empty(), connection_error(&driver)), (!taken, None), "{lines} lines");
    }
}

#[test]
fn h2_06_lists_far_beyond_the_limit_are_answered_only_a_few_times() {
    let answered = |crumbs: usize| {
        let list = [block(&GET), block(&[("cookie", "a")]).repeat(crumbs)].concat();
        let mut driver = server(Config::default());
        (0..300)
            .take_while(|i| {
                driver.feed(&headers(2 * i + 1, END_STREAM, &list));
                connection_error(&driver).is_none()
            })
            .count()
    };
    // What is just too long costs what a reset costs.
    assert_eq!((answered(200), answered(3000)), (200, 4));
}

#[test]
fn h2_06_a_closed_connection_window_does_not_keep_them_either() {
    let mut driver = server(Config::default());
    driver.feed(&[settings(&[(4, 0x7fff_ffff)]), get(1)].concat());
    let ok = Response::new(Status::OK, &[]);
    driver.call(|m, now, out| m.send_response(now, id(1), &ok, BodyLen::Streaming, out)).unwrap();
    assert_eq!(driver.call(|m, now, out| m.send_data(now, id(1), &[b'x'; 70_000], out)), Ok(65_535));
    driver.machine.wants_write(id(1), true);
    assert_eq!(driver.machine.next_writable(), None);
    driver.pass(Duration::from_secs(30));
    driver.feed(&[]);
    assert_eq!(driver.error, Some(PeerError::WriteStalled));
    assert_eq!(connection_error(&driver), CALM);
}

#[test]
fn h2_07_and_08_oversized_lists_are_answered_and_far_too_large_ones_end_the_connection() {
    let big = "x".repeat(4000);
    // One entry, referred to again and again.
    let mut bomb = block(&GET);
    bomb.extend(b"\x40\x01b\x7f\xa1\x1e");
    bomb.extend(big.as_bytes());
    let refer = |n: usize| [&bomb[..], &vec![0xbe; n]].concat();
    let mut driver = server(Config::default());
    driver.feed(&headers(1, END_STREAM, &refer(8)));
    assert_eq!(connection_error(&driver), None);
    assert!(driver.seen.is_empty());
    // The table is still in step.
    driver.feed(&headers(3, END_STREAM, &[&block(&GET)[..], b"\xbe"].concat()));
    assert!(matches!(&driver.seen[0], Seen::Request(head) if head.fields[0].1.len() == 4000));
    let answers = frames(&driver.out);
    assert!(answers.iter().any(|f| f.0 == Kind::HEADERS && f.2 == 1 && f.1 & END_STREAM != 0));
    assert_eq!(error_of(&headers(1, END_STREAM, &refer(40))), CALM);
    assert_eq!(error_of(&headers(1, END_STREAM, &refer(10_000))), CALM);
}

#[test]
fn h2_09_blocks_that_cannot_be_decoded_end_the_connection() {
    for bad in [
        &b"\x80"[..],
        b"\xc0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x84\xff\xff\xff\xff\x00",
        b"\x00\x81\x00\x00",
        b"\x3f\xe1\xff\x03",
        b"\x82\x20",
        b"\x40\x05a",
    ] {
        assert_eq!(error_of(&headers(1, END_STREAM, bad)), COMPRESSION, "{bad:?}");
    }
}

#[test]
fn h2_15_windows_are_updated_for_what_was_sent_and_beyond_that_each_update_counts() {
    assert_eq!(error_of(&many(|_| window_update(0, 1), 1000)), None);
    assert_eq!(error_of(&many(|_| window_update(0, 1), 1001)), CALM);
    // Each stream has a window, and the connection.
    assert_eq!(error_of(&[post(1), many(|_| window_update(1, 1), 1002)].concat()), None);
    assert_eq!(error_of(&[post(1), many(|_| window_update(1, 1), 1003)].concat()), CALM);
    // Who opens a window for each of many requests, and gives back what came piece by piece, is welcome.
    let ok = Response::new(Status::OK, &[]);
    let mut driver = server(Config::default());
    for i in 0..5000 {
        let stream = 2 * i + 1;
        driver.feed(&[get(stream), window_update(stream, 1 << 20)].concat());
        driver.call(|m, now, out| m.send_response(now, id(stream), &ok, BodyLen::Streaming, out)).unwrap();
        for len in [1, 63 * 256] {
            let sent = driver.call(|m, now, out| m.send_data(now, id(stream), &vec![b'x'; len], out));
            assert_eq!(sent, Ok(len));
            let pieces = (len as u32 / 256).max(1);
            let given = len as u32 / pieces;
            driver.feed(&many(|_| [window_update(0, given), window_update(stream, given)].concat(), pieces));
        }
        driver.call(|m, now, out| m.send_end(now, id(stream), &[], out)).unwrap();
        driver.machine.done(NOW, id(stream));
        driver.out.clear();
    }
    assert_eq!(connection_error(&driver), None);
}

#[test]
fn h2_25_a_goodbye_may_be_said_again_but_not_for_ever() {
    let goodbye = |_| go_away(0, ErrorCode::NO_ERROR);
    assert_eq!(error_of(&many(goodbye, 1001)), None);
    assert_eq!(error_of(&many(goodbye, 1002)), CALM);
}

#[test]
fn h2_23_content_nobody_takes_gives_its_credit_back() {
    // A hundred times the connection's window, for streams that this end has reset.
    let mut driver = server(Config::default());
    for i in 0..1600 {
        let stream = 2 * i + 1;
        driver.feed(&post(stream));
        driver.machine.reset(NOW, id(stream), ErrorCode::CANCEL);
        driver.feed(&many(|_| data(stream, 0, &[b'x'; 16_384]), 4));
        assert_eq!(connection_error(&driver), None, "after {i} streams");
    }
    // And for streams whose content the caller held when it lost interest.
    let mut driver = server(Config::default());
    for i in 0..160 {
        let stream = 2 * i + 1;
        driver.feed(&post(stream));
        driver.feed(&many(|_| data(stream, 0, &[b'x'; 16_384]), 4));
        driver.machine.done(NOW, id(stream));
        driver.feed(&[]);
        assert_eq!(connection_error(&driver), None, "after {i} streams");
    }
}

#[test]
fn h2_24_priority_updates_are_bounded_by_the_streams() {
    assert_eq!(error_of(&many(|i| priority_update(2 * i + 1, "u=1"), 100)), None);
    assert_eq!(error_of(&many(|i| priority_update(2 * i + 1, "u=1"), 101)), PROTOCOL);
    assert_eq!(error_of(&many(|_| priority_update(1, "u=1"), 1001)), CALM);
    assert_eq!(error_of(&priority_update(0, "u=1")), PROTOCOL);
    assert_eq!(error_of(&priority_update(2, "u=1")), PROTOCOL);
    assert_eq!(error_of(&frame(Kind::PRIORITY_UPDATE, 0, 1, b"\0\0\0\x01u=1")), PROTOCOL);
    assert_eq!(error_of(&priority_update(1, "not a dictionary!")), None);
    let mut driver = client(Config::default(), 1);
    driver.feed(&priority_update(1, "u=1"));
    assert_eq!(connection_error(&driver), PROTOCOL);
}
