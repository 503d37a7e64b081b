//! Objects of others that have the names of a runtime's: they are named and stay as they are,
//! nothing of the release is written, and the runtime goes on by itself once they are gone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::Operator;
use wasser_e2e::charts::{self, Files};
use wasser_e2e::manifests::{dataset, file, runtime, secret};
use wasser_e2e::plugins::Verdict;
use wasser_e2e::tools;

/// The kinds that a release writes, and those that are kept in addition to it.
const KINDS: [(&str, &str); 10] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];
/// A watch tells of what is gone; of kinds that the operator does not watch, a look every ten
/// seconds. Binding takes its time as well, and nobody would look without a reason for a minute.
const SOON: Duration = Duration::from_secs(40);

/// Everything of [`KINDS`] in the namespace but the registrations of plugins, with UID and version.
async fn snapshot(operator: &Operator) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (api_version, kind) in KINDS {
        for object in operator
            .api(api_version, kind)
            .list(&ListParams::default())
            .await
            .unwrap()
        {
            if !object.labels().contains_key("wasser.fluid.io/plugin") {
                let version = format!("{} {}", object.uid().unwrap(), object.resource_version().unwrap());
                all.insert(format!("{kind} {}", object.name_any()), version);
            }
        }
    }
    all
}

/// Waits for what the namespace has by itself, and makes what every test's Dataset names.
async fn settle(operator: &Operator) {
    operator.apply(&secret(1)).await;
    operator
        .object("v1", "ConfigMap", "kube-root-ca.crt", "is there", |_| Some(()))
        .await;
    operator
        .object("v1", "ServiceAccount", "default", "is there", |_| Some(()))
        .await;
}

/// Waits until a runtime is refused in event and condition with all of these words, and checks that
/// this is not tried in circles and that nothing in the namespace is other than `before`.
async fn refused(operator: &Operator, kind: &str, name: &str, words: &[&str], before: &BTreeMap<String, String>) {
    let api = operator.api("data.fluid.io/v1alpha1", kind);
    let uid = api.get(name).await.unwrap().uid().unwrap();
    let event = operator.event_saying("ErrorProcessRuntime", &uid, words[0]).await;
    let event = event.message.unwrap();
    for words in words {
        assert!(event.contains(words), "{words}: {event}");
    }
    operator.condition_saying(name, "NotReady", words).await;
    let shown = operator.metrics().await.reconciles(kind);
    let at_rest = operator
        .at_rest("the number of reconciles", |metrics| metrics.reconciles(kind))
        .await;
    assert!(at_rest <= shown + 3, "{shown} reconciles, then {at_rest}");
    assert_eq!(snapshot(operator).await, *before, "{}", operator.situation().await);
    let phase = operator.datasets().get(name).await.unwrap().data["status"]["phase"].clone();
    assert_ne!(phase, "Bound");
}

async fn bound_soon(operator: &Operator, name: &str) {
    let look = |dataset: &kube::api::DynamicObject| (dataset.data["status"]["phase"] == "Bound").then_some(());
    operator
        .object_within(SOON, "data.fluid.io/v1alpha1", "Dataset", name, "is Bound", look)
        .await;
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"mine": "1"}})
}

fn stateful_set(name: &str) -> Value {
    let pod = json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "c",
        "image": "none.invalid/none"}]}});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {"replicas": 0, "serviceName": name, "selector": {"matchLabels": {"app": "shop"}}, "template": pod}})
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_users_objects_beside_a_runtime_stay_and_the_dataset_is_bound_once_they_are_gone() {
    let operator = Operator::start_serving("foreign").await;
    settle(&operator).await;
    operator.apply(&stateful_set("web-worker")).await;
    operator.apply(&config_map("web-worker-script")).await;
    // Its controller has looked at it.
    let observed = |set: &kube::api::DynamicObject| set.data["status"]["observedGeneration"].as_i64();
    operator
        .object("apps/v1", "StatefulSet", "web-worker", "is observed", observed)
        .await;
    let before = snapshot(&operator).await;
    operator.create("web").await;
    let words = [
        "StatefulSet NAMESPACE/web-worker",
        "ConfigMap NAMESPACE/web-worker-script",
        "exist already and are not this runtime's; delete what nobody needs, give the Dataset and its runtime \
            another name",
    ]
    .map(|words| words.replace("NAMESPACE", &operator.namespace));
    let words = words.each_ref().map(String::as_str);
    refused(&operator, "JuiceFSRuntime", "web", &words, &before).await;

    // Who deletes the runtime deletes nothing else.
    operator.delete_dataset("web").await;
    assert_eq!(snapshot(&operator).await, before);

    operator.create("web").await;
    refused(&operator, "JuiceFSRuntime", "web", &words, &before).await;
    operator.delete("v1", "ConfigMap", "web-worker-script").await;
    operator.delete("apps/v1", "StatefulSet", "web-worker").await;
    bound_soon(&operator, "web").await;
    operator.delete_dataset("web").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_values_map_of_somebody_else_is_not_overwritten() {
    let operator = Operator::start_serving("foreign-values").await;
    settle(&operator).await;
    operator.apply(&config_map("web-juicefs-values")).await;
    let before = snapshot(&operator).await;
    operator.create("web").await;
    let words = format!(
        "ConfigMap {}/web-juicefs-values exists already and is not this runtime's",
        operator.namespace
    );
    refused(&operator, "JuiceFSRuntime", "web", &[&words], &before).await;
    operator.delete_dataset("web").await;
    assert_eq!(snapshot(&operator).await, before);

    operator.create("web").await;
    refused(&operator, "JuiceFSRuntime", "web", &[&words], &before).await;
    operator.delete("v1", "ConfigMap", "web-juicefs-values").await;
    bound_soon(&operator, "web").await;
    operator.delete_dataset("web").await;
    operator.gone("v1", "ConfigMap", "web-juicefs-values").await;
    operator.end().await;
}

/// Registers the plugin once more, with another chart. The verdict stays what it was, so the log
/// says when that serves.
async fn serve(operator: &Operator, change: impl FnOnce(&mut ConfigMap)) {
    let before = operator.log_lines("serves JuiceFSRuntime");
    operator.register_map("juicefs", change).await;
    let serves = || async { (operator.log_lines("serves JuiceFSRuntime") > before).then_some(()) };
    operator.eventually("the plugin serves with its chart", serves).await;
}

/// Puts a template into the chart.
fn add(files: &mut Files, text: &str) {
    let (directory, _) = files[0].0.split_once('/').unwrap();
    files.push((format!("{directory}/templates/hostile.yaml"), text.as_bytes().to_vec()));
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_chart_takes_nothing_that_is_there_already() {
    let operator = Operator::start_serving("foreign-chart").await;
    settle(&operator).await;
    operator.apply(&config_map("settings")).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ci-deployer"}});
    operator.apply(&account).await;
    operator.apply(&stateful_set("shop")).await;
    let observed = |set: &kube::api::DynamicObject| set.data["status"]["observedGeneration"].as_i64();
    operator
        .object("apps/v1", "StatefulSet", "shop", "is observed", observed)
        .await;
    let pods = "  serviceName: shop\n  selector: {matchLabels: {app: {{ .Release.Name }}}}\n  template:\n    metadata: \
                {labels: {app: {{ .Release.Name }}}}\n    spec:\n\
                \x20     serviceAccountName: ci-deployer\n      containers: [{name: c, image: none.invalid/none}]\n";
    let object = |version: &str, kind: &str, name: &str| {
        format!("---\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n")
    };
    let account = object("v1", "ServiceAccount", "ci-deployer");
    let taken = |what: &str| format!("{what} exists already and is not this runtime's");
    let not_granted = |what: &str| format!("{what} is of a kind that is not granted");
    let hook = "  annotations: {helm.sh/hook: post-delete, helm.sh/hook-delete-policy: hook-succeeded}\n";
    let hostile = [
        (
            object("v1", "ConfigMap", "kube-root-ca.crt") + "data: {ca.crt: none}\n",
            taken("ConfigMap NS/kube-root-ca.crt"),
        ),
        (
            object("v1", "ServiceAccount", "default"),
            not_granted("ServiceAccount default"),
        ),
        (object("v1", "ConfigMap", "settings"), taken("ConfigMap NS/settings")),
        (
            object("v1", "ConfigMap", "settings") + hook,
            taken("ConfigMap NS/settings"),
        ),
        // An account that is not the chart's does not become so by being rendered: its pods would
        // act in its name.
        (
            account + &object("apps/v1", "StatefulSet", "thief") + "spec:\n" + pods,
            not_granted("ServiceAccount ci-deployer"),
        ),
        (
            object("apps/v1", "StatefulSet", "shop") + "spec:\n" + &pods.replace("ci-deployer", "default"),
            taken("StatefulSet NS/shop"),
        ),
    ];
    let before = snapshot(&operator).await;
    for (number, (template, words)) in hostile.iter().enumerate() {
        serve(&operator, |map| charts::change(map, |files| add(files, template))).await;
        let name = format!("web-{number}");
        operator.create(&name).await;
        let words = words.replace("NS", &operator.namespace);
        refused(&operator, "JuiceFSRuntime", &name, &[&words], &before).await;
        // The chart may as well be corrected.
        serve(&operator, |_| ()).await;
        bound_soon(&operator, &name).await;
        operator.delete_dataset(&name).await;
        let left = || async { (snapshot(&operator).await == before).then_some(()) };
        operator
            .eventually("what others have is left, and nothing else", left)
            .await;
    }
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn of_two_runtimes_that_want_one_name_the_second_waits_for_the_first() {
    let operator = Operator::start_serving("foreign-rival").await;
    operator.serve("jindo").await;
    settle(&operator).await;
    // Both have workers and clients called `images-jindofs-…`.
    operator.create("images-jindofs").await;
    operator.bound("images-jindofs").await;
    let claimed = |claim: &kube::api::DynamicObject| (claim.data["status"]["phase"] == "Bound").then_some(());
    operator
        .object("v1", "PersistentVolumeClaim", "images-jindofs", "is bound", claimed)
        .await;
    operator
        .at_rest("the number of reconciles", |metrics| {
            metrics.reconciles("JuiceFSRuntime")
        })
        .await;
    let jindo = file("jindo.yaml");
    for object in jindo.iter().filter(|object| object["kind"] == "Secret") {
        operator.apply(object).await;
    }
    let before = snapshot(&operator).await;
    for object in jindo.iter().filter(|object| object["kind"] != "Secret") {
        operator.apply(object).await;
    }
    let words = [
        "StatefulSet NS/images-jindofs-worker (of JuiceFSRuntime images-jindofs)",
        "DaemonSet NS/images-jindofs-fuse (of JuiceFSRuntime images-jindofs)",
    ]
    .map(|words| words.replace("NS", &operator.namespace));
    refused(
        &operator,
        "JindoRuntime",
        "images",
        &words.each_ref().map(String::as_str),
        &before,
    )
    .await;
    operator.delete_dataset("images-jindofs").await;
    // Its master answers nothing where pods have no containers; but it is installed.
    let own = |set: &kube::api::DynamicObject| {
        let owner = set
            .owner_references()
            .iter()
            .find(|owner| owner.controller == Some(true))?;
        (owner.kind == "JindoRuntime").then_some(())
    };
    let worker = "images-jindofs-worker";
    operator
        .object_within(SOON, "apps/v1", "StatefulSet", worker, "is JindoRuntime's", own)
        .await;
    operator.delete_dataset("images").await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_users_helm_release_of_the_name_is_not_taken_for_the_runtimes() {
    let operator = Operator::start_serving("foreign-release").await;
    settle(&operator).await;
    let chart = wasser_e2e::environment::scratch().join(format!("{}-chart", operator.namespace));
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    // Of the same name as the chart that the plugin has.
    std::fs::write(
        chart.join("Chart.yaml"),
        "apiVersion: v2\nname: juicefs\nversion: 0.1.0\n",
    )
    .unwrap();
    std::fs::write(
        chart.join("templates/map.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n",
    )
    .unwrap();
    let path = chart.display().to_string();
    tools::helm(&["install", "web", &path, "--namespace", &operator.namespace]).await;
    let before = snapshot(&operator).await;
    operator.create("web").await;
    let words = format!(
        "the Helm release {}/web is of the chart juicefs and not this runtime's; uninstall it",
        operator.namespace
    );
    refused(&operator, "JuiceFSRuntime", "web", &[&words], &before).await;
    operator.delete_dataset("web").await;
    assert_eq!(snapshot(&operator).await, before);

    operator.create("web").await;
    refused(&operator, "JuiceFSRuntime", "web", &[&words], &before).await;
    tools::helm(&["uninstall", "web", "--namespace", &operator.namespace]).await;
    bound_soon(&operator, "web").await;
    operator.delete_dataset("web").await;
    operator.end().await;
}

/// The label by which the host watches is the host's to set: a chart that knows nothing of it is
/// installed once, and seen.
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_chart_without_the_label_is_bound_with_one_revision() {
    let operator = Operator::start("foreign-labels").await;
    let strip = |map: &mut ConfigMap| {
        charts::change(map, |files| {
            for (_, content) in files.iter_mut().filter(|(path, _)| path.ends_with("_labels.tpl")) {
                let text = String::from_utf8(content.clone()).unwrap();
                let kept = text.lines().filter(|line| !line.starts_with("fluid.io/dataset-id:"));
                *content = kept.map(|line| format!("{line}\n")).collect::<String>().into_bytes();
                assert_ne!(text.as_bytes(), content.as_slice());
            }
        });
    };
    operator.register_map("juicefs", strip).await;
    operator.verdict("juicefs", Verdict::Loaded).await;
    operator.create("demo").await;
    operator.bound("demo").await;
    operator
        .at_rest("the number of reconciles", |metrics| {
            metrics.reconciles("JuiceFSRuntime")
        })
        .await;
    let id = format!("{}-demo", operator.namespace);
    for (api_version, kind) in KINDS.into_iter().filter(|(_, kind)| *kind != "Secret") {
        for object in operator
            .api(api_version, kind)
            .list(&ListParams::default())
            .await
            .unwrap()
        {
            if object.name_any().starts_with("demo") {
                let label = object.labels().get("fluid.io/dataset-id").cloned();
                assert_eq!(label.as_ref(), Some(&id), "{kind} {}", object.name_any());
            }
        }
    }
    let pods = Api::<Pod>::namespaced(operator.client.clone(), &operator.namespace);
    let pods = pods.list(&ListParams::default()).await.unwrap();
    assert!(
        !pods.items.is_empty()
            && pods
                .iter()
                .all(|pod| pod.labels().get("fluid.io/dataset-id") == Some(&id))
    );
    let records = Api::<Secret>::namespaced(operator.client.clone(), &operator.namespace);
    let records = records.list(&ListParams::default().labels("owner=helm")).await.unwrap();
    let records: Vec<String> = records.iter().map(ResourceExt::name_any).collect();
    assert_eq!(records, ["sh.helm.release.v1.demo.v1"]);

    // What was rendered offline has the label as well.
    let registration = operator.maps.get("juicefs").await.unwrap();
    let scratch = wasser_e2e::environment::scratch();
    let (plugin, pair) = (
        scratch.join(format!("{id}-plugin.yaml")),
        scratch.join(format!("{id}.yaml")),
    );
    let registration = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "juicefs",
        "labels": registration.metadata.labels},
        "data": registration.data, "binaryData": registration.binary_data});
    std::fs::write(&plugin, registration.to_string()).unwrap();
    let objects = [secret(1), dataset("demo"), runtime("demo")].map(|object| object.to_string());
    std::fs::write(&pair, objects.join("\n---\n")).unwrap();
    let (plugin, pair) = (plugin.display().to_string(), pair.display().to_string());
    let rendered = tools::wasser(&["render", "--plugin", &plugin, "--namespace", &operator.namespace, &pair]).await;
    for document in rendered.split("---\n").filter(|document| !document.is_empty()) {
        assert!(document.contains(&format!("fluid.io/dataset-id: {id}")), "{document}");
    }
    operator.delete_dataset("demo").await;
    operator.end().await;
}
