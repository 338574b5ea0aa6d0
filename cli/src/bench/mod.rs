//! `avx bench`: a load generator, and a comparison of what serves under it.
//!
//! ```text
//! args        the command line      plan       what it means
//! run         one run: connect, warm up, measure, collect
//! lane        what the connections of one worker share      pace   a schedule that does not wait
//! link        one connection: reads, writes and turns
//! http, h1, h2    requests          ws, tunnel     messages, over HTTP/1.1 and HTTP/2
//! failure     what went wrong       stats, histogram   what was measured       usage   CPU and memory
//! report, json, progress            for people, for programs, on a terminal      output   where that goes
//! interrupt   when the user ends it
//! compare/    `avx serve` under each runtime, side by side
//! ```

mod args;
mod compare;
mod failure;
mod h1;
mod h2;
mod histogram;
mod http;
mod interrupt;
mod json;
mod lane;
mod link;
mod output;
mod pace;
mod plan;
mod progress;
mod report;
mod run;
mod stats;
mod tunnel;
mod usage;
mod ws;

pub(crate) use args::Args;
use args::{Command, Load, Wrong};
use interrupt::Interrupt;
use output::fail;
use plan::Plan;
use progress::Progress;
use run::Outcome;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    match &args.command {
        Some(Command::Compare(args)) => compare::run(args),
        None => match load(&args.load) {
            Ok(code) => code,
            Err(Wrong::Usage(text)) => fail(&text, 2),
            Err(Wrong::Failed(text)) => fail(&text, 1),
        },
    }
}

fn load(args: &Load) -> Result<ExitCode, Wrong> {
    let plan = args.plan()?;
    let failed = |text: String| Wrong::Failed(text);
    make_room(plan.connections).map_err(failed)?;
    let mut interrupt = Interrupt::listen().map_err(failed)?;
    let at = plan.authority.clone();
    // Whoever does not answer one request is not loaded.
    let probe = run::run(plan.probe(), &mut interrupt, |_| ());
    let probe = probe.map_err(|failure| Wrong::Failed(format!("{at}: {failure}")))?;
    if probe.interrupted {
        return Err(Wrong::Failed("interrupted before anything was measured".to_owned()));
    }
    if let Some(failure) = probe.failure {
        return Err(Wrong::Failed(format!("{at}: {failure}")));
    }
    let files: Vec<&Path> = args.json.iter().map(PathBuf::as_path).collect();
    output::check(&files).map_err(failed)?;
    let mut progress = Progress::new("", report::noun(&plan));
    let outcome = run::run(plan.clone(), &mut interrupt, |glance| progress.show(glance));
    drop(progress);
    let outcome = outcome.map_err(|failure| Wrong::Failed(format!("{at}: {failure}")))?;
    tell(args.json.as_deref(), &plan, &outcome).map_err(Wrong::Failed)?;
    if outcome.is_gone {
        return Err(Wrong::Failed(format!("{at}: the server is gone")));
    }
    if !outcome.is_answered() && !outcome.interrupted {
        let none =
            || format!("no answer came within the {} that were measured", report::time(outcome.elapsed));
        let why = outcome.failure.map_or_else(none, |failure| failure.to_string());
        return Err(Wrong::Failed(format!("{at}: {why}")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the result, or writes it where programs find it.
fn tell(json: Option<&Path>, plan: &Plan, outcome: &Outcome) -> Result<(), String> {
    if let Some(file) = json {
        output::write(file, &json::text(plan, outcome))?;
    }
    match json == Some(Path::new("-")) {
        true => Ok(()),
        false => output::write(Path::new("-"), &report::text(plan, outcome)),
    }
}

/// Descriptors that this program needs beside its connections.
const OWN_FILES: u64 = 32;

/// Raises the limit of open files, and says so when it stays too low.
fn make_room(connections: usize) -> Result<(), String> {
    let files = runtime_avx::net::raise_descriptor_limit()
        .map_err(|error| format!("the limit of open files is unknown: {error}"))?;
    let needed = connections as u64 + OWN_FILES;
    match files < needed {
        true => Err(format!(
            "{connections} connections need {needed} open files, and {files} are allowed (ulimit -Hn)"
        )),
        false => Ok(()),
    }
}
