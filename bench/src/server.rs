//! Servers under test, as child processes.

use crate::ws;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What can go wrong here is only ever printed.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Which program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `avx serve --workers 1`
    Avx,
    /// The bare epoll loop.
    Bare,
    /// hyper on tokio.
    Hyper,
    /// The same speaking HTTP/2.
    HyperHttp2,
    /// The bare epoll loop, with messages of a WebSocket.
    BareWs,
    /// fastwebsockets on hyper and tokio.
    Fast,
    /// The engine on one thread of runtime-avx.
    OnAvx,
    /// The same on tokio.
    OnTokio,
    /// The same on smol.
    OnSmol,
    /// The machine in a loop around poll(2) that was written by hand, without tasks, timers and routes.
    Poll,
    /// axum on the engine, on runtime-avx.
    Axum,
    /// axum on hyper and tokio, as it comes.
    AxumServe,
}

/// Those that speak HTTP/1.1, the project's own first.
pub const KINDS: [Kind; 3] = [Kind::Avx, Kind::Bare, Kind::Hyper];
/// One engine and one handler, on each runtime; and axum on it and without it.
pub const RUNTIMES: [Kind; 6] =
    [Kind::OnAvx, Kind::OnTokio, Kind::OnSmol, Kind::Poll, Kind::Axum, Kind::AxumServe];

impl Kind {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Avx => "avx",
            Kind::Bare | Kind::BareWs => "bare loop",
            Kind::Fast => "fastwebsockets",
            Kind::Hyper | Kind::HyperHttp2 => "hyper",
            Kind::OnAvx => "runtime-avx",
            Kind::OnTokio => "tokio",
            Kind::OnSmol => "smol",
            Kind::Poll => "poll loop",
            Kind::Axum => "axum on avx",
            Kind::AxumServe => "axum::serve",
        }
    }

    fn command(self) -> Vec<String> {
        let program = |name: &str| {
            let here = std::env::current_exe().unwrap_or_default();
            here.parent().map_or_else(PathBuf::new, |dir| dir.join(name)).display().to_string()
        };
        match self {
            Kind::Avx => ["serve", "--addr", "127.0.0.1:0", "--workers", "1", "--max-streams", "10000"]
                .into_iter()
                .fold(vec![program("avx")], |mut all, arg| {
                    all.push(arg.into());
                    all
                }),
            Kind::Bare => vec![program("bare-loop"), REQUEST_LEN.to_string()],
            Kind::BareWs => vec![program("bare-loop"), ws::MESSAGE.to_string(), "ws".into()],
            Kind::Fast => vec![program("fast-echo")],
            Kind::Hyper => vec![program("hyper-plaintext")],
            Kind::OnAvx => vec![program("on-runtime"), "avx".into()],
            Kind::OnTokio => vec![program("on-runtime"), "tokio".into()],
            Kind::OnSmol => vec![program("on-runtime"), "smol".into()],
            Kind::Poll => vec![program("examples/poll"), "127.0.0.1:0".into()],
            Kind::Axum => vec![program("on-runtime"), "axum".into()],
            Kind::AxumServe => vec![program("on-runtime"), "axum-serve".into()],
            Kind::HyperHttp2 => vec![program("hyper-plaintext"), "--http2".into()],
        }
    }
}

/// Length of [`request`] for a port of five digits, which [`Server::start`] sees to: the bare loop
/// counts by it.
const REQUEST_LEN: usize = 50;

/// The request that every server gets.
pub fn request(server: &Server) -> String {
    format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", server.target, server.addr)
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
    target: &'static str,
}

impl Server {
    /// Starts `kind` behind the words of `wrapper` (`taskset`, `valgrind`, `strace`).
    pub fn start(kind: Kind, wrapper: &[&str]) -> Result<Server> {
        loop {
            let mut words: Vec<String> = wrapper.iter().map(|w| w.to_string()).collect();
            words.extend(kind.command());
            let mut child = Command::new(&words[0])
                .args(&words[1..])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|e| {
                    format!("{}: {e} (cargo build --release --workspace --bins --examples first?)", words[0])
                })?;
            let stdout = child.stdout.take().ok_or("no standard output")?;
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line)?;
            let addr = line.trim().rsplit('/').next().and_then(|addr| addr.parse().ok());
            let target = if kind == Kind::Poll { "/" } else { "/plaintext" };
            let server =
                Server { child, target, addr: addr.ok_or(format!("{}: said {line:?}", kind.name()))? };
            if server.addr.port() >= 10_000 {
                return Ok(server);
            }
        }
    }

    /// The process that listens: the child, or the program that a wrapper started.
    pub fn pid(&self) -> u32 {
        let own = self.child.id();
        let children =
            std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(own)
    }

    /// User and system CPU seconds so far.
    pub fn cpu(&self) -> Result<(f64, f64)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        let after = stat.rsplit(") ").next().ok_or("stat")?;
        let field = |n: usize| after.split(' ').nth(n).and_then(|v| v.parse::<f64>().ok()).ok_or("stat");
        Ok((field(11)? / 100.0, field(12)? / 100.0))
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).and_then(|v| v.parse::<u64>().ok()).ok_or("VmRSS")? * 1024)
    }

    /// Ends it the way a wrapper wants to see it and waits.
    pub fn stop(mut self) -> Result<()> {
        // SAFETY: a signal to our own child.
        unsafe { libc::kill(self.pid() as i32, libc::SIGTERM) };
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
