//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn refusal(mount: Value, runtime: Value) -> (String, String) {
    wasser_testkit::refusal(support::values(&support::pair(mount, json!({}), runtime)))
}

#[rstest]
#[case::scheme(json!({"mountPoint": "ftp://host/"}), "mountPoint", "none of oss")]
#[case::no_scheme(json!({"mountPoint": "bucket"}), "mountPoint", "has no scheme")]
#[case::bucket(json!({"mountPoint": "oss:///path"}), "mountPoint", "names no bucket")]
#[case::line_break(json!({"mountPoint": "oss://b/a\nb"}), "mountPoint", "control character")]
#[case::bucket_of_words(json!({"mountPoint": "oss://a b/c"}), "mountPoint", "names no bucket")]
#[case::path_of_words(json!({"path": "/2022 10 12"}), "path", "give the mount a path without")]
#[case::name_of_words(json!({"name": "2022 10 12"}), "name", "give the mount a path without")]
#[case::option_name(json!({"options": {"fs.oss.endpoint": "e", "a=b": "c"}}), "options", "one word without `=`")]
#[case::upwards(json!({"mountPoint": "pvc://claim/../x"}), "mountPoint", "pvc://<claim>")]
#[case::relative(json!({"mountPoint": "local://x"}), "mountPoint", "local:///<directory>")]
#[case::endpoint(json!({"options": {}}), "options", "fs.oss.endpoint")]
#[case::half_a_key(
    json!({"encryptOptions": [{"name": "fs.oss.accessKeyId", "valueFrom": {"secretKeyRef": {"name": "s",
        "key": "k"}}}]}),
    "encryptOptions", "needs both"
)]
#[case::other_secret(
    json!({"encryptOptions": [{"name": "password", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
    "encryptOptions", "is none of"
)]
#[case::meta_policy(json!({"options": {"fs.oss.endpoint": "e", "metaPolicy": "NEVER"}}), "options.metaPolicy",
    "neither ONCE nor ALWAYS")]
#[case::strategy(json!({"options": {"fs.oss.endpoint": "e", "metaPolicy": "ALWAYS", "cacheStrategy": "DHT"}}),
    "options.cacheStrategy", "metaPolicy ONCE")]
#[case::write_policy(json!({"options": {"fs.oss.endpoint": "e", "metaPolicy": "ALWAYS", "writePolicy": "CACHE_ONLY"}}),
    "options.writePolicy", "metaPolicy ONCE")]
#[case::copies(json!({"options": {"fs.oss.endpoint": "e", "readCacheReplica": "many"}}), "options.readCacheReplica",
    "number of copies")]
fn a_mount_that_cannot_work(#[case] mount: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(mount, json!({}));
    assert_eq!(at, format!("Dataset.spec.mounts[0].{field}"));
    assert!(message.contains(remedy), "{message}");
}

fn shared(names: &[&str], points: &[&str]) -> Vec<Value> {
    let option = |name: &&str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}});
    let mount = |(at, point): (usize, &&str)| json!({"mountPoint": point, "name": format!("m{at}"), "options": {"fs.oss.endpoint": "e"}});
    let mounts: Vec<Value> = points.iter().enumerate().map(mount).collect();
    let options: Vec<Value> = names.iter().map(option).collect();
    support::KIT.pair(json!({"mounts": mounts, "sharedEncryptOptions": options}), json!({}))
}

#[test]
fn shared_keys_are_those_of_the_mounts_whose_store_they_are_for() {
    let oss = ["fs.oss.accessKeyId", "fs.oss.accessKeySecret"];
    let s3 = ["fs.s3.accessKeyId", "fs.s3.accessKeySecret"];
    let points = ["oss://bucket", "s3://other", "pvc://labels", "https://mirror"];
    support::values(&shared(&[oss, s3].concat(), &points)).unwrap();
    let values = support::values(&shared(&oss, &["oss://bucket", "pvc://labels", "hdfs://name:8020/"])).unwrap();
    assert_eq!(values["secretProjections"].as_array().unwrap().len(), 2, "{values}");
    let (field, message) = wasser_testkit::refusal(support::values(&shared(&s3, &["oss://bucket"])));
    assert_eq!(field, "Dataset.spec.sharedEncryptOptions");
    assert!(message.contains("fs.s3.accessKeyId"), "{message}");
}

/// Two directories of one bucket, each with its own keys.
fn with_keys(first: &str, second: &str) -> Vec<Value> {
    let key = |name: &str, secret: &str, key: &str| {
        json!({"name": name,
        "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    };
    let mount = |name: &str, secret: &str| {
        json!({
            "mountPoint": format!("oss://bucket/{name}"), "name": name, "options": {"fs.oss.endpoint": "e"},
            "encryptOptions": [key("fs.oss.accessKeyId", secret, "id"), key("fs.oss.accessKeySecret", secret, "secret")]
        })
    };
    support::KIT.pair(
        json!({"mounts": [mount("one", first), mount("two", second)]}),
        json!({}),
    )
}

#[test]
fn a_bucket_has_one_pair_of_keys() {
    let (field, message) = wasser_testkit::refusal(support::values(&with_keys("keys-a", "keys-b")));
    assert_eq!(field, "Dataset.spec.mounts[1].encryptOptions");
    let expected = "gives `fs.oss.accessKeyId` from the key id of the Secret keys-b, and another mount of the bucket \
        bucket from the key id of the Secret \
                    keys-a; the pods have one pair of keys for each bucket: use the same one, or a Dataset for each";
    assert_eq!(message, expected);
    let values = support::values(&with_keys("keys", "keys")).unwrap();
    assert_eq!(values["secretProjections"].as_array().unwrap().len(), 2);
}

#[test]
fn an_annotation_that_is_neither_true_nor_false() {
    let with = |text: &str| {
        let mut documents = support::pair(json!({}), json!({}), json!({}));
        documents[1]["metadata"]["annotations"] = json!({"runtime.fluid.io/fuse.hostpid": text});
        support::values(&documents)
    };
    assert_eq!(with("True").unwrap()["fuse"]["hostPID"], true);
    let (field, _) = wasser_testkit::refusal(with("yes"));
    assert_eq!(
        field,
        "JindoRuntime.metadata.annotations[runtime.fluid.io/fuse.hostpid]"
    );
}

#[rstest]
#[case::image(json!({"jindoVersion": {"image": "a b"}}), "jindoVersion.image", "reference to an image")]
#[case::pull_policy(json!({"fuse": {"imagePullPolicy": "Sometimes"}}), "fuse.imagePullPolicy", "IfNotPresent")]
#[case::quantity(json!({"worker": {"resources": {"limits": {"memory": "lots"}}}}), "worker.resources.limits.memory",
    "is not a quantity")]
#[case::masters(json!({"master": {"replicas": 2}}), "master.replicas", "neither 1 nor 3")]
#[case::network(json!({"networkmode": "Mesh"}), "networkmode", "neither HostNetwork")]
#[case::workers_without_a_master(json!({"master": {"disabled": true}}), "master.disabled",
    "set worker.disabled as well")]
#[case::nothing(
    json!({"master": {"disabled": true}, "worker": {"disabled": true}, "fuse": {"disabled": true}}),
    "fuse.disabled", "leaves nothing to run"
)]
#[case::volume_of_the_cache(
    json!({"volumes": [{"name": "datavolume-1", "emptyDir": {}}],
        "worker": {"volumeMounts": [{"name": "datavolume-1", "mountPath": "/a"}]}}),
    "worker.volumeMounts[0].name", "another name"
)]
#[case::volume_of_clients(
    json!({"volumes": [{"name": "jindofs-fuse-mount", "emptyDir": {}}],
        "fuse": {"volumeMounts": [{"name": "jindofs-fuse-mount", "mountPath": "/a"}]}}),
    "fuse.volumeMounts[0].name", "another name"
)]
#[case::policy(json!({"fuse": {"cleanPolicy": "Never"}}), "fuse.cleanPolicy", "OnDemand")]
#[case::memory(
    json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "path": "/dev/shm", "quota": "2Gi"}]},
        "worker": {"resources": {"limits": {"memory": "1Gi"}}}}),
    "worker.resources.limits.memory", "raise it above"
)]
#[case::labels(json!({"labels": {"a": "b"}, "podMetadata": {"labels": {"c": "d"}}}), "master.labels", "podMetadata")]
#[case::volume(json!({"worker": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}),
    "worker.volumeMounts[0].name", "spec.volumes")]
#[case::quotas(
    json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a,/b", "quotaList": "1Gi"}]}}),
    "tieredstore.levels[0].quotaList", "has 1 quotas"
)]
#[case::path(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a/.."}]}}),
    "tieredstore.levels[0].path", "absolute")]
#[case::semicolon(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a;/b"}]}}),
    "tieredstore.levels[0].path", "separate several by commas")]
#[case::twice(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a,/a/"}]}}),
    "tieredstore.levels[0].path", "once")]
#[case::property(json!({"worker": {"properties": {"a b": "c"}}}), "worker.properties[a b]", "one word")]
#[case::argument(json!({"fuse": {"args": ["-ouri=x\ny"]}}), "fuse.args[0]", "control character")]
#[case::ratio(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/a", "high": "80"}]}}),
    "tieredstore.levels[0].high", "ratio")]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({}), runtime);
    assert_eq!(at, format!("JindoRuntime.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}
