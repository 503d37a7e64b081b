//! A cluster on which Fluid has set up a runtime of each kind, and was stopped: Wasser is started on
//! what it has left, as `docs/installing.md` says.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

#[allow(dead_code)] // The tests below the cluster use more of it.
#[path = "../../../host/operator/src/in_process/fluid/mod.rs"]
mod fluid;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_e2e::Operator;
use wasser_e2e::objects::resource;
use wasser_e2e::plugins::{Verdict, package};
use wasser_e2e::tools::helm;

use fluid::{ALL, Driver, Left};

const KINDS: [(&str, &str); 8] = [
    ("v1", "Pod"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
];

const PLUGINS: [&str; 6] = ["alluxio", "efc", "jindo", "juicefs", "thin", "vineyard"];

fn api(operator: &Operator, api_version: &str, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(operator.client.clone(), "default", &resource(api_version, kind))
}

/// What there is of the runtimes, each object with its UID and what counts its changes.
async fn objects(operator: &Operator) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (api_version, kind) in KINDS {
        for object in api(operator, api_version, kind)
            .list(&ListParams::default())
            .await
            .unwrap()
        {
            let metadata = &object.metadata;
            let content = match (kind, metadata.generation) {
                // The kubelet writes their statuses, and nobody anything else.
                ("Pod" | "PersistentVolumeClaim", _) => String::new(),
                (_, Some(generation)) => generation.to_string(),
                // A record gets a note.
                _ => object.data["data"].to_string(),
            };
            let key = format!("{kind} {}", object.name_any());
            all.insert(key, format!("{} {content}", metadata.uid.as_deref().unwrap()));
        }
    }
    all
}

/// The objects that are not in both, or not the same.
fn differences(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let keys = before.keys().chain(now.keys().filter(|key| !before.contains_key(*key)));
    let differs = |key: &&String| before.get(*key) != now.get(*key);
    keys.filter(differs)
        .map(|key| format!("{key}: {:?} → {:?}", before.get(key), now.get(key)))
        .collect()
}

/// Puts the labels on nodes that Fluid puts there: two of them have workers, and one a pod that uses
/// all datasets.
async fn label_nodes(operator: &Operator, left: &[Left]) {
    let nodes = Api::<Node>::all(operator.client.clone());
    let all = nodes.list(&ListParams::default()).await.unwrap();
    for (index, node) in all.iter().take(2).enumerate() {
        let mut labels = json!({});
        for one in left {
            one.label(index, &mut labels);
            if index == 0 {
                labels[format!("fluid.io/f-default-{}", one.name)] = json!("true");
            }
        }
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        let params = PatchParams::default();
        nodes.patch_metadata(&node.name_any(), &params, &patch).await.unwrap();
    }
}

/// The labels of nodes that are Fluid's. On which nodes they are follows from where the scheduler
/// has put the pods.
async fn node_labels(operator: &Operator) -> BTreeSet<String> {
    let nodes = Api::<Node>::all(operator.client.clone());
    let all = nodes.list(&ListParams::default()).await.unwrap();
    let labels = all.iter().flat_map(|node| node.labels().keys());
    labels.filter(|key| key.starts_with("fluid")).cloned().collect()
}

async fn phase(operator: &Operator, left: &Left) -> Value {
    let datasets = api(operator, "data.fluid.io/v1alpha1", "Dataset");
    datasets.get(&left.name).await.unwrap().data["status"]["phase"].clone()
}

/// Waits until all workloads have the pods that they want.
async fn pods_run(operator: &Operator) {
    let ready = || async {
        let mut all = Vec::new();
        for kind in ["StatefulSet", "DaemonSet"] {
            all.extend(api(operator, "apps/v1", kind).list(&ListParams::default()).await.ok()?);
        }
        let runs = |set: &DynamicObject| {
            let number = |pointer: &str| set.data.pointer(pointer).and_then(Value::as_u64);
            match number("/spec/replicas") {
                Some(wanted) => number("/status/readyReplicas").unwrap_or(0) == wanted,
                None => number("/status/numberReady") >= Some(1),
            }
        };
        all.iter().all(runs).then_some(())
    };
    operator.eventually("all pods run", ready).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_fluid_has_left_stays_as_it_is_until_somebody_changes_it() {
    let mut operator = Operator::start("swap").await;
    assert!(operator.terminate().await.success());
    let foreign = objects(&operator).await;
    let mut left = Vec::new();
    for (index, text) in ALL.iter().enumerate() {
        let driver = if index == 0 { Driver::Secret } else { Driver::ConfigMap };
        left.push(Left::read(operator.client.clone(), text).leave(driver).await);
    }
    label_nodes(&operator, &left).await;
    pods_run(&operator).await;
    let (before, labels) = (objects(&operator).await, node_labels(&operator).await);

    for name in PLUGINS {
        operator.register_map(name, |map| *map = package(name)).await;
    }
    operator.restart().await;
    for name in PLUGINS {
        operator.verdict(name, Verdict::Loaded).await;
    }
    for one in &left {
        let noted = || async {
            for kind in ["ConfigMap", "Secret"] {
                let name = format!("sh.helm.release.v1.{}.v1", one.name);
                if let Ok(Some(record)) = api(&operator, "v1", kind).get_opt(&name).await {
                    record.annotations().get("wasser.fluid.io/adopted")?;
                    return Some(());
                }
            }
            None
        };
        operator.eventually(&format!("{} is taken over", one.name), noted).await;
    }
    operator
        .at_rest("requests to the API server", |metrics| {
            metrics.requests().values().sum::<u64>()
        })
        .await;
    let mut now = objects(&operator).await;
    // What Alluxio's plugin remembers of the metadata.
    now.remove("ConfigMap logs-alluxio-state");
    assert_eq!(differences(&before, &now), Vec::<String>::new(), "nothing is changed");
    assert_eq!(node_labels(&operator).await, labels);
    for one in &left {
        assert_eq!(phase(&operator, one).await, "Bound", "{}", one.name);
    }

    // JuiceFS: the change upgrades it, completely; the others stay.
    let patch = Patch::Merge(json!({"spec": {"fuse": {"options": {"attr-cache": "30"}}}}));
    let runtimes = api(&operator, "data.fluid.io/v1alpha1", &left[0].kind);
    runtimes
        .patch(&left[0].name, &PatchParams::default(), &patch)
        .await
        .unwrap();
    let deployed = || async {
        let listed = helm(&["ls", "-n", "default", "-o", "json"]).await;
        let listed: Value = serde_json::from_str(&listed).ok()?;
        let release = listed
            .as_array()?
            .iter()
            .find(|release| release["name"] == left[0].name.as_str())?;
        (release["revision"] == "2" && release["status"] == "deployed").then_some(())
    };
    operator.eventually("the upgraded release", deployed).await;
    let now = objects(&operator).await;
    let is_others = |key: &&String| !key.contains(&left[0].name);
    for key in before.keys().filter(is_others) {
        assert_eq!(now.get(key), before.get(key), "{key}");
    }

    // From now on, what somebody changes in it is put back.
    let maps = api(&operator, "v1", "ConfigMap");
    let script = format!("{}-fuse-script", left[0].name);
    let text = async || maps.get(&script).await.unwrap().data["data"]["script.sh"].clone();
    let before = text().await;
    let patch = Patch::Merge(json!({"data": {"script.sh": "exit 1"}}));
    maps.patch(&script, &PatchParams::default(), &patch).await.unwrap();
    let back = || async { (text().await == before).then_some(()) };
    operator.eventually("the script is put back", back).await;

    for one in &left {
        for kind in [one.kind.as_str(), "Dataset"] {
            let objects = api(&operator, "data.fluid.io/v1alpha1", kind);
            objects.delete(&one.name, &Default::default()).await.unwrap();
        }
    }
    for one in &left {
        let gone = || async {
            let datasets = api(&operator, "data.fluid.io/v1alpha1", "Dataset");
            datasets.get_opt(&one.name).await.ok()?.is_none().then_some(())
        };
        operator.eventually(&format!("{} is gone", one.name), gone).await;
    }
    let nothing = || async {
        differences(&foreign, &objects(&operator).await)
            .is_empty()
            .then_some(())
    };
    operator.eventually("nothing is left", nothing).await;
    assert!(node_labels(&operator).await.is_empty());
    let profiles = operator.api_of("data.fluid.io/v1alpha1", "ThinRuntimeProfile");
    profiles.delete("files", &Default::default()).await.unwrap();
    operator.end().await;
}
