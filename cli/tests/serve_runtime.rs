//! `avx serve --runtime`: the same server, whatever runs it.

mod common;
#[path = "common/websocket.rs"]
mod websocket;

use common::{Serving, run};
use std::io::{Read, Write};
use std::net::TcpListener;
use websocket::{TEXT, ask, masked, read_text};

/// Those that this program was built with.
const RUNTIMES: &[&str] = &[
    "avx",
    #[cfg(feature = "tokio")]
    "tokio",
    #[cfg(feature = "tokio")]
    "tokio-current",
    #[cfg(feature = "smol")]
    "smol",
];

#[test]
fn every_runtime_serves_sleeps_talks_and_ends() {
    for runtime in RUNTIMES {
        let serving = Serving::start(&["--runtime", runtime, "--workers", "1"]);
        let (head, content) = serving.get("/plaintext");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{runtime}: {head}");
        assert_eq!(content, b"Hello, World!", "{runtime}");
        assert_eq!(serving.get("/delay/5").1, b"5 ms later\n", "{runtime}");
        assert_eq!(serving.get("/priority/a?size=3").1, b"aaa", "{runtime}");
        let mut stream = serving.connect();
        assert!(ask(&mut stream, "/ws", "").starts_with("HTTP/1.1 101 "), "{runtime}");
        stream.write_all(&masked(TEXT, "Hello")).unwrap();
        assert_eq!(read_text(&mut stream), "Hello", "{runtime}");
        drop(stream);
        serving.signal("TERM");
        assert_eq!(serving.end(), (Some(0), String::new()), "{runtime}");
    }
}

#[test]
fn every_runtime_serves_files_and_looks_names_up() {
    for runtime in RUNTIMES {
        let serving = Serving::start_at(&[
            "--addr",
            "localhost:0",
            "--runtime",
            runtime,
            "--dir",
            env!("CARGO_MANIFEST_DIR"),
        ]);
        let mut stream = serving.connect();
        stream.write_all(b"GET /Cargo.toml HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with(include_str!("../Cargo.toml")), "{runtime}: {answer}");
    }
}

#[test]
fn every_runtime_says_that_the_address_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for runtime in RUNTIMES {
        let ran = run(&["serve", "--addr", &addr, "--runtime", runtime], b"");
        assert_eq!(ran.code, 1, "{runtime}");
        let start = format!("avx serve: cannot listen on {addr}: ");
        assert!(
            ran.stderr.starts_with(&start) && ran.stderr.lines().count() == 1,
            "{runtime}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_runtime_that_is_not_there_is_an_error_that_says_so() {
    let ran = run(&["serve", "--runtime", "glommio"], b"");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("possible values: avx, tokio, tokio-current, smol"), "{}", ran.stderr);
    let ran = run(&["serve", "--addr", "127.0.0.1:0", "--runtime", "tokio-current", "--workers", "2"], b"");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("avx serve: --runtime tokio-current"), "{}", ran.stderr);
}
