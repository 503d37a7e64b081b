//! The revision that a chart sees is the one that is made, and makes no other.

use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::drift::Bound;
use super::helm_record;
use super::machine::guest;
use super::scene::{QUIET, Scene};

/// Prints what Helm says of the release.
const PRINTED: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-printed}
data:
  revision: {{ .Release.Revision | quote }}
  install: {{ .Release.IsInstall | quote }}
  upgrade: {{ .Release.IsUpgrade | quote }}
";

/// The newest record's revision.
fn recorded(server: &ApiServer) -> Option<u64> {
    let secrets = server.objects("Secret", "default");
    let records = secrets.iter().filter(|secret| secret["type"] == "helm.sh/release.v1");
    records
        .filter_map(|record| helm_record::decoded(record)["version"].as_u64())
        .max()
}

async fn bound() -> Bound {
    Bound::on(Scene::serving(&guest::objects_with(&[("printed.yaml", PRINTED)]))).await
}

/// Waits for a revision, and checks what its chart has printed.
async fn comes(bound: &Bound, revision: u64, is_upgrade: bool) {
    let is_recorded = |server: &ApiServer| (recorded(server) == Some(revision)).then_some(());
    let what = format!("revision {revision}");
    bound.server().until(&what, is_recorded).await;
    let printed = bound.server().object("ConfigMap", "default", "demo-printed").unwrap();
    let expected = json!({
        "revision": revision.to_string(), "install": (!is_upgrade).to_string(), "upgrade": is_upgrade.to_string(),
    });
    assert_eq!(printed["data"], expected);
}

fn ask_for(bound: &Bound, mode: &str) {
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!(mode));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_prints_its_revision_comes_to_rest() {
    let mut bound = bound().await;
    comes(&bound, 1, false).await;
    bound.rests(1).await;
    ask_for(&bound, "two");
    comes(&bound, 2, true).await;
    bound.rests(2).await;

    let first = bound.stop();
    bound.scene.kill(first);
    let _second = bound.scene.start().await;
    bound.rests(2).await;
    comes(&bound, 2, true).await;

    // What is put back is a revision as well.
    bound.edit("ConfigMap", "demo-printed", "/data/revision", &json!("1"));
    comes(&bound, 3, true).await;
    bound.rests(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_print_the_same_revision() {
    let bound = bound().await;
    let _second = bound.scene.start().await;
    bound.server().settled(QUIET).await;
    ask_for(&bound, "two");
    comes(&bound, 2, true).await;
    bound.rests(2).await;
    comes(&bound, 2, true).await;
}

/// Helm counts those that have failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_after_one_that_failed_has_the_next_number() {
    let mut bound = bound().await;
    let first = bound.stop();
    bound.scene.kill(first);
    let name = "sh.helm.release.v1.demo.v1";
    bound.server().edit("Secret", "default", name, |record| {
        helm_record::change(record, |release| release["info"]["status"] = json!("failed"));
        record["metadata"]["labels"]["status"] = json!("failed");
    });
    let _second = bound.scene.start().await;
    comes(&bound, 2, false).await;
    bound.rests(2).await;
    let record = bound.server().object("Secret", "default", name).unwrap();
    assert_eq!(record["metadata"]["labels"]["status"], Value::from("failed"));
}
