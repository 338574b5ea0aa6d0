//! `avx bench compare`: small ones, and how they end.
#![cfg(target_os = "linux")]

mod common;

use common::{PATIENCE, Ran, avx, run};
use std::fs;
use std::process::{Child, Command};
use std::time::Instant;

/// A comparison that would take for ever, and its first server, under load.
fn start() -> (Child, u32) {
    let child = avx(&["bench", "compare", "--runtimes", "avx", "--protocols", "h1", "-d", "10m", "-c", "50"])
        .spawn()
        .expect("it starts");
    let file = format!("/proc/{0}/task/{0}/children", child.id());
    let server = wait(|| {
        let children = fs::read_to_string(&file).unwrap_or_default();
        children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .find(|&pid| is_serving(pid) && is_loaded(pid))
    });
    (child, server)
}

/// Whether a process is a server; behind taskset it becomes one.
fn is_serving(pid: u32) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = command.split(|&b| b == 0).collect();
    words.first().is_some_and(|name| name.ends_with(b"/avx")) && words.contains(&&b"serve"[..])
}

/// Whether a process has as many descriptors as only connections make it have.
fn is_loaded(pid: u32) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| files.count() >= 50)
}

/// Looks until there is something to see.
fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "it never comes");
        std::thread::yield_now();
    }
}

/// Waits until a process is gone, or nobody but its parent cares.
fn wait_for_end(pid: u32) {
    wait(|| (!is_serving(pid)).then_some(()));
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_small_comparison_has_a_table_a_page_and_figures() {
    let dir = std::env::temp_dir().join(format!("avx-compare-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (page, json) = (dir.join("report.html"), dir.join("report.json"));
    let ran = run(
        &[
            "bench",
            "compare",
            "--protocols",
            "h1,h2,h1",
            "-d",
            "60ms",
            "--rounds",
            "1",
            "-c",
            "4",
            "--idle",
            "20",
            "--report",
            page.to_str().unwrap(),
            "--json",
            json.to_str().unwrap(),
        ],
        b"",
    );
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{}", ran.stdout);
    let (page, json) = (fs::read_to_string(&page).unwrap(), fs::read_to_string(&json).unwrap());
    fs::remove_dir_all(&dir).unwrap();
    let mut runtimes = vec!["avx"];
    runtimes.extend(cfg!(feature = "tokio").then_some(["tokio", "tokio-current"]).into_iter().flatten());
    runtimes.extend(cfg!(feature = "smol").then_some("smol"));
    for runtime in &runtimes {
        assert_eq!(ran.stdout.matches(&format!("\n| {runtime} | ")).count(), 2, "{}", ran.stdout);
        assert_eq!(
            json.matches(&format!("{{\"runtime\":\"{runtime}\",\"per_second\":")).count(),
            2,
            "{json}"
        );
    }
    for protocol in ["HTTP/1.1", "HTTP/2"] {
        assert!(ran.stdout.contains(&format!("\n| {protocol} | per second |")), "{}", ran.stdout);
        assert!(page.contains(&format!("<h2>{protocol}</h2>")), "{protocol}");
    }
    assert!(
        json.ends_with("]}\n") && !json.contains("\"per_second\":0,") && !json.contains("\"cpu_us\":null"),
        "{json}"
    );
    assert_eq!(page.matches("<svg").count(), 8);
    assert!(ran.stdout.contains("Fewer than three rounds say nothing"), "{}", ran.stdout);
}

#[test]
fn servers_end_with_an_interrupted_comparison() {
    for name in ["INT", "TERM"] {
        let (child, server) = start();
        signal(name, child.id());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, &*ran.stderr), (1, "avx bench: compare: interrupted\n"));
        wait_for_end(server);
    }
}

#[test]
fn servers_end_with_a_comparison_that_was_killed() {
    let (mut child, server) = start();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for_end(server);
}

#[test]
fn a_server_that_dies_in_the_middle_ends_the_comparison() {
    let (child, server) = start();
    signal("KILL", server);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("the server under avx died: signal 9\n"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_compared_is_told_before_anything_begins() {
    let ran = run(&["bench", "compare", "--runtimes", "glommio"], b"");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("possible values: avx, tokio, tokio-current, smol"), "{}", ran.stderr);
    for (args, text) in [
        (
            &["--runtimes", "tokio-current", "--workers", "2"][..],
            "avx bench: compare: --runtime tokio-current",
        ),
        (&["-c", "9999", "--report", "/nowhere/x.html"], "avx bench: compare: "),
    ] {
        let mut command = Command::new("sh");
        let script = "ulimit -n 256 && exec \"$0\" bench compare \"$@\"";
        let ran =
            Ran::from(command.args(["-c", script, env!("CARGO_BIN_EXE_avx")]).args(args).output().unwrap());
        assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
        assert!(ran.stderr.starts_with(text), "{}", ran.stderr);
    }
}
