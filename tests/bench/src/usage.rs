//! Resource usage of processes, read from `/proc`.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use wasser_test_cluster::operator::OperatorProcess;

/// Clock ticks per second in `/proc`: fixed for user space, whatever the kernel's own are.
pub const TICKS: f64 = 100.0;

/// The resources that a process has used so far. Memory is in MB of 10^6 bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Processor time in user and kernel mode.
    pub cpu_seconds: f64,
    /// The part of it in kernel mode.
    pub kernel_cpu_seconds: f64,
    /// The same of children that have ended: compilers, for example.
    pub children_cpu_seconds: f64,
    /// The most that was resident.
    pub peak_rss_megabytes: f64,
    /// What is resident now.
    pub rss_megabytes: f64,
    /// The part of it that no file backs.
    pub anonymous_rss_megabytes: f64,
    /// The part of it that is mapped from files, as code is; other processes may share it.
    pub file_rss_megabytes: f64,
    /// Threads now.
    pub threads: u64,
}

impl Usage {
    /// Reads the usage of a running process.
    pub fn of(pid: u32) -> Result<Self> {
        let read = |file: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}"));
            text.with_context(|| format!("process {pid} has ended"))
        };
        Self::parse(&read("stat")?, &read("status")?).with_context(|| format!("/proc/{pid} is not as expected"))
    }

    /// Reads the usage of a running operator.
    pub fn of_operator(operator: &OperatorProcess) -> Result<Self> {
        let usage = Self::of(operator.id());
        usage.with_context(|| format!("asking for wasser's usage; its log is {}", operator.log().display()))
    }

    /// Parses the texts of `stat` and `status`. `None` if they are not as the kernel writes them.
    fn parse(stat: &str, status: &str) -> Option<Self> {
        let mut times = fields(stat)?.skip(11).map_while(|field| field.parse::<f64>().ok());
        let (user, kernel) = (times.next()?, times.next()?);
        let (children_user, children_kernel) = (times.next()?, times.next()?);
        let value = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
                .map(str::trim)
        };
        let megabytes = |key| Some(value(key)?.strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0 / 1e6);
        Some(Self {
            cpu_seconds: (user + kernel) / TICKS,
            kernel_cpu_seconds: kernel / TICKS,
            children_cpu_seconds: (children_user + children_kernel) / TICKS,
            peak_rss_megabytes: megabytes("VmHWM")?,
            rss_megabytes: megabytes("VmRSS")?,
            anonymous_rss_megabytes: megabytes("RssAnon")?,
            file_rss_megabytes: megabytes("RssFile")?,
            threads: value("Threads")?.parse().ok()?,
        })
    }
}

/// Returns the fields of a text of `stat` after the name of the process, its state first. `None` if it
/// is not as the kernel writes it.
pub fn fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    // The name, in parentheses, may itself contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split_whitespace())
}

/// Returns the processor time that the whole machine has spent so far, in seconds. Use by others
/// slows down what is measured.
pub fn machine_cpu_seconds() -> Result<f64> {
    let path = "/proc/stat";
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    busy(&text).with_context(|| format!("{path} is not as expected"))
}

/// Parses the text of `/proc/stat`: everything except idle time and waiting for disks.
fn busy(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user already.
    let times: Vec<f64> = line
        .split_whitespace()
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _, _, irq, softirq, steal] = times.as_slice() else {
        return None;
    };
    Some((user + nice + system + irq + softirq + steal) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_time_is_what_it_did_not_idle() {
        assert_eq!(
            busy("cpu  100 10 50 1000 500 1 2 37 99 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"),
            Some(2.0)
        );
        assert_eq!(busy("intr 1"), None);
    }

    const STATUS: &str = "Name:\ta\nVmHWM:\t  100000 kB\nVmRSS:\t   50000 kB\n\
                          RssAnon:\t   30000 kB\nRssFile:\t   20000 kB\nThreads:\t4\n";

    #[test]
    fn the_kernels_texts_are_understood() {
        let stat = "17 (a ) b) S 1 17 17 0 -1 4194560 1 2 3 4 150 50 7 3 20 0 4 0 100 1 2";
        let usage = Usage::parse(stat, STATUS).unwrap();
        assert_eq!(
            (usage.cpu_seconds, usage.kernel_cpu_seconds, usage.children_cpu_seconds),
            (2.0, 0.5, 0.1)
        );
        assert_eq!(
            (usage.peak_rss_megabytes, usage.rss_megabytes, usage.threads),
            (102.4, 51.2, 4)
        );
        assert_eq!(
            (usage.anonymous_rss_megabytes, usage.file_rss_megabytes),
            (30.72, 20.48)
        );
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(Usage::parse("17 (a) S 1 17", STATUS), None);
        assert_eq!(
            Usage::parse("17 (a) S 1 17 17 0 -1 4194560 1 2 3 4 150 50 7 3 20", "Name:\ta\n"),
            None
        );
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.peak_rss_megabytes > 0.0 && usage.threads > 0);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
