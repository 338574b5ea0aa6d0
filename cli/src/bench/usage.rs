//! What a process has used: CPU and memory, as /proc says.

use std::fs;
use std::time::Duration;

/// CPU time since a process began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Both together, to the nanosecond where the system counts so.
    pub(crate) total: Duration,
}

impl Cpu {
    /// That of a process; `None` where there is no /proc, or no such process.
    pub(crate) fn of(pid: u32) -> Option<Cpu> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (user, system) = ticks(&stat)?;
        let total = precise(pid).unwrap_or(user + system);
        Some(Cpu { user, system, total })
    }

    /// What was used since then.
    pub(crate) fn since(self, earlier: Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            total: self.total.saturating_sub(earlier.total),
        }
    }
}

/// User and system time of a line of /proc/PID/stat, in ticks that are a hundredth of a second for every program.
fn ticks(stat: &str) -> Option<(Duration, Duration)> {
    let mut fields = stat.rsplit(") ").next()?.split(' ').skip(11);
    let mut next = || Some(Duration::from_millis(10 * fields.next()?.parse::<u64>().ok()?));
    Some((next()?, next()?))
}

/// The sum over all threads that there are. Those that have ended are not in it.
fn precise(pid: u32) -> Option<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    (sum > 0).then_some(Duration::from_nanos(sum))
}

/// Resident memory of a process now, and the most it ever had, bytes.
pub(crate) fn memory(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    Some((of("VmRSS:")?, of("VmHWM:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_space_and_a_bracket_does_not_matter() {
        let line = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 12 34 0 0 20 0 1 0 5";
        assert_eq!(ticks(line), Some((Duration::from_millis(120), Duration::from_millis(340))));
        assert_eq!(ticks("nothing"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_something() {
        let before = Cpu::of(std::process::id()).unwrap();
        let mut n = 0_u64;
        while Cpu::of(std::process::id()).unwrap().since(before).total.is_zero() {
            n = std::hint::black_box(n + 1);
        }
        let (now, peak) = memory(std::process::id()).unwrap();
        assert!(now > 0 && peak >= now);
        assert_eq!(Cpu::of(u32::MAX), None);
    }
}
