//! Masters that do not answer: their runtimes say so, and nobody else waits for them. Fake nodes
//! have no containers; in the namespaces `hung-masters` and `dead-masters`, the programs that
//! answer for the masters hang, or fail.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::ResourceExt;
use serde_json::{Value, json};

use wasser_e2e::manifests;
use wasser_e2e::plugins::{JUICEFS, mount_by_commands, replace_line};
use wasser_e2e::{Operator, User};

const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "AlluxioRuntime";
/// How many masters never answer: more than there are workers.
const HUNG: u64 = 6;
/// How many runtimes of another kind are served meanwhile.
const HEALTHY: u64 = 4;

/// Registers the plugin, whose calls may take so long, configured to mount by commands alone.
async fn register(operator: &Operator, deadline: &str) {
    let limits = format!("limits: {{memory: 64Mi, cpu: 500ms, deadline: {deadline}}}");
    let change = |yaml: &mut String| {
        mount_by_commands(yaml);
        replace_line(yaml, "limits:", &limits);
    };
    operator.serve_with("alluxio", change).await;
}

async fn serving(name: &str, deadline: &str) -> Operator {
    let operator = Operator::start_with(name, &["--workers", "2", "--sync-period", "2s"]).await;
    operator.serve_juicefs().await;
    register(&operator, deadline).await;
    operator
}

/// Applies a Dataset and its runtime, with these mounts.
async fn apply(user: &User, name: &str, mounts: Option<Value>) {
    for object in manifests::alluxio(name, mounts) {
        user.apply(&object).await;
    }
}

/// Deletes Datasets at the same time, and waits until they are gone.
async fn delete_all(user: &User, names: &[String]) {
    for name in names {
        user.delete(API, "Dataset", name).await;
    }
    for name in names {
        for kind in ["Dataset", KIND, JUICEFS] {
            user.gone(API, kind, name).await;
        }
    }
}

/// Reconciles of the kind that are under way.
async fn under_way(operator: &Operator) -> u64 {
    let metrics = operator.metrics().await;
    metrics.sum("wasser_reconciles_running", &[("kind", KIND)])
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn masters_that_never_answer_delay_nobody() {
    let mut operator = serving("hung", "40s").await;
    let hung = operator.namespace_named("hung-masters").await;
    let silent: Vec<String> = (0..HUNG).map(|number| format!("hung-{number}")).collect();
    for name in &silent {
        apply(&hung, name, None).await;
    }
    // They wait for their masters at the same time, although there are fewer workers.
    let all = || async { (under_way(&operator).await == HUNG).then_some(()) };
    operator.eventually("every runtime waits for its master", all).await;

    // Meanwhile, others of the same kind and of another are served.
    operator.apply(&manifests::secret(1)).await;
    let mut healthy: Vec<String> = (0..HEALTHY).map(|number| format!("healthy-{number}")).collect();
    for name in &healthy {
        operator.apply(&manifests::dataset(name)).await;
        operator.apply(&manifests::runtime(name)).await;
    }
    healthy.push("mirrors".to_owned());
    apply(&operator, "mirrors", None).await;
    for name in &healthy {
        operator.bound(name).await;
    }
    assert!(
        under_way(&operator).await >= HUNG,
        "the masters were given up before the others were served"
    );

    // The operator ends without waiting for them, and a shorter patience holds from the next start
    // on.
    assert!(operator.terminate().await.success());
    register(&operator, "2s").await;
    operator.restart().await;
    for name in &silent {
        let master = format!("in pod {name}-master-0");
        hung.condition_saying(name, "NotReady", &[&master, "did not finish in time"])
            .await;
    }
    delete_all(&hung, &silent).await;
    hung.empty(&[]).await;
    hung.leave().await;
    delete_all(&operator, &healthy).await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_master_that_never_answers_is_told_asked_less_and_less_and_let_go() {
    let operator = serving("hung-one", "2s").await;
    let hung = operator.namespace_named("hung-masters").await;
    apply(&hung, "mirrors", None).await;
    let uid = hung.api(API, KIND).get("mirrors").await.unwrap().uid().unwrap();
    let says = "`alluxio fs mount` in pod mirrors-master-0";
    hung.event_saying("ErrorProcessRuntime", &uid, says).await;
    hung.condition_saying("mirrors", "NotReady", &[says, "did not finish in time"])
        .await;
    // The pauses become longer than what counts as rest.
    operator
        .at_rest("the number of reconciles", |metrics| metrics.reconciles(KIND))
        .await;
    hung.delete_dataset("mirrors").await;
    let skipped = hung
        .event_saying("ErrorProcessRuntime", &uid, "the deletion goes on")
        .await;
    let note = skipped.message.unwrap();
    assert!(
        note.contains("after 3 attempts") && note.contains("alluxio fsadmin report summary"),
        "{note}"
    );
    hung.empty(&[]).await;
    hung.clean_nodes().await;
    hung.leave().await;
    operator.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_dead_master_does_not_keep_its_dataset_from_being_deleted() {
    let operator = serving("dead", "10s").await;
    let dead = operator.namespace_named("dead-masters").await;
    // What is mounted at the root needs no command.
    let root = json!([{"mountPoint": "s3://bucket/data", "name": "data", "path": "/"}]);
    apply(&dead, "mirrors", Some(root)).await;
    let policy = json!({"spec": {"management": {"cleanCachePolicy": {"maxRetryAttempts": 2}}}});
    dead.patch(KIND, "mirrors", &policy).await;
    dead.bound("mirrors").await;
    let uid = dead.api(API, KIND).get("mirrors").await.unwrap().uid().unwrap();
    dead.delete_dataset("mirrors").await;
    let skipped = dead
        .event_saying("ErrorProcessRuntime", &uid, "the deletion goes on")
        .await;
    let note = skipped.message.unwrap();
    assert!(
        note.contains("Failed to clean the cache after 2 attempts") && note.contains("alluxio fsadmin report summary"),
        "{note}"
    );
    dead.empty(&[]).await;
    dead.clean_nodes().await;
    dead.leave().await;
    operator.end().await;
}
