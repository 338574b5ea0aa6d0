//! WebSocket: an echo of text messages of 125 bytes, one under way on each of 64 connections; CPU and exact
//! instructions per message, memory per connection. The load comes from here: an epoll loop on a core of its own.

use crate::exact::total;
use crate::server::{Kind, Result, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

const KINDS: [Kind; 3] = [Kind::Avx, Kind::BareWs, Kind::Fast];
const CONNECTIONS: usize = 64;
const MESSAGES: usize = 400_000;
const TEXT: usize = 125;
/// A message as a client sends it, bytes: header, key and text.
pub const MESSAGE: usize = 6 + TEXT;
/// The same as a server sends it.
const ECHO: usize = 2 + TEXT;

/// All of it, `rounds` alternating runs of each server.
pub fn run(rounds: usize) -> Result<()> {
    println!(
        "echo of {TEXT} bytes, {CONNECTIONS} connections, {MESSAGES} messages a run, medians of {rounds} alternating rounds"
    );
    println!("CPU of the server per message, in microseconds; ratios to the bare loop\n");
    pin(1);
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        for (kind, samples) in KINDS.into_iter().zip(&mut samples) {
            samples.push(sample(kind)?);
        }
    }
    let medians = samples.map(median);
    println!("  {:16} {:>16} {:>16} {:>18}", "", "CPU", "user", "instructions");
    for (kind, (all, user)) in KINDS.into_iter().zip(medians) {
        let (total, own) = (all / medians[1].0, user / medians[1].1);
        let counted = instructions(kind)?;
        println!("  {:16} {all:>8.3} ({total:.2}x) {user:>8.3} ({own:.2}x) {counted:>18.0}", kind.name());
    }
    println!("\nresident memory per idle connection that has had one message, 2000 connections");
    for kind in KINDS {
        println!("  {:16} {:>8.0} bytes", kind.name(), memory(kind, 2000)?);
    }
    Ok(())
}

/// CPU and user CPU per message, microseconds.
fn sample(kind: Kind) -> Result<(f64, f64)> {
    let server = Server::start(kind, &["taskset", "-c", "0"])?;
    let mut peers = peers(&server, CONNECTIONS)?;
    load(&mut peers, MESSAGES / 20)?;
    let (user, system) = server.cpu()?;
    load(&mut peers, MESSAGES)?;
    let (user_end, system_end) = server.cpu()?;
    let (user, system) = (user_end - user, system_end - system);
    let each = 1e6 / MESSAGES as f64;
    Ok(((user + system) * each, user * each))
}

fn median(mut samples: Vec<(f64, f64)>) -> (f64, f64) {
    let middle = samples.len() / 2;
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = samples[middle].0;
    samples.sort_by(|a, b| a.1.total_cmp(&b.1));
    (total, samples[middle].1)
}

/// Instructions per message: the difference of two counts.
fn instructions(kind: Kind) -> Result<f64> {
    let count = |messages: usize| -> Result<i64> {
        let out = std::env::temp_dir().join(format!("avx-bench-{}.callgrind", std::process::id()));
        let file = format!("--callgrind-out-file={}", out.display());
        let server = Server::start(kind, &["valgrind", "--tool=callgrind", &file])?;
        load(&mut peers(&server, CONNECTIONS)?, messages)?;
        server.stop()?;
        total(&out)
    };
    let (few, many) = (5_000, 25_000);
    Ok((count(many)? - count(few)?) as f64 / (many - few) as f64)
}

fn memory(kind: Kind, connections: usize) -> Result<f64> {
    let server = Server::start(kind, &[])?;
    load(&mut peers(&server, CONNECTIONS)?, 1000)?;
    let before = server.memory()?;
    let mut idle = peers(&server, connections)?;
    load(&mut idle, connections)?;
    Ok(server.memory()?.saturating_sub(before) as f64 / connections as f64)
}

/// Connections behind their handshakes.
fn peers(server: &Server, n: usize) -> Result<Vec<TcpStream>> {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        server.addr
    );
    (0..n)
        .map(|_| {
            let mut stream = TcpStream::connect(server.addr)?;
            stream.set_nodelay(true)?;
            stream.write_all(request.as_bytes())?;
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte)?;
                head.push(byte[0]);
            }
            if !head.starts_with(b"HTTP/1.1 101") {
                return Err(format!("handshake: {}", String::from_utf8_lossy(&head)).into());
            }
            stream.set_nonblocking(true)?;
            Ok(stream)
        })
        .collect()
}

/// Echoes so many messages in all, one at a time on each connection.
fn load(peers: &mut [TcpStream], messages: usize) -> Result<()> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut message = [&[0x81, 0x80 | TEXT as u8][..], &key, &[b'x'; TEXT]].concat();
    message[6..].iter_mut().enumerate().for_each(|(i, byte)| *byte ^= key[i % 4]);
    let expected = [&[0x81, TEXT as u8][..], &[b'x'; TEXT]].concat();
    // SAFETY: plain system call.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    for (i, peer) in peers.iter().enumerate() {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: i as u64 };
        // SAFETY: `event` lives through the call, which copies it.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, peer.as_raw_fd(), &mut event) };
    }
    let mut sent = peers.len().min(messages);
    for peer in &mut peers[..sent] {
        peer.write_all(&message)?;
    }
    let (mut received, mut buf) = (0, [0; ECHO + 1]);
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; 256];
    while received < messages {
        // SAFETY: `events` has room for as many events as are asked for.
        let n = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as i32, 10_000) };
        if n <= 0 {
            return Err("the server answers no more".into());
        }
        for event in &events[..n as usize] {
            let peer = &mut peers[event.u64 as usize];
            // So short a message comes in one piece on loopback.
            let n = peer.read(&mut buf)?;
            if buf[..n] != expected {
                return Err(format!("echoed {:?}", String::from_utf8_lossy(&buf[..n])).into());
            }
            received += 1;
            if sent < messages {
                peer.write_all(&message)?;
                sent += 1;
            }
        }
    }
    // SAFETY: our own descriptor, used no more.
    unsafe { libc::close(epoll) };
    Ok(())
}

/// Keeps this process on one core.
fn pin(core: usize) {
    // SAFETY: a set of plain integers, for which zero is valid; the call only reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}
