//! What another version of the plugin has installed, once this one is registered.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_plugin::Digest;
use wasser_test_api_server::ApiServer;

use super::common::Guest;
use super::drift::Bound;
use super::helm_record;
use super::scene::{OPERATOR, QUIET, Scene, chart, crd, registration};

/// Workers with one variable, from the value of this name.
fn workers(value: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: {{{{ .Release.Name }}}}-worker}}
spec:
  replicas: 0
  serviceName: {{{{ .Release.Name }}}}-worker
  selector: {{matchLabels: {{app: {{{{ .Release.Name }}}}}}}}
  template:
    metadata: {{labels: {{app: {{{{ .Release.Name }}}}, fluid.io/dataset-id: default-{{{{ .Release.Name }}}}}}}}
    spec: {{containers: [{{name: demo, image: demo, env: [{{name: MODE, value: {{{{ .Values.{value} | quote }}}}}}]}}]}}
"
    )
}

/// The registration of a version of the plugin that wants these values, and whose chart reads one of
/// this name. It counts what the version before has installed as `migrated`.
fn version(version: &str, value: &str, wants: &Value, migrated: Option<&Value>) -> (String, Value) {
    let mut guest = Guest::default()
        .versioned(version)
        .answers("desired", wants.to_string().as_bytes());
    if let Some(values) = migrated {
        guest = guest.migrating(values.to_string().as_bytes());
    }
    let (component, chart) = (guest.build(), chart(&[("worker.yaml", &workers(value))]));
    let registered = registration(&component, &chart, "exec: [worker], kinds: [StatefulSet]", "{}");
    (Digest::of(&component).to_string(), registered)
}

async fn bound() -> Bound {
    let (_, first) = version("1.0.0", "mode", &json!({"mode": "one"}), None);
    Bound::on(Scene::serving(&[crd(), first])).await
}

/// Exchanges the plugin, and waits until the next version serves.
async fn exchange(bound: &Bound, (digest, registered): (String, Value)) {
    bound.scene.register(&registered);
    let serves = |server: &ApiServer| {
        let map = server.object("ConfigMap", OPERATOR, "demo")?;
        (map["metadata"]["annotations"]["wasser.fluid.io/digest"] == digest.as_str()).then_some(())
    };
    bound.server().until("the next version to serve", serves).await;
    bound.server().settled(QUIET).await;
}

/// Waits for a revision, and returns the plugin and the variable of the workers' pods.
async fn revision(bound: &Bound, number: u32) -> (Value, Value) {
    let name = format!("sh.helm.release.v1.demo.v{number}");
    let found = |server: &ApiServer| server.object("Secret", "default", &name);
    let record = bound.server().until(&format!("revision {number}"), found).await;
    let set = bound.server().object("StatefulSet", "default", "demo-worker").unwrap();
    let mode = set.pointer("/spec/template/spec/containers/0/env/0/value").cloned();
    let mut plugin = helm_record::decoded(&record)["plugin"].clone();
    let build = plugin.as_object_mut().and_then(|plugin| plugin.remove("build"));
    assert!(build.is_some_and(|build| build.as_str().is_some_and(|build| !build.is_empty())));
    (plugin, mode.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_version_before_has_installed_is_taken_over_as_it_is() {
    let mut bound = bound().await;
    let first = json!({"name": "demo", "version": "1.0.0"});
    assert_eq!(revision(&bound, 1).await, (first, json!("one")));
    let two = json!({"kind": "two"});
    exchange(&bound, version("2.0.0", "kind", &two, Some(&two))).await;
    bound.rests(1).await;
    assert_eq!(revision(&bound, 1).await.1, "one");

    // The next operator asks the plugin as well.
    let operator = bound.stop();
    bound.scene.kill(operator);
    let _next = bound.scene.start().await;
    bound.rests(1).await;

    // What has to be put back is made by the chart that there is now.
    bound.edit(
        "StatefulSet",
        "demo-worker",
        "/spec/template/spec/containers/0/image",
        &json!("other"),
    );
    let second = json!({"name": "demo", "version": "2.0.0"});
    assert_eq!(revision(&bound, 2).await, (second, json!("two")));
    bound.rests(2).await;
}

#[rstest]
#[case::that_has_no_such_function(None)]
#[case::that_wants_something_else(Some(json!({"kind": "one"})))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_upgrades_what_it_does_not_want(#[case] migrated: Option<Value>) {
    let bound = bound().await;
    exchange(
        &bound,
        version("2.0.0", "kind", &json!({"kind": "two"}), migrated.as_ref()),
    )
    .await;
    let second = json!({"name": "demo", "version": "2.0.0"});
    assert_eq!(revision(&bound, 2).await, (second, json!("two")));
    bound.rests(2).await;
}
