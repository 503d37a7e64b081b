//! A `wasser run` that is a process of this machine, for the demo, the benchmarks and the tests.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::http::get;
use super::metrics::Metrics;
use crate::machine::ports::free_ports;

/// Between two questions whether the operator is ready, or has ended.
const PAUSE: Duration = Duration::from_millis(2);
/// How long the operator may take to stop: it finishes what it has begun.
const STOP: Duration = Duration::from_secs(40);

/// How to start an operator.
#[derive(Debug, Clone, Copy)]
pub struct OperatorCommand<'a> {
    /// The program `wasser`.
    pub program: &'a Path,
    /// The cluster that it serves; `None` for the one that this process's environment names.
    pub kubeconfig: Option<&'a Path>,
    /// The namespace of its registrations.
    pub namespace: &'a str,
    /// A directory for what it compiles.
    pub cache: &'a Path,
    /// The file that gets its output; an older one is overwritten.
    pub log: &'a Path,
    /// Further arguments.
    pub arguments: &'a [String],
    /// Whether it gets a process group, so that a terminal's Ctrl-C does not reach it.
    pub has_own_group: bool,
}

/// A running `wasser run`, which is killed when this is dropped.
#[derive(Debug)]
pub struct OperatorProcess {
    child: Child,
    address: SocketAddr,
    started: Instant,
    log: PathBuf,
}

impl OperatorCommand<'_> {
    /// Starts the operator, and does not wait until it is ready.
    pub fn start(&self) -> Result<OperatorProcess> {
        let [port] = free_ports(Ipv4Addr::LOCALHOST)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = self.log;
        let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let errors = output.try_clone().context("opening the log a second time")?;
        let mut command = Command::new(self.program);
        command
            .args(["run", "--namespace", self.namespace])
            .args(["--metrics-addr", &address.to_string()])
            .arg("--cache-dir")
            .arg(self.cache)
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        if let Some(kubeconfig) = self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        if self.has_own_group {
            command.process_group(0);
        }
        let started = Instant::now();
        let child = command.spawn();
        let child = child.with_context(|| format!("starting {}", self.program.display()))?;
        Ok(OperatorProcess {
            child,
            address,
            started,
            log: log.to_owned(),
        })
    }
}

impl OperatorProcess {
    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// When the process was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Where the operator answers `/readyz` and `/metrics`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file that gets the output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until the operator is ready, and returns how long after its start that was. `check`
    /// fails if there is no use in waiting any longer.
    pub fn wait_ready(&mut self, patience: Duration, mut check: impl FnMut() -> Result<()>) -> Result<Duration> {
        loop {
            check()?;
            self.check()?;
            // Connecting fails until the operator listens.
            let answer = get(self.address, "/readyz");
            let after = self.started.elapsed();
            match answer {
                Ok((200, _)) => return Ok(after),
                answer if after > patience => {
                    let said = answer.map_or_else(|error| format!("{error:#}"), |(_, body)| body);
                    bail!(
                        "wasser is not ready after {} s: {said}; its log is {}",
                        patience.as_secs(),
                        self.log.display()
                    );
                }
                _ => std::thread::sleep(PAUSE),
            }
        }
    }

    /// The metrics now.
    pub fn metrics(&self) -> Result<Metrics> {
        let (status, body) = get(self.address, "/metrics")?;
        ensure!(status == 200, "/metrics answers with {status}");
        Metrics::parse(&body)
    }

    /// The status with which the process has ended; `None` if it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("asking whether wasser runs")
    }

    /// Fails if the process has ended.
    pub fn check(&mut self) -> Result<()> {
        let Some(status) = self.ended()? else { return Ok(()) };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().next_back().unwrap_or("nothing");
        bail!(
            "wasser has ended ({status}); the last line of its log is: {last}. The log is {}",
            self.log.display()
        )
    }

    /// Asks the process to end, as Kubernetes does, and does not wait for it.
    pub fn terminate(&mut self) -> Result<()> {
        // The number of a process that has ended and was waited for may be another's.
        self.check()?;
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("wasser has no process")?, Signal::TERM).context("stopping wasser")
    }

    /// Asks the process to end and waits until it has. Returns how long that took.
    pub fn stop(&mut self) -> Result<Duration> {
        let began = Instant::now();
        self.terminate()?;
        while self.ended()?.is_none() {
            ensure!(
                began.elapsed() < STOP,
                "wasser does not stop within {} s; its log is {}",
                STOP.as_secs(),
                self.log.display()
            );
            std::thread::sleep(PAUSE);
        }
        Ok(began.elapsed())
    }

    /// Ends the process as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing wasser")?;
        self.child.wait().context("waiting for wasser").map(drop)
    }
}

impl Drop for OperatorProcess {
    fn drop(&mut self) {
        // The process may have ended by itself, which is not a failure here.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Starts a shell script in place of `wasser`.
    fn start(directory: &Path, script: &str) -> OperatorProcess {
        let program = directory.join("wasser");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let command = OperatorCommand {
            program: &program,
            kubeconfig: None,
            namespace: "system",
            cache: Path::new("cache"),
            log: &directory.join("log"),
            arguments: &["--more".to_owned()],
            has_own_group: true,
        };
        command.start().unwrap()
    }

    #[test]
    fn an_operator_that_ends_by_itself_is_reported_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let mut operator = start(directory.path(), r#"echo first; echo "$@" >&2; exit 3"#);
        let error = operator.wait_ready(STOP, || Ok(())).unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(
            error.contains("is: run --namespace system --metrics-addr 127.0.0.1:"),
            "{error}"
        );
        assert!(error.contains(" --cache-dir cache --more. The log is "), "{error}");
        assert!(operator.terminate().is_err());
    }

    #[test]
    fn an_operator_ends_when_asked_and_when_killed() {
        let directory = tempfile::tempdir().unwrap();
        let mut operator = start(directory.path(), "exec sleep 60");
        assert!(operator.ended().unwrap().is_none());
        operator.stop().unwrap();
        assert!(operator.ended().unwrap().is_some());
        let mut operator = start(directory.path(), "exec sleep 60");
        operator.kill().unwrap();
        assert!(operator.ended().unwrap().is_some());
    }

    #[test]
    fn a_wait_ends_when_its_check_fails() {
        let directory = tempfile::tempdir().unwrap();
        let mut operator = start(directory.path(), "exec sleep 60");
        let mut checks = 0;
        let outcome = operator.wait_ready(STOP, || {
            checks += 1;
            ensure!(checks < 3, "interrupted");
            Ok(())
        });
        assert_eq!(outcome.unwrap_err().to_string(), "interrupted");
    }
}
