//! `avx`: an HTTP server, an HTTP client and a protocol decoder, on the engine of this workspace.
//!
//! ```text
//! main      arguments, dispatch, exit codes
//! decode/   raw bytes through the bare machine, and what it says about them
//! term      colours, and text that is safe to print
//! ```

mod decode;
mod term;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An HTTP engine on the command line: look at what it makes of raw bytes.
#[derive(Parser)]
#[command(name = "avx", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Decode(decode::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Decode(args) => decode::run(&args),
    }
}
