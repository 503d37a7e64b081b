//! What users get wrong: each is refused with the field and the remedy, before anything is
//! installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};

fn refusal(mount: Value, dataset: Value, runtime: Value) -> (String, String) {
    wasser_testkit::refusal(support::values(&support::pair(mount, dataset, runtime)))
}

fn level(fields: Value) -> Value {
    json!({"tieredstore": {"levels": [fields]}})
}

const MOUNT: &str = "Dataset.spec.mounts[0]";
const LEVEL: &str = "JuiceFSRuntime.spec.tieredstore.levels[0]";
const RUNTIME: &str = "JuiceFSRuntime.spec";

#[rstest]
#[case::mount_point(json!({"mountPoint": "s3://bucket"}), "mountPoint", "write `juicefs:///`")]
#[case::upwards(json!({"mountPoint": "juicefs:///a/../.."}), "mountPoint", "leads out of the file system")]
#[case::comma(json!({"mountPoint": "juicefs:///a,b"}), "mountPoint", "contains a comma")]
#[case::line_break(json!({"mountPoint": "juicefs:///a\nb"}), "mountPoint", "control character '\\n'; remove it")]
#[case::line_separator(json!({"mountPoint": "juicefs:///a\u{2028}b"}), "mountPoint", "control character '\\u{2028}'; \
    remove it")]
#[case::no_name(json!({"name": ""}), "name", "give the name")]
#[case::name(json!({"name": "My Files"}), "name", "3 to 63 small letters")]
#[case::short_name(json!({"name": "ab"}), "name", "3 to 63")]
#[case::unknown_option(json!({"options": {"cache_size": "1"}}), "options.cache_size", "did you mean `cache-size`?")]
#[case::no_value(json!({"options": {"prefetch": ""}}), "options.prefetch", "needs a value")]
#[case::option_with_break(json!({"options": {"bucket": "a\rb"}}), "options.bucket", "control character")]
#[case::quota(json!({"mountPoint": "juicefs:///a", "options": {"quota": "lots"}}), "options.quota",
    "write for instance `10Gi`")]
#[case::quota_of_everything(json!({"options": {"quota": "10Gi"}}), "options.quota",
    "mountPoint: juicefs:///<directory>")]
#[case::small_quota(json!({"mountPoint": "juicefs:///a", "options": {"quota": "10Mi"}}), "options.quota",
    "less than 1Gi")]
fn a_mount_that_cannot_work(#[case] mount: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(mount, json!({}), json!({}));
    assert_eq!(at, format!("{MOUNT}.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[rstest]
#[case::unknown("endpoint", "s", "k", "has no option `endpoint`")]
#[case::no_key("access-key", "s", "", "name and the key of a Secret")]
#[case::no_secret("access-key", "", "k", "name and the key of a Secret")]
#[case::no_variable("my.option", "s", "k", "cannot become an environment variable")]
#[case::shell("a;b", "s", "k", "is not an option name")]
fn a_secret_option_that_cannot_work(#[case] name: &str, #[case] secret: &str, #[case] key: &str, #[case] remedy: &str) {
    let reference = |name: &str, secret: &str, key: &str| {
        json!({"name": name,
        "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    };
    let options = json!([reference("metaurl", "s", "k"), reference(name, secret, key)]);
    let (at, message) = refusal(json!({"encryptOptions": options}), json!({}), json!({}));
    assert_eq!(at, format!("{MOUNT}.encryptOptions[1]"));
    assert!(message.contains(remedy), "{message}");

    let (at, _) = refusal(
        json!({}),
        json!({"sharedEncryptOptions": [reference(name, secret, key)]}),
        json!({}),
    );
    assert_eq!(at, "Dataset.spec.sharedEncryptOptions");
}

#[rstest]
#[case::no_mounts(json!({"mounts": []}), "mounts", "add a mount")]
#[case::access_mode(json!({"accessModes": ["ReadWriteMany", "Everyone"]}), "accessModes[1]", "none of ReadOnlyMany")]
#[case::shared_secret(json!({"sharedOptions": {"metaurl": "redis://:pw@r:6379/1"}}), "sharedOptions.metaurl",
    "encryptOptions with the name `metaurl`")]
#[case::shared_option(json!({"sharedOptions": {"teleport": ""}}), "sharedOptions.teleport", "extra-options")]
fn a_dataset_that_cannot_work(#[case] dataset: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({}), dataset, json!({}));
    assert_eq!(at, format!("Dataset.spec.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[rstest]
#[case::medium(json!({"mediumtype": "TAPE", "path": "/a"}), "mediumtype", "MEM, SSD, HDD")]
#[case::relative(json!({"mediumtype": "SSD", "path": "cache"}), "path", "begin it with `/`")]
#[case::upwards(json!({"mediumtype": "SSD", "path": "/a/../b"}), "path", "without it")]
#[case::root(json!({"mediumtype": "SSD", "path": "/"}), "path", "name one for the cache")]
#[case::comma(json!({"mediumtype": "SSD", "path": "/a,/b"}), "path", "separate directories by colons")]
#[case::semicolon(json!({"mediumtype": "SSD", "path": "/a;/b"}), "path", "separate directories by colons")]
#[case::space(json!({"mediumtype": "MEM", "path": "/dev/shm /b"}), "path", "separate directories by colons")]
#[case::pattern(json!({"mediumtype": "SSD", "path": "/disks/*"}), "path", "write out each directory")]
#[case::quota(json!({"mediumtype": "SSD", "path": "/a", "quota": "10GiB"}), "quota", "write for instance `100Gi`")]
#[case::negative(json!({"mediumtype": "SSD", "path": "/a", "quota": "-1Gi"}), "quota", "not a quantity")]
#[case::fewer_quotas(json!({"mediumtype": "SSD", "path": "/a:/b", "quotaList": "1Gi"}), "quotaList",
    "has 1 quotas, but path has 2 directories")]
#[case::more_quotas(json!({"mediumtype": "SSD", "path": "/a", "quotaList": "1Gi,2Gi"}), "quotaList",
    "one quota for each")]
#[case::bad_list(json!({"mediumtype": "SSD", "path": "/a:/b", "quotaList": "1Gi,x"}), "quotaList",
    "`x` is not a quantity")]
#[case::low(json!({"mediumtype": "SSD", "path": "/a", "low": "10%"}), "low", "\"0.1\"")]
#[case::low_too_high(json!({"mediumtype": "SSD", "path": "/a", "low": "1"}), "low", "not a ratio")]
#[case::volume(json!({"mediumtype": "SSD", "path": "/a", "volumeType": "nfs"}), "volumeType",
    "neither hostPath nor emptyDir")]
fn a_tiered_store_that_cannot_work(#[case] fields: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({}), json!({}), level(fields));
    assert_eq!(at, format!("{LEVEL}.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[rstest]
#[case::no_volume(json!({"worker": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}}),
    "worker.volumeMounts[0].name", "add it to spec.volumes")]
#[case::chart_volume(
    json!({"volumes": [{"name": "script", "emptyDir": {}}], "fuse": {"volumeMounts": [{"name": "script",
        "mountPath": "/a"}]}}),
    "fuse.volumeMounts[0].name", "another name"
)]
#[case::claim_without_name(json!({"volumeClaimTemplates": [{"spec": {}}]}), "volumeClaimTemplates[0].metadata.name",
    "is empty")]
#[case::claim_not_mounted(json!({"volumeClaimTemplates": [{"metadata": {"name": "c"}}]}), "volumeClaimTemplates[0]",
    "add it to spec.worker.volumeMounts")]
#[case::claim_and_volume(
    json!({"volumeClaimTemplates": [{"metadata": {"name": "c"}}], "volumes": [{"name": "c"}]}),
    "volumeClaimTemplates[0]", "rename one of them"
)]
#[case::unknown_option(json!({"worker": {"options": {"writback": ""}}}), "worker.options.writback",
    "did you mean `writeback`?")]
#[case::format_option(json!({"fuse": {"options": {"compress": "lz4"}}}), "fuse.options.compress",
    "Dataset.spec.mounts[0].options.compress")]
#[case::cache_dir(json!({"worker": {"options": {"cache-dir": "cache"}}}), "worker.options.cache-dir",
    "begin it with `/`")]
#[case::cache_dirs(json!({"fuse": {"options": {"cache-dir": "/a;/b"}}}), "fuse.options.cache-dir",
    "separate directories by colons")]
#[case::no_cache_dir(json!({"worker": {"options": {"cache-dir": ":"}}}), "worker.options.cache-dir",
    "names no directory")]
#[case::secret(json!({"fuse": {"options": {"token": "abc"}}}), "fuse.options.token", "encryptOptions")]
#[case::config(json!({"configs": ["trash-days=1", "--inodes=1"]}), "configs[1]", "without its dashes")]
#[case::unknown_config(json!({"configs": ["trash-day=1"]}), "configs[0]", "did you mean `trash-days`?")]
#[case::clean_policy(json!({"fuse": {"cleanPolicy": "Never"}}), "fuse.cleanPolicy", "OnDemand, OnRuntimeDeleted, \
    OnFuseChanged")]
#[case::network(json!({"worker": {"networkMode": "Bridge"}}), "worker.networkMode", "HostNetwork nor ContainerNetwork")]
#[case::pull_policy(json!({"juicefsVersion": {"imagePullPolicy": "Sometimes"}}), "juicefsVersion.imagePullPolicy",
    "Always, IfNotPresent, Never")]
#[case::image(json!({"fuse": {"image": "a b"}}), "fuse.image", "not a reference to an image")]
#[case::image_of_workers(json!({"juicefsVersion": {"image": "mirror/my mount"}}), "juicefsVersion.image",
    "`my mount` is not made of small letters")]
#[case::two_tags(json!({"fuse": {"image": "mirror/mount:v1", "imageTag": "v2"}}), "fuse.imageTag",
    "give one of them only")]
#[case::quantity(json!({"worker": {"resources": {"limits": {"memory": "2 GB"}}}}), "worker.resources.limits.memory",
    "write for instance `1Gi`")]
fn a_runtime_that_cannot_work(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({}), json!({}), runtime);
    assert_eq!(at, format!("{RUNTIME}.{field}"));
    assert!(message.contains(remedy), "{message}");
}

#[rstest]
#[case::list(json!({"configs": "trash-days=1"}), "configs", "expected a sequence")]
#[case::number(json!({"management": {"cleanCachePolicy": {"gracePeriodSeconds": "1m"}}}),
    "management.cleanCachePolicy.gracePeriodSeconds", "expected i32")]
#[case::text(json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "low": 0.1}]}}), "tieredstore.levels[0].low",
    "expected a string")]
fn a_field_of_another_type_is_named(#[case] runtime: Value, #[case] field: &str, #[case] remedy: &str) {
    let (at, message) = refusal(json!({}), json!({}), runtime);
    assert_eq!(at, format!("{RUNTIME}.{field}"));
    assert!(message.contains(remedy) && !message.contains(" line "), "{message}");
}

#[test]
fn the_address_of_the_metadata_engine_is_never_plain_text() {
    let secret = "redis://:password@redis:6379/1";
    for mount in [
        json!({"options": {"metaurl": secret}}),
        json!({"options": {"metaurl": secret}, "encryptOptions": []}),
    ] {
        let (at, message) = refusal(mount, json!({}), json!({}));
        assert_eq!(at, "Dataset.spec.mounts[0].options.metaurl");
        assert!(
            message.contains("put it into a Secret") && !message.contains("password"),
            "{message}"
        );
    }
}

/// Blocks in a directory of the container would be gone with it.
#[test]
fn blocks_in_a_directory_need_a_volume_there() {
    let mount = json!({"options": {"storage": "file", "bucket": "/data/blocks/"}});
    let refused = |runtime| refusal(mount.clone(), json!({}), runtime);
    let volumes = json!([{"name": "disk", "hostPath": {"path": "/disk"}}]);
    let at = |path: &str| json!({"volumeMounts": [{"name": "disk", "mountPath": path}]});
    for (runtime, role) in [
        (json!({}), "worker"),
        (json!({"volumes": volumes, "worker": at("/data")}), "fuse"),
        (
            json!({"volumes": volumes, "worker": at("/data"), "fuse": at("/data/block")}),
            "fuse",
        ),
        (
            json!({"volumes": volumes, "worker": at("/"), "fuse": at("/data")}),
            "worker",
        ),
        (
            json!({"volumes": [{"name": "disk", "emptyDir": {}}], "worker": at("/data"), "fuse": at("/data")}),
            "worker",
        ),
    ] {
        let (at, message) = refused(runtime);
        assert_eq!(at, "Dataset.spec.mounts[0].options.bucket");
        assert!(
            message.contains(&format!("JuiceFSRuntime.spec.{role}.volumeMounts")),
            "{message}"
        );
    }
    let both = json!({"volumes": volumes, "worker": at("/data/"), "fuse": at("/data/blocks")});
    support::values(&support::pair(mount.clone(), json!({}), both)).unwrap();
}

/// `juicefs format` makes a file system where there is none: it is run only where the Dataset says
/// in which object storage.
#[test]
fn what_was_not_said_to_be_made_is_not_made() {
    for (options, made) in [
        (json!({}), false),
        (json!({"storage": "minio"}), false),
        (json!({"bucket": "http://minio:9000/b"}), false),
        (json!({"storage": "minio", "bucket": "http://minio:9000/b"}), true),
    ] {
        let runtime = json!({"configs": ["trash-days=0"]});
        let values = support::values(&support::pair(json!({"options": options}), json!({}), runtime)).unwrap();
        let command = values["configs"]["formatCmd"].as_str().unwrap();
        assert_eq!(command.contains(" format "), made, "{options}: {command}");
    }
}

#[rstest]
#[case::option(json!({}), json!({"cache-dir": "/data/cache/:/data/cache"}))]
#[case::tiered_store(json!({"levels": [{"mediumtype": "SSD", "path": "/data/cache/:/data/cache", "quota": "1Gi"}]}), json!({}))]
fn a_cache_directory_is_named_and_mounted_once(#[case] store: Value, #[case] options: Value) {
    let runtime = json!({
        "tieredstore": store,
        "volumes": [{"name": "mine", "hostPath": {"path": "/mine"}}],
        "worker": {"options": options, "volumeMounts": [{"name": "mine", "mountPath": "/data/cache"}]},
    });
    let values = support::values(&support::pair(json!({}), json!({}), runtime)).unwrap();
    let command = values["worker"]["command"].as_str().unwrap();
    assert!(command.contains("cache-dir=/data/cache/,"), "{command}");
    assert_eq!(values["worker"]["volumeMounts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_runtime_without_replicas_has_no_workers() {
    let roles = <wasser_juicefs::JuiceFs as wasser_sdk::Implement>::describe().roles;
    let worker = roles.iter().find(|role| role.name == "worker").unwrap();
    assert_eq!(
        (worker.default_replicas, worker.replicas.as_deref()),
        (0, Some("/spec/replicas"))
    );
}

#[test]
fn a_cache_in_memory_must_fit_the_limit() {
    let mut runtime = level(json!({"mediumtype": "MEM", "path": "/dev/shm", "quota": "4Gi"}));
    runtime["fuse"] = json!({"resources": {"limits": {"memory": "2Gi"}}});
    let (at, message) = refusal(json!({}), json!({}), runtime);
    assert_eq!(at, "JuiceFSRuntime.spec.fuse.resources.limits.memory");
    assert!(message.contains("raise it above the tiered store's quota"), "{message}");
}

#[test]
fn a_cache_that_the_options_put_elsewhere_is_not_memory() {
    let mut runtime = level(json!({"mediumtype": "MEM", "path": "/dev/shm", "quota": "40Gi"}));
    runtime["fuse"] = json!({
        "options": {"cache-dir": "/ssd/cache", "cache-size": "10240"}, "resources": {"limits": {"memory": "4Gi"}},
    });
    let values = support::values(&support::pair(json!({}), json!({}), runtime)).unwrap();
    assert_eq!(values["fuse"]["resources"], json!({"limits": {"memory": "4Gi"}}));
}

#[test]
fn workers_request_a_cache_in_memory_that_no_client_shares() {
    let token = json!({"encryptOptions": [{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s",
        "key": "k"}}}]});
    let own = json!({"hostPath": null, "emptyDir": {"medium": "Memory"}});
    for (mount, more, requested) in [
        (json!({}), json!({}), None),
        (token, json!({}), Some("40Gi")),
        (json!({}), json!({"volumeType": "emptyDir"}), Some("40Gi")),
        (json!({}), json!({"volumeSource": own}), Some("40Gi")),
        (
            json!({}),
            json!({"volumeSource": {"hostPath": {"path": "/dev/shm"}}}),
            None,
        ),
    ] {
        let memory = json!({"mediumtype": "MEM", "path": "/dev/shm", "quota": "40Gi"});
        let runtime = level(wasser_testkit::merge(memory, more.clone()));
        let values = support::values(&support::pair(mount, json!({}), runtime)).unwrap();
        let request = |role: &str| {
            values[role]["resources"]["requests"]["memory"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(request("worker").as_deref(), requested, "{more}");
        assert_eq!(request("fuse").as_deref(), Some("40Gi"), "{more}");
    }
}

#[test]
fn the_annotation_for_the_nodes_processes_is_true_or_false() {
    let mut documents = support::pair(json!({}), json!({}), json!({}));
    documents[1]["metadata"]["annotations"] = json!({"runtime.fluid.io/fuse.hostpid": "maybe"});
    let refused = support::values(&documents).unwrap_err().to_string();
    assert_eq!(
        refused,
        "JuiceFSRuntime.metadata.annotations[runtime.fluid.io/fuse.hostpid]: is neither true nor false"
    );
}

#[test]
fn a_setting_of_the_installation_adds_options_that_newer_images_have() {
    let mut documents = support::pair(
        json!({"options": {"warp": "9"}}),
        json!({}),
        json!({"worker": {"options": {"hyper": ""}}}),
    );
    support::values(&documents).unwrap_err();
    documents.push(json!({"kind": "Settings", "data": {"extra-options": "warp, hyper"}}));
    let values = support::values(&documents).unwrap();
    for (role, option) in [("worker", ",hyper,"), ("fuse", ",warp=9")] {
        let command = values[role]["command"].as_str().unwrap();
        assert!(command.contains(option), "{command}");
    }
}

#[test]
fn without_an_image_nothing_is_installed() {
    let documents = support::pair(json!({}), json!({}), json!({}));
    let mut raw = support::KIT.raw(&documents);
    raw.images.clear();
    let ctx = wasser_sdk::Context::<support::Spec>::parse(raw).unwrap();
    let host = wasser_sdk::testing::FakeHost::new().ports_from(1);
    let refused = <wasser_juicefs::JuiceFs as wasser_sdk::Implement>::validate(&ctx, &host).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("list the image `community` in the registration"),
        "{refused}"
    );
}

#[test]
fn validating_asks_for_no_ports() {
    let documents = support::pair(json!({}), json!({}), json!({}));
    let host = wasser_sdk::testing::FakeHost::new();
    <wasser_juicefs::JuiceFs as wasser_sdk::Implement>::validate(&support::KIT.context(&documents).unwrap(), &host)
        .unwrap();
    assert_eq!(host.calls(), Vec::<String>::new());
}
