//! A cluster where Fluid ran: Datasets that it has set up, and its records of releases, are there
//! before Wasser is installed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::json;

use wasser_e2e::demo::{bound, end, pod};
use wasser_e2e::tools::{helm, kubectl};
use wasser_e2e::{Installed, installed};

/// The type of the Secrets in which Wasser keeps its records, as Helm does by default.
const RECORD: &str = "helm.sh/release.v1";

/// Moves the records of releases to where Fluid's Helm keeps them.
async fn records_into_config_maps(user: &Installed) {
    let secrets = user.api("v1", "Secret");
    let records = secrets
        .list(&ListParams::default().fields(&format!("type={RECORD}")))
        .await
        .unwrap();
    assert!(!records.items.is_empty(), "there is no record");
    for record in records {
        let name = record.name_any();
        let release = STANDARD
            .decode(record.data["data"]["release"].as_str().unwrap())
            .unwrap();
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": record.metadata.labels},
            "data": {"release": String::from_utf8(release).unwrap()}
        });
        user.apply(&map).await;
        user.delete("v1", "Secret", &name).await;
    }
}

/// The number of records in each of the two stores.
async fn records(user: &Installed) -> (usize, usize) {
    let count = async |kind| {
        let all = ListParams::default().labels("owner=helm");
        user.api("v1", kind).list(&all).await.unwrap().items.len()
    };
    (count("ConfigMap").await, count("Secret").await)
}

/// What tells one object from a later one of the same name.
async fn identities(user: &Installed) -> Vec<String> {
    let mut all = Vec::new();
    for (api_version, kind, name) in [
        ("data.fluid.io/v1alpha1", "Dataset", "demo"),
        ("v1", "PersistentVolumeClaim", "demo"),
        ("apps/v1", "StatefulSet", "demo-worker"),
        ("apps/v1", "DaemonSet", "demo-fuse"),
        ("v1", "Pod", "demo-worker-0"),
        ("v1", "Pod", "app"),
    ] {
        let object = user.api(api_version, kind).get(name).await.unwrap();
        all.push(format!("{kind} {name} {}", object.uid().unwrap()));
    }
    all.extend(user.fuse_pods().await);
    all
}

/// Lets the definitions of kinds belong to a release of Fluid's chart.
async fn definitions_of_fluid() {
    for kind in ["datasets", "juicefsruntimes"] {
        let definition = format!("crd/{kind}.data.fluid.io");
        let owner = [
            "meta.helm.sh/release-name=fluid",
            "meta.helm.sh/release-namespace=fluid-system",
            "--overwrite",
        ];
        kubectl(&[["annotate", &definition].as_slice(), &owner].concat()).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn datasets_go_on_where_fluid_has_left_them() {
    let user = bound("adoption", 18, |runtime| runtime).await;
    user.run(&pod("app", json!({"mountPropagation": "HostToContainer"})))
        .await;
    user.inside("app", "echo here > /data/file && sync").await;
    let before = identities(&user).await;
    installed::uninstall().await;
    records_into_config_maps(&user).await;
    definitions_of_fluid().await;
    // Wasser knows of no field that Fluid does not write; what is gone is reported again.
    let api = user.datasets();
    let seen = api.get("demo").await.unwrap().data["status"]["conditions"][0]["lastUpdateTime"].clone();

    installed::install(&[]).await;
    let bound = user.bound("demo").await;
    assert_eq!(
        bound.data["status"]["conditions"][0]["lastUpdateTime"], seen,
        "{bound:?}"
    );
    user.run(&pod("later", json!({}))).await;
    assert_eq!(user.inside("later", "cat /data/file").await.trim(), "here");
    assert_eq!(user.inside("app", "cat /data/file").await.trim(), "here");
    assert_eq!(identities(&user).await, before, "nothing is made again");
    assert_eq!(records(&user).await, (1, 0), "nothing has changed in the release");

    // What is asked for when Wasser takes the release over counts as what runs, so that the change
    // must come after it: pods start before the operator leads.
    let runtime = user.api("data.fluid.io/v1alpha1", "JuiceFSRuntime");
    let uid = runtime.get("demo").await.unwrap().uid().unwrap();
    user.event("RuntimeAdopted", &uid).await;
    // What it would change, as docs/installing.md has it shown.
    let dry_run = ["--", "wasser", "adopt", "--dry-run"];
    let shown = kubectl(&[&["exec", "-n", installed::SYSTEM, "deploy/wasser"], &dry_run[..]].concat()).await;
    let kept = format!(
        "{}/demo (JuiceFSRuntime): kept as Fluid has installed it; ",
        user.namespace
    );
    assert!(shown.contains(&kept) && !shown.contains("not looked at"), "{shown}");
    // With the first change, the release is Wasser's.
    user.patch(
        "JuiceFSRuntime",
        "demo",
        &json!({"spec": {"worker": {"resources": {"requests": {"memory": "96Mi"}}}}}),
    )
    .await;
    let requested = |set: &DynamicObject| {
        let request = &set.data["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"];
        (request.as_str() == Some("96Mi")).then_some(())
    };
    user.object("apps/v1", "StatefulSet", "demo-worker", "it is upgraded", requested)
        .await;
    let moved = || async { (records(&user).await.0 == 0).then_some(()) };
    user.eventually("the records are in Secrets", moved).await;
    let listed = helm(&["ls", "-n", &user.namespace, "-o", "json"]).await;
    assert!(listed.contains(r#""status":"deployed""#), "{listed}");
    // The fuse pod of before is replaced as any other.
    user.replace_fuse_pods("app", "/data/file").await;
    end(user).await;
}
