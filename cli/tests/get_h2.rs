//! `avx get --http2`, against `avx serve` and against servers that speak something else.

mod common;

use common::{Serving, run};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn content_goes_to_standard_output_and_heads_where_asked() {
    let serving = Serving::start(&[]);
    for flag in ["--http2", "--http2-prior-knowledge"] {
        let ran = run(&["get", flag, &serving.url("/json")], b"");
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "{\"message\":\"Hello, World!\"}", ""));
    }
    let ran = run(&["get", "--http2", "-i", &serving.url("/early")], b"");
    assert!(ran.stdout.starts_with("HTTP/2 103\r\nlink: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\r\n\r\nHTTP/2 200\r\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\r\n\r\nThe hints came first.\n"), "{}", ran.stdout);
    let ran = run(&["get", "--http2", "-I", &serving.url("/bytes/100")], b"");
    assert!(ran.stdout.contains("\r\ncontent-length: 100\r\n"), "{}", ran.stdout);
    let ran = run(&["get", "--http2", "-v", &serving.url("/trailers")], b"");
    assert_eq!(ran.stdout, "The trailers follow.\n");
    for line in ["> GET /trailers HTTP/2\n", "> host: 127.0.0.1:", "< HTTP/2 200\n", "< x-bytes: 21\n"] {
        assert!(ran.stderr.contains(line), "{line} {}", ran.stderr);
    }
}

#[test]
fn urls_of_one_host_are_asked_for_at_once_and_printed_in_order() {
    let serving = Serving::start(&[]);
    let urls: Vec<String> = (0..6).map(|i| serving.url(&format!("/delay/{}", 700 - 100 * i))).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let ran = run(&[&["get", "--http2", "-v"], &urls[..]].concat(), b"");
    let passed = begun.elapsed();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let order: Vec<_> = ran.stdout.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(order, ["700", "600", "500", "400", "300", "200"]);
    assert!(passed < Duration::from_millis(2500), "one after the other takes 2.7 s: {passed:?}");
    assert_eq!(ran.stderr.matches("* connected to").count(), 1, "{}", ran.stderr);

    // Without it, one after the other, over connections of their own.
    let ran = run(&["get", "-v", &serving.url("/delay/2"), &serving.url("/delay/1")], b"");
    assert!(ran.stdout.starts_with("2 ") && ran.stdout.contains("\n1 "), "{}", ran.stdout);
    assert_eq!(ran.stderr.matches("* connected to").count(), 2, "{}", ran.stderr);
}

#[test]
fn pushed_answers_are_printed_behind_the_one_that_promised_them() {
    let serving = Serving::start(&[]);
    let (page, style, script) =
        (serving.url("/push"), serving.url("/push/style.css"), serving.url("/push/script.js"));
    let apart = run(&["get", "--http2", &page, &style, &script], b"");
    let ran = run(&["get", "--http2", "--push", "-v", &page], b"");
    assert_eq!((ran.code, &ran.stdout), (0, &apart.stdout), "{}", ran.stderr);
    for target in ["/push/style.css", "/push/script.js"] {
        assert!(ran.stderr.contains(&format!("* pushed: GET {target}\n")), "{}", ran.stderr);
    }
    let ran = run(&["get", "--http2", "--push", "-i", &page, &page], b"");
    assert_eq!(ran.stdout.matches("HTTP/2 200\r\n").count(), 6, "{}", ran.stdout);
    // Promises are for those who ask for them, and name no files.
    let ran = run(&["get", "--http2", "-i", &page], b"");
    assert_eq!(ran.stdout.matches("HTTP/2 200\r\n").count(), 1, "{}", ran.stdout);
    assert_eq!(run(&["get", "--push", &page], b"").code, 2);
    assert_eq!(run(&["get", "--http2", "--push", "-O", &page], b"").code, 2);
}

#[test]
fn long_answers_wait_for_their_turn_and_hold_nobody_up() {
    let serving = Serving::start(&[]);
    let urls: Vec<String> = (0..60).map(|i| serving.url(&format!("/bytes/{}", 3_000_000 + i))).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let ran = run(&[&["get", "--http2"], &urls[..]].concat(), b"");
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    assert_eq!(ran.bytes.len(), (0..60).map(|i| 3_000_000 + i).sum::<usize>());
}

#[test]
fn content_is_sent_with_each_request() {
    let serving = Serving::start(&[]);
    let (url, file) = (serving.url("/echo"), env!("CARGO_MANIFEST_PATH"));
    let manifest = std::fs::read_to_string(file).unwrap();
    let long = "0123456789abcdef".repeat(100_000);
    let ran = run(&["get", "--http2", "-d", "@-", &url], long.as_bytes());
    assert!(ran.code == 0 && ran.stdout == long, "{}", ran.stderr);
    let ran = run(&["get", "--http2", "-T", file, &url, &url, &url], b"");
    assert!(ran.code == 0 && ran.stdout == manifest.repeat(3), "{}", ran.stderr);
    let ran = run(&["get", "--http2", "-H", "Expect: 100-continue", "-i", "-d", "text", &url], b"");
    assert!(ran.stdout.starts_with("HTTP/2 100\r\n\r\nHTTP/2 200\r\n"), "{}", ran.stdout);
    let ran = run(&["get", "-d", "@-", &url, &url], b"once");
    assert_eq!(ran.code, 55);
    assert_eq!(ran.stderr, "avx get: what was read to be sent cannot be sent twice\n");
}

#[test]
fn one_failure_does_not_keep_the_others_from_being_printed() {
    let serving = Serving::start(&[]);
    let (good, bad) = (serving.url("/json"), serving.url("/status/404"));
    let ran = run(&["get", "--http2", "-f", &good, &bad, &good], b"");
    assert_eq!((ran.code, ran.stdout.matches("Hello").count()), (22, 2));
    assert_eq!(ran.stderr, format!("avx get: {bad}: the server answered 404\n"));
    let ran = run(&["get", "--http2", "-o", "x", &good, &good], b"");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(run(&["get", "--http2", "--http1.1", &good], b"").code, 2);
    assert_eq!(run(&["get", "--http2"], b"").code, 2);
}

/// A server that says the same to everybody and reads to the end.
fn saying(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut preface = [0; 24];
            stream.read_exact(&mut preface).unwrap();
            stream.write_all(answer).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    url
}

#[test]
fn failures_have_the_exit_codes_of_curl_and_say_what_to_do() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    let reset = [SETTINGS, b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02"].concat();
    let begun = [SETTINGS, b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x03\0\0\0\0\0\x01abc"].concat();
    let cut = [&begun[..], b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08"].concat();
    let calm = [SETTINGS, b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x0b"].concat();
    let cases: [(i32, &'static [u8], &str, &str); 7] = [
        (16, b"HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n", "", "does not speak HTTP/2"),
        (16, b"\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\x09?", "", "not an answer in HTTP/2"),
        (16, calm.leak(), "", "ENHANCE_YOUR_CALM"),
        (18, begun.leak(), "abc", "ended early"),
        (52, b"", "", "closed without an answer"),
        (92, reset.leak(), "", "INTERNAL_ERROR"),
        (92, cut.leak(), "abc", "CANCEL"),
    ];
    for (code, answer, printed, text) in cases {
        let ran = run(&["get", "--http2", &saying(answer)], b"");
        assert_eq!((ran.code, &*ran.stdout), (code, printed), "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    let http1 = Serving::start(&["--http1-only"]);
    let ran = run(&["get", "--http2", &http1.url("/")], b"");
    assert_eq!(ran.code, 16);
    assert!(ran.stderr.contains("ask without --http2"), "{}", ran.stderr);
    let http2 = Serving::start(&["--http2-only"]);
    let ran = run(&["get", &http2.url("/")], b"");
    assert!(ran.stderr.contains("(--http2)"), "{}", ran.stderr);
}

#[test]
fn redirects_are_followed_on_the_same_connection() {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    // 302 with "location: /b", then 200 with content.
    let found = b"\0\0\x0a\x01\x05\0\0\0\x01\x08\x03302\x0f\x1f\x02/b";
    let there = b"\0\0\x01\x01\x04\0\0\0\x03\x88\0\0\x05\0\x01\0\0\0\x03there";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&[SETTINGS, found].concat()).unwrap();
        let mut input = Vec::new();
        let mut byte = [0];
        // Until the second request has come: HEADERS on stream 3.
        while !input.windows(6).any(|w| w == b"\x01\x05\0\0\0\x03") {
            assert!(stream.read(&mut byte).unwrap() > 0);
            input.push(byte[0]);
        }
        stream.write_all(there).unwrap();
        let _ = stream.read_to_end(&mut input);
    });
    let ran = run(&["get", "--http2", "-L", &url], b"");
    assert_eq!((ran.code, &*ran.stdout), (0, "there"), "{}", ran.stderr);
    server.join().unwrap();
}
