//! The `wasser run` of the demo.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::operator::{OperatorCommand, OperatorProcess};

use crate::commands::interrupt;

/// How long the operator may take to become ready; the first time, it compiles Helm's engine.
const READY: Duration = Duration::from_secs(180);

/// An operator that is asked to stop when this is dropped, or by [`Operator::stop`].
pub struct Operator(OperatorProcess);

impl Operator {
    /// Starts the operator.
    pub fn start(program: &Path, cluster: &Cluster, namespace: &str) -> Result<Self> {
        let directory = paths::target().join("demo");
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        let command = OperatorCommand {
            program,
            kubeconfig: Some(cluster.kubeconfig()),
            namespace,
            cache: &directory.join("cache"),
            log: &directory.join("wasser.log"),
            arguments: &[],
            has_own_group: true,
        };
        command.start().map(Self)
    }

    /// Waits until the operator is ready.
    pub fn ready(&mut self, release: bool) -> Result<()> {
        let took = self.0.wait_ready(READY, interrupt::check)?;
        let remark = if release {
            ""
        } else {
            " (built without optimisation; --release is faster)"
        };
        println!("    ready after {} ms{remark}", took.as_millis());
        Ok(())
    }

    /// Fails if the operator has ended.
    pub fn check(&mut self) -> Result<()> {
        self.0.check()
    }

    /// The file that it logs to.
    pub fn log(&self) -> &Path {
        self.0.log()
    }

    /// Asks the operator to stop, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        println!("stopping wasser; the cluster, and what was made in it, stay");
        self.0.stop().map(drop)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if matches!(self.0.ended(), Ok(None)) {
            // A process that does not stop when asked is killed when the handle is dropped.
            let _ = self.0.stop();
        }
    }
}
