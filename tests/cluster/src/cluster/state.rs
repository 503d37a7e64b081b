//! The record of what runs, on disk, so that exactly that can be stopped.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::options::Node;
use crate::machine::paths;
use crate::machine::process::Process;

/// A cluster that was started, or is being started. It is written before anything that it describes
/// can outlive an interruption.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// The cluster's name.
    pub name: String,
    /// What runs its pods.
    pub node: Node,
    /// Where everything of it is kept.
    pub directory: PathBuf,
    /// The address of its API server.
    pub server: String,
    /// In the order in which they were started.
    pub processes: Vec<Process>,
    /// The first process of a real node, whose end is the end of everything on that node.
    // The name in files of an earlier version, whose clusters are still stopped.
    #[serde(alias = "anchor")]
    pub first_process: Option<Process>,
    /// The servers that were started for users of the cluster, such as Redis. The cluster is
    /// complete without them.
    #[serde(default)]
    pub services: Vec<Service>,
    /// The number N in its addresses 10.N.0.0/16, with a real node.
    pub network: Option<u8>,
    /// What `fs.inotify.max_user_instances` was before it was raised.
    pub inotify_instances: Option<u32>,
    /// Whether it came up.
    pub complete: bool,
}

/// A server outside the cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Service {
    /// The process that serves.
    pub process: Process,
    /// Where the cluster's pods reach it.
    pub url: String,
}

/// Returns the directory of a cluster.
pub fn directory(name: &str) -> PathBuf {
    paths::target().join(name)
}

impl State {
    /// Records a cluster of which nothing runs yet.
    pub fn new(name: &str, node: Node) -> Result<Self> {
        let directory = directory(name);
        for part in ["logs", "pki"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
        }
        let state = Self {
            name: name.to_owned(),
            node,
            directory,
            server: String::new(),
            processes: Vec::new(),
            first_process: None,
            services: Vec::new(),
            network: None,
            inotify_instances: None,
            complete: false,
        };
        state.save()?;
        Ok(state)
    }

    /// Reads the record of this cluster, if there is one.
    pub fn load(name: &str) -> Result<Option<Self>> {
        let path = file(&directory(name));
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes the record, whole or not at all.
    pub fn save(&self) -> Result<()> {
        let path = file(&self.directory);
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Returns every other cluster of this workspace.
    pub fn others(name: &str) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        let Ok(entries) = fs::read_dir(paths::target()) else {
            return Ok(all);
        };
        for entry in entries {
            let entry = entry.context("reading the target directory")?.file_name();
            let other = entry.to_string_lossy();
            if other != name && super::options::name(&other).is_ok() {
                all.extend(Self::load(&other)?);
            }
        }
        Ok(all)
    }

    /// Starts a process of the cluster. It is recorded before it begins.
    pub fn spawn(&mut self, name: &str, command: &[&str]) -> Result<()> {
        let held = Process::spawn(name, command, &self.log(name))?;
        self.processes.push(held.process().clone());
        self.save()?;
        held.release()
    }

    /// Kills a process of the cluster and starts it again with the same command.
    pub fn restart(&mut self, name: &str) -> Result<()> {
        let log = self.log(name);
        let process = self.processes.iter_mut().find(|process| process.name == name);
        let process = process.with_context(|| format!("the cluster {} has no process {name}", self.name))?;
        for child in process.children() {
            child.kill()?;
        }
        process.kill()?;
        let command: Vec<&str> = process.command.iter().map(String::as_str).collect();
        let held = Process::spawn(name, &command, &log)?;
        *process = held.process().clone();
        self.save()?;
        held.release()
    }

    /// Starts a server outside the cluster. It is recorded before it begins.
    pub fn serve(&mut self, name: &str, command: &[&str], url: &str) -> Result<()> {
        let held = Process::spawn(name, command, &self.log(name))?;
        self.services.retain(|service| service.process.name != name);
        self.services.push(Service {
            process: held.process().clone(),
            url: url.to_owned(),
        });
        self.save()?;
        held.release()
    }

    /// Whether everything that the cluster consists of runs.
    pub fn runs(&self) -> bool {
        self.processes.iter().chain(&self.first_process).all(Process::runs)
    }

    /// Returns the process of this name.
    pub fn process(&self, name: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.name == name)
    }

    /// Returns the path of a process's log.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory.join("logs").join(format!("{name}.log"))
    }

    /// Returns the directory of programs that use the cluster.
    pub fn programs(&self) -> PathBuf {
        self.directory.join("bin")
    }

    /// Returns the path of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// Returns the path of a key, a certificate or the kubeconfig of a component.
    pub fn pki(&self, file: &str) -> String {
        self.directory.join("pki").join(file).display().to_string()
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("state.json")
}
