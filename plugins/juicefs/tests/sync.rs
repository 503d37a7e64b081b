//! Changes of a spec whose release is installed already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_juicefs::JuiceFs;
use wasser_sdk::{Migrate, Origin};

const NOW: u64 = 1_772_271_000_000;
const NOW_TEXT: &str = "2026-02-28T09:30:00Z";
const RESTARTED_AT: &str = "/annotations/kubectl.kubernetes.io~1restartedAt";

fn documents(runtime: Value) -> Vec<Value> {
    support::pair(json!({}), json!({"accessModes": ["ReadWriteMany"]}), runtime)
}

fn installed(runtime: Value) -> Value {
    support::values(&documents(runtime)).unwrap()
}

fn mark(values: &Value, role: &str) -> Option<String> {
    values[role]
        .pointer(RESTARTED_AT)
        .map(|mark| mark.as_str().unwrap().to_string())
}

#[rstest]
#[case::environment(json!({"worker": {"env": [{"name": "A", "value": "1"}]}}), "/worker/envs/0/value", json!("1"))]
#[case::resources(json!({"worker": {"resources": {"limits": {"cpu": "2"}}}}), "/worker/resources/limits/cpu",
    json!("2"))]
#[case::node_selector(json!({"worker": {"nodeSelector": {"disk": "ssd"}}}), "/worker/nodeSelector/disk", json!("ssd"))]
#[case::labels(json!({"podMetadata": {"labels": {"team": "blue"}}}), "/fuse/labels/team", json!("blue"))]
#[case::annotations(json!({"fuse": {"podMetadata": {"annotations": {"a": "b"}}}}), "/fuse/annotations/a", json!("b"))]
#[case::volumes(
    json!({"volumes": [{"name": "v", "emptyDir": {}}], "worker": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}),
    "/worker/volumeMounts/0/mountPath", json!("/v")
)]
#[case::image(json!({"juicefsVersion": {"image": "mine", "imageTag": "2"}}), "/image", json!("mine"))]
fn a_change_reaches_the_release_without_a_restart(
    #[case] runtime: Value,
    #[case] pointer: &str,
    #[case] expected: Value,
) {
    let before = installed(json!({}));
    let values = support::synced(&documents(runtime), &before, NOW).unwrap();
    assert_eq!(values.pointer(pointer), Some(&expected));
    assert_eq!((mark(&values, "worker"), mark(&values, "fuse")), (None, None));
    assert_eq!(values["configs"], before["configs"], "Secrets stay where they are");
}

#[test]
fn another_command_is_marked_once() {
    let changed = json!({"worker": {"options": {"prefetch": "3"}}});
    let values = support::synced(&documents(changed.clone()), &installed(json!({})), NOW).unwrap();
    assert!(values["worker"]["command"].as_str().unwrap().contains("prefetch=3"));
    assert_eq!(
        (mark(&values, "worker").as_deref(), mark(&values, "fuse")),
        (Some(NOW_TEXT), None)
    );

    let later = support::synced(&documents(changed), &values, NOW + 3_600_000).unwrap();
    assert_eq!(later, values, "what is installed stays as it is");
    let back = support::synced(&documents(json!({})), &values, NOW + 3_600_000).unwrap();
    assert_eq!(mark(&back, "worker").as_deref(), Some("2026-02-28T10:30:00Z"));
}

#[test]
fn ports_stay_with_what_is_installed() {
    let mut before = installed(json!({}));
    for role in ["worker", "fuse"] {
        let command = before[role]["command"].as_str().unwrap().replace(":1400", ":1500");
        before[role]["command"] = command.into();
        before[role]["metricsPort"] = (before[role]["metricsPort"].as_u64().unwrap() + 1_000).into();
    }
    assert_eq!(support::synced(&documents(json!({})), &before, NOW).unwrap(), before);
}

#[test]
fn a_new_default_image_restarts_nobody() {
    let mut before = installed(json!({}));
    for (pointer, value) in [
        ("/image", "old/mount"),
        ("/imageTag", "1"),
        ("/fuse/image", "old/mount"),
        ("/fuse/imageTag", "1"),
    ] {
        *before.pointer_mut(pointer).unwrap() = value.into();
    }
    assert_eq!(support::synced(&documents(json!({})), &before, NOW).unwrap(), before);
}

#[test]
fn another_fuse_image_is_a_new_generation() {
    let before = installed(json!({}));
    let named = documents(json!({"fuse": {"imageTag": "ce-v1.4.0"}}));
    let values = support::synced(&named, &before, NOW).unwrap();
    assert_eq!(values["fuse"]["generation"], 2);
    assert_eq!(
        values["imageTag"], before["imageTag"],
        "the workers' image is another field"
    );
    assert_eq!(support::synced(&named, &values, NOW).unwrap()["fuse"]["generation"], 2);
}

#[test]
fn fuse_pods_stay_on_their_nodes() {
    let before = installed(json!({}));
    let values = support::synced(
        &documents(json!({"fuse": {"nodeSelector": {"gpu": "true"}}})),
        &before,
        NOW,
    )
    .unwrap();
    assert_eq!(values["fuse"]["nodeSelector"], before["fuse"]["nodeSelector"]);
}

#[test]
fn claim_templates_cannot_change() {
    let with = |size: &str| {
        let claim = json!({"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": size}}}});
        json!({"volumeClaimTemplates": [claim], "worker": {"volumeMounts": [{"name": "c", "mountPath": "/c"}]}})
    };
    let before = installed(with("1Gi"));
    let refused = support::synced(&documents(with("2Gi")), &before, NOW)
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("JuiceFSRuntime.spec.volumeClaimTemplates: cannot be changed"),
        "{refused}"
    );

    // As Fluid installs them.
    let mut of_fluid = before.clone();
    let claim = &mut of_fluid["worker"]["volumeClaimTemplates"][0];
    claim["status"] = json!({});
    claim["metadata"]["creationTimestamp"] = json!(null);
    let counted = JuiceFs::migrate(of_fluid, &Origin::Fluid("0.2.17".to_owned())).unwrap();
    assert_eq!(counted, before);
    assert_eq!(support::synced(&documents(with("1Gi")), &counted, NOW).unwrap(), before);
}

#[test]
fn a_release_of_fluids_is_taken_over_without_a_restart() {
    let mut before =
        installed(json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/c", "quota": "1Gi"}]}}));
    let reordered = |command: &str| {
        let (start, options) = command.split_once(" -o ").unwrap();
        format!("{start} -o {}", options.rsplit(',').collect::<Vec<_>>().join(","))
    };
    for role in ["worker", "fuse"] {
        before[role]["command"] = reordered(before[role]["command"].as_str().unwrap()).into();
        before[role].as_object_mut().unwrap().remove("generation");
    }
    let runtime = json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/c", "quota": "1Gi"}]}});
    let values = support::synced(&documents(runtime), &before, NOW).unwrap();
    assert_eq!((mark(&values, "worker"), mark(&values, "fuse")), (None, None));
    assert_eq!(values["fuse"]["generation"], 1);
}
