//! Pods whose Dataset refers to one of another namespace: where they run, and the clients that they
//! get.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault};
use wasser_webhook::{Datasets, Fuse, KubeDatasets, mutate};

const PATH: &str = "/runtime-mnt/demo/default/demo/fuse";

/// A DaemonSet in the namespace `default` that mounts the file system, with a ConfigMap.
fn clients() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "demo-fuse", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                "containers": [{"name": "fuse", "image": "demo", "volumeMounts": [
                    {"name": "mount", "mountPath": "/mnt", "mountPropagation": "Bidirectional"},
                ]}],
                "volumes": [
                    {"name": "mount", "hostPath": {"path": "/runtime-mnt/demo/default/demo"}},
                    {"name": "script", "configMap": {"name": "demo-script"}},
                    {"name": "more", "configMap": {"name": "demo-more", "optional": true}},
                ],
            }},
        },
    })
}

/// A Dataset in the namespace `team` that refers to that file system, with claim and volume.
fn reference() -> [Value; 3] {
    let dataset = json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": "far", "namespace": "team"},
        "spec": {"mounts": [{"mountPoint": "dataset://default/demo"}]},
    });
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "far", "namespace": "team", "labels": {"fluid.io/s-team-far": "true"}},
        "spec": {"volumeName": "team-far", "accessModes": ["ReadOnlyMany"],
            "resources": {"requests": {"storage": "1Gi"}}},
    });
    let attributes = json!({"fluid_path": PATH, "mount_type": "demo", "runtime_namespace": "default"});
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "team-far"},
        "spec": {"accessModes": ["ReadOnlyMany"], "capacity": {"storage": "1Gi"},
            "claimRef": {"namespace": "team", "name": "far"},
            "csi": {"driver": "fuse.csi.fluid.io", "volumeHandle": "team-far", "volumeAttributes": attributes}},
    });
    [dataset, claim, volume]
}

#[tokio::test]
async fn a_pod_gets_the_client_once_its_config_maps_are_in_its_namespace() {
    let server = ApiServer::new();
    server.install_crds();
    server.namespace("team");
    for object in [clients()].iter().chain(&reference()) {
        server.create(object);
    }
    server.edit_status("Dataset", "team", "far", |status| {
        *status = json!({"phase": "Bound", "conditions": []})
    });
    let datasets = KubeDatasets::new(server.client("webhook"));
    let without = datasets.fuse_of("team", "far").await.unwrap();
    assert!(
        matches!(&without, Fuse::Without(why) if why.contains("demo-script") && why.contains("team")),
        "{without:?}"
    );
    server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-script", "namespace": "team"},
    }));
    match datasets.fuse_of("team", "far").await.unwrap() {
        Fuse::Sidecar(sidecar) => {
            assert_eq!((sidecar.dataset.as_str(), sidecar.namespace.as_str()), ("far", "team"));
            assert_eq!(sidecar.fluid_path, PATH);
            assert!(sidecar.read_only);
        }
        other => unreachable!("{other:?}"),
    }
    // One that the operator has copied for a Dataset of another namespace.
    server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-script", "namespace": "default"},
    }));
    server.edit("ConfigMap", "team", "demo-script", |map| {
        map["metadata"]["annotations"]["wasser.fluid.io/copy-of"] = json!("another/7");
    });
    let without = datasets.fuse_of("team", "far").await.unwrap();
    assert!(
        matches!(&without, Fuse::Without(why) if why.contains("a copy of another one than default/demo-script")),
        "{without:?}"
    );
    let source = server.object("ConfigMap", "default", "demo-script").unwrap();
    let version = format!("{}/1", source["metadata"]["uid"].as_str().unwrap());
    server.edit("ConfigMap", "team", "demo-script", |map| {
        map["metadata"]["annotations"]["wasser.fluid.io/copy-of"] = json!(version);
    });
    let found = datasets.fuse_of("team", "far").await.unwrap();
    assert!(matches!(found, Fuse::Sidecar(_)), "{found:?}");
}

#[tokio::test]
async fn a_pod_is_steered_to_nodes_with_the_cache_of_the_dataset_that_is_referred_to() {
    let server = ApiServer::new();
    server.install_crds();
    server.namespace("team");
    server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": "demo", "namespace": "default"},
        "spec": {"mounts": [{"mountPoint": "demo://bucket"}]},
    }));
    for object in &reference() {
        server.create(object);
    }
    let datasets = KubeDatasets::new(server.client("webhook"));
    let used = datasets.of_claim("team", "far").await.unwrap().unwrap();
    let mut pod = json!({
        "metadata": {"labels": {"fuse.serverful.fluid.io/inject": "true", "fluid.io/dataset.far.sched": "required"}},
        "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "far"}}]},
    });
    mutate(&mut pod, &BTreeMap::from([("far".to_owned(), used)]));
    let affinity = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    // The operator gives no node a label of the reference itself.
    assert_eq!(
        affinity["nodeSelectorTerms"],
        json!([{"matchExpressions": [{"key": "fluid.io/s-default-demo", "operator": "In", "values": ["true"]}]}])
    );
}

#[tokio::test]
async fn a_claim_that_names_the_volume_of_another_is_not_believed() {
    let server = ApiServer::new();
    server.install_crds();
    server.namespace("team");
    let [dataset, claim, mut volume] = reference();
    volume["spec"]["claimRef"]["name"] = json!("other");
    for object in [&clients(), &dataset, &claim, &volume] {
        server.create(object);
    }
    server.edit_status("Dataset", "team", "far", |status| {
        *status = json!({"phase": "Bound", "conditions": []})
    });
    let found = KubeDatasets::new(server.client("webhook"))
        .fuse_of("team", "far")
        .await
        .unwrap();
    assert!(
        matches!(&found, Fuse::NotBound(why) if why.contains("reserved")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_pod_is_steered_as_far_as_the_webhook_may_read() {
    let server = ApiServer::new();
    server.install_crds();
    server.namespace("team");
    server.create(&json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": "demo", "namespace": "team"},
        "spec": {"mounts": [{"mountPoint": "demo://bucket"}]},
    }));
    server.edit_status("Dataset", "team", "demo", |status| {
        let runtime = json!({"name": "demo", "namespace": "team", "type": "thin", "category": "Accelerate"});
        *status = json!({"phase": "Bound", "conditions": [], "runtimes": [runtime]})
    });
    let refused = Failure::new(403, "Forbidden", "runtimes are not named");
    let datasets = KubeDatasets::new(server.client("webhook"));
    let armed = server.arm(Fault::any().resource("thinruntimes"), Effect::Answer(refused));
    let used = datasets.of_claim("team", "demo").await.unwrap().unwrap();
    assert_eq!(used.common_label, "fluid.io/s-team-demo");
    assert!(armed.hits() > 0);
    let missing = used.missing.unwrap();
    assert!(
        missing.contains("thinruntime team/demo") && missing.contains("rbac.runtimes"),
        "{missing}"
    );
}

/// A Dataset `far` that is Bound, and forty clients of others next to its own.
fn crowded(labels: &Value, runtime: &str) -> ApiServer {
    let server = ApiServer::new();
    server.install_crds();
    server.namespace("team");
    let [dataset, claim, mut volume] = reference();
    volume["spec"]["csi"]["volumeAttributes"]["runtime_name"] = json!(runtime);
    for number in 0..40 {
        let mut other = clients();
        other["metadata"]["name"] = json!(format!("other-{number}"));
        other["metadata"]["labels"] = json!({"fluid.io/dataset-id": format!("default-other-{number}")});
        let volumes = &mut other["spec"]["template"]["spec"]["volumes"];
        volumes[0]["hostPath"]["path"] = json!(format!("/runtime-mnt/demo/default/other-{number}"));
        server.create(&other);
    }
    let mut own = clients();
    own["metadata"]["labels"] = labels.clone();
    let script =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-script", "namespace": "team"}});
    for object in [&own, &dataset, &claim, &volume, &script] {
        server.create(object);
    }
    server.edit_status("Dataset", "team", "far", |status| {
        *status = json!({"phase": "Bound", "conditions": []})
    });
    server.take_requests();
    server
}

#[tokio::test]
async fn the_client_of_a_runtime_is_found_without_reading_all_of_its_namespace() {
    let server = crowded(&json!({"fluid.io/dataset-id": "default-demo"}), "demo");
    let datasets = KubeDatasets::new(server.client("webhook"));
    let found = datasets.fuse_of("team", "far").await.unwrap();
    assert!(matches!(found, Fuse::Sidecar(_)), "{found:?}");
    let looks = server.requests().resource("daemonsets").0;
    let selectors: Vec<&str> = looks.iter().map(|look| look.call.query.get("labelSelector")).collect();
    assert_eq!(selectors, ["fluid.io/dataset-id=default-demo"]);
}

#[rstest::rstest]
#[case::label_missing(json!({}), "demo")]
#[case::runtime_not_named(json!({"fluid.io/dataset-id": "default-demo"}), "")]
#[tokio::test]
async fn a_client_without_a_label_is_looked_for_a_few_at_a_time_and_once_for_many_pods(
    #[case] labels: Value,
    #[case] runtime: &str,
) {
    let server = crowded(&labels, runtime);
    let datasets = KubeDatasets::new(server.client("webhook"));
    let pods = futures::future::join_all((0..50).map(|_| datasets.fuse_of("team", "far"))).await;
    assert!(pods.iter().all(|found| matches!(found, Ok(Fuse::Sidecar(_)))));
    let looks = server.requests().resource("daemonsets").0;
    let whole = looks
        .iter()
        .filter(|look| look.call.query.get("labelSelector").is_empty());
    assert!(whole.clone().all(|look| look.call.query.get("limit") == "20"));
    // A look has three pages, and whoever asks during one of them shares the next.
    assert!(whole.count() < 50, "{} lists", looks.len());
}

/// The volume stays as it was made, and so do the clients, whatever becomes of the runtime.
#[tokio::test]
async fn a_pod_is_required_to_be_where_its_volume_is() {
    let server = ApiServer::new();
    server.install_crds();
    server.namespace("team");
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "demo", "namespace": "default"},
            "spec": spec,
        })
    };
    server.create(&object("Dataset", json!({"mounts": [{"mountPoint": "demo://bucket"}]})));
    let edited = json!({"profileName": "demo", "fuse": {"nodeSelector": {"pool": "b"}}});
    server.create(&object("ThinRuntime", edited));
    server.edit_status("Dataset", "default", "demo", |status| {
        let runtime = json!({"name": "demo", "namespace": "default", "type": "thin", "category": "Accelerate"});
        *status = json!({"phase": "Bound", "conditions": [], "runtimes": [runtime]})
    });
    let [dataset, claim, mut volume] = reference();
    let expression = json!({"key": "pool", "operator": "In", "values": ["a"]});
    volume["spec"]["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}});
    for object in [&dataset, &claim, &volume] {
        server.create(object);
    }
    let datasets = KubeDatasets::new(server.client("webhook"));
    let far = datasets.of_claim("team", "far").await.unwrap().unwrap();
    assert_eq!(far.nodes, [expression]);
    // It has no volume yet, and its pods wait for one.
    let waiting = datasets.of_claim("default", "demo").await.unwrap().unwrap();
    assert!(waiting.nodes.is_empty());
}
