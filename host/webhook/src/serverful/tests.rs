#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use rstest::rstest;

use super::*;
use crate::pod::{DONE, ENABLE};

const REQUIRED: &str = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
const PREFERRED: &str = "/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution";

fn hbase() -> BTreeMap<String, DatasetUse> {
    let dataset = DatasetUse {
        name: "hbase".to_owned(),
        common_label: "fluid.io/s-default-hbase".to_owned(),
        ..DatasetUse::default()
    };
    BTreeMap::from([("hbase".to_owned(), dataset)])
}

fn pod(labels: Value) -> Value {
    json!({"metadata": {"name": "nginx", "labels": labels}, "spec": {
        "containers": [{"name": "nginx", "image": "nginx", "volumeMounts": [{"name": "vol", "mountPath": "/data"}]}],
        "volumes": [{"name": "vol", "persistentVolumeClaim": {"claimName": "hbase"}}]}})
}

fn mutated(mut pod: Value, datasets: &BTreeMap<String, DatasetUse>) -> Value {
    mutate(&mut pod, datasets);
    let once = pod.clone();
    mutate(&mut pod, datasets);
    assert_eq!(pod, once, "a second call changes something");
    pod
}

#[rstest]
#[case(json!({}))]
#[case(json!({INJECT: "false"}))]
#[case(json!({INJECT: "true", ENABLE: "false"}))]
#[case(json!({INJECT: "true", DONE: "true"}))]
fn others_stay_as_they_are(#[case] labels: Value) {
    assert_eq!(mutated(pod(labels.clone()), &hbase()), pod(labels));
}

#[test]
fn nodes_with_cache_are_preferred_and_mounts_propagate() {
    let pod = mutated(pod(json!({INJECT: "true"})), &hbase());
    let cached = json!({"key": "fluid.io/s-default-hbase", "operator": "In", "values": ["true"]});
    assert_eq!(
        pod.pointer(PREFERRED),
        Some(&json!([{"weight": 100, "preference": {"matchExpressions": [cached]}}]))
    );
    assert_eq!(pod.pointer(REQUIRED), None);
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][0]["mountPropagation"],
        "HostToContainer"
    );
    assert_eq!(pod["metadata"]["annotations"][IN_USE], "hbase");
}

#[test]
fn a_label_requires_nodes_with_cache_in_every_alternative() {
    let mut wished = pod(json!({INJECT: "true", "fluid.io/dataset.hbase.sched": "required"}));
    let terms = json!([{"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}, {}]);
    wished["spec"]["affinity"] =
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
    let pod = mutated(wished, &hbase());
    let cached = json!({"key": "fluid.io/s-default-hbase", "operator": "In", "values": ["true"]});
    assert_eq!(
        pod.pointer(REQUIRED),
        Some(
            &json!([{"matchExpressions": [{"key": "a", "operator": "Exists"}, cached]},
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}],
                "matchExpressions": [cached]}, {}])
        )
    );
    assert_eq!(pod.pointer(PREFERRED), None);
}

#[test]
fn fuse_nodes_are_required_and_places_near_the_cache_preferred_unless_the_pod_says_where() {
    let mut datasets = hbase();
    let dataset = datasets.get_mut("hbase").unwrap();
    dataset.fuse_node_selector = BTreeMap::from([("select-node".to_owned(), "true".to_owned())]);
    let places = json!([{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["z1"]},
        {"key": "topology.kubernetes.io/region", "operator": "In", "values": ["r1"]}]);
    let required = json!({"nodeSelectorTerms": [{"matchExpressions": places}]});
    dataset.cache_affinity = json!({"requiredDuringSchedulingIgnoredDuringExecution": required});
    let mut wished = pod(json!({INJECT: "true"}));
    wished["spec"]["nodeSelector"] = json!({"topology.kubernetes.io/region": "r2"});
    let pod = mutated(wished, &datasets);
    assert_eq!(
        pod.pointer(&format!("{REQUIRED}/0/matchExpressions/0/key")),
        Some(&json!("select-node"))
    );
    let weights: Vec<&Value> = pod::items(&pod, PREFERRED).map(|term| &term["weight"]).collect();
    assert_eq!(weights, [&json!(100), &json!(50)]);
}

#[test]
fn a_pod_without_datasets_keeps_away_from_cache() {
    let pod = mutated(pod(json!({INJECT: "true"})), &BTreeMap::new());
    let away = json!([{"weight": 100, "preference": {"matchExpressions": [{"key": "fluid.io/dataset-num",
        "operator": "DoesNotExist"}]}}]);
    assert_eq!(pod.pointer(PREFERRED), Some(&away));
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][0].get("mountPropagation"),
        None
    );
}

#[test]
fn what_a_container_says_on_propagation_stays() {
    let mut wished = pod(json!({INJECT: "true"}));
    wished["spec"]["containers"][0]["volumeMounts"][0]["mountPropagation"] = json!("Bidirectional");
    let pod = mutated(wished, &hbase());
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][0]["mountPropagation"],
        "Bidirectional"
    );
}
