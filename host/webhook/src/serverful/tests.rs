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
    dataset.nodes = vec![json!({"key": "select-node", "operator": "In", "values": ["true"]})];
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

/// Containers with these volume mounts of the claim's volumes `vol` and `more`.
fn mounting(mounts: Value) -> Value {
    let mut pod = pod(json!({INJECT: "true"}));
    pod["spec"]["containers"][0]["volumeMounts"] = mounts;
    let more = json!({"name": "more", "persistentVolumeClaim": {"claimName": "hbase"}});
    pod["spec"]["volumes"].as_array_mut().unwrap().push(more);
    pod
}

#[test]
fn where_all_only_read_the_volume_is_read_only_whatever_is_mounted_later() {
    let mounts = json!([{"name": "vol", "mountPath": "/a", "readOnly": true},
        {"name": "more", "mountPath": "/b", "readOnly": true}]);
    let pod = mutated(mounting(mounts), &hbase());
    for volume in pod::items(&pod, "/spec/volumes") {
        assert_eq!(
            volume["persistentVolumeClaim"],
            json!({"claimName": "hbase", "readOnly": true})
        );
    }
    for mount in pod::mounts(&pod) {
        assert_eq!(mount["mountPropagation"], "HostToContainer");
    }
}

#[rstest::rstest]
#[case("subPath", "made/by/the/kubelet")]
#[case("subPathExpr", "$(POD_NAME)")]
fn a_directory_that_may_have_to_be_made_keeps_its_volume_writable(#[case] key: &str, #[case] path: &str) {
    let mut mount = json!({"name": "vol", "mountPath": "/a", "readOnly": true});
    mount[key] = json!(path);
    let more = json!({"name": "more", "mountPath": "/b", "readOnly": true});
    let before = mounting(json!([mount, more]));
    let mut datasets = hbase();
    let pod = mutated(before.clone(), &datasets);
    assert_eq!(pod["spec"]["volumes"], before["spec"]["volumes"]);
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!([mount, more]));
    // Nobody can make it where the volume is read-only anyway.
    datasets.get_mut("hbase").unwrap().read_only = true;
    let pod = mutated(before, &datasets);
    assert_eq!(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["readOnly"], true);
}

#[test]
fn where_some_write_the_others_see_no_mount_that_comes_later() {
    let mut before = mounting(json!([{"name": "vol", "mountPath": "/a", "readOnly": true}]));
    before["spec"]["initContainers"] =
        json!([{"name": "first", "volumeMounts": [{"name": "more", "mountPath": "/b"}]}]);
    let mut datasets = hbase();
    let pod = mutated(before.clone(), &datasets);
    assert_eq!(pod["spec"]["volumes"], before["spec"]["volumes"]);
    let reads = &pod["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(reads, &before["spec"]["containers"][0]["volumeMounts"][0]);
    let writes = &pod["spec"]["initContainers"][0]["volumeMounts"][0];
    assert_eq!(writes["mountPropagation"], "HostToContainer");
    // Of a volume that is read-only anyway, each mount is.
    datasets.get_mut("hbase").unwrap().read_only = true;
    for mount in pod::mounts(&mutated(before, &datasets)) {
        assert_eq!(mount["mountPropagation"], "HostToContainer");
    }
}

#[test]
fn the_volume_of_somebody_else_stays_as_it_is() {
    let before = mounting(json!([{"name": "vol", "mountPath": "/a", "readOnly": true}]));
    let mut datasets = hbase();
    datasets.get_mut("hbase").unwrap().wrapped = true;
    assert_eq!(
        mutated(before.clone(), &datasets)["spec"]["volumes"],
        before["spec"]["volumes"]
    );
}

#[test]
fn a_volume_that_no_container_mounts_stays_as_it_is() {
    let before = mounting(json!([]));
    assert_eq!(
        mutated(before.clone(), &hbase())["spec"]["volumes"],
        before["spec"]["volumes"]
    );
}

#[test]
fn mounts_that_are_read_only_with_all_below_get_none_later() {
    let reads = json!({"name": "vol", "mountPath": "/a", "readOnly": true, "recursiveReadOnly": "IfPossible"});
    let pod = mutated(mounting(json!([reads])), &hbase());
    // The API server refuses both together.
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][0], reads);
    assert_eq!(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["readOnly"], true);
}
