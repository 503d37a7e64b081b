//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn refusal(documents: &[Value]) -> (String, String) {
    wasser_testkit::refusal(support::values(documents))
}

fn levels(level: Value) -> Value {
    json!({"worker": {"tieredStore": {"levels": [level]}}})
}

#[rstest]
#[case::no_class(json!({"runtimeClassName": ""}), "runtimeClassName", "name a CacheRuntimeClass")]
#[case::missing_class(json!({"runtimeClassName": "other"}), "runtimeClassName",
    "the CacheRuntimeClass other does not exist; create it")]
#[case::image(json!({"master": {"runtimeVersion": {"image": "a b"}}}), "master.runtimeVersion.image",
    "reference to an image")]
#[case::pull_policy(json!({"worker": {"runtimeVersion": {"imagePullPolicy": "Sometimes"}}}),
    "worker.runtimeVersion.imagePullPolicy", "Always, IfNotPresent, Never")]
#[case::quantity(json!({"client": {"resources": {"limits": {"memory": "lots"}}}}), "client.resources.limits.memory",
    "is not a quantity")]
#[case::clean_policy(json!({"client": {"cleanPolicy": "Never"}}), "client.cleanPolicy", "OnDemand, OnRuntimeDeleted")]
#[case::no_volume(json!({"client": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}}),
    "client.volumeMounts[0].name", "add it to spec.volumes")]
#[case::own_volume(json!({"volumes": [{"name": "fluid-mount", "emptyDir": {}}],
    "client": {"volumeMounts": [{"name": "fluid-mount", "mountPath": "/a"}]}}), "client.volumeMounts",
    "another name")]
#[case::own_path(json!({"volumes": [{"name": "a", "emptyDir": {}}],
    "master": {"volumeMounts": [{"name": "a", "mountPath": "/etc/fluid/config/"}]}}), "master.volumeMounts",
    "mount yours, or that of the class, elsewhere")]
#[case::no_medium(levels(json!({"high": "1"})), "worker.tieredStore.levels[0]", "exactly one of processMemory")]
#[case::two_media(levels(json!({"emptyDir": {"quota": "1Gi"}, "processMemory": {"quota": "1Gi"}})),
    "worker.tieredStore.levels[0]", "exactly one of processMemory")]
#[case::medium(levels(json!({"emptyDir": {"quota": "1Gi", "medium": "Disk"}})),
    "worker.tieredStore.levels[0].emptyDir.medium", "neither Memory nor empty")]
#[case::quota(levels(json!({"emptyDir": {"quota": "much"}})), "worker.tieredStore.levels[0].emptyDir.quota",
    "write for instance `1Gi`")]
#[case::quotas(levels(json!({"hostPath": {"paths": ["/a", "/b"], "quotas": ["1Gi"]}})),
    "worker.tieredStore.levels[0].hostPath.quotas", "2 paths and 1 quotas")]
#[case::upwards(levels(json!({"hostPath": {"paths": ["/a/../b"], "quotas": ["1Gi"]}})),
    "worker.tieredStore.levels[0].hostPath.paths[0]", "without `..`")]
#[case::root(levels(json!({"hostPath": {"paths": ["//."], "quotas": ["1Gi"]}})),
    "worker.tieredStore.levels[0].hostPath.paths[0]", "other than `/`")]
#[case::twice_in_memory(
    json!({"worker": {"tieredStore": {"levels": [{"processMemory": {"quota": 1}}, {"processMemory": {"quota": 1}}]}}}),
    "worker.tieredStore.levels[1].processMemory", "second level in /dev/shm"
)]
#[case::no_memory_left(
    json!({"worker": {"resources": {"limits": {"memory": "1Gi"}},
        "tieredStore": {"levels": [{"emptyDir": {"quota": "2Gi", "medium": "Memory"}}]}}}),
    "worker.resources.limits.memory", "less than the 2147483648 bytes"
)]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(&support::trio(json!({}), runtime, json!({})));
    assert_eq!(at, format!("CacheRuntime.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

fn master(over: Value) -> Value {
    json!({"topology": {"master": wasser_testkit::merge(support::component("master"), over)}})
}

fn pods(spec: Value) -> Value {
    master(json!({"template": {"spec": spec}}))
}

#[rstest]
#[case::no_type(json!({"fileSystemType": ""}), "fileSystemType", "one word")]
#[case::words(json!({"fileSystemType": "fuse s3"}), "fileSystemType", "one word")]
#[case::no_component(json!({"topology": {}}), "topology", "a master, a worker or a client")]
#[case::other_type(json!({"topology": {"master": {"options": 1}}}), "topology.master.options", "correct the field")]
#[case::no_template(json!({"topology": {"master": {}}}), "topology.master.template.spec.containers",
    "a container with a name and an image")]
#[case::no_containers(pods(json!({"containers": []})), "topology.master.template.spec.containers",
    "a container with a name and an image")]
#[case::no_image(pods(json!({"containers": [{"name": "a"}]})), "topology.master.template.spec.containers[0].image",
    "is not a reference to an image")]
#[case::two_words(pods(json!({"containers": [{"name": "a", "image": "an image"}]})),
    "topology.master.template.spec.containers[0].image", "name an image in the runtime")]
#[case::resources(pods(json!({"containers": [{"name": "a", "image": "a", "resources": {"limits": {"cpu": "x"}}}]})),
    "topology.master.template.spec.containers[0].resources.limits.cpu", "is not a quantity")]
#[case::selector(pods(json!({"nodeSelector": {"a": 1}, "containers": [{"name": "a", "image": "a"}]})),
    "topology.master.template.spec.nodeSelector", "put them in quotes")]
#[case::not_privileged(
    json!({"topology": {"client": {"template": {"spec": {"containers": [
        {"name": "a", "image": "a", "securityContext": {"privileged": false}}]}}}}}),
    "topology.client.template.spec.containers[0].securityContext.privileged", "would not reach its node"
)]
#[case::unknown_config_map(
    master(json!({"dependencies": {"extraResources": {"configMaps": [{"name": "a", "mountPath": "/a"}]}}})),
    "topology.master.dependencies.extraResources.configMaps[0].name", "extraResources.configMaps of the class"
)]
#[case::relative_mount(
    wasser_testkit::merge(
        master(json!({"dependencies": {"extraResources": {"configMaps": [{"name": "a", "mountPath": "a"}]}}})),
        json!({"extraResources": {"configMaps": [{"name": "a"}]}})
    ),
    "topology.master.dependencies.extraResources.configMaps[0].mountPath", "absolute path"
)]
#[case::config_map(json!({"extraResources": {"configMaps": [{"name": "A"}]}}), "extraResources.configMaps[0].name",
    "at most 63 of a-z")]
#[case::config_maps(json!({"extraResources": {"configMaps": [{"name": "a"}, {"name": "a"}]}}),
    "extraResources.configMaps[1].name", "a name of its own")]
fn a_class_that_cannot_work(#[case] class: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(&support::trio(json!({}), json!({}), class));
    assert_eq!(at, format!("CacheRuntimeClass demofs.{field}"));
    assert!(message.contains(remedy), "{message}");
}

fn secret(name: &str, secret: &str, key: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
}

#[rstest]
#[case::access_mode(json!({"accessModes": ["Everyone"]}), "accessModes[0]", "none of ReadOnlyMany")]
#[case::twice(json!({"sharedOptions": {"key": "x"}, "sharedEncryptOptions": [secret("key", "s", "k")]}),
    "mounts[0].encryptOptions[key]", "more than once")]
#[case::no_key(json!({"sharedEncryptOptions": [secret("key", "s", "")]}), "mounts[0].encryptOptions[key]",
    "name and the key of a Secret")]
#[case::path(json!({"sharedEncryptOptions": [secret("key", "s", "../k")]}), "mounts[0].encryptOptions[key]",
    "name and the key of a Secret")]
fn a_dataset_that_cannot_work(#[case] dataset: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(&support::trio(dataset, json!({}), json!({})));
    assert_eq!(at, format!("Dataset.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[test]
fn a_name_for_which_there_is_no_service() {
    let client = wasser_testkit::merge(support::component("client"), json!({"service": {"headless": {}}}));
    let mut documents = support::trio(json!({}), json!({}), json!({"topology": {"client": client}}));
    for (length, fits) in [(52, true), (53, false)] {
        for document in &mut documents[..2] {
            document["metadata"]["name"] = "a".repeat(length).into();
        }
        let values = support::values(&documents);
        if fits {
            values.unwrap();
        } else {
            let (field, message) = wasser_testkit::refusal(values);
            assert_eq!(field, "CacheRuntime.metadata.name");
            assert!(message.contains("more than 63 characters"), "{message}");
        }
    }
}
