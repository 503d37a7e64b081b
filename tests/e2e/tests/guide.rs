//! What an author of the runtime of docs/writing-a-runtime.md sees of his mistakes, and of those of
//! others.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;

use wasser_e2e::Operator;
use wasser_e2e::guide::{EXAMPLE, Guide, Package};

/// Methods that are wrong for runtimes of certain names, so that one build serves all tests.
const MISTAKES: &str = r#"
    fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {
        assert!(ctx.name != "broken", "nobody expected {}", ctx.name);
        Ok(())
    }

    fn cache_states(ctx: &Context<Spec>, _host: &impl Host) -> Result<Vec<(String, wasser_sdk::Measure)>> {
        assert!(ctx.name != "silent", "no states of {}", ctx.name);
        Ok(Vec::new())
    }
}

wasser_sdk::export!(Example);
"#;

/// How the runtime describes them.
const METHODS: &str = "methods: vec![wasser_sdk::Method::Validate, wasser_sdk::Method::CacheStates],
            ..Description::of(";
/// Values that never come to rest.
const RESTLESS: &str =
    "cache_size: if ctx.name == \"restless\" { ctx.now_ms.to_string() } else { ctx.runtime.spec.cache_size.clone() },";

/// The guide's runtime as it is.
fn runtime() -> Package {
    Guide::write("guide", |_, _| ()).package()
}

/// The guide's runtime with the mistakes in it.
fn mistaken() -> Package {
    let guide = Guide::write("guide", |path, content| {
        if path.ends_with("lib.rs") {
            let end = "}\n\nwasser_sdk::export!(Example);\n";
            assert!(content.ends_with(end), "the guide's code ends otherwise");
            content.truncate(content.len() - end.len());
            content.push_str(MISTAKES);
            *content = content.replace("..Description::of(", METHODS);
            *content = content.replace("cache_size: ctx.runtime.spec.cache_size.clone(),", RESTLESS);
        }
    });
    guide.package()
}

/// The names of the records of a release.
async fn revisions(operator: &Operator, name: &str) -> Vec<String> {
    let records = ListParams::default().labels(&format!("owner=helm,name={name}"));
    let found = operator.api("v1", "Secret").list(&records).await.unwrap();
    found.items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_panic_is_reported_with_its_message_and_line() {
    let package = mistaken();
    let operator = Operator::start_with("panic", &["--sync-period", "1s"]).await;
    operator.serve_package(&package).await;
    let place = "panicked at plugins/example/src/lib.rs:";

    operator.create_demo(&package, "broken").await;
    operator
        .condition_saying("broken", "NotReady", &[place, "nobody expected broken"])
        .await;

    // A conversation is a task: no reconcile fails, and the event is all that its author sees.
    let uid = operator.create_demo(&package, "silent").await;
    operator.bound("silent").await;
    let event = operator
        .event_saying("ErrorProcessRuntime", &uid, "no states of silent")
        .await;
    assert!(event.message.as_deref().unwrap().contains(place), "{event:?}");

    operator.delete_demo("broken").await;
    operator.delete_demo("silent").await;
    operator.end_with_package().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn values_that_do_not_come_to_rest_upgrade_nothing() {
    let package = mistaken();
    let operator = Operator::start_with("restless", &["--sync-period", "1s"]).await;
    operator.serve_package(&package).await;
    let uid = operator.create_demo(&package, "restless").await;
    operator.bound("restless").await;
    let event = operator
        .event_saying("ErrorProcessRuntime", &uid, "asks for others at /cacheSize;")
        .await;
    assert!(
        event.message.as_deref().unwrap().contains("correct the plugin"),
        "{event:?}"
    );

    // What is installed is attended to.
    operator.scale_kind(EXAMPLE, "restless", 2).await;
    let scaled = json!({"desiredWorkerNumberScheduled": 2});
    operator.status(EXAMPLE, "restless", &scaled).await;
    operator
        .delete_until_put_back("apps/v1", "DaemonSet", "restless-fuse")
        .await;
    // The object comes before the record of the revision.
    let recorded = || async { (revisions(&operator, "restless").await.len() >= 2).then_some(()) };
    operator.eventually("the revision that put it back", recorded).await;
    operator.reconciled(EXAMPLE).await;
    assert_eq!(revisions(&operator, "restless").await.len(), 2);

    operator.delete_demo("restless").await;
    operator.end_with_package().await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn an_object_that_somebody_deletes_each_time_is_not_installed_for_ever() {
    let package = runtime();
    let operator = Operator::start_with("repeated", &["--sync-period", "1s"]).await;
    operator.serve_package(&package).await;
    let uid = operator.create_demo(&package, "demo").await;
    operator.bound("demo").await;

    let (sets, events) = (operator.api("apps/v1", "DaemonSet"), operator.api("v1", "Event"));
    let stopped = || async {
        let _ = sets.delete("demo-fuse", &DeleteParams::background()).await;
        let found = events.list(&ListParams::default()).await.unwrap();
        let says = |event: &kube::api::DynamicObject| {
            let message = event.data["message"].as_str().unwrap_or_default();
            event.data["involvedObject"]["uid"] == json!(uid)
                && message.contains("was upgraded too often")
                && message.contains("DaemonSet demo-fuse; find out who deletes them")
        };
        found.items.iter().any(says).then_some(())
    };
    operator.eventually("the event that names the object", stopped).await;
    assert_eq!(revisions(&operator, "demo").await.len(), 6);

    operator.delete_demo("demo").await;
    operator.end_with_package().await;
}
