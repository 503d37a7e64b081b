//! A real Alluxio in pods of a real node, with Wasser installed by its chart. Its data sources are
//! directories of the node.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::time::Instant;

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use wasser_e2e::manifests::{file, with};
use wasser_e2e::pods::{is_observed, is_ready};
use wasser_e2e::{Installed, objects};

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "AlluxioRuntime";
const NAME: &str = "warehouse";
/// The directory of the node below which the manifest has its data sources.
const STORE: &str = "/var/lib/wasser-e2e";
/// What the data sources hold: `warehouse/a`, `more/one/{b,late}` and `more/two/{c,d}`.
const FILL: &str = "rm -rf /data/warehouse /data/more && mkdir -p /data/warehouse /data/more/one /data/more/two && \
    head -c 3145728 /dev/urandom > /data/warehouse/a && echo b > /data/more/one/b && echo late > /data/more/one/late \
    && \
    echo c > /data/more/two/c && echo d > /data/more/two/d && chmod -R a+rX /data/warehouse /data/more";

/// Each look at the cache starts a Java machine in the master's pod: every two seconds, as other
/// tests have it, would keep a processor busy.
const PERIOD: &str = "--set=runtime.syncRetryDuration=10s";

/// Wasser, and a pod `keeper` that has filled the data sources.
async fn started(name: &str) -> Installed {
    let installed = Installed::start_with(name, &[PERIOD]).await;
    installed.run_with_directory("keeper", STORE).await;
    installed.inside("keeper", FILL).await;
    installed
}

fn dataset(mounts: Value) -> Value {
    with(file("warehouse.yaml").swap_remove(0), "/spec/mounts", mounts)
}

/// Those of the manifest, and one more.
fn mounts() -> (Value, Value, Value) {
    let native = mount("local:///var/lib/wasser-e2e/warehouse", "warehouse");
    (native, mount("/more/one", "one"), mount("/more/two", "two"))
}

fn mount(point: &str, name: &str) -> Value {
    json!({"mountPoint": point, "name": name})
}

/// Waits until the Dataset is Bound.
async fn bound(installed: &Installed) {
    shows(installed, "it is Bound", |status| status["phase"] == "Bound").await;
}

/// Waits until the Dataset is as it should be.
async fn shows(installed: &Installed, what: &str, look: impl Fn(&Value) -> bool) {
    let look = |dataset: &DynamicObject| look(&dataset.data["status"]).then_some(());
    installed.object(API, "Dataset", NAME, what, look).await;
}

/// Waits until the Dataset's status shows mounts of these names, and the Dataset is Bound.
async fn has_mounts(installed: &Installed, names: &[&str]) {
    let shown = |status: &Value| objects::has_mounts(status, names);
    shows(installed, &format!("its status has the mounts {names:?}"), shown).await;
}

/// What the master itself says is mounted.
async fn table(installed: &Installed) -> String {
    let master = format!("{NAME}-master-0");
    installed
        .exec(&master, "alluxio-master", &["alluxio", "fs", "mount"])
        .await
}

/// Deletes the pod of a role, and waits until another is ready in its place.
async fn replaced(installed: &Installed, pod: &str) {
    let old = installed.api("v1", "Pod").get(pod).await.unwrap();
    installed.delete("v1", "Pod", pod).await;
    let pods = installed.api("v1", "Pod");
    let again = || async {
        let pod = pods.get_opt(pod).await.unwrap()?;
        (pod.uid() != old.uid() && is_ready(&pod).is_some()).then_some(())
    };
    installed.eventually(&format!("{pod} has started again"), again).await;
}

/// Waits until the Dataset and its runtime are gone, and checks that nothing is left but `own`.
async fn gone(installed: &Installed, own: &[&str]) {
    for kind in ["Dataset", KIND] {
        let api = installed.api(API, kind);
        let gone = || async { api.get_opt(NAME).await.unwrap().is_none().then_some(()) };
        installed.eventually(&format!("the {kind} is gone"), gone).await;
    }
    installed.empty(own).await;
    installed.clean_nodes().await;
}

/// Deletes the Dataset, and checks that nothing is left: no objects, labels of nodes or cached
/// blocks.
async fn end(installed: Installed) {
    installed.delete_pods().await;
    installed.delete(API, "Dataset", NAME).await;
    gone(&installed, &[]).await;
    installed.run_with_directory("looker", "/dev/shm").await;
    let blocks = format!("find /data/{} -type f | wc -l", installed.namespace);
    assert_eq!(
        installed.inside("looker", &blocks).await.trim(),
        "0",
        "blocks are left in the cache"
    );
    installed
        .inside("looker", &format!("rm -rf /data/{}", installed.namespace))
        .await;
    installed.delete_pod("looker").await;
    installed.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_users_manifest_is_served_follows_its_mounts_and_survives_its_master() {
    let installed = started("alluxio-real").await;
    installed.apply_file("warehouse.yaml").await;
    let pods = installed.api("v1", "Pod");
    let ready = || async {
        for role in ["master", "worker"] {
            is_ready(&pods.get_opt(&format!("{NAME}-{role}-0")).await.unwrap()?)?;
        }
        Some(())
    };
    let began = Instant::now();
    installed.eventually("master and worker are ready", ready).await;
    let since = Instant::now();
    bound(&installed).await;
    println!(
        "master and worker were ready after {:?}, the Dataset was Bound {:?} later",
        since - began,
        since.elapsed()
    );
    let known = |status: &Value| {
        status["fileNum"] == "3"
            && status["ufsTotal"] == "3.00MiB"
            && status["cacheStates"]["cacheCapacity"] == "64.00MiB"
    };
    shows(&installed, "what Alluxio reports", known).await;

    installed.run_with_claim("app", NAME).await;
    let sum = |text: String| text.split_whitespace().next().unwrap_or_default().to_owned();
    let read = sum(installed.inside("app", "sha256sum /data/warehouse/a").await);
    assert_eq!(
        read,
        sum(installed.inside("keeper", "sha256sum /data/warehouse/a").await)
    );
    assert_eq!(installed.inside("app", "cat /data/one/b").await.trim(), "b");
    let cached = |status: &Value| status["cacheStates"]["cached"] == "3.00MiB";
    shows(&installed, "what was read is cached", cached).await;

    // A mount more, in the pod that runs.
    let (native, one, two) = mounts();
    installed.apply(&dataset(json!([native, one, two]))).await;
    has_mounts(&installed, &["warehouse", "one", "two"]).await;
    assert_eq!(installed.inside("app", "cat /data/two/c").await.trim(), "c");
    installed.apply(&dataset(json!([native, one]))).await;
    has_mounts(&installed, &["warehouse", "one"]).await;
    let listed = table(&installed).await;
    assert!(
        listed.contains(" on  /one ") && !listed.contains(" on  /two "),
        "{listed}"
    );
    let gone = installed.inside_says("app", "cat /data/two/d").await;
    assert!(gone.contains("No such file"), "{gone}");

    // A master without its journal.
    replaced(&installed, &format!("{NAME}-master-0")).await;
    let listed = table(&installed).await;
    assert!(listed.contains(" on  /one "), "{listed}");
    installed
        .eventually("what was never read can be read", || async {
            (installed.inside_says("app", "cat /data/one/late").await.trim() == "late").then_some(())
        })
        .await;
    bound(&installed).await;
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_refused_mount_keeps_no_other_away_workers_are_scaled_and_a_dead_master_keeps_nothing() {
    let installed = started("alluxio-refused").await;
    // There is one node: workers of an exclusive dataset keep off each other's, and ports and
    // directories of a node are one worker's.
    let shared = |mounts: Value| with(dataset(mounts), "/spec/placement", json!("Shared"));
    let own = json!([{"mediumtype": "MEM", "path": "/dev/shm", "quota": "64Mi", "volumeType": "emptyDir"}]);
    let runtime = with(file("warehouse.yaml").swap_remove(1), "/spec/tieredstore/levels", own);
    let runtime = with(runtime, "/spec/master/networkMode", json!("ContainerNetwork"));
    let runtime = with(runtime, "/spec/worker/networkMode", json!("ContainerNetwork"));
    let (native, one, two) = mounts();
    let bad = mount("/more/missing", "bad");
    installed.apply(&shared(json!([native, one, bad, two]))).await;
    installed.apply(&runtime).await;
    let refused = || async {
        let dataset = installed.datasets().get(NAME).await.unwrap();
        let conditions = dataset.data["status"]["conditions"].as_array()?;
        let found = conditions
            .iter()
            .find(|condition| condition["type"] == "NotReady" && condition["status"] == "True")?;
        found["message"]
            .as_str()
            .filter(|said| said.contains("/more/missing"))
            .map(str::to_owned)
    };
    let said = installed.eventually("what Alluxio refuses is shown", refused).await;
    assert!(said.contains("does not exist"), "{said}");
    let listed = table(&installed).await;
    assert!(
        listed.contains(" on  /one ") && listed.contains(" on  /two "),
        "{listed}"
    );
    installed.apply(&shared(json!([native, one, two]))).await;
    bound(&installed).await;

    // The same in a Dataset that serves.
    let uid = installed.api(API, KIND).get(NAME).await.unwrap().uid().unwrap();
    installed.apply(&shared(json!([native, bad, one]))).await;
    installed
        .event_saying("ErrorProcessRuntime", &uid, "Ufs path /more/missing does not exist")
        .await;
    installed.apply(&shared(json!([native, one]))).await;
    has_mounts(&installed, &["warehouse", "one"]).await;

    installed.run_with_claim("app", NAME).await;
    for replicas in [2_u32, 1] {
        installed.scale_kind(KIND, NAME, replicas).await;
        let scaled = |runtime: &DynamicObject| {
            let status = &runtime.data["status"];
            let there = status["workerNumberReady"] == replicas && status["currentWorkerNumberScheduled"] == replicas;
            (there && status["workerPhase"] == "Ready").then_some(())
        };
        let what = format!("it has {replicas} workers");
        installed.object(API, KIND, NAME, &what, scaled).await;
        if replicas == 2 {
            let capacity = |status: &Value| status["cacheStates"]["cacheCapacity"] == "128.00MiB";
            shows(&installed, "the capacity of two workers", capacity).await;
        }
        let file = if replicas == 2 { "b" } else { "late" };
        assert_eq!(
            installed.inside("app", &format!("cat /data/one/{file}")).await.trim(),
            file
        );
    }

    // A master that cannot start.
    installed
        .patch(
            KIND,
            NAME,
            &json!({"spec": {"alluxioVersion": {"imageTag": "no-such-tag"}}}),
        )
        .await;
    let patched = |set: &DynamicObject| {
        let image = set.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?;
        (is_observed(set) && image.ends_with(":no-such-tag")).then_some(())
    };
    let master = format!("{NAME}-master");
    installed
        .object("apps/v1", "StatefulSet", &master, "its image is the other", patched)
        .await;
    installed.delete("v1", "Pod", &format!("{master}-0")).await;
    let dead = |set: &DynamicObject| {
        let ready = set.data["status"]["readyReplicas"].as_u64().unwrap_or_default();
        (ready == 0).then_some(())
    };
    installed
        .object("apps/v1", "StatefulSet", &master, "it is dead", dead)
        .await;
    installed.delete_pods().await;
    installed.delete(API, "Dataset", NAME).await;
    let skipped = installed
        .event_saying(
            "ErrorProcessRuntime",
            &uid,
            "Failed to clean the cache after 3 attempts",
        )
        .await;
    let note = skipped.message.unwrap_or_default();
    assert!(note.contains("no master pod is ready"), "{note}");
    gone(&installed, &[]).await;
    installed.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn files_are_loaded_by_workers_and_a_master_starts_from_a_backup() {
    let installed = started("alluxio-saved").await;
    installed.apply_file("warehouse.yaml").await;
    bound(&installed).await;
    let operation = |kind: &str, name: &str, spec: Value| json!({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let load = |path: &str| json!({"dataset": {"name": NAME}, "target": [{"path": path}], "loadMetadata": true});
    installed
        .apply(&operation("DataLoad", "warm", load("/warehouse")))
        .await;
    installed.ended("DataLoad", "warm", "Complete").await;
    let cached = |status: &Value| status["cacheStates"]["cached"] == "3.00MiB";
    shows(&installed, "what was loaded is cached", cached).await;
    installed
        .apply(&operation("DataLoad", "missing", load("/nowhere")))
        .await;
    let failed = installed.ended("DataLoad", "missing", "Failed").await;
    let told = failed["conditions"][0]["message"].as_str().unwrap();
    assert!(
        told.contains("the path /nowhere does not exist in the dataset"),
        "{told}"
    );

    let path = format!("local://{STORE}/backup-{}", installed.namespace);
    let spec = json!({"dataset": NAME, "backupPath": path});
    installed.apply(&operation("DataBackup", "saved", spec)).await;
    let saved = installed.ended("DataBackup", "saved", "Complete").await;
    assert_eq!(
        (&saved["infos"]["BackupLocationPath"], &saved["infos"]["files"]),
        (&json!(path), &json!("3")),
        "{saved}"
    );
    let node = saved["infos"]["BackupLocationNodeName"].clone();
    for (kind, name) in [("DataLoad", "warm"), ("DataLoad", "missing"), ("DataBackup", "saved")] {
        installed.delete(API, kind, name).await;
    }
    installed.delete(API, "Dataset", NAME).await;
    gone(&installed, &["keeper"]).await;

    let again = with(
        file("warehouse.yaml").swap_remove(0),
        "/spec/dataRestoreLocation",
        json!({"path": path, "nodeName": node}),
    );
    installed.apply(&again).await;
    installed.apply(&file("warehouse.yaml").swap_remove(1)).await;
    bound(&installed).await;
    shows(&installed, "the sizes of the backup", |status| {
        status["fileNum"] == "3" && status["ufsTotal"] == "3.00MiB"
    })
    .await;
    // The load has limited the copies, of which the data sources know nothing.
    let known = installed
        .exec(
            &format!("{NAME}-master-0"),
            "alluxio-master",
            &["alluxio", "fs", "stat", "/warehouse/a"],
        )
        .await;
    assert!(known.contains("replicationMax=1"), "{known}");
    installed
        .inside("keeper", &format!("rm -rf /data/backup-{}", installed.namespace))
        .await;
    end(installed).await;
}
