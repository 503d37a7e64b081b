//! What Fluid's users have: their manifests, through kubectl, and what kubectl and helm then show.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use serde_json::json;

use wasser_e2e::Operator;
use wasser_e2e::environment::root;
use wasser_e2e::manifests::{dataset, runtime, secret};
use wasser_e2e::tools::{helm, kubectl, kubectl_with};

/// The words of the first line, columns being separated by more than one space.
fn columns(table: &str) -> Vec<String> {
    let head = table.lines().next().unwrap_or_default();
    head.split("  ")
        .map(str::trim)
        .filter(|column| !column.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn applied(operator: &Operator, file: &str) -> String {
    let path = root().join("tests/e2e/manifests").join(file).display().to_string();
    // As most users do, and with the check of fields that newer versions of kubectl make.
    kubectl(&["apply", "-n", &operator.namespace, "--validate=strict", "-f", &path]).await
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn manifests_of_every_shape_are_taken() {
    let operator = Operator::start("shapes").await;
    for file in ["community.yaml", "enterprise.yaml", "placement.yaml"] {
        let said = applied(&operator, file).await;
        assert_eq!(
            said.lines().filter(|line| line.ends_with(" created")).count(),
            3,
            "{said}"
        );
        // Once more is not a mistake either.
        applied(&operator, file).await;
    }
    // Nobody serves them; so nothing guards them either.
    for name in ["community", "enterprise", "placement"] {
        operator.delete("data.fluid.io/v1alpha1", "JuiceFSRuntime", name).await;
        operator.delete("data.fluid.io/v1alpha1", "Dataset", name).await;
    }
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn kubectl_shows_what_it_shows_with_fluid() {
    let operator = Operator::start_serving("columns").await;
    let namespace = operator.namespace.clone();
    operator.create("demo").await;
    operator.bound("demo").await;

    let table = kubectl(&["get", "dataset", "-n", &namespace]).await;
    assert_eq!(
        columns(&table),
        [
            "NAME",
            "UFS TOTAL SIZE",
            "CACHED",
            "CACHE CAPACITY",
            "CACHED PERCENTAGE",
            "PHASE",
            "AGE"
        ],
        "{table}"
    );
    assert!(table.lines().nth(1).unwrap().contains("Bound"), "{table}");
    let wide = columns(&kubectl(&["get", "datasets.data.fluid.io", "-n", &namespace, "-o", "wide"]).await);
    for column in ["HCFS URL", "TOTAL FILES", "CACHE HIT RATIO"] {
        assert!(wide.iter().any(|found| found == column), "{wide:?}");
    }
    let table = kubectl(&["get", "juicefs", "-n", &namespace]).await;
    assert_eq!(
        columns(&table),
        ["NAME", "WORKER PHASE", "FUSE PHASE", "AGE"],
        "{table}"
    );
    let row = table.lines().nth(1).unwrap();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>()[..3],
        ["demo", "Ready", "Ready"],
        "{table}"
    );
    let all = kubectl(&["get", "fluid", "-n", &namespace]).await;
    assert!(
        all.contains("dataset.data.fluid.io/demo") && all.contains("juicefsruntime.data.fluid.io/demo"),
        "{all}"
    );
    let is_bound = |claim: &kube::api::DynamicObject| (claim.data["status"]["phase"] == "Bound").then_some(());
    operator
        .object("v1", "PersistentVolumeClaim", "demo", "it is bound", is_bound)
        .await;
    let columns = "jsonpath={.spec.storageClassName} {.spec.volumeName}";
    let claim = kubectl(&["get", "pvc", "demo", "-n", &namespace, "-o", columns]).await;
    assert_eq!(claim, format!("fluid {namespace}-demo"));
    let described = kubectl(&["describe", "dataset", "demo", "-n", &namespace]).await;
    assert!(
        described.contains("DatasetReady") && described.contains("The ddc runtime is ready."),
        "{described}"
    );

    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn helm_shows_what_was_installed() {
    let operator = Operator::start_serving("helm").await;
    let namespace = operator.namespace.clone();
    operator.create("demo").await;
    operator.bound("demo").await;

    let releases: serde_json::Value =
        serde_json::from_str(&helm(&["ls", "-n", &namespace, "-o", "json"]).await).unwrap();
    assert_eq!(
        (&releases[0]["name"], &releases[0]["status"]),
        (&json!("demo"), &json!("deployed")),
        "{releases}"
    );
    assert!(
        releases[0]["chart"].as_str().unwrap().starts_with("juicefs-"),
        "{releases}"
    );
    assert_ne!(releases[0]["app_version"], "", "{releases}");
    let values: serde_json::Value =
        serde_json::from_str(&helm(&["get", "values", "demo", "-n", &namespace, "-o", "json"]).await).unwrap();
    assert_eq!(values["fullnameOverride"], "demo", "{values}");
    assert!(
        helm(&["status", "demo", "-n", &namespace])
            .await
            .contains("STATUS: deployed")
    );
    assert!(
        helm(&["get", "manifest", "demo", "-n", &namespace])
            .await
            .contains("kind: StatefulSet")
    );

    operator.delete_dataset("demo").await;
    assert_eq!(helm(&["ls", "-a", "-n", &namespace, "-q"]).await.trim(), "");
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn kubectl_scales_a_runtime() {
    let operator = Operator::start_serving("scale").await;
    let namespace = operator.namespace.clone();
    operator.create("demo").await;
    operator.bound("demo").await;
    let uid = kubectl(&[
        "get",
        "juicefs",
        "demo",
        "-n",
        &namespace,
        "-o",
        "jsonpath={.metadata.uid}",
    ])
    .await;
    for (replicas, note) in [("2", "scaled out"), ("1", "scaled in")] {
        kubectl(&[
            "scale",
            "juicefsruntime",
            "demo",
            "-n",
            &namespace,
            "--replicas",
            replicas,
        ])
        .await;
        let wanted: u64 = replicas.parse().unwrap();
        let scaled = |set: &kube::api::DynamicObject| {
            (set.data["spec"]["replicas"] == wanted && set.data["status"]["readyReplicas"] == wanted).then_some(())
        };
        operator
            .object(
                "apps/v1",
                "StatefulSet",
                "demo-worker",
                &format!("{replicas} pods are ready"),
                scaled,
            )
            .await;
        let shown =
            |runtime: &kube::api::DynamicObject| (runtime.data["status"]["workerNumberReady"] == wanted).then_some(());
        operator
            .object(
                "data.fluid.io/v1alpha1",
                "JuiceFSRuntime",
                "demo",
                &format!("{replicas} workers are ready"),
                shown,
            )
            .await;
        operator.event_saying("Succeed", &uid, note).await;
    }
    operator.bound("demo").await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dataset_in_use_is_kept_until_it_no_longer_is() {
    let operator = Operator::start_serving("in-use").await;
    let namespace = operator.namespace.clone();
    operator.create("demo").await;
    operator.bound("demo").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"},
        "spec": {
            // It need not run: what wants to use the data counts.
            "nodeSelector": {"no-such-label": "true"},
            "containers": [{"name": "app", "image": "docker.io/library/busybox:stable", "command": ["sleep",
                "1000"], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}]
        }
    });
    kubectl_with(&["create", "-n", &namespace, "-f", "-"], &pod.to_string()).await;
    let uid = kubectl(&[
        "get",
        "dataset",
        "demo",
        "-n",
        &namespace,
        "-o",
        "jsonpath={.metadata.uid}",
    ])
    .await;
    kubectl(&["delete", "dataset", "demo", "-n", &namespace, "--wait=false"]).await;
    let shown = operator.event_saying("ErrorDeleteDataset", &uid, "user").await;
    assert!(
        shown.message.as_deref().unwrap().contains("delete them first"),
        "{shown:?}"
    );
    operator.phase("demo", "Bound").await;
    kubectl(&["delete", "pod", "user", "-n", &namespace, "--now"]).await;
    operator.gone("data.fluid.io/v1alpha1", "Dataset", "demo").await;
    operator.gone("data.fluid.io/v1alpha1", "JuiceFSRuntime", "demo").await;
    operator.empty(&["jfs-secret", "juicefs"]).await;
    operator.clean_nodes().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_printed_crds_are_the_installed_ones() {
    let operator = Operator::start("crds").await;
    let printed = wasser_e2e::tools::wasser(&["crds"]).await;
    let diff = kubectl_with(&["diff", "--server-side", "--force-conflicts", "-f", "-"], &printed).await;
    assert_eq!(diff.trim(), "");
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_was_rendered_offline_is_what_is_installed() {
    let operator = Operator::start_serving("render").await;
    let namespace = operator.namespace.clone();
    operator.create("demo").await;
    operator.bound("demo").await;
    let scratch = wasser_e2e::environment::scratch().join(format!("{namespace}.yaml"));
    let pair = [secret(1), dataset("demo"), runtime("demo")]
        .map(|object| object.to_string())
        .join("\n---\n");
    std::fs::write(&scratch, pair).unwrap();
    let plugin = root().join("target/plugins/juicefs.yaml").display().to_string();
    let rendered = wasser_e2e::tools::wasser(&[
        "render",
        "--plugin",
        &plugin,
        "--namespace",
        &namespace,
        &scratch.display().to_string(),
    ])
    .await;
    for name in ["demo-worker", "demo-fuse"] {
        assert!(rendered.contains(&format!("name: {name}")), "{rendered}");
    }
    operator.delete_dataset("demo").await;
    operator.end().await;
}
