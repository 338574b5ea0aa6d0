//! Attacks on HTTP/2 by what is said, on the bare machine: what ends a stream, what ends the connection, and with
//! which code.

mod h2_support;

use avx_core::h2::frame::Kind;
use avx_core::{Config, ErrorCode, Http, Initiator, PeerError, Response, Status};
use conformance::drive::Seen;
use h2_support::*;
use std::time::Duration;

#[test]
fn h2_10_nothing_is_smuggled_through_names_and_values() {
    for (name, value) in [
        ("x", "a\rb"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", " a"),
        ("x", "a\t"),
        ("X", "a"),
        ("x:y", "a"),
        ("x y", "a"),
        ("x\r\ny", "a"),
        ("\u{e9}", "a"),
    ] {
        let list = [&GET[..], &[(name, value)]].concat();
        let got = resets_of(&headers(1, END_STREAM, &block(&list)));
        assert_eq!(got, [(1, ErrorCode::PROTOCOL_ERROR)], "{name:?} {value:?}");
    }
    for (i, value) in [
        (0, "GET / HTTP/1.1"),
        (0, ""),
        (1, "http "),
        (1, "ht/tp"),
        (1, ""),
        (2, "a/b"),
        (2, "u@a"),
        (2, "a b"),
        (3, "/a b"),
        (3, "/a\r\nx: y"),
        (3, ""),
        (3, "a"),
        (3, "*"),
    ] {
        let mut list = GET;
        list[i].1 = value;
        let got = resets_of(&headers(1, END_STREAM, &block(&list)));
        assert_eq!(got, [(1, ErrorCode::PROTOCOL_ERROR)], "{:?}", list[i]);
    }
}

#[test]
fn h2_11_lengths_that_lie_are_malformed() {
    let malformed = [(1, ErrorCode::PROTOCOL_ERROR)];
    for fields in [
        [("transfer-encoding", "chunked"), ("x", "y")],
        [("content-length", "1"), ("content-length", "1")],
        [("content-length", "+5"), ("x", "y")],
        [("content-length", "18446744073709551621"), ("x", "y")],
    ] {
        assert_eq!(resets_of(&headers(1, 0, &with(&POST, &fields))), malformed, "{fields:?}");
    }
    let five = with(&POST, &[("content-length", "5")]);
    assert_eq!(resets_of(&headers(1, END_STREAM, &five)), malformed);
    for input in [
        [headers(1, 0, &five), data(1, 0, b"123456")].concat(),
        [headers(1, 0, &five), data(1, END_STREAM, b"1234")].concat(),
        [headers(1, 0, &five), data(1, 0, b"1234"), headers(1, END_STREAM, &block(&[("x", "y")]))].concat(),
    ] {
        assert_eq!(resets_of(&input), malformed);
    }
    assert_eq!(resets_of(&[headers(1, 0, &five), data(1, END_STREAM, b"12345")].concat()), []);
    // A client is told no less.
    for input in [
        [headers(1, 0, &block(&[(":status", "200"), ("content-length", "5")])), data(1, END_STREAM, b"1")]
            .concat(),
        headers(1, END_STREAM, &block(&[(":status", "200"), ("content-length", "5")])),
        [headers(1, 0, &block(&[(":status", "204")])), data(1, END_STREAM, b"1")].concat(),
        headers(1, END_STREAM, &block(&[(":status", "100")])),
        headers(1, 0, &block(&[(":status", "101")])),
        headers(1, 0, &block(&[(":status", "20")])),
        headers(1, 0, &block(&[("x", "y")])),
        data(1, 0, b"before the head"),
    ] {
        let mut driver = client(Config::default(), 1);
        driver.feed(&input);
        assert_eq!(connection_error(&driver), None);
        assert_eq!(resets(&driver.out), malformed, "{input:?}");
        let last = Seen::Reset(1, ErrorCode::PROTOCOL_ERROR, Initiator::Local);
        assert_eq!(driver.seen.last(), Some(&last));
    }
}

#[test]
fn h2_12_pseudo_header_fields_have_their_place() {
    let malformed = [(1, ErrorCode::PROTOCOL_ERROR)];
    let without = |i: usize| {
        let mut list = GET.to_vec();
        list.remove(i);
        block(&list)
    };
    for bad in [
        with(&GET, &[(":method", "GET")]),
        with(&[("x", "y")], &GET),
        with(&GET, &[(":unknown", "x")]),
        with(&GET, &[(":status", "200")]),
        with(&GET, &[(":protocol", "websocket")]),
        without(0),
        without(1),
        without(3),
    ] {
        assert_eq!(resets_of(&headers(1, END_STREAM, &bad)), malformed);
    }
    for trailers in [block(&[(":path", "/")]), block(&[("x", "y"), (":status", "200")])] {
        assert_eq!(resets_of(&[post(1), headers(1, END_STREAM, &trailers)].concat()), malformed);
    }
    assert_eq!(resets_of(&[post(1), headers(1, 0, &block(&[("x", "y")]))].concat()), malformed);
}

#[test]
fn h2_13_a_host_that_is_not_the_authority_is_a_bad_request() {
    for (host, good) in
        [("b", false), ("a:81", false), ("a, b", false), ("A", true), ("a:80", true), ("a", true)]
    {
        let list = [&GET[..], &[("host", host)]].concat();
        let mut driver = server(Config::default());
        driver.feed(&headers(1, END_STREAM, &block(&list)));
        assert_eq!(connection_error(&driver), None);
        assert_eq!(driver.seen.is_empty(), !good, "{host}");
        let answers = frames(&driver.out);
        assert_eq!(answers.len(), usize::from(!good), "{host}");
        if !good {
            // 400 is in the static table.
            assert_eq!(answers[0], (Kind::HEADERS, END_HEADERS | END_STREAM, 1, vec![0x8c]));
        }
    }
}

#[test]
fn h2_14_connection_specific_fields_are_malformed() {
    for (name, value) in [
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("connection", "close"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("upgrade", "h2c"),
        ("transfer-encoding", "identity"),
    ] {
        let got = resets_of(&headers(1, END_STREAM, &block(&[&GET[..], &[(name, value)]].concat())));
        assert_eq!(got, [(1, ErrorCode::PROTOCOL_ERROR)], "{name}");
    }
    assert_eq!(resets_of(&headers(1, END_STREAM, &with(&GET, &[("te", "trailers")]))), []);
}

#[test]
fn h2_15_flow_control_is_kept_by_both_ends() {
    assert_eq!(error_of(&window_update(0, 0x7fff_ffff)), FLOW);
    assert_eq!(error_of(&window_update(0, 0)), PROTOCOL);
    assert_eq!(error_of(&settings(&[(4, 0x8000_0000)])), FLOW);
    assert_eq!(
        error_of(&[post(1), window_update(1, 0x7fff_0000), settings(&[(4, 0x7fff_ffff)])].concat()),
        FLOW
    );
    // More than the stream's window: the stream. More than the connection's: the connection.
    let full = many(|_| data(1, 0, &[b'x'; 16_384]), 4);
    assert_eq!(
        resets_of(&[post(1), full.clone(), data(1, 0, b"x")].concat()),
        [(1, ErrorCode::FLOW_CONTROL_ERROR)]
    );
    let mut driver = server(Config::default());
    driver.feed(&many(|i| post(2 * i + 1), 17));
    for i in 0..16 {
        driver.feed(&many(|_| data(2 * i + 1, 0, &[b'x'; 16_384]), 4));
    }
    assert_eq!(connection_error(&driver), None);
    driver.feed(&data(33, 0, b"x"));
    assert_eq!(connection_error(&driver), FLOW);
}

#[test]
fn h2_15_padding_counts_and_is_given_back_by_itself() {
    let mut driver = server(Config::default());
    driver.feed(&post(1));
    let padded = [&[255][..], b"x", &[0; 255]].concat();
    for _ in 0..600 {
        driver.feed(&data(1, PADDED, &padded));
        driver.machine.release(id(1), 1);
    }
    assert_eq!(connection_error(&driver), None);
    let updates = frames(&driver.out).into_iter().filter(|f| f.0 == Kind::WINDOW_UPDATE && f.2 == 1).count();
    assert!((3..=6).contains(&updates), "{updates} updates");
}

#[test]
fn h2_16_settings_have_their_rules() {
    assert_eq!(error_of(&frame(Kind::SETTINGS, 0, 0, &[0; 5])), SIZE);
    assert_eq!(error_of(&frame(Kind::SETTINGS, ACK, 0, &[0; 6])), SIZE);
    assert_eq!(error_of(&frame(Kind::SETTINGS, 0, 1, &[])), PROTOCOL);
    assert_eq!(error_of(&settings(&[(2, 2)])), PROTOCOL);
    assert_eq!(error_of(&settings(&[(5, 1)])), PROTOCOL);
    assert_eq!(error_of(&settings(&[(8, 2)])), PROTOCOL);
    assert_eq!(error_of(&settings(&[(9, 2)])), PROTOCOL);
    assert_eq!(error_of(&settings(&[(0xff, 1); 32])), None);
    assert_eq!(error_of(&settings(&[(0xff, 1); 33])), CALM);
    assert_eq!(error_of(&settings_ack()), PROTOCOL);
    let mut driver = conformance::drive::Driver::new(avx_core::h2::Server::new(Default::default(), NOW), NOW);
    driver.feed(&[PREFACE, &settings(&[])].concat());
    driver.pass(Duration::from_secs(10));
    driver.feed(&[]);
    assert_eq!(driver.error, Some(PeerError::SettingsTimeout));
    assert_eq!(connection_error(&driver), Some(ErrorCode::SETTINGS_TIMEOUT));
}

#[test]
fn h2_17_dependencies_build_no_tree() {
    assert_eq!(
        error_of(&headers(1, END_STREAM | PRIORITY, &[&[0, 0, 0, 1, 0][..], &block(&GET)].concat())),
        PROTOCOL
    );
    // Cycles of others mean nothing.
    let chain = many(|i| [post(2 * i + 1), priority(2 * i + 1, (2 * i + 3) % 100, 255)].concat(), 50);
    assert_eq!(error_of(&chain), None);
}

#[test]
fn h2_18_stream_identifiers_only_rise_and_are_the_clients() {
    assert_eq!(error_of(&get(2)), PROTOCOL);
    assert_eq!(error_of(&headers(0, END_STREAM, &block(&GET))), PROTOCOL);
    assert_eq!(error_of(&[get(5), get(3)].concat()), PROTOCOL);
    let mut driver = server(Config::default());
    driver.feed(&get(0x7fff_ffff));
    assert_eq!(connection_error(&driver), None);
    driver
        .call(|m, now, out| m.send_full(now, id(0x7fff_ffff), &Response::new(Status::OK, &[]), b"", out))
        .unwrap();
    driver.feed(&get(0x7fff_ffff));
    assert_eq!(connection_error(&driver), CLOSED);
    for idle in [data(1, 0, b"x"), reset(1, ErrorCode::CANCEL), window_update(1, 1)] {
        assert_eq!(error_of(&idle), PROTOCOL);
    }
}

#[test]
fn h2_19_frames_beyond_the_size_end_the_connection_and_reserved_bits_are_ignored() {
    assert_eq!(error_of(&[post(1), data(1, 0, &[0; 16_385])].concat()), SIZE);
    assert_eq!(error_of(&ping(0, &[0; 7])), SIZE);
    assert_eq!(error_of(&frame(Kind::RST_STREAM, 0, 1, &[0; 5])), SIZE);
    assert_eq!(error_of(&frame(Kind::WINDOW_UPDATE, 0, 0, &[0; 3])), SIZE);
    assert_eq!(error_of(&frame(Kind::GOAWAY, 0, 0, &[0; 7])), SIZE);
    let mut reserved = get(1);
    reserved[5] |= 0x80;
    assert_eq!(error_of(&reserved), None);
    assert_eq!(error_of(&frame(Kind(0xfe), 0xff, 77, &[1; 100])), None);
}

#[test]
fn h2_20_nobody_pushes_to_whom_it_is_not_welcome() {
    assert_eq!(error_of(&[post(1), push_promise(1, 2, &block(&GET))].concat()), PROTOCOL);
    let mut driver = client(Config::default(), 1);
    driver.feed(&push_promise(1, 2, &block(&GET)));
    assert_eq!(connection_error(&driver), PROTOCOL);
    // Promises that no client would make of its own.
    let mut config = Config::default();
    config.h2.push = true;
    for (promise, want) in [
        (push_promise(1, 2, &block(&POST)), Ok(ErrorCode::PROTOCOL_ERROR)),
        (push_promise(1, 2, &with(&GET, &[("content-length", "5")])), Ok(ErrorCode::PROTOCOL_ERROR)),
        (push_promise(1, 3, &block(&GET)), Err(PROTOCOL)),
        (push_promise(1, 0, &block(&GET)), Err(PROTOCOL)),
        (push_promise(3, 2, &block(&GET)), Err(PROTOCOL)),
    ] {
        let mut driver = client(config, 1);
        driver.feed(&promise);
        match want {
            Ok(code) => {
                assert_eq!(connection_error(&driver), None);
                assert_eq!(resets(&driver.out), [(2, code)]);
            }
            Err(code) => assert_eq!(connection_error(&driver), code),
        }
    }
    let mut driver = client(config, 1);
    driver.feed(&many(|i| push_promise(1, 2 * i + 2, &block(&GET)), 17));
    assert_eq!(resets(&driver.out), [(34, ErrorCode::REFUSED_STREAM)]);
}

#[test]
fn h2_21_nothing_comes_between_the_frames_of_a_block() {
    let open = frame(Kind::HEADERS, 0, 1, &block(&GET));
    for between in [
        data(1, 0, b""),
        get(3),
        ping(0, &[0; 8]),
        continuation(3, END_HEADERS, b""),
        frame(Kind(0xbb), 0, 0, b""),
    ] {
        assert_eq!(error_of(&[open.clone(), between].concat()), PROTOCOL);
    }
    assert_eq!(error_of(&continuation(1, END_HEADERS, b"")), PROTOCOL);
}

#[test]
fn h2_22_padding_never_underflows() {
    assert_eq!(error_of(&[post(1), data(1, PADDED, &[6, 1, 2, 3, 4, 5])].concat()), PROTOCOL);
    assert_eq!(error_of(&[post(1), data(1, PADDED, &[])].concat()), SIZE);
    assert_eq!(error_of(&headers(1, PADDED, &[255])), PROTOCOL);
    assert_eq!(error_of(&headers(1, PADDED | PRIORITY, &[1, 0, 0, 0, 0, 0])), PROTOCOL);
    assert_eq!(error_of(&[post(1), data(1, PADDED, &[5, 0, 0, 0, 0, 0])].concat()), None);
}

#[test]
fn h2_25_goodbyes_only_come_closer() {
    assert_eq!(error_of(&frame(Kind::GOAWAY, 0, 1, &[0; 8])), PROTOCOL);
    let mut driver = client(Config::default(), 3);
    driver.feed(&go_away(3, ErrorCode::NO_ERROR));
    let refused = Seen::Reset(5, ErrorCode::REFUSED_STREAM, Initiator::Remote);
    assert_eq!(driver.seen, [Seen::GoAway(3, ErrorCode::NO_ERROR, vec![]), refused]);
    driver.feed(&go_away(5, ErrorCode::NO_ERROR));
    assert_eq!(connection_error(&driver), PROTOCOL);
}

#[test]
fn h2_26_connect_has_its_own_control_data() {
    let malformed = [(1, ErrorCode::PROTOCOL_ERROR)];
    let connect = [(":method", "CONNECT"), (":authority", "a:1")];
    let extended = [(":method", "CONNECT"), (":protocol", "websocket")];
    assert_eq!(resets_of(&headers(1, 0, &block(&connect))), []);
    assert_eq!(resets_of(&headers(1, 0, &with(&connect, &[(":scheme", "http")]))), malformed);
    assert_eq!(resets_of(&headers(1, 0, &with(&connect, &[(":path", "/")]))), malformed);
    assert_eq!(resets_of(&headers(1, 0, &block(&[(":method", "CONNECT"), (":authority", "a")]))), malformed);
    assert_eq!(resets_of(&headers(1, 0, &block(&[(":method", "CONNECT")]))), malformed);
    let mut config = Config::default();
    config.h2.connect_protocol = true;
    let whole = [(":scheme", "http"), (":path", "/"), (":authority", "a")];
    for (block, good) in [
        (with(&extended, &whole), true),
        (with(&extended, &whole[1..]), false),
        (with(&extended, &whole[..2]), false),
        (with(&extended, &[whole[0], whole[2]]), false),
        (with(&[(":method", "GET"), (":protocol", "websocket")], &whole), false),
    ] {
        let mut driver = server(config);
        driver.feed(&headers(1, 0, &block));
        assert_eq!(driver.seen.is_empty(), !good);
        assert_eq!(resets(&driver.out).is_empty(), good);
    }
    assert_eq!(resets_of(&headers(1, 0, &with(&extended, &whole))), malformed, "nobody offered it");
}

#[test]
fn h2_28_another_preface_is_a_protocol_error() {
    let fresh = || conformance::drive::Driver::new(avx_core::h2::Server::new(Default::default(), NOW), NOW);
    for input in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PRI * HTTP/1.1\r\n", b"\x16\x03\x01"] {
        let mut driver = fresh();
        driver.feed(input);
        assert_eq!(driver.error, Some(PeerError::BadPreface));
        assert_eq!(connection_error(&driver), PROTOCOL);
    }
    for first in [get(1), settings_ack(), ping(0, &[0; 8])] {
        let mut driver = fresh();
        driver.feed(&[PREFACE, &first].concat());
        assert_eq!(driver.error, Some(PeerError::MissingSettings));
    }
    let mut driver = conformance::drive::Driver::new(avx_core::h2::Client::new(Default::default(), NOW), NOW);
    driver.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(driver.error.is_some());
}
