//! Pods that mount datasets, with Wasser installed by its chart on a real node.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use wasser_e2e::demo::{bound, end, pod};
use wasser_e2e::expect::PATIENCE;
use wasser_e2e::installed::{RELEASE, SYSTEM};
use wasser_e2e::manifests::with;
use wasser_e2e::pods::{is_observed, is_ready};
use wasser_e2e::tools::{kubectl, try_kubectl};
use wasser_e2e::{Installed, rights, servers};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn one_pod_reads_what_another_writes() {
    let installed = bound("shared", 8, |runtime| runtime).await;
    assert!(
        installed.fuse_pods().await.is_empty(),
        "no pod has asked for the data yet"
    );
    // The image brings what the operator would compile.
    let operator = format!("deployment/{RELEASE}");
    let said = kubectl(&["logs", "-n", SYSTEM, &operator]).await;
    assert!(!said.contains("compiling"), "{said}");
    installed.run(&pod("writer", json!({}))).await;
    installed
        .inside(
            "writer",
            "head -c 4194304 /dev/urandom > /data/some && sync && sha256sum /data/some > /data/sum",
        )
        .await;
    installed.run(&pod("reader", json!({"readOnly": true}))).await;
    let sum = installed
        .inside(
            "reader",
            "cd /data && sha256sum -c sum && (echo no > /data/other) 2>&1 || true",
        )
        .await;
    assert!(sum.contains("OK") && sum.contains("Read-only file system"), "{sum}");
    for pod in ["writer", "reader"] {
        assert_eq!(installed.mounted(pod).await, 1);
    }
    assert_eq!(installed.fuse_pods().await.len(), 1);
    // `kubectl get dataset` shows what the clients have cached of it.
    let cached = |dataset: &DynamicObject| {
        let text = dataset.data["status"]["cacheStates"]["cached"].as_str()?;
        (text != "0.00B" && !text.is_empty()).then_some(())
    };
    installed
        .object(
            "data.fluid.io/v1alpha1",
            "Dataset",
            "demo",
            "something is cached",
            cached,
        )
        .await;
    // Used data is not taken away.
    assert!(try_kubectl(&["delete", "dataset", "demo", "-n", &installed.namespace, "--wait=false"]).await);
    assert!(is_ready(&installed.api("v1", "Pod").get("reader").await.unwrap()).is_some());
    assert_eq!(installed.inside("reader", "cat /data/sum | wc -l").await.trim(), "1");
    kubectl(&["delete", "pod", "-n", &installed.namespace, "-l", "app=user", "--wait"]).await;
    installed.gone("data.fluid.io/v1alpha1", "Dataset", "demo").await;
    installed.empty(&["jfs-secret"]).await;
    installed.clean_nodes().await;
    installed.end().await;
}

/// A Dataset that refers to a directory of `demo`.
fn view(installed: &Installed, name: &str, directory: &str, mode: &str) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": name},
        "spec": {"accessModes": [mode], "mounts": [{"mountPoint": format!("dataset://{}/demo/{directory}",
            installed.namespace)}]}
    })
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_pod_with_several_volumes_of_one_file_system_writes_each_where_it_belongs() {
    let installed = bound("several", 20, |runtime| {
        with(runtime, "/spec/fuse/cleanPolicy", json!("OnDemand"))
    })
    .await;
    installed.run(&pod("maker", json!({}))).await;
    installed
        .inside("maker", "mkdir -p /data/a /data/b /data/c && sync")
        .await;
    for (name, mode) in [("a", "ReadWriteMany"), ("b", "ReadWriteMany"), ("c", "ReadOnlyMany")] {
        installed.apply(&view(&installed, name, name, mode)).await;
        installed.bound(name).await;
    }
    let mut all = pod("all", json!({}));
    for name in ["a", "b", "c"] {
        let spec = &mut all["spec"];
        let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        spec["volumes"].as_array_mut().unwrap().push(volume);
        let mount = json!({"name": name, "mountPath": format!("/{name}")});
        spec["containers"][0]["volumeMounts"]
            .as_array_mut()
            .unwrap()
            .push(mount);
    }
    installed.run(&all).await;
    installed
        .inside(
            "all",
            "echo results-of-a > /a/out && echo results-of-b > /b/out && sync",
        )
        .await;
    let seen = installed.inside("maker", "cat /data/a/out /data/b/out").await;
    assert_eq!(seen, "results-of-a\nresults-of-b\n");
    assert_eq!(
        installed.inside("all", "cat /a/out /data/b/out; ls /c | wc -l").await,
        "results-of-a\nresults-of-b\n0\n"
    );
    let refused = installed.inside_says("all", "echo no > /c/out").await;
    assert!(refused.contains("Read-only file system"), "{refused}");

    // The client serves whoever is left, be it a reference alone.
    kubectl(&["delete", "pod", "all", "maker", "-n", &installed.namespace, "--wait"]).await;
    let alone = with(
        pod("alone", json!({})),
        "/spec/volumes/0/persistentVolumeClaim/claimName",
        json!("a"),
    );
    installed.run(&alone).await;
    assert_eq!(installed.inside("alone", "cat /data/out").await, "results-of-a\n");
    installed.run(&pod("other", json!({}))).await;
    kubectl(&["delete", "pod", "other", "-n", &installed.namespace, "--wait"]).await;
    installed.inside("alone", "echo more >> /data/out && sync").await;
    assert_eq!(installed.fuse_pods().await.len(), 1);
    kubectl(&["delete", "pod", "alone", "-n", &installed.namespace, "--wait"]).await;
    let left = || async { installed.fuse_pods().await.is_empty().then_some(()) };
    installed.eventually("the fuse pod has left", left).await;
    for name in ["a", "b", "c"] {
        installed.delete_dataset(name).await;
    }
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_running_pod_gets_its_data_back_when_the_fuse_pod_is_replaced() {
    let installed = bound("recovery", 9, |runtime| runtime).await;
    installed
        .run(&pod("app", json!({"mountPropagation": "HostToContainer"})))
        .await;
    installed.inside("app", "echo here > /data/file && sync").await;
    for round in 0..4 {
        installed.replace_fuse_pods("app", "/data/file").await;
        // The one that the container has started with, and on it the present one.
        assert!(installed.mounted("app").await <= 2, "mounts are stacked, round {round}");
        // A container that starts again has it too.
        if round == 0 {
            let _ = try_kubectl(&[
                "exec",
                "-n",
                &installed.namespace,
                "app",
                "-c",
                "user",
                "--",
                "kill",
                "1",
            ])
            .await;
        }
    }
    let uid = installed.datasets().get("demo").await.unwrap().metadata.uid.unwrap();
    installed.event("FuseRecoverSucceed", &uid).await;
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_fuse_pod_on_demand_leaves_with_the_last_pod() {
    let installed = bound("demand", 10, |runtime| {
        with(runtime, "/spec/fuse/cleanPolicy", json!("OnDemand"))
    })
    .await;
    installed.run(&pod("one", json!({}))).await;
    installed.run(&pod("two", json!({"subPath": "below"}))).await;
    kubectl(&["delete", "pod", "one", "-n", &installed.namespace, "--wait"]).await;
    installed.inside("two", "echo x > /data/x").await;
    assert_eq!(installed.fuse_pods().await.len(), 1, "there is a second user");
    kubectl(&["delete", "pod", "two", "-n", &installed.namespace, "--wait"]).await;
    let left = || async { installed.fuse_pods().await.is_empty().then_some(()) };
    installed.eventually("the fuse pod has left", left).await;
    installed.run(&pod("three", json!({}))).await;
    assert_eq!(installed.inside("three", "cat /data/below/x").await.trim(), "x");
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn pods_that_start_together_are_all_mounted_once() {
    const PODS: usize = 12;
    let installed = bound("together", 11, |runtime| runtime).await;
    for number in 0..PODS {
        installed.apply(&pod(&format!("user-{number}"), json!({}))).await;
    }
    for number in 0..PODS {
        let name = format!("user-{number}");
        installed.object("v1", "Pod", &name, "it is ready", is_ready).await;
        assert_eq!(installed.mounted(&name).await, 1, "{name}");
    }
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_fuse_pod_that_cannot_start_is_told_and_its_repair_is_enough() {
    let installed = bound("broken", 12, |runtime| {
        with(runtime, "/spec/fuse/imageTag", json!("no-such-tag"))
    })
    .await;
    installed.apply(&pod("app", json!({}))).await;
    let uid = installed
        .api("v1", "Pod")
        .get("app")
        .await
        .unwrap()
        .metadata
        .uid
        .unwrap();
    installed.event_saying("FailedMount", &uid, "demo").await;
    let repair = json!({"spec": {"fuse": {"imageTag": "ce-v1.3.0"}}});
    installed
        .runtimes()
        .patch("demo", &PatchParams::default(), &Patch::Merge(&repair))
        .await
        .unwrap();
    // The pods of a DaemonSet that is updated on delete are replaced by whoever repairs it.
    let patched = |set: &DynamicObject| {
        let image = set.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?;
        (is_observed(set) && !image.ends_with("no-such-tag")).then_some(())
    };
    installed
        .object("apps/v1", "DaemonSet", "demo-fuse", "its image is repaired", patched)
        .await;
    kubectl(&["delete", "pod", "-n", &installed.namespace, "-l", "role=juicefs-fuse"]).await;
    installed.object("v1", "Pod", "app", "it is ready", is_ready).await;
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_restarted_node_plugin_leaves_the_mounts_alone() {
    let installed = bound("restarted", 13, |runtime| runtime).await;
    installed
        .run(&pod("app", json!({"mountPropagation": "HostToContainer"})))
        .await;
    installed.inside("app", "echo here > /data/file && sync").await;
    let system = wasser_e2e::installed::SYSTEM;
    kubectl(&["rollout", "restart", "daemonset/wasser-csi", "-n", system]).await;
    let timeout = format!("--timeout={}s", PATIENCE.as_secs());
    kubectl(&["rollout", "status", "daemonset/wasser-csi", "-n", system, &timeout]).await;
    assert_eq!(installed.inside("app", "cat /data/file").await.trim(), "here");
    assert_eq!(installed.mounted("app").await, 1);
    installed.run(&pod("later", json!({}))).await;
    // The new one recovers what the old one has mounted.
    installed.replace_fuse_pods("app", "/data/file").await;
    assert!(installed.mounted("app").await <= 2);
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_restarted_kubelet_finds_the_node_plugin_and_its_mounts() {
    let installed = bound("kubelet", 15, |runtime| runtime).await;
    installed
        .run(&pod("app", json!({"mountPropagation": "HostToContainer"})))
        .await;
    installed.inside("app", "echo here > /data/file && sync").await;
    let restarts = "jsonpath={.status.containerStatuses[*].restartCount}";
    if !servers::restart_kubelet() {
        println!("skipped: the kubelets of this cluster are not to be restarted");
        return end(installed).await;
    }
    // It publishes to a new pod, and mounts nothing again for the one that was there.
    installed
        .run(&pod("later", json!({"mountPropagation": "HostToContainer"})))
        .await;
    assert_eq!(installed.inside("later", "cat /data/file").await.trim(), "here");
    assert_eq!(installed.inside("app", "cat /data/file").await.trim(), "here");
    assert_eq!(installed.mounted("app").await, 1);
    assert_eq!(
        kubectl(&["get", "pod", "app", "-n", &installed.namespace, "-o", restarts]).await,
        "0"
    );
    for pod in ["app", "later"] {
        installed.replace_fuse_pods(pod, "/data/file").await;
    }
    kubectl(&["delete", "pod", "app", "-n", &installed.namespace, "--wait"]).await;
    // What was read just now may have come through a client that was still ending.
    let read = [
        "exec",
        "-n",
        &installed.namespace,
        "later",
        "-c",
        "user",
        "--",
        "cat",
        "/data/file",
    ];
    installed
        .eventually("later reads on", || async { try_kubectl(&read).await.then_some(()) })
        .await;
    end(installed).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn uninstalling_leaves_the_definitions_and_the_data() {
    let installed = bound("uninstall", 14, |runtime| runtime).await;
    wasser_e2e::installed::uninstall().await;
    installed.bound("demo").await;
    let left = kubectl(&[
        "get",
        "clusterrole,clusterrolebinding,csidriver",
        "-l",
        "app.kubernetes.io/part-of=wasser",
        "-o",
        "name",
    ])
    .await;
    assert!(left.is_empty(), "{left}");
    // What docs/installing.md says to stay.
    let ours = kubectl(&["get", "secret,lease", "-n", wasser_e2e::installed::SYSTEM, "-o", "name"]).await;
    for stays in [
        "secret/wasser-record-key",
        "secret/wasser-webhook-certs",
        "lease.coordination.k8s.io/wasser.data.fluid.io",
    ] {
        assert!(ours.lines().any(|name| name == stays), "{stays} is not in {ours}");
    }
    // Installed again, it goes on where it was.
    wasser_e2e::installed::install(&[]).await;
    installed.scale("demo", 0).await;
    installed.scale("demo", 1).await;
    end(installed).await;
}

/// Rights of the operator for what these tests do not make happen.
const RARELY_USED: &[&str] = &[
    // Looks at objects that a release no longer has, or that were there before it.
    "get daemonsets.apps",
    "get statefulsets.apps",
    // The state of plugins that keep some.
    "get configmaps",
    // How far data operations are.
    "get pods/log",
    // The API server asks for it too where a conversation begins as a GET.
    "create pods/exec",
    // An event that happens again.
    "patch events.events.k8s.io",
    // What happened to pods and workloads that do not run.
    "list events.events.k8s.io",
    // An object that somebody else has written to just before its status is written.
    "get datasets.data.fluid.io",
    "get juicefsruntimes.data.fluid.io",
    // A volume that is made free for a new claim, and a claim that is let go.
    "patch persistentvolumes",
    "patch persistentvolumeclaims",
];
/// Kinds that only other plugins than that of these tests need: their runtimes, and what their
/// charts install.
const OTHER_KINDS: &[&str] = &[
    "alluxioruntimes.",
    "alluxioruntimes/",
    "cacheruntimes.",
    "cacheruntimes/",
    "efcruntimes.",
    "efcruntimes/",
    "jindoruntimes.",
    "jindoruntimes/",
    "thinruntimes.",
    "thinruntimes/",
    "vineyardruntimes.",
    "vineyardruntimes/",
    "services",
    // What releases have that Fluid has installed, and what goes with them.
    "serviceaccounts",
    "roles.",
    "rolebindings.",
    // Data operations, and what they run.
    "databackups",
    "dataloads",
    "datamigrates",
    "dataprocesses",
    "jobs.batch",
    "cronjobs.batch",
];
/// Rights of the node plugin for what these tests do not make happen.
const RARELY_USED_ON_NODES: &[&str] = &[
    // The clean policy OnFuseChanged.
    "get persistentvolumeclaims",
    "patch events.events.k8s.io",
];

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_rights_are_those_that_are_used() {
    let installed = Installed::start("rights").await;
    for (account, unused) in [("wasser", RARELY_USED), ("wasser-csi", RARELY_USED_ON_NODES)] {
        let Some((asked, forbidden)) = rights::asked(account).await else {
            println!("skipped: nobody has recorded what was asked of this cluster");
            return;
        };
        assert!(forbidden.is_empty(), "{account} was not allowed: {forbidden:#?}");
        let granted = rights::granted(&["clusterrole", account]).await;
        // To apply an object that is not there yet is to patch it, for which the API server wants
        // both rights.
        let applied = |right: &str| {
            right
                .strip_prefix("create ")
                .is_some_and(|rest| asked.contains(&format!("patch {rest}")))
        };
        let idle: Vec<&String> = granted
            .difference(&asked)
            .filter(|right| !unused.contains(&right.as_str()) && !applied(right))
            .filter(|right| !OTHER_KINDS.iter().any(|kind| right.contains(&format!(" {kind}"))))
            .collect();
        assert!(idle.is_empty(), "{account} never asked for: {idle:#?}");
    }
    installed.end().await;
}
