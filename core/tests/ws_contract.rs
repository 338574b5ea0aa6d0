//! The contract of the front page, as properties of both WebSocket machines over valid, damaged and random frames,
//! any cutting, and any order of calls.

mod ws_support;

use avx_core::ws::frame::Opcode;
use avx_core::ws::role::Role;
use avx_core::ws::{CloseCode, Connection, Kind};
use avx_core::{Config, Instant, Machine, PeerError, Recv, Scratch, SliceOutput, UsageError};
use conformance::ws::{Driver, Seen};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use std::time::Duration;
use ws_support::*;

fn cases() -> ProptestConfig {
    let rng_seed = match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(6455),
        given => given,
    };
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 600 };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// Small limits in some configurations, so that short inputs reach them.
fn config(bits: u8) -> Config {
    let mut config = Config::default();
    if bits & 1 != 0 {
        let ws = &mut config.ws;
        (ws.message, ws.frame, ws.empty_fragments, ws.controls) = (40, 30, 2, 3);
    }
    if bits & 2 != 0 {
        config.ws.keep_alive = Duration::from_secs(1);
    }
    if bits & 4 != 0 {
        config.ws.pong_timeout = Duration::ZERO;
    }
    config
}

/// What frames carry.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z]{0,20}".prop_map(String::into_bytes),
        3 => "\\PC{0,12}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..40),
        1 => Just("κόσμε 🦀".as_bytes()[..7].to_vec()),
        1 => Just(b"\xce".to_vec()),
        1 => Just(b"\xba\xe1\xbd".to_vec()),
        1 => (0usize..70_000).prop_map(|len| vec![b'x'; len]),
        1 => select(&[0u16, 999, 1000, 1001, 1004, 1005, 1006, 1012, 1015, 2000, 3000, 4999, 5000][..])
            .prop_map(|code| [&code.to_be_bytes()[..], b"reason"].concat()),
    ]
}

const BAD: [&[u8]; 3] = [b"\x82\xfe\x00\x10", b"\x82\xff\x80\0\0\0\0\0\0\0", b"\x82\x7f\0\0\0\0\0\0\0\x01"];

/// Frames that a peer might send, sensible or not.
fn peer_frame(from_client: bool) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => select(&[TEXT, BINARY, TEXT, BINARY, 1, 2, FIN, 0, FIN, 0][..]),
        3 => select(&[PING, PONG, PING][..]),
        1 => Just(CLOSE),
        1 => Just(RSV1 | TEXT),
        1 => any::<u8>(),
    ];
    let good = (first, any::<[u8; 4]>(), any::<prop::sample::Index>(), payload()).prop_map(
        move |(first, key, wrong, payload)| {
            let masked = from_client != (wrong.index(40) == 0);
            // Most control frames fit.
            let len =
                if first & 8 != 0 && wrong.index(10) != 1 { payload.len().min(125) } else { payload.len() };
            frame(first, masked.then_some(key), &payload[..len])
        },
    );
    prop_oneof![
        30 => good,
        1 => vec(any::<u8>(), 0..20),
        1 => (0usize..3).prop_map(|i| BAD[i].to_vec()),
    ]
}

/// What a peer sends; now and then with a byte gone wrong.
fn peer(from_client: bool) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (vec(peer_frame(from_client), 0..14), damage).prop_map(|(frames, damage)| {
        let mut input = frames.concat();
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
    out: Vec<(Opcode, Vec<u8>)>,
    closed: (bool, bool),
}

fn outcome<R: Role>(driver: Driver<R>) -> Outcome {
    assert_eq!(driver.faults, Vec::<String>::new());
    let frames = read(&driver.out).into_iter().map(|(header, payload)| (header.opcode, payload));
    Outcome {
        seen: driver.seen,
        error: driver.error,
        out: frames.collect(),
        closed: (driver.machine.is_send_closed(), driver.machine.is_closed()),
    }
}

fn read_by<R: Role>(mut driver: Driver<R>, input: &[u8], cuts: &[usize], eof: bool) -> Outcome {
    let mut at = 0;
    for &cut in cuts {
        driver.feed(&input[at..cut]);
        at = cut;
    }
    driver.feed(&input[at..]);
    if eof {
        driver.eof();
    }
    outcome(driver)
}

fn places(cuts: &[prop::sample::Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Every byte alone, as far as that ends.
fn everywhere(len: usize) -> Vec<usize> {
    (1..=len.min(3000)).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_cutting_of_the_input_is_the_same_to_a_server(
        input in peer(true),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        (bits, eof) in any::<(u8, bool)>(),
    ) {
        let run = |cuts: &[usize]| read_by(server(config(bits)), &input, cuts, eof);
        let whole = run(&[]);
        prop_assert_eq!(&run(&places(&cuts, input.len())), &whole);
        prop_assert_eq!(&run(&everywhere(input.len())), &whole);
    }

    #[test]
    fn any_cutting_of_the_input_is_the_same_to_a_client(
        input in peer(false),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
        (bits, eof) in any::<(u8, bool)>(),
    ) {
        let run = |cuts: &[usize]| read_by(client(config(bits)), &input, cuts, eof);
        let whole = run(&[]);
        prop_assert_eq!(&run(&places(&cuts, input.len())), &whole);
        prop_assert_eq!(&run(&everywhere(input.len())), &whole);
    }

    #[test]
    fn a_refused_call_writes_nothing_and_changes_nothing_in_a_server(
        calls in vec(call(true), 1..20), bits in any::<u8>(),
    ) {
        run_calls(&mut server(config(bits)), &calls)?;
    }

    #[test]
    fn a_refused_call_writes_nothing_and_changes_nothing_in_a_client(
        calls in vec(call(false), 1..20), bits in any::<u8>(),
    ) {
        run_calls(&mut client(config(bits)), &calls)?;
    }

    #[test]
    fn what_one_end_sends_the_other_reports(
        calls in vec(call(true), 1..20), cut in 1usize..50,
    ) {
        let calls: Vec<Call> = calls.into_iter().filter(|c| !matches!(c.what, What::Feed(_))).collect();
        prop_assert!(carried(server(Config::default()), client(Config::default()), &calls, cut).is_ok());
        prop_assert!(carried(client(Config::default()), server(Config::default()), &calls, cut).is_ok());
    }
}

#[derive(Clone, Debug)]
struct Call {
    what: What,
    room: usize,
}

#[derive(Clone, Debug)]
enum What {
    Send(Kind, Vec<u8>, bool),
    Ping(Vec<u8>),
    Close(u16, String),
    Shutdown,
    Hold,
    Pass(u64),
    Feed(Vec<u8>),
}

fn call(to_server: bool) -> impl Strategy<Value = Call> {
    let kind = || select(&[Kind::Text, Kind::Binary][..]);
    let what = prop_oneof![
        8 => (kind(), "[a-zé]{0,200}", any::<bool>()).prop_map(|(k, t, last)| What::Send(k, t.into_bytes(), last)),
        1 => (kind(), 0usize..70_000).prop_map(|(k, n)| What::Send(k, vec![b'x'; n], true)),
        2 => vec(any::<u8>(), 0..130).prop_map(What::Ping),
        1 => (select(&[0u16, 1000, 1005, 1006, 4000][..]), "[a-z]{0,130}").prop_map(|(c, r)| What::Close(c, r)),
        1 => Just(What::Shutdown),
        1 => Just(What::Hold),
        2 => (0..40_000u64).prop_map(What::Pass),
        3 => peer(to_server).prop_map(What::Feed),
    ];
    (what, prop_oneof![1 => 0..140usize, 2 => Just(80_000)]).prop_map(|(what, room)| Call { what, room })
}

fn make<R: Role>(
    call: &Call,
    m: &mut Connection<R>,
    now: Instant,
    out: &mut dyn avx_core::Output,
) -> Result<(), UsageError> {
    match &call.what {
        What::Send(kind, data, last) => m.send(now, *kind, data, *last, out),
        What::Ping(data) => m.ping(now, data, out),
        What::Close(code, reason) => m.close(now, CloseCode(*code), reason, out),
        What::Shutdown => {
            m.shutdown(now);
            Ok(())
        }
        What::Hold => {
            m.hold(now);
            Ok(())
        }
        What::Pass(_) | What::Feed(_) => Ok(()),
    }
}

fn run_calls<R: Role>(driver: &mut Driver<R>, calls: &[Call]) -> Result<(), TestCaseError> {
    for call in calls {
        match &call.what {
            What::Pass(millis) => driver.pass(Duration::from_millis(*millis)),
            What::Feed(bytes) => driver.feed(bytes),
            _ => {
                let before = format!("{:?}", driver.machine);
                let mut memory = vec![0xaa; call.room];
                let mut out = SliceOutput::new(&mut memory);
                let result = driver.call(|m, now, _| make(call, m, now, &mut out));
                let written = out.filled().to_vec();
                driver.out.extend_from_slice(&written);
                if let Err(error) = result {
                    prop_assert!(written.is_empty(), "{:?} wrote {}", error, written.escape_ascii());
                    prop_assert_eq!(
                        &format!("{:?}", driver.machine),
                        &before,
                        "{:?} changed something",
                        error
                    );
                    if let UsageError::OutputFull(full) = error {
                        prop_assert!(full.needed > call.room, "{full:?} of {}", call.room);
                        let mut out = Vec::new();
                        let again = driver.call(|m, now, _| make(call, m, now, &mut out));
                        prop_assert!(again.is_ok(), "{again:?} with enough room");
                        prop_assert_eq!(out.len(), full.needed, "needed another size than it said");
                        driver.out.extend_from_slice(&out);
                    }
                }
                driver.feed(&[]);
            }
        }
    }
    prop_assert_eq!(&driver.faults, &Vec::<String>::new());
    // Whatever was written are good frames, and nothing follows a close frame.
    let frames = read(&driver.out);
    let closes = frames.iter().position(|frame| frame.0.opcode == Opcode::Close);
    prop_assert!(closes.is_none_or(|at| at + 1 == frames.len()), "frames behind a close frame");
    Ok(())
}

/// Makes the calls at one end, and compares what the other end reports.
fn carried<A: Role, B: Role>(
    mut from: Driver<A>,
    mut to: Driver<B>,
    calls: &[Call],
    cut: usize,
) -> Result<(), TestCaseError> {
    let mut expected: Vec<Seen> = Vec::new();
    for call in calls {
        let open = from.machine.is_open();
        let result = from.call(|m, now, out| make(call, m, now, out));
        match &call.what {
            _ if result.is_err() => {}
            What::Send(kind, data, last) => match expected.last_mut() {
                Some(Seen::Data(_, joined, end @ false)) => {
                    joined.extend_from_slice(data);
                    *end = *last;
                }
                _ if data.is_empty() && !last => {}
                _ => expected.push(Seen::Data(*kind, data.clone(), *last)),
            },
            What::Ping(data) => expected.push(Seen::Ping(data.clone())),
            What::Close(code, reason) => expected.push(Seen::Close(CloseCode(*code), reason.clone())),
            What::Shutdown if !open => {}
            What::Shutdown => {
                from.feed(&[]);
                expected.push(Seen::Close(CloseCode::GOING_AWAY, String::new()));
            }
            _ => {}
        }
    }
    let wire = std::mem::take(&mut from.out);
    wire.chunks(cut).for_each(|piece| to.feed(piece));
    prop_assert_eq!(&to.faults, &Vec::<String>::new());
    prop_assert_eq!(to.error, None);
    prop_assert_eq!(to.seen, expected);
    Ok(())
}

#[test]
fn input_that_drips_costs_linear_time() {
    // A message of 1 MB in frames of one byte, a byte at a time.
    let frame = masked(0, b"x");
    let mut input = [masked(2, b""), frame.repeat(100_000), masked(FIN, b"")].concat();
    let mut m = server(Config::default()).machine;
    let mut scratch = Scratch::new();
    let begun = std::time::Instant::now();
    let (mut at, mut bytes) = (0, 0);
    for n in 1..=input.len() {
        while at < n {
            match m.recv(NOW, &mut input[at..n], &mut scratch).unwrap() {
                Recv::Event { consumed, event } => {
                    if let avx_core::ws::Event::Data { data, .. } = event {
                        bytes += data.len();
                    }
                    at += consumed;
                }
                Recv::NeedMore { consumed, .. } => {
                    at += consumed;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((bytes, at), (100_000, input.len()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// The payload told of, and how it ended: with the message, or with an error.
fn told(wire: &[u8], cut: usize) -> (Vec<u8>, Result<bool, PeerError>) {
    let (now, mut scratch) = (Instant::ZERO, Scratch::new());
    let mut server = avx_core::ws::Server::new(Config::default().into(), now);
    let (mut input, mut start, mut payload) = (wire.to_vec(), 0, Vec::new());
    for end in [cut, wire.len()] {
        loop {
            match server.recv(now, &mut input[start..end], &mut scratch) {
                Ok(Recv::Event { consumed, event: avx_core::ws::Event::Data { data, last, .. } }) => {
                    payload.extend_from_slice(data);
                    start += consumed;
                    if last {
                        return (payload, Ok(start == wire.len()));
                    }
                }
                Ok(Recv::NeedMore { consumed, .. }) => {
                    start += consumed;
                    break;
                }
                Err(error) => return (payload, Err(error)),
                other => panic!("{other:?}"),
            }
        }
    }
    (payload, Ok(false))
}

#[test]
fn rfc6455_5_2_a_message_is_the_same_whole_and_cut_at_the_edges_of_all_forms_of_its_length() {
    for len in [0usize, 1, 15, 16, 17, 63, 64, 65, 125, 126, 127, 255, 256, 65_535, 65_536] {
        for wrong in [None, Some(0), Some(len / 2), len.checked_sub(1)] {
            let mut text = vec![b'x'; len];
            if let Some(byte) = wrong.and_then(|at| text.get_mut(at)) {
                *byte = 0xff;
            }
            let key = [0x37, 0xfa, 0x21, 0x3d];
            let mut wire = match len {
                0..126 => vec![0x81, 0x80 | len as u8],
                126..0x1_0000 => [&[0x81, 0xfe][..], &(len as u16).to_be_bytes()].concat(),
                _ => [&[0x81, 0xff][..], &(len as u64).to_be_bytes()].concat(),
            };
            wire.extend(key);
            wire.extend(text.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
            let good = text.iter().position(|&byte| byte == 0xff);
            let expected = match good {
                None => (text, Ok(true)),
                Some(good) => (vec![b'x'; good], Err(PeerError::BadText)),
            };
            for cut in [wire.len(), wire.len() - len.min(1), wire.len() - len / 2, 3, 1] {
                assert_eq!(told(&wire, cut), expected, "{len} bytes, wrong at {wrong:?}, cut at {cut}");
            }
        }
    }
}
