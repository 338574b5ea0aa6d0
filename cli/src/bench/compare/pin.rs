//! Which processors the server and the load run on.

use std::fs;
use std::process::{Command, Stdio};

/// Processors for each side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cores {
    pub(super) server: Vec<usize>,
    pub(super) load: Vec<usize>,
    /// Why nothing is bound to them, if so.
    pub(super) loose: Option<String>,
}

impl Cores {
    /// Shares out what this process may run on, and binds the calling thread, and with it those that it starts.
    pub(super) fn share(workers: usize) -> Cores {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let all = line.and_then(|list| parse(list.trim())).unwrap_or_default();
        let mut cores = divide(&all, workers);
        if cores.loose.is_none() {
            cores.loose = bind(&cores.load).err();
        }
        cores
    }

    /// Whether server and load have processors of their own.
    pub(super) fn are_apart(&self) -> bool {
        self.loose.is_none() && !self.load.iter().any(|core| self.server.contains(core))
    }

    /// A command for `program` on the server's processors.
    pub(super) fn command(&self, program: &std::path::Path) -> Command {
        match self.loose {
            Some(_) => Command::new(program),
            None => {
                let mut command = Command::new("taskset");
                command.args(["-c", &list(&self.server)]).arg(program);
                command
            }
        }
    }

    /// In words.
    pub(super) fn text(&self) -> String {
        match &self.loose {
            None => format!("server on processor {}, load on {}", list(&self.server), list(&self.load)),
            Some(why) => format!("neither server nor load bound to processors: {why}"),
        }
    }
}

/// The server gets as many as it has workers, the load what is left, and one of the server's if that is nothing.
fn divide(all: &[usize], workers: usize) -> Cores {
    let own = workers.min(all.len().saturating_sub(1)).max(1).min(all.len());
    let (server, load) = all.split_at(own);
    let load = if load.is_empty() { server } else { load };
    let loose = all.is_empty().then(|| "the system does not say which there are".to_owned());
    Cores { server: server.to_vec(), load: load.to_vec(), loose }
}

/// Binds this thread with taskset, because the standard library cannot.
fn bind(cores: &[usize]) -> Result<(), String> {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-c", "-p", &list(cores), &pid])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match done {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("taskset could not do it".to_owned()),
        Err(_) => Err("taskset is not installed (util-linux)".to_owned()),
    }
}

/// `0-2,5`
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (low.parse::<usize>().ok()?, high.parse::<usize>().ok()?);
        if high >= low.saturating_add(1 << 16) {
            return None;
        }
        cores.extend(low..=high);
    }
    Some(cores)
}

fn list(cores: &[usize]) -> String {
    cores.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_shared_out_and_shared_where_there_is_one() {
        assert_eq!(parse("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!((parse("x"), parse("0-99999999")), (None, None));
        let of = |all: &[usize], workers| {
            let cores = divide(all, workers);
            (list(&cores.server), list(&cores.load), cores.are_apart())
        };
        assert_eq!(of(&[0, 1, 2, 5], 2), ("0,1".into(), "2,5".into(), true));
        assert_eq!(of(&[3, 4], 4), ("3".into(), "4".into(), true));
        assert_eq!(of(&[7], 1), ("7".into(), "7".into(), false));
        assert!(divide(&[], 1).loose.is_some());
    }
}
