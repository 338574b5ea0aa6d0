//! A server under test: this program as a child, which ends with it.

use super::Args;
use super::pin::Cores;
use crate::bench::usage::{Cpu, memory};
use crate::serve::runtime::Name;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// A running server. It ends when it is dropped, and when this process does, however that ends: its standard
/// input is a pipe from here.
pub(super) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Its last line on standard error.
    words: Option<Receiver<String>>,
    pub(super) runtime: Name,
    pub(super) addr: SocketAddr,
}

/// How long a start may take.
const START: Duration = Duration::from_secs(10);
/// Bytes of a line that is kept.
const LINE: u64 = 4096;
/// How long an orderly end may take.
const PATIENCE: Duration = Duration::from_secs(2);

impl Server {
    /// Starts `avx serve` under a runtime, ready when this returns.
    pub(super) fn start(runtime: Name, args: &Args, cores: &Cores) -> Result<Server, String> {
        let failed = |why: &dyn std::fmt::Display| {
            format!("the server under {} did not start: {why}", runtime.as_str())
        };
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = cores.command(&program);
        command.args(["serve", "--until-eof", "--addr", "127.0.0.1:0", "--max-streams", "10000"]);
        command.args(["--max-connections", &args.most_connections().to_string(), "--shutdown-timeout", "1"]);
        command.args(["--runtime", runtime.as_str(), "--workers", &args.workers.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for this process, which sees to its children.
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let stdin = child.stdin.take();
        let line = child.stdout.take().map(first_line);
        let words = child.stderr.take().map(last_line);
        let mut server = Server { child, stdin, words, runtime, addr: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let line = line.and_then(|line| line.recv_timeout(START).ok()).unwrap_or_default();
        match line.trim_end().strip_prefix("listening on http://").and_then(|addr| addr.parse().ok()) {
            Some(addr) => server.addr = addr,
            None => return Err(failed(&server.last_words())),
        }
        Ok(server)
    }

    /// What it says about its end, or how that came.
    fn last_words(&mut self) -> String {
        let line = self.words.take().and_then(|words| words.recv_timeout(PATIENCE).ok());
        let status = match line {
            // Whoever has closed that has ended, or is about to.
            Some(_) => self.child.wait().ok(),
            None => None,
        };
        match (line.as_deref().map(str::trim), status) {
            (None, _) => "it says nothing".to_owned(),
            (_, Some(status)) if status.signal().is_some() => words(status),
            (Some(""), Some(status)) => words(status),
            (Some(""), None) => "it said nothing".to_owned(),
            (Some(line), _) => line.trim_start_matches("avx serve: ").to_owned(),
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn cpu(&self) -> Option<Cpu> {
        Cpu::of(self.pid())
    }

    /// Resident memory now, and the most it ever had, bytes.
    pub(super) fn memory(&self) -> Option<(u64, u64)> {
        memory(self.pid())
    }

    /// How it has ended, if it has.
    pub(super) fn death(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("the server under {} died: {}", self.runtime.as_str(), words(status)))
    }
}

/// The first line, from a thread that waits for it; what comes behind it is dropped.
fn first_line(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stdout, mut line) = (BufReader::new(stdout), String::new());
        let _ = stdout.read_line(&mut line);
        let _ = sender.send(line);
        std::io::copy(&mut stdout, &mut std::io::sink())
    });
    receiver
}

/// The last line, once there is no more, so that whoever writes never waits for a reader.
fn last_line(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut last = String::new();
        let mut stderr = BufReader::new(stderr);
        loop {
            let mut line = Vec::new();
            match stderr.by_ref().take(LINE).read_until(b'\n', &mut line) {
                Ok(n) if n > 0 => last = String::from_utf8_lossy(&line).into_owned(),
                _ => break,
            }
        }
        let _ = sender.send(last);
    });
    receiver
}

fn words(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit status {code}"),
        (None, None) => "for no known reason".to_owned(),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
