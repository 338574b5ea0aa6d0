//! System calls of a server, counted by strace, which slows it down: that is why this is a run of its own.

use super::server::Server;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A strace that is attached to a server.
pub(super) struct Count {
    child: Child,
    file: PathBuf,
}

impl Count {
    /// Begins to count; why not, where strace is missing or must not.
    pub(super) fn start(server: &Server) -> Result<Count, String> {
        let file =
            std::env::temp_dir().join(format!("avx-bench-{}-{}.strace", std::process::id(), server.pid()));
        let mut child = Command::new("strace")
            .args(["-f", "-c", "-o"])
            .arg(&file)
            .args(["-p", &server.pid().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|_| "strace is not installed".to_owned())?;
        let mut line = String::new();
        if let Some(stderr) = child.stderr.take() {
            let mut stderr = BufReader::new(stderr);
            let _ = stderr.read_line(&mut line);
            // Whatever it says later, it must not wait for a reader.
            std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        }
        let count = Count { child, file };
        match line.contains("attached") {
            true => Ok(count),
            false => Err("strace may not attach here".to_owned()),
        }
    }

    /// How many there were since.
    pub(super) fn end(mut self) -> Result<u64, String> {
        let pid = self.child.id().to_string();
        let signalled =
            Command::new("kill").args(["-s", "INT", &pid]).status().is_ok_and(|status| status.success());
        if !signalled {
            return Err("strace could not be ended".to_owned());
        }
        let _ = self.child.wait();
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        total(&text).ok_or_else(|| "strace counted nothing".to_owned())
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The sum of the table of `strace -c`: share, seconds, per call, calls, perhaps errors, `total`.
fn total(table: &str) -> Option<u64> {
    let line = table.lines().rev().find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_a_table_is_found_with_and_without_errors() {
        let head = "% time     seconds  usecs/call     calls    errors syscall\n 60.00 0.1 1 7 recvfrom\n";
        assert_eq!(
            total(&format!("{head}100.00    0.000131           6        20         3 total\n")),
            Some(20)
        );
        assert_eq!(
            total(&format!("{head}100.00    0.000131           6        21           total\n")),
            Some(21)
        );
        assert_eq!(total(head), None);
    }
}
