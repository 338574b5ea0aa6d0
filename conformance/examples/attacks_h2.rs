//! What floods of HTTP/2 cost the neighbours: requests a second of well-behaved connections, with one
//! attacker at work and without, and the memory of the server, which has to stay below 16 MiB.
//!
//! `cargo run --release -p conformance --example attacks_h2 [seconds]` prints the median of seven rounds.
//!
//! The server runs in a process of its own with one worker; attacker and neighbours share this one. The
//! attacker connects anew whenever its connection has ended, at most a hundred times a second, as one
//! address may where somebody keeps count.

use avx_core::ErrorCode;
use avx_core::h2::frame::Kind;
use avx_http::{OwnedRequest, Response, Router, Server, Status};
use conformance::h2::Peer;
use conformance::h2::frames::*;
use conformance::live::h2_attacks::Neighbour;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What the server may come to with all its connections, KiB: some 3 MiB are the program itself.
const MEMORY: usize = 16 << 10;

/// What an attacker sends at first, and then again and again.
struct Flood {
    name: &'static str,
    list: &'static [(u16, u32)],
    first: Vec<u8>,
    more: Box<dyn Fn(u32) -> Vec<u8>>,
    reads: bool,
}

fn floods() -> Vec<Flood> {
    let flood = |name, list, first, reads, more: Box<dyn Fn(u32) -> Vec<u8>>| Flood {
        name,
        list,
        first,
        more,
        reads,
    };
    let batch = move |one: fn(u32) -> Vec<u8>| {
        Box::new(move |i: u32| (0..50).flat_map(|k| one(2 * (50 * i + k) + 1)).collect::<Vec<u8>>())
    };
    let bomb = |stream: u32| {
        let entry = [&request("GET", "/", &[])[..], b"\x40\x01b\x7f\xa1\x1e", &[b'x'; 4000]].concat();
        headers(stream, END_STREAM, &[&entry[..], &[0xbe; 12_000]].concat())
    };
    vec![
        flood(
            "rapid reset",
            &[],
            vec![],
            true,
            batch(|s| [post(s, "/"), reset(s, ErrorCode::CANCEL)].concat()),
        ),
        flood(
            "self-inflicted resets",
            &[],
            vec![],
            true,
            batch(|s| headers(s, END_STREAM, &block(&[(":method", "GET")]))),
        ),
        flood(
            "CONTINUATION",
            &[],
            vec![],
            true,
            Box::new(|i| {
                let open = frame(Kind::HEADERS, END_STREAM, 2 * i + 1, &request("GET", "/", &[]));
                [open, continuation(2 * i + 1, 0, &[0x82; 16_000]).repeat(9)].concat()
            }),
        ),
        flood("PING", &[], vec![], true, Box::new(|_| ping(0, b"12345678").repeat(500))),
        flood("PING, never read", &[], vec![], false, Box::new(|_| ping(0, b"12345678").repeat(500))),
        flood("SETTINGS", &[], vec![], true, Box::new(|_| settings(&[(4, 65_535)]).repeat(500))),
        flood("empty DATA", &[], post(1, "/"), true, Box::new(|_| data(1, 0, b"").repeat(500))),
        flood("DATA of a byte", &[], post(1, "/"), true, Box::new(|_| data(1, 0, b"x").repeat(500))),
        flood("window stall", &[(4, 0)], vec![], true, batch(|s| get(s, "/large"))),
        flood("HPACK bomb", &[], vec![], true, Box::new(move |i| bomb(2 * i + 1))),
        flood(
            "cookie crumbs",
            &[],
            vec![],
            true,
            Box::new(|i| {
                let crumbs = [request("GET", "/", &[]), block(&[("cookie", "a")]).repeat(3000)].concat();
                headers(2 * i + 1, END_STREAM, &crumbs)
            }),
        ),
        flood("plain requests, for comparison", &[], vec![], true, batch(|s| get(s, "/"))),
    ]
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("--serve") {
        return serve();
    }
    let time = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(2.0);
    let time = Duration::from_secs_f64(time);
    println!(
        "{:<32} {:>12} {:>12} {:>6} {:>12} {:>10}",
        "attack", "without", "with", "%", "connections", "RSS KiB"
    );
    for flood in floods() {
        let server = Process::start();
        rate(server.addr, time / 8);
        let count = AtomicUsize::new(0);
        // In turns, because others use this machine as well.
        let mut rounds: Vec<_> = (0..ROUNDS).map(|_| round(&flood, &server, time / ROUNDS, &count)).collect();
        rounds.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (without, with) = rounds[rounds.len() / 2];
        let memory = server.memory();
        println!(
            "{:<32} {without:>10.0}/s {with:>10.0}/s {:>6.0} {:>12} {memory:>10}",
            flood.name,
            100.0 * with / without,
            count.load(Ordering::SeqCst)
        );
        assert!(memory <= MEMORY, "{memory} KiB under attack");
    }
}

/// How often the neighbours are measured without and with the attacker.
const ROUNDS: u32 = 7;

/// What the neighbours come to without and with the attacker.
fn round(flood: &Flood, server: &Process, time: Duration, count: &AtomicUsize) -> (f64, f64) {
    let without = rate(server.addr, time);
    let stop = AtomicBool::new(false);
    let with = std::thread::scope(|scope| {
        // The closures of a flood are made anew in its thread.
        let (name, stop, addr) = (flood.name, &stop, server.addr);
        scope.spawn(move || {
            let flood = floods().into_iter().find(|flood| flood.name == name).expect("a flood");
            attack(&flood, addr, stop, count);
        });
        std::thread::sleep(time / 8);
        let with = rate(server.addr, time);
        stop.store(true, Ordering::SeqCst);
        with
    });
    (without, with)
}

/// Requests a second of two neighbours, one request after the other.
fn rate(addr: SocketAddr, time: Duration) -> f64 {
    let begun = Instant::now();
    let count: usize = std::thread::scope(|scope| {
        let neighbours: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut neighbour, mut count) = (Neighbour::of(addr), 0);
                    while begun.elapsed() < time {
                        assert_eq!(neighbour.ask().status, 200);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        neighbours.into_iter().map(|thread| thread.join().expect("served")).sum()
    });
    count as f64 / begun.elapsed().as_secs_f64()
}

fn attack(flood: &Flood, addr: SocketAddr, stop: &AtomicBool, count: &AtomicUsize) {
    while !stop.load(Ordering::SeqCst) {
        count.fetch_add(1, Ordering::SeqCst);
        let begun = Instant::now();
        let mut peer = Peer::greet(addr, flood.list);
        peer.send(&flood.first);
        for i in 0..10_000_000 {
            let over = flood.reads && peer.inbox.goodbyes.iter().any(|g| g.1 != ErrorCode::NO_ERROR);
            if over || stop.load(Ordering::SeqCst) || peer.try_send((flood.more)(i)).is_err() {
                break;
            }
            if flood.reads {
                peer.read(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_millis(10).saturating_sub(begun.elapsed()));
    }
}

/// Content that costs nothing to have: the engine is measured, not its user.
static LARGE: [u8; 1 << 20] = [b'x'; 1 << 20];

/// The child.
fn serve() {
    let router = Router::new()
        .get("/", || "hello")
        .post("/", async |request: OwnedRequest| match request.into_body().collect(usize::MAX).await {
            Ok(_) => Response::from("hello"),
            Err(_) => Response::new(Status::BAD_REQUEST),
        })
        .get("/large", || &LARGE[..]);
    let runtime = runtime_avx::Builder::new().workers(1).build().expect("a runtime");
    let server = Server::new(router).bind("127.0.0.1:0");
    let handle = runtime.block_on(server.start(runtime.handle())).expect("a server");
    println!("{}", handle.local_addrs()[0]);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("an address");
        Process { child, addr: line.trim().parse().expect("an address") }
    }

    /// Resident memory at its highest, in KiB; 0 where that cannot be told.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
