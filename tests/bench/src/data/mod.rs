//! `data`: a DataLoad and a DataMigrate of real files of a real JuiceFS, and beside each the same command
//! in a pod that is made by hand from that of the operation. Both begin with the same: an empty cache,
//! an empty directory, and nothing in the memory of the kernel.

mod files;
mod rounds;
mod stopwatch;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wasser_test_cluster::packages::images;

pub use self::files::Files;
use self::rounds::{Kind, rounds};
use super::Options;
use super::report::Report;
use crate::real_cluster::{DATA, RealCluster, Runtime, SLEEP};

/// Where the files are in the dataset.
const FILES: &str = "/in";
/// The directory of the node into which they are copied, and its claim.
const COPY: &str = "/var/lib/juicefs-bench-copy";
const CLAIM: &str = "copy";
/// The pod that has this directory, for the node may have files of its own.
const KEEPER: &str = "keeper";

/// Measures both operations.
pub fn data(options: &Options, amount: Files) -> Result<Report> {
    let parameters = json!({"files": amount.files, "mebibytes": amount.mebibytes, "rounds": amount.rounds});
    let mut report = Report::new("data", options, parameters);
    let real = RealCluster::new(options, Runtime::Juicefs, &mut report)?;
    real.create_dataset()?;
    real.create_pod("app", "app", SLEEP)?;
    real.wait_ready("name=app")?;
    fill(&real, amount)?;
    report.under("load", |report| rounds(&real, &LOAD, amount, report))?;
    real.apply(directory())?;
    real.wait_ready("name=keeper")?;
    report.under("migrate", |report| rounds(&real, &MIGRATE, amount, report))?;
    for figure in ["load.slowerPercent", "migrate.slowerPercent"] {
        report.target(figure, 5.0)?;
    }
    for figure in ["load.completeAfterJobSeconds", "migrate.completeAfterJobSeconds"] {
        report.target(figure, 1.0)?;
    }
    Ok(report)
}

/// Writes the files.
fn fill(real: &RealCluster, amount: Files) -> Result<()> {
    let Files { files, mebibytes, .. } = amount;
    eprintln!("writing {files} files of {mebibytes} MiB in sum");
    let kibibytes = (u64::from(mebibytes) * 1024).div_ceil(u64::from(files));
    let script = format!(
        "set -e; mkdir -p {DATA}{FILES}; i=0; while [ $i -lt {files} ]; do dd if=/dev/urandom of={DATA}{FILES}/$i \
         bs={kibibytes}k count=1 2>/dev/null; i=$((i+1)); done; sync"
    );
    real.exec("app", "app", &script).map(drop)
}

const LOAD: Kind = Kind {
    operation: "DataLoad",
    watched: ("dataloads", "/apis/data.fluid.io/v1alpha1/namespaces/default/dataloads"),
    spec: || json!({"dataset": {"name": "demo"}, "target": [{"path": FILES}]}),
    program: ("juicefs", "warmup"),
    by_hand: &["/usr/local/bin/juicefs", "warmup", "/data/in"],
    empty: |real| {
        let (pod, _) = real.fuse_pod()?;
        let script = format!("juicefs warmup --evict /runtime-mnt/juicefs/default/demo/juicefs-fuse{FILES}");
        real.exec(&pod, "juicefs-fuse", &script).map(drop)
    },
    check: |_, _| Ok(()),
};

const MIGRATE: Kind = Kind {
    operation: "DataMigrate",
    watched: (
        "datamigrates",
        "/apis/data.fluid.io/v1alpha1/namespaces/default/datamigrates",
    ),
    spec: || {
        json!({"from": {"dataset": {"name": "demo", "namespace": "default", "path": FILES}},
            "to": {"externalStorage": {"uri": format!("pvc://{CLAIM}/")}}})
    },
    program: ("juicefs", "sync"),
    by_hand: &["/usr/local/bin/juicefs", "sync", "$(FROM)", "$(TO)"],
    empty: |real| real.exec(KEEPER, KEEPER, "rm -rf /copy/*").map(drop),
    check: |real, amount| {
        let found = real.exec(KEEPER, KEEPER, "find /copy -type f | wc -l")?;
        let Files { files, .. } = amount;
        ensure!(
            found.trim() == files.to_string(),
            "{} of {files} files were copied",
            found.trim()
        );
        Ok(())
    },
};

/// The directory that is copied into, as a claim, and the pod that has it.
fn directory() -> Value {
    let size = "4Gi";
    let modes = ["ReadWriteOnce"];
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "bench-copy"}, "spec": {
            "accessModes": modes, "capacity": {"storage": size}, "storageClassName": "",
            "hostPath": {"path": COPY, "type": "DirectoryOrCreate"}}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": {
            "accessModes": modes, "storageClassName": "", "volumeName": "bench-copy",
            "resources": {"requests": {"storage": size}}}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": KEEPER, "labels": {"name": KEEPER}}, "spec": {
            "containers": [{"name": KEEPER, "image": images::BUSYBOX, "command": ["sleep", "infinity"],
                "volumeMounts": [{"name": "copy", "mountPath": "/copy"}]}],
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "copy", "persistentVolumeClaim": {"claimName": CLAIM}}]}},
    ]})
}
