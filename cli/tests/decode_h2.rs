//! `avx decode` of HTTP/2, as a table of frames and what is printed.

mod common;

use common::{
    CONTINUATION, DATA, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, frame, run,
};

/// Role and further arguments, input, exit code, lines printed without `--frames`, and the frames alone.
struct Case {
    args: &'static [&'static str],
    input: Vec<u8>,
    code: i32,
    events: &'static [&'static str],
    frames: &'static [&'static str],
}

const SERVER: &[&str] = &["--as", "h2-server"];
const CLIENT: &[&str] = &["--as", "h2-client"];
const EMPTY_SETTINGS: &str =
    r#"{"event":"frame","type":"SETTINGS","stream":0,"flags":0,"len":0,"ack":false,"settings":[]}"#;
const DEFAULTS: &str = r#"{"event":"settings","settings":[["HEADER_TABLE_SIZE",4096],["ENABLE_PUSH",1],["MAX_CONCURRENT_STREAMS",null],["INITIAL_WINDOW_SIZE",65535],["MAX_FRAME_SIZE",16384],["MAX_HEADER_LIST_SIZE",null],["ENABLE_CONNECT_PROTOCOL",0],["NO_RFC7540_PRIORITIES",0]]}"#;
const GET: &str = r#"{"event":"request","stream":1,"method":"GET","target":"/","version":"2","scheme":"http","authority":"a","fields":[],"body":"empty"}"#;
const END: &str = r#"{"event":"end","stream":1,"trailers":[]}"#;

/// GET, http, /, authority `a` not indexed.
const REQUEST: &[u8] = b"\x82\x86\x84\x01\x01a";

/// What a client sends.
fn client(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, ""), &frames.concat()].concat()
}

/// What a server sends.
fn server(frames: &[Vec<u8>]) -> Vec<u8> {
    [frame(SETTINGS, 0, 0, ""), frames.concat()].concat()
}

fn cases() -> Vec<Case> {
    let mut cases = server_cases();
    cases.extend(client_cases());
    cases
}

fn server_cases() -> Vec<Case> {
    let rare = [
        frame(SETTINGS, 0, 0, b"\0\x04\0\0\x12\x34\x12\x34\0\0\0\x01"),
        frame(SETTINGS, 1, 0, ""),
        frame(PING, 0, 0, b"\0\x01\x02\x03\x04\x05\x06\xff"),
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x05"),
        frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1, i"),
        frame(0xfe, 3, 0, "?"),
        frame(HEADERS, 0x21, 1, [b"\x80\0\0\0\x0f", &REQUEST[..2]].concat()),
        frame(CONTINUATION, 4, 1, &REQUEST[2..]),
        frame(PRIORITY, 0, 1, b"\0\0\0\x00\xff"),
        frame(RST_STREAM, 0, 1, b"\0\0\0\x08"),
        frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x0bbye"),
    ];
    let bodies = [
        frame(HEADERS, 4, 1, b"\x83\x86\x84\x01\x01a"),
        frame(HEADERS, 4, 3, b"\x83\x86\x84\x01\x01a"),
        frame(DATA, 0, 1, "ab"),
        frame(DATA, 8, 1, b"\x02cd\0\0"),
        frame(DATA, 1, 3, b"\xff"),
        frame(DATA, 0, 1, "ef"),
        frame(HEADERS, 5, 1, b"\0\x01t\x01v"),
    ];
    let refused = [
        frame(HEADERS, 5, 1, b"\x82"),
        frame(HEADERS, 5, 3, b"\x82\x86\x84\x01\x01a\x0f\x17\x01b"),
        frame(HEADERS, 4, 5, b"\x83\x86\x84\x01\x01a\x0f\x0d\x011"),
        frame(DATA, 1, 5, "ab"),
    ];
    vec![
        Case { args: SERVER, input: Vec::new(), code: 0, events: &[], frames: &[] },
        Case {
            args: SERVER,
            input: client(&[frame(HEADERS, 5, 1, REQUEST)]),
            code: 0,
            events: &[DEFAULTS, GET, END],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":5,"len":6,"end_stream":true,"end_headers":true,"fragment":6}"#,
            ],
        },
        Case {
            args: SERVER,
            input: client(&rare),
            code: 0,
            events: &[
                DEFAULTS,
                r#"{"event":"settings","settings":[["HEADER_TABLE_SIZE",4096],["ENABLE_PUSH",1],["MAX_CONCURRENT_STREAMS",null],["INITIAL_WINDOW_SIZE",4660],["MAX_FRAME_SIZE",16384],["MAX_HEADER_LIST_SIZE",null],["ENABLE_CONNECT_PROTOCOL",0],["NO_RFC7540_PRIORITIES",0]]}"#,
                r#"{"event":"priority","stream":1,"urgency":1,"incremental":true}"#,
                GET,
                END,
                r#"{"event":"priority","stream":1,"exclusive":false,"depends_on":0,"weight":256}"#,
                r#"{"event":"reset","stream":1,"code":"CANCEL"}"#,
                r#"{"event":"go_away","last":0,"code":"ENHANCE_YOUR_CALM","debug":"bye"}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"SETTINGS","stream":0,"flags":0,"len":12,"ack":false,"settings":[["INITIAL_WINDOW_SIZE",4660],["0x1234",1]]}"#,
                r#"{"event":"frame","type":"SETTINGS","stream":0,"flags":1,"len":0,"ack":true,"settings":[]}"#,
                r#"{"event":"frame","type":"PING","stream":0,"flags":0,"len":8,"ack":false,"data":"00010203040506ff"}"#,
                r#"{"event":"frame","type":"WINDOW_UPDATE","stream":0,"flags":0,"len":4,"increment":5}"#,
                r#"{"event":"frame","type":"PRIORITY_UPDATE","stream":0,"flags":0,"len":10,"prioritized":1,"value":"u=1, i"}"#,
                r#"{"event":"frame","type":"0xfe","stream":0,"flags":3,"len":1}"#,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":33,"len":7,"end_stream":true,"end_headers":false,"fragment":2,"priority":{"exclusive":true,"depends_on":0,"weight":16}}"#,
                r#"{"event":"frame","type":"CONTINUATION","stream":1,"flags":4,"len":4,"end_headers":true,"fragment":4}"#,
                r#"{"event":"frame","type":"PRIORITY","stream":1,"flags":0,"len":5,"priority":{"exclusive":false,"depends_on":0,"weight":256}}"#,
                r#"{"event":"frame","type":"RST_STREAM","stream":1,"flags":0,"len":4,"code":"CANCEL"}"#,
                r#"{"event":"frame","type":"GOAWAY","stream":0,"flags":0,"len":11,"last":0,"code":"ENHANCE_YOUR_CALM","debug":"bye"}"#,
            ],
        },
        Case {
            args: SERVER,
            input: client(&bodies),
            code: 0,
            events: &[
                DEFAULTS,
                r#"{"event":"request","stream":1,"method":"POST","target":"/","version":"2","scheme":"http","authority":"a","fields":[],"body":"streaming"}"#,
                r#"{"event":"request","stream":3,"method":"POST","target":"/","version":"2","scheme":"http","authority":"a","fields":[],"body":"streaming"}"#,
                r#"{"event":"data","stream":1,"text":"abcd"}"#,
                r#"{"event":"data","stream":3,"base64":"/w=="}"#,
                r#"{"event":"end","stream":3,"trailers":[]}"#,
                r#"{"event":"data","stream":1,"text":"ef"}"#,
                r#"{"event":"end","stream":1,"trailers":[["t","v"]]}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":4,"len":6,"end_stream":false,"end_headers":true,"fragment":6}"#,
                r#"{"event":"frame","type":"HEADERS","stream":3,"flags":4,"len":6,"end_stream":false,"end_headers":true,"fragment":6}"#,
                r#"{"event":"frame","type":"DATA","stream":1,"flags":0,"len":2,"end_stream":false,"content":2}"#,
                r#"{"event":"frame","type":"DATA","stream":1,"flags":8,"len":5,"end_stream":false,"content":2,"padding":2}"#,
                r#"{"event":"frame","type":"DATA","stream":3,"flags":1,"len":1,"end_stream":true,"content":1}"#,
                r#"{"event":"frame","type":"DATA","stream":1,"flags":0,"len":2,"end_stream":false,"content":2}"#,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":5,"len":5,"end_stream":true,"end_headers":true,"fragment":5}"#,
            ],
        },
        Case {
            args: SERVER,
            input: client(&refused),
            code: 1,
            events: &[
                DEFAULTS,
                r#"{"event":"error","stream":1,"code":"PROTOCOL_ERROR","scope":"stream"}"#,
                r#"{"event":"error","stream":3,"code":"PROTOCOL_ERROR","scope":"stream","status":400}"#,
                r#"{"event":"request","stream":5,"method":"POST","target":"/","version":"2","scheme":"http","authority":"a","fields":[["content-length","1"]],"body":{"exact":1}}"#,
                r#"{"event":"error","stream":5,"code":"PROTOCOL_ERROR","scope":"stream"}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":5,"len":1,"end_stream":true,"end_headers":true,"fragment":1}"#,
                r#"{"event":"frame","type":"HEADERS","stream":3,"flags":5,"len":10,"end_stream":true,"end_headers":true,"fragment":10}"#,
                r#"{"event":"frame","type":"HEADERS","stream":5,"flags":4,"len":10,"end_stream":false,"end_headers":true,"fragment":10}"#,
                r#"{"event":"frame","type":"DATA","stream":5,"flags":1,"len":2,"end_stream":true,"content":2}"#,
            ],
        },
        Case {
            args: SERVER,
            input: client(&[frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"), frame(PING, 0, 0, b"12345678")]),
            code: 1,
            events: &[
                DEFAULTS,
                r#"{"event":"error","error":"ZeroWindowUpdate","rfc":"RFC 9113, section 6.9","code":"PROTOCOL_ERROR","scope":"connection"}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"WINDOW_UPDATE","stream":0,"flags":0,"len":4,"malformed":"ZeroWindowUpdate"}"#,
            ],
        },
        Case {
            args: SERVER,
            input: client(&[frame(HEADERS, 5, 1, b"\x80")]),
            code: 1,
            events: &[
                DEFAULTS,
                r#"{"event":"error","error":"BadFieldBlock","rfc":"RFC 9113, section 4.3","code":"COMPRESSION_ERROR","scope":"connection"}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":5,"len":1,"end_stream":true,"end_headers":true,"fragment":1}"#,
            ],
        },
        Case {
            args: SERVER,
            input: client(&[b"\xff\xff\xff\0\0\0\0\0\x01too long".to_vec()]),
            code: 1,
            events: &[
                DEFAULTS,
                r#"{"event":"error","error":"FrameTooLarge","rfc":"RFC 9113, section 4.2","code":"FRAME_SIZE_ERROR","scope":"connection"}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"DATA","stream":1,"flags":0,"len":16777215,"missing":16777207}"#,
            ],
        },
        Case {
            args: SERVER,
            input: b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            code: 1,
            events: &[
                r#"{"event":"error","error":"BadPreface","rfc":"RFC 9113, section 3.4","code":"PROTOCOL_ERROR","scope":"connection"}"#,
            ],
            frames: &[],
        },
        Case {
            args: SERVER,
            input: client(&[frame(HEADERS, 4, 1, REQUEST), frame(DATA, 1, 1, "abc")[..10].to_vec()]),
            code: 1,
            events: &[
                DEFAULTS,
                r#"{"event":"request","stream":1,"method":"GET","target":"/","version":"2","scheme":"http","authority":"a","fields":[],"body":"streaming"}"#,
                r#"{"event":"data","stream":1,"text":"a"}"#,
                r#"{"event":"need_more","at_least":1}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":4,"len":6,"end_stream":false,"end_headers":true,"fragment":6}"#,
                r#"{"event":"frame","type":"DATA","stream":1,"flags":1,"len":3,"missing":2}"#,
            ],
        },
    ]
}

fn client_cases() -> Vec<Case> {
    let pushed = [
        frame(HEADERS, 4, 1, b"\x08\x03103"),
        frame(PUSH_PROMISE, 4, 1, [b"\0\0\0\x02", REQUEST].concat()),
        frame(HEADERS, 4, 1, b"\x88"),
        frame(HEADERS, 5, 2, b"\x89"),
        frame(DATA, 1, 1, "page"),
        frame(RST_STREAM, 0, 3, b"\0\0\x12\x34"),
        frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"),
        frame(HEADERS, 5, 7, b"\x8d"),
    ];
    vec![
        Case { args: CLIENT, input: server(&[]), code: 0, events: &[DEFAULTS], frames: &[EMPTY_SETTINGS] },
        Case {
            args: CLIENT,
            input: server(&pushed),
            code: 0,
            events: &[
                DEFAULTS,
                r#"{"event":"informational","stream":1,"status":103,"reason":"","version":"2","fields":[]}"#,
                r#"{"event":"push_promise","stream":1,"promised":2,"method":"GET","target":"/","version":"2","scheme":"http","authority":"a","fields":[]}"#,
                r#"{"event":"response","stream":1,"status":200,"reason":"","version":"2","fields":[],"body":"streaming"}"#,
                r#"{"event":"response","stream":2,"status":204,"reason":"","version":"2","fields":[],"body":"empty"}"#,
                r#"{"event":"end","stream":2,"trailers":[]}"#,
                r#"{"event":"data","stream":1,"text":"page"}"#,
                END,
                r#"{"event":"reset","stream":3,"code":"0x1234"}"#,
                r#"{"event":"go_away","last":2147483647,"code":"NO_ERROR","debug":""}"#,
                r#"{"event":"response","stream":7,"status":404,"reason":"","version":"2","fields":[],"body":"empty"}"#,
                r#"{"event":"end","stream":7,"trailers":[]}"#,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":4,"len":5,"end_stream":false,"end_headers":true,"fragment":5}"#,
                r#"{"event":"frame","type":"PUSH_PROMISE","stream":1,"flags":4,"len":10,"end_headers":true,"promised":2,"fragment":6}"#,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":4,"len":1,"end_stream":false,"end_headers":true,"fragment":1}"#,
                r#"{"event":"frame","type":"HEADERS","stream":2,"flags":5,"len":1,"end_stream":true,"end_headers":true,"fragment":1}"#,
                r#"{"event":"frame","type":"DATA","stream":1,"flags":1,"len":4,"end_stream":true,"content":4}"#,
                r#"{"event":"frame","type":"RST_STREAM","stream":3,"flags":0,"len":4,"code":"0x1234"}"#,
                r#"{"event":"frame","type":"GOAWAY","stream":0,"flags":0,"len":8,"last":2147483647,"code":"NO_ERROR","debug":""}"#,
                r#"{"event":"frame","type":"HEADERS","stream":7,"flags":5,"len":1,"end_stream":true,"end_headers":true,"fragment":1}"#,
            ],
        },
        Case {
            args: &["--as", "h2-client", "--method", "HEAD"],
            input: server(&[frame(HEADERS, 5, 1, b"\x88\x0f\x0d\x015")]),
            code: 0,
            events: &[
                DEFAULTS,
                r#"{"event":"response","stream":1,"status":200,"reason":"","version":"2","fields":[["content-length","5"]],"body":"empty"}"#,
                END,
            ],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":5,"len":5,"end_stream":true,"end_headers":true,"fragment":5}"#,
            ],
        },
        Case {
            args: CLIENT,
            input: server(&[frame(HEADERS, 5, 1, b"\x88\x0f\x0d\x015")]),
            code: 1,
            events: &[DEFAULTS, r#"{"event":"error","stream":1,"code":"PROTOCOL_ERROR","scope":"stream"}"#],
            frames: &[
                EMPTY_SETTINGS,
                r#"{"event":"frame","type":"HEADERS","stream":1,"flags":5,"len":5,"end_stream":true,"end_headers":true,"fragment":5}"#,
            ],
        },
    ]
}

fn decode(args: &[&str], more: &[&str], input: &[u8]) -> common::Ran {
    run(&[&["decode", "--json"], args, more].concat(), input)
}

/// Frames apart from everything else, of which the data events are joined again.
fn split(text: &str) -> (Vec<&str>, usize) {
    let (frames, events): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.starts_with(r#"{"event":"frame""#));
    (frames, events.iter().filter(|line| !line.starts_with(r#"{"event":"data""#)).count())
}

#[test]
fn each_input_prints_its_events_and_exits_with_its_code() {
    for Case { args, input, code, events, .. } in cases() {
        let ran = decode(args, &[], &input);
        assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), events, "{args:?} {}", input.escape_ascii());
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{args:?} {}", input.escape_ascii());
    }
}

#[test]
fn each_frame_is_printed_with_what_its_type_has() {
    for Case { args, input, code, frames, events } in cases() {
        let ran = decode(args, &["--frames"], &input);
        let (printed, others) = split(&ran.stdout);
        assert_eq!(printed, frames, "{args:?} {}", input.escape_ascii());
        let expected = events.iter().filter(|line| !line.starts_with(r#"{"event":"data""#)).count();
        assert_eq!((others, ran.code), (expected, code), "{args:?} {}", input.escape_ascii());
    }
}

#[test]
fn a_frame_comes_before_what_comes_of_it() {
    let input = client(&[frame(HEADERS, 4, 1, REQUEST), frame(DATA, 0, 1, "a"), frame(DATA, 1, 1, "b")]);
    let ran = decode(SERVER, &["--frames"], &input);
    let kinds: Vec<_> = ran.stdout.lines().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!(
        kinds,
        ["frame", "settings", "frame", "request", "frame", "data", "frame", "data", "end"],
        "{}",
        ran.stdout
    );
}

#[test]
fn every_cutting_of_the_input_prints_the_same_events_and_frames() {
    for Case { args, input, code, .. } in cases() {
        for frames in [&[][..], &["--frames"]] {
            let whole = decode(args, frames, &input);
            for n in (1..input.len()).filter(|n| *n < 12 || n % 17 == 0) {
                let cut = decode(args, &[frames, &["--split", &n.to_string()]].concat(), &input);
                assert_eq!(cut.stdout, whole.stdout, "{args:?} --split {n} {}", input.escape_ascii());
                assert_eq!(cut.code, code);
            }
        }
    }
}

#[test]
fn an_early_end_says_what_is_missing_whatever_the_cutting() {
    let input = client(&[
        frame(HEADERS, 0, 1, &REQUEST[..2]),
        frame(CONTINUATION, 4, 1, &REQUEST[2..]),
        frame(DATA, 9, 1, b"\x01abc\0"),
    ]);
    for end in 1..input.len() {
        let whole = decode(SERVER, &["--frames"], &input[..end]);
        // Between frames nothing is missing as long as no stream is open.
        if whole.code == 1 {
            assert!(whole.stdout.lines().last().is_some_and(|line| line.contains("need_more")), "{end}");
        } else {
            assert!(end == PREFACE.len() || end == PREFACE.len() + 9, "{end} {}", whole.stdout);
        }
        for n in ["1", "3"] {
            let cut = decode(SERVER, &["--frames", "--split", n], &input[..end]);
            assert_eq!(cut.stdout, whole.stdout, "{end} {n}");
        }
    }
}

#[test]
fn more_requests_than_streams_allowed_at_once_are_all_read() {
    let requests = (0..500).map(|n| frame(HEADERS, 5, 2 * n + 1, REQUEST)).collect::<Vec<_>>();
    let ran = decode(SERVER, &[], &client(&requests));
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 1001));
    let responses = (0..500).map(|n| frame(HEADERS, 5, 2 * n + 1, b"\x88")).collect::<Vec<_>>();
    let ran = decode(CLIENT, &[], &server(&responses));
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 1001));
}

#[test]
fn rfc9113_10_5_rapid_resets_are_an_error_of_the_connection() {
    let stream =
        |n: u32| [frame(HEADERS, 5, 2 * n + 1, REQUEST), frame(RST_STREAM, 0, 2 * n + 1, b"\0\0\0\x08")];
    let ran = decode(SERVER, &[], &client(&(0..300).flat_map(stream).collect::<Vec<_>>()));
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stdout.lines().last(),
        Some(
            r#"{"event":"error","error":"TooManyResets","rfc":"RFC 9113, section 10.5","code":"ENHANCE_YOUR_CALM","scope":"connection"}"#
        )
    );
}

#[test]
fn text_for_people_names_frames_events_and_errors() {
    let input = client(&[
        frame(PRIORITY, 0, 3, b"\0\0\0\0\x0f"),
        frame(HEADERS, 5, 1, b"\x82\x86\x84\x01\x03a\x1bb"),
        frame(HEADERS, 5, 3, REQUEST),
        frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\x00\x1b[31m"),
        frame(PING, 0, 1, b"12345678"),
    ]);
    let ran = run(&["decode", "--as", "h2-server", "--frames"], &input);
    assert_eq!(ran.code, 1);
    for text in [
        "frame           0  SETTINGS, 0 bytes, flags 0x00\n",
        "depends on 0, weight 16\n",
        "end_stream, end_headers, fragment 8\n",
        "error           1  PROTOCOL_ERROR\n",
        "request         3  GET / HTTP/2\n",
        ":authority: a\n",
        "go away         0  NO_ERROR, last stream 0 \\x1b[31m\n",
        "malformed BadFrameStream\n",
        "BadFrameStream: peer: ",
        "the connection ends with PROTOCOL_ERROR\n",
    ] {
        assert!(ran.stdout.contains(text), "{text} {}", ran.stdout);
    }
    assert!(!ran.bytes.contains(&0x1b));
}

#[test]
fn frames_are_those_of_http2_alone() {
    let ran = run(&["decode", "--as", "h1-server", "--frames"], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("--as h2-server"), "{}", ran.stderr);
    let ran = run(&["decode", "--as", "h2-client", "--method", "G T"], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("--method G T"), "{}", ran.stderr);
}
