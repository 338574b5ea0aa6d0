//! `avx bench` against peers that misbehave, each a thread of the test.

mod common;

use avx_core::ws::handshake;
use avx_core::{Config, Event, Http, Instant, Response, Scratch, Session, h1};
use common::{DATA, GOAWAY, HEADERS, PREFACE, RST_STREAM, Ran, SETTINGS, avx, frame, run};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// A peer that treats every connection like this, one after the other, until the test ends.
fn peer(mut treat: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let (listener, addr) = listen();
    thread::spawn(move || listener.incoming().flatten().for_each(&mut treat));
    addr
}

fn bench(addr: SocketAddr, args: &[&str]) -> Ran {
    run(&[&["bench", &format!("http://{addr}/")], args].concat(), b"")
}

/// One line of why not.
fn refused(ran: &Ran, addr: SocketAddr, text: &str) {
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let start = format!("avx bench: {addr}: {text}");
    assert!(ran.stderr.starts_with(&start) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
}

/// Reads a request, which has no content.
fn read_request(stream: &mut TcpStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn nobody_there_is_told() {
    let (listener, addr) = listen();
    drop(listener);
    for args in [&[][..], &["--http2"], &["--rate", "100"]] {
        refused(&bench(addr, args), addr, "could not connect: ");
    }
    refused(&run(&["bench", &format!("ws://{addr}/")], b""), addr, "could not connect: ");
}

#[test]
fn another_protocol_is_told() {
    let addr = peer(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.7\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    refused(&bench(addr, &[]), addr, "not an answer in HTTP/1.1: ");
    refused(&bench(addr, &["--http2"]), addr, "not an answer in HTTP/2: ");
    refused(&run(&["bench", &format!("ws://{addr}/")], b""), addr, "not an answer in WebSocket: ");
}

#[test]
fn silence_is_told_after_the_timeout() {
    let (listener, addr) = listen();
    for args in [&["--timeout", "200ms"][..], &["--timeout", "200ms", "--http2"]] {
        refused(&bench(addr, args), addr, "no answer within 0.2 s (--timeout)");
    }
    let ran = run(&["bench", "--timeout", "200ms", &format!("ws://{addr}/")], b"");
    refused(&ran, addr, "no answer within 0.2 s (--timeout)");
    drop(listener);
}

#[test]
fn who_hangs_up_is_told() {
    let addr = peer(drop);
    let ran = bench(addr, &[]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    let addr = peer(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(&ANSWER[..ANSWER.len() - 1]);
    });
    refused(&bench(addr, &[]), addr, "the server closed the connection inside an answer");
}

#[test]
fn a_server_that_closes_behind_each_answer_is_measured_with_a_connection_for_each() {
    let addr = peer(|mut stream| {
        if read_request(&mut stream) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        }
    });
    let ran = bench(addr, &["-n", "20", "-c", "1", "--json", "-"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("\"done\":20,") && ran.stdout.contains("\"reconnects\":19,"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("\"closed_early\":0,"), "{}", ran.stdout);
}

#[test]
fn a_server_that_goes_away_ends_the_run_and_what_was_measured_is_told() {
    let (listener, addr) = listen();
    thread::spawn(move || {
        // The one that looks, and the one that is measured.
        for answers in [1, 50] {
            let mut stream = listener.accept().unwrap().0;
            for _ in 0..answers {
                assert!(read_request(&mut stream));
                stream.write_all(ANSWER).unwrap();
            }
        }
    });
    let ran = bench(addr, &["-d", "60s", "-c", "1"]);
    refused(&ran, addr, "the server is gone");
    assert!(ran.stdout.contains("requests      50 in "), "{}", ran.stdout);
}

#[test]
fn a_server_that_freezes_is_no_fast_server() {
    let (listener, addr) = listen();
    let server = thread::spawn(move || {
        for answers in [1, 50] {
            let mut stream = listener.accept().unwrap().0;
            for _ in 0..answers {
                assert!(read_request(&mut stream));
                stream.write_all(ANSWER).unwrap();
            }
            // It holds on to the connection.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let ran = bench(addr, &["-d", "300ms", "-c", "1", "--json", "-"]);
    server.join().unwrap();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("\"done\":50,") && ran.stdout.contains("\"unfinished\":1,"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_server_that_closes_without_a_word_is_not_said_to_have_begun_an_answer() {
    let addr = peer(|mut stream| {
        if read_request(&mut stream) {
            let _ = stream.write_all(ANSWER);
            // The next request is there, and is not answered.
            read_request(&mut stream);
        }
    });
    let ran = bench(addr, &["-n", "4", "-c", "1"]);
    assert!(
        ran.stdout.contains("closed early 2 (first: the server closed the connection without an answer)"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn what_a_schedule_had_for_a_connection_that_is_not_there_counts() {
    let (listener, addr) = listen();
    thread::spawn(move || {
        let mut probe = listener.accept().unwrap().0;
        read_request(&mut probe);
        probe.write_all(ANSWER).unwrap();
        let (mut first, mut second) = (listener.accept().unwrap().0, listener.accept().unwrap().0);
        drop(listener);
        // Whichever comes first goes first.
        read_request(&mut second);
        drop(second);
        while read_request(&mut first) {
            first.write_all(ANSWER).unwrap();
        }
    });
    let ran = bench(addr, &["-c", "2", "--rate", "100", "-d", "500ms", "--json", "-"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let unsent = ran.stdout.split("\"unsent\":").nth(1).unwrap().split(',').next().unwrap();
    assert!(unsent.parse::<u32>().unwrap() >= 1, "{}", ran.stdout);
}

#[test]
fn connections_that_are_not_there_from_the_beginning_are_told() {
    let mut n = 0;
    let addr = peer(move |mut stream| {
        n += 1;
        match n {
            // The one that looks, and one of four.
            1 | 2 => drop(thread::spawn(|| echo(stream, |_| ()))),
            _ => {
                read_request(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    let ran = run(&["bench", "-n", "10", "-c", "4", &format!("ws://{addr}/")], b"");
    let note = "note: only 1 of 4 connections were open when it began (first: the server accepts no WebSocket here: ";
    assert!(ran.stdout.contains(note), "{} {}", ran.stdout, ran.stderr);
}

/// The server's end of HTTP/2 by hand: `answer` is told of each frame that comes.
fn speak_h2(mut stream: TcpStream, settings: &[u8], mut answer: impl FnMut(u8, u32, &[u8]) -> Vec<u8>) {
    let mut preface = [0; PREFACE.len()];
    if stream.read_exact(&mut preface).is_err() || stream.write_all(&frame(SETTINGS, 0, 0, settings)).is_err()
    {
        return;
    }
    let mut head = [0; 9];
    while stream.read_exact(&mut head).is_ok() {
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).unwrap();
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let words = match (head[3], head[4]) {
            (SETTINGS, 0) => frame(SETTINGS, 1, 0, ""),
            (kind, _) => answer(kind, id, &payload),
        };
        if stream.write_all(&words).is_err() {
            return;
        }
    }
}

/// SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441, section 3).
const CONNECT_PROTOCOL: &[u8] = &[0, 8, 0, 0, 0, 1];
/// `:status: 200`, from the static table.
const OK: &[u8] = &[0x88];

#[test]
fn rfc9113_6_8_what_a_server_that_leaves_refuses_is_asked_again_and_any_other_reason_is_told() {
    for (code, done, failed) in
        [(0, 30, "none"), (11, 29, "reset 1 (first: the server gave the connection up: ENHANCE_YOUR_CALM)")]
    {
        let mut connections = 0;
        let addr = peer(move |stream| {
            connections += 1;
            let (leaves, mut requests) = (connections == 2, 0_u32);
            speak_h2(stream, b"", |kind, id, _| match kind {
                HEADERS if leaves && requests == 5 => {
                    requests += 1;
                    // This one it will not process.
                    frame(GOAWAY, 0, 0, [(id - 2).to_be_bytes(), u32::to_be_bytes(code)].concat())
                }
                HEADERS => {
                    requests += 1;
                    frame(HEADERS, 5, id, OK)
                }
                _ => Vec::new(),
            })
        });
        let ran = bench(addr, &["--http2", "-n", "30", "-c", "1"]);
        assert!(ran.stdout.contains(&format!("requests      {done} in ")), "{} {}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(&format!("failed        {failed}\n")), "{}", ran.stdout);
    }
}

#[test]
fn rfc8441_3_a_server_that_takes_no_websockets_over_http2_is_told() {
    let addr = peer(|stream| speak_h2(stream, b"", |_, _, _| Vec::new()));
    let ran = run(&["bench", "--http2", &format!("ws://{addr}/")], b"");
    refused(&ran, addr, "the server takes no WebSockets over HTTP/2; try without --http2");
}

/// An echo over HTTP/2 that spoils what comes back, and resets a stream behind so many messages of it.
fn echo_h2(stream: TcpStream, spoil: fn(&mut Vec<u8>), resets_behind: u32) {
    let mut messages = std::collections::HashMap::new();
    speak_h2(stream, CONNECT_PROTOCOL, |kind, id, payload| match kind {
        HEADERS => frame(HEADERS, 4, id, OK),
        DATA => {
            let said = messages.entry(id).or_insert(0);
            *said += 1;
            if *said > resets_behind {
                return frame(RST_STREAM, 0, id, 2_u32.to_be_bytes());
            }
            let mut message = payload[6..].to_vec();
            message.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= payload[2 + i % 4]);
            spoil(&mut message);
            frame(DATA, 0, id, [&[payload[0], message.len() as u8][..], &message].concat())
        }
        _ => Vec::new(),
    });
}

#[test]
fn rfc8441_5_an_echo_over_http2_that_is_none_is_told() {
    for (spoil, text) in [
        ((|message| message[20] ^= 1) as fn(&mut Vec<u8>), "a message came back as something else"),
        (|message| message.truncate(50), "a message came back as a part of it"),
    ] {
        let addr = peer(move |stream| echo_h2(stream, spoil, u32::MAX));
        let ran = run(&["bench", "--http2", "-n", "10", "-c", "1", &format!("ws://{addr}/")], b"");
        refused(&ran, addr, text);
    }
}

#[test]
fn rfc8441_5_a_websocket_that_is_reset_is_opened_again_and_its_neighbours_go_on() {
    let addr = peer(|stream| echo_h2(stream, |_| (), 10));
    let url = format!("ws://{addr}/");
    let ran = run(&["bench", "--http2", "-m", "2", "-n", "110", "-c", "1", "--json", "-", &url], b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // The eleventh of each ends its stream.
    for part in ["\"done\":100,", "\"reset\":10,", "\"reconnects\":0,"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn an_interruption_ends_it_with_what_was_measured() {
    for signal in ["INT", "TERM"] {
        interrupt(signal);
    }
}

fn interrupt(signal: &str) {
    let (listener, addr) = listen();
    let args = ["bench", "-d", "60s", "-c", "1", &format!("http://{addr}/")].map(str::to_owned);
    let child = avx(&args.each_ref().map(|arg| &**arg)).spawn().unwrap();
    for answers in [1, 100] {
        let mut stream = listener.accept().unwrap().0;
        for _ in 0..answers {
            assert!(read_request(&mut stream));
            stream.write_all(ANSWER).unwrap();
        }
        if answers > 1 {
            // It has read all of them, for it asks again.
            assert!(read_request(&mut stream));
            assert!(
                Command::new("kill")
                    .args(["-s", signal, &child.id().to_string()])
                    .status()
                    .unwrap()
                    .success()
            );
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    assert!(
        ran.stdout.contains("requests      100 in ") && ran.stdout.contains("note: interrupted"),
        "{}",
        ran.stdout
    );
}

/// Answers a handshake, and sends the rest of what comes back through `spoil`.
fn echo(mut stream: TcpStream, spoil: fn(&mut Vec<u8>)) {
    let (config, now, mut scratch) = (Arc::new(Config::default()), Instant::ZERO, Scratch::new());
    let mut session = Session::new(h1::Server::new(config.clone(), now), &config);
    while session.switched().is_none() {
        let Ok(n) = stream.read(session.read_buf(&mut scratch)) else { return };
        session.did_read(now, n);
        while let Ok(Some(turn)) = session.turn(now, &mut scratch) {
            if let Event::Request { stream, head, .. } = turn.event {
                let answer = handshake::check(&head).unwrap().answer(None, None).unwrap();
                let fields = answer.fields();
                let response = Response::new(answer.status(), &fields);
                turn.machine.send_full(now, stream, &response, b"", turn.out).unwrap();
            }
        }
        let output = session.write_buf().to_vec();
        stream.write_all(&output).unwrap();
        session.did_write(now, output.len());
    }
    // Header, key, and a short message.
    let mut head = [0; 6];
    while stream.read_exact(&mut head).is_ok() {
        let mut message = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut message).unwrap();
        message.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= head[2 + i % 4]);
        spoil(&mut message);
        let frame = [&[head[0], message.len() as u8][..], &message].concat();
        if stream.write_all(&frame).is_err() {
            return;
        }
    }
}

#[test]
fn an_echo_that_is_none_is_told() {
    for (spoil, text) in [
        ((|message| message[20] ^= 1) as fn(&mut Vec<u8>), "a message came back as something else"),
        (|message| message.truncate(50), "a message came back as a part of it"),
        (|message| message.push(b'x'), "a message came back as something else"),
        (|message| message.rotate_left(1), "a message came back as something else"),
    ] {
        let addr = peer(move |stream| echo(stream, spoil));
        refused(&run(&["bench", "-n", "10", "-c", "1", &format!("ws://{addr}/")], b""), addr, text);
    }
    let addr = peer(|stream| echo(stream, |_| ()));
    let ran = run(&["bench", "-n", "10", "-c", "1", &format!("ws://{addr}/")], b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}
