//! Hooks of charts that do not end for long.

use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Effect, Fault, Verb};

use super::common::Guest;
use super::scene::{OPERATOR, STATEFUL_SET, Scene, chart, crd, registration};

/// A Job before the installation, which releases in the namespace `default` do not have.
const HOOK: &str = "{{- if ne .Release.Namespace \"default\" }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-prepare
  annotations: {helm.sh/hook: pre-install}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: prepare, image: demo}]}
{{- end }}
";

/// Namespaces whose releases have all places for those that are written, and how many each has.
const ALL_PLACES: [(&str, usize); 5] = [("a", 8), ("b", 4), ("c", 2), ("d", 1), ("e", 1)];
/// How many of them a namespace alone can have.
const OF_ONE: usize = 8;

fn scene() -> Scene {
    let component = Guest::wanting(&[("exec", &["worker"]), ("kinds", &["StatefulSet", "Job"])])
        .answers("desired", b"{}")
        .build();
    let chart = chart(&[("worker.yaml", STATEFUL_SET), ("prepare.yaml", HOOK)]);
    let grants = "exec: [worker], kinds: [StatefulSet, Job]";
    Scene::serving(&[crd(), registration(&component, &chart, grants, "{}")])
}

/// Creates a Dataset and its runtime.
fn create(scene: &Scene, namespace: &str, name: &str) {
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        })
    };
    let mounts = json!([{"mountPoint": "demo://bucket", "name": "demo"}]);
    scene.server.create(&object("Dataset", json!({"mounts": mounts})));
    scene.server.create(&object("DemoRuntime", json!({"replicas": 1})));
}

/// Waits until there are this many Jobs in a namespace.
async fn hooks_begin(scene: &Scene, namespace: &str, count: usize) {
    let began = |server: &ApiServer| (server.objects("Job", namespace).len() == count).then_some(());
    scene
        .server
        .until(&format!("{count} hooks in {namespace}"), began)
        .await;
}

/// Lets the hook of a release succeed.
fn end_hook(scene: &Scene, namespace: &str, release: &str) {
    let name = format!("{release}-prepare");
    scene.server.edit_status("Job", namespace, &name, |status| {
        *status = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    });
}

/// Waits until a release is installed.
async fn installed(scene: &Scene, namespace: &str, release: &str) {
    let record = format!("sh.helm.release.v1.{release}.v1");
    let found = |server: &ApiServer| server.object("Secret", namespace, &record);
    scene
        .server
        .until(&format!("the release {namespace}/{release}"), found)
        .await;
}

/// Whether a ConfigMap has the values of a release.
fn is_of_values(map: &Value) -> bool {
    let name = map["metadata"]["name"].as_str();
    name.is_some_and(|name| name.ends_with("-demo-values"))
}

#[tokio::test]
async fn hooks_that_do_not_end_hold_up_no_other_installation() {
    let scene = scene();
    let _operator = scene.start().await;
    for (namespace, count) in ALL_PLACES {
        scene.server.namespace(namespace);
        for number in 0..count {
            create(&scene, namespace, &format!("demo-{number}"));
        }
        hooks_begin(&scene, namespace, count).await;
    }
    create(&scene, "default", "other");
    installed(&scene, "default", "other").await;
    for (namespace, _) in ALL_PLACES {
        assert!(scene.server.objects("StatefulSet", namespace).is_empty());
        end_hook(&scene, namespace, "demo-0");
        installed(&scene, namespace, "demo-0").await;
        assert!(scene.server.object("StatefulSet", namespace, "demo-0-worker").is_some());
    }
}

#[tokio::test]
async fn a_namespace_has_half_of_the_places_for_releases_that_are_written() {
    let scene = scene();
    let _operator = scene.start().await;
    let writes = Fault::any().of(OPERATOR).verb(Verb::Create).resource("statefulsets");
    let hanging = scene.server.arm(writes, Effect::Hang);
    let all = OF_ONE * 2;
    for number in 0..all {
        create(&scene, "default", &format!("demo-{number}"));
    }
    // The values are recorded before the release has a place.
    let wanted = |server: &ApiServer| {
        let maps = server.objects("ConfigMap", "default");
        (maps.iter().filter(|map| is_of_values(map)).count() == all).then_some(())
    };
    scene.server.until("all to want a place", wanted).await;
    hanging.hit(OF_ONE).await;
    assert_eq!(hanging.hits(), OF_ONE);
}
