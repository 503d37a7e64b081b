//! Changes under a release that is installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::{Context, Implement, Mount, UfsChange};
use wasser_thin::Thin;

fn mounts(mounts: Value) -> Vec<Value> {
    support::trio(json!({"mounts": mounts}), json!({}), json!({}))
}

fn installed(documents: &[Value], values: &Value) -> Context<support::Spec> {
    let mut raw = support::KIT.raw(documents);
    raw.installed = Some(values.to_string());
    Context::parse(raw).unwrap()
}

#[test]
fn mounts_come_and_go_without_a_change_of_the_pods() {
    let shown = json!([{"mountPoint": "s3://aaa", "name": "a"}, {"mountPoint": "s3://bbb", "name": "b"}]);
    let before = mounts(shown.clone());
    let mut after = mounts(
        json!([{"mountPoint": "s3://aaa", "name": "a", "options": {"x": "1"}}, {"mountPoint": "s3://ccc",
            "path": "/c"}]),
    );
    let values = support::values(&before).unwrap();
    let host = wasser_testkit::host(&after);
    let nothing = Thin::should_update_ufs(&installed(&after, &values), &host).unwrap();
    assert_eq!(nothing, UfsChange::default(), "it is not bound yet");
    after[0]["status"] = json!({"mounts": shown});
    let ctx = installed(&after, &values);
    let change = Thin::should_update_ufs(&ctx, &host).unwrap();
    let keys = |mounts: &BTreeMap<String, Mount>| mounts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (keys(&change.added), keys(&change.removed)),
        (vec!["/c".into()], vec!["/b".into()])
    );
    let (old, new) = &change.changed["/a"];
    assert_eq!((old.options.len(), new.options["x"].as_str()), (0, "1"));
    // Bound without mounts is not the same as not bound.
    let mut bare = after.clone();
    bare[0]["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let change = Thin::should_update_ufs(&installed(&bare, &values), &host).unwrap();
    assert_eq!(keys(&change.added), ["/a", "/c"]);
    // The values have the new mounts, and nothing else is new.
    let mut updated = Thin::desired(&ctx, &host).unwrap();
    let config: Value = serde_json::from_str(updated["fuse"]["configValue"].as_str().unwrap()).unwrap();
    assert_eq!(config["mounts"].as_array().unwrap().len(), 2);
    updated["fuse"]["configValue"] = values["fuse"]["configValue"].clone();
    assert_eq!(updated, values);
}

#[test]
fn a_changed_profile_changes_the_release_and_a_lost_one_changes_nothing() {
    let before = support::trio(json!({}), json!({}), json!({}));
    let values = support::values(&before).unwrap();
    let after = support::trio(
        json!({}),
        json!({}),
        json!({"fuse": {"image": "example/s3fs", "imageTag": "2", "nodeSelector": {"a": "b"}}}),
    );
    let synced = support::synced(&after, &values, 0).unwrap();
    assert_eq!(synced["fuse"]["imageTag"], "2");
    assert_eq!(synced["fuse"]["nodeSelector"], values["fuse"]["nodeSelector"]);
    let (ctx, host) = (installed(&before[..2], &values), wasser_testkit::host(&before[..2]));
    Thin::validate(&ctx, &host).unwrap();
    assert_eq!(Thin::desired(&ctx, &host).unwrap(), values);
    assert_eq!(Thin::should_update_ufs(&ctx, &host).unwrap(), UfsChange::default());
}
