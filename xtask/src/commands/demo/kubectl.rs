//! The names that all steps of the demo use, and kubectl.

use anyhow::{Context, Result};
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::paths;

use crate::commands::interrupt;

/// Where the Dataset is, and what it is called.
pub const NAMESPACE: &str = "default";
pub const NAME: &str = "demo";

/// Prints the heading of a step.
pub fn say(text: &str) {
    println!("==> {text}");
}

/// Returns the path of a file of the workspace.
pub fn path(file: &str) -> String {
    paths::root().join(file).display().to_string()
}

/// Runs kubectl unless the demo has been interrupted, and returns its output.
pub fn kubectl(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    interrupt::check()?;
    cluster.kubectl(arguments)
}

/// Runs `kubectl create …`, and accepts objects that exist already.
pub fn create(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
    let manifest = kubectl(cluster, &[arguments, &["--dry-run=client", "-o", "yaml"]].concat())?;
    let file = tempfile::NamedTempFile::new().context("creating a temporary file")?;
    std::fs::write(file.path(), manifest).context("writing a temporary file")?;
    kubectl(cluster, &["apply", "-f", &file.path().display().to_string()]).map(drop)
}
