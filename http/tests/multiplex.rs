//! Exchanges that overlap, over simulated streams and time: HTTP/2 as it should be.

mod support;
#[path = "support/client.rs"]
mod wire;

use avx_http::{Body, FieldLines, OwnedRequest, Request, Response, Router, Status};
use conformance::h2::frames::{content as content_of, *};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Gate, Sim};
use wire::{Client, INITIAL_WINDOW, server};

fn pattern(len: usize, seed: u32) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

fn echo() -> Router {
    Router::new()
        .post("/echo", async |request: OwnedRequest| Response::new(Status::OK).with_body(request.into_body()))
}

/// "A single HTTP/2 connection can contain multiple concurrently open streams, with either endpoint
/// interleaving frames from multiple streams." (RFC 9113, section 5)
#[test]
fn rfc9113_5_a_hundred_requests_at_once_are_answered_each_with_its_own() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let later = gate.clone();
    let router = Router::new()
        .get("/now/:id", |request: &Request<'_>| request.param("id").unwrap_or_default().into_owned())
        .get("/later/:id", move |request: OwnedRequest| {
            let gate = later.clone();
            async move {
                gate.passed().await;
                request.param("id").unwrap_or_default().into_owned()
            }
        });
    let mut client = Client::of(&sim, router);
    let path = |i: u32| format!("/{}/{i}", if i % 3 == 0 { "later" } else { "now" });
    client.say((0..100).flat_map(|i| get(2 * i + 1, &path(i))).collect::<Vec<u8>>());
    for i in 0..100 {
        assert_eq!(client.answer(2 * i + 1).ended, i % 3 != 0, "{i}");
    }
    gate.open();
    client.run();
    for i in 0..100 {
        let answer = client.answer(2 * i + 1);
        assert_eq!((answer.status, answer.ended), (200, true));
        assert_eq!(answer.content, i.to_string().as_bytes());
    }
    assert_eq!(client.inbox.resets(), []);
}

#[test]
fn exchanges_end_in_any_order_and_their_places_are_used_again() {
    let sim = Sim::new();
    let gates: Arc<Vec<Gate>> = Arc::new((0..40).map(|_| Gate::default()).collect());
    let theirs = gates.clone();
    let router = Router::new().get("/:id", move |request: OwnedRequest| {
        let gate = theirs[request.parse_param::<usize>("id").unwrap_or(0)].clone();
        async move {
            gate.passed().await;
            "done"
        }
    });
    let mut client = Client::of(&sim, router);
    for i in 0..20 {
        client.say(get(2 * i + 1, &format!("/{i}")));
    }
    // A later one first, each followed by a new one that takes the place that became free.
    for i in (0..20).rev() {
        gates[i as usize].open();
        client.run();
        assert_eq!(client.answer(2 * i + 1).content, b"done");
        let next = 20 + (19 - i);
        client.say(get(2 * next + 1, &format!("/{next}")));
        assert!(!client.answer(2 * next + 1).ended);
    }
    gates.iter().for_each(Gate::open);
    client.run();
    assert!((0..40).all(|i| client.answer(2 * i + 1).ended));
}

/// "Flow control is used for both individual streams and the connection as a whole." (section 5.2)
#[test]
fn rfc9113_5_2_credit_comes_back_when_the_handler_reads_and_not_before() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let waits = gate.clone();
    let router = Router::new().post("/", move |request: OwnedRequest| {
        let gate = waits.clone();
        async move {
            gate.passed().await;
            let content = request.into_body().collect(usize::MAX).await.unwrap();
            content.len().to_string()
        }
    });
    let mut client = Client::of(&sim, router);
    client.say(post(1, "/"));
    let content = vec![b'x'; 200_000];
    let mut sent = client.send_content(1, &content, 16_384);
    client.run();
    assert_eq!(sent, 64 << 10);
    assert_eq!(client.inbox.credit.get(&1), None, "nobody has read");
    assert_eq!(client.credit(1).0, 0);
    gate.open();
    client.run();
    assert!(client.inbox.credit[&1] >= 64 << 10);
    while sent < content.len() {
        let more = client.send_content(1, &content[sent..], 16_384);
        assert!(more > 0, "stuck at {sent}");
        sent += more;
        client.run();
    }
    client.finish(1, b"");
    assert_eq!(client.answer(1).content, b"200000");
}

#[test]
fn a_handler_that_reads_nothing_holds_up_nobody_else() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let waits = gate.clone();
    let router = echo().post("/wait", move |request: OwnedRequest| {
        let gate = waits.clone();
        async move {
            gate.passed().await;
            request.into_body().collect(usize::MAX).await.unwrap()
        }
    });
    let mut client = Client::of(&sim, router);
    let content = pattern(60_000, 1);
    for stream in [1, 3, 5] {
        client.say(post(stream, "/wait"));
        client.send_content(stream, &content, 9000);
    }
    client.say(post(7, "/echo"));
    client.grant(0, 1 << 20);
    let n = client.send_content(7, &content, 1000);
    client.finish(7, &content[n..]);
    assert!(client.answer(7).content == content);
    gate.open();
    for stream in [1, 3, 5] {
        client.finish(stream, b"");
        assert!(client.answer(stream).content == content);
    }
}

/// "A receiver that receives a flow-controlled frame MUST always account for its contribution against the
/// connection flow-control window" (section 6.9), and give it back, whatever the handler did with it.
#[test]
fn rfc9113_6_9_no_exchange_takes_its_credit_along() {
    let sim = Sim::new();
    let router = || {
        echo()
            .post("/read", async |request: OwnedRequest| request.into_body().collect(usize::MAX).await)
            .post("/part", async |request: OwnedRequest| {
                let mut body = request.into_body();
                let piece = std::future::poll_fn(|cx| body.poll_data(cx)).await;
                piece.is_some_and(|piece| piece.is_ok()).to_string()
            })
            .post("/ignore", async |_: OwnedRequest| "ignored")
            .post("/at-once", || "ignored")
    };
    let content = pattern(12_000, 5);
    for path in ["/echo", "/read", "/part", "/ignore", "/at-once", "/nothing"] {
        for piece in [12_000, 5000] {
            let mut client = Client::of(&sim, router());
            for i in 0..110 {
                let stream = 2 * i + 1;
                match piece {
                    12_000 => client.say([post(stream, path), content_of(stream, &content)].concat()),
                    _ => {
                        client.say(post(stream, path));
                        assert_eq!(
                            client.send_content(stream, &content, piece),
                            content.len(),
                            "credit is lost"
                        );
                        client.run();
                        client.say(data(stream, END_STREAM, b""));
                    }
                }
                let answer = client.inbox.forget(stream);
                assert!(answer.status > 0 && answer.ended, "{path}: request {i} got {:?}", answer.reset);
                client.grant(0, 1 + content.len() as u32);
            }
        }
    }
}

/// "The sender MUST NOT send a flow-controlled frame with a length that exceeds the space available in
/// either of the flow-control windows advertised by the receiver." (section 6.9.1)
#[test]
fn rfc9113_6_9_1_content_trickles_through_windows_of_any_size() {
    let sim = Sim::new();
    let content = pattern(3000, 2);
    let served = content.clone();
    let engine = server(Router::new().get("/", move || served.clone())).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 1)]);
    client.say(get(1, "/"));
    client.say(get(3, "/"));
    let mut granted = [1, 1];
    for i in 0.. {
        let lens = [1, 3].map(|stream| client.answer(stream).content.len());
        assert_eq!(lens, granted.map(|n| n.min(content.len())), "as much as was granted, at once");
        if lens == [3000, 3000] {
            break;
        }
        let (at, n) = (i % 2, 1 + (i * 7) % 13);
        granted[at] += n;
        client.grant(2 * at as u32 + 1, n as u32);
    }
    for stream in [1, 3] {
        assert!(client.answer(stream).content == content && client.answer(stream).ended);
    }
}

/// "A change to SETTINGS_INITIAL_WINDOW_SIZE can cause the available space in a flow-control window to
/// become negative. A sender MUST track the negative flow-control window and MUST NOT send new
/// flow-controlled frames until it receives WINDOW_UPDATE frames that cause the flow-control window to
/// become positive." (section 6.9.2)
#[test]
fn rfc9113_6_9_2_a_window_that_shrinks_below_zero_is_waited_for() {
    let sim = Sim::new();
    let content = pattern(1000, 3);
    let served = content.clone();
    let engine = server(Router::new().get("/", move || served.clone())).engine(&sim).unwrap();
    let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 100)]);
    client.say(get(1, "/"));
    client.say(settings(&[(INITIAL_WINDOW, 0)]));
    client.grant(1, 100);
    assert_eq!(client.answer(1).content.len(), 100);
    client.grant(1, 5);
    assert_eq!(client.answer(1).content.len(), 105);
    client.say(settings(&[(INITIAL_WINDOW, 5000)]));
    assert!(client.answer(1).content == content && client.answer(1).ended);
}

#[test]
fn ten_large_echoes_at_once_come_back_bit_identical() {
    const LEN: usize = 400_000;
    let sim = Sim::new();
    let mut client = Client::of(&sim, echo());
    let streams: Vec<u32> = (0..10).map(|i| 2 * i + 1).collect();
    let contents: Vec<Vec<u8>> = streams.iter().map(|&stream| pattern(LEN, stream)).collect();
    streams.iter().for_each(|&stream| client.say(post(stream, "/echo")));
    let (mut sent, mut granted) = (vec![0; 10], vec![0; 10]);
    for round in 0.. {
        for i in 0..10 {
            let piece = [1, 16_384, 777, 9000][(i + round) % 4].max(if round < 3 { 1 } else { 500 });
            let most = if piece == 1 { 100 } else { LEN };
            let end = (sent[i] + most).min(LEN);
            sent[i] += client.send_content(streams[i], &contents[i][sent[i]..end], piece);
        }
        client.run();
        // What came is granted again, in odd portions.
        for i in 0..10 {
            let due = client.answer(streams[i]).content.len() - granted[i];
            if due > 0 {
                let first = due.div_ceil(3) as u32;
                for n in [first, due as u32 - first].into_iter().filter(|&n| n > 0) {
                    client.grant(streams[i], n);
                    client.grant(0, n);
                }
                granted[i] += due;
            }
        }
        if sent.iter().all(|&n| n == LEN) && granted.iter().all(|&n| n == LEN) {
            break;
        }
        assert!(round < 2000, "stuck: {sent:?} {granted:?}");
    }
    for (&stream, content) in streams.iter().zip(&contents) {
        client.finish(stream, b"");
        let answer = client.answer(stream);
        assert!(answer.ended && answer.content == *content, "{stream}");
    }
}

/// "Trailers [...] a HEADERS frame [...] with an END_STREAM flag set" (section 8.1)
#[test]
fn rfc9113_8_1_trailers_go_both_ways() {
    let sim = Sim::new();
    let router = Router::new().post("/", async |request: OwnedRequest| {
        let mut body = request.into_body();
        while let Some(piece) = std::future::poll_fn(|cx| body.poll_data(cx)).await {
            piece.unwrap();
        }
        let sum = body.trailers().and_then(|t| t.get("x-sum")).map(<[u8]>::to_vec).unwrap_or_default();
        let (mut sender, body) = Body::channel();
        sender.push("content");
        let mut trailers = FieldLines::default();
        trailers.push("X-Sum-Back", avx_http::Value::copy(&sum));
        sender.finish_with(&trailers);
        Response::new(Status::OK).with_body(body)
    });
    let mut client = Client::of(&sim, router);
    client
        .say([post(1, "/"), data(1, 0, b"abc"), headers(1, END_STREAM, &block(&[("x-sum", "6")]))].concat());
    let answer = client.answer(1);
    assert_eq!((&answer.content[..], answer.ended), (&b"content"[..], true));
    assert_eq!(answer.trailers, [("x-sum-back".to_string(), "6".to_string())]);
}

/// "zero or more HEADERS frames (containing an interim response)" (section 8.1)
#[test]
fn rfc9113_8_1_interim_responses_come_before_the_final_one() {
    let (sim, gate) = (Sim::new(), Gate::default());
    let waits = gate.clone();
    let router = Router::new().get("/", move |request: OwnedRequest| {
        let gate = waits.clone();
        async move {
            let mut links = FieldLines::default();
            links.push("link", "</a.css>; rel=preload");
            request.send_informational(Status::new(103).unwrap(), links);
            gate.passed().await;
            request.send_informational(Status::new(103).unwrap(), FieldLines::default());
            "final"
        }
    });
    let mut client = Client::of(&sim, router);
    client.say(get(1, "/"));
    assert_eq!((client.answer(1).interim, client.answer(1).status), (vec![103], 0));
    gate.open();
    client.run();
    assert_eq!((client.answer(1).interim, client.answer(1).status), (vec![103, 103], 200));
}

/// RFC 9110, section 10.1.1.
#[test]
fn rfc9110_10_1_1_whoever_waits_for_100_gets_it_when_the_content_is_wanted() {
    let sim = Sim::new();
    let router = echo().post("/ignore", || "ignored");
    let mut client = Client::of(&sim, router);
    let expecting = |path| request("POST", path, &[("expect", "100-continue")]);
    client.say(headers(1, 0, &expecting("/echo")));
    assert_eq!(client.answer(1).interim, [100]);
    client.finish(1, b"hello");
    assert_eq!(client.answer(1).content, b"hello");
    assert_eq!(client.answer(1).interim, [100]);
    client.say(headers(3, 0, &expecting("/ignore")));
    let answer = client.answer(3);
    assert_eq!((answer.interim, &answer.content[..], answer.ended), (vec![], &b"ignored"[..], true));
}

/// RFC 9110, section 9.3.2.
#[test]
fn rfc9110_9_3_2_responses_to_head_have_no_content() {
    let sim = Sim::new();
    let router = Router::new()
        .get("/small", || "hello")
        .get("/large", || vec![b'x'; 100_000])
        .get("/later", async |_: OwnedRequest| "hello");
    let mut client = Client::of(&sim, router);
    for (i, (path, length)) in
        [("/small", "5"), ("/large", "100000"), ("/later", "5")].into_iter().enumerate()
    {
        let stream = 2 * i as u32 + 1;
        client.say(headers(stream, END_STREAM, &request("HEAD", path, &[])));
        let answer = client.answer(stream);
        assert_eq!((answer.status, answer.ended, answer.content.len()), (200, true, 0), "{path}");
        assert_eq!(answer.field("content-length"), Some(length));
    }
    assert_eq!(client.inbox.resets(), []);
}

/// A wake-up from elsewhere finds the one exchange it is about.
#[test]
fn an_exchange_is_woken_from_another_thread() {
    let sim = Sim::new();
    let gates: Arc<Vec<Gate>> = Arc::new((0..50).map(|_| Gate::default()).collect());
    let polls = Arc::new(Mutex::new(vec![0; 50]));
    let (theirs, counted) = (gates.clone(), polls.clone());
    let router = Router::new().get("/:id", move |request: OwnedRequest| {
        let i = request.parse_param::<usize>("id").unwrap_or(0);
        let (gate, polls) = (theirs[i].clone(), counted.clone());
        async move {
            let mut passed = Box::pin(async move { gate.passed().await });
            std::future::poll_fn(|cx| {
                polls.lock().unwrap()[i] += 1;
                passed.as_mut().poll(cx)
            })
            .await;
            "woken"
        }
    });
    let mut client = Client::of(&sim, router);
    client.say((0..50).flat_map(|i| get(2 * i + 1, &format!("/{i}"))).collect::<Vec<u8>>());
    for i in [7, 49, 0] {
        let gates = gates.clone();
        std::thread::spawn(move || gates[i].open()).join().unwrap();
        client.run();
        assert_eq!(client.answer(2 * i as u32 + 1).content, b"woken");
    }
    let polls = polls.lock().unwrap();
    assert!((0..50).all(|i| polls[i] == if [7, 49, 0].contains(&i) { 2 } else { 1 }), "{polls:?}");
}

/// A hundred responses that fill the output many times over, to a peer that takes everything at once.
#[test]
fn more_responses_than_one_turn_can_write_are_all_written() {
    for len in [1000, 16_000, 16_384, 20_000] {
        let sim = Sim::new();
        let served = vec![b'x'; len];
        let engine = server(Router::new().get("/", move || served.clone())).engine(&sim).unwrap();
        let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 1 << 30)]);
        client.grant(0, 1 << 30);
        client.say((0..100).flat_map(|i| get(2 * i + 1, "/")).collect::<Vec<u8>>());
        let done = (0..100).filter(|i| client.answer(2 * i + 1).content.len() == len).count();
        assert_eq!(done, 100, "of {len} bytes");
    }
}

/// A peer that asks for everything and takes it bit by bit.
#[test]
fn responses_that_wait_for_room_go_out_when_there_is_some() {
    for wait in [Duration::ZERO, Duration::from_secs(11)] {
        let sim = Sim::new();
        let served = vec![b'x'; 16_000];
        let engine = server(Router::new().get("/", move || served.clone())).engine(&sim).unwrap();
        let mut client = Client::greet(&sim, &engine, &[(INITIAL_WINDOW, 1 << 30)]);
        client.grant(0, 1 << 30);
        client.remote.set_window(1000);
        client.remote.send((0..50).flat_map(|i| get(2 * i + 1, "/")).collect::<Vec<u8>>());
        sim.run();
        // Room comes back together with a timer that fires.
        sim.block(wait);
        client.remote.set_window(usize::MAX);
        sim.block(wait);
        client.run();
        let done = (0..50).filter(|i| client.answer(2 * i + 1).content.len() == 16_000).count();
        assert_eq!(done, 50);
    }
}
