//! Records that somebody has changed who may write such objects, and no privileged pods.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::{ALLUXIO, Cluster, Driver, JINDO, JUICEFS};
use crate::in_process::helm_record;

/// What is said of a record of somebody else, and of images that have powers over nodes and that
/// nobody has named, which are looked at before.
const REFUSED: [&str; 2] = [
    "was not written by this installation",
    "add it to `images` of the plugin's registration",
];
const EVIL: &str = "registry.example.org/evil";

impl Cluster {
    fn images(&self) -> Vec<String> {
        let mut all = Vec::new();
        for kind in ["StatefulSet", "DaemonSet"] {
            for set in self.server().objects(kind, "default") {
                let containers = set["spec"]["template"]["spec"]["containers"].as_array().cloned();
                all.extend(
                    containers
                        .into_iter()
                        .flatten()
                        .map(|container| container["image"].to_string()),
                );
            }
        }
        all
    }

    /// Changes the newest record.
    fn forge(&self, change: impl Fn(&mut Value)) {
        let (maps, secrets) = self.records();
        let (kind, revision) = match secrets.last() {
            Some(revision) => ("Secret", revision),
            None => ("ConfigMap", maps.last().unwrap()),
        };
        let name = format!("sh.helm.release.v1.{}.{revision}", self.left.name);
        self.server()
            .edit(kind, "default", &name, |object| helm_record::change(object, &change));
    }

    /// Asks for something that needs an upgrade.
    async fn ask(&self, memory: &str) {
        self.edit(&self.left.kind, |runtime| {
            runtime["spec"]["worker"]["resources"]["requests"]["memory"] = json!(memory);
        })
        .await;
    }

    fn is_refused(&self) -> bool {
        let conditions = self.object(&self.left.kind)["status"]["conditions"].to_string();
        let events = self.server().objects("Event", "default");
        let mut told = std::iter::once(conditions).chain(events.iter().map(Value::to_string));
        told.any(|told| REFUSED.iter().any(|words| told.contains(words)))
    }
}

/// Exchanges every image in the values.
fn exchange(values: &mut Value) {
    match values {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "image" && value.is_string() {
                    *value = json!(EVIL);
                } else {
                    exchange(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(exchange),
        _ => {}
    }
}

#[rstest]
#[case::juicefs(JUICEFS)]
#[case::alluxio(ALLUXIO)]
#[case::jindo(JINDO)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_only_a_record_names_come_to_no_pod(#[case] file: usize, #[values(false, true)] upgraded: bool) {
    let cluster = Cluster::with(file, Driver::ConfigMap, |left| left).await;
    let first = cluster.start().await;
    if upgraded {
        cluster.ask("5Gi").await;
        assert_eq!(cluster.records().1, ["v1", "v2"]);
    }
    cluster.scene.kill(first);
    let before = cluster.images();
    cluster.forge(|record| exchange(&mut record["config"]));
    let _second = cluster.start().await;
    cluster.ask("6Gi").await;
    let told = cluster.object("Dataset")["status"]["conditions"].to_string();
    assert!(cluster.is_refused(), "{told}\n{}", cluster.server().situation());
    assert_eq!(cluster.images(), before);
    let memory = "/spec/template/spec/containers/0/resources/requests/memory";
    assert_ne!(cluster.workers().pointer(memory), Some(&json!("6Gi")));
}

/// Nobody can tell a record that Helm has written from one that Wasser has, but by its signature.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_says_what_is_there_needs_no_signature() {
    let cluster = Cluster::new(JUICEFS).await;
    let first = cluster.start().await;
    cluster.ask("5Gi").await;
    cluster.scene.kill(first);
    // As where the key is lost.
    cluster.forge(|record| record["info"]["description"] = json!("restored"));
    let before = cluster.images();
    let _second = cluster.start().await;
    cluster.ask("6Gi").await;
    assert!(!cluster.is_refused(), "{}", cluster.server().situation());
    assert_eq!(cluster.images(), before);
    assert_eq!(cluster.records().1, ["v1", "v2", "v3"]);
}

/// A record without its release: somebody may write one before there is a runtime.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_of_a_forged_record_is_not_run() {
    let cluster = Cluster::new(JUICEFS).await;
    let first = cluster.start().await;
    cluster.ask("5Gi").await;
    cluster.scene.kill(first);
    let pod = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-a-hook}\ndata: {a: b}\n";
    cluster.forge(|record| {
        record["hooks"] = json!([{"name": "from-a-hook", "kind": "ConfigMap", "path": "demo/templates/hook.yaml",
            "manifest": pod, "events": ["pre-delete"], "last_run": {"started_at": "", "completed_at": "", "phase": ""}}]);
    });
    let _second = cluster.start().await;
    let name = cluster.left.name.clone();
    cluster.server().delete("Dataset", "default", &name);
    let gone = |server: &ApiServer| server.object("Dataset", "default", &name).is_none().then_some(());
    cluster.server().until("the deletion to end", gone).await;
    assert!(cluster.server().object("ConfigMap", "default", "from-a-hook").is_none());
}

/// What an upgrade leaves behind is as much somebody else's as it was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_record_is_not_signed_by_the_upgrade_after_it() {
    let cluster = Cluster::new(JUICEFS).await;
    let first = cluster.start().await;
    cluster.ask("5Gi").await;
    cluster.scene.kill(first);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-a-hook}\ndata: {a: b}\n";
    cluster.forge(|record| {
        record["hooks"] = json!([{"name": "from-a-hook", "kind": "ConfigMap", "path": "demo/templates/hook.yaml",
            "manifest": map, "events": ["pre-delete"], "last_run": {"started_at": "", "completed_at": "", "phase": ""}}]);
    });
    let second = cluster.start().await;
    cluster.ask("6Gi").await;
    assert_eq!(cluster.records().1, ["v1", "v2", "v3"]);
    cluster.scene.kill(second);
    let name = cluster.left.name.clone();
    cluster
        .server()
        .delete("Secret", "default", &format!("sh.helm.release.v1.{name}.v3"));
    cluster.server().delete("Dataset", "default", &name);
    let _third = cluster.scene.start().await;
    let gone = |server: &ApiServer| server.object("Dataset", "default", &name).is_none().then_some(());
    cluster.server().until("the deletion to end", gone).await;
    assert!(cluster.server().object("ConfigMap", "default", "from-a-hook").is_none());
}

/// A list of zeros is a record of some kilobytes, and gigabytes as values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_unpacks_to_much_is_named_and_changes_nothing() {
    let cluster = Cluster::new(JUICEFS).await;
    let first = cluster.start().await;
    cluster.ask("5Gi").await;
    cluster.scene.kill(first);
    let before = cluster.images();
    cluster.forge(|record| record["config"] = json!(vec![0; 3 << 20]));
    let _second = cluster.scene.start().await;
    let name = cluster.left.name.clone();
    let told = |server: &ApiServer| {
        let runtime = server.object(&cluster.left.kind, "default", &name)?;
        let mut told = server.objects("Event", "default");
        told.push(runtime["status"]["conditions"].clone());
        let told = told
            .iter()
            .find(|told| told.to_string().contains("unpacks to more than 4194304 bytes"));
        told.map(drop)
    };
    cluster.server().until("the record to be named", told).await;
    assert_eq!(cluster.images(), before);
    // Whoever is told to delete it does so, and the rest is as it was.
    cluster
        .server()
        .delete("Secret", "default", &format!("sh.helm.release.v1.{name}.v2"));
    cluster.ask("6Gi").await;
    let upgraded = |_: &ApiServer| (cluster.records().1.last()?.as_str() > "v1").then_some(());
    cluster.server().until("the next upgrade", upgraded).await;
}
