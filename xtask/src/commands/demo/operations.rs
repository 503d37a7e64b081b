//! What follows the pods: data is loaded into a second, cold cache, and copied into a directory.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::process::wait;

use super::kubectl::{NAME, NAMESPACE, kubectl, path, say};
use super::progress::Progress;
use crate::commands::interrupt;

/// The manifest of the Dataset whose cache is cold, and its name.
const COLD: (&str, &str) = ("docs/examples/cold.yaml", "cold");
/// The manifest of the directory, as a claim.
const DIRECTORY: &str = "docs/examples/copy.yaml";
/// The manifest of the pod that compares, and its name.
const COMPARER: (&str, &str) = ("docs/examples/compare.yaml", "comparer");
/// The last line of that pod.
const COMPARED: &str = "all compared";
/// How long the Dataset and the pod may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Twice the time until cache states are read again.
const SYNC: Duration = Duration::from_secs(60);
/// How long an operation may take.
const OPERATION: &str = "5m";

/// Loads the data into the cache of a second worker, copies it into a directory, and compares.
pub fn run(cluster: &Cluster, program: &Path, progress: &mut Progress<'_>) -> Result<()> {
    load(cluster, program, progress)?;
    copy(cluster, program, progress)
}

fn load(cluster: &Cluster, program: &Path, progress: &mut Progress<'_>) -> Result<()> {
    let (manifest, name) = COLD;
    say(&format!(
        "applying {manifest}: the same file system, with a second worker whose cache is cold"
    ));
    apply(cluster, manifest)?;
    let is_known = |state: &str| state.starts_with("Bound") && state.contains(" files");
    progress.wait_for(&format!("Dataset {name}"), PATIENCE, is_known)?;
    progress.wait_for(&format!("PersistentVolumeClaim {name}"), PATIENCE, |state| {
        state == "Bound"
    })?;
    show(cluster, name)?;
    say("loading everything into its cache");
    wasser(cluster, program, &["load", name, "--metadata"])?;
    let is_cached = |state: &str| state.contains(" cached") && !state.contains(" 0.00B cached");
    if progress.wait_for(&format!("Dataset {name}"), SYNC, is_cached).is_err() {
        interrupt::check()?;
        println!("    nothing is cached: see `kubectl logs {name}-worker-0`, which says if the disk is too full");
    }
    show(cluster, name)
}

fn copy(cluster: &Cluster, program: &Path, progress: &mut Progress<'_>) -> Result<()> {
    say(&format!("applying {DIRECTORY}, and copying the Dataset {NAME} into it"));
    apply(cluster, DIRECTORY)?;
    progress.wait_for("PersistentVolumeClaim copy", PATIENCE, |state| state == "Bound")?;
    wasser(
        cluster,
        program,
        &["migrate", "--from", NAME, "--to", "pvc://copy/demo"],
    )?;
    let (manifest, name) = COMPARER;
    say(&format!("applying {manifest}: a pod that compares both"));
    // That of an earlier demo has compared something else.
    kubectl(
        cluster,
        &["delete", "pod", name, "-n", NAMESPACE, "--ignore-not-found", "--wait"],
    )?;
    apply(cluster, manifest)?;
    let log = || cluster.kubectl(&["logs", "-n", NAMESPACE, name]).unwrap_or_default();
    let mut seen = String::new();
    let compared = wait(PATIENCE, || {
        seen = log();
        seen.contains(COMPARED) || seen.contains("differ") || interrupt::interrupted()
    });
    interrupt::check()?;
    ensure!(
        compared && seen.contains(COMPARED),
        "the copy is not what was copied; the pod {name} says: {seen}"
    );
    println!("\n$ kubectl logs {name}\n{}", seen.trim_end());
    println!("\n$ wasser data list\n{}", listed(cluster, program)?.trim_end());
    Ok(())
}

fn apply(cluster: &Cluster, manifest: &str) -> Result<()> {
    print!(
        "{}",
        kubectl(cluster, &["apply", "-n", NAMESPACE, "-f", &path(manifest)])?
    );
    Ok(())
}

fn show(cluster: &Cluster, dataset: &str) -> Result<()> {
    let shown = kubectl(cluster, &["get", "dataset", dataset, "-n", NAMESPACE])?;
    println!("\n$ kubectl get dataset {dataset}\n{}\n", shown.trim_end());
    Ok(())
}

/// Makes an operation, and follows it to its end.
fn wasser(cluster: &Cluster, program: &Path, words: &[&str]) -> Result<()> {
    println!("$ wasser data {}", words.join(" "));
    let mut command = data(cluster, program, words);
    let status = interrupt::run(command.args(["--timeout", OPERATION]))?;
    ensure!(
        status.success(),
        "wasser data {} has not ended well ({status}); kubectl describe the operation says more",
        words.join(" ")
    );
    Ok(())
}

fn listed(cluster: &Cluster, program: &Path) -> Result<String> {
    wasser_test_cluster::machine::run(&mut data(cluster, program, &["list"]))
}

fn data(cluster: &Cluster, program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("data").args(words).args(["-n", NAMESPACE]);
    command.env("KUBECONFIG", cluster.kubeconfig());
    command
}
