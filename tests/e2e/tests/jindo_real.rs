//! A JindoRuntime on a real node, with programs of the tests in the images of JindoCache: masters
//! that keep what they receive, workers that cache, clients that mount. JindoCache itself is
//! closed source, and was never run.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use wasser_e2e::manifests::{file, with};
use wasser_e2e::pods::pod;
use wasser_e2e::tools::kubectl;
use wasser_e2e::{Installed, User};

const API: &str = "data.fluid.io/v1alpha1";
const MASTER: &str = "images-jindofs-master-0";
const CONTAINER: &str = "jindofs-master";
/// A directory of the node for source and cache.
const NODE: &str = "/var/lib/wasser-e2e/jindo";

/// What a command prints in the master's pod.
async fn master(user: &User, command: &str) -> String {
    user.exec(MASTER, CONTAINER, &["sh", "-c", command]).await
}

/// Waits until the master has mounted exactly these: path and source.
async fn mounted(user: &User, expected: &[(&str, &str)]) {
    let mut expected: Vec<String> = expected
        .iter()
        .map(|(path, source)| format!("Mount point: {path} {source}"))
        .collect();
    expected.sort();
    let reached = || async {
        let shown = user.exec_says(MASTER, CONTAINER, &["jindocache", "-mount"]).await;
        let mut lines: Vec<&str> = shown.lines().collect();
        lines.sort_unstable();
        (lines == expected).then_some(())
    };
    user.eventually(&format!("the master has mounted {expected:?}"), reached)
        .await;
}

/// Waits until the pod `app` reads a file of the source. A client that has seen the table of a
/// master that knows nothing yet shows nothing either, until it looks again.
async fn source_is_read(user: &User) {
    let reached = || async {
        let shown = user.inside("app", "cat /data/local/a 2>&1 || true").await;
        (shown == "here\n").then_some(())
    };
    user.eventually("a pod reads the source", reached).await;
}

/// Changes the Dataset's mounts.
async fn mount(user: &User, mounts: &[&Value]) {
    let patch = json!({"spec": {"mounts": mounts}});
    user.datasets()
        .patch("images", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
}

/// Deletes the master's pod, and waits until there is another that is ready.
async fn replace_master(user: &User) {
    let pods = user.api("v1", "Pod");
    let before = pods.get(MASTER).await.unwrap().metadata.uid;
    kubectl(&["delete", "pod", "-n", &user.namespace, MASTER, "--wait"]).await;
    let replaced = |pod: &DynamicObject| {
        (pod.metadata.uid != before)
            .then(|| wasser_e2e::pods::is_ready(pod))
            .flatten()
    };
    user.object("v1", "Pod", MASTER, "there is another", replaced).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_cache_is_mounted_changed_restarted_and_emptied() {
    let installed = Installed::start("jindo").await;
    // It sees the directory of the node, whatever becomes of the Dataset.
    installed.run_with_directory("node", NODE).await;
    let seed = "rm -rf /data/cache; mkdir -p /data/source && echo here > /data/source/a && dd if=/dev/zero \
        of=/data/source/b bs=1M count=32 2>&1";
    installed.inside("node", seed).await;
    let manifest = file("jindo-real.yaml");
    for object in &manifest {
        installed.apply(object).await;
    }
    installed.bound("images").await;
    let (bucket, local) = (
        ("/images", "oss://training/images"),
        ("/local", "local:///underFSStorage/local"),
    );
    mounted(&installed, &[bucket, local]).await;
    let sets = master(&installed, "jindocache -listCacheSet").await;
    assert!(sets.contains("name: images") && sets.contains("name: local"), "{sets}");

    // Pods read the source through the client, and the workers cache it.
    installed
        .run(&pod("app", "images", json!({"mountPropagation": "HostToContainer"})))
        .await;
    source_is_read(&installed).await;
    let refused = installed.inside("app", "(echo no > /data/local/no) 2>&1 || true").await;
    assert!(refused.contains("Read-only file system"), "{refused}");
    let states = |dataset: &DynamicObject| {
        let states = &dataset.data["status"]["cacheStates"];
        let cached = states["cached"].as_str()?;
        (states["cacheCapacity"] == "1.00GiB" && cached.ends_with("MiB")).then_some(())
    };
    installed
        .object(API, "Dataset", "images", "it shows what is cached", states)
        .await;

    // Another directory of the bucket comes while the Dataset is used, and the first one goes.
    let [first, directory] = [&manifest[1]["spec"]["mounts"][0], &manifest[1]["spec"]["mounts"][1]];
    let labels = with(first.clone(), "/mountPoint", json!("oss://training/labels"));
    let labels = with(with(labels, "/name", json!("labels")), "/path", json!("/labels"));
    let entry = ("/labels", "oss://training/labels");
    mount(&installed, &[first, directory, &labels]).await;
    mounted(&installed, &[bucket, local, entry]).await;
    mount(&installed, &[directory, &labels]).await;
    mounted(&installed, &[local, entry]).await;
    installed.bound("images").await;

    // Another bucket needs keys that only a new master has. Until then, the master says what it
    // lacks.
    let other = with(first.clone(), "/mountPoint", json!("oss://other/x"));
    mount(&installed, &[directory, &labels, &other]).await;
    let uid = installed
        .api(API, "JindoRuntime")
        .get("images")
        .await
        .unwrap()
        .metadata
        .uid
        .unwrap();
    installed
        .event_saying("ErrorProcessRuntime", &uid, "no endpoint for the bucket other")
        .await;
    replace_master(&installed).await;
    let other = ("/images", "oss://other/x");
    mounted(&installed, &[local, entry, other]).await;
    installed.bound("images").await;

    // A master that has lost what it knew gets it again.
    master(
        &installed,
        "rm -rf /var/lib/wasser-e2e/jindo/cache/*/images/jindocache/server",
    )
    .await;
    replace_master(&installed).await;
    mounted(&installed, &[local, entry, other]).await;
    source_is_read(&installed).await;

    // In the end the cache is empty, and the source is what it was.
    kubectl(&["delete", "pod", "app", "-n", &installed.namespace, "--wait"]).await;
    installed.delete_dataset("images").await;
    let left = installed
        .inside(
            "node",
            "cd /data && ls cache/*/images/jindocache/ cache/*/images/jindocache/server && cat source/a",
        )
        .await;
    assert!(
        left.contains("formatted") && !left.contains("blocks") && left.ends_with("here\n"),
        "{left}"
    );
    installed.inside("node", "rm -rf /data/cache /data/source").await;
    installed.delete_pods().await;
    installed.empty(&["oss-keys"]).await;
    installed.clean_nodes().await;
    installed.end().await;
}
