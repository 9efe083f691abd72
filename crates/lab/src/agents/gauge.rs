//! What the kernel says of a process, and how many files may be open.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::Instant;

use super::LoadError;

/// Ticks of a second, as the kernel shows processor time to programs: fixed since 2.6 on every architecture we run on.
const TICKS: u64 = 100;

/// The node at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// When.
    pub(super) at: Instant,
    /// Processor time since the process began, milliseconds.
    pub(super) cpu_ms: u64,
    /// Memory that it has, bytes.
    pub(super) rss: u64,
    /// Bytes through the loopback device since the machine was booted, each counted once.
    pub(super) loopback: u64,
    /// Entries that its shard's log has been given.
    pub(super) entries: u64,
}

impl Reading {
    /// Looks at a process.
    pub(super) fn of(pid: u32, entries: u64) -> Result<Self, LoadError> {
        let blind = |reason: String| LoadError::Blind { verb: "measured", reason };
        let read = |path: String| fs::read_to_string(&path).map_err(|error| blind(format!("{path}: {error}")));
        let odd = |path: &str| blind(format!("{path} has another form than expected"));
        let stat = read(format!("/proc/{pid}/stat"))?;
        let status = read(format!("/proc/{pid}/status"))?;
        let devices = read("/proc/net/dev".to_owned())?;
        Ok(Self {
            at: Instant::now(),
            cpu_ms: cpu_ms(&stat).ok_or_else(|| odd("stat"))?,
            rss: rss(&status).ok_or_else(|| odd("status"))?,
            loopback: loopback(&devices).ok_or_else(|| odd("/proc/net/dev"))?,
            entries,
        })
    }
}

fn cpu_ms(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th fields behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * 1_000 / TICKS)
}

fn rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

fn loopback(devices: &str) -> Option<u64> {
    let line = devices.lines().find_map(|line| line.trim().strip_prefix("lo:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Lets this process, and those that it starts, have so many files open.
pub(super) fn allow_files(wanted: u64) -> Result<(), LoadError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    if allowed < wanted || setrlimit(Resource::Nofile, raised).is_err() {
        return Err(LoadError::Files { wanted, allowed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 3 0 77 8 9";
        assert_eq!(cpu_ms(stat), Some(2_000));
        assert_eq!(rss("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(loopback("Inter-|\n face |\n    lo: 77 1 0 0\n  eth0: 5 1\n"), Some(77));
        assert_eq!((cpu_ms(""), rss(""), loopback("")), (None, None, None));
    }

    #[test]
    fn more_files_than_there_may_be_are_refused() {
        let limit = getrlimit(Resource::Nofile).maximum;
        let Some(most) = limit else { return };
        assert!(matches!(allow_files(most + 1), Err(LoadError::Files { .. })));
        assert!(allow_files(1).is_ok());
    }
}
