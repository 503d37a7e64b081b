//! Builds of what is measured, and where their benchmarks keep files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::report::{Report, profile, seconds};
use wasser_test_cluster::machine::paths;

/// Returns the directory where benchmarks of a build keep what they need again.
pub fn directory(dev: bool) -> Result<PathBuf> {
    let directory = paths::target().join("bench").join(profile(dev));
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    Ok(directory)
}

/// Builds wasser, and returns the path of the program, beside which is `wasser-serve`.
pub fn build(dev: bool, report: &mut Report) -> Result<PathBuf> {
    let began = Instant::now();
    cargo(
        dev,
        "build",
        &["--package", "wasser", "--package", "wasser-serve", "--bins"],
        &[],
    )?;
    let program = output_directory(&paths::target(), dev).join("wasser");
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
    Ok(output_directory(&paths::target(), dev).join("wasser-floor"))
}

/// Returns where cargo puts what it builds below a target directory.
pub fn output_directory(target: &Path, dev: bool) -> PathBuf {
    target.join(if dev { "debug" } else { "release" })
}

/// A checkout, and where it is built.
pub struct Place<'a> {
    /// The checkout.
    pub root: &'a Path,
    /// The target directory; none for that of this build.
    pub target: Option<&'a Path>,
}

/// Runs cargo with its progress shown, and returns the output of the program that it runs.
pub fn cargo(dev: bool, command: &str, arguments: &[&str], behind: &[&Path]) -> Result<String> {
    let here = Place {
        root: paths::root(),
        target: None,
    };
    cargo_in(&here, dev, command, arguments, behind)
}

/// The same in another checkout.
pub fn cargo_in(place: &Place<'_>, dev: bool, command: &str, arguments: &[&str], behind: &[&Path]) -> Result<String> {
    eprintln!(
        "cargo {command} {} ({} build; a first one takes minutes)",
        arguments.join(" "),
        profile(dev)
    );
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(place.root).arg(command);
    // What follows two dashes is the program's.
    let own = arguments
        .iter()
        .position(|argument| *argument == "--")
        .unwrap_or(arguments.len());
    let (own, of_program) = arguments.split_at(own);
    cargo.args(own);
    if !dev {
        cargo.arg("--release");
    }
    cargo.args(of_program);
    if let Some(target) = place.target {
        cargo.env("CARGO_TARGET_DIR", target);
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

/// Parses the output of an example, which is an object of figures.
pub fn figures(output: &str) -> Result<Map<String, Value>> {
    let figures = serde_json::from_str::<Map<String, Value>>(output);
    let figures = figures.with_context(|| format!("not an object of figures: {output}"))?;
    ensure!(!figures.is_empty(), "the example has no figures");
    Ok(figures)
}
