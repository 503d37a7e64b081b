//! The programs of this workspace.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasser_test_cluster::machine::paths;

use super::interrupt;

/// Builds the programs `wasser` and `wasser-serve`, and returns the path of the first, beside which
/// cargo puts the second.
pub fn wasser(release: bool) -> Result<PathBuf> {
    program("wasser-serve", "wasser-serve", release)?;
    program("wasser", "wasser", release)
}

/// Builds a program of a package, and returns its path.
pub fn program(package: &str, name: &str, release: bool) -> Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root()).args([
        "build",
        "--package",
        package,
        "--bin",
        name,
        "--message-format=json-render-diagnostics",
    ]);
    if release {
        command.arg("--release");
    }
    let mut cargo = interrupt::Running::start(command.stdout(Stdio::piped()))?;
    let mut messages = String::new();
    cargo
        .output()?
        .read_to_string(&mut messages)
        .context("reading what cargo says")?;
    let status = cargo.wait()?;
    interrupt::check()?;
    ensure!(status.success(), "cargo could not build {name} ({status})");
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let named = message["target"]["name"] == name && message["target"]["kind"][0] == "bin";
        message["executable"].as_str().filter(|_| named).map(PathBuf::from)
    };
    messages
        .lines()
        .find_map(executable)
        .with_context(|| format!("cargo does not say where it has put {name}"))
}
