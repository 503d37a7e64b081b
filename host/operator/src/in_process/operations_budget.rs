//! What an operation asks of the API server: exactly these requests, whatever its Job does.

use serde_json::json;

use super::jobs::end;
use super::operations::{load, phase, process, says};
use super::scene::{OPERATOR, QUIET, Scene};

/// Compares the requests since the last time. On a Dataset, operations that come and go within a
/// moment are shown by one write, so that their number depends on time.
fn asked(scene: &Scene, expected: &[(impl AsRef<str>, usize)]) {
    let counts = scene.server.take_requests().of(OPERATOR).counts();
    let counts = counts.iter().map(|(what, count)| (what.as_str(), *count));
    let counts: Vec<(&str, usize)> = counts.filter(|(what, _)| *what != "patch datasets/status").collect();
    let expected: Vec<(&str, usize)> = expected.iter().map(|(what, count)| (what.as_ref(), *count)).collect();
    assert_eq!(counts, expected);
}

/// What an operation asks for from its start to its end: of a chain, the start of one and the end of
/// the one before.
fn of_a_run(plural: &str) -> [(String, usize); 7] {
    [
        ("create configmaps".to_owned(), 1),
        ("create events".to_owned(), 2),
        ("create jobs".to_owned(), 1),
        ("create secrets".to_owned(), 1),
        ("list pods".to_owned(), 1),
        (format!("patch {plural}"), 1),
        (format!("patch {plural}/status"), 2),
    ]
}

#[tokio::test]
async fn a_load_and_its_end_cost_a_fixed_number_of_requests() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.settled(QUIET).await;
    scene.server.take_requests();
    scene.server.create(&load("warm"));
    phase(&scene, "DataLoad", "warm", "Executing").await;
    end(&scene, "warm-loader-job", "Complete").await;
    phase(&scene, "DataLoad", "warm", "Complete").await;
    scene.server.settled(QUIET).await;
    asked(&scene, &of_a_run("dataloads"));
}

#[tokio::test]
async fn a_step_that_waits_for_another_one_costs_a_fixed_number_of_requests() {
    let (scene, _operator) = Scene::bound().await;
    scene.server.create(&process("first", &json!({})));
    phase(&scene, "DataProcess", "first", "Executing").await;
    scene.server.settled(QUIET).await;
    scene.server.take_requests();
    let after = json!({"runAfter": {"kind": "DataProcess", "name": "first"}});
    scene.server.create(&process("second", &after));
    says(&scene, "DataProcess", "second", "DataOperationWaiting").await;
    scene.server.settled(QUIET).await;
    asked(&scene, &[("create events", 1), ("patch dataprocesses/status", 1)]);
    end(&scene, "first-processor-job", "Complete").await;
    phase(&scene, "DataProcess", "second", "Executing").await;
    scene.server.settled(QUIET).await;
    asked(&scene, &of_a_run("dataprocesses"));
}
