//! `avx serve` over plain sockets.

mod common;

use common::{Serving, avx, split};
use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::process::Command;

#[test]
fn it_says_where_it_listens_and_ends_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let mut serving = Serving::start(&[]);
        assert_ne!(serving.addr().port(), 0);
        assert!(serving.get("/plaintext").0.starts_with("HTTP/1.1 200 OK\r\n"));
        serving.signal(signal);
        let mut more = String::new();
        serving.stdout.read_line(&mut more).unwrap();
        assert_eq!(more, "");
        assert_eq!(serving.end(), (Some(0), String::new()));
    }
}

#[test]
fn every_endpoint_answers() {
    let serving = Serving::start(&["--workers", "1"]);
    for (path, status, media_type, content) in [
        ("/plaintext", 200, "text/plain", &b"Hello, World!"[..]),
        ("/json", 200, "application/json", b"{\"message\":\"Hello, World!\"}"),
        ("/bytes/0", 200, "application/octet-stream", b""),
        ("/bytes/5", 200, "application/octet-stream", b"abcde"),
        ("/bytes/-1", 400, "text/plain", b"expected a number of bytes below 2^63, as in /bytes/1000\n"),
        ("/status/404", 404, "text/plain", b"404 Not Found\n"),
        ("/status/204", 204, "", b""),
        ("/status/103", 400, "text/plain", b"expected a final status, as in /status/404\n"),
        ("/delay/1", 200, "text/plain; charset=utf-8", b"1 ms later\n"),
        ("/delay/61000", 400, "text/plain", b"expected milliseconds, at most 60000, as in /delay/250\n"),
        ("/headers", 200, "text/plain", b"GET /headers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        ("/nowhere", 404, "text/plain; charset=utf-8", b"Not Found"),
    ] {
        let (head, got) = serving.get(path);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {head}");
        assert!(head.contains("\r\nServer: avx/") && head.contains("\r\nDate: "), "{path} {head}");
        if !media_type.is_empty() {
            assert!(head.contains(&format!("\r\ncontent-type: {media_type}\r\n")), "{path} {head}");
            assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", content.len())), "{path} {head}");
        }
        assert_eq!(got, content, "{path}");
    }
    let (head, page) = serving.get("/");
    assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"));
    assert!(String::from_utf8(page).unwrap().contains("<title>avx</title>"));
}

#[test]
fn echo_sends_content_trailers_and_media_type_back() {
    let serving = Serving::start(&[]);
    for (request, fields, content) in [
        (
            &b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello"
                [..],
            &["content-type: a/b", "Content-Length: 5"][..],
            &b"hello"[..],
        ),
        (
            b"PUT /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
              3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n",
            &["content-type: application/octet-stream", "Transfer-Encoding: chunked"],
            b"5\r\nabcde\r\n0\r\nX-Sum: 1\r\n\r\n",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
            &["Content-Length: 2"],
            b"hi",
        ),
        (b"DELETE /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &["Content-Length: 0"], b""),
    ] {
        let (head, got) = split(&serving.exchange(request));
        for field in fields {
            assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} {head}");
        }
        if head.contains("chunked") {
            // How the content is cut is not said; what it is and the trailers are.
            let text = String::from_utf8(got).unwrap();
            assert!(text.ends_with("0\r\nX-Sum: 1\r\n\r\n"), "{text}");
            let lines = text.lines().filter(|line| line.contains('a') || line.contains('d'));
            assert_eq!(lines.collect::<String>(), "abcde");
        } else {
            assert_eq!(got, content);
        }
    }
}

#[test]
fn echo_streams_more_than_fits_anywhere() {
    const SIZE: usize = 20_000_000;
    let serving = Serving::start(&[]);
    let mut stream = serving.connect();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let head =
            format!("POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {SIZE}\r\n\r\n");
        writer.write_all(head.as_bytes()).unwrap();
        let piece: Vec<u8> = (0..251u8).cycle().take(SIZE).collect();
        writer.write_all(&piece).unwrap();
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    sender.join().unwrap();
    let (_, content) = split(&answer);
    assert_eq!(content.len(), SIZE);
    assert!(content.iter().copied().eq((0..251u8).cycle().take(SIZE)));
}

#[test]
fn the_head_comes_back_byte_for_byte() {
    let serving = Serving::start(&[]);
    let head =
        b"GET /headers?a=%20 HTTP/1.1\r\nhOsT:  x  \r\nX-Odd:\t\xe9 \r\nx-odd:2\r\nConnection: close\r\n\r\n";
    let (_, content) = split(&serving.exchange(head));
    assert_eq!(content, head);
    let (_, content) = split(&serving.exchange(&[b"\r\n", &head[..]].concat()));
    assert_eq!(content, head);
}

#[test]
fn streams_early_hints_and_trailers_are_on_the_wire() {
    let serving = Serving::start(&[]);
    let (head, content) = serving.get("/stream/3");
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"));
    let text = String::from_utf8(content).unwrap();
    assert!(
        text.contains("chunk 1 of 3\n") && text.contains("chunk 3 of 3\n") && text.ends_with("0\r\n\r\n")
    );

    let (head, rest) = serving.get("/early");
    assert!(head.starts_with("HTTP/1.1 103 Early Hints\r\n") && head.contains("link: "), "{head}");
    assert!(split(&rest).0.starts_with("HTTP/1.1 200 OK\r\n"));

    let (head, content) = serving.get("/trailers");
    assert!(head.contains("\r\ntrailer: x-bytes, x-end\r\n"), "{head}");
    assert!(content.ends_with(b"0\r\nx-bytes: 21\r\nx-end: yes\r\n\r\n"), "{}", content.escape_ascii());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let serving = Serving::start(&[]);
    let answer = serving.exchange(
        b"GET /json HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
          GET /bytes/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    let (_, rest) = split(&answer);
    let rest = rest.strip_prefix(b"{\"message\":\"Hello, World!\"}").unwrap();
    let (_, rest) = split(rest);
    let (_, rest) = split(rest.strip_prefix(b"abc").unwrap());
    assert_eq!(rest, b"abcde");
}

#[test]
fn a_signal_lets_a_transfer_complete() {
    const SIZE: usize = 30_000_000;
    let serving = Serving::start(&[]);
    let idle = serving.connect();
    let mut stream = serving.connect();
    stream.write_all(format!("GET /bytes/{SIZE} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut answer = vec![0; 1000];
    stream.read_exact(&mut answer).unwrap();
    serving.signal("TERM");
    serving.wait_until_closed();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(split(&answer).1.len(), SIZE);
    drop((idle, stream));
    assert_eq!(serving.end(), (Some(0), String::new()));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let serving = Serving::start(&[]);
    let mut stream = serving.connect();
    stream.write_all(b"GET /bytes/1000000000000 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    serving.signal("TERM");
    serving.wait_until_closed();
    serving.signal("TERM");
    assert_eq!(serving.end().0, Some(1));
}

#[test]
fn what_is_not_done_in_time_is_dropped() {
    let serving = Serving::start(&["--shutdown-timeout", "0.1"]);
    let mut stream = serving.connect();
    stream.write_all(b"GET /bytes/1000000000000 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    serving.signal("TERM");
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn it_serves_a_directory_and_nothing_beside_it() {
    let dir = std::env::temp_dir().join(format!("avx-serve-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("in/sub")).unwrap();
    std::fs::write(dir.join("in/a.txt"), "text").unwrap();
    std::fs::write(dir.join("secret"), "secret").unwrap();
    let root = dir.join("in");
    let serving = Serving::start(&["--dir", root.to_str().unwrap()]);
    let (head, content) = serving.get("/a.txt");
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert_eq!(content, b"text");
    for path in ["/../secret", "/%2e%2e/secret", "/sub/", "/none"] {
        assert!(serving.get(path).0.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let listing = Serving::start(&["--dir", root.to_str().unwrap(), "--listing"]);
    assert!(String::from_utf8(listing.get("/").1).unwrap().contains("a.txt"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn it_listens_on_several_addresses() {
    let path = std::env::temp_dir().join(format!("avx-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let mut serving = Serving::start(&["--addr", "127.0.0.1:0", "--unix", path]);
    let mut lines = String::new();
    serving.stdout.read_line(&mut lines).unwrap();
    serving.stdout.read_line(&mut lines).unwrap();
    assert_eq!(lines.lines().last(), Some(&*format!("listening on unix:{path}")));
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.write_all(b"GET /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(split(&answer).1, b"{\"message\":\"Hello, World!\"}");
    drop(stream);
    serving.signal("TERM");
    assert_eq!(serving.end().0, Some(0));
    assert!(!std::path::Path::new(path).exists());

    let serving = Serving::start_at(&["--unix", path]);
    assert_eq!(serving.line, format!("listening on unix:{path}"));
}

#[test]
fn the_access_log_has_a_line_for_each_request() {
    let serving = Serving::start(&["--access-log"]);
    serving.get("/plaintext");
    serving.exchange(b"GET /x%22 HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"b\r\nConnection: close\r\n\r\n");
    let mut refused = serving.connect();
    refused.write_all(b"GET /\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    refused.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
    serving.signal("TERM");
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    let lines: Vec<_> = log.lines().collect();
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{log}");
    assert!(lines[0].contains("] \"GET /plaintext HTTP/1.1\" 200 13 \"-\" \"-\" "), "{log}");
    assert!(lines[1].contains("\"a\\x22b\""), "{log}");
    assert!(lines[2].contains("] \"-\" 400 "), "{log}");
    assert_eq!(lines.len(), 3);
}

/// An HTTP/2 client's preface and its empty SETTINGS.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn one_port_speaks_both_protocols_unless_told_otherwise() {
    for (args, http1, http2) in
        [(&[][..], true, true), (&["--http1-only"], true, false), (&["--http2-only"], false, true)]
    {
        let serving = Serving::start(args);
        let mut stream = serving.connect();
        stream.write_all(b"GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        // What is not spoken may end in a reset.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), http1, "{args:?} {}", answer.escape_ascii());

        let mut stream = serving.connect();
        stream.write_all(PREFACE).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        // The type of the first frame: SETTINGS. Or the refusal in words.
        assert_eq!(answer[3] == 4 && answer[0] == 0, http2, "{args:?} {}", answer.escape_ascii());
        assert_eq!(&answer == b"HTTP/1.1 505", !http2, "{args:?} {}", answer.escape_ascii());
    }
    let output = avx(&["serve", "--http1-only", "--http2-only"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be used with"));
}

#[test]
fn what_it_cannot_serve_is_said_and_exits_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let file = env!("CARGO_MANIFEST_PATH");
    for (args, text) in [
        (&["--addr", &*taken][..], "in use"),
        (&["--addr", "nonsense"], "HOST:PORT"),
        (&["--dir", "/no/such/directory"], "/no/such/directory"),
        (&["--dir", file], "not a directory"),
        (&["--unix", "/no/such/directory/socket"], "/no/such/directory/socket"),
    ] {
        let output = avx(&[&["serve"], args].concat()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?} {stderr}");
        assert!(stderr.contains(text), "{args:?} {stderr}");
        assert!(output.stdout.is_empty());
    }
    for args in [&["serve", "--workers", "0"][..], &["serve", "--nonsense"], &["nonsense"], &[]] {
        assert_eq!(avx(args).output().unwrap().status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn help_and_version_are_there() {
    for (args, text) in [
        (&["--help"][..], "avx serve"),
        (&["serve", "--help"], "/plaintext"),
        (&["serve", "--help"], "--http2-prior-knowledge"),
        (&["get", "--help"], "Exit status"),
        (&["decode", "--help"], "need_more"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_avx")).args(args).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains(text), "{args:?}");
        assert!(!output.stdout.contains(&0x1b), "{args:?}");
    }
}

#[test]
fn a_low_soft_limit_of_open_files_is_raised() {
    let serving = Serving::start_behind("ulimit -Sn 64", &[]);
    let mut connections: Vec<_> = (0..200).map(|_| serving.connect()).collect();
    for stream in &mut connections {
        stream.write_all(b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).expect("all are served at the same time");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
}

#[test]
fn a_low_hard_limit_of_open_files_is_told() {
    let serving = Serving::start_behind("ulimit -n 64", &["--max-connections", "100"]);
    serving.signal("TERM");
    let (code, stderr) = serving.end();
    assert_eq!(code, Some(0));
    assert!(stderr.starts_with("avx serve: 64 open files are allowed (ulimit -Hn)"), "{stderr}");
}
