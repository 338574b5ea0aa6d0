//! `avx decode`, as a table of wire bytes and what is printed.

mod common;

use common::run;

/// Role and further arguments, input, exit code, lines printed.
struct Case(&'static [&'static str], &'static [u8], i32, &'static [&'static str]);

const SERVER: &[&str] = &["--as", "h1-server"];
const CLIENT: &[&str] = &["--as", "h1-client"];

const CASES: &[Case] = &[
    Case(SERVER, b"", 0, &[]),
    Case(
        SERVER,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST /a?b HTTP/1.1\r\nHOST: y\r\nContent-Length: 5\r\n\r\nhello\
          GET /c HTTP/1.0\r\n\r\n",
        0,
        &[
            r#"{"event":"request","stream":1,"method":"GET","target":"/","version":"1.1","fields":[["Host","x"]],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"request","stream":2,"method":"POST","target":"/a?b","version":"1.1","fields":[["HOST","y"],["Content-Length","5"]],"body":{"exact":5}}"#,
            r#"{"event":"data","stream":2,"text":"hello"}"#,
            r#"{"event":"end","stream":2,"trailers":[]}"#,
            r#"{"event":"request","stream":3,"method":"GET","target":"/c","version":"1.0","fields":[],"body":"empty"}"#,
            r#"{"event":"end","stream":3,"trailers":[]}"#,
        ],
    ),
    Case(
        SERVER,
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n2;x=y\r\n\xff\"\r\n0\r\nT: v\r\n\r\n",
        0,
        &[
            r#"{"event":"request","stream":1,"method":"PUT","target":"/","version":"1.1","fields":[["Host","x"],["Transfer-Encoding","chunked"]],"body":"streaming"}"#,
            r#"{"event":"data","stream":1,"base64":"YWIK/yI="}"#,
            r#"{"event":"end","stream":1,"trailers":[["T","v"]]}"#,
        ],
    ),
    Case(
        SERVER,
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\"\\\xc3\xa9\r\n2x\r\n",
        1,
        &[
            r#"{"event":"request","stream":1,"method":"PUT","target":"/","version":"1.1","fields":[["Host","x"],["Transfer-Encoding","chunked"]],"body":"streaming"}"#,
            r#"{"event":"data","stream":1,"text":"\"\\é"}"#,
            r#"{"event":"error","error":"BadChunkSize","rfc":"RFC 9112, section 7.1","status":400}"#,
        ],
    ),
    Case(
        SERVER,
        b"GET / HTTP/1.1\r\nHost: x\r\nA: caf\xe9\r\nB: \xc3\xa9\r\n\r\n",
        0,
        &[
            r#"{"event":"request","stream":1,"method":"GET","target":"/","version":"1.1","fields":[["Host","x"],["A","caf\u00e9"],["B","\u00c3\u00a9"]],"body":"empty","encoding":"latin-1"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
        ],
    ),
    Case(
        SERVER,
        b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: other, websocket\r\n\r\n\x81\x00",
        0,
        &[
            r#"{"event":"request","stream":1,"method":"GET","target":"/chat","version":"1.1","fields":[["Host","x"],["Connection","keep-alive, Upgrade"],["Upgrade","other, websocket"]],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"switched","to":"websocket","rest":2}"#,
        ],
    ),
    Case(
        SERVER,
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET / HTTP/1.1\r\n",
        0,
        &[
            r#"{"event":"request","stream":1,"method":"CONNECT","target":"a:1","version":"1.1","fields":[["Host","a:1"]],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"switched","to":"tunnel","rest":16}"#,
        ],
    ),
    Case(SERVER, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, &[r#"{"event":"switched","to":"http2","rest":24}"#]),
    Case(
        SERVER,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
        1,
        &[
            r#"{"event":"request","stream":1,"method":"POST","target":"/","version":"1.1","fields":[["Host","x"],["Content-Length","5"]],"body":{"exact":5}}"#,
            r#"{"event":"data","stream":1,"text":"hel"}"#,
            r#"{"event":"need_more","at_least":1}"#,
        ],
    ),
    Case(
        SERVER,
        b"GET / HTTP/1.1\nHost: x\n\n",
        1,
        &[r#"{"event":"error","error":"BareLf","rfc":"RFC 9112, section 2.2","status":400}"#],
    ),
    Case(
        &["--as", "h1-server", "--lenient", "bare-lf"],
        b"GET / HTTP/1.1\nHost: x\n\n",
        0,
        &[
            r#"{"event":"request","stream":1,"method":"GET","target":"/","version":"1.1","fields":[["Host","x"]],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
        ],
    ),
    Case(
        CLIENT,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
          HTTP/1.1 204 No Content\r\n\r\nHTTP/1.0 404 \r\n\r\ntill the end",
        0,
        &[
            r#"{"event":"informational","stream":1,"status":103,"reason":"Early Hints","version":"1.1","fields":[["Link","</a>"]]}"#,
            r#"{"event":"response","stream":1,"status":200,"reason":"OK","version":"1.1","fields":[["Content-Length","2"]],"body":{"exact":2}}"#,
            r#"{"event":"data","stream":1,"text":"ok"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"response","stream":2,"status":204,"reason":"No Content","version":"1.1","fields":[],"body":"empty"}"#,
            r#"{"event":"end","stream":2,"trailers":[]}"#,
            r#"{"event":"response","stream":3,"status":404,"reason":"","version":"1.0","fields":[],"body":"streaming"}"#,
            r#"{"event":"data","stream":3,"text":"till the end"}"#,
            r#"{"event":"end","stream":3,"trailers":[]}"#,
        ],
    ),
    Case(
        &["--as", "h1-client", "--method", "HEAD"],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        0,
        &[
            r#"{"event":"response","stream":1,"status":200,"reason":"OK","version":"1.1","fields":[["Content-Length","5"]],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"response","stream":2,"status":200,"reason":"OK","version":"1.1","fields":[["Transfer-Encoding","chunked"]],"body":"empty"}"#,
            r#"{"event":"end","stream":2,"trailers":[]}"#,
        ],
    ),
    Case(
        &["--as", "h1-client", "--method", "CONNECT"],
        b"HTTP/1.1 200 OK\r\n\r\nxyz",
        0,
        &[
            r#"{"event":"response","stream":1,"status":200,"reason":"OK","version":"1.1","fields":[],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"switched","to":"tunnel","rest":3}"#,
        ],
    ),
    Case(
        CLIENT,
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nx",
        0,
        &[
            r#"{"event":"response","stream":1,"status":101,"reason":"Switching Protocols","version":"1.1","fields":[["Connection","upgrade"],["Upgrade","websocket"]],"body":"empty"}"#,
            r#"{"event":"end","stream":1,"trailers":[]}"#,
            r#"{"event":"switched","to":"websocket","rest":1}"#,
        ],
    ),
    Case(
        CLIENT,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        1,
        &[r#"{"event":"error","error":"ConflictingContentLength","rfc":"RFC 9112, section 6.3","status":400}"#],
    ),
    Case(
        CLIENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        1,
        &[
            r#"{"event":"response","stream":1,"status":200,"reason":"OK","version":"1.1","fields":[["Transfer-Encoding","chunked"]],"body":"streaming"}"#,
            r#"{"event":"data","stream":1,"text":"hel"}"#,
            r#"{"event":"need_more","at_least":1}"#,
        ],
    ),
];

fn decode(args: &[&str], more: &[&str], input: &[u8]) -> common::Ran {
    run(&[&["decode", "--json"], args, more].concat(), input)
}

#[test]
fn each_input_prints_its_lines_and_exits_with_its_code() {
    for Case(args, input, code, lines) in CASES {
        let ran = decode(args, &[], input);
        let what = input.escape_ascii();
        assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), *lines, "{args:?} {what}");
        assert_eq!((ran.code, ran.stderr.as_str()), (*code, ""), "{args:?} {what}");
    }
}

#[test]
fn every_cutting_of_the_input_prints_the_same() {
    for Case(args, input, code, _) in CASES {
        let whole = decode(args, &[], input);
        for n in 1..input.len() {
            // Past a few sizes only some more are worth a process.
            if n > 24 && n % 7 != 0 {
                continue;
            }
            let cut = decode(args, &["--split", &n.to_string()], input);
            assert_eq!(cut.stdout, whole.stdout, "{args:?} --split {n} {}", input.escape_ascii());
            assert_eq!(cut.code, *code);
        }
    }
}

#[test]
fn the_need_said_at_an_early_end_does_not_depend_on_the_cutting() {
    let sample: &[u8] =
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
    for end in 1..sample.len() {
        let whole = decode(SERVER, &[], &sample[..end]);
        assert_eq!(whole.code, 1);
        assert!(whole.stdout.lines().last().is_some_and(|line| line.contains("need_more")), "{end}");
        for n in ["1", "3"] {
            assert_eq!(decode(SERVER, &["--split", n], &sample[..end]).stdout, whole.stdout, "{end} {n}");
        }
    }
}

#[test]
fn a_long_body_is_one_event_whatever_the_cutting() {
    let body = "0123456789abcdef".repeat(20_000);
    let input = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let whole = decode(SERVER, &[], input.as_bytes());
    assert_eq!(whole.stdout.lines().count(), 3);
    assert_eq!(
        whole.stdout.lines().nth(1),
        Some(&*format!(r#"{{"event":"data","stream":1,"text":"{body}"}}"#))
    );
    assert_eq!(decode(SERVER, &["--split", "4093"], input.as_bytes()).stdout, whole.stdout);
}

#[test]
fn a_body_beyond_the_bound_is_cut_between_characters() {
    let body = "x".to_owned() + &"é".repeat(9 << 20);
    let input = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let ran = decode(SERVER, &[], input.as_bytes());
    let pieces: Vec<_> = ran.stdout.lines().filter(|line| line.contains("\"data\"")).collect();
    assert_eq!(pieces.len(), 2);
    assert!(pieces.iter().all(|line| line.contains("\"text\":")));
}

#[test]
fn bytes_behind_the_end_of_the_connection_are_said_to_be_ignored() {
    let ran = decode(CLIENT, &[], b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nabc");
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("3 bytes behind the end"), "{}", ran.stderr);
}

#[test]
fn text_for_people_has_no_escapes_of_the_peer_and_no_colours_off_a_terminal() {
    let input = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\x1b[31m";
    let ran = run(&["decode", "--as", "h1-server"], input);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("\\x1b[31m"), "{}", ran.stdout);
    assert!(!ran.bytes.contains(&0x1b));
    assert!(ran.stdout.contains("PUT / HTTP/1.1"));
}

#[test]
fn wrong_arguments_and_unreadable_files_exit_with_2() {
    for args in [
        &["decode"][..],
        &["decode", "--as", "h3"],
        &["decode", "--as", "hpack", "--table-size", "-1"],
        &["decode", "--as", "h1-server", "--split", "0"],
        &["decode", "--as", "h1-server", "--lenient", "everything"],
        &["decode", "--as", "h1-client", "--method", "G T"],
        &["decode", "--as", "h1-server", "/no/such/file"],
        &["decode", "--as", "h1-server", "/"],
    ] {
        let ran = run(args, b"");
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{args:?}");
    }
    let ran = run(&["decode", "--as", "h1-server", "--lenient", "everything"], b"");
    assert!(ran.stderr.contains("bare-lf") && ran.stderr.contains("space-before-colon"), "{}", ran.stderr);
}
