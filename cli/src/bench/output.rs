//! Where results go, and what is said when there are none.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Says why there is nothing; whoever has closed standard error does not want to know.
pub(super) fn fail(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "avx bench: {text}");
    ExitCode::from(code)
}

/// Whether results can be written to these files: a measurement that took minutes is not to end with the news that
/// they cannot. What is in them stays there until then.
pub(super) fn check(files: &[&Path]) -> Result<(), String> {
    for (i, file) in files.iter().enumerate() {
        if files[..i].contains(file) {
            return Err(format!("two results cannot both be written to {}", file.display()));
        }
        if *file != Path::new("-") {
            let opened = OpenOptions::new().create(true).append(true).open(file);
            opened.map_err(|error| cannot(file, &error))?;
        }
    }
    Ok(())
}

/// Writes to a file, or with `-` to standard output.
pub(super) fn write(file: &Path, text: &str) -> Result<(), String> {
    if file == Path::new("-") {
        let mut out = io::stdout().lock();
        return match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Whoever read the output and left has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(format!("standard output cannot be written: {error}"))
            }
            _ => Ok(()),
        };
    }
    std::fs::write(file, text).map_err(|error| cannot(file, &error))
}

fn cannot(file: &Path, error: &io::Error) -> String {
    format!("{} cannot be written: {error}", file.display())
}
