//! HTTP/2 under h2load, 8 connections of 100 streams: CPU and exact instructions per request; memory per
//! connection.

use crate::exact::total;
use crate::server::{Kind, Result, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

const KINDS: [Kind; 2] = [Kind::Avx, Kind::HyperHttp2];
const REQUESTS: u32 = 400_000;

/// All of it, `rounds` alternating runs of each server.
pub fn run(rounds: usize) -> Result<()> {
    println!("/plaintext over HTTP/2, 8 connections x 100 streams, {REQUESTS} requests a run,");
    println!("medians of {rounds} alternating rounds; microseconds of the server's CPU, ratios to hyper\n");
    let mut samples = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        for (kind, samples) in KINDS.into_iter().zip(&mut samples) {
            samples.push(sample(kind)?);
        }
    }
    let [own, hyper] = samples.map(median);
    let counted = [instructions(KINDS[0])?, instructions(KINDS[1])?];
    println!("  {:10} {:>16} {:>12} {:>18}", "", "CPU/req", "user/req", "instructions/req");
    for ((kind, s), counted) in KINDS.into_iter().zip([own, hyper]).zip(counted) {
        let ratio = s.0 / hyper.0;
        println!("  {:10} {:>8.3} ({ratio:.2}x) {:>12.3} {counted:>18.0}", kind.name(), s.0, s.1);
    }
    println!("\ninstructions per request by streams open on one connection");
    for streams in [10, 100, 1000, 10_000] {
        println!("  {streams:10} {:>8.0}", with_streams(Kind::Avx, 1, streams)?);
    }
    println!("\nresident memory per idle connection that has had one request, 2000 connections");
    for kind in KINDS {
        println!("  {:10} {:>8.0} bytes", kind.name(), memory(kind, 2000)?);
    }
    Ok(())
}

/// CPU and user CPU per request, microseconds.
fn sample(kind: Kind) -> Result<(f64, f64)> {
    let server = Server::start(kind, &["taskset", "-c", "0"])?;
    load(&server, 20_000, 8, 100)?;
    let (user, system) = server.cpu()?;
    load(&server, REQUESTS, 8, 100)?;
    let (user_end, system_end) = server.cpu()?;
    let (user, system) = (user_end - user, system_end - system);
    let each = 1e6 / f64::from(REQUESTS);
    Ok(((user + system) * each, user * each))
}

fn median(mut samples: Vec<(f64, f64)>) -> (f64, f64) {
    let middle = samples.len() / 2;
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = samples[middle].0;
    samples.sort_by(|a, b| a.1.total_cmp(&b.1));
    (total, samples[middle].1)
}

fn load(server: &Server, requests: u32, connections: u32, streams: u32) -> Result<()> {
    let [requests, connections, streams] = [requests, connections, streams].map(|n| n.to_string());
    let output = Command::new("taskset")
        .args(["-c", "1", "h2load", "-n", &requests, "-c", &connections, "-m", &streams])
        .arg(format!("http://{}/plaintext", server.addr))
        .output()
        .map_err(|e| format!("taskset, h2load: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains(&format!(" {requests} succeeded, 0 failed, 0 errored")) {
        Ok(())
    } else {
        Err(format!("h2load said: {text}").into())
    }
}

fn instructions(kind: Kind) -> Result<f64> {
    with_streams(kind, 8, 100)
}

/// Instructions per request: the difference of two request counts.
fn with_streams(kind: Kind, connections: u32, streams: u32) -> Result<f64> {
    let count = |requests: u32| -> Result<i64> {
        let out = std::env::temp_dir().join(format!("avx-bench-{}.callgrind", std::process::id()));
        let file = format!("--callgrind-out-file={}", out.display());
        let server = Server::start(kind, &["valgrind", "--tool=callgrind", &file])?;
        load(&server, requests, connections, streams)?;
        server.stop()?;
        total(&out)
    };
    let (few, many) = (8_000, 40_000);
    Ok((count(many)? - count(few)?) as f64 / f64::from(many - few))
}

/// A client's preface with empty settings, and one request of literal fields without indexing.
fn request(server: &Server) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let mut block = vec![0x82, 0x86, 0x04, 10];
    block.extend_from_slice(b"/plaintext");
    let authority = server.addr.to_string();
    block.extend([0x01, authority.len() as u8]);
    block.extend_from_slice(authority.as_bytes());
    bytes.extend([0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

fn memory(kind: Kind, connections: usize) -> Result<f64> {
    let server = Server::start(kind, &[])?;
    load(&server, 1000, 8, 100)?;
    let before = server.memory()?;
    let request = request(&server);
    let mut streams = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(server.addr)?;
        stream.write_all(&request)?;
        let mut seen = Vec::new();
        let mut buf = [0; 4096];
        while !seen.windows(6).any(|w| w == b"World!") {
            match stream.read(&mut buf)? {
                0 => return Err("server closed".into()),
                n => seen.extend_from_slice(&buf[..n]),
            }
        }
        streams.push(stream);
    }
    Ok(server.memory()?.saturating_sub(before) as f64 / connections as f64)
}
