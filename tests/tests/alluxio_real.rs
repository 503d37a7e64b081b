//! A real Alluxio in pods of a real node, with Wasser installed by its chart. Its data sources are directories of the node.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use wasser_tests::Installed;
use wasser_tests::manifests::{file, with};
use wasser_tests::pods::is_ready;
use wasser_tests::tools::kubectl;

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "AlluxioRuntime";
const NAME: &str = "warehouse";
/// The directory of the node below which the manifest has its data sources.
const STORE: &str = "/var/lib/wasser-e2e";
/// Starting Alluxio takes four Java machines, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(180);
/// What the data sources hold: `warehouse/a`, `more/one/{b,late}` and `more/two/{c,d}`.
const FILL: &str = "rm -rf /data/warehouse /data/more && mkdir -p /data/warehouse /data/more/one /data/more/two && \
    head -c 3145728 /dev/urandom > /data/warehouse/a && echo b > /data/more/one/b && echo late > /data/more/one/late && \
    echo c > /data/more/two/c && echo d > /data/more/two/d && chmod -R a+rX /data/warehouse /data/more";

/// Wasser, and a pod `keeper` that has filled the data sources.
async fn started(name: &str) -> Installed {
    let installed = Installed::start(name).await;
    installed.run_with_directory("keeper", STORE).await;
    installed.inside("keeper", FILL).await;
    installed
}

fn dataset(mounts: Value) -> Value {
    with(file("warehouse.yaml").swap_remove(0), "/spec/mounts", mounts)
}

fn runtime() -> Value {
    file("warehouse.yaml").swap_remove(1)
}

fn mount(point: &str, name: &str) -> Value {
    json!({"mountPoint": point, "name": name})
}

/// Waits until the Dataset is Bound.
async fn bound(installed: &Installed) -> DynamicObject {
    let datasets = installed.datasets();
    let is_bound = || async {
        datasets
            .get(NAME)
            .await
            .ok()
            .filter(|dataset| dataset.data["status"]["phase"] == "Bound")
    };
    installed.eventually_within(PATIENCE, "the Dataset is Bound", is_bound).await
}

/// Waits until the Dataset's status shows mounts of these names, and the Dataset is Bound.
async fn has_mounts(installed: &Installed, names: &[&str]) {
    let shown = |dataset: &DynamicObject| {
        let mounts = dataset.data["status"]["mounts"].as_array()?;
        let shown: Vec<&str> = mounts.iter().filter_map(|mount| mount["name"].as_str()).collect();
        (shown == names && dataset.data["status"]["phase"] == "Bound").then_some(())
    };
    let what = format!("its status has the mounts {names:?}");
    installed.object(API, "Dataset", NAME, &what, shown).await;
}

/// What the master itself says is mounted.
async fn table(installed: &Installed) -> String {
    let master = format!("{NAME}-master-0");
    kubectl(&[
        "exec",
        "-n",
        &installed.namespace,
        &master,
        "-c",
        "alluxio-master",
        "--",
        "alluxio",
        "fs",
        "mount",
    ])
    .await
}

/// Deletes the pod of a role, and waits until another is ready in its place.
async fn replaced(installed: &Installed, pod: &str) {
    let old = installed.api("v1", "Pod").get(pod).await.unwrap();
    installed.delete("v1", "Pod", pod).await;
    let pods = installed.api("v1", "Pod");
    let anew = || async {
        let pod = pods.get_opt(pod).await.unwrap()?;
        (pod.uid() != old.uid() && is_ready(&pod).is_some()).then_some(())
    };
    installed
        .eventually_within(PATIENCE, &format!("{pod} has started anew"), anew)
        .await;
}

/// Deletes the Dataset, and checks that nothing is left: no objects, labels of nodes or cached blocks.
async fn end(installed: Installed) {
    installed.delete_pods().await;
    installed.delete_dataset(NAME).await;
    installed.empty(&[]).await;
    installed.clean_nodes().await;
    installed.run_with_directory("looker", "/dev/shm").await;
    let blocks = format!("find /data/{} -type f | wc -l", installed.namespace);
    assert_eq!(
        installed.inside("looker", &blocks).await.trim(),
        "0",
        "blocks are left in the cache"
    );
    installed.inside("looker", &format!("rm -rf /data/{}", installed.namespace)).await;
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
    installed.eventually_within(PATIENCE, "master and worker are ready", ready).await;
    let since = Instant::now();
    bound(&installed).await;
    println!(
        "master and worker were ready after {:?}, the Dataset was Bound {:?} later",
        since - began,
        since.elapsed()
    );
    let known = |dataset: &DynamicObject| {
        let status = &dataset.data["status"];
        (status["fileNum"] == "3" && status["ufsTotal"] == "3.00MiB" && status["cacheStates"]["cacheCapacity"] == "64.00MiB").then_some(())
    };
    installed.object(API, "Dataset", NAME, "what Alluxio reports", known).await;

    installed.run_with_claim("app", NAME).await;
    let sum = |text: String| text.split_whitespace().next().unwrap_or_default().to_owned();
    let read = sum(installed.inside("app", "sha256sum /data/warehouse/a").await);
    assert_eq!(read, sum(installed.inside("keeper", "sha256sum /data/warehouse/a").await));
    assert_eq!(installed.inside("app", "cat /data/one/b").await.trim(), "b");
    let cached = |dataset: &DynamicObject| (dataset.data["status"]["cacheStates"]["cached"] == "3.00MiB").then_some(());
    installed.object(API, "Dataset", NAME, "what was read is cached", cached).await;

    // A mount more, in the pod that runs.
    let (native, one, two) = (
        mount("local:///var/lib/wasser-e2e/warehouse", "warehouse"),
        mount("/more/one", "one"),
        mount("/more/two", "two"),
    );
    installed.apply(&dataset(json!([native, one, two]))).await;
    has_mounts(&installed, &["warehouse", "one", "two"]).await;
    assert_eq!(installed.inside("app", "cat /data/two/c").await.trim(), "c");
    installed.apply(&dataset(json!([native, one]))).await;
    has_mounts(&installed, &["warehouse", "one"]).await;
    let listed = table(&installed).await;
    assert!(listed.contains(" on  /one ") && !listed.contains(" on  /two "), "{listed}");
    let gone = installed.inside_says("app", "cat /data/two/d").await;
    assert!(gone.contains("No such file"), "{gone}");

    // A master without its journal.
    replaced(&installed, &format!("{NAME}-master-0")).await;
    installed
        .eventually("Alluxio has the mounts again", || async {
            table(&installed).await.contains(" on  /one ").then_some(())
        })
        .await;
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
async fn workers_come_and_go_with_the_replicas() {
    let installed = started("alluxio-workers").await;
    // There is one node: workers of an exclusive dataset keep off each other's, and the directory of the cache is one worker's.
    let cache = json!([{"mediumtype": "MEM", "path": "/dev/shm", "quota": "64Mi", "volumeType": "emptyDir"}]);
    let own = [("/spec/tieredstore/levels", cache)];
    let networks = ["master", "worker"].map(|role| (format!("/spec/{role}/networkMode"), json!("ContainerNetwork")));
    let changed = own.into_iter().fold(runtime(), |runtime, (path, value)| with(runtime, path, value));
    let changed = networks
        .iter()
        .fold(changed, |runtime, (path, value)| with(runtime, path, value.clone()));
    installed
        .apply(&with(file("warehouse.yaml").swap_remove(0), "/spec/placement", json!("Shared")))
        .await;
    installed.apply(&changed).await;
    bound(&installed).await;
    installed.run_with_claim("app", NAME).await;
    installed.inside("app", "cat /data/warehouse/a > /dev/null").await;
    for replicas in [2_u32, 1] {
        let scale = json!({"spec": {"replicas": replicas}});
        let api = installed.api(API, KIND);
        api.patch_scale(NAME, &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
        let scaled = json!({"workerNumberReady": replicas, "currentWorkerNumberScheduled": replicas, "workerPhase": "Ready"});
        installed.status(KIND, NAME, &scaled).await;
        if replicas == 2 {
            let capacity = |dataset: &DynamicObject| (dataset.data["status"]["cacheStates"]["cacheCapacity"] == "128.00MiB").then_some(());
            installed
                .object(API, "Dataset", NAME, "the capacity of two workers", capacity)
                .await;
        }
        assert_eq!(installed.inside("app", "cat /data/one/b").await.trim(), "b");
    }
    installed.delete_pods().await;
    installed.delete_dataset(NAME).await;
    installed.empty(&[]).await;
    installed.clean_nodes().await;
    installed.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_refused_mount_keeps_no_other_away_and_a_dead_master_no_deletion() {
    let installed = started("alluxio-refused").await;
    let (native, one, two) = (
        mount("local:///var/lib/wasser-e2e/warehouse", "warehouse"),
        mount("/more/one", "one"),
        mount("/more/two", "two"),
    );
    let bad = mount("/more/missing", "bad");
    installed.apply(&dataset(json!([native, one, bad, two]))).await;
    installed.apply(&runtime()).await;
    let refused = || async {
        let dataset = installed.datasets().get(NAME).await.unwrap();
        let conditions = dataset.data["status"]["conditions"].as_array()?.clone();
        let found = conditions
            .iter()
            .find(|condition| condition["type"] == "NotReady" && condition["status"] == "True")?;
        let said = found["message"].as_str()?.to_owned();
        said.contains("/more/missing").then_some(said)
    };
    let said = installed.eventually_within(PATIENCE, "what Alluxio refuses is told", refused).await;
    assert!(said.contains("does not exist"), "{said}");
    let listed = table(&installed).await;
    assert!(listed.contains(" on  /one ") && listed.contains(" on  /two "), "{listed}");
    installed.apply(&dataset(json!([native, one, two]))).await;
    bound(&installed).await;

    // The same in a Dataset that serves.
    let uid = installed.api(API, KIND).get(NAME).await.unwrap().uid().unwrap();
    installed.apply(&dataset(json!([native, bad, one]))).await;
    installed
        .event_saying("ErrorProcessRuntime", &uid, "Ufs path /more/missing does not exist")
        .await;
    installed.apply(&dataset(json!([native, one]))).await;
    has_mounts(&installed, &["warehouse", "one"]).await;

    // A master that cannot start.
    installed
        .patch(KIND, NAME, &json!({"spec": {"alluxioVersion": {"imageTag": "no-such-tag"}}}))
        .await;
    let patched = |set: &DynamicObject| {
        let image = set.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?;
        image.ends_with(":no-such-tag").then_some(())
    };
    let master = format!("{NAME}-master");
    installed
        .object("apps/v1", "StatefulSet", &master, "its image is the other", patched)
        .await;
    installed.delete("v1", "Pod", &format!("{master}-0")).await;
    let dead = |set: &DynamicObject| {
        set.data["status"]["readyReplicas"]
            .as_u64()
            .is_none_or(|ready| ready == 0)
            .then_some(())
    };
    installed.object("apps/v1", "StatefulSet", &master, "it is dead", dead).await;
    installed.delete_pods().await;
    installed.delete("data.fluid.io/v1alpha1", "Dataset", NAME).await;
    let skipped = installed
        .event_saying("ErrorProcessRuntime", &uid, "Failed to clean the cache after 3 attempts")
        .await;
    let note = skipped.message.unwrap_or_default();
    assert!(note.contains("no master pod is ready"), "{note}");
    for kind in ["Dataset", KIND] {
        installed.gone(API, kind, NAME).await;
    }
    installed.empty(&[]).await;
    installed.clean_nodes().await;
    installed.end().await;
}
