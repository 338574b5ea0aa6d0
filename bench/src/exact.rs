//! What does not depend on how busy the machine is: instructions, system calls, memory, start-up.

use crate::server::{KINDS, Kind, RUNTIMES, Result, Server, request};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

const CONNECTIONS: usize = 64;

/// Sends `rounds` times `depth` requests on each connection and reads all answers.
fn exchange(server: &Server, rounds: usize, depth: usize) -> Result<()> {
    let batch = request(server).repeat(depth);
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(server.addr)?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let mut buf = vec![0; 64 << 10];
    for _ in 0..rounds {
        for stream in &mut streams {
            stream.write_all(batch.as_bytes())?;
        }
        for stream in &mut streams {
            let mut seen = 0;
            while seen < depth {
                let n = stream.read(&mut buf)?;
                if n == 0 {
                    return Err("server closed".into());
                }
                // Every answer ends with the same content.
                seen += buf[..n].windows(6).filter(|w| w == b"World!").count();
            }
        }
    }
    Ok(())
}

/// User-space instructions per request by callgrind: the difference of two request counts.
pub fn instructions() -> Result<()> {
    instructions_of(&KINDS)
}

/// [`instructions`] and [`syscalls`] of the engine on each runtime, and of axum on it.
pub fn runtimes() -> Result<()> {
    instructions_of(&RUNTIMES)?;
    syscalls_of(&RUNTIMES)
}

fn instructions_of(kinds: &[Kind]) -> Result<()> {
    println!("user-space instructions per request, {CONNECTIONS} connections (callgrind, exact)");
    println!("  {:11} {:>12} {:>12}", "", "depth 1", "depth 16");
    for &kind in kinds {
        let mut row = Vec::new();
        for (depth, few, many) in [(1, 20, 120), (16, 5, 25)] {
            let difference = count(kind, many, depth)? - count(kind, few, depth)?;
            row.push(difference as f64 / ((many - few) * depth * CONNECTIONS) as f64);
        }
        println!("  {:11} {:>12.0} {:>12.0}", kind.name(), row[0], row[1]);
    }
    Ok(())
}

fn count(kind: Kind, rounds: usize, depth: usize) -> Result<i64> {
    let out = std::env::temp_dir().join(format!("avx-bench-{}.callgrind", std::process::id()));
    let file = format!("--callgrind-out-file={}", out.display());
    let server = Server::start(kind, &["valgrind", "--tool=callgrind", &file])?;
    exchange(&server, rounds, depth)?;
    server.stop()?;
    total(&out)
}

/// Instructions in a file of callgrind, which is removed.
pub fn total(out: &Path) -> Result<i64> {
    let text = std::fs::read_to_string(out)?;
    std::fs::remove_file(out)?;
    let line = text.lines().find(|l| l.starts_with("totals:") || l.starts_with("summary:"));
    Ok(line.and_then(|l| l.split_whitespace().nth(1)).ok_or("callgrind gave no total")?.parse()?)
}

/// System calls per request by strace: the difference of two request counts.
pub fn syscalls() -> Result<()> {
    syscalls_of(&KINDS)
}

fn syscalls_of(kinds: &[Kind]) -> Result<()> {
    println!("system calls per request, {CONNECTIONS} connections, depth 1 (strace -f -c)");
    println!("  {:11} {:>8} {:>8} {:>8}", "", "read", "write", "other");
    for &kind in kinds {
        let (few, many) = (trace(kind, 20)?, trace(kind, 220)?);
        let requests = (200 * CONNECTIONS) as f64;
        let per = |i: usize| (many[i] - few[i]) as f64 / requests;
        println!("  {:11} {:>8.3} {:>8.3} {:>8.3}", kind.name(), per(0), per(1), per(2));
    }
    Ok(())
}

/// Calls that read, that write, and all others.
fn trace(kind: Kind, rounds: usize) -> Result<[i64; 3]> {
    let out = std::env::temp_dir().join(format!("avx-bench-{}.strace", std::process::id()));
    let server = Server::start(kind, &["strace", "-f", "-c", "-o", &out.display().to_string()])?;
    exchange(&server, rounds, 1)?;
    server.stop()?;
    let calls = parse_strace(&out)?;
    std::fs::remove_file(&out)?;
    Ok(calls)
}

fn parse_strace(file: &Path) -> Result<[i64; 3]> {
    let mut calls = [0; 3];
    for line in std::fs::read_to_string(file)?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(name), Some(Ok(n))) = (words.last(), words.get(3).map(|n| n.parse::<i64>())) else {
            continue;
        };
        match *name {
            "read" | "recvfrom" | "recvmsg" | "readv" => calls[0] += n,
            "write" | "sendto" | "sendmsg" | "writev" => calls[1] += n,
            "total" => {}
            _ => calls[2] += n,
        }
    }
    Ok(calls)
}

/// Resident memory per idle keep-alive connection that has had one request.
pub fn memory(connections: usize) -> Result<()> {
    println!("resident memory per idle keep-alive connection, {connections} connections");
    for kind in KINDS {
        let server = Server::start(kind, &[])?;
        exchange(&server, 2, 1)?;
        let before = server.memory()?;
        let mut streams = Vec::new();
        let mut buf = [0; 4096];
        for _ in 0..connections {
            let mut stream = TcpStream::connect(server.addr)?;
            stream.write_all(request(&server).as_bytes())?;
            if stream.read(&mut buf)? == 0 {
                return Err("server closed".into());
            }
            streams.push(stream);
        }
        let grown = server.memory()?.saturating_sub(before);
        println!("  {:10} {:>8.0} bytes", kind.name(), grown as f64 / connections as f64);
    }
    Ok(())
}

/// From the start of the process to the line that says it listens.
pub fn startup(rounds: usize) -> Result<()> {
    println!("start-up to the listening line, median of {rounds}");
    for kind in KINDS {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            let _server = Server::start(kind, &[])?;
            times.push(start.elapsed());
        }
        times.sort();
        println!("  {:10} {:>8.2} ms", kind.name(), times[rounds / 2].as_secs_f64() * 1e3);
    }
    Ok(())
}
