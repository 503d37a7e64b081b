//! The end of the demo: pods that use the Dataset.

use std::time::Duration;

use anyhow::{Result, ensure};
use xtask::cluster::Cluster;
use xtask::process::wait;

use super::narrator::Narrator;
use super::{NAME, NAMESPACE, kubectl, path, say};

/// Who writes and who reads.
const EXAMPLE: &str = "docs/examples/pods.yaml";
/// How long the pods may take; their fuse pod has to start first.
const PATIENCE: Duration = Duration::from_secs(90);
/// What `sha256sum -c` says of what is as it was written.
const AS_WRITTEN: &str = "/data/hello: OK";

/// Has one pod write and another read, then fills the cache of the worker.
pub fn run(cluster: &Cluster, narrator: &mut Narrator<'_>) -> Result<()> {
    say(&format!(
        "applying {EXAMPLE}: a pod that writes 8 MiB into the claim, and one that reads them"
    ));
    print!("{}", kubectl(cluster, &["apply", "-n", NAMESPACE, "-f", &path(EXAMPLE)])?);
    for pod in ["writer", "reader"] {
        narrator.until(&format!("Pod {pod}"), PATIENCE, |state| state == "ready")?;
    }
    let mut log = String::new();
    let read = wait(PATIENCE, || {
        log = cluster.kubectl(&["logs", "-n", NAMESPACE, "reader"]).unwrap_or_default();
        log.contains(AS_WRITTEN)
    });
    ensure!(read, "the reader does not see what the writer wrote; it says: {log}");
    println!(
        "\n$ kubectl logs writer\n{}",
        kubectl(cluster, &["logs", "-n", NAMESPACE, "writer"])?.trim_end()
    );
    println!("$ kubectl logs reader\n{}\n", log.trim_end());

    say("reading it through the worker, so that it is cached");
    let script = "cat \"$(grep fuse.juicefs /proc/mounts | cut -d ' ' -f 2 | head -n 1)/hello\" > /dev/null";
    let worker = format!("{NAME}-worker-0");
    kubectl(
        cluster,
        &["exec", "-n", NAMESPACE, &worker, "-c", "juicefs-worker", "--", "sh", "-c", script],
    )?;
    narrator.until(&format!("Dataset {NAME}"), PATIENCE, |state| {
        state.contains(" cached") && !state.contains(" 0.00B cached")
    })
}
