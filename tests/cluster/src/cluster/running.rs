//! A cluster that runs, and kubectl for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::state::State;
use crate::machine;
use crate::machine::process::wait;

/// How long a started cluster may take until it is usable.
const PATIENCE: Duration = Duration::from_secs(90);

/// A cluster that runs.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(super) kubeconfig: PathBuf,
    pub(super) kubectl: Vec<String>,
    pub(super) state: Option<State>,
}

impl Cluster {
    /// Returns the path of the kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Returns the record of what runs; `None` for the cluster of `KUBECONFIG`.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Returns kubectl for this cluster, without arguments yet.
    pub fn kubectl_command(&self) -> Command {
        let mut words = self.kubectl.iter();
        let mut command = Command::new(words.next().map_or("kubectl", String::as_str));
        command.args(words).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Runs kubectl, and returns its output.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        machine::run(self.kubectl_command().args(arguments))
    }

    /// Waits until kubectl succeeds with these arguments and its output fulfils a condition.
    pub fn wait(&self, what: &str, arguments: &[&str], holds: impl Fn(&str) -> bool) -> Result<()> {
        let mut last = String::new();
        let came = wait(PATIENCE, || match self.kubectl(arguments) {
            Ok(text) if holds(&text) => true,
            Ok(text) => {
                last = text;
                false
            }
            Err(error) => {
                last = format!("{error:#}");
                false
            }
        });
        if !came {
            bail!(
                "after {} s still not there: {what}. Last seen: {}",
                PATIENCE.as_secs(),
                last.trim()
            );
        }
        Ok(())
    }
}
