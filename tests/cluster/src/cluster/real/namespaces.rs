//! The first process of a node, and with it the namespaces that everything else of the node is in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::files;
use crate::cluster::state::State;
use crate::machine::process::{Process, wait};

/// The script that the process runs.
const SCRIPT: &str = include_str!("node.sh");
/// How long the namespaces may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The namespaces of a node that runs.
#[derive(Debug, Clone)]
pub struct NodeNamespaces {
    pid: i32,
    root: PathBuf,
}

impl NodeNamespaces {
    /// Creates the namespaces.
    pub fn start(state: &mut State, kubernetes: &Path) -> Result<Self> {
        let root = files::root(state);
        files::write(&root, "node.sh", SCRIPT)?;
        let script = root.join("wasser/node.sh");
        let paths = [script.as_path(), &root, kubernetes];
        let [script, directory, kubernetes] = paths.map(|path| path.display().to_string());
        let pki = state.directory.join("pki").display().to_string();
        let namespaces = [
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--propagation=private",
        ];
        state.spawn(
            "node",
            &[namespaces.as_slice(), &["sh", &script, &directory, &kubernetes, &pki]].concat(),
        )?;

        let file = root.join("wasser/pid");
        let mut ended = false;
        let made = wait(PATIENCE, || {
            ended = !state.runs();
            ended || file.is_file()
        });
        if ended || !made {
            let log = state.log("node");
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!(
                "the node's namespaces could not be made; {} says: {}",
                log.display(),
                said.trim()
            );
        }
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let pid = text
            .trim()
            .parse()
            .with_context(|| format!("reading {}", file.display()))?;
        state.first_process = Some(Process::of("node's first", pid)?);
        state.save()?;
        Ok(Self { pid, root })
    }

    /// Returns the namespaces of a cluster's node, if it has one.
    pub fn of(state: &State) -> Option<Self> {
        state.first_process.as_ref().map(|process| Self {
            pid: process.pid,
            root: files::root(state),
        })
    }

    /// Returns the directory of this machine that is the node's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the first process's number on this machine.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns the words with which a command on the node begins.
    pub fn enter(&self) -> Vec<String> {
        let target = self.pid.to_string();
        ["nsenter", "--target", &target, "--mount", "--net", "--pid", "--"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Returns a command that runs on the node.
    pub fn command(&self, program: &str) -> Command {
        let words = self.enter();
        let mut command = Command::new("nsenter");
        command.args(words.get(1..).unwrap_or_default()).arg(program);
        command
    }

    /// Starts a process of the cluster on the node.
    pub fn spawn(&self, state: &mut State, name: &str, command: &[&str]) -> Result<()> {
        let enter = self.enter();
        let words: Vec<&str> = enter
            .iter()
            .map(String::as_str)
            .chain(command.iter().copied())
            .collect();
        state.spawn(name, &words)
    }
}
