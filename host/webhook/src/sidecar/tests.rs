#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use super::*;

/// In the form that charts give to it.
pub fn template() -> Value {
    json!({"spec": {
        "hostNetwork": true,
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [{
            "name": "juicefs-fuse", "image": "juicedata/mount:ce", "command": ["sh", "/root/script/script.sh"],
            "ports": [{"name": "metrics", "containerPort": 9567, "hostPort": 9567}],
            "securityContext": {"privileged": true},
            "lifecycle": {"preStop": {"exec": {"command": ["umount", "/jfs/juicefs-fuse"]}}},
            "volumeMounts": [
                {"name": "fuse-mount", "mountPath": "/jfs", "mountPropagation": "Bidirectional"},
                {"name": "device", "mountPath": "/dev/fuse"},
                {"name": "script", "mountPath": "/root/script"},
                {"name": "cache-dir-1", "mountPath": "/var/cache/jfs"}
            ]
        }],
        "volumes": [
            {"name": "fuse-mount", "hostPath": {"path": "/runtime-mnt/juicefs/default/demo/",
                "type": "DirectoryOrCreate"}},
            {"name": "device", "hostPath": {"path": "/dev/fuse", "type": "CharDevice"}},
            {"name": "script", "configMap": {"name": "demo-fuse-script"}},
            {"name": "cache-dir-1", "hostPath": {"path": "/var/cache/jfs", "type": "DirectoryOrCreate"}},
            {"name": "unused", "emptyDir": {}}
        ]
    }})
}

pub fn sidecar(name: &str) -> Sidecar {
    Sidecar {
        dataset: name.to_owned(),
        namespace: "default".to_owned(),
        template: template(),
        fluid_path: "/runtime-mnt/juicefs/default/demo//juicefs-fuse".to_owned(),
        mount_type: "JuiceFS".to_owned(),
        mounts: true,
        sub_path: String::new(),
        read_only: false,
    }
}

const WISHES: Wishes = Wishes {
    wait: true,
    caches: false,
    unprivileged: false,
};

fn made(sidecar: &Sidecar, pod: &Value, wishes: Wishes) -> Result<Made, Unusable> {
    let (mut containers, mut volumes) = (Names::default(), Names::of(pod, &["/spec/volumes"]));
    make(
        sidecar,
        pod,
        wishes,
        "fluid-fuse-0",
        "own-0",
        &mut containers,
        &mut volumes,
    )
}

fn names(items: &Value) -> Vec<&str> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_client_mounts_in_a_directory_of_its_own() {
    let made = made(&sidecar("demo"), &json!({}), WISHES).unwrap();
    assert_eq!(made.source, "/runtime-mnt/juicefs/default/demo/own-0/juicefs-fuse");
    let shared = json!({"name": "fuse-mount", "hostPath": {"path": "/runtime-mnt/juicefs/default/demo/own-0",
        "type": "DirectoryOrCreate"}});
    assert_eq!(made.volumes[0], shared);
    assert_eq!(names(&json!(made.volumes)), ["fuse-mount", "device", "script"]);
    let client = &made.client;
    assert_eq!(client["name"], "fluid-fuse-0");
    assert_eq!(client["ports"], json!([{"name": "metrics", "containerPort": 9567}]));
    assert_eq!(client["securityContext"], json!({"privileged": true}));
    assert_eq!(client["restartPolicy"], "Always");
    assert_eq!(client["volumeMounts"][0]["mountPath"], "/jfs");
    // Not before the application has ended.
    assert_eq!(client["lifecycle"].get("preStop"), None);
    let command = client["command"].as_array().unwrap();
    assert_eq!(command[4], "'umount' '/jfs/juicefs-fuse'");
    assert_eq!(command[5..], [json!("sh"), json!("/root/script/script.sh")]);
    let hook = client["lifecycle"]["postStart"]["exec"]["command"].as_array().unwrap();
    assert_eq!(hook[3..], [json!("wait"), json!("/jfs/juicefs-fuse"), json!("JuiceFS")]);
}

#[test]
fn wishes_are_granted() {
    let sidecar = sidecar("demo");
    let caches = made(&sidecar, &json!({}), Wishes { caches: true, ..WISHES }).unwrap();
    assert_eq!(
        names(&json!(caches.volumes)),
        ["fuse-mount", "device", "script", "cache-dir-1"]
    );
    let at_once = made(&sidecar, &json!({}), Wishes { wait: false, ..WISHES }).unwrap();
    assert_eq!(at_once.client["lifecycle"].get("postStart"), None);
    let wish = Wishes {
        unprivileged: true,
        caches: true,
        ..WISHES
    };
    let unprivileged = made(&sidecar, &json!({}), wish).unwrap();
    assert_eq!(names(&json!(unprivileged.volumes)), ["script"]);
    assert_eq!(names(&unprivileged.client["volumeMounts"]), ["script"]);
    assert_eq!(unprivileged.client["securityContext"], json!({}));
    assert_eq!(unprivileged.source, "/runtime-mnt/juicefs/default/demo/juicefs-fuse");
}

#[test]
fn the_labels_of_a_client_are_not_mounted_where_they_would_stay() {
    let mut sidecar = sidecar("demo");
    let spec = &mut sidecar.template["spec"];
    let labels = |name: &str| json!({"name": name, "downwardAPI": {"items": []}});
    let volumes = spec["volumes"].as_array_mut().unwrap();
    volumes.extend([labels("labels"), labels("elsewhere")]);
    let mounts = spec["containers"][0]["volumeMounts"].as_array_mut().unwrap();
    mounts.push(json!({"name": "labels", "mountPath": "/jfs/.meta/fuse"}));
    mounts.push(json!({"name": "elsewhere", "mountPath": "/labels"}));
    let made = made(&sidecar, &json!({}), WISHES).unwrap();
    let expected = ["fuse-mount", "device", "script", "elsewhere"];
    assert_eq!(names(&json!(made.volumes)), expected);
    assert_eq!(names(&made.client["volumeMounts"]), expected);
}

#[test]
fn who_does_not_want_to_wait_is_held_up_by_no_probe() {
    let mut sidecar = sidecar("demo");
    let probe = json!({"exec": {"command": ["stat", "/jfs"]}, "failureThreshold": 86400});
    for kind in ["startupProbe", "readinessProbe", "livenessProbe"] {
        sidecar.template["spec"]["containers"][0][kind] = probe.clone();
    }
    let kinds = |wait: bool| {
        let client = made(&sidecar, &json!({}), Wishes { wait, ..WISHES }).unwrap().client;
        let probes = client.as_object().unwrap().keys().filter(|key| key.ends_with("Probe"));
        probes.cloned().collect::<Vec<_>>()
    };
    assert_eq!(kinds(true), ["livenessProbe", "readinessProbe", "startupProbe"]);
    assert_eq!(kinds(false), ["livenessProbe"]);
}

#[test]
fn a_client_that_mounts_nothing_is_not_waited_for() {
    let mut sidecar = sidecar("demo");
    sidecar.template["spec"]["containers"][0]["volumeMounts"][0] = json!({"name": "fuse-mount", "mountPath": "/jfs"});
    assert!(matches!(
        made(&sidecar, &json!({}), WISHES),
        Err(Unusable::NotShared { .. })
    ));
    sidecar.mounts = false;
    let made = made(&sidecar, &json!({}), WISHES).unwrap();
    assert_eq!(made.client["lifecycle"].get("postStart"), None);
    assert_eq!(made.source, "/runtime-mnt/juicefs/default/demo/own-0/juicefs-fuse");
}

#[test]
fn caches_are_known_by_their_names_where_no_annotation_lists_them() {
    for cache in ["cache-dir-1", "cache-dir-1-tier", "datavolume-0", "mem", "ssd-2"] {
        assert!(is_cache(&template(), cache), "{cache}");
    }
    for other in ["memory", "ssd-config", "cache", "script"] {
        assert!(!is_cache(&template(), other), "{other}");
    }
}

#[test]
fn a_volume_of_the_user_is_no_cache_because_of_its_name() {
    let mut sidecar = sidecar("demo");
    let kept = |sidecar: &Sidecar| {
        let made = made(sidecar, &json!({}), WISHES).unwrap();
        names(&json!(made.volumes))
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    for (listed, others) in [
        ("", vec!["script", "cache-dir-1"]),
        ("a,cache-dir-1", vec!["script"]),
        ("script", vec!["cache-dir-1"]),
        ("cache-dir-1,fuse-mount", vec!["script"]),
    ] {
        sidecar.template["metadata"] = json!({"annotations": {(CACHE_VOLUMES): listed}});
        assert_eq!(
            kept(&sidecar),
            [vec!["fuse-mount", "device"], others].concat(),
            "{listed}"
        );
    }
}

#[test]
fn names_that_are_taken_are_not_used_again() {
    let pod = json!({"spec": {"volumes": [{"name": "script", "emptyDir": {}}, {"name": "script-1", "emptyDir": {}}]}});
    let made = made(&sidecar("demo"), &pod, WISHES).unwrap();
    assert_eq!(names(&json!(made.volumes)), ["fuse-mount", "device", "script-2"]);
    assert_eq!(
        names(&made.client["volumeMounts"]),
        ["fuse-mount", "device", "script-2"]
    );
    let mut names = Names::of(&json!({"list": [{"name": "a".repeat(63)}]}), &["/list"]);
    assert_eq!(names.take(&"a".repeat(63)), format!("{}-1", "a".repeat(58)));
}

#[test]
fn the_pods_own_user_is_not_that_of_the_client() {
    let pod = json!({"spec": {"securityContext": {"runAsUser": 1000, "runAsNonRoot": true, "fsGroup": 1}}});
    let mut sidecar = sidecar("demo");
    let context = json!({"privileged": true, "runAsUser": 0, "runAsNonRoot": false});
    assert_eq!(made(&sidecar, &pod, WISHES).unwrap().client["securityContext"], context);
    sidecar.template["spec"]["securityContext"] = json!({"runAsUser": 7});
    assert_eq!(
        made(&sidecar, &pod, WISHES).unwrap().client["securityContext"]["runAsUser"],
        7
    );
}

#[test]
fn init_containers_of_the_client_come_along() {
    let mut sidecar = sidecar("demo");
    let mounts = json!([{"name": "fuse-mount", "mountPath": "/jfs"}, {"name": "cache-dir-1", "mountPath": "/cache"}]);
    sidecar.template["spec"]["initContainers"] =
        json!([{"name": "init-fuse", "image": "init", "volumeMounts": mounts}]);
    let made = made(&sidecar, &json!({}), WISHES).unwrap();
    let wanted = json!([{"name": "fluid-fuse-0-init-0", "image": "init", "volumeMounts": [{"name": "fuse-mount",
        "mountPath": "/jfs"}]}]);
    assert_eq!(json!(made.before), wanted);
}

#[test]
fn what_leads_elsewhere_is_refused() {
    let mut other = sidecar("demo");
    other.fluid_path = "/runtime-mnt/juicefs/default/demo-2/juicefs-fuse".to_owned();
    let error = made(&other, &json!({}), WISHES).unwrap_err();
    assert!(matches!(error, Unusable::NotShared { .. }), "{error}");
    assert_eq!(leads_to(&other.template, &other.fluid_path, true), None);
    let mut outside = sidecar("demo");
    outside.sub_path = "a/../../..".to_owned();
    let error = made(&outside, &json!({}), WISHES).unwrap_err();
    assert!(matches!(error, Unusable::Outside { .. }), "{error}");
}
