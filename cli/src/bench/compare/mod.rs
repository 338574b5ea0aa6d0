//! Comparison.
use clap::Parser;
use std::process::ExitCode;

/// Compare `avx serve` under each runtime
#[derive(Parser)]
pub(crate) struct Args {}

pub(super) fn run(_: &Args) -> ExitCode {
    ExitCode::SUCCESS
}
