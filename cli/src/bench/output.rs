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
/// they cannot. What is in them stays there until then, and what is not there yet does not come to be.
pub(super) fn check(files: &[&Path]) -> Result<(), String> {
    for (i, file) in files.iter().enumerate() {
        if files[..i].contains(file) {
            return Err(format!("two results cannot both be written to {}", file.display()));
        }
        if *file != Path::new("-") {
            let is_new = !file.exists();
            OpenOptions::new().create(true).append(true).open(file).map_err(|error| cannot(file, &error))?;
            if is_new {
                let _ = std::fs::remove_file(file);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_as_they_were_before_there_is_a_result() {
        let dir = std::env::temp_dir().join(format!("avx-output-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (old, new) = (dir.join("old"), dir.join("new"));
        std::fs::write(&old, "figures").unwrap();
        assert_eq!(check(&[&old, &new, Path::new("-")]), Ok(()));
        let found = (std::fs::read_to_string(&old), new.exists());
        let refused = (check(&[&new, &new]), check(&[&dir]));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(found.0.is_ok_and(|text| text == "figures") && !found.1);
        assert!(refused.0.is_err() && refused.1.is_err());
    }
}
