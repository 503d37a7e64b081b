//! How long a command ran in some pod, as the machine that is the node sees it: starting the pod, and
//! asking for it, do not count.

use std::fs;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::processes;
use crate::usage::{TICKS, fields};

/// Between two looks for the process, which read every command line, and at it.
const LOOKING: Duration = Duration::from_millis(20);
const WATCHING: Duration = Duration::from_millis(2);
/// How long it may take until it starts, and until it ends.
const PATIENCE: Duration = Duration::from_secs(600);

/// Waits for a process in the background.
pub struct Stopwatch(JoinHandle<Result<f64>>);

impl Stopwatch {
    /// Waits for a process whose program has this name and this first argument.
    pub fn start(program: &'static str, command: &'static str) -> Self {
        Self(std::thread::spawn(move || watch(program, command)))
    }

    /// Returns how many seconds it ran, once it has ended.
    pub fn seconds(self) -> Result<f64> {
        self.0.join().map_err(|_| anyhow!("the stopwatch panicked"))?
    }
}

fn watch(program: &str, command: &str) -> Result<f64> {
    let deadline = Instant::now() + PATIENCE;
    let what = || format!("`{program} {command}`");
    let id = loop {
        if let Some(id) = processes::with_words(program, command) {
            break id;
        }
        ensure!(Instant::now() < deadline, "{} has not started", what());
        std::thread::sleep(LOOKING);
    };
    let stat = format!("/proc/{id}/stat");
    let began = fs::read_to_string(&stat).ok().and_then(|text| started(&text));
    let began = began.with_context(|| format!("{} ended before it could be looked at", what()))?;
    loop {
        let is_over = fs::read_to_string(&stat).ok().is_none_or(|text| is_over(&text));
        if is_over {
            return Ok(uptime()? - began);
        }
        ensure!(Instant::now() < deadline, "{} has not ended", what());
        std::thread::sleep(WATCHING);
    }
}

/// When a process started, in seconds since the machine did.
fn started(stat: &str) -> Option<f64> {
    Some(fields(stat)?.nth(19)?.parse::<f64>().ok()? / TICKS)
}

fn is_over(stat: &str) -> bool {
    matches!(
        fields(stat).and_then(|mut fields| fields.next()),
        None | Some("Z" | "X")
    )
}

fn uptime() -> Result<f64> {
    let text = fs::read_to_string("/proc/uptime").context("reading /proc/uptime")?;
    let first = text.split(' ').next().and_then(|first| first.parse().ok());
    first.with_context(|| format!("/proc/uptime says {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 1";
        assert_eq!(started(stat), Some(123.45));
        assert!(!is_over(stat));
        assert!(is_over("42 (a) Z 1") && is_over(""));
    }

    #[test]
    fn a_process_that_runs_started_before_now() {
        let began = started(&fs::read_to_string("/proc/self/stat").unwrap()).unwrap();
        assert!(began > 0.0 && began <= uptime().unwrap());
    }
}
