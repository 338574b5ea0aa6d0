//! A client machine against a server machine, on simulated time: what one sends, the other reports.

use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, ErrorCode, Event, Field, Http, Initiator, Instant, Machine, Method, Preset, Priority,
    PrioritySignal, Protocol, Request, Response, Scratch, Session, Status, StreamId, UsageError,
};
use conformance::drive::{Driver, Seen};
use std::sync::Arc;
use std::time::Duration;

const NOW: Instant = Instant::from_millis(1000);

/// Both ends, and the wire between them.
struct Pair {
    client: Driver<Client>,
    server: Driver<Server>,
}

impl Pair {
    fn new() -> Self {
        Pair::with(Config::default(), Config::default())
    }

    fn with(client: Config, server: Config) -> Self {
        let mut pair = Pair {
            client: Driver::new(Client::new(Arc::new(client), NOW), NOW),
            server: Driver::new(Server::new(Arc::new(server), NOW), NOW),
        };
        pair.run();
        pair.client.seen.clear();
        pair.server.seen.clear();
        pair
    }

    /// Carries bytes to and fro until there are none.
    fn run(&mut self) {
        for _ in 0..1000 {
            self.client.feed(&[]);
            self.server.feed(&[]);
            let (up, down) = (std::mem::take(&mut self.client.out), std::mem::take(&mut self.server.out));
            if up.is_empty() && down.is_empty() {
                assert!(self.client.faults.is_empty(), "{:?}", self.client.faults);
                assert!(self.server.faults.is_empty(), "{:?}", self.server.faults);
                return;
            }
            self.server.feed(&up);
            self.client.feed(&down);
        }
        panic!("the ends never come to rest");
    }

    fn pass(&mut self, time: Duration) {
        self.client.pass(time);
        self.server.pass(time);
        self.run();
    }

    fn get(&mut self, target: &str, fields: &[Field<'_>]) -> StreamId {
        self.request(Method::Get, target, fields, BodyLen::Empty)
    }

    fn request(&mut self, method: Method<'_>, target: &str, fields: &[Field<'_>], body: BodyLen) -> StreamId {
        let request = Request { method, target: target.as_bytes(), authority: b"example.org", fields };
        self.client.call(|m, now, out| m.send_request(now, &request, body, out)).unwrap()
    }

    fn answer(&mut self, stream: StreamId, content: &[u8]) {
        let fields = [Field::new("Content-Type", "text/plain")];
        let ok = Response::new(Status::OK, &fields);
        self.server.call(|m, now, out| m.send_full(now, stream, &ok, content, out)).unwrap();
    }

    fn seen_by_client(&mut self) -> Vec<Seen> {
        self.run();
        std::mem::take(&mut self.client.seen)
    }

    fn seen_by_server(&mut self) -> Vec<Seen> {
        self.run();
        std::mem::take(&mut self.server.seen)
    }
}

fn lines(list: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

#[test]
fn a_get_over_prior_knowledge_is_answered() {
    let mut pair = Pair::new();
    let stream = pair.get("/hello?x=1", &[Field::new("Accept", "*/*")]);
    let seen = pair.seen_by_server();
    let Seen::Request(head) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!((&head.method[..], &head.target[..]), (&b"GET"[..], &b"/hello?x=1"[..]));
    assert_eq!((&head.authority[..], head.body), (&b"example.org"[..], BodyLen::Empty));
    assert_eq!((head.stream, &head.fields), (1, &lines(&[("accept", "*/*")])));
    assert_eq!(seen[1], Seen::End(1, vec![], 0));

    pair.answer(stream, b"hi");
    let seen = pair.seen_by_client();
    let Seen::Response(1, reply, BodyLen::Exact(2)) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(reply.status, Status::OK);
    assert_eq!(reply.fields, lines(&[("content-type", "text/plain"), ("content-length", "2")]));
    assert_eq!(seen[1..], [Seen::Data(1, b"hi".to_vec()), Seen::End(1, vec![], 0)]);
    assert!(pair.server.machine.is_idle());
    pair.client.machine.release(stream, 2);
    assert!(pair.client.machine.is_idle());
}

#[test]
fn content_and_trailers_go_both_ways() {
    let mut pair = Pair::new();
    let stream = pair.request(Method::Post, "/", &[], BodyLen::Streaming);
    pair.client.call(|m, now, out| {
        assert_eq!(m.send_data(now, stream, b"up", out), Ok(2));
        m.send_end(now, stream, &[Field::new("X-Sum", "1")], out).unwrap();
    });
    let seen = pair.seen_by_server();
    assert_eq!(seen[1], Seen::Data(1, b"up".to_vec()));
    assert_eq!(seen[2], Seen::End(1, lines(&[("x-sum", "1")]), 0));
    pair.server.call(|m, now, out| {
        let ok = Response::new(Status::OK, &[]);
        m.send_informational(now, stream, &Response::new(Status::EARLY_HINTS, &[]), out).unwrap();
        assert_eq!(m.send_response(now, stream, &ok, BodyLen::Streaming, out), Ok(BodyLen::Streaming));
        assert_eq!(m.send_data(now, stream, b"down", out), Ok(4));
        m.send_end(now, stream, &[Field::new("grpc-status", "0")], out).unwrap();
        m.release(stream, 2);
    });
    let seen = pair.seen_by_client();
    assert!(matches!(&seen[0], Seen::Informational(1, reply) if reply.status == Status::EARLY_HINTS));
    assert!(matches!(&seen[1], Seen::Response(1, _, BodyLen::Streaming)));
    assert_eq!(seen[2], Seen::Data(1, b"down".to_vec()));
    assert_eq!(seen[3], Seen::End(1, lines(&[("grpc-status", "0")]), 0));
    assert!(pair.server.machine.is_idle());
}

#[test]
fn a_hundred_requests_share_a_connection() {
    let mut pair = Pair::new();
    for round in 0..3 {
        let streams: Vec<_> = (0..100).map(|i| pair.get(&format!("/{round}/{i}"), &[])).collect();
        let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
        let one_more = pair.client.call(|m, now, out| m.send_request(now, &request, BodyLen::Empty, out));
        assert_eq!(one_more, Err(UsageError::NoStreams));
        assert_eq!(pair.seen_by_server().len(), 200);
        for &stream in streams.iter().rev() {
            pair.answer(stream, b"content");
        }
        assert_eq!(pair.seen_by_client().len(), 300);
        for &stream in &streams {
            pair.client.machine.release(stream, 7);
        }
        assert!(pair.client.machine.is_idle() && pair.server.machine.is_idle());
    }
}

#[test]
fn rfc9113_5_2_a_large_body_moves_as_credit_is_released() {
    let mut pair = Pair::new();
    let stream = pair.request(Method::Put, "/", &[], BodyLen::Exact(10_000_000));
    let content = vec![b'x'; 10_000_000];
    let (mut sent, mut received, mut stops) = (0, 0, 0);
    while received < content.len() {
        sent += pair.client.call(|m, now, out| m.send_data(now, stream, &content[sent..], out)).unwrap();
        let seen = pair.seen_by_server();
        let before = received;
        for seen in &seen {
            if let Seen::Data(_, data) = seen {
                received += data.len();
                pair.server.machine.release(stream, data.len() as u32);
            }
        }
        stops += 1;
        assert!(received > before, "no progress after {received}");
        pair.run();
    }
    assert_eq!(sent, content.len());
    assert!(stops < 60, "windows did not grow: {stops} stops");
    pair.client.call(|m, now, out| m.send_end(now, stream, &[], out)).unwrap();
    assert_eq!(pair.seen_by_server().last(), Some(&Seen::End(1, vec![], 0)));
}

#[test]
fn rfc9113_8_7_refused_and_unprocessed_requests_are_safe_to_repeat() {
    let mut pair = Pair::new();
    let stream = pair.get("/", &[]);
    pair.seen_by_server();
    pair.server.machine.reset(NOW, stream, ErrorCode::REFUSED_STREAM);
    assert_eq!(pair.seen_by_client(), [Seen::Reset(1, ErrorCode::REFUSED_STREAM, Initiator::Remote)]);
    pair.client.machine.done(NOW, stream);
    assert!(pair.client.machine.is_idle() && pair.server.machine.is_idle());
}

#[test]
fn rfc9113_6_8_a_graceful_end_lets_requests_complete_and_refuses_new_ones() {
    let mut pair = Pair::new();
    let first = pair.get("/1", &[]);
    pair.seen_by_server();
    pair.server.machine.shutdown(NOW);
    // A request that was under way when the first goodbye came.
    let second = pair.get("/2", &[]);
    let (up, _) = (std::mem::take(&mut pair.client.out), ());
    pair.server.feed(&[]);
    pair.server.feed(&up);
    let seen = pair.seen_by_client();
    assert_eq!(seen[0], Seen::GoAway(0x7fff_ffff, ErrorCode::NO_ERROR, vec![]));
    assert_eq!(seen[1], Seen::GoAway(3, ErrorCode::NO_ERROR, vec![]));
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
    let refused = pair.client.call(|m, now, out| m.send_request(now, &request, BodyLen::Empty, out));
    assert_eq!(refused, Err(UsageError::WrongState));
    assert!(!pair.server.machine.is_send_closed());
    pair.answer(first, b"");
    pair.answer(second, b"");
    pair.run();
    assert!(pair.server.machine.is_send_closed() && pair.client.machine.is_closed());
    pair.pass(Duration::from_secs(3));
    assert!(pair.server.machine.is_closed());
}

#[test]
fn rfc9113_6_8_what_comes_after_the_final_goodbye_was_never_processed() {
    let mut pair = Pair::new();
    let first = pair.get("/1", &[]);
    pair.seen_by_server();
    pair.server.machine.shutdown(NOW);
    pair.run();
    // The client's end has not heard of it: its requests are made by hand.
    pair.client.seen.clear();
    let block = b"\x82\x86\x84\x41\x01a";
    let frame = [&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, 5][..], block].concat();
    pair.server.feed(&frame);
    pair.server.feed(&[0, 0, 5, 0, 1, 0, 0, 0, 5, b'h', b'e', b'l', b'l', b'o']);
    assert_eq!(pair.server.error, None);
    assert!(pair.server.seen.is_empty(), "{:?}", pair.server.seen);
    pair.answer(first, b"");
    pair.run();
    assert!(pair.server.machine.is_send_closed());
}

#[test]
fn rfc9113_8_4_a_promise_is_kept() {
    let mut config = Config::default();
    config.h2.push = true;
    let mut pair = Pair::with(config, Config::default());
    let stream = pair.get("/", &[]);
    pair.seen_by_server();
    let request =
        Request { method: Method::Get, target: b"/style.css", authority: b"example.org", fields: &[] };
    let promised = pair.server.call(|m, now, out| m.push(now, stream, &request, out)).unwrap();
    pair.answer(stream, b"page");
    pair.answer(promised, b"style");
    let seen = pair.seen_by_client();
    assert!(matches!(&seen[0], Seen::Promise(1, head) if head.stream == 2 && head.target == b"/style.css"));
    assert!(matches!(&seen[1], Seen::Response(1, ..)));
    assert!(matches!(&seen[4], Seen::Response(2, ..)));
    assert_eq!(seen[5..], [Seen::Data(2, b"style".to_vec()), Seen::End(2, vec![], 0)]);
    for (stream, n) in [(stream, 4), (promised, 5)] {
        pair.client.machine.release(stream, n);
    }
    assert!(pair.client.machine.is_idle() && pair.server.machine.is_idle());
    let unwelcome = Pair::new().server.call(|m, now, out| m.push(now, stream, &request, out));
    assert_eq!(unwelcome, Err(UsageError::UnknownStream));
}

#[test]
fn rfc8441_4_an_extended_connect_opens_a_tunnel() {
    let mut config = Config::default();
    config.h2.connect_protocol = true;
    let mut pair = Pair::with(Config::default(), config);
    let fields = [Field::new(":protocol", "websocket"), Field::new("origin", "http://a")];
    let stream = pair.request(Method::Connect, "/chat", &fields, BodyLen::Streaming);
    let seen = pair.seen_by_server();
    let Seen::Request(head) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!((&head.method[..], &head.target[..]), (&b"CONNECT"[..], &b"/chat"[..]));
    assert_eq!(head.upgrade.as_deref(), Some(&b"websocket"[..]));
    assert_eq!((&head.authority[..], &head.fields), (&b"example.org"[..], &lines(&[("origin", "http://a")])));
    let ok = Response::new(Status::OK, &[]);
    let body = pair.server.call(|m, now, out| m.send_response(now, stream, &ok, BodyLen::Streaming, out));
    assert_eq!(body, Ok(BodyLen::Streaming));
    pair.client.call(|m, now, out| m.send_data(now, stream, b"ping", out)).unwrap();
    pair.server.call(|m, now, out| m.send_data(now, stream, b"pong", out)).unwrap();
    assert_eq!(pair.seen_by_server(), [Seen::Data(1, b"ping".to_vec())]);
    assert_eq!(pair.seen_by_client()[1..], [Seen::Data(1, b"pong".to_vec())]);
    // Without the setting, nothing is sent.
    let request = Request { method: Method::Connect, target: b"/", authority: b"a", fields: &fields };
    let refused =
        Pair::new().client.call(|m, now, out| m.send_request(now, &request, BodyLen::Streaming, out));
    assert_eq!(refused, Err(UsageError::BadUpgrade));
}

#[test]
fn rfc9218_7_1_a_client_changes_its_mind_about_priority() {
    let mut pair = Pair::new();
    let slow = pair.get("/1", &[Field::new("priority", "u=1")]);
    let quick = pair.get("/2", &[Field::new("priority", "u=5")]);
    pair.seen_by_server();
    let ok = Response::new(Status::OK, &[]);
    for stream in [slow, quick] {
        pair.server.call(|m, now, out| m.send_response(now, stream, &ok, BodyLen::Streaming, out)).unwrap();
        pair.server.machine.wants_write(stream, true);
    }
    assert_eq!(pair.server.machine.next_writable(), Some(slow));
    assert_eq!(pair.server.machine.priority(quick), Some(Priority { urgency: 5, incremental: false }));
    pair.client.machine.set_priority(quick, Priority { urgency: 0, incremental: true });
    let signal = PrioritySignal::Extensible(Priority { urgency: 0, incremental: true });
    assert_eq!(pair.seen_by_server(), [Seen::Priority(quick.0, signal)]);
    assert_eq!(pair.server.machine.next_writable(), Some(quick));
    assert_eq!(pair.server.machine.priority(quick), Some(Priority { urgency: 0, incremental: true }));
    assert_eq!(pair.server.machine.priority(StreamId(99)), None);
}

#[test]
fn rfc9110_10_1_1_content_waits_for_100_continue_and_no_longer_than_a_second() {
    let expect = [Field::new("expect", "100-continue")];
    let mut pair = Pair::new();
    let stream = pair.request(Method::Post, "/", &expect, BodyLen::Exact(2));
    assert_eq!(pair.client.call(|m, now, out| m.send_data(now, stream, b"up", out)), Ok(0));
    assert!(matches!(&pair.seen_by_server()[0], Seen::Request(head) if head.expect_continue));
    let interim = Response::new(Status::CONTINUE, &[]);
    pair.server.call(|m, now, out| m.send_informational(now, stream, &interim, out)).unwrap();
    pair.run();
    assert_eq!(pair.client.call(|m, now, out| m.send_data(now, stream, b"up", out)), Ok(2));
    let late = pair.request(Method::Post, "/", &expect, BodyLen::Exact(2));
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.client.call(|m, now, out| m.send_data(now, late, b"up", out)), Ok(2));
}

#[test]
fn ten_thousand_streams_are_open_at_once() {
    let mut config = Config::default();
    config.h2.max_streams = 10_000;
    let mut pair = Pair::with(Config::default(), config);
    let streams: Vec<_> = (0..10_000).map(|i| pair.get(&format!("/{i}"), &[])).collect();
    assert_eq!(pair.seen_by_server().len(), 20_000);
    for &stream in &streams {
        pair.answer(stream, b"");
    }
    assert_eq!(pair.seen_by_client().len(), 20_000);
    assert!(pair.client.machine.is_idle() && pair.server.machine.is_idle());
}

#[test]
fn rfc7540_3_2_an_exchange_goes_on_after_an_upgrade() {
    let config = Arc::new(Config::default());
    let field = avx_core::h2::settings_field(&config.h2);
    let (server, stream) = Server::upgraded(config.clone(), NOW, Method::Get, &field).unwrap();
    let (client, same) = Client::upgraded(config, NOW, Method::Get);
    assert_eq!((stream, same), (StreamId(1), StreamId(1)));
    let mut pair = Pair { client: Driver::new(client, NOW), server: Driver::new(server, NOW) };
    // The answer may come before the client's preface.
    pair.answer(stream, b"hi");
    let seen = pair.seen_by_client();
    assert!(matches!(&seen[0], Seen::Settings(_)));
    assert!(matches!(&seen[1], Seen::Response(1, ..)));
    assert_eq!(seen[2..], [Seen::Data(1, b"hi".to_vec()), Seen::End(1, vec![], 0)]);
    let next = pair.get("/next", &[]);
    assert_eq!(next, StreamId(3));
    assert!(matches!(&pair.seen_by_server()[1], Seen::Request(head) if head.stream == 3));
    assert!(Server::upgraded(Arc::new(Config::default()), NOW, Method::Get, b"!").is_err());
}

#[test]
fn rfc9113_3_4_the_preface_hands_a_connection_over_with_its_bytes() {
    let config = Arc::new(Config::default());
    let mut scratch = Scratch::new();
    let mut client = Session::new(Client::new(config.clone(), NOW), &config);
    let (m, out) = client.parts(&mut scratch);
    let request = Request { method: Method::Get, target: b"/", authority: b"a", fields: &[] };
    let stream = m.send_request(NOW, &request, BodyLen::Empty, out).unwrap();

    let mut first = Session::new(avx_core::h1::Server::new(config.clone(), NOW), &config);
    first.read_from(NOW, &mut scratch, client.write_buf());
    assert!(first.turn(NOW, &mut scratch).unwrap().is_none());
    assert_eq!(first.switched(), Some(Protocol::Http2));
    let (mut server, _) = first.replace(Server::new(config.clone(), NOW));
    let mut requests = 0;
    while let Some(turn) = server.turn(NOW, &mut scratch).unwrap() {
        if let Event::Request { stream: got, .. } = turn.event {
            assert_eq!(got, stream);
            turn.machine.send_full(NOW, got, &Response::new(Status::OK, &[]), b"hi", turn.out).unwrap();
            requests += 1;
        }
    }
    assert_eq!(requests, 1);
    client.did_write(NOW, client.write_buf().len());
    client.read_from(NOW, &mut scratch, server.write_buf());
    let mut ends = 0;
    while let Some(turn) = client.turn(NOW, &mut scratch).unwrap() {
        ends += usize::from(matches!(turn.event, Event::End { .. }));
    }
    assert_eq!(ends, 1);
}

#[test]
fn rfc9113_6_10_a_large_head_is_divided_and_joined() {
    let mut config = Config::default();
    (config.h2.field_section, config.h2.push) = (256 << 10, true);
    let mut pair = Pair::with(config, config);
    for n in [1, 16_300, 16_384, 20_000, 32_760, 100_000] {
        let value: String = (0..n).map(|i| char::from(b'!' + (i * 7 % 90) as u8)).collect();
        let fields = [Field { sensitive: true, ..Field::new("X-Long", &value) }, Field::new("x", "y")];
        let stream = pair.get("/", &fields);
        let seen = pair.seen_by_server();
        let Seen::Request(head) = &seen[0] else { panic!("{n}: {seen:?}") };
        assert_eq!(head.fields, lines(&[("x-long", &value), ("x", "y")]));
        let request = Request { method: Method::Get, target: b"/p", authority: b"a", fields: &fields };
        let promised = pair.server.call(|m, now, out| m.push(now, stream, &request, out)).unwrap();
        let ok = Response::new(Status::OK, &fields);
        for stream in [stream, promised] {
            pair.server.call(|m, now, out| m.send_full(now, stream, &ok, b"x", out)).unwrap();
            pair.client.machine.release(stream, 1);
        }
        let seen = pair.seen_by_client();
        assert!(
            matches!(&seen[0], Seen::Promise(_, head) if head.fields == lines(&[("x-long", &value), ("x", "y")]))
        );
        let Seen::Response(_, reply, _) = &seen[1] else { panic!("{n}: {seen:?}") };
        assert_eq!(reply.fields[..2], lines(&[("x-long", &value), ("x", "y")]));
        for stream in [stream, promised] {
            pair.client.machine.release(stream, 1);
        }
        assert!(pair.client.machine.is_idle() && pair.server.machine.is_idle());
    }
}

#[test]
fn lines_of_a_preset_give_way_over_http2_as_well() {
    let server = Preset::new(&[Field::new("Server", "avx"), Field::new("Date", "now")]).unwrap();
    let late = Preset::new(&[Field::new("date", "later")]).unwrap();
    let mut pair = Pair::new();
    for (presets, fields, want) in [
        (vec![&server], vec![], vec![("server", "avx"), ("date", "now")]),
        (vec![&server], vec![Field::new("SERVER", "mine")], vec![("date", "now"), ("server", "mine")]),
        (vec![&server, &late], vec![], vec![("server", "avx"), ("date", "later")]),
    ] {
        let stream = pair.get("/", &[]);
        pair.run();
        let response = Response { presets: &presets, ..Response::new(Status::OK, &fields) };
        pair.server.call(|m, now, out| m.send_full(now, stream, &response, b"", out)).unwrap();
        let seen = pair.seen_by_client();
        let Seen::Response(_, reply, BodyLen::Empty) = &seen[0] else { panic!("{seen:?}") };
        assert_eq!(reply.fields, lines(&want));
    }
}

/// The path is measured with a PING for each round trip on which enough of a window is used.
#[test]
fn small_responses_for_ever_are_no_flood_of_pings() {
    let mut pair = Pair::new();
    for round in 0..4000 {
        let streams: Vec<StreamId> = (0..32).map(|_| pair.get("/", &[])).collect();
        let up = std::mem::take(&mut pair.client.out);
        pair.server.feed(&up);
        for stream in streams {
            pair.answer(stream, b"Hello, World!");
        }
        pair.run();
        assert_eq!((pair.server.error, pair.client.error), (None, None), "after {round} rounds");
        for seen in std::mem::take(&mut pair.client.seen) {
            if let Seen::Data(stream, data) = seen {
                pair.client.call(|m, _, _| m.release(StreamId(stream), data.len() as u32));
            }
        }
        pair.server.seen.clear();
    }
}
