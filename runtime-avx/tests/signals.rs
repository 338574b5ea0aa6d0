//! Signals, which belong to the process: one test in a process of its own.
#![cfg(not(miri))]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::on_each_runtime;
use runtime_avx::{Builder, Handle, signal, timeout};

const CHILD: &str = "AVX_TEST_SIGNALS";

/// This test again, as a child process that does `what`, and its standard output.
fn child(test: &str, what: &str) -> (Child, impl BufRead) {
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new(this)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, what)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn kill(child: &Child, signal: &str) {
    let done = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

fn wait_for(output: &mut impl BufRead, line: &str) {
    let mut read = String::new();
    while !read.trim().ends_with(line) {
        read.clear();
        assert_ne!(output.read_line(&mut read).unwrap(), 0, "{line} before the end");
    }
}

/// Whether this process was started with SIGINT ignored, and its children with it. Known on Linux.
fn ignores_interrupts() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
}

#[test]
fn signals_are_futures_and_the_second_ctrl_c_ends_the_process() {
    if std::env::var(CHILD).is_ok() {
        let runtime = Builder::new().workers(1).build().unwrap();
        runtime.block_on(async {
            let mut terminate = signal::terminate().unwrap();
            println!("ready");
            terminate.recv().await.unwrap();
            println!("one");
            terminate.recv().await.unwrap();
            println!("two");
            let interrupt = signal::ctrl_c().unwrap();
            // On a worker as well as here.
            let worker = Handle::current().spawn(signal::ctrl_c().unwrap());
            println!("listening");
            interrupt.await.unwrap();
            worker.await.unwrap().unwrap();
            println!("interrupted");
            std::future::pending::<()>().await;
        });
        unreachable!();
    }
    let name = "signals_are_futures_and_the_second_ctrl_c_ends_the_process";
    let (mut child, mut output) = child(name, "run");
    wait_for(&mut output, "ready");
    kill(&child, "-TERM");
    wait_for(&mut output, "one");
    kill(&child, "-TERM");
    wait_for(&mut output, "two");
    wait_for(&mut output, "listening");
    kill(&child, "-INT");
    wait_for(&mut output, "interrupted");
    // Nobody listens any more, so the signal does what it does.
    let ends = if ignores_interrupts() {
        // As in a job that a shell has put into the background.
        kill(&child, "-KILL");
        9
    } else {
        kill(&child, "-INT");
        2
    };
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(ends));
}

#[test]
fn a_signal_that_nobody_sends_never_completes_and_cannot_be_any() {
    on_each_runtime(|runtime| {
        runtime.block_on(async {
            // SIGWINCH, whose default is to do nothing.
            let mut resized = signal::Signal::new(28).unwrap();
            assert!(timeout(Duration::from_millis(1), resized.recv()).await.is_err());
            assert!(signal::Signal::new(9).is_err(), "SIGKILL cannot be handled");
        });
    });
}
