//! What the tests of the program share: running it, and never leaving it running.
#![allow(dead_code)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

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
