//! Changes under a release that is installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_cache::Cache;
use wasser_sdk::{Context, Implement, Mount, UfsChange};

fn installed(documents: &[Value], values: &Value) -> Context<support::Spec> {
    let mut raw = support::KIT.raw(documents);
    raw.installed = Some(values.to_string());
    Context::parse(raw).unwrap()
}

#[test]
fn mounts_come_and_go() {
    let shown = json!([{"mountPoint": "s3://aaa", "name": "a"}, {"mountPoint": "s3://bbb", "name": "b"}]);
    let of = |mounts: Value| support::trio(json!({"mounts": mounts}), json!({}), json!({}));
    let values = support::values(&of(shown.clone())).unwrap();
    let mut after = of(json!([{"mountPoint": "s3://aaa", "name": "a", "options": {"x": "1"}},
        {"mountPoint": "s3://ccc", "path": "/c"}]));
    let host = wasser_testkit::host(&after);
    let nothing = Cache::should_update_ufs(&installed(&after, &values), &host).unwrap();
    assert_eq!(nothing, UfsChange::default(), "it is not bound yet");
    after[0]["status"] = json!({"mounts": shown});
    let ctx = installed(&after, &values);
    let change = Cache::should_update_ufs(&ctx, &host).unwrap();
    let keys = |mounts: &BTreeMap<String, Mount>| mounts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (keys(&change.added), keys(&change.removed)),
        (vec!["/c".into()], vec!["/b".into()])
    );
    assert_eq!(change.changed["/a"].1.options["x"], "1");
    // Bound without mounts is not the same as not bound.
    let mut bare = after.clone();
    bare[0]["status"] = json!({"mounts": [], "conditions": [{"type": "Ready", "status": "False"}]});
    let change = Cache::should_update_ufs(&installed(&bare, &values), &host).unwrap();
    assert_eq!(keys(&change.added), ["/a", "/c"]);
    // The pods stay as they are: their configuration has the mounts.
    let mut updated = Cache::desired(&ctx, &host).unwrap();
    let config: Value = serde_json::from_str(updated["config"].as_str().unwrap()).unwrap();
    assert_eq!(config["mounts"].as_array().unwrap().len(), 2);
    updated["config"] = values["config"].clone();
    assert_eq!(updated, values);
}

#[test]
fn everything_is_mounted_again_after_a_restart_of_the_pod_that_mounts() {
    let entries = json!({"mountUFS": {"command": ["mount"]}});
    let master = wasser_testkit::merge(support::component("master"), json!({"executionEntries": entries}));
    let mut documents = support::trio(json!({}), json!({}), json!({"topology": {"master": master}}));
    let values = support::values(&documents).unwrap();
    documents[0]["status"] = json!({"mounts": documents[0]["spec"]["mounts"]});
    // The pod was started when 1970 began.
    for (mounted, is_forgotten) in [("1970-01-01T00:00:00Z", false), ("1969-12-31T23:59:59Z", true)] {
        documents[1]["status"] = json!({"mountTime": mounted});
        let host = wasser_testkit::host(&documents).pod("master", "demo-master-0", true);
        let change = Cache::should_update_ufs(&installed(&documents, &values), &host).unwrap();
        assert_eq!(change.added.contains_key("/bucket"), is_forgotten, "{mounted}");
        assert_eq!(change.is_empty(), !is_forgotten, "{mounted}");
    }
    let (ctx, nobody) = (installed(&documents, &values), wasser_testkit::host(&documents));
    assert!(Cache::should_update_ufs(&ctx, &nobody).unwrap().is_empty());
}

#[test]
fn a_changed_class_changes_the_release_and_a_lost_one_changes_nothing() {
    let before = support::trio(json!({}), json!({}), json!({}));
    let values = support::values(&before).unwrap();
    let client = json!({"template": {"spec": {"containers": [{"name": "client", "image": "example/client:2"}],
        "nodeSelector": {"a": "b"}}}});
    let after = support::trio(json!({}), json!({}), json!({"topology": {"client": client}}));
    let synced = support::synced(&after, &values, 0).unwrap();
    assert_eq!(synced["client"]["spec"]["containers"][0]["image"], "example/client:2");
    assert_eq!(
        synced["client"]["spec"]["nodeSelector"],
        values["client"]["spec"]["nodeSelector"]
    );
    assert_eq!(synced["master"]["enabled"], false);
    let (ctx, host) = (installed(&before[..2], &values), wasser_testkit::host(&before[..2]));
    Cache::validate(&ctx, &host).unwrap();
    assert!(
        host.calls().iter().any(|call| call.contains("ClassMissing")),
        "{:?}",
        host.calls()
    );
    assert_eq!(Cache::desired(&ctx, &host).unwrap(), values);
    assert_eq!(Cache::should_update_ufs(&ctx, &host).unwrap(), UfsChange::default());
    assert!(!Cache::should_check_ufs(&ctx, &host).unwrap());
}
