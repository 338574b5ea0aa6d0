//! The contract of the front page, as properties of both HTTP/2 machines, alone and inside those for any version, over
//! valid, damaged and random frames, any cutting, and any order of calls.

mod h2_support;

use avx_core::h2::frame::Kind;
use avx_core::h2::{Client, Server};
use avx_core::{
    BodyLen, Config, ErrorCode, Field, Http, Instant, Method, PeerError, Priority, Request, Response,
    SliceOutput, Status, StreamId, UsageError, any,
};
use conformance::drive::{Driver, Seen};
use h2_support::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

fn cases() -> ProptestConfig {
    let rng_seed = match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(9113),
        given => given,
    };
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 400 };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// Small limits in some configurations, so that short inputs reach them.
fn config(bits: u8) -> Arc<Config> {
    let mut config = Config::default();
    config.h2.push = bits & 1 != 0;
    config.h2.connect_protocol = bits & 2 != 0;
    config.h2.grow_windows = bits & 4 == 0;
    if bits & 8 != 0 {
        let h2 = &mut config.h2;
        (h2.max_streams, h2.max_pushes, h2.resets, h2.glitches) = (2, 1, 3, 5);
        (h2.stream_window, h2.connection_window, h2.field_section) = (100, 65_535, 200);
        (h2.continuations, h2.settings, h2.control_frames, h2.priorities) = (2, 2, 8, 2);
        (h2.data_overhead, h2.empty_data) = (1000, 2);
        config.limits.fields = 3;
    }
    if bits & 16 != 0 {
        config.h2.keep_alive = Duration::from_secs(1);
    }
    Arc::new(config)
}

/// Frames that a peer might send, sensible or not.
fn peer_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = || select(&[1u32, 1, 1, 3, 3, 5, 2, 2, 4, 0, 7, 0x7fff_ffff][..]).boxed();
    let flags = || prop_oneof![6 => select(&[0u8, 1, 4, 5][..]), 1 => any::<u8>()].boxed();
    let bytes = |n| vec(any::<u8>(), 0..n).boxed();
    let fields = prop_oneof![
        4 => Just(block(&GET)),
        4 => Just(block(&POST)),
        3 => Just(block(&[(":status", "200")])),
        1 => Just(block(&[(":status", "103")])),
        2 => Just(block(&[("x", "y")])),
        2 => Just(with(&POST, &[("content-length", "5"), ("expect", "100-continue")])),
        1 => Just(with(&GET, &[("cookie", "a"), ("cookie", "b"), ("priority", "u=1, i")])),
        1 => Just(block(&[(":status", "200"), ("content-length", "5")])),
        1 => Just(with(&[(":method", "CONNECT"), (":protocol", "websocket")], &GET[1..])),
        1 => Just([block(&GET), block(&[("a", "b")]).repeat(30)].concat()),
        1 => Just(b"\x82\x86\x84\x41\x01a\x40\x01x\x01y\xbe".to_vec()),
        1 => Just(b"\xbe".to_vec()),
        1 => bytes(20),
    ]
    .boxed();
    prop_oneof![
        6 => (stream(), flags(), fields.clone()).prop_map(|(s, f, b)| frame(Kind::HEADERS, f, s, &b)),
        4 => (stream(), flags(), fields.clone()).prop_map(|(s, f, b)| headers(s, f & 1, &b)),
        1 => (stream(), fields.clone()).prop_map(|(s, b)| {
            headers(s, PRIORITY, &[&[0, 0, 0, 9, 7][..], &b].concat())
        }),
        1 => (stream(), fields.clone()).prop_map(|(s, b)| {
            let (one, two) = b.split_at(b.len() / 2);
            [frame(Kind::HEADERS, 0, s, one), continuation(s, END_HEADERS, two)].concat()
        }),
        2 => (stream(), flags(), bytes(10)).prop_map(|(s, f, b)| continuation(s, f, &b)),
        6 => (stream(), flags(), bytes(40)).prop_map(|(s, f, b)| data(s, f, &b)),
        2 => (stream(), bytes(40)).prop_map(|(s, b)| {
            data(s, PADDED, &[&[b.len() as u8 / 2][..], &b].concat())
        }),
        1 => (stream(), 0..300usize).prop_map(|(s, n)| data(s, 1, &vec![b'x'; n])),
        1 => stream().prop_map(|s| data(s, 0, &vec![b'x'; 16_384])),
        2 => (stream(), select(&[0u32, 1, 5, 7, 8][..])).prop_map(|(s, c)| reset(s, ErrorCode(c))),
        2 => (stream(), select(&[0u32, 1, 100, 70_000, 0x7fff_ffff][..])).prop_map(|(s, n)| window_update(s, n)),
        2 => vec((1..10u16, select(&[0u32, 1, 2, 100, 65_535, 20_000, u32::MAX][..])), 0..4)
            .prop_map(|list| settings(&list)),
        1 => Just(settings_ack()),
        1 => (any::<bool>(), vec(any::<u8>(), 8)).prop_map(|(ack, b)| ping(u8::from(ack), &b)),
        1 => (stream(), stream(), any::<u8>()).prop_map(|(s, on, w)| priority(s, on, w)),
        1 => (stream(), select(&["u=1", "i, u=7", "u=", ""][..])).prop_map(|(s, v)| priority_update(s, v)),
        1 => (stream(), select(&[0u32, 2][..])).prop_map(|(s, c)| go_away(s, ErrorCode(c))),
        1 => (stream(), select(&[2u32, 4, 3, 0][..]), fields).prop_map(|(s, p, b)| push_promise(s, p, &b)),
        1 => (any::<u8>(), flags(), stream(), bytes(20)).prop_map(|(k, f, s, b)| frame(Kind(k), f, s, &b)),
        1 => bytes(30),
    ]
}

/// What a peer sends, from its first byte on; now and then with a byte gone wrong.
fn peer(preface: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        8 => Just([preface, &settings(&[(9, 0)]), &settings_ack()].concat()),
        1 => Just([preface, &settings(&[(4, 10), (3, 1), (1, 0)])].concat()),
        1 => Just(preface.to_vec()),
        1 => Just(Vec::new()),
    ];
    let damage = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (start, vec(peer_frame(), 0..12), damage).prop_map(|(start, frames, damage)| {
        let mut input = [start, frames.concat()].concat();
        if let (Some((at, byte)), false) = (damage, input.is_empty()) {
            let at = at.index(input.len());
            input[at] = byte;
        }
        input
    })
}

/// What a machine did with an input: equal for every cutting.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    error: Option<PeerError>,
    /// By stream and by kind: the order of acknowledgements and answers depends on when they were asked for.
    out: Vec<(Kind, u8, u32, Vec<u8>)>,
    closed: bool,
}

fn outcome<M: Http>(driver: Driver<M>) -> Outcome {
    assert_eq!(driver.faults, Vec::<String>::new());
    let mut out = frames(&driver.out);
    // How often a window is announced, and what is measured, depends on when the caller looks.
    out.retain(|f| f.0 != Kind::WINDOW_UPDATE && (f.0 != Kind::PING || f.1 == ACK));
    // An error takes what waits with it.
    if driver.error.is_some() {
        out.retain(|f| f.0 == Kind::GOAWAY);
        out.drain(..out.len().saturating_sub(1));
    }
    out.sort_by_key(|f| (f.0.0, f.2));
    Outcome { out, seen: joined(driver.seen), error: driver.error, closed: driver.machine.is_closed() }
}

/// Pieces of data that follow each other as one.
fn joined(seen: Vec<Seen>) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::new();
    for seen in seen {
        match (out.last_mut(), seen) {
            (Some(Seen::Data(stream, data)), Seen::Data(of, more)) if *stream == of => data.extend(more),
            (_, seen) => out.push(seen),
        }
    }
    out
}

type Answer<'a, M> = dyn FnMut(Instant, &Seen, &mut M, &mut Vec<u8>) + 'a;

fn read<M: Http>(
    mut driver: Driver<M>,
    input: &[u8],
    cuts: &[usize],
    eof: bool,
    answer: &mut Answer<'_, M>,
) -> Outcome {
    driver.feed(&[]);
    let mut at = 0;
    for &cut in cuts {
        driver.feed_with(&input[at..cut], answer);
        at = cut;
    }
    driver.feed_with(&input[at..], answer);
    if eof {
        driver.eof_with(answer);
    }
    outcome(driver)
}

/// Answers each request in a way that depends on its stream only.
fn user_of_server<M: Http>(script: Vec<u8>) -> impl FnMut(Instant, &Seen, &mut M, &mut Vec<u8>) {
    move |now, seen, m, out| {
        let id = StreamId(seen.stream());
        let ok = Response::new(Status::OK, &[]);
        let way = script.get((id.0 / 2) as usize % script.len().max(1)).copied().unwrap_or(0);
        match (seen, way % 8) {
            (Seen::Request(_), 0) => drop(m.send_full(now, id, &ok, b"early", out)),
            (Seen::End(..), 1) => drop(m.send_full(now, id, &ok, b"late", out)),
            (Seen::Request(_), 2) => drop(m.send_response(now, id, &ok, BodyLen::Streaming, out)),
            (Seen::End(..), 2) => drop(m.send_end(now, id, &[Field::new("X", "y")], out)),
            (Seen::Request(_), 3) => {
                m.send_informational(now, id, &Response::new(Status::CONTINUE, &[]), out).unwrap_or(())
            }
            (Seen::Request(_), 4) => m.reset(now, id, ErrorCode::CANCEL),
            (Seen::Request(_), 5) => m.shutdown(now),
            (Seen::End(..), 6) => m.done(now, id),
            (Seen::Reset(..), 0..=5) => m.done(now, id),
            (Seen::Data(_, data), 0..=6) => m.release(id, data.len() as u32),
            _ => {}
        }
    }
}

fn user_of_client<M: Http>(now: Instant, seen: &Seen, m: &mut M, _: &mut Vec<u8>) {
    let id = StreamId(seen.stream());
    match seen {
        Seen::Data(_, data) => m.release(id, data.len() as u32),
        Seen::Reset(..) => m.done(now, id),
        _ => {}
    }
}

/// A client with requests under way: `G`et, `H`ead, `P`ost that is still sending, with `E`xpect, `C`onnect.
fn client_with(requests: &[u8], config: Arc<Config>) -> Driver<Client> {
    requests_of(requests, Client::new(config, NOW))
}

fn requests_of<M: Http>(requests: &[u8], client: M) -> Driver<M> {
    let mut driver = Driver::new(client, NOW);
    let expect = [Field::new("Expect", "100-continue")];
    for kind in requests {
        let (method, target, fields, body): (_, &[u8], &[Field<'_>], _) = match kind {
            b'H' => (Method::Head, b"/", &[], BodyLen::Empty),
            b'P' => (Method::Post, b"/", &[], BodyLen::Exact(5)),
            b'E' => (Method::Post, b"/", &expect, BodyLen::Streaming),
            b'C' => (Method::Connect, b"a:1", &[], BodyLen::Streaming),
            _ => (Method::Get, b"/", &[], BodyLen::Empty),
        };
        let request = Request { method, target, authority: b"a", fields };
        driver.call(|m, now, out| m.send_request(now, &request, body, out)).unwrap();
    }
    driver
}

fn places(cuts: &[prop::sample::Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_cutting_of_the_input_is_the_same_to_a_server(
        input in peer(PREFACE),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        script in vec(any::<u8>(), 1..4),
        (bits, eof) in any::<(u8, bool)>(),
    ) {
        let run = |cuts: &[usize]| {
            let driver = Driver::new(Server::new(config(bits), NOW), NOW);
            read(driver, &input, cuts, eof, &mut user_of_server(script.clone()))
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&places(&cuts, input.len())), &whole);
        let everywhere: Vec<usize> = (1..=input.len()).collect();
        prop_assert_eq!(&run(&everywhere), &whole);
        // The machine for any version, told which one it is, and (as far as the preface is one) by its first bytes.
        let known = any::Server::http2(config(bits), NOW);
        let told = any::Server::new(config(bits), NOW);
        let found = if input.starts_with(PREFACE) { Some(told) } else { None };
        for machine in [Some(known), found].into_iter().flatten() {
            let driver = Driver::new(machine, NOW);
            let either = read(driver, &input, &places(&cuts, input.len()), eof, &mut user_of_server(script.clone()));
            prop_assert_eq!(&either, &whole);
        }
    }

    #[test]
    fn any_cutting_of_the_input_is_the_same_to_a_client(
        input in peer(b""),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        requests in vec(select(&b"GGHPEC"[..]), 0..4),
        (bits, eof) in any::<(u8, bool)>(),
    ) {
        let run = |cuts: &[usize]| {
            read(client_with(&requests, config(bits)), &input, cuts, eof, &mut user_of_client)
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&places(&cuts, input.len())), &whole);
        let everywhere: Vec<usize> = (1..=input.len()).collect();
        prop_assert_eq!(&run(&everywhere), &whole);
        let driver = requests_of(&requests, any::Client::http2(config(bits), NOW, false));
        let either = read(driver, &input, &places(&cuts, input.len()), eof, &mut user_of_client);
        prop_assert_eq!(&either, &whole);
    }

    #[test]
    fn a_refused_call_writes_nothing_and_changes_nothing_in_a_server(
        input in peer(PREFACE),
        calls in vec(call(), 1..16),
        bits in any::<u8>(),
    ) {
        let mut driver = Driver::new(Server::new(config(bits), NOW), NOW);
        driver.input.extend_from_slice(&input);
        run_calls(&mut driver, &calls)?;
        let mut driver = Driver::new(any::Server::http2(config(bits), NOW), NOW);
        driver.input.extend_from_slice(&input);
        run_calls(&mut driver, &calls)?;
    }

    #[test]
    fn a_refused_call_writes_nothing_and_changes_nothing_in_a_client(
        input in peer(b""),
        requests in vec(select(&b"GGHPEC"[..]), 0..4),
        calls in vec(call(), 1..16),
        bits in any::<u8>(),
    ) {
        let mut driver = client_with(&requests, config(bits));
        run_calls(&mut driver, &calls[..calls.len() / 2])?;
        driver.feed(&input);
        run_calls(&mut driver, &calls[calls.len() / 2..])?;
    }
}

#[derive(Clone, Debug)]
struct Call {
    what: What,
    stream: u64,
    room: usize,
}

#[derive(Clone, Debug)]
enum What {
    Request(&'static str, &'static str, &'static str, Fields, BodyLen),
    Respond(u16, Fields, BodyLen),
    Full(u16, Fields, usize),
    Interim(u16, Fields),
    Push(&'static str, Fields),
    Data(usize),
    Frame(usize),
    End(Fields),
    Reset,
    Done,
    Release(u32),
    Want(bool),
    Prioritize(u8),
    Shutdown,
    Pass(u64),
    Feed(Vec<u8>),
}

type Fields = Vec<(&'static str, &'static str)>;

fn call() -> impl Strategy<Value = Call> {
    let name = select(
        &[
            "x",
            "X-Custom",
            "content-length",
            "connection",
            "host",
            "te",
            "expect",
            "cookie",
            ":protocol",
            ":path",
            "a b",
            "",
        ][..],
    );
    let value = select(&["", "5", "y", "trailers", "100-continue", "a", "websocket", "a\r\nb", " a"][..]);
    let fields = || vec((name.clone(), value.clone()), 0..3).boxed();
    let body = || {
        prop_oneof![Just(BodyLen::Empty), (0..9u64).prop_map(BodyLen::Exact), Just(BodyLen::Streaming)]
            .boxed()
    };
    let status = || select(&[100u16, 101, 103, 200, 204, 304, 404][..]);
    let target = || select(&["/", "*", "a:1", "http://b/", "https://b?x", "/ ", ""][..]);
    let what = prop_oneof![
        3 => (select(&["GET", "HEAD", "POST", "CONNECT", "OPTIONS", "G T"][..]), target(), select(&["a", "", "u@a"][..]), fields(), body())
            .prop_map(|(m, t, a, f, b)| What::Request(m, t, a, f, b)),
        3 => (status(), fields(), body()).prop_map(|(s, f, b)| What::Respond(s, f, b)),
        3 => (status(), fields(), select(&[0usize, 5, 200, 70_000][..])).prop_map(|(s, f, n)| What::Full(s, f, n)),
        2 => (status(), fields()).prop_map(|(s, f)| What::Interim(s, f)),
        1 => (target(), fields()).prop_map(|(t, f)| What::Push(t, f)),
        4 => select(&[0usize, 5, 100, 20_000, 100_000][..]).prop_map(What::Data),
        2 => select(&[0usize, 5, 20_000][..]).prop_map(What::Frame),
        3 => fields().prop_map(What::End),
        1 => Just(What::Reset),
        1 => Just(What::Done),
        2 => (0..100u32).prop_map(What::Release),
        2 => any::<bool>().prop_map(What::Want),
        1 => (0..9u8).prop_map(What::Prioritize),
        1 => Just(What::Shutdown),
        2 => (0..40_000u64).prop_map(What::Pass),
        3 => peer_frame().prop_map(What::Feed),
    ];
    let room = prop_oneof![2 => 0..150usize, 3 => Just(4096usize), 1 => Just(200_000usize)];
    (what, select(&[1u64, 1, 1, 3, 2, 5, 0][..]), room).prop_map(|(what, stream, room)| Call {
        what,
        stream,
        room,
    })
}

fn run_calls<M: Http + Debug>(driver: &mut Driver<M>, calls: &[Call]) -> Result<(), TestCaseError> {
    driver.feed(&[]);
    for call in calls {
        match &call.what {
            What::Pass(millis) => {
                driver.pass(Duration::from_millis(*millis));
                driver.feed(&[]);
                continue;
            }
            What::Feed(bytes) => {
                driver.feed(bytes);
                continue;
            }
            _ => {}
        }
        let before = format!("{:?}", driver.machine);
        let mut memory = vec![0xaa; call.room];
        let mut out = SliceOutput::new(&mut memory);
        let result = driver.call(|m, now, _| make(call, m, now, &mut out));
        let written = out.filled().to_vec();
        match result {
            Ok(framed) => {
                driver.out.extend_from_slice(&written);
                driver.out.extend(std::iter::repeat_n(b'F', framed));
            }
            Err(error) => {
                prop_assert!(written.is_empty(), "{:?} wrote {}", error, written.escape_ascii());
                prop_assert_eq!(&format!("{:?}", driver.machine), &before, "{:?} changed something", error);
                if let UsageError::OutputFull(full) = error {
                    prop_assert!(full.needed > call.room, "{full:?} of {}", call.room);
                    let mut memory = vec![0; full.needed];
                    let mut out = SliceOutput::new(&mut memory);
                    let again = driver.call(|m, now, _| make(call, m, now, &mut out));
                    prop_assert!(again.is_ok(), "{again:?} with enough room");
                    let written = out.filled().to_vec();
                    driver.out.extend_from_slice(&written);
                    driver.out.extend(std::iter::repeat_n(b'F', again.unwrap_or(0)));
                }
            }
        }
        driver.machine.next_writable();
        driver.feed(&[]);
    }
    // Whatever was done, what left is whole frames.
    frames(&driver.out);
    prop_assert_eq!(&driver.faults, &Vec::<String>::new());
    Ok(())
}

/// Makes the call; returns how many bytes the user has to write behind it.
fn make<M: Http>(
    call: &Call,
    m: &mut M,
    now: Instant,
    out: &mut dyn avx_core::Output,
) -> Result<usize, UsageError> {
    let stream = StreamId(call.stream);
    let status = |code: u16| Status::new(code).expect("a status");
    fn borrowed(fields: &Fields) -> Vec<Field<'static>> {
        fields.iter().map(|(name, value)| Field::new(*name, *value)).collect()
    }
    match &call.what {
        What::Request(method, target, authority, fields, body) => {
            let fields = borrowed(fields);
            let (method, target) = (Method::from_token(method.as_bytes()), target.as_bytes());
            m.send_request(
                now,
                &Request { method, target, authority: authority.as_bytes(), fields: &fields },
                *body,
                out,
            )?;
        }
        What::Respond(code, fields, body) => {
            m.send_response(now, stream, &Response::new(status(*code), &borrowed(fields)), *body, out)?;
        }
        What::Full(code, fields, n) => {
            m.send_full(now, stream, &Response::new(status(*code), &borrowed(fields)), &vec![b'c'; *n], out)?;
        }
        What::Interim(code, fields) => {
            m.send_informational(now, stream, &Response::new(status(*code), &borrowed(fields)), out)?;
        }
        What::Push(target, fields) => {
            let fields = borrowed(fields);
            let request =
                Request { method: Method::Get, target: target.as_bytes(), authority: b"a", fields: &fields };
            m.push(now, stream, &request, out)?;
        }
        What::Data(n) => assert!(m.send_data(now, stream, &vec![b'd'; *n], out)? <= *n),
        What::Frame(n) => {
            let framed = m.frame_data(now, stream, *n, out)?;
            assert!(framed <= *n);
            return Ok(framed);
        }
        What::End(trailers) => m.send_end(now, stream, &borrowed(trailers), out)?,
        What::Reset => m.reset(now, stream, ErrorCode::CANCEL),
        What::Done => m.done(now, stream),
        What::Release(n) => m.release(stream, *n),
        What::Want(yes) => m.wants_write(stream, *yes),
        What::Prioritize(u) => m.set_priority(stream, Priority { urgency: *u, incremental: u % 2 == 0 }),
        What::Shutdown => m.shutdown(now),
        What::Pass(_) | What::Feed(_) => {}
    }
    Ok(0)
}

#[test]
fn a_block_that_drips_costs_linear_time() {
    let mut config = Config::default();
    config.h2.field_section = 64 << 10;
    let fields: Vec<u8> = [block(&GET), block(&[("x", &"y".repeat(15_000))]).repeat(4)].concat();
    let mut input = greeting();
    let mut chunks = fields.chunks(16_384).peekable();
    let mut first = true;
    while let Some(chunk) = chunks.next() {
        let flags = if chunks.peek().is_none() { END_HEADERS } else { 0 } | u8::from(first);
        input.extend(frame(if first { Kind::HEADERS } else { Kind::CONTINUATION }, flags, 1, chunk));
        first = false;
    }
    let mut scratch = avx_core::Scratch::new();
    let mut m = Server::new(Arc::new(config), NOW);
    let begun = std::time::Instant::now();
    let (mut at, mut requests) = (0, 0);
    for n in 1..=input.len() {
        while at < n {
            match avx_core::Machine::recv(&mut m, NOW, &mut input[at..n], &mut scratch).unwrap() {
                avx_core::Recv::Event { consumed, event } => {
                    requests += usize::from(matches!(event, avx_core::Event::Request { .. }));
                    at += consumed;
                }
                avx_core::Recv::NeedMore { consumed, .. } => {
                    at += consumed;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(requests, 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
