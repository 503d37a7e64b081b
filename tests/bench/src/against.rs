//! Another revision of the repository, built beside this one, so that both are measured in turns:
//! what else the machine does then slows down both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use wasser_test_cluster::machine::paths;

use super::cargo::{Place, cargo_in, figures, output_directory};
use super::report::{Report, quantile};

/// How often each is measured. The median counts.
const TURNS: usize = 5;

/// A program that measures, and the plugin that it measures.
pub struct Measured {
    /// The program.
    pub program: PathBuf,
    /// The plugin's registration.
    pub manifest: PathBuf,
}

/// Checks a revision out below the target directory, and builds the measuring example and a plugin
/// there.
pub fn build(revision: &str, dev: bool, package: &str, example: &str, plugin: &str) -> Result<Measured> {
    let hash = git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])?;
    let directory = paths::target().join("bench/against");
    let root = directory.join(hash.trim());
    if !root.exists() {
        let path = root.to_string_lossy();
        git(&["worktree", "prune"])?;
        git(&["worktree", "add", "--quiet", "--detach", &path, hash.trim()])?;
    }
    let target = directory.join("target");
    let place = Place {
        root: &root,
        target: Some(&target),
    };
    let guests = ["--quiet", "--package", "xtask", "--", "guests", plugin];
    cargo_in(&place, true, "run", &guests, &[])?;
    cargo_in(&place, dev, "build", &["--package", package, "--example", example], &[])?;
    Ok(Measured {
        program: program(&target, dev, example),
        manifest: root.join("target/plugins").join(format!("{plugin}.yaml")),
    })
}

/// Returns where cargo puts an example.
pub fn program(target: &Path, dev: bool, example: &str) -> PathBuf {
    output_directory(target, dev).join("examples").join(example)
}

/// Measures both by turns, and reports the figures of this revision, those of the other one under
/// `before`, and what the first are of the second under `ratio`.
pub fn compare(report: &mut Report, now: &Measured, before: &Measured) -> Result<()> {
    let (mut of_now, mut of_before) = (Figures::default(), Figures::default());
    for _ in 0..TURNS {
        of_before.add(&run(before)?);
        of_now.add(&run(now)?);
    }
    let (now, before) = (of_now.medians(), of_before.medians());
    for (name, value) in &now {
        report.figure(name, value)?;
    }
    report.under("before", |report| {
        before.iter().try_for_each(|(name, value)| report.figure(name, value))
    })?;
    report.under("ratio", |report| {
        ratios(&now, &before)
            .iter()
            .try_for_each(|(name, value)| report.figure(name, value))
    })
}

fn run(measured: &Measured) -> Result<Map<String, Value>> {
    let mut command = Command::new(&measured.program);
    let output = command.arg(&measured.manifest).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting {}", measured.program.display()))?;
    ensure!(
        output.status.success(),
        "{} failed ({})",
        measured.program.display(),
        output.status
    );
    figures(&String::from_utf8_lossy(&output.stdout))
}

/// The values of each figure.
#[derive(Default)]
struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    fn add(&mut self, figures: &Map<String, Value>) {
        for (name, value) in figures {
            if let Some(number) = value.as_f64() {
                self.0.entry(name.clone()).or_default().push(number);
            }
        }
    }

    fn medians(mut self) -> BTreeMap<String, f64> {
        for values in self.0.values_mut() {
            values.sort_by(f64::total_cmp);
        }
        let medians = self
            .0
            .iter()
            .filter_map(|(name, values)| Some((name.clone(), quantile(values, 0.5)?)));
        medians.collect()
    }
}

fn ratios(now: &BTreeMap<String, f64>, before: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let ratio = |(name, now): (&String, &f64)| {
        let before = before.get(name).filter(|before| **before > 0.0)?;
        Some((name.clone(), (now / before * 1e3).round() / 1e3))
    };
    now.iter().filter_map(ratio).collect()
}

fn git(arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(paths::root())
        .args(arguments)
        .stderr(Stdio::inherit())
        .output();
    let output = output.context("starting git")?;
    ensure!(output.status.success(), "git {} failed", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_median_of_the_turns_counts_and_is_compared_by_name() {
        let medians = |values: [f64; 3]| {
            let mut figures = Figures::default();
            for value in values {
                let figure = json!({"callMicroseconds": value, "note": "text"});
                figures.add(figure.as_object().unwrap());
            }
            figures.medians()
        };
        let (now, before) = (medians([9.0, 3.0, 4.0]), medians([2.0, 100.0, 1.0]));
        assert_eq!(now, BTreeMap::from([("callMicroseconds".to_owned(), 4.0)]));
        assert_eq!(ratios(&now, &before)["callMicroseconds"], 2.0);
        assert!(
            ratios(&now, &BTreeMap::new()).is_empty(),
            "a new figure has nothing to compare with"
        );
    }
}
