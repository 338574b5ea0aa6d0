//! What the tests of the program share: running it, and never leaving it running.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program with these arguments, output captured, without a terminal.
pub(crate) fn avx(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_avx"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end with `input` on standard input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Ran {
    let mut child = avx(args).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // A program that has seen enough closes its input early: no failure of the test.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ran = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    Ran::from(ran)
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) bytes: Vec<u8>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().expect("the program was not killed"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            bytes: output.stdout,
        }
    }
}

/// Longer than anything here takes; a test that waits for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running `avx serve`, killed when it is dropped.
pub(crate) struct Serving {
    child: Child,
    /// Its first line on standard output.
    pub(crate) line: String,
    /// Further lines.
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Serving {
    /// The program with these arguments, on a port of the system's choice, and ready.
    pub(crate) fn start(args: &[&str]) -> Serving {
        Serving::start_at(&[&["--addr", "127.0.0.1:0"], args].concat())
    }

    /// The program with these arguments, ready.
    pub(crate) fn start_at(args: &[&str]) -> Serving {
        Serving::spawn(avx(&[&["serve"], args].concat()))
    }

    /// As [`start`](Self::start), behind what the shell does first.
    pub(crate) fn start_behind(script: &str, args: &[&str]) -> Serving {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script} && exec \"$0\" serve --addr 127.0.0.1:0 \"$@\"")]);
        command.arg(env!("CARGO_BIN_EXE_avx")).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Serving::spawn(command)
    }

    fn spawn(mut command: Command) -> Serving {
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line says that it is ready");
        Serving { child, line: line.trim_end().to_owned(), stdout }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        let addr = self.line.strip_prefix("listening on http://").expect("the line names an address");
        addr.parse().expect("the address is one")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr())
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr()).expect("it accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("the time-out is one");
        stream
    }

    /// Sends `request` and nothing more; all that comes back until the connection ends.
    pub(crate) fn exchange(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(request).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers and closes");
        answer
    }

    /// As [`exchange`](Self::exchange), of a GET; head and content apart.
    pub(crate) fn get(&self, path: &str) -> (String, Vec<u8>) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        split(&self.exchange(request.as_bytes()))
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits for its end; exit code and standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("stderr is piped");
        pipe.read_to_string(&mut stderr).expect("stderr is text");
        (self.child.wait().expect("it ends").code(), stderr)
    }

    /// Waits until it accepts no more: it has seen the signal.
    pub(crate) fn wait_until_closed(&self) {
        let start = Instant::now();
        while TcpStream::connect(self.addr()).is_ok() {
            assert!(start.elapsed() < PATIENCE, "it goes on accepting");
            std::thread::yield_now();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Head (with its empty line) and content.
pub(crate) fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("the answer has a head") + 4;
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end..].to_vec())
}

/// An HTTP/2 client's preface, without its SETTINGS.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const PRIORITY_UPDATE: u8 = 16;

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let len = (payload.len() as u32).to_be_bytes();
    let head = [&len[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}
