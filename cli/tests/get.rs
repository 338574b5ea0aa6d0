//! `avx get`, against `avx serve` and against servers that misbehave.

mod common;

use common::{PATIENCE, Serving, run};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

/// A server that gives the n-th connection the n-th answer, and closes.
fn answering(answers: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                head.push(byte[0]);
            }
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut head);
        }
    });
    addr
}

#[test]
fn content_goes_to_standard_output_and_heads_where_asked() {
    let serving = Serving::start(&[]);
    let json = "{\"message\":\"Hello, World!\"}";
    let ran = run(&["get", &serving.url("/json")], b"");
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, json, ""));

    let ran = run(&["get", "-i", &serving.url("/early")], b"");
    assert!(ran.stdout.starts_with("HTTP/1.1 103 Early Hints\r\nlink: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert!(ran.stdout.ends_with("\r\n\r\nThe hints came first.\n"));

    let ran = run(&["get", "-I", &serving.url("/bytes/100")], b"");
    assert!(ran.stdout.ends_with("\r\nContent-Length: 100\r\n\r\n"), "{}", ran.stdout);

    let ran = run(&["get", "-v", &serving.url("/trailers")], b"");
    assert_eq!(ran.stdout, "The trailers follow.\n");
    for line in
        ["> GET /trailers HTTP/1.1\n", "< HTTP/1.1 200 OK\n", "< x-bytes: 21\n", "* connected to 127.0.0.1:"]
    {
        assert!(ran.stderr.contains(line), "{line} {}", ran.stderr);
    }
}

#[test]
fn the_request_is_as_the_options_say_and_as_verbose_shows() {
    let serving = Serving::start(&[]);
    let host = format!("Host: {}", serving.addr());
    let agent = concat!("User-Agent: avx/", env!("CARGO_PKG_VERSION"));
    for (args, lines) in [
        (&[][..], &["GET /headers?q HTTP/1.1", &host, agent, "Accept: */*"][..]),
        (
            &["-H", "Accept:", "-H", "X-A: b", "-H", "X-E;"],
            &["GET /headers?q HTTP/1.1", &host, agent, "X-A: b", "X-E: "],
        ),
        (
            &["-X", "PURGE", "-H", "User-Agent: me"],
            &["PURGE /headers?q HTTP/1.1", &host, "Accept: */*", "User-Agent: me"],
        ),
        (&["-H", "Host: other"], &["GET /headers?q HTTP/1.1", "Host: other", agent, "Accept: */*"]),
        (
            &["-d", "a=1", "-d", "b=2"],
            &[
                "POST /headers?q HTTP/1.1",
                &host,
                agent,
                "Accept: */*",
                "Content-Type: application/x-www-form-urlencoded",
                "Content-Length: 7",
            ],
        ),
    ] {
        let ran = run(&[&["get", "-v"], args, &[&*serving.url("/headers?q#f")]].concat(), b"");
        assert_eq!(ran.code, 0, "{args:?} {}", ran.stderr);
        assert_eq!(ran.stdout.trim_end_matches("\r\n").lines().collect::<Vec<_>>(), lines, "{args:?}");
        let shown: Vec<_> = ran.stderr.lines().filter_map(|line| line.strip_prefix("> ")).collect();
        assert_eq!(shown[..lines.len()], *lines, "{args:?}");
    }
}

#[test]
fn content_to_send_comes_from_arguments_files_and_standard_input() {
    let serving = Serving::start(&[]);
    let (url, file) = (serving.url("/echo"), env!("CARGO_MANIFEST_PATH"));
    let manifest = std::fs::read_to_string(file).unwrap();
    let at_file = format!("@{file}");
    let long = "0123456789abcdef".repeat(100_000);
    for (args, input, expected) in [
        (&["-d", "text"][..], "", "text"),
        (&["-d", "@-"], "from stdin", "from stdin"),
        (&["-d", "@-"], &*long, &*long),
        (&["-d", "@-"], "", ""),
        (&["-d", &at_file], "", &*manifest),
        (&["-T", file], "", &*manifest),
        (&["-T", "-"], &*long, &*long),
        (&["-d", "a", "-d", "@-"], "b\n", "a&b\n"),
    ] {
        let ran = run(&[&["get"], args, &[&*url]].concat(), input.as_bytes());
        assert_eq!(ran.code, 0, "{args:?} {}", ran.stderr);
        assert!(ran.stdout == expected, "{args:?}");
    }
}

#[test]
fn long_content_goes_to_a_file() {
    let serving = Serving::start(&[]);
    let path = std::env::temp_dir().join(format!("avx-get-{}", std::process::id()));
    let ran = run(&["get", "-o", path.to_str().unwrap(), &serving.url("/bytes/10000000")], b"");
    assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 10_000_000);
    let ran = run(&["get", "-o", path.to_str().unwrap(), &serving.url("/bytes/0")], b"");
    assert_eq!((ran.code, std::fs::metadata(&path).unwrap().len()), (0, 0));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_unix_socket_may_stand_for_the_host() {
    let path = std::env::temp_dir().join(format!("avx-get-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let _serving = Serving::start_at(&["--unix", path]);
    let ran = run(&["get", "--unix-socket", path, "http://some.host/headers"], b"");
    assert!(ran.stdout.contains("\r\nHost: some.host\r\n"), "{ran:?}");
}

#[test]
fn failures_have_the_exit_codes_of_curl() {
    let serving = Serving::start(&[]);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let answer = |bytes: &[u8]| format!("http://{}/", answering(vec![bytes.to_vec()]));
    for (code, args) in [
        (1, vec!["https://localhost/".to_owned()]),
        (1, vec!["ftp://localhost/".to_owned()]),
        (2, vec!["-H".into(), "nonsense".into(), serving.url("/")]),
        (2, vec!["-X".into(), "G T".into(), serving.url("/")]),
        (3, vec!["http://".to_owned()]),
        (3, vec!["http://a b/".to_owned()]),
        (3, vec!["http://localhost:x/".to_owned()]),
        (6, vec!["http://no-such-host.invalid/".to_owned()]),
        (7, vec![closed]),
        (7, vec!["--unix-socket".into(), "/no/such/socket".into(), "http://x/".into()]),
        (8, vec![answer(b"garbage\r\n\r\n")]),
        (8, vec![answer(b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n")]),
        (18, vec![answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")]),
        (18, vec![answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")]),
        (22, vec!["-f".into(), serving.url("/status/404")]),
        (23, vec!["-o".into(), "/no/such/directory/file".into(), serving.url("/json")]),
        (26, vec!["-d".into(), "@/no/such/file".into(), serving.url("/echo")]),
        (28, vec!["-m".into(), "0.2".into(), serving.url("/delay/60000")]),
        (52, vec![answer(b"")]),
        (56, vec![answer(b"HTTP/1.1 200 OK\r\nServer")]),
        (56, vec![answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")]),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = run(&[&["get"], &args[..]].concat(), b"");
        assert_eq!(ran.code, code, "{args:?} {}", ran.stderr);
        assert!(ran.stderr.starts_with("avx get: "), "{args:?} {}", ran.stderr);
        let ran = run(&[&["get", "-s"], &args[..args.len() - 1], &["https://x/"]].concat(), b"");
        assert_eq!(ran.stderr, "", "{args:?}");
    }
}

#[test]
fn what_came_before_the_failure_is_printed() {
    let addr = answering(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()]);
    let ran = run(&["get", &format!("http://{addr}/")], b"");
    assert_eq!((ran.code, &*ran.stdout), (18, "abc"));
}

#[test]
fn redirects_are_followed_when_asked_and_only_so_far() {
    let serving = Serving::start(&[]);
    let to = |location: &str, status: &str| {
        format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let addr = answering(vec![to(&serving.url("/headers"), "302 Found")]);
    let ran = run(&["get", "-d", "x", "-H", "Authorization: y", "-L", &format!("http://{addr}/")], b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("GET /headers HTTP/1.1\r\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("Authorization") && !ran.stdout.contains("Content-"), "{}", ran.stdout);

    let addr = answering(vec![to(&serving.url("/echo"), "307 Temporary Redirect")]);
    let ran = run(&["get", "-d", "again", "-L", &format!("http://{addr}/")], b"");
    assert_eq!((ran.code, &*ran.stdout), (0, "again"));

    let addr = answering(vec![to("/", "301 Moved Permanently"); 11]);
    let ran = run(&["get", "-L", &format!("http://{addr}/")], b"");
    assert_eq!(ran.code, 47);

    let addr = answering(vec![to("/", "301 Moved Permanently")]);
    assert_eq!(run(&["get", &format!("http://{addr}/")], b"").code, 0);
}

#[test]
fn interim_responses_are_shown_before_the_final_one_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut child = common::avx(&["get", "-i", &url]).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut hints = [0; 28];
    stdout.read_exact(&mut hints).unwrap();
    assert_eq!(&hints, b"HTTP/1.1 103 Early Hints\r\n\r\n");
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert!(child.wait().unwrap().success());
}
