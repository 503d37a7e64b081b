#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use rstest::rstest;

use super::*;
use crate::pod::ENABLE;
use crate::sidecar::tests::sidecar;

const OWN: &str = "/runtime-mnt/juicefs/default/demo/uid-0/juicefs-fuse";

fn sidecars(names: &[&str]) -> BTreeMap<String, Sidecar> {
    names.iter().map(|name| ((*name).to_owned(), sidecar(name))).collect()
}

fn pod(labels: Value) -> Value {
    json!({"metadata": {"name": "app", "labels": labels}, "spec": {
        "restartPolicy": "Always",
        "containers": [{"name": "app", "image": "nginx", "volumeMounts": [{"name": "data", "mountPath": "/data"},
            {"name": "other", "mountPath": "/o"}]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}, {"name": "other",
            "persistentVolumeClaim": {"claimName": "other"}}]}})
}

fn labelled() -> Value {
    pod(json!({INJECT: "true"}))
}

fn mutated(mut pod: Value, sidecars: &BTreeMap<String, Sidecar>) -> Value {
    mutate(&mut pod, sidecars, "uid").unwrap();
    let once = pod.clone();
    mutate(&mut pod, sidecars, "another").unwrap();
    assert_eq!(pod, once, "a second call changes something");
    pod
}

fn names(pod: &Value, list: &str) -> Vec<String> {
    pod::items(pod, list)
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[rstest]
#[case(json!({}))]
#[case(json!({INJECT: "false"}))]
#[case(json!({INJECT: "true", ENABLE: "false"}))]
#[case(json!({INJECT: "true", DONE: "true"}))]
fn others_stay_as_they_are(#[case] labels: Value) {
    assert_eq!(mutated(pod(labels.clone()), &sidecars(&["demo"])), pod(labels));
}

#[test]
fn a_pod_without_datasets_stays_as_it_is() {
    assert_eq!(mutated(labelled(), &sidecars(&["unused"])), labelled());
}

#[test]
fn the_sidecar_comes_first_and_the_volume_is_its_mount() {
    let pod = mutated(labelled(), &sidecars(&["demo"]));
    assert_eq!(names(&pod, "/spec/initContainers"), ["fluid-fuse-0"]);
    assert_eq!(pod["spec"]["initContainers"][0]["restartPolicy"], "Always");
    assert_eq!(names(&pod, "/spec/containers"), ["app"]);
    assert_eq!(
        pod["spec"]["volumes"][0],
        json!({"name": "data", "hostPath": {"path": OWN}})
    );
    assert_eq!(pod["spec"]["volumes"][1], labelled()["spec"]["volumes"][1]);
    let mounts = &pod["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(
        mounts[0],
        json!({"name": "data", "mountPath": "/data", "mountPropagation": "HostToContainer"})
    );
    assert_eq!(mounts[1], json!({"name": "other", "mountPath": "/o"}));
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(
        pod["metadata"]["labels"],
        json!({INJECT: "true", DONE: "true", "fluid.io/managed-by": "fluid",
            "dataset-name.sidecar.fluid.io/fluid-fuse-0": "demo",
                "dataset-namespace.sidecar.fluid.io/fluid-fuse-0": "default"})
    );
    assert_eq!(pod["metadata"]["annotations"], json!({IN_USE: "demo"}));
    assert_eq!(pod["spec"].get("hostNetwork"), None);
}

#[test]
fn each_dataset_has_a_sidecar_and_a_directory() {
    let pod = mutated(labelled(), &sidecars(&["demo", "other"]));
    assert_eq!(names(&pod, "/spec/initContainers"), ["fluid-fuse-0", "fluid-fuse-1"]);
    let volumes = [
        "data",
        "other",
        "fuse-mount",
        "device",
        "script",
        "fuse-mount-1",
        "device-1",
        "script-1",
    ];
    assert_eq!(names(&pod, "/spec/volumes"), volumes);
    assert_eq!(
        pod["spec"]["initContainers"][1]["volumeMounts"][0]["name"],
        "fuse-mount-1"
    );
    assert_eq!(
        pod["spec"]["volumes"][1]["hostPath"]["path"],
        OWN.replace("uid-0", "uid-1")
    );
    assert_eq!(pod["metadata"]["annotations"][IN_USE], "demo,other");
}

#[test]
fn a_dataset_in_two_volumes_has_one_sidecar() {
    let mut twice = labelled();
    twice["spec"]["volumes"][1] =
        json!({"name": "other", "persistentVolumeClaim": {"claimName": "demo", "readOnly": true}});
    let pod = mutated(twice, &sidecars(&["demo"]));
    assert_eq!(names(&pod, "/spec/initContainers"), ["fluid-fuse-0"]);
    assert_eq!(pod["spec"]["volumes"][1]["hostPath"]["path"], OWN);
    let mounts = &pod["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(mounts[0].get("readOnly"), None);
    assert_eq!(mounts[1], json!({"name": "other", "mountPath": "/o", "readOnly": true}));
}

#[test]
fn a_container_of_that_name_keeps_it() {
    let mut taken = labelled();
    taken["spec"]["containers"][0]["name"] = json!("fluid-fuse-0");
    let pod = mutated(taken, &sidecars(&["demo"]));
    assert_eq!(names(&pod, "/spec/initContainers"), ["fluid-fuse-0-1"]);
    assert_eq!(names(&pod, "/spec/containers"), ["fluid-fuse-0"]);
    assert_eq!(
        pod["metadata"]["labels"]["dataset-name.sidecar.fluid.io/fluid-fuse-0-1"],
        "demo"
    );
}

#[rstest]
#[case(json!("Never"))]
#[case(json!("OnFailure"))]
#[case(json!("Always"))]
#[case(json!(null))]
fn whatever_becomes_of_the_pod_its_sidecar_comes_first_and_ends_last(#[case] policy: Value) {
    let mut before = labelled();
    before["spec"]["restartPolicy"] = policy;
    before["spec"]["initContainers"] = json!([{"name": "proxy", "restartPolicy": "Always"},
        {"name": "prepare", "volumeMounts": [{"name": "data", "mountPath": "/in"}]}]);
    let pod = mutated(before, &sidecars(&["demo", "other"]));
    assert_eq!(
        names(&pod, "/spec/initContainers"),
        ["fluid-fuse-0", "fluid-fuse-1", "proxy", "prepare"]
    );
    for sidecar in &pod["spec"]["initContainers"].as_array().unwrap()[..2] {
        assert_eq!(sidecar["restartPolicy"], "Always");
        assert_eq!(sidecar["lifecycle"].get("preStop"), None);
    }
    assert_eq!(
        pod["spec"]["initContainers"][3]["volumeMounts"][0]["mountPropagation"],
        "HostToContainer"
    );
    assert_eq!(names(&pod, "/spec/containers"), ["app"]);
}

#[test]
fn nobody_writes_to_a_read_only_volume() {
    let mut only_read = sidecars(&["demo"]);
    only_read.get_mut("demo").unwrap().read_only = true;
    let mut before = pod(json!({INJECT: "true", POST_START: "false"}));
    before["spec"]["initContainers"] = json!([{"name": "prepare", "volumeMounts": [
        {"name": "data", "mountPath": "/in", "mountPropagation": "HostToContainer"}]}]);
    let pod = mutated(before, &only_read);
    // What a client mounts later would be for writing.
    let mount = |path: &str| json!({"name": "data", "mountPath": path, "readOnly": true});
    assert_eq!(pod["spec"]["initContainers"][1]["volumeMounts"][0], mount("/in"));
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][0], mount("/data"));
    // So everybody waits for the first one.
    assert!(pod["spec"]["initContainers"][0]["lifecycle"]["postStart"].is_object());
}

#[test]
fn where_nobody_waits_for_a_mount_readers_see_one_that_comes_later() {
    let mut dynamic = sidecars(&["demo"]);
    let sidecar = dynamic.get_mut("demo").unwrap();
    (sidecar.read_only, sidecar.mounts) = (true, false);
    let pod = mutated(labelled(), &dynamic);
    assert_eq!(pod["spec"]["initContainers"][0]["lifecycle"].get("postStart"), None);
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][0],
        json!({"name": "data", "mountPath": "/data", "readOnly": true, "mountPropagation": "HostToContainer"})
    );
}

#[test]
fn whoever_uses_a_directory_waits_for_it() {
    let mut before = pod(json!({INJECT: "true", POST_START: "false"}));
    before["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = json!("a");
    let mut part = sidecars(&["demo"]);
    let waits = |pod: &Value| pod["spec"]["initContainers"][0]["lifecycle"]["postStart"].is_object();
    assert!(waits(&mutated(before, &part)));
    part.get_mut("demo").unwrap().sub_path = "/a".to_owned();
    assert!(waits(&mutated(
        pod(json!({INJECT: "true", POST_START: "false"})),
        &part
    )));
}

#[test]
fn the_usual_platform_is_a_kubelet() {
    let mut asked = labelled();
    asked["metadata"]["annotations"] = json!({PLATFORM: "default"});
    let pod = mutated(asked, &sidecars(&["demo"]));
    assert_eq!(pod["spec"]["initContainers"][0]["securityContext"]["privileged"], true);
}

#[test]
fn a_mount_that_only_reads_stays_so() {
    let mut before = pod(json!({INJECT: "true", POST_START: "false"}));
    let reads = json!({"name": "data", "mountPath": "/r", "readOnly": true, "recursiveReadOnly": "Enabled"});
    before["spec"]["containers"][0]["volumeMounts"][1] = reads.clone();
    let pod = mutated(before, &sidecars(&["demo"]));
    let mounts = &pod["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(mounts[0]["mountPropagation"], "HostToContainer");
    assert_eq!(mounts[1], reads);
    assert!(pod["spec"]["initContainers"][0]["lifecycle"]["postStart"].is_object());
}

#[test]
fn a_claim_may_stand_for_a_directory() {
    let mut part = sidecars(&["demo"]);
    part.get_mut("demo").unwrap().sub_path = "/a/b/".to_owned();
    let pod = mutated(labelled(), &part);
    assert_eq!(pod["spec"]["volumes"][0]["hostPath"]["path"], OWN);
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"], "a/b");
}

#[rstest]
#[case(json!({UNPRIVILEGED: "true"}), json!({}))]
#[case(json!({}), json!({PLATFORM: "somewhere"}))]
fn nothing_of_the_node_is_used_where_that_is_asked(#[case] labels: Value, #[case] annotations: Value) {
    let mut asked = labelled();
    asked["metadata"]["labels"]
        .as_object_mut()
        .unwrap()
        .extend(labels.as_object().unwrap().clone());
    asked["metadata"]["annotations"] = annotations;
    let pod = mutated(asked, &sidecars(&["demo"]));
    assert_eq!(names(&pod, "/spec/volumes"), ["data", "other", "script"]);
    assert_eq!(
        pod["spec"]["initContainers"][0]["securityContext"].get("privileged"),
        None
    );
}

#[test]
fn labels_say_how_it_starts_and_where_it_caches() {
    let pod = mutated(
        pod(json!({INJECT: "true", CACHES: "true", POST_START: "false"})),
        &sidecars(&["demo"]),
    );
    assert!(names(&pod, "/spec/volumes").contains(&"cache-dir-1".to_owned()));
    assert_eq!(pod["spec"]["initContainers"][0]["lifecycle"].get("postStart"), None);
}

#[test]
fn a_pod_stays_as_it_is_if_one_sidecar_cannot_be_made() {
    let mut bad = sidecars(&["demo", "other"]);
    bad.get_mut("other").unwrap().template = json!({});
    let mut pod = labelled();
    assert!(mutate(&mut pod, &bad, "uid").is_err());
    assert_eq!(pod, labelled());
}

#[test]
fn a_directory_is_looked_up_by_the_kubelet() {
    let mut part = sidecars(&["demo"]);
    part.get_mut("demo").unwrap().sub_path = "/models//a$(b)/".to_owned();
    let mut pod = labelled();
    pod["spec"]["containers"] = json!([
        {"name": "whole", "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        {"name": "part", "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "x"}]},
        {"name": "named", "volumeMounts": [{"name": "data", "mountPath": "/data", "subPathExpr": "$(POD)"}]},
    ]);
    let pod = mutated(pod, &part);
    assert_eq!(pod["spec"]["volumes"][0]["hostPath"]["path"], OWN);
    let mount = |at: usize| &pod["spec"]["containers"][at]["volumeMounts"][0];
    assert_eq!(mount(0)["subPath"], "models/a$(b)");
    assert_eq!(mount(1)["subPath"], "models/a$(b)/x");
    assert_eq!(mount(2)["subPathExpr"], "models/a$$(b)/$(POD)");
    assert_eq!(mount(2).get("subPath"), None);
}
