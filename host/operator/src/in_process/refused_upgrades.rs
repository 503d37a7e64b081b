//! Upgrades that the API server refuses: what becomes of the release.

use rstest::rstest;
use serde_json::json;
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault};

use super::drift::{Bound, IMAGE, MODE, patches_clients, writes_clients};
use super::scene::{OPERATOR, QUIET};

fn invalid() -> Failure {
    Failure::new(
        422,
        "Invalid",
        "DaemonSet.apps \"demo-fuse\" is invalid: spec.template: Required value",
    )
}

fn denied() -> Failure {
    Failure::new(
        403,
        "Forbidden",
        "admission webhook \"policy\" denied the request: no such image",
    )
}

/// Waits until the Dataset says why its upgrade is refused.
async fn complains(bound: &Bound, words: &str) {
    let look = |server: &ApiServer| {
        let dataset = server.object("Dataset", "default", "demo")?;
        let conditions = dataset["status"]["conditions"].to_string();
        conditions.contains(words).then_some(())
    };
    bound
        .server()
        .until(&format!("the condition with {words:?}"), look)
        .await;
}

#[rstest]
#[case::invalid(invalid(), "spec.template: Required value")]
#[case::denied(denied(), "denied the request")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_which_an_object_is_refused_writes_nothing(#[case] failure: Failure, #[case] words: &str) {
    let bound = Bound::new().await;
    let _refused = bound
        .server()
        .arm(Fault::any().when(patches_clients), Effect::Answer(failure));
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    complains(&bound, words).await;
    bound.comes("ConfigMap", "demo-config", "/data/mode", "one").await;
    bound.comes("StatefulSet", "demo-worker", MODE, "one").await;
    bound.rests(1).await;
}

#[rstest]
#[case::invalid(invalid())]
#[case::denied(denied())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_half_way_is_taken_back_while_the_change_stays(#[case] failure: Failure) {
    let bound = Bound::new().await;
    // A policy that has come since the upgrade was tried out.
    let fault = Fault::any().when(writes_clients).times(1);
    let refused = bound.server().arm(fault, Effect::Answer(failure));
    bound.edit("DemoRuntime", "demo", "/spec/values/mode", &json!("two"));
    refused.hit(1).await;
    bound.comes("ConfigMap", "demo-config", "/data/mode", "one").await;
    bound.comes("StatefulSet", "demo-worker", MODE, "one").await;
    bound.server().settled(QUIET).await;
    bound.rests(2).await;
}

/// A repair puts back what the API server has taken before, so it is not left for minutes as a change
/// is that was refused, and there is nothing else to go back to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_is_refused_for_a_while_is_tried_again_and_once_each_time() {
    let bound = Bound::new().await;
    bound.server().take_requests();
    let fault = Fault::any().when(writes_clients).times(2);
    let refused = bound.server().arm(fault, Effect::Answer(denied()));
    bound.edit("DaemonSet", "demo-fuse", IMAGE, &json!("other"));
    refused.hit(2).await;
    bound.comes("DaemonSet", "demo-fuse", IMAGE, "demo").await;
    bound.server().settled(QUIET).await;
    let writes = bound.server().take_requests().of(OPERATOR).writes();
    let of_clients: Vec<String> = writes
        .0
        .iter()
        .map(wasser_test_api_server::Record::describe)
        .filter(|write| write.contains("daemonsets") || write.contains("datasets"))
        .collect();
    // Between two attempts, the Dataset says why.
    let attempts: Vec<usize> = (0..of_clients.len())
        .filter(|at| of_clients[*at].ends_with("403"))
        .collect();
    assert!(attempts.windows(2).all(|pair| pair[1] > pair[0] + 1), "{of_clients:#?}");
    bound.rests(2).await;
}
