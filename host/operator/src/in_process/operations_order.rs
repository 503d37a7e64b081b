//! Operations after each other: where, and what becomes of them when the one before does not succeed.

use rstest::rstest;
use serde_json::{Value, json};
use wasser_test_api_server::ApiServer;

use super::jobs::{end, job, pod_of, schedule};
use super::operations::{gone, phase, process, says};
use super::scene::{QUIET, Scene};

fn after(name: &str) -> Value {
    json!({"runAfter": {"kind": "DataProcess", "name": name}})
}

#[tokio::test]
async fn an_operation_runs_where_the_one_before_has_succeeded() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(
        &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a",
        "labels": {"kubernetes.io/hostname": "host-a"}}}),
    );
    scene.server.create(&process("first", &json!({})));
    let next = json!({"runAfter": {"kind": "DataProcess", "name": "first", "affinityStrategy": {"policy": "Require"}}});
    scene.server.create(&process("second", &next));
    for (pod, node, phase) in [("first-lost", "node-b", "Failed"), ("first-x", "node-a", "Succeeded")] {
        let spec = json!({"nodeName": node, "containers": [{"name": "c", "image": "i"}]});
        pod_of(&scene, "first-processor-job", pod, spec, json!({"phase": phase})).await;
    }
    scene.server.settled(QUIET).await;
    end(&scene, "first-processor-job", "Complete").await;
    let done = phase(&scene, "DataProcess", "first", "Complete").await;
    assert!(done["nodeAffinity"].to_string().contains("host-a"), "{done}");
    let made = job(&scene, "second-processor-job").await;
    let terms = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let place = made.pointer(terms).map(Value::to_string).unwrap_or_default();
    assert!(place.contains("host-a") && !place.contains("node-b"), "{made}");
}

#[tokio::test]
async fn an_operation_that_may_waits_for_another_one_of_the_name_that_has_failed() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    let mut second = process("second", &after("first"));
    second["metadata"]["annotations"] = json!({"wasser.fluid.io/after-failure": "wait"});
    scene.server.create(&second);
    end(&scene, "first-processor-job", "Failed").await;
    let why = says(&scene, "DataProcess", "second", "PredecessorFailed").await;
    assert!(why.contains("waits until that is created again"), "{why}");
    phase(&scene, "DataProcess", "second", "Pending").await;
    scene.server.delete("DataProcess", "default", "first");
    gone(&scene, "DataProcess", "first").await;
    says(&scene, "DataProcess", "second", "DataOperationNotFound").await;
    scene.server.create(&process("first", &json!({})));
    end(&scene, "first-processor-job", "Complete").await;
    job(&scene, "second-processor-job").await;
}

#[tokio::test]
async fn an_operation_waits_for_one_that_was_deleted_half_way() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    scene.server.create(&process("second", &after("first")));
    says(&scene, "DataProcess", "second", "DataOperationWaiting").await;
    phase(&scene, "DataProcess", "first", "Executing").await;
    scene.server.delete("DataProcess", "default", "first");
    gone(&scene, "DataProcess", "first").await;
    let why = says(&scene, "DataProcess", "second", "DataOperationNotFound").await;
    assert!(
        why.contains("create it, or this operation again without `runAfter`"),
        "{why}"
    );
    scene.server.settled(QUIET).await;
    assert!(scene.server.object("Job", "default", "second-processor-job").is_none());
}

#[tokio::test]
async fn a_circle_of_three_is_told_once_and_runs_nothing() {
    let (scene, _operator) = Scene::bound().await;
    for (name, before) in [("a", "b"), ("b", "c"), ("c", "a")] {
        scene.server.create(&process(name, &after(before)));
    }
    let told = |server: &ApiServer| {
        let mut reasons = ["a", "b", "c"].into_iter().filter_map(|name| {
            let object = server.object("DataProcess", "default", name)?;
            object["status"]["conditions"][0]["reason"].as_str().map(str::to_owned)
        });
        reasons.any(|reason| reason == "DataOperationCycle").then_some(())
    };
    scene.server.until("the circle to be told", told).await;
    for name in ["a", "b", "c"] {
        phase(&scene, "DataProcess", name, "Failed").await;
    }
    assert!(scene.server.objects("Job", "").is_empty());
}

/// What an operation waits for that follows the place of another one than the one before.
fn placed(before: &str, other: &str, policy: &str) -> Value {
    let strategy = json!({"policy": policy, "dependOn": {"kind": "DataProcess", "name": other}});
    json!({"runAfter": {"kind": "DataProcess", "name": before, "affinityStrategy": strategy}})
}

#[rstest]
#[case::another("Require", "b")]
#[case::if_possible("Prefer", "b")]
#[case::itself("Require", "a")]
#[tokio::test]
async fn a_circle_over_a_place_is_told(#[case] policy: &str, #[case] followed: &str) {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    scene.server.create(&process("a", &placed("first", followed, policy)));
    scene.server.create(&process("b", &after("a")));
    // Once b is refused, there is nothing to prefer: whether a was refused before it depends on who was
    // looked at first.
    let refused = if policy == "Prefer" { &["b"][..] } else { &["a", "b"] };
    for name in refused {
        phase(&scene, "DataProcess", name, "Failed").await;
    }
    let told = |server: &ApiServer| {
        let mut told = ["a", "b"].into_iter().filter_map(|name| {
            let condition = server.object("DataProcess", "default", name)?["status"]["conditions"][0].clone();
            (condition["reason"] == "DataOperationCycle").then(|| condition["message"].to_string())
        });
        told.next()
    };
    let why = scene.server.until("the circle to be told", told).await;
    assert!(why.contains("remove one `runAfter` or `dependOn`"), "{why}");
    end(&scene, "first-processor-job", "Complete").await;
    phase(&scene, "DataProcess", "first", "Complete").await;
}

#[tokio::test]
async fn an_operation_whose_turn_has_come_needs_the_one_before_no_more() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    end(&scene, "first-processor-job", "Complete").await;
    phase(&scene, "DataProcess", "first", "Complete").await;
    let mut second = process("second", &after("first"));
    second["spec"]["dataset"]["name"] = json!("other");
    scene.server.create(&second);
    let mut nightly = process("nightly", &after("first"));
    nightly["spec"]["policy"] = json!("Cron");
    nightly["spec"]["schedule"] = json!("0 3 * * *");
    scene.server.create(&nightly);
    says(&scene, "DataProcess", "second", "TargetDatasetNotFound").await;
    schedule(&scene, "nightly-processor-job").await;
    for name in ["second", "nightly"] {
        let noted = |server: &ApiServer| {
            let waiting = server.object("DataProcess", "default", name)?["status"]["waitingFor"].clone();
            (waiting["operationComplete"] == false).then_some(())
        };
        scene.server.until(&format!("{name} to note its turn"), noted).await;
    }
    scene.server.delete("DataProcess", "default", "first");
    gone(&scene, "DataProcess", "first").await;
    // Another one of the name is not meant.
    scene.server.create(&process("first", &json!({})));
    phase(&scene, "DataProcess", "first", "Executing").await;
    scene.create_named("other");
    scene.start_workers_of("other").await;
    job(&scene, "second-processor-job").await;
}

/// Ends a process whose pod has run on this node.
async fn end_on(scene: &Scene, name: &str, node: &str) {
    let spec = json!({"nodeName": node, "containers": [{"name": "c", "image": "i"}]});
    let job = format!("{name}-processor-job");
    pod_of(scene, &job, &format!("{name}-x"), spec, json!({"phase": "Succeeded"})).await;
    end(scene, &job, "Complete").await;
    phase(scene, "DataProcess", name, "Complete").await;
}

#[tokio::test]
async fn an_operation_keeps_the_place_of_another_one_than_the_one_before() {
    let (scene, _operator) = Scene::bound().await;
    for node in ["a", "b"] {
        scene.server.create(
            &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("node-{node}"),
            "labels": {"kubernetes.io/hostname": format!("host-{node}")}}}),
        );
    }
    for name in ["first", "placed"] {
        scene.server.create(&process(name, &json!({})));
    }
    let strategy = json!({"policy": "Require", "dependOn": {"kind": "DataProcess", "name": "placed"}});
    let mut second = process("second", &after("first"));
    second["spec"]["runAfter"]["affinityStrategy"] = strategy;
    second["spec"]["dataset"]["name"] = json!("other");
    scene.server.create(&second);
    end_on(&scene, "first", "node-a").await;
    let waits = |server: &ApiServer| {
        let condition = server.object("DataProcess", "default", "second")?["status"]["conditions"][0].clone();
        condition["message"]
            .as_str()?
            .contains("default/placed to be complete")
            .then_some(())
    };
    scene.server.until("the place to be waited for", waits).await;
    end_on(&scene, "placed", "node-b").await;
    says(&scene, "DataProcess", "second", "TargetDatasetNotFound").await;
    for name in ["first", "placed"] {
        scene.server.delete("DataProcess", "default", name);
        gone(&scene, "DataProcess", name).await;
    }
    scene.create_named("other");
    scene.start_workers_of("other").await;
    let made = job(&scene, "second-processor-job").await;
    let terms = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let place = made.pointer(terms).map(Value::to_string).unwrap_or_default();
    assert!(place.contains("host-b") && !place.contains("host-a"), "{made}");
}

#[tokio::test]
async fn a_place_that_is_required_and_not_known_is_told() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    for (name, policy) in [("strict", "Require"), ("easy", "Prefer")] {
        let mut next = process(name, &after("first"));
        next["spec"]["runAfter"]["affinityStrategy"] = json!({"policy": policy});
        scene.server.create(&next);
    }
    end(&scene, "first-processor-job", "Complete").await;
    job(&scene, "easy-processor-job").await;
    phase(&scene, "DataProcess", "strict", "Failed").await;
    let why = says(&scene, "DataProcess", "strict", "DataOperationNotValid").await;
    assert!(why.contains("has no kubernetes.io/hostname"), "{why}");
}

#[tokio::test]
async fn a_failure_is_noticed_before_its_time_is_over() {
    let (scene, _operator) = Scene::bound().await;
    scene
        .server
        .create(&process("first", &json!({"ttlSecondsAfterFinished": 0})));
    let names: Vec<String> = (0..5).map(|number| format!("next-{number}")).collect();
    for name in &names {
        scene.server.create(&process(name, &after("first")));
        says(&scene, "DataProcess", name, "DataOperationWaiting").await;
    }
    end(&scene, "first-processor-job", "Failed").await;
    for name in &names {
        phase(&scene, "DataProcess", name, "Failed").await;
        says(&scene, "DataProcess", name, "PredecessorFailed").await;
    }
    gone(&scene, "DataProcess", "first").await;
}
