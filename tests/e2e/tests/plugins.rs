//! Plugins that are wrong in themselves: that plugin alone is marked, and what it serves already
//! stays as it is.
//!
//! What a component can do wrong while it runs is tested where plugins are loaded, in
//! `host/plugin/tests/hostile.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use wasser_e2e::Operator;
use wasser_e2e::charts::{self, Files};
use wasser_e2e::manifests::{dataset, runtime};
use wasser_e2e::plugins::{Verdict, message, plugin_yaml, replace_line};

/// A registration that cannot be loaded says why, and takes nothing from the one that serves.
async fn refused(name: &str, spoil: impl FnOnce(&mut ConfigMap), says: &[&str]) {
    let operator = Operator::start_serving(name).await;
    operator.create("before").await;
    operator.bound("before").await;
    operator.register_map("juicefs", spoil).await;
    let map = operator.verdict("juicefs", Verdict::LastGood).await;
    for text in says {
        assert!(message(&map).contains(text), "{}", message(&map));
    }
    // The last good one serves on, also what is new.
    operator.apply(&dataset("after")).await;
    operator.apply(&runtime("after")).await;
    operator.bound("after").await;
    operator.delete_dataset("before").await;
    operator.delete_dataset("after").await;
    operator.end().await;
}

/// A plugin whose chart cannot be installed is loaded, but its runtimes say so, until it is
/// corrected.
async fn held(name: &str, spoil: impl FnOnce(&mut ConfigMap), says: &[&str]) {
    let operator = Operator::start(name).await;
    operator.register_map("juicefs", spoil).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    operator.create("demo").await;
    let uid = operator.runtimes().get("demo").await.unwrap().uid().unwrap();
    let event = operator.event_saying("ErrorProcessRuntime", &uid, says[0]).await;
    for text in says {
        assert!(event.message.as_deref().unwrap().contains(text), "{event:?}");
    }
    operator.condition_saying("demo", "NotReady", says).await;
    let reconciles = operator
        .at_rest("the number of reconciles", |metrics| {
            metrics.reconciles("JuiceFSRuntime")
        })
        .await;
    assert!(reconciles <= 12, "{reconciles} reconciles");
    // Nothing of it was installed.
    let workloads = operator
        .api("apps/v1", "StatefulSet")
        .list(&Default::default())
        .await
        .unwrap();
    assert!(workloads.items.is_empty(), "{:?}", workloads.items);

    operator.serve_juicefs().await;
    operator.bound("demo").await;
    operator.delete_dataset("demo").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_is_no_component_is_refused() {
    refused(
        "no-component",
        |map| charts::replace_component(map, b"no component".to_vec()),
        &["component"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_core_module_is_refused() {
    let module = b"\0asm\x01\0\0\0".to_vec();
    refused("module", |map| charts::replace_component(map, module), &["component"]).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_wrong_digest_is_refused() {
    let wrong = format!("digest: sha256:{}", "0".repeat(64));
    refused(
        "digest",
        |map| replace_line(plugin_yaml(map), "digest:", &wrong),
        &["digest is sha256:"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_plugin_that_needs_more_memory_than_it_may_have_is_refused() {
    refused(
        "memory",
        |map| replace_line(plugin_yaml(map), "limits:", "limits: {memory: 64Ki}"),
        &["memory"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn what_is_no_chart_is_refused() {
    let spoil = |map: &mut ConfigMap| {
        let data = map.binary_data.as_mut().unwrap();
        data.get_mut("juicefs.tgz").unwrap().0 = b"no chart".to_vec();
    };
    refused("no-chart", spoil, &["chart"]).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_registration_that_is_no_yaml_is_refused() {
    refused(
        "yaml",
        |map| *plugin_yaml(map) = "runtime: [".to_owned(),
        &["plugin.yaml"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_kind_that_is_not_granted_is_not_installed() {
    let spoil = |map: &mut ConfigMap| {
        let yaml = plugin_yaml(map);
        *yaml = yaml.replace("DaemonSet, ", "");
    };
    held("kind", spoil, &["DaemonSet", "grants"]).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_privileged_pod_that_is_not_granted_is_not_installed() {
    held(
        "privileged",
        |map| replace_line(plugin_yaml(map), "  fuse:", "  fuse: false"),
        &["pods with `/runtime-mnt/", "grant `fuse`"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn an_object_in_another_namespace_is_not_installed() {
    let stray = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: stray\n  namespace: kube-system\n";
    held(
        "stray",
        |map| charts::change(map, |files| add(files, "templates/stray.yaml", stray)),
        &["stray", "kube-system"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn values_that_do_not_fit_the_charts_schema_are_not_installed() {
    let schema = r#"{"type": "object", "required": ["no-such-value"]}"#;
    held(
        "schema",
        |map| charts::change(map, |files| add(files, "values.schema.json", schema)),
        &["no-such-value"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_template_that_fails_is_not_installed() {
    let failing = "{{ fail \"not today\" }}\n";
    held(
        "failing",
        |map| charts::change(map, |files| add(files, "templates/failing.yaml", failing)),
        &["not today"],
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_template_that_renders_no_yaml_is_not_installed() {
    let broken = "kind: [unclosed\n";
    held(
        "broken",
        |map| charts::change(map, |files| add(files, "templates/broken.yaml", broken)),
        &["broken.yaml"],
    )
    .await;
}

/// Puts a file into the chart, in place of one of the same path.
fn add(files: &mut Files, path: &str, text: &str) {
    let (directory, _) = files[0].0.split_once('/').unwrap();
    let path = format!("{directory}/{path}");
    files.retain(|(other, _)| *other != path);
    files.push((path, text.as_bytes().to_vec()));
}
