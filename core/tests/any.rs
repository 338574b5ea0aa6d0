//! The machines for any version: how a version is found, what is handed on, and credit that is the same for both.
//! (That they do what those inside them do is a part of the contract: `contract.rs`, `h2_contract.rs`, and every
//! transcript.)

mod h2_support;

use avx_core::{
    BodyLen, Config, Event, Http, Instant, Machine, Method, PeerError, Protocol, Recv, Request, Response,
    Scratch, Session, Status, StreamId, UsageError, any,
};
use conformance::drive::{Driver, Seen};
use h2_support::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

fn driver(config: Config) -> Driver<any::Server> {
    Driver::new(any::Server::new(Arc::new(config), NOW), NOW)
}

/// A window of so many bytes.
fn window(bytes: u32) -> Config {
    let mut config = Config::default();
    config.h2.stream_window = bytes;
    config.h2.grow_windows = false;
    config
}

#[test]
fn rfc9113_3_3_the_first_bytes_say_which_version_it_is() {
    let mut one = driver(Config::default());
    one.feed(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!one.machine.is_http2() && one.machine.as_http1().is_some());
    assert!(matches!(&one.seen[0], Seen::Request(head) if head.stream == 1));

    let mut two = driver(Config::default());
    for byte in [greeting(), get(1)].concat() {
        two.feed(&[byte]);
    }
    assert!(two.machine.as_http2().is_some() && two.machine.as_http1().is_none());
    let requests = two.seen.iter().filter(|seen| matches!(seen, Seen::Request(_))).count();
    assert_eq!((requests, two.switched, two.error), (1, None, None));
}

#[test]
fn what_only_begins_like_the_preface_is_http_1() {
    for (first, status) in
        [("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "505"), ("PRI / HTTP/1.1\r\nHost: a\r\n\r\n", "200")]
    {
        let mut driver = driver(Config::default());
        let answer: conformance::drive::Answer<'_, any::Server> = &mut |now, seen, m, out| {
            if let Seen::Request(head) = seen {
                m.send_full(now, StreamId(head.stream), &Response::new(Status::OK, &[]), b"", out).unwrap();
            }
        };
        driver.feed_with(first.as_bytes(), answer);
        assert!(!driver.machine.is_http2());
        assert!(
            driver.out.starts_with(format!("HTTP/1.1 {status}").as_bytes()),
            "{}",
            driver.out.escape_ascii()
        );
    }
}

#[test]
fn a_preface_behind_a_request_is_no_preface() {
    let mut driver = driver(Config::default());
    driver.feed_with(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut |now, seen, m, out| {
        if let Seen::Request(head) = seen {
            m.send_full(now, StreamId(head.stream), &Response::new(Status::OK, &[]), b"", out).unwrap();
        }
    });
    driver.feed(PREFACE);
    assert_eq!((driver.error, driver.machine.is_http2()), (Some(PeerError::UnsupportedVersion), false));
}

#[test]
fn what_alpn_has_decided_is_not_asked_again() {
    let mut driver = Driver::new(any::Server::http2(Arc::new(Config::default()), NOW), NOW);
    driver.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(driver.error, Some(PeerError::BadPreface));
}

#[test]
fn the_end_of_the_input_is_handed_on() {
    let mut driver = driver(Config::default());
    driver.feed(&PREFACE[..10]);
    driver.input.extend_from_slice(&[&PREFACE[10..], &settings(&[])].concat());
    driver.eof_with(&mut |_, _, _, _| {});
    assert!(driver.machine.is_http2());
    assert!(driver.machine.is_closed() || driver.machine.is_send_closed(), "nothing is waited for");
}

#[test]
fn a_graceful_end_is_handed_on_with_its_deadline() {
    let mut driver = driver(Config::default());
    driver.feed(&PREFACE[..10]);
    driver.call(|m, now, _| m.shutdown(now));
    driver.pass(Duration::from_secs(5));
    driver.feed(&[&PREFACE[10..], &settings(&[])].concat());
    assert_eq!(goodbye(&driver.out).map(|(last, code)| (last, code.0)), Some((0, 0)));
    driver.feed(&get(1));
    assert!(!driver.seen.iter().any(|seen| matches!(seen, Seen::Request(_))), "nothing new begins");
}

/// Attack: a preface that drips does not buy the time of two connections.
#[test]
fn the_first_request_has_its_time_from_the_accept_on() {
    let mut driver = driver(Config::default());
    driver.feed(&PREFACE[..1]);
    driver.pass(Duration::from_secs(9));
    driver.feed(&[&PREFACE[1..], &settings(&[]), &settings_ack()].concat());
    assert!(driver.machine.is_http2());
    let ends = NOW + Config::default().timeouts.first_head;
    assert_eq!(driver.machine.poll_timeout(), Some(ends));
    let mut slow = self::driver(Config::default());
    slow.feed(&PREFACE[..23]);
    slow.pass(Duration::from_secs(10));
    slow.feed(&PREFACE[23..]);
    assert_eq!(slow.error, Some(PeerError::HeadTimeout));
}

#[test]
fn an_upgrade_is_told_as_by_http_1() {
    let mut driver = driver(Config::default());
    let request = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x80";
    driver.feed_with(request, &mut |now, seen, m, out| {
        if let Seen::End(stream, ..) = seen {
            let fields = [avx_core::Field::new("Upgrade", "websocket")];
            let switch = Response::new(Status::SWITCHING_PROTOCOLS, &fields);
            m.send_full(now, StreamId(*stream), &switch, b"", out).unwrap();
        }
    });
    assert_eq!((driver.switched, &driver.input[..]), (Some(Protocol::WebSocket), &b"\x81\x80"[..]));
}

fn post(length: usize) -> Vec<u8> {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &vec![b'x'; length]].concat()
}

/// The rest of the input, and how much content was told of before `recv` had nothing to say.
fn told(m: &mut any::Server, input: &mut Vec<u8>, most: usize, now: Instant) -> (usize, bool, bool) {
    let mut scratch = Scratch::new();
    let (mut told, mut ended) = (0, false);
    loop {
        let end = input.len().min(most);
        match m.recv(now, &mut input[..end], &mut scratch).unwrap() {
            Recv::Event { consumed, event } => {
                match event {
                    Event::Data { data, .. } => told += data.len(),
                    Event::End { .. } => ended = true,
                    _ => {}
                }
                input.drain(..consumed);
            }
            Recv::NeedMore { consumed, .. } => {
                input.drain(..consumed);
                if input.len() < most {
                    return (told, ended, false);
                }
            }
            Recv::Paused => return (told, ended, !ended),
            Recv::Switched { .. } => unreachable!(),
        }
    }
}

#[test]
fn over_http_1_content_that_nobody_gives_back_holds_the_peer_up() {
    let mut m = any::Server::new(Arc::new(window(1000)), NOW);
    let mut input = post(5000);
    assert_eq!(
        told(&mut m, &mut input, 300, NOW),
        (1200, false, true),
        "no more than one read beyond the window"
    );
    assert!(!m.wants_read());
    assert_eq!(m.poll_timeout(), None, "the time is not the peer's");
    m.handle_timeout(NOW + Duration::from_secs(1000));

    let stream = StreamId(1);
    m.release(StreamId(7), 1000);
    m.release(stream, 200);
    assert!(!m.wants_read(), "a whole window is still held");
    m.release(stream, 1);
    assert!(m.wants_read());
    assert_eq!(told(&mut m, &mut input, 300, NOW), (300, false, true));
    m.release(stream, u32::MAX);
    assert_eq!(told(&mut m, &mut input, 2000, NOW), (2000, false, true));
    m.done(NOW, stream);
    assert_eq!(told(&mut m, &mut input, 2000, NOW), (1500, true, false), "who is done holds nothing");
}

#[test]
fn over_http_1_a_client_holds_its_server_up_as_well() {
    let mut driver = Driver::new(any::Client::http1(Arc::new(window(1000)), NOW), NOW);
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
    let stream = driver.call(|m, now, out| m.send_request(now, &request, BodyLen::Empty, out)).unwrap();
    let content = |driver: &Driver<any::Client>| match driver.seen.last() {
        Some(Seen::Data(_, data)) => data.len(),
        _ => 0,
    };
    driver.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    for _ in 0..5 {
        driver.feed(&[b'x'; 400]);
    }
    assert_eq!((content(&driver), driver.machine.wants_read()), (1200, false));
    // What ends meanwhile is told of when there is room again.
    driver.eof_with(&mut |_, _, _, _| {});
    assert_eq!((content(&driver), driver.error), (1200, None));
    driver.call(|m, _, _| m.release(stream, 1200));
    driver.feed(&[]);
    assert_eq!((content(&driver), driver.error), (2000, Some(PeerError::UnexpectedEof)));
}

#[test]
fn credit_of_one_exchange_holds_up_no_other() {
    let mut m = any::Server::new(Arc::new(window(1000)), NOW);
    let mut out = Vec::new();
    for n in 1..5 {
        let mut input = post(600);
        assert_eq!(told(&mut m, &mut input, 4000, NOW), (600, true, false), "{n}");
        m.send_full(NOW, StreamId(n), &Response::new(Status::OK, &[]), b"", &mut out).unwrap();
    }
}

#[test]
fn an_error_comes_through_while_the_peer_is_held_up() {
    let mut m = any::Server::new(Arc::new(window(10)), NOW);
    let mut out = Vec::new();
    assert!(told(&mut m, &mut post(100), 80, NOW).2);
    m.shutdown(NOW);
    let at = m.poll_timeout().unwrap();
    m.handle_timeout(at);
    assert!(m.is_closed() && m.poll_timeout().is_none());
    m.transmit(at, &mut out);
    assert_eq!(m.recv(at, &mut [], &mut Scratch::new()).err(), Some(PeerError::DrainTimeout));
}

#[test]
fn an_exchange_that_was_answered_does_not_wait_for_credit() {
    let mut m = any::Server::new(Arc::new(window(10)), NOW);
    let mut input = post(100);
    assert!(told(&mut m, &mut input, 80, NOW).2);
    m.send_full(NOW, StreamId(1), &Response::new(Status::OK, &[]), b"", &mut Vec::new()).unwrap();
    let at = m.poll_timeout().expect("content that nobody reads has a deadline");
    m.handle_timeout(at);
    let mut scratch = Scratch::new();
    let recv = m.recv(at, &mut input, &mut scratch).unwrap();
    assert!(matches!(recv, Recv::Event { event: Event::Reset { .. }, .. }), "{recv:?}");
}

#[test]
fn a_server_sends_no_requests_and_a_client_no_responses() {
    let config = Arc::new(Config::default());
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
    for mut m in [any::Server::new(config.clone(), NOW), any::Server::http2(config.clone(), NOW)] {
        let sent = m.send_request(NOW, &request, BodyLen::Empty, &mut Vec::new());
        assert_eq!(sent, Err(UsageError::WrongState));
    }
    for mut m in [any::Client::http1(config.clone(), NOW), any::Client::http2(config.clone(), NOW, false)] {
        let ok = Response::new(Status::OK, &[]);
        assert!(m.send_full(NOW, StreamId(1), &ok, b"", &mut Vec::new()).is_err());
        assert!(m.is_reusable() && m.is_idle() && m.in_flight() == 0);
    }
}

/// A client and a server in sessions, with a wire between them that takes so many bytes at a time.
struct Pipe {
    client: Session<any::Client>,
    server: Session<any::Server>,
    scratch: Scratch,
}

impl Pipe {
    fn new(http2: bool, config: Config) -> Self {
        let shared = Arc::new(config);
        let client = match http2 {
            true => any::Client::http2(shared.clone(), NOW, false),
            false => any::Client::http1(shared.clone(), NOW),
        };
        Pipe {
            client: Session::new(client, &config),
            server: Session::new(any::Server::new(shared, NOW), &config),
            scratch: Scratch::new(),
        }
    }

    fn carry(&mut self, most: usize) {
        let n = self.client.write_buf().len().min(most);
        if n > 0 && self.server.wants_read() {
            let bytes = self.client.write_buf()[..n].to_vec();
            self.server.read_from(NOW, &mut self.scratch, &bytes);
            self.client.did_write(NOW, n);
        }
        let n = self.server.write_buf().len().min(most);
        if n > 0 && self.client.wants_read() {
            let bytes = self.server.write_buf()[..n].to_vec();
            self.client.read_from(NOW, &mut self.scratch, &bytes);
            self.server.did_write(NOW, n);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Round trip, over both versions, with one and the same embedder: an echo that keeps no more than a window.
    #[test]
    fn an_echo_with_bounded_memory_is_the_same_over_both_versions(
        http2 in any::<bool>(),
        content in vec(any::<u8>(), 1..20_000),
        (step, window) in (500..5000usize, 1000..3000u32),
    ) {
        let mut pipe = Pipe::new(http2, self::window(window));
        // Settings first: a window smaller than that of the protocol may not be exceeded, but has to be known.
        for _ in 0..3 {
            while pipe.client.turn(NOW, &mut pipe.scratch).unwrap().is_some() {}
            while pipe.server.turn(NOW, &mut pipe.scratch).unwrap().is_some() {}
            pipe.carry(usize::MAX);
        }
        let (m, out) = pipe.client.parts(&mut pipe.scratch);
        let request = Request { method: Method::Post, target: b"/", authority: b"a", fields: &[] };
        let stream = m.send_request(NOW, &request, BodyLen::Streaming, out).unwrap();
        let (mut sent, mut ended, mut back, mut over) = (0, false, Vec::new(), false);
        // What the server holds, and whether the request has ended.
        let (mut held, mut complete, mut answered) = (Vec::new(), false, false);
        let mut rounds = 0;
        while !over {
            rounds += 1;
            prop_assert!(rounds < 100_000, "stuck: {sent} sent, {} back, {} held", back.len(), held.len());
            let (m, out) = pipe.client.parts(&mut pipe.scratch);
            if sent < content.len() {
                sent += m.send_data(NOW, stream, &content[sent..content.len().min(sent + step)], out).unwrap();
            } else if !ended {
                ended = m.send_end(NOW, stream, &[], out).is_ok();
            }
            while let Some(turn) = pipe.client.turn(NOW, &mut pipe.scratch).unwrap() {
                match turn.event {
                    Event::Data { stream, data, credit } => {
                        back.extend_from_slice(data);
                        turn.machine.release(stream, credit);
                    }
                    Event::End { .. } => over = true,
                    _ => {}
                }
            }
            while let Some(turn) = pipe.server.turn(NOW, &mut pipe.scratch).unwrap() {
                match turn.event {
                    Event::Request { stream, .. } => {
                        let ok = Response::new(Status::OK, &[]);
                        turn.machine.send_response(NOW, stream, &ok, BodyLen::Streaming, turn.out).unwrap();
                    }
                    Event::Data { data, .. } => held.extend_from_slice(data),
                    Event::End { .. } => complete = true,
                    _ => {}
                }
            }
            // (Over HTTP/1.1 what was read at once may exceed the window.)
            let most = window as usize + if http2 { 0 } else { step };
            prop_assert!(held.len() <= most, "{} held", held.len());
            let (m, out) = pipe.server.parts(&mut pipe.scratch);
            if !held.is_empty() {
                let n = m.send_data(NOW, stream, &held[..held.len().min(step)], out).unwrap();
                held.drain(..n);
                m.release(stream, n as u32);
            } else if complete && !answered {
                answered = m.send_end(NOW, stream, &[], out).is_ok();
            }
            pipe.carry(step);
        }
        prop_assert_eq!(back, content);
        prop_assert_eq!(pipe.server.machine().is_http2(), http2);
        prop_assert!(pipe.server.machine().is_idle());
    }
}

#[test]
fn a_connection_is_small_until_it_is_one_of_http_2() {
    assert!(size_of::<any::Server>() <= 352, "{}", size_of::<any::Server>());
    assert!(size_of::<any::Client>() <= 256, "{}", size_of::<any::Client>());
}
