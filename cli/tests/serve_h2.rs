//! `avx serve` over HTTP/2, by a client machine on a plain socket.

mod common;

use avx_core::h2::Client;
use avx_core::{BodyLen, Config, Event, Field, Http, Instant, Machine, Method, Recv, Request, Scratch};
use common::Serving;
use std::io::{Read, Write};
use std::sync::Arc;

const NOW: Instant = Instant::from_millis(1);

/// What came back on one stream.
#[derive(Debug, Default)]
struct Answer {
    /// Target of the promise, for a stream that the server opened.
    promised: String,
    informational: Vec<u16>,
    status: u16,
    fields: Vec<(String, String)>,
    content: Vec<u8>,
    trailers: usize,
    ended: bool,
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }
}

/// All that came back, and the streams of the content in the order of its pieces.
#[derive(Debug, Default)]
struct Answers {
    streams: std::collections::BTreeMap<u64, Answer>,
    turns: Vec<u64>,
}

/// Sends requests for these targets together, on one connection, and waits for all of their answers.
fn ask(serving: &Serving, requests: &[(Method<'_>, &str, &[Field<'_>])], config: Config) -> Answers {
    let mut socket = serving.connect();
    let mut machine = Client::new(Arc::new(config), NOW);
    let mut out = Vec::new();
    let mut answers = Answers::default();
    for &(method, target, fields) in requests {
        let authority = b"example.com";
        let request = Request { method, target: target.as_bytes(), authority, fields };
        let body = if method == Method::Post { BodyLen::Streaming } else { BodyLen::Empty };
        let stream = machine.send_request(NOW, &request, body, &mut out).unwrap();
        if method == Method::Post {
            assert_eq!(machine.send_data(NOW, stream, b"content", &mut out), Ok(7));
            machine.send_end(NOW, stream, &[Field::new("x-end", "yes")], &mut out).unwrap();
        }
        answers.streams.insert(stream.0, Answer::default());
    }
    let (mut input, mut scratch) = (Vec::new(), Scratch::new());
    loop {
        machine.transmit(NOW, &mut out);
        socket.write_all(&out).unwrap();
        out.clear();
        if answers.streams.values().all(|answer| answer.ended) {
            return answers;
        }
        let len = input.len();
        input.resize(len + 65_536, 0);
        let n = socket.read(&mut input[len..]).unwrap();
        assert!(n > 0, "the connection ended: {answers:?}");
        input.truncate(len + n);
        loop {
            let consumed = match machine.recv(NOW, &mut input, &mut scratch).unwrap() {
                Recv::Event { consumed, event } => {
                    if let Some((stream, credit)) = answers.note(event) {
                        machine.release(stream, credit);
                    }
                    consumed
                }
                Recv::NeedMore { consumed, .. } => {
                    input.drain(..consumed);
                    break;
                }
                other => panic!("{other:?}"),
            };
            input.drain(..consumed);
        }
    }
}

impl Answers {
    /// Takes an event down; credit to give back.
    fn note(&mut self, event: Event<'_>) -> Option<(avx_core::StreamId, u32)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match event {
            Event::PushPromise { promised, head, .. } => {
                assert_eq!(head.authority(), b"example.com");
                self.streams.entry(promised.0).or_default().promised = text(head.target());
            }
            Event::Informational { stream, head } => {
                self.at(stream.0).informational.push(head.status().code());
            }
            Event::Response { stream, head, .. } => {
                let answer = self.at(stream.0);
                answer.status = head.status().code();
                answer.fields = head.fields().iter().map(|f| (text(f.name), text(f.value))).collect();
            }
            Event::Data { stream, data, credit } => {
                self.at(stream.0).content.extend_from_slice(data);
                self.turns.push(stream.0);
                return Some((stream, credit));
            }
            Event::End { stream, trailers, .. } => {
                let answer = self.at(stream.0);
                (answer.trailers, answer.ended) = (trailers.len(), true);
            }
            Event::SettingsChanged { .. } => {}
            other => panic!("{other:?}"),
        }
        None
    }

    fn at(&mut self, stream: u64) -> &mut Answer {
        self.streams.get_mut(&stream).expect("a stream that was opened")
    }
}

fn get(target: &str) -> (Method<'_>, &str, &'static [Field<'static>]) {
    (Method::Get, target, &[])
}

#[test]
fn every_endpoint_answers_over_http2() {
    let serving = Serving::start(&["--http2-only"]);
    let requests = [
        ("/plaintext", 200, "text/plain", &b"Hello, World!"[..]),
        ("/json", 200, "application/json", b"{\"message\":\"Hello, World!\"}"),
        ("/bytes/5", 200, "application/octet-stream", b"abcde"),
        ("/stream/2", 200, "text/plain", b"chunk 1 of 2\nchunk 2 of 2\n"),
        ("/status/404", 404, "text/plain", b"404 Not Found\n"),
        ("/delay/1", 200, "text/plain; charset=utf-8", b"1 ms later\n"),
        ("/early", 200, "text/plain", b"The hints came first.\n"),
        ("/trailers", 200, "text/plain", b"The trailers follow.\n"),
        ("/headers", 200, "text/plain", b":method: GET\n:authority: example.com\n:path: /headers\n"),
        ("/nowhere", 404, "text/plain; charset=utf-8", b"Not Found"),
    ];
    let targets: Vec<_> = requests.iter().map(|(target, ..)| get(target)).collect();
    let answers = ask(&serving, &targets, Config::default());
    for (i, (target, status, media_type, content)) in requests.into_iter().enumerate() {
        let answer = &answers.streams[&(2 * i as u64 + 1)];
        assert_eq!((answer.status, answer.field("content-type")), (status, media_type), "{target}");
        assert_eq!(answer.content, content, "{target}");
        assert!(answer.field("server").starts_with("avx/") && !answer.field("date").is_empty(), "{target}");
        assert_eq!(answer.informational, if target == "/early" { &[103][..] } else { &[] }, "{target}");
        assert_eq!(answer.trailers, if target == "/trailers" { 2 } else { 0 }, "{target}");
    }
    let echo = (Method::Post, "/echo", &[Field::new("content-type", "a/b")][..]);
    let answers = ask(&serving, &[echo], Config::default());
    let answer = &answers.streams[&1];
    assert_eq!((answer.field("content-type"), answer.trailers), ("a/b", 1));
    assert_eq!(answer.content, b"content");
}

#[test]
fn push_pushes_to_those_who_take_it_and_the_page_is_the_same_for_all() {
    let serving = Serving::start(&[]);
    let mut config = Config::default();
    config.h2.push = true;
    let answers = ask(&serving, &[get("/push")], config);
    let targets: Vec<_> = answers.streams.values().map(|answer| &*answer.promised).collect();
    assert_eq!(targets, ["", "/push/style.css", "/push/script.js"]);
    let [page, style, script] = [1, 2, 4].map(|stream| &answers.streams[&stream]);
    assert_eq!(style.field("content-type"), "text/css; charset=utf-8");
    assert_eq!(script.field("content-type"), "text/javascript; charset=utf-8");
    for (path, pushed) in [("/push/style.css", style), ("/push/script.js", script)] {
        assert!(String::from_utf8_lossy(&page.content).contains(path));
        assert_eq!(serving.get(path).1, pushed.content);
    }
    let alone = ask(&serving, &[get("/push")], Config::default());
    assert_eq!(alone.streams.len(), 1);
    assert_eq!(alone.streams[&1].content, page.content);
    assert_eq!(serving.get("/push").1, page.content);
}

/// Streams in the order of their content, neighbours joined.
fn order(answers: &Answers) -> Vec<u64> {
    let mut turns = answers.turns.clone();
    turns.dedup();
    turns
}

#[test]
fn rfc9218_priorities_show_in_the_order_of_bytes() {
    let serving = Serving::start(&[]);
    // Nobody is to wait for credit.
    let mut config = Config::default();
    config.h2.stream_window = 1 << 20;
    let field = |value: &'static str| [Field::new("priority", value)];
    // As the client says it.
    let (last, first, middle) = (field("u=7"), field("u=0"), field("u=3"));
    let requests = [
        (Method::Get, "/priority/a?size=100000", &last[..]),
        (Method::Get, "/priority/b?size=100000", &first),
        (Method::Get, "/priority/c?size=100000", &middle),
    ];
    let answers = ask(&serving, &requests, config);
    assert_eq!(order(&answers), [3, 5, 1]);
    assert!(answers.streams[&3].content.iter().eq([b'b'; 100_000].iter()));
    // As the server says it, over that.
    let requests = [
        (Method::Get, "/priority/a?size=100000&u=6", &first[..]),
        (Method::Get, "/priority/b?size=100000", &last),
        (Method::Get, "/priority/c?u=1&size=100000", &middle),
    ];
    let answers = ask(&serving, &requests, config);
    assert_eq!(order(&answers), [5, 1, 3]);
    assert_eq!(answers.streams[&1].field("priority"), "u=6");
    // Those that are of use in parts share.
    let requests = [get("/priority/a?u=1&i&size=100000"), get("/priority/b?u=1&i&size=100000")];
    assert!(order(&ask(&serving, &requests, config)).len() > 4);
}

#[test]
fn what_cannot_be_prioritized_is_refused_in_words() {
    let serving = Serving::start(&[]);
    let (head, content) = serving.get("/priority/x?size=3");
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("priority:"), "{head}");
    assert_eq!(content, b"xxx");
    for target in ["ab", "-", "a?u=8", "a?i=2", "a?size=-1", "a?size=18446744073709551615", "a?other"] {
        let (head, content) = serving.get(&format!("/priority/{target}"));
        assert!(head.starts_with("HTTP/1.1 400 "), "{target} {head}");
        assert!(String::from_utf8_lossy(&content).contains("/priority/a?size=100000&u=1&i"), "{target}");
    }
}
