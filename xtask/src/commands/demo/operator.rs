//! The `wasser run` of the demo.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use xtask::cluster::Cluster;
use xtask::machine::paths;
use xtask::machine::ports::free_ports;
use xtask::machine::process::wait;

use crate::commands::interrupt;

/// How long it may take to stop: it finishes what it has begun.
const STOP: Duration = Duration::from_secs(30);
/// How long it may take to become ready; the first time, it compiles Helm's engine.
const READY: Duration = Duration::from_secs(180);
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// A process that ends with this, or with [`Operator::stop`] in peace.
pub struct Operator {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Operator {
    /// Starts it.
    pub fn start(program: &Path, cluster: &Cluster, namespace: &str) -> Result<Self> {
        let [port] = free_ports(Ipv4Addr::LOCALHOST)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let directory = paths::target().join("demo");
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        let log = directory.join("wasser.log");
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let child = Command::new(program)
            .args([
                "run",
                "--namespace",
                namespace,
                "--metrics-addr",
                &address.to_string(),
                "--cache-dir",
            ])
            .arg(directory.join("cache"))
            .env("KUBECONFIG", cluster.kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { child, address, log })
    }

    /// Waits until it is ready.
    pub fn ready(&mut self, release: bool) -> Result<()> {
        let began = std::time::Instant::now();
        let mut ended = None;
        let ready = wait(READY, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || interrupt::interrupted() || self.answers()
        });
        interrupt::check()?;
        if let Some(status) = ended {
            return Err(self.ended(status));
        }
        ensure!(
            ready,
            "wasser is not ready after {} s; its log is {}",
            READY.as_secs(),
            self.log.display()
        );
        let remark = if release {
            ""
        } else {
            " (built without optimisation; --release is faster)"
        };
        println!("    ready after {} ms{remark}", began.elapsed().as_millis());
        Ok(())
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&self.address, ANSWER)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: wasser\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }

    /// Fails if it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("asking whether wasser runs")? {
            Some(status) => Err(self.ended(status)),
            None => Ok(()),
        }
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().next_back().unwrap_or("nothing");
        anyhow::anyhow!(
            "wasser has ended ({status}); the last that it said is: {last}. Its log is {}",
            self.log.display()
        )
    }

    /// Where it logs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        println!("stopping wasser; the cluster, and what was made in it, stay");
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("wasser has no process")?;
        // One that has ended by itself is not waited for, and so its number is still its own.
        kill_process(pid, Signal::TERM).context("stopping wasser")?;
        let ended = wait(STOP, || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)));
        ensure!(
            ended,
            "wasser does not stop within {} s; its log is {}",
            STOP.as_secs(),
            self.log.display()
        );
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.end().is_err() {
            // There is no gentler way left, and nobody to tell.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
