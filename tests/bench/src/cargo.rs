//! Builds of what is measured, and where their benchmarks keep files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::report::{Report, profile, seconds};
use wasser_test_cluster::machine::paths;

/// Returns the directory where benchmarks of a build keep what they need again.
pub fn directory(dev: bool) -> Result<PathBuf> {
    let directory = paths::target().join("bench").join(profile(dev));
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    Ok(directory)
}

/// Builds wasser, and returns the path of the program.
pub fn build(dev: bool, report: &mut Report) -> Result<PathBuf> {
    let began = Instant::now();
    cargo(dev, "build", &["--package", "wasser", "--bin", "wasser"], &[])?;
    let program = paths::target()
        .join(if dev { "debug" } else { "release" })
        .join("wasser");
    let size = fs::metadata(&program)
        .with_context(|| format!("looking for {}", program.display()))?
        .len();
    report.build("buildSeconds", seconds(began.elapsed()));
    report.build("binaryMegabytes", size as f64 / 1e6);
    Ok(program)
}

/// Builds the bare client, and returns the path of the program.
pub fn build_client(dev: bool) -> Result<PathBuf> {
    cargo(dev, "build", &["--package", "wasser-floor"], &[])?;
    let directory = paths::target().join(if dev { "debug" } else { "release" });
    Ok(directory.join("wasser-floor"))
}

/// Runs cargo with its progress shown, and returns the output of the program that it runs.
pub fn cargo(dev: bool, command: &str, arguments: &[&str], behind: &[&Path]) -> Result<String> {
    eprintln!(
        "cargo {command} {} ({} build; a first one takes minutes)",
        arguments.join(" "),
        profile(dev)
    );
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::root()).arg(command).args(arguments);
    if !dev {
        cargo.arg("--release");
    }
    if !behind.is_empty() {
        cargo.arg("--").args(behind);
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("starting cargo")?;
    ensure!(
        output.status.success(),
        "cargo {command} {} failed ({})",
        arguments.join(" "),
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
