//! Transcripts: connections written down as markdown, and the runner that holds the machines to them.
//!
//! ```text
//! file.md ──format──▶ cases of steps ──play──▶ what was observed ──▶ compared, or a diff
//!                          │                        ▲
//!                   text, frames (escapes)    bare, seated (a machine, a session)
//! ```
//!
//! The format is described in `transcripts/README.md`, for readers who write no Rust.

mod bare;
mod call;
mod diff;
mod format;
mod frames;
mod play;
mod render;
mod seated;
mod text;
mod ws;

pub use format::{Case, Document, Role, Speaks, Step};

use std::path::Path;

/// Plays every case of the transcript at `path` in every manner; returns how many cases there were.
///
/// With the environment variable `BLESS` set, the file is rewritten with what was observed instead:
/// for new cases, whose blocks are then to be read with care.
///
/// # Errors
/// One readable report per failing case.
pub fn check(path: &Path) -> Result<usize, String> {
    let source = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut document = Document::parse(&source).map_err(|e| format!("{}:{e}", path.display()))?;
    if std::env::var_os("BLESS").is_some() {
        for case in &mut document.cases {
            play::bless(case);
        }
        std::fs::write(path, document.to_markdown()).map_err(|e| e.to_string())?;
    }
    let failures: Vec<String> = document
        .cases
        .iter()
        .filter_map(|case| {
            play::check(case)
                .err()
                .map(|report| format!("{}:{}: {}\n{report}", path.display(), case.line, case.title))
        })
        .collect();
    if failures.is_empty() { Ok(document.cases.len()) } else { Err(failures.join("\n")) }
}
