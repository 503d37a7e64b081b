//! The operator in the storm: killed on purpose, and started again however it has ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use wasser_test_cluster::operator::{OperatorCommand, OperatorProcess};

/// The operator's namespace.
pub const NAMESPACE: &str = "fluid-system";
/// How long the first start may take: it compiles Helm's engine.
const READY: Duration = Duration::from_secs(300);

/// How the operator is started, and the one that runs.
pub struct Operator<'a> {
    program: &'a Path,
    kubeconfig: &'a Path,
    directory: PathBuf,
    arguments: Vec<String>,
    process: Option<OperatorProcess>,
    lives: u32,
    /// How often it was killed.
    pub kills: u32,
    /// How often it ended by itself, as it does when it cannot renew its lease.
    pub exits: u32,
}

impl<'a> Operator<'a> {
    /// Starts the operator and waits until it is ready.
    pub fn start(program: &'a Path, kubeconfig: &'a Path, directory: &Path) -> Result<Self> {
        let mut operator = Self {
            program,
            kubeconfig,
            directory: directory.to_owned(),
            arguments: ["--leader-elect", "--log", "info,wasser=debug,wasser_engine=debug"]
                .map(str::to_owned)
                .to_vec(),
            process: None,
            lives: 0,
            kills: 0,
            exits: 0,
        };
        operator.spawn()?.wait_ready(READY, || Ok(()))?;
        Ok(operator)
    }

    fn spawn(&mut self) -> Result<&mut OperatorProcess> {
        self.lives += 1;
        let command = OperatorCommand {
            program: self.program,
            kubeconfig: Some(self.kubeconfig),
            namespace: NAMESPACE,
            cache: &self.directory.join("compiled"),
            log: &self.directory.join(format!("wasser-{}.log", self.lives)),
            arguments: &self.arguments,
            has_own_group: false,
        };
        Ok(self.process.insert(command.start()?))
    }

    /// Kills the operator, and starts it again.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.kill()?;
            self.kills += 1;
        }
        self.spawn().map(drop)
    }

    /// Starts the operator again if it has ended by itself.
    pub fn tend(&mut self) -> Result<()> {
        let ended = match &mut self.process {
            Some(process) => process.ended()?.is_some(),
            None => false,
        };
        if ended {
            self.exits += 1;
            self.spawn()?;
        }
        Ok(())
    }

    /// Asks the operator to end, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(drop),
            None => Ok(()),
        }
    }
}
