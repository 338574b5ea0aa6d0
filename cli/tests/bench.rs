//! `avx bench`, against the server of this program.

mod common;

use common::{Ran, Serving, run};

/// The number behind a name in JSON.
fn number(json: &str, name: &str) -> f64 {
    let at = json.rfind(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} is missing: {json}"));
    let rest = &json[at + name.len() + 3..];
    rest[..rest.find([',', '}']).unwrap()].parse().unwrap_or_else(|_| panic!("{name}: {rest}"))
}

/// The result of a run that worked, as JSON.
fn bench(args: &[&str]) -> String {
    let ran = run(&[&["bench", "--json", "-"], args].concat(), b"");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{args:?}: {}", ran.stdout);
    ran.stdout
}

/// One line of why not.
fn refused(ran: &Ran, code: i32, start: &str) {
    assert_eq!(ran.code, code, "{}", ran.stderr);
    assert!(ran.stderr.starts_with(start) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

#[test]
fn every_request_that_was_asked_for_is_sent_answered_and_counted() {
    let serving = Serving::start(&[]);
    let url = serving.url("/plaintext");
    for args in [
        &["-c", "1"][..],
        &["-c", "7", "-t", "3"],
        &["-c", "4", "-p", "16"],
        &["-c", "3", "--http2", "-m", "32"],
        &["-c", "2", "-t", "2", "--http2"],
        &["-c", "70", "--warmup", "20ms"],
    ] {
        let json = bench(&[&["-n", "2001", &url], args].concat());
        assert_eq!((number(&json, "done"), number(&json, "2xx")), (2001.0, 2001.0), "{args:?}");
        for kind in ["connect", "timeout", "protocol", "closed_early", "reset", "wrong_echo"] {
            assert_eq!(number(&json, kind), 0.0, "{args:?} {json}");
        }
        // What the warm-up had sent comes in later.
        assert!(number(&json, "content_bytes") >= 2001.0 * 13.0, "{args:?}");
        let shares = ["least", "50%", "90%", "99%", "99.99%", "100%"].map(|share| number(&json, share));
        assert!(shares[0] > 0.0 && shares.is_sorted(), "{args:?} {json}");
    }
}

#[test]
fn content_is_sent_in_full_over_either_version() {
    let serving = Serving::start(&[]);
    let url = serving.url("/echo");
    for size in ["1", "5000", "300k"] {
        for version in [&["-p", "2"][..], &["--http2", "-m", "3"]] {
            let json = bench(&[&["-n", "20", "-c", "2", "--body-size", size, &url], version].concat());
            let bytes = size.replace('k', "000").parse::<f64>().unwrap();
            assert_eq!(
                (number(&json, "2xx"), number(&json, "content_bytes")),
                (20.0, 20.0 * bytes),
                "{json}"
            );
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let json = bench(&["-n", "1", "-c", "1", "--data", &format!("@{file}"), &url]);
    assert_eq!(number(&json, "content_bytes"), std::fs::metadata(file).unwrap().len() as f64);
}

#[test]
fn much_content_both_ways_at_once_does_not_wait_for_credit_that_nobody_sends() {
    let serving = Serving::start(&[]);
    let (content, messages) = (serving.url("/echo"), serving.url("/ws").replace("http", "ws"));
    for args in [
        &["-n", "200", "-m", "12", "--body-size", "3M", &content][..],
        &["-n", "60", "-m", "3", "-p", "4", "--message-size", "3M", &messages],
    ] {
        let json = bench(&[&["--http2", "-c", "1", "--timeout", "5s"], args].concat());
        assert_eq!((number(&json, "timeout"), number(&json, "reconnects")), (0.0, 0.0), "{args:?} {json}");
    }
}

#[test]
fn streams_that_the_server_does_not_allow_are_told() {
    let serving = Serving::start(&["--max-streams", "5"]);
    let (requests, messages) = (serving.url("/plaintext"), serving.url("/ws").replace("http", "ws"));
    for (url, what) in [(&requests, "requests"), (&messages, "WebSockets")] {
        let args = ["bench", "-n", "200", "-c", "2", "--http2", "-m", "32", url];
        let ran = run(&args, b"");
        let note = format!("note: the server allows 5 {what} at a time on a connection, and not 32 (-m)\n");
        assert!(ran.code == 0 && ran.stdout.contains(&note), "{} {}", ran.stdout, ran.stderr);
        let json = bench(&args[1..]);
        assert_eq!((number(&json, "allowed_streams"), number(&json, "done")), (5.0, 200.0), "{json}");
        let ran = run(&["bench", "-n", "50", "-c", "2", "--http2", "-m", "5", url], b"");
        assert!(ran.code == 0 && !ran.stdout.contains("allows"), "{}", ran.stdout);
    }
}

#[test]
fn what_is_under_way_at_the_end_is_no_sign_of_a_server_that_does_not_keep_up() {
    let serving = Serving::start(&[]);
    let args = |n| ["bench", "--rate", "100", "-d", "300ms", "-c", n];
    let url = serving.url("/delay/100");
    let ran = run(&[&args("60")[..], &[&url]].concat(), b"");
    assert!(ran.code == 0 && !ran.stdout.contains("keep up"), "{}", ran.stdout);
    let ran = run(&[&args("1")[..], &[&url]].concat(), b"");
    assert!(ran.stdout.contains("did not keep up with 100 a second over 1 connection: "), "{}", ran.stdout);
}

#[test]
fn a_run_without_an_answer_says_so() {
    let serving = Serving::start(&[]);
    let ran = run(&["bench", "-d", "100ms", "-c", "2", "--json", "-", &serving.url("/delay/500")], b"");
    refused(&ran, 1, &format!("avx bench: {}: no answer came within the ", serving.addr()));
    // What was under way for longer than anything before was measured so far.
    assert_eq!(number(&ran.stdout, "unfinished"), 2.0, "{}", ran.stdout);
    let ran = run(&["bench", "--rate", "1k", "-d", "100ms", "--json", "-", &serving.url("/delay/500")], b"");
    assert!(ran.code == 1 && ran.stdout.contains("\"done\":0,"), "{} {}", ran.stdout, ran.stderr);
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_measured() {
    let serving = Serving::start(&[]);
    let ran = run(&["bench", "-d", "1h", "--json", "/nowhere/x", &serving.url("/")], b"");
    refused(&ran, 1, "avx bench: /nowhere/x cannot be written: ");
    let ran = run(&["bench", "compare", "-d", "1h", "--report", "/nowhere/x"], b"");
    refused(&ran, 1, "avx bench: compare: /nowhere/x cannot be written: ");
    let ran = run(&["bench", "compare", "-d", "1h", "--report", "-", "--json", "-"], b"");
    refused(&ran, 1, "avx bench: compare: two results cannot both be written to -");
}

#[test]
fn nobody_who_listens_is_no_panic() {
    let mut command = common::avx(&["bench", "http://127.0.0.1:1/"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn the_request_is_the_one_that_was_asked_for() {
    let serving = Serving::start(&["--access-log"]);
    let ran = run(
        &["bench", "-n", "1", "-c", "1", "-X", "DELETE", "-H", "User-Agent: mine", &serving.url("/echo?x=1")],
        b"",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("DELETE on http://127.0.0.1:"), "{}", ran.stdout);
    serving.signal("TERM");
    let log = serving.end().1;
    // The one that looked whether somebody is there, and the one that was measured.
    assert_eq!(log.matches("\"DELETE /echo?x=1 HTTP/1.1\" 200").count(), 2, "{log}");
    assert_eq!(log.matches("\"mine\"").count(), 2, "{log}");
}

#[test]
fn statuses_are_counted_by_class() {
    let serving = Serving::start(&[]);
    for (status, class) in [("204", "2xx"), ("304", "3xx"), ("404", "4xx"), ("503", "5xx")] {
        let json = bench(&["-n", "10", "-c", "2", &serving.url(&format!("/status/{status}"))]);
        assert_eq!((number(&json, class), number(&json, "done")), (10.0, 10.0), "{json}");
    }
}

#[test]
fn messages_of_all_sizes_come_back_and_are_compared() {
    let serving = Serving::start(&[]);
    let url = serving.url("/ws").replace("http", "ws");
    for kind in [
        &[][..],
        &["--text"],
        &["-p", "8"],
        &["--http2"],
        &["--http2", "-p", "8"],
        &["--http2", "-m", "3", "-p", "4", "--text"],
        &["--http2", "-m", "100"],
    ] {
        let json =
            bench(&[&["-n", "100", "-c", "1", "--message-size", "0,1,125,126,70000", &url], kind].concat());
        assert_eq!((number(&json, "done"), number(&json, "wrong_echo")), (100.0, 0.0), "{json}");
        // The sizes take turns on each WebSocket.
        if !kind.contains(&"-m") {
            assert_eq!(number(&json, "content_bytes"), 20.0 * (1.0 + 125.0 + 126.0 + 70_000.0), "{json}");
        }
        let json = bench(&[&["-n", "1001", "-c", "20", "-t", "2", &url], kind].concat());
        assert_eq!(number(&json, "content_bytes"), 1001.0 * 125.0, "{json}");
    }
}

#[test]
fn a_schedule_is_kept_and_latency_counts_from_when_a_request_was_due() {
    let serving = Serving::start(&[]);
    let json = bench(&["--rate", "2000", "-n", "300", "-c", "3", &serving.url("/plaintext")]);
    assert_eq!(number(&json, "done"), 300.0);
    // The last one is due 299 periods behind the first.
    assert!(number(&json, "elapsed_s") >= 0.1495, "{json}");
    // In bursts, the last 32 are due 9 periods behind the first.
    let json = bench(&[
        "--rate",
        "1600",
        "--burst",
        "32",
        "-n",
        "320",
        "-c",
        "2",
        "--http2",
        "-m",
        "32",
        &serving.url("/plaintext"),
    ]);
    assert!(number(&json, "done") == 320.0 && number(&json, "elapsed_s") >= 0.179, "{json}");
    // Slots that are too close to sleep in between.
    let json = bench(&["--rate", "50k", "-n", "5000", "-c", "3", &serving.url("/plaintext")]);
    assert!(number(&json, "done") == 5000.0 && number(&json, "elapsed_s") >= 0.0999, "{json}");
    // Ten requests are due within 90 ms, and one connection takes at least 50 ms for each.
    let json = bench(&["--rate", "100", "-n", "10", "-c", "1", &serving.url("/delay/50")]);
    assert!(number(&json, "100%") >= 410_000.0, "{json}");
    // Without a schedule nobody notices.
    let json = bench(&["-n", "2", "-c", "1", &serving.url("/delay/50")]);
    assert!(number(&json, "least") >= 50_000.0, "{json}");
}

#[test]
fn what_a_server_did_not_get_to_in_time_counts_as_well() {
    let serving = Serving::start(&[]);
    let json = bench(&["--rate", "1000", "-d", "400ms", "-c", "1", &serving.url("/delay/50")]);
    // Eight answers at most come in that time, and the others have waited since they were due.
    assert!(number(&json, "unfinished") >= 100.0, "{json}");
    assert!(number(&json, "90%") > 200_000.0, "{json}");
}

#[test]
fn the_report_for_people_says_what_was_done() {
    let serving = Serving::start(&[]);
    let ran = run(&["bench", "-d", "50ms", "-c", "2", "--http2", "-m", "3", &serving.url("/json")], b"");
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    for part in [
        "GET on http://",
        "HTTP/2, 2 connections with 3 requests each, 1 thread, 50 ms\n",
        "99.9%",
        "\nfailed        none\n",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn http2_to_who_speaks_only_http1_and_the_other_way_round_is_told() {
    let serving = Serving::start(&["--http1-only"]);
    let ran = run(&["bench", "--http2", "-n", "1", &serving.url("/")], b"");
    refused(
        &ran,
        1,
        &format!("avx bench: {}: the server does not speak HTTP/2, but HTTP/1.1", serving.addr()),
    );
    let serving = Serving::start(&["--http2-only"]);
    for scheme in ["http", "ws"] {
        let ran = run(&["bench", "-n", "1", &format!("{scheme}://{}/", serving.addr())], b"");
        refused(
            &ran,
            1,
            &format!("avx bench: {}: the server speaks HTTP/2 only; try --http2", serving.addr()),
        );
    }
}

#[test]
fn a_route_that_is_no_websocket_is_told() {
    let serving = Serving::start(&[]);
    for version in [&[][..], &["--http2"]] {
        let url = serving.url("/plaintext").replace("http", "ws");
        let ran = run(&[&["bench", "-n", "1", &url], version].concat(), b"");
        refused(&ran, 1, &format!("avx bench: {}: the server accepts no WebSocket here: ", serving.addr()));
    }
}

#[test]
fn too_few_open_files_are_told_before_anything_begins() {
    let script = "ulimit -n 64 && exec \"$0\" bench -c 1000 http://127.0.0.1:1/";
    let mut command = std::process::Command::new("sh");
    let ran = Ran::from(command.args(["-c", script, env!("CARGO_BIN_EXE_avx")]).output().unwrap());
    refused(&ran, 1, "avx bench: 1000 connections need 1032 open files, and 64 are allowed");
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let ran = run(&["bench", "http://no-such-host.invalid/"], b"");
    refused(&ran, 1, "avx bench: could not resolve no-such-host.invalid: ");
}

#[test]
fn wrong_arguments_are_told() {
    for (args, text) in [
        (&["https://x/"][..], "https is not supported yet"),
        (&["http://"], "the host is missing"),
        (&["-t", "8", "-c", "2", "http://127.0.0.1/"], "more threads than connections"),
        (&["-p", "33", "http://127.0.0.1/"], "at most 32 requests are pipelined"),
        (&["-H", "Host: x", "http://127.0.0.1/"], "written by itself"),
        (&["--text", "http://127.0.0.1/"], "for WebSockets"),
        (&["--http2", "-p", "4", "http://127.0.0.1/"], "-p is for HTTP/1.1 and WebSockets"),
        (&["wss://x/"], "wss is not supported yet, only http and ws"),
        (&["ftp://x/"], "scheme ftp is not supported, only http and ws"),
        (&["-d", "0", "http://127.0.0.1/"], "expected a millisecond or more"),
        (&["--timeout", "0", "http://127.0.0.1/"], "expected a millisecond or more"),
        (&["compare", "-d", "0"], "expected a millisecond or more"),
        (&["--data", "@/nowhere", "http://127.0.0.1/"], "--data @/nowhere: "),
        (&["-m", "3", "http://127.0.0.1/"], "--http2"),
        (&["-d", "1x", "http://127.0.0.1/"], "expected a time such as 10s"),
        (&[], "URL"),
    ] {
        let ran = run(&[&["bench"], args].concat(), b"");
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains(text), "{args:?} {}", ran.stderr);
    }
}
