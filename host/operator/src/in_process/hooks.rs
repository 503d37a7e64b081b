//! Hooks of charts that do not end for long.

use std::time::Duration;

use serde_json::{Value, json};
use wasser_plugin::{HostConfig, PluginHost};
use wasser_test_api_server::{ApiServer, Attempt, Effect, Fault, Verb};

use super::common::Guest;
use super::scene::{OPERATOR, QUIET, STATEFUL_SET, Scene, chart, crd, registration};

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
    create_with(scene, namespace, name, &json!([]));
}

/// Creates them with these options of the mount.
fn create_with(scene: &Scene, namespace: &str, name: &str, options: &Value) {
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        })
    };
    let mounts = json!([{"mountPoint": "demo://bucket", "name": "demo", "encryptOptions": options}]);
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

/// Whether anybody in a namespace is told that a reconcile has come to its limit.
fn is_cut_off(server: &ApiServer, namespace: &str) -> bool {
    let mut told = ["Dataset", "Event"]
        .into_iter()
        .flat_map(|kind| server.objects(kind, namespace));
    told.any(|object| object.to_string().contains("it took longer than"))
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

#[tokio::test]
async fn a_hook_may_take_longer_than_a_reconcile_and_keeps_no_instance_of_the_plugin() {
    let directory = tempfile::tempdir().unwrap();
    let plugins = PluginHost::new(HostConfig::new(directory.path())).unwrap();
    let mut scene = scene();
    scene.deadline = Duration::from_secs(3);
    scene.plugins = plugins.clone();
    let _operator = scene.start().await;
    scene.server.namespace("hooked");
    create(&scene, "hooked", "demo");
    hooks_begin(&scene, "hooked", 1).await;
    scene.server.settled(QUIET).await;
    assert_eq!(plugins.instances(), 0);

    // One that begins later comes to its limit, since a Secret that it looks for is not answered for.
    let is_key = |attempt: &Attempt<'_>| attempt.call.name == "keys";
    let look = Fault::any()
        .of(OPERATOR)
        .verb(Verb::Get)
        .resource("secrets")
        .when(is_key);
    let _hanging = scene.server.arm(look, Effect::Hang);
    let key = json!({"name": "key", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "id"}}});
    create_with(&scene, "default", "slow", &json!([key]));
    let cut_off = |server: &ApiServer| is_cut_off(server, "default").then_some(());
    scene.server.until("a reconcile to come to its limit", cut_off).await;
    assert!(!is_cut_off(&scene.server, "hooked"), "{}", scene.server.situation());

    end_hook(&scene, "hooked", "demo");
    installed(&scene, "hooked", "demo").await;
    assert_eq!(scene.server.lives()["Job hooked/demo-prepare"], (1, 0));
}
