//! Ctrl-C and other signals to stop: commands that run are ended, and the cleaning up that is due
//! is still done.

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

/// Lets a signal from now on end the commands that run instead of this process.
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

/// Whether this process has got a signal to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails if this process has got a signal to stop.
pub fn check() -> Result<()> {
    ensure!(!interrupted(), "interrupted");
    Ok(())
}

/// A running command in a separate process group, which a terminal's Ctrl-C reaches through this
/// process only.
pub struct Running {
    child: Child,
    group: i32,
}

impl Running {
    /// Starts the command, without a standard input.
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

    /// Returns the command's output, if that is piped.
    pub fn output(&mut self) -> Result<std::process::ChildStdout> {
        self.child.stdout.take().context("the output of a command is not piped")
    }

    /// Waits until the command has ended.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().context("waiting for a command")?;
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.group);
        // The command may have left processes running, as a killed test does.
        end_group(self.group, Signal::TERM);
        Ok(status)
    }
}

/// Runs a command, which writes where this process does. Fails if this process gets a signal to
/// stop in the meantime.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    let status = Running::start(command)?.wait()?;
    check()?;
    Ok(status)
}

fn end_group(group: i32, signal: Signal) {
    if group > 0
        && let Some(group) = Pid::from_raw(group)
    {
        // A group whose processes have all ended is not a failure.
        let _ = kill_process_group(group, signal);
    }
}
