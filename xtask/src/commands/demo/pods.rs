//! The end of the demo: pods that use the Dataset.

use std::time::Duration;

use anyhow::{Result, ensure};
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::process::wait;

use super::kubectl::{NAME, NAMESPACE, kubectl, path, say};
use super::progress::Progress;
use crate::commands::interrupt;

/// The manifest of the pods.
const EXAMPLE: &str = "docs/examples/pods.yaml";
/// How long the pods may take; their fuse pod has to start first.
const PATIENCE: Duration = Duration::from_secs(90);
/// Twice the time until cache states, and then sizes, are read again.
const SYNC: Duration = Duration::from_secs(60);
/// The output of `sha256sum -c` for a file that is as it was written.
const AS_WRITTEN: &str = "/data/hello: OK";

/// The size that the Dataset shows once the file is counted.
const WRITTEN: &str = " 8.00MiB in ";

/// Starts a pod that writes and one that reads, and waits until the Dataset shows the size and how
/// much of it is cached.
pub fn run(cluster: &Cluster, progress: &mut Progress<'_>) -> Result<()> {
    say(&format!(
        "applying {EXAMPLE}: a pod that writes 8 MiB into the claim, and one that reads them"
    ));
    print!(
        "{}",
        kubectl(cluster, &["apply", "-n", NAMESPACE, "-f", &path(EXAMPLE)])?
    );
    for pod in ["writer", "reader"] {
        progress.wait_for(&format!("Pod {pod}"), PATIENCE, |state| state == "ready")?;
    }
    let mut log = String::new();
    let read = wait(PATIENCE, || {
        log = cluster
            .kubectl(&["logs", "-n", NAMESPACE, "reader"])
            .unwrap_or_default();
        log.contains(AS_WRITTEN)
    });
    ensure!(read, "the reader does not see what the writer wrote; it says: {log}");
    println!(
        "\n$ kubectl logs writer\n{}",
        kubectl(cluster, &["logs", "-n", NAMESPACE, "writer"])?.trim_end()
    );
    println!("$ kubectl logs reader\n{}\n", log.trim_end());

    // JuiceFS caches what is read if as much of the disk is free as the tiered store's `low` says.
    let written = |state: &str| state.contains(WRITTEN);
    progress.wait_for(&format!("Dataset {NAME}"), SYNC, written)?;
    let cached = |state: &str| state.contains(" cached") && !state.contains(" 0.00B cached");
    if progress.wait_for(&format!("Dataset {NAME}"), SYNC, cached).is_err() {
        println!("    nothing is cached: see `kubectl logs {NAME}-worker-0`, which says if the disk is too full");
    }
    interrupt::check()
}
