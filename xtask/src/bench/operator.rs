//! A running `wasser`, and what it says of itself.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::metrics::Metrics;
use super::usage::Usage;
use crate::machine::ports::free_ports;

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two questions whether it is ready.
const PAUSE: Duration = Duration::from_millis(2);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(40);

/// A running `wasser run`; it is killed when this is dropped.
pub struct Operator {
    child: Child,
    address: SocketAddr,
    started: Instant,
    log: PathBuf,
}

impl Operator {
    /// Starts it.
    pub fn start(program: &Path, kubeconfig: &Path, namespace: &str, cache: &Path, log: &Path) -> Result<Self> {
        let [port] = free_ports(Ipv4Addr::LOCALHOST)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let errors = output.try_clone().context("opening the log a second time")?;
        let mut command = Command::new(program);
        command
            .args([
                "run",
                "--namespace",
                namespace,
                "--metrics-addr",
                &address.to_string(),
                "--cache-dir",
            ])
            .arg(cache)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        Ok(Self {
            child,
            address,
            started,
            log: log.to_owned(),
        })
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits until it is ready, and says how long after the start that was.
    pub fn ready(&mut self, patience: Duration) -> Result<Duration> {
        loop {
            if let Some(status) = self.ended()? {
                bail!("wasser has ended ({status}); its log is {}", self.log.display());
            }
            // As long as it does not listen yet, connecting fails.
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

    /// Its metrics now.
    pub fn metrics(&self) -> Result<Metrics> {
        let (status, body) = get(self.address, "/metrics")?;
        ensure!(status == 200, "/metrics answers with {status}");
        Metrics::parse(&body)
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id()).with_context(|| format!("asking for wasser's usage; its log is {}", self.log.display()))
    }

    /// Where it writes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Stops it as Kubernetes would, and says how long that took.
    pub fn stop(mut self) -> Result<Duration> {
        let began = Instant::now();
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("wasser has no process")?;
        kill_process(pid, Signal::TERM).context("stopping wasser")?;
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

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("asking whether wasser runs")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // One that has ended by itself needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of an answer.
fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(ANSWER)).context("limiting the wait for an answer")?;
    // HTTP/1.0: the answer ends with the connection.
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())
        .with_context(|| format!("asking for {path}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("reading {path}"))?;
    parse(&answer).with_context(|| format!("{path} is not answered with HTTP: {answer}"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        assert_eq!(
            parse("HTTP/1.0 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nwait"),
            Some((503, "wait".to_owned()))
        );
        assert_eq!(parse("SSH-2.0\r\n\r\n"), None);
    }
}
