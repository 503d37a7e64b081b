//! The program `wasser`.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasser_test_cluster::machine::paths;

use super::interrupt;

/// Builds the program `wasser`, and returns its path.
pub fn wasser(release: bool) -> Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root()).args([
        "build",
        "--package",
        "wasser",
        "--bin",
        "wasser",
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
    ensure!(status.success(), "cargo could not build wasser ({status})");
    let program = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let named = message["target"]["name"] == "wasser" && message["target"]["kind"][0] == "bin";
        message["executable"].as_str().filter(|_| named).map(PathBuf::from)
    };
    messages
        .lines()
        .find_map(program)
        .context("cargo does not say where it has put wasser")
}
