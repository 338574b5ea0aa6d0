//! `avx decode` of WebSocket, as a table of frames and what is printed.

mod common;

use common::{Ran, run};

/// Arguments, input, exit code, lines printed without `--frames`, and the frames alone.
struct Case(&'static [&'static str], Vec<u8>, i32, &'static [&'static str], &'static [&'static str]);

const SERVER: &[&str] = &["--as", "ws-server"];
const CLIENT: &[&str] = &["--as", "ws-client"];
const DEFLATE: &[&str] = &["--as", "ws-client", "--deflate", "permessage-deflate"];

/// A frame with a payload of at most 125 bytes; masked, of a client.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut out = vec![first, payload.len() as u8 | if masked { 0x80 } else { 0 }];
    let key: [u8; 4] = if masked { [0x37, 0xfa, 0x21, 0x3d] } else { [0; 4] };
    out.extend(key.iter().take(if masked { 4 } else { 0 }));
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    out
}

fn up(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, true)
}

fn down(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, false)
}

fn cases() -> Vec<Case> {
    vec![
        Case(SERVER, Vec::new(), 0, &[], &[]),
        Case(
            SERVER,
            [
                up(0x81, b"Hello"),
                up(0x02, b"\xff"),
                up(0x89, b"there?"),
                up(0x80, b"\xfe"),
                up(0x88, b"\x03\xe8bye"),
            ]
            .concat(),
            0,
            &[
                r#"{"event":"message","kind":"text","last":true,"text":"Hello"}"#,
                r#"{"event":"ping","text":"there?"}"#,
                r#"{"event":"message","kind":"binary","last":true,"base64":"//4="}"#,
                r#"{"event":"close","code":1000,"reason":"bye"}"#,
            ],
            &[
                r#"{"event":"frame","opcode":"text","fin":true,"rsv1":false,"masked":true,"len":5}"#,
                r#"{"event":"frame","opcode":"binary","fin":false,"rsv1":false,"masked":true,"len":1}"#,
                r#"{"event":"frame","opcode":"ping","fin":true,"rsv1":false,"masked":true,"len":6}"#,
                r#"{"event":"frame","opcode":"continuation","fin":true,"rsv1":false,"masked":true,"len":1}"#,
                r#"{"event":"frame","opcode":"close","fin":true,"rsv1":false,"masked":true,"len":5}"#,
            ],
        ),
        Case(
            CLIENT,
            [down(0x8a, b""), down(0x81, "κ".as_bytes()), down(0x88, b"")].concat(),
            0,
            &[
                r#"{"event":"pong","text":""}"#,
                r#"{"event":"message","kind":"text","last":true,"text":"κ"}"#,
                r#"{"event":"close","code":null,"reason":""}"#,
            ],
            &[
                r#"{"event":"frame","opcode":"pong","fin":true,"rsv1":false,"masked":false,"len":0}"#,
                r#"{"event":"frame","opcode":"text","fin":true,"rsv1":false,"masked":false,"len":2}"#,
                r#"{"event":"frame","opcode":"close","fin":true,"rsv1":false,"masked":false,"len":0}"#,
            ],
        ),
        Case(
            SERVER,
            down(0x81, b"Hello"),
            1,
            &[r#"{"event":"error","error":"UnmaskedFrame","rfc":"RFC 6455, section 5.1","close_code":1002}"#],
            &[r#"{"event":"frame","opcode":"text","fin":true,"rsv1":false,"masked":false,"len":5}"#],
        ),
        Case(
            SERVER,
            [up(0x01, b"good "), up(0x80, b"\xff")].concat(),
            1,
            &[
                r#"{"event":"message","kind":"text","last":false,"text":"good "}"#,
                r#"{"event":"error","error":"BadText","rfc":"RFC 6455, section 8.1","close_code":1007}"#,
            ],
            &[
                r#"{"event":"frame","opcode":"text","fin":false,"rsv1":false,"masked":true,"len":5}"#,
                r#"{"event":"frame","opcode":"continuation","fin":true,"rsv1":false,"masked":true,"len":1}"#,
            ],
        ),
        Case(
            SERVER,
            b"\x83\x80".to_vec(),
            1,
            &[r#"{"event":"error","error":"UnknownOpcode","rfc":"RFC 6455, section 5.2","close_code":1002}"#],
            &[],
        ),
        Case(
            SERVER,
            up(0x01, b"no end"),
            1,
            &[
                r#"{"event":"message","kind":"text","last":false,"text":"no end"}"#,
                r#"{"event":"need_more","at_least":2}"#,
            ],
            &[r#"{"event":"frame","opcode":"text","fin":false,"rsv1":false,"masked":true,"len":6}"#],
        ),
        Case(
            DEFLATE,
            [down(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), down(0xc1, b"\xf2\x00\x11\x00\x00")].concat(),
            0,
            &[
                r#"{"event":"message","kind":"text","last":true,"text":"Hello"}"#,
                r#"{"event":"message","kind":"text","last":true,"text":"Hello"}"#,
            ],
            &[
                r#"{"event":"frame","opcode":"text","fin":true,"rsv1":true,"masked":false,"len":7}"#,
                r#"{"event":"frame","opcode":"text","fin":true,"rsv1":true,"masked":false,"len":5}"#,
            ],
        ),
        Case(
            CLIENT,
            down(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
            1,
            &[r#"{"event":"error","error":"ReservedBit","rfc":"RFC 6455, section 5.2","close_code":1002}"#],
            &[r#"{"event":"frame","opcode":"text","fin":true,"rsv1":true,"masked":false,"len":7}"#],
        ),
    ]
}

fn decode(args: &[&str], more: &[&str], input: &[u8]) -> Ran {
    run(&[&["decode", "--json"], args, more].concat(), input)
}

#[test]
fn each_input_prints_its_events_and_exits_with_its_code() {
    for Case(args, input, code, events, frames) in cases() {
        let ran = decode(args, &[], &input);
        assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), events, "{args:?} {}", input.escape_ascii());
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{args:?} {}", input.escape_ascii());
        let ran = decode(args, &["--frames"], &input);
        let (shown, others): (Vec<_>, Vec<_>) =
            ran.stdout.lines().partition(|line| line.contains(r#""event":"frame""#));
        assert_eq!((shown, others, ran.code), (frames.to_vec(), events.to_vec(), code), "{args:?}");
    }
}

#[test]
fn every_cutting_of_the_input_prints_the_same() {
    for Case(args, input, code, ..) in cases() {
        let whole = decode(args, &["--frames"], &input);
        for n in (1..input.len()).filter(|n| *n < 8 || n % 7 == 0) {
            let cut = decode(args, &["--frames", "--split", &n.to_string()], &input);
            assert_eq!((cut.stdout, cut.code), (whole.stdout.clone(), code), "{args:?} --split {n}");
        }
    }
}

#[test]
fn an_early_end_says_what_is_missing_whatever_the_cutting() {
    let input = [up(0x81, b"Hello"), up(0x89, b"there?")].concat();
    for end in 1..input.len() {
        let ran = decode(SERVER, &[], &input[..end]);
        assert_eq!(ran.code, i32::from(end != 11), "{end}");
        let missing = match end {
            1 => 1,
            2..6 => 6 - end,
            6..11 => 11 - end,
            11 => continue,
            12 => 1,
            13..17 => 17 - end,
            _ => 23 - end,
        };
        let last = format!(r#"{{"event":"need_more","at_least":{missing}}}"#);
        assert_eq!(ran.stdout.lines().last(), Some(&last[..]), "{end}");
        assert_eq!(decode(SERVER, &["--split", "1"], &input[..end]).stdout, ran.stdout, "{end}");
    }
}

#[test]
fn what_comes_behind_a_close_frame_is_counted() {
    let ran = decode(SERVER, &[], &[up(0x88, b""), up(0x81, b"late")].concat());
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 1));
    assert_eq!(ran.stderr, "avx decode: 10 bytes behind the end of the connection were not looked at\n");
}

#[test]
fn people_get_text() {
    let ran = run(
        &["decode", "--as", "ws-server", "--frames"],
        &[up(0x81, b"a\nb"), up(0x88, b"\x03\xe9")].concat(),
    );
    assert_eq!(
        ran.stdout,
        "frame              text, 3 bytes, fin, masked\n\
         text               3 bytes\n\
         \u{20}                  a\n\
         \u{20}                  b\n\
         frame              close, 2 bytes, fin, masked\n\
         close              1001\n"
    );
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for args in [
        &["--as", "h1-server", "--frames"][..],
        &["--as", "h1-server", "--deflate", "permessage-deflate"],
        &["--as", "ws-server", "--deflate", "server_max_window_bits=99"],
        &["--as", "ws-server", "--deflate", "other=1"],
    ] {
        let ran = decode(args, &[], b"");
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.stderr.starts_with("avx decode: --"), "{}", ran.stderr);
    }
}
