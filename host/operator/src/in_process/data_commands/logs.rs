//! The logs of the pods of an operation that is followed.

use serde_json::{Value, json};
use wasser_test_api_server::Verb;

use super::{Desk, NAMESPACE, forbidden};
use crate::cli::data::follow::FollowArgs;

#[tokio::test]
async fn the_logs_of_its_pods_are_shown_with_their_names() {
    let desk = Desk::new();
    desk.server
        .on_log(|request| async move { format!("{} reads\nand ends\n", request.container) });
    let options = FollowArgs {
        timeout: None,
        logs: true,
    };
    let pod = |name: &str| {
        desk.server.create(&json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"job-name": "warm-loader-job"}},
            "spec": {"containers": [{"name": "loader", "image": "i"}, {"name": "helper", "image": "i"}]}}));
    };
    let state = |name: &str, state: Value, restarts: i32| {
        desk.server.edit_status("Pod", NAMESPACE, name, |status| {
            status["containerStatuses"] = json!([{"name": "loader", "state": state, "restartCount": restarts,
                "image": "i", "imageID": "", "ready": true}]);
        });
    };
    let (task, _interrupt) = desk.start("load demo --name warm", options);
    pod("one");
    state("one", json!({"waiting": {"reason": "ContainerCreating"}}), 0);
    desk.out.until("has not looked at it").await;
    assert_eq!(desk.errors.text(), "");
    state("one", json!({"running": {}}), 0);
    desk.errors.until("[one] loader reads\n[one] and ends\n").await;
    state("one", json!({"running": {}}), 1);
    desk.errors
        .until("[one] loader reads\n[one] and ends\n[one] loader reads\n[one] and ends\n")
        .await;
    // One that the watch has not shown before the end.
    desk.server.hold("pods");
    pod("two");
    state("two", json!({"terminated": {"exitCode": 0}}), 0);
    desk.set("warm", json!({"phase": "Complete", "duration": "1s"}));
    assert_eq!(task.await.unwrap().unwrap().code(), 0);
    assert!(desk.errors.text().ends_with("[two] loader reads\n[two] and ends\n"));
}

#[tokio::test]
async fn logs_that_may_not_be_read_do_not_end_the_following() {
    let desk = Desk::new();
    let _pods = desk.answer(Verb::List, "pods", forbidden());
    let options = FollowArgs {
        timeout: None,
        logs: true,
    };
    let (task, _interrupt) = desk.start("load demo --name warm", options);
    desk.errors
        .until("no logs are shown: this account may not list pods in the namespace team")
        .await;
    desk.set("warm", json!({"phase": "Complete", "duration": "1s"}));
    assert_eq!(task.await.unwrap().unwrap().code(), 0);
}
