//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_sdk::Error;

fn refusal(documents: &[Value]) -> (String, String) {
    wasser_testkit::refusal(support::values(documents))
}

#[rstest]
#[case::no_profile(json!({"profileName": ""}), "profileName", "name a ThinRuntimeProfile")]
#[case::missing_profile(json!({"profileName": "other"}), "profileName", "the ThinRuntimeProfile other does not \
    exist; create it")]
#[case::image(json!({"fuse": {"image": "a b"}}), "fuse.image", "reference to an image")]
#[case::pull_policy(json!({"fuse": {"imagePullPolicy": "Sometimes"}}), "fuse.imagePullPolicy",
    "Always, IfNotPresent, Never")]
#[case::quantity(json!({"fuse": {"resources": {"limits": {"memory": "lots"}}}}), "fuse.resources.limits.memory",
    "is not a quantity")]
#[case::network(json!({"fuse": {"networkMode": "Bridge"}}), "fuse.networkMode", "HostNetwork nor ContainerNetwork")]
#[case::clean_policy(json!({"fuse": {"cleanPolicy": "Never"}}), "fuse.cleanPolicy", "OnDemand, OnRuntimeDeleted, \
    OnFuseChanged")]
#[case::post_start(json!({"fuse": {"lifecycle": {"postStart": {"exec": {}}}}}), "fuse.lifecycle.postStart",
    "only preStop is")]
#[case::no_volume(json!({"fuse": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}}),
    "fuse.volumeMounts[0].name", "add it to spec.volumes")]
#[case::chart_volume(json!({"fuse": {"volumeMounts": [{"name": "thin-conf", "mountPath": "/a"}]}}),
    "fuse.volumeMounts[0].name", "another name")]
#[case::worker_without_image(json!({"worker": {"enabled": true}}), "worker.image", "give one in either")]
#[case::cache(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "../x"}]}}),
    "tieredstore.levels[0].path", "absolute path")]
#[case::cache_root(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "//."}]}}),
    "tieredstore.levels[0].path", "other than `/`")]
#[case::cache_separator(
    json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a;/b"}]}}),
    "tieredstore.levels[0].path", "character ';'; write directories with letters, digits and _.-+@%=~ only, and \
        commas between several"
)]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(&support::trio(json!({}), runtime, json!({})));
    assert_eq!(at, format!("ThinRuntime.spec.{field}"));
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
#[case::two_claims(json!({"mounts": [{"mountPoint": "pvc://a"}, {"mountPoint": "pvc://b"}]}),
    "mounts[1].mountPoint", "a second `pvc://` mount")]
#[case::no_claim(json!({"mounts": [{"mountPoint": "pvc:///x"}]}), "mounts[0].mountPoint", "`pvc://<claim>`")]
fn a_dataset_that_cannot_work(#[case] dataset: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(&support::trio(dataset, json!({}), json!({})));
    assert_eq!(at, format!("Dataset.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

/// The client would find no Secret, or another one, where its options say.
#[rstest]
#[case::mount(json!({"fuse": {"volumeMounts": [{"name": "own", "mountPath": "/etc/fluid/secrets/keys/"}]}}),
    json!({}), "ThinRuntime.spec.fuse.volumeMounts[own].mountPath")]
#[case::written_otherwise(json!({"fuse": {"volumeMounts": [{"name": "own", "mountPath": "/etc//fluid/./secrets/keys"}]}}),
    json!({}), "ThinRuntime.spec.fuse.volumeMounts[own].mountPath")]
#[case::directory_of_the_node(json!({}), json!({"fluid.fuse.hostvolume": "/a:/etc/fluid/secrets/keys"}),
    "the option fluid.fuse.hostvolume")]
fn something_else_where_a_secret_is_mounted(#[case] runtime: Value, #[case] options: Value, #[case] field: &str) {
    let dataset = json!({"sharedEncryptOptions": [secret("key", "keys", "k")], "sharedOptions": options});
    let volumes = json!({"volumes": [{"name": "own", "emptyDir": {}}]});
    let (at, message) = refusal(&support::trio(
        dataset,
        wasser_testkit::merge(volumes, runtime),
        json!({}),
    ));
    assert_eq!(at, field);
    assert!(
        message.contains("/etc/fluid/secrets/keys, where the Secret keys"),
        "{message}"
    );
}

#[rstest]
#[case::the_secret_itself(json!({"secret": {"secretName": "keys"}}), "/etc/fluid/secrets/keys")]
#[case::above(json!({"emptyDir": {}}), "/etc/fluid/secrets")]
fn what_leaves_a_secret_in_its_place(#[case] source: Value, #[case] directory: &str) {
    let dataset = json!({"sharedEncryptOptions": [secret("key", "keys", "k")]});
    let volume = wasser_testkit::merge(json!({"name": "own"}), source);
    let runtime = json!({"volumes": [volume],
        "fuse": {"volumeMounts": [{"name": "own", "mountPath": directory}]}});
    support::values(&support::trio(dataset, runtime, json!({}))).unwrap();
}

#[rstest]
#[case::relative("/a:../b")]
#[case::above("/a/../b")]
#[case::root("/")]
#[case::root_again("//")]
#[case::root_here("/x:/.")]
#[case::three("/a:/b:/c")]
fn a_directory_of_the_node_that_cannot_be_mounted(#[case] directory: &str) {
    let options = json!({"sharedOptions": {"fluid.fuse.hostvolume": directory}});
    let (at, message) = refusal(&support::trio(options, json!({}), json!({})));
    assert_eq!(at, "the option fluid.fuse.hostvolume");
    assert!(message.contains(directory), "{message}");
}

#[rstest]
#[case::no_type(json!({"fileSystemType": ""}), "spec.fileSystemType", "one word")]
#[case::words(json!({"fileSystemType": "fuse s3"}), "spec.fileSystemType", "one word")]
#[case::other_type(json!({"fuse": 1}), "", "another type than its CRD says")]
fn a_profile_that_cannot_work(#[case] profile: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(&support::trio(json!({}), json!({}), profile));
    assert!(at.starts_with("ThinRuntimeProfile s3") && at.ends_with(field), "{at}");
    assert!(message.contains(remedy), "{message}");
}

/// Workers may come from the profile, which the API server does not look at.
#[rstest]
#[case::fits(45, true, true)]
#[case::too_long(46, true, false)]
#[case::clients_only(53, false, true)]
fn a_name_that_workers_cannot_have(#[case] length: usize, #[case] workers: bool, #[case] fits: bool) {
    let profile = json!({"fuse": {"image": "i"}, "worker": {"enabled": workers, "image": "i"}});
    let mut documents = support::trio(json!({}), json!({}), profile);
    for document in &mut documents[..2] {
        document["metadata"]["name"] = "a".repeat(length).into();
    }
    let values = support::values(&documents);
    if fits {
        values.unwrap();
    } else {
        let (field, message) = wasser_testkit::refusal(values);
        assert_eq!(field, "ThinRuntime.metadata.name");
        assert!(
            message.contains("has 46 characters") && message.contains("only allow 45"),
            "{message}"
        );
    }
}

#[test]
fn neither_names_an_image() {
    let (at, message) = refusal(&support::trio(json!({}), json!({}), json!({"fuse": {}})));
    assert_eq!(at, "ThinRuntime.spec.fuse.image");
    assert!(message.contains("give one in either"), "{message}");
}

#[rstest]
#[case::missing(&[], "there is no PersistentVolumeClaim default/slow; create it")]
#[case::pending(&[json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "slow"},
    "status": {"phase": "Pending"}})], "default/slow is not bound yet")]
fn a_claim_that_is_not_there_yet_is_waited_for(#[case] objects: &[Value], #[case] what: &str) {
    let mut documents = support::trio(json!({"mounts": [{"mountPoint": "pvc://slow"}]}), json!({}), json!({}));
    documents.extend_from_slice(objects);
    match support::values(&documents) {
        Err(Error::RetryAfter { message, .. }) => assert!(message.contains(what), "{message}"),
        other => panic!("{other:?}"),
    }
}
