//! Ctrl-C, and being told to stop: what runs then is ended, and what has to be cleaned up still is.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The process group of the command that runs; 0 if none does.
static RUNNING: AtomicI32 = AtomicI32::new(0);

/// From now on, a signal ends the command that runs instead of this process.
pub fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if !INTERRUPTED.swap(true, Ordering::SeqCst) {
                eprintln!("\nstopping; what was started is ended first");
            }
            end_group(RUNNING.load(Ordering::SeqCst), Signal::TERM);
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
        RUNNING.store(i32::try_from(child.id()).unwrap_or_default(), Ordering::SeqCst);
        Ok(Self { child })
    }

    /// What it writes, if that was asked for.
    pub fn output(&mut self) -> Result<std::process::ChildStdout> {
        self.child.stdout.take().context("the output of a command is not piped")
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().context("waiting for a command")?;
        let group = RUNNING.swap(0, Ordering::SeqCst);
        // What it has left running, as a test that was killed may.
        end_group(group, Signal::TERM);
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
