//! Processes that outlive the command that started them, recorded so that exactly these can be
//! stopped later.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// Between two looks at something that will change soon.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(8);

/// A process, distinguished from a later one with the same number by when it began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Process {
    /// What it is called here.
    pub name: String,
    /// Its number.
    pub pid: i32,
    /// When it began, in clock ticks since the machine's start (field 22 of /proc/PID/stat).
    started: u64,
    /// The command line; empty for a process that was not started here.
    #[serde(default)]
    pub command: Vec<String>,
}

/// A process that waits until it is released, so that it can be recorded before it does anything
/// that would have to be undone. It ends if the command that started it is interrupted before.
#[derive(Debug)]
pub struct Held {
    process: Process,
    gate: ChildStdin,
}

impl Held {
    /// Returns the process, to be recorded.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Lets the process begin.
    pub fn release(mut self) -> Result<()> {
        self.gate
            .write_all(b"go\n")
            .with_context(|| format!("starting {}: it has ended already", self.process.name))
    }
}

impl Process {
    /// Starts a program in a new session, so that neither Ctrl-C nor a closed terminal ends it. Its
    /// output is added to the log.
    pub fn spawn(name: &str, command: &[&str], log: &Path) -> Result<Held> {
        let failed = || format!("starting {name}");
        let output = OpenOptions::new().create(true).append(true).open(log);
        let output = output.with_context(|| format!("creating {}", log.display()))?;
        let errors = output.try_clone().with_context(failed)?;
        // `setsid` and `sh` replace themselves by what they run: number and beginning stay.
        let mut child = Command::new("setsid")
            .args(["sh", "-c", r#"read -r go && exec "$@" </dev/null"#, "sh"])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_context(failed)?;
        let gate = child.stdin.take().with_context(failed)?;
        let pid = i32::try_from(child.id()).with_context(failed)?;
        let mut process = Self::of(name, pid).with_context(failed)?;
        process.command = command.iter().map(|word| (*word).to_owned()).collect();
        Ok(Held { process, gate })
    }

    /// Returns a process that runs already.
    pub fn of(name: &str, pid: i32) -> Result<Self> {
        let stat = Stat::of(pid).with_context(|| format!("{name} (process {pid}) does not run"))?;
        Ok(Self {
            name: name.to_owned(),
            pid,
            started: stat.started,
            command: Vec::new(),
        })
    }

    /// Whether the process still runs. A process that has ended may stay a zombie for a while, and
    /// one whose first thread has ended keeps its files and ports as long as another thread goes
    /// on.
    pub fn runs(&self) -> bool {
        let ended = |state| matches!(state, 'Z' | 'X') && self.threads() <= 1;
        Stat::of(self.pid).is_some_and(|stat| stat.started == self.started && !ended(stat.state))
    }

    /// Returns the number of threads, a zombie's own included.
    fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid)).map_or(0, Iterator::count)
    }

    /// Asks the process to end, and kills it if it does not.
    pub fn stop(&self) -> Result<()> {
        self.signal(Signal::TERM);
        if wait(GRACE, || !self.runs()) {
            return Ok(());
        }
        self.kill()
    }

    /// Kills the process, and waits until it is gone.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL);
        if !wait(GRACE, || !self.runs()) {
            bail!("{} (process {}) does not end even when killed", self.name, self.pid);
        }
        Ok(())
    }

    /// Returns the processes that this one has started. A process that enters namespaces is the
    /// parent of what runs there.
    pub fn children(&self) -> Vec<Self> {
        let pid = self.pid;
        let numbers = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let name = |child| format!("the child {child} of {}", self.name);
        numbers
            .split_whitespace()
            .filter_map(|child| Self::of(&name(child), child.parse().ok()?).ok())
            .collect()
    }

    fn signal(&self, signal: Signal) {
        if self.runs()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // A process that has ended in between is not a failure.
            let _ = kill_process(pid, signal);
        }
    }
}

struct Stat {
    state: char,
    started: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may itself contain spaces and parentheses.
        let mut fields = text.get(text.rfind(')')? + 2..)?.split(' ');
        Some(Self {
            state: fields.next()?.chars().next()?,
            started: fields.nth(18)?.parse().ok()?,
        })
    }
}

/// Waits until a condition holds. Returns false if it does not within this time.
pub fn wait(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_started_known_and_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let held = Process::spawn("sleeper", &["sleep", "1000"], &directory.path().join("log")).unwrap();
        let process = held.process().clone();
        held.release().unwrap();
        assert!(process.runs());
        let another = Process {
            started: process.started + 1,
            ..process.clone()
        };
        assert!(!another.runs());
        another.stop().unwrap();
        assert!(process.runs());
        process.stop().unwrap();
        assert!(!process.runs());
    }

    #[test]
    fn a_process_that_is_not_released_does_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let made = directory.path().join("made");
        let (command, log) = (["touch", &made.display().to_string()], directory.path().join("log"));
        let held = Process::spawn("touch", &command, &log).unwrap();
        let process = held.process().clone();
        drop(held);
        assert!(wait(GRACE, || !process.runs()));
        assert!(!made.exists());
    }

    #[test]
    fn children_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let held = Process::spawn(
            "parent",
            &["sh", "-c", "sleep 1000; true"],
            &directory.path().join("log"),
        )
        .unwrap();
        let process = held.process().clone();
        held.release().unwrap();
        assert!(wait(GRACE, || process.children().len() == 1));
        let children = process.children();
        children[0].kill().unwrap();
        assert!(wait(GRACE, || !process.runs()));
    }

    #[test]
    fn what_cannot_be_started_says_so() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Process::spawn("x", &["sleep", "0"], &directory.path().join("no/log")).is_err());
    }
}
