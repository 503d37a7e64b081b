//! Ctrl-C, and being told to stop: what runs then is ended, and what has to be cleaned up still is.

use std::collections::BTreeSet;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The process groups of the commands that run.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// From now on, a signal ends the commands that run instead of this process.
pub fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if !INTERRUPTED.swap(true, Ordering::SeqCst) {
                eprintln!("\nstopping; what was started is ended first");
            }
            let groups = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
            groups.into_iter().for_each(|group| end_group(group, Signal::TERM));
        }
    });
    Ok(())
}

/// Whether this process was told to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails if this process was told to stop.
pub fn check() -> Result<()> {
    ensure!(!interrupted(), "interrupted");
    Ok(())
}

/// A command that runs, in a process group of its own: a terminal's Ctrl-C reaches it through this process only.
pub struct Running {
    child: Child,
    group: i32,
}

impl Running {
    /// Starts it, without a standard input.
    pub fn start(command: &mut Command) -> Result<Self> {
        check()?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let group = i32::try_from(child.id()).unwrap_or_default();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
        Ok(Self { child, group })
    }

    /// What it writes, if that was asked for.
    pub fn output(&mut self) -> Result<std::process::ChildStdout> {
        self.child.stdout.take().context("the output of a command is not piped")
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().context("waiting for a command")?;
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.group);
        // What it has left running, as a test that was killed may.
        end_group(self.group, Signal::TERM);
        Ok(status)
    }
}

/// Runs a command, which writes where this process does. Fails if this process is told to stop meanwhile.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    let status = Running::start(command)?.wait()?;
    check()?;
    Ok(status)
}

fn end_group(group: i32, signal: Signal) {
    if group > 0
        && let Some(group) = Pid::from_raw(group)
    {
        // Where all have ended, there is nothing to do.
        let _ = kill_process_group(group, signal);
    }
}
