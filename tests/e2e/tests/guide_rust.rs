//! What docs/writing-a-runtime.md says, done on a real node: the guide's runtime is built, registered and
//! bound, and a pod reads through its client.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use wasser_e2e::guide::{EXAMPLE, Guide, NAME, commands};
use wasser_e2e::plugins::Verdict;
use wasser_e2e::{Operator, environment, release};

/// The command of the guide that makes the Dataset and its runtime.
const CREATE: &str = "kubectl apply -f demo.yaml\n";

/// The names of the records of the Dataset's release, and nothing else of them.
const RECORDS: &str = "kubectl get secrets -l owner=helm,name=demo -o name";

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_commands_of_the_guide_lead_to_a_pod_that_reads_and_leave_nothing() {
    environment::needs_a_real_node();
    let guide = Guide::write("guide-real", |_, _| ());
    guide.package();
    let operator = Operator::start_with("guide-rust", &["--sync-period", "1s"]).await;
    release::install_node_plugin(EXAMPLE).await;

    let [checking]: [String; 1] = commands("6. Build, check").try_into().unwrap();
    let checked = guide.does(&checking, &operator.namespace).await;
    for line in ["loaded: serves ExampleRuntime", "name: demo-worker", "name: demo-fuse"] {
        assert!(checked.contains(line), "{line}: {checked}");
    }
    // The first block starts a cluster and an operator, which are there.
    let [_, registering]: [String; 2] = commands("7. Register").try_into().unwrap();
    let (registering, looking) = registering.split_once(CREATE).unwrap();
    guide.does(registering, &operator.namespace).await;
    operator.verdict(NAME, Verdict::Loaded).await;
    let looked = guide.does(&format!("{CREATE}{looking}"), &operator.namespace).await;
    // Once when it is made, once when it is looked at.
    assert_eq!(
        looked.matches("exampleruntime.data.fluid.io/demo").count(),
        2,
        "{looked}"
    );

    operator.read_demo(NAME).await;
    operator.reconciled(EXAMPLE).await;
    let records = guide.does(RECORDS, &operator.namespace).await;
    assert_eq!(records.trim(), "secret/sh.helm.release.v1.demo.v1");

    operator.delete_demo("demo").await;
    operator.end_with_package().await;
}
