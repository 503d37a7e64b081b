//! What docs/writing-a-runtime.md says, done: the guide's runtime is built, registered and bound.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use kube::ResourceExt;
use kube::api::ListParams;

use wasser_tests::Operator;
use wasser_tests::guide::{EXAMPLE, Guide, Package};
use wasser_tests::tools::wasser;

/// The guide's runtime as it is.
fn runtime() -> Package {
    Guide::write(|_, _| ()).package()
}

/// The names of the records of a release.
async fn revisions(operator: &Operator, name: &str) -> Vec<String> {
    let records = ListParams::default().labels(&format!("owner=helm,name={name}"));
    let found = operator.api("v1", "Secret").list(&records).await.unwrap();
    found.items.iter().map(ResourceExt::name_any).collect()
}

/// Waits until the runtimes have been looked at a few times more.
async fn reconciled(operator: &Operator) {
    let before = operator.metrics().await.reconciles(EXAMPLE);
    let more = || async { (operator.metrics().await.reconciles(EXAMPLE) >= before + 3).then_some(()) };
    operator.eventually("more reconciles", more).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_guides_runtime_is_bound_with_one_revision_and_leaves_nothing() {
    let package = runtime();
    let checked = wasser(&["plugin", "check", &package.manifest]).await;
    assert!(checked.starts_with("loaded: serves ExampleRuntime"), "{checked}");
    let rendered = wasser(&["render", "--plugin", &package.manifest, &package.demo]).await;
    assert!(
        rendered.contains("name: demo-worker") && rendered.contains("name: demo-fuse"),
        "{rendered}"
    );

    let operator = Operator::start_with("guide", &["--sync-period", "1s"]).await;
    operator.serve_package(&package).await;
    operator.create_demo(&package, "demo").await;
    operator.bound("demo").await;
    reconciled(&operator).await;
    assert_eq!(revisions(&operator, "demo").await, ["sh.helm.release.v1.demo.v1"]);

    operator.delete_demo("demo").await;
    operator.end_with_package().await;
}
