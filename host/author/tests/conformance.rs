//! What a plugin does wrong is found, named with its context, and can be repeated.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

// The guests of the plugin host's own tests, made from text without a toolchain.
#[path = "../../plugin/tests/common/mod.rs"]
mod common;
#[path = "../../plugin/tests/common/package.rs"]
mod package;

use common::Guest;
use package::{chart, manifest};
use serde_json::{Value, json};
use wasser_author::check::{Check, Outcome, Report, Subject};
use wasser_author::{Loader, Package, Pair, objects};
use wasser_chart::{Chart, Renderer};

const WORKER: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-worker}
spec:
  replicas: 0
  serviceName: {{ .Release.Name }}-worker
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: demo, image: demo}]}
";

fn crd() -> Value {
    let text = json!({"type": "string"});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "demoruntimes.data.fluid.io"},
        "spec": {
            "group": "data.fluid.io", "scope": "Namespaced", "names": {"kind": "DemoRuntime", "plural": "demoruntimes"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}, "mode": text}}}}}}],
        },
    })
}

/// Checks a guest with a chart. The contexts are kept in the directory that is returned as well.
async fn checked_with(guest: Guest, worker: &str, grants: &str, crd: &Value) -> (Report, tempfile::TempDir) {
    checked_by(guest, worker, grants, crd, Vec::new()).await
}

/// Checks a guest with a chart and manifests that are meant to work.
async fn checked_by(
    guest: Guest,
    worker: &str,
    grants: &str,
    crd: &Value,
    manifests: Vec<(String, Pair)>,
) -> (Report, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let text = manifest(&guest.build(), &chart(&[("worker.yaml", worker)]), grants);
    let file = directory.path().join("demo.yaml");
    std::fs::write(&file, text).unwrap();
    let package = Package::read(&file).unwrap();
    let loader = Loader::new(&package, None, directory.path().join("plugins"), None).unwrap();
    let renderer = Renderer::open(&std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm")).unwrap();
    let chart = Chart::from_tgz(loader.load().await.unwrap().chart).unwrap();
    let crds = [crd.clone()];
    let subject = Subject {
        loader: &loader,
        crds: Some(&crds),
        chart: Some((chart, &renderer)),
        manifests,
        keep: directory.path().join("contexts"),
    };
    (subject.check().await.unwrap(), directory)
}

async fn checked(guest: Guest) -> (Report, tempfile::TempDir) {
    checked_with(guest, WORKER, "exec: [worker], kinds: [StatefulSet]", &crd()).await
}

fn good() -> Guest {
    Guest::default().answers("desired", b"{}")
}

/// The check that failed, which is the only one.
fn failed(report: &Report) -> &Check {
    let failed: Vec<&Check> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .collect();
    assert_eq!(failed.len(), 1, "{}", report.text());
    failed[0]
}

#[tokio::test]
async fn a_good_plugin_passes_every_check() {
    let (report, directory) = checked(good()).await;
    assert!(report.passes(), "{}", report.text());
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "world",
            "grants",
            "crd",
            "description",
            "answers",
            "deterministic",
            "idempotent",
            "at rest",
            "manifests",
            "chart",
            "chart texts"
        ]
    );
    let others = report.checks.iter().filter(|check| check.outcome != Outcome::Ok);
    assert_eq!(
        others.map(|check| check.name).collect::<Vec<_>>(),
        ["manifests"],
        "none was given"
    );
    assert!(!directory.path().join("contexts").exists(), "nothing was found");
}

#[tokio::test]
async fn a_panic_is_shown_with_its_message_and_line_and_its_context_is_kept() {
    let mut guest = good().import("log", "log", "(param i32 i32 i32)");
    let (line, length) = guest.bytes(b"panicked at src/lib.rs:42:9: no such role");
    let body = format!("(call $log (i32.const 3) (i32.const {line}) (i32.const {length})) (unreachable)");
    let (report, directory) = checked(guest.method("cache-states", &body)).await;
    let check = failed(&report);
    assert_eq!(check.name, "answers");
    assert!(
        check.detail.contains("`cache-states` failed")
            && check.detail.contains("panicked at src/lib.rs:42:9: no such role")
            && check.detail.contains("repeat it: wasser plugin run PLUGIN -f "),
        "{}",
        check.detail
    );
    let file = check.findings[0].file.as_ref().unwrap();
    assert!(file.starts_with(directory.path().join("contexts")));
    let text = std::fs::read_to_string(file).unwrap();
    Pair::find(objects(&text).unwrap(), "DemoRuntime", "default").unwrap();
}

#[tokio::test]
async fn an_endless_loop_is_a_finding() {
    let (report, _) = checked(good().method("validate", "(loop $again (br $again)) (unreachable)")).await;
    let answers = report.checks.iter().find(|check| check.name == "answers").unwrap();
    assert!(
        answers.outcome == Outcome::Failed && answers.detail.contains("ran for more than 500ms"),
        "{}",
        report.text()
    );
}

/// Values that are other ones at every second call.
fn counting() -> Guest {
    let mut guest = Guest::default().function("(global $calls (mut i32) (i32.const 0))");
    let mut answer = |text: &[u8]| {
        let (at, length) = guest.bytes(text);
        let words: Vec<u8> = [0, at, length].into_iter().flat_map(u32::to_le_bytes).collect();
        guest.bytes(&words).0
    };
    let (even, odd) = (answer(br#"{"a": {"b": 1}}"#), answer(br#"{"a": {"b": 2}}"#));
    guest.method(
        "desired",
        &format!(
            "(global.set $calls (i32.xor (global.get $calls) (i32.const 1)))
             (select (i32.const {even}) (i32.const {odd}) (global.get $calls))"
        ),
    )
}

#[tokio::test]
async fn values_that_change_are_named() {
    let (report, _) = checked(counting()).await;
    let check = failed(&report);
    assert_eq!(check.name, "deterministic");
    assert!(
        check
            .detail
            .contains("`desired` gives different values for the same context at /a/b"),
        "{}",
        check.detail
    );
}

#[tokio::test]
async fn a_plugin_that_accepts_no_guess_needs_a_manifest() {
    let (report, _) = checked(Guest::default()).await;
    let chart = report.checks.iter().find(|check| check.name == "chart").unwrap();
    assert_eq!(chart.outcome, Outcome::Skipped);
    assert!(chart.detail.contains("`-f demo.yaml`"), "{}", chart.detail);
}

#[tokio::test]
async fn a_chart_that_is_not_as_described_is_named() {
    let other = WORKER
        .replace("{name: demo,", "{name: server,")
        .replace("replicas: 0", "replicas: 1");
    let (report, _) = checked_with(good(), &other, "exec: [worker], kinds: [StatefulSet]", &crd()).await;
    let check = failed(&report);
    assert!(
        check.name == "chart"
            && check
                .findings
                .iter()
                .any(|found| found.message.contains("`replicas: 0`")),
        "{}",
        report.text()
    );
}

/// A manifest that is meant to work, with this spec of the runtime.
fn demo(spec: Value) -> (String, Pair) {
    let object = |kind: &str, spec: Value| json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "demo"}, "spec": spec});
    let objects = vec![
        object(
            "Dataset",
            json!({"mounts": [{"mountPoint": "s3://bucket", "name": "data"}]}),
        ),
        object("DemoRuntime", spec),
    ];
    (
        "demo.yaml".to_owned(),
        Pair::find(objects, "DemoRuntime", "default").unwrap(),
    )
}

const GRANTS: &str = "exec: [worker], kinds: [StatefulSet]";

#[tokio::test]
async fn a_manifest_that_works_passes() {
    let (report, _) = checked_by(good(), WORKER, GRANTS, &crd(), vec![demo(json!({"replicas": 1}))]).await;
    let check = report.checks.iter().find(|check| check.name == "manifests").unwrap();
    assert!(report.passes() && check.outcome == Outcome::Ok, "{}", report.text());
    assert!(check.detail.starts_with("demo.yaml: accepted"), "{}", check.detail);
}

#[tokio::test]
async fn a_manifest_that_the_plugin_or_the_api_server_refuses_fails_although_guesses_work() {
    for (spec, says) in [
        (json!({"replicas": "1"}), "spec.replicas: Invalid value"),
        (json!({"replica": 1}), "spec.replica: the CRD knows no such field"),
    ] {
        let (report, directory) = checked_by(good(), WORKER, GRANTS, &crd(), vec![demo(spec)]).await;
        let check = failed(&report);
        assert!(
            check.name == "manifests" && check.detail.contains(says),
            "{}",
            report.text()
        );
        let file = check.findings[0].file.as_ref().unwrap();
        assert!(file.starts_with(directory.path().join("contexts")) && file.exists());
    }
    let (report, _) = checked_by(
        Guest::default(),
        WORKER,
        GRANTS,
        &crd(),
        vec![demo(json!({"replicas": 1}))],
    )
    .await;
    let check = failed(&report);
    assert!(
        check.name == "manifests" && check.detail.contains("`desired` refuses it"),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn each_context_has_a_file_of_its_own() {
    let (report, _) = checked(good().method("cache-states", "(unreachable)")).await;
    let check = failed(&report);
    let mut by_file = std::collections::BTreeMap::new();
    for finding in &check.findings {
        let context = finding.context.as_ref().unwrap();
        let other = by_file.insert(finding.file.as_ref().unwrap(), context);
        assert!(other.is_none_or(|other| other == context), "{context}: {other:?}");
    }
    let guessed = by_file
        .values()
        .filter(|context| context.starts_with("the smallest spec"));
    assert!(guessed.count() > 3, "{by_file:?}");
}

/// A second workload.
const MASTERS: &str = "---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-masters}
spec:
  serviceName: {{ .Release.Name }}-masters
  selector: {matchLabels: {app: {{ .Release.Name }}-masters}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}-masters}}
    spec: {containers: [{name: demo, image: demo}]}
";

fn two_roles() -> Guest {
    let master = common::Role {
        name: "master",
        workload: "StatefulSet",
        needed: false,
        starts_at_zero: false,
        replicas: None,
    };
    let wants: [(&str, &[&str]); 2] = [("exec", &["worker"]), ("kinds", &["StatefulSet"])];
    good().with_roles(&[common::WORKER, master], &wants)
}

#[tokio::test]
async fn a_role_that_the_chart_never_renders_is_named_with_the_nearest_workload() {
    let (report, _) = checked_with(two_roles(), &format!("{WORKER}{MASTERS}"), GRANTS, &crd()).await;
    let check = failed(&report);
    assert!(
        check.name == "chart"
            && check.detail.contains("the role master has no workload")
            && check
                .detail
                .contains("the nearest that it renders is the StatefulSet RUNTIME-masters"),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn a_role_that_no_guess_wants_fails_only_with_the_authors_manifests() {
    let (report, _) = checked_with(two_roles(), WORKER, GRANTS, &crd()).await;
    let chart = report.checks.iter().find(|check| check.name == "chart").unwrap();
    assert!(
        report.passes() && chart.detail.contains("the role master has no workload"),
        "{}",
        report.text()
    );
    let manifests = vec![demo(json!({"replicas": 1}))];
    let (report, _) = checked_by(two_roles(), WORKER, GRANTS, &crd(), manifests).await;
    assert_eq!(failed(&report).name, "chart");
}

#[tokio::test]
async fn a_workload_without_pods_that_belongs_to_no_role_is_named() {
    let waiting = MASTERS.replace("spec:\n  serviceName", "spec:\n  replicas: 0\n  serviceName");
    let (report, _) = checked_with(good(), &format!("{WORKER}{waiting}"), GRANTS, &crd()).await;
    let check = failed(&report);
    assert!(
        check.name == "chart"
            && check
                .detail
                .contains("StatefulSet demo-masters has `replicas: 0`, and belongs to no role"),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn an_import_that_is_not_wanted_is_noted() {
    let (report, _) = checked(good().import("ports", "allocate", "(param i32 i32 i32)")).await;
    let grants = &report.checks[1];
    assert!(
        grants.outcome == Outcome::Ok && grants.detail.ends_with("so that every call is refused: ports"),
        "{}",
        grants.detail
    );
}

#[tokio::test]
async fn a_chart_that_is_not_granted_is_refused_with_the_remedy() {
    let (report, _) = checked_with(good(), WORKER, "exec: [worker]", &crd()).await;
    let check = failed(&report);
    assert!(
        check.name == "chart" && check.detail.contains("grants.kinds"),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn a_crd_that_the_api_server_would_refuse_fails() {
    let mut crd = crd();
    let spec = crd
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec")
        .unwrap();
    spec.as_object_mut().unwrap().remove("type");
    let (report, _) = checked_with(good(), WORKER, "exec: [worker], kinds: [StatefulSet]", &crd).await;
    let check = failed(&report);
    assert!(
        check.name == "crd" && check.detail.contains("properties[spec]: it has no `type`"),
        "{}",
        report.text()
    );
}
