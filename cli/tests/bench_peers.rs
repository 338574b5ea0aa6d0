//! `avx bench` against peers that misbehave, each a thread of the test.

mod common;

use avx_core::ws::handshake;
use avx_core::{Config, Event, Http, Instant, Response, Scratch, Session, h1};
use common::{Ran, avx, run};
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
fn an_interruption_ends_it_with_what_was_measured() {
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
                Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success()
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
