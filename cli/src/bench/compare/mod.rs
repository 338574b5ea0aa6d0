//! `avx bench compare`: the same server under each runtime, side by side.
//!
//! ```text
//! measure     what is measured, in which order
//! server      this program as a child         pin         which processors
//! idle        memory of idle connections      syscalls    counted by strace
//! verdict     medians, spreads, and whether they allow a claim
//! table, html, svg, json                      the report
//! ```

mod html;
mod idle;
mod json;
mod measure;
mod pin;
mod server;
mod svg;
mod syscalls;
mod table;
mod verdict;

use super::args::some_time;
use crate::bench::interrupt::Interrupt;
use crate::bench::output;
use crate::serve::runtime::Name;
use clap::{Parser, ValueEnum};
use measure::{Bench, Group, Kind, Stopped};
use pin::Cores;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Compare `avx serve` under each runtime, side by side
///
/// Each server is started as a child on processors of its own, and the load comes from others. Runs take turns,
/// so that whatever else the machine does meets all of them alike; reported are medians, and how far the runs were
/// apart. Measured are throughput, CPU for each request, latency at half of what the slowest can do (on a schedule),
/// memory and system calls (by strace, where there is one).
///
/// The table goes to standard output, as Markdown.
#[derive(Parser)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Runtimes to compare [default: all that this program was built with]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    runtimes: Vec<Name>,

    /// Protocols to compare them under [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    protocols: Vec<Kind>,

    /// Connections; HTTP/2 has a sixteenth of them, with 32 streams each
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    connections: u32,

    /// How long each run is measured
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = some_time)]
    duration: Duration,

    /// Runs of each server under each protocol
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    /// Worker threads of each server
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,

    /// Threads of the load
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,

    /// Idle connections whose memory is measured
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    idle: u32,

    /// Write a page with plots, without scripts and in one file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Write the figures as JSON, to a file or with - to standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  avx bench compare --report report.html
  avx bench compare --runtimes avx,tokio --protocols h1,h2 -d 5s --rounds 9

Ctrl-C or SIGTERM ends it, with all servers; exit status 0 when everything was measured, 1 when not.";

impl Args {
    /// Connections to a server at the same time, at most.
    fn most_connections(&self) -> u32 {
        self.connections.max(self.idle + idle::BEFORE)
    }
}

/// All of the result.
struct Result<'a> {
    args: &'a Args,
    cores: &'a Cores,
    groups: Vec<Group>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> ExitCode {
    match compare(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stopped::Interrupted) => output::fail("compare: interrupted", 1),
        Err(Stopped::Failed(text)) => output::fail(&format!("compare: {text}"), 1),
    }
}

fn compare(args: &Args) -> std::result::Result<(), Stopped> {
    let runtimes = runtimes(args)?;
    let kinds = match args.protocols.is_empty() {
        true => Kind::value_variants().to_vec(),
        false => each_once(&args.protocols),
    };
    super::make_room(args.most_connections() as usize)?;
    let files: Vec<&Path> = args.report.iter().chain(&args.json).map(PathBuf::as_path).collect();
    output::check(&files)?;
    let mut interrupt = Interrupt::listen()?;
    let cores = Cores::share(args.workers.into());
    let mut bench = Bench { args, cores: &cores, interrupt: &mut interrupt };
    let mut groups = Vec::new();
    for kind in kinds {
        groups.push(bench.group(kind, &runtimes)?);
    }
    let result = Result { args, cores: &cores, groups };
    if let Some(file) = &args.report {
        output::write(file, &html::page(&result))?;
    }
    if let Some(file) = &args.json {
        output::write(file, &json::text(&result))?;
    }
    // A program that reads standard output wants nothing else there.
    if !files.contains(&Path::new("-")) {
        output::write(Path::new("-"), &table::text(&result))?;
    }
    Ok(())
}

/// Those that are asked for, or all that are there; each once.
fn runtimes(args: &Args) -> std::result::Result<Vec<Name>, String> {
    let asked: Vec<Name> = match args.runtimes.is_empty() {
        false => args.runtimes.clone(),
        true => {
            let fits = |name: &&Name| name.check(Some(args.workers)).is_ok();
            Name::value_variants().iter().filter(fits).copied().collect()
        }
    };
    asked.iter().try_for_each(|name| name.check(Some(args.workers)))?;
    Ok(each_once(&asked))
}

/// The same without repetitions.
fn each_once<T: Copy + PartialEq>(all: &[T]) -> Vec<T> {
    let mut once = Vec::new();
    all.iter().for_each(|&one| {
        if !once.contains(&one) {
            once.push(one);
        }
    });
    once
}
