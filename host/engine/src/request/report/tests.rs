use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use wasser_api::conditions::dataset::READY;

use super::*;

fn waiting() -> EngineError {
    EngineError::NotYet {
        after: Duration::from_secs(1),
        message: "waiting".into(),
    }
}

fn refused() -> EngineError {
    EngineError::InvalidSpec {
        field: "Spec".into(),
        message: "refused".into(),
    }
}

fn failed(message: &str) -> EngineError {
    EngineError::Failed {
        method: "m",
        message: message.into(),
    }
}

fn trouble(text: &str) -> RoleTrouble {
    RoleTrouble {
        role: "worker".into(),
        reason: "Unschedulable".into(),
        text: text.into(),
    }
}

const SETUP: &str = reasons::FAILED_TO_SETUP;
const UNHEALTHY: &str = reasons::UNHEALTHY;

#[rstest]
#[case::all_is_well(false, None, &[], None)]
#[case::it_is_waited_for_something(false, Some(waiting()), &[], Some((SETUP, "waiting")))]
#[case::a_pod_says_for_what(false, Some(waiting()), &["pod"], Some((SETUP, "pod")))]
#[case::pods_of_two_roles(false, None, &["pod", "other"], Some((SETUP, "pod; besides, other")))]
#[case::it_is_refused(false, Some(refused()), &[], Some((SETUP, "Spec: refused")))]
#[case::set_up_and_well(true, None, &[], None)]
#[case::set_up_and_waiting(true, Some(waiting()), &[], None)]
#[case::set_up_and_refused(true, Some(refused()), &[], Some((reasons::REFUSED, "Spec: refused")))]
#[case::set_up_and_failed(true, Some(failed("no")), &["pod"], Some((UNHEALTHY, "m failed: no; besides, pod")))]
#[case::the_failure_names_the_pod(true, Some(failed("not healthy: pod")), &["pod"], Some((UNHEALTHY,
    "m failed: not healthy: pod")))]
#[case::a_pod_is_in_trouble(true, None, &["pod"], Some((UNHEALTHY, "pod")))]
fn the_condition_says_what_is_wrong(
    #[case] is_set_up: bool,
    #[case] error: Option<EngineError>,
    #[case] troubles: &[&str],
    #[case] says: Option<(&'static str, &str)>,
) {
    let troubles: Vec<RoleTrouble> = troubles.iter().map(|text| trouble(text)).collect();
    let found = problem(is_set_up, error.as_ref(), &troubles);
    assert_eq!(found.as_ref().map(|found| (found.reason, found.text.as_str())), says);
}

fn status(conditions: &[(&str, &str)], mounts: &[(&str, &str)]) -> DatasetStatus {
    let condition = |(kind, message): &(&str, &str)| json!({"type": kind, "status": "True", "message": message});
    let mount = |(name, point): &(&str, &str)| json!({"name": name, "mountPoint": point});
    let conditions: Vec<_> = conditions.iter().map(condition).collect();
    let mounts: Vec<_> = mounts.iter().map(mount).collect();
    serde_json::from_value(json!({"phase": "Bound", "conditions": conditions, "mounts": mounts})).unwrap()
}

fn reported(before: &DatasetStatus, after: &DatasetStatus) -> Vec<(&'static str, String)> {
    let all = changes("demo", before, after).into_iter();
    all.map(|change| (change.reason, change.message)).collect()
}

#[test]
fn a_dataset_becomes_bound_once() {
    let (before, after) = (
        status(&[(NOT_READY, "no")], &[]),
        status(&[(READY, "")], &[("a", "s3://a")]),
    );
    let message = "The dataset is bound; pods can mount the claim demo.".to_owned();
    assert_eq!(reported(&before, &after), [(events::DATASET_BOUND, message)]);
    assert_eq!(reported(&after, &after), []);
    assert_eq!(reported(&before, &status(&[], &[])), []);
}

#[test]
fn what_is_over_is_reported_on_both_objects() {
    let (bad, good) = (
        status(&[(READY, ""), (NOT_READY, "no image")], &[]),
        status(&[(READY, "")], &[]),
    );
    assert_eq!(
        reported(&bad, &good),
        [(events::RECOVERED, "This is over: no image".to_owned())]
    );
    assert!(changes("demo", &bad, &good)[0].on_runtime);
    assert_eq!(reported(&good, &bad), []);
}

#[test]
fn mounts_that_came_changed_and_went_are_named() {
    let mounts = |mounts| status(&[(READY, "")], mounts);
    let (before, after) = (
        mounts(&[("a", "s3://a"), ("b", "s3://b")]),
        mounts(&[("b", "s3://other"), ("c", "s3://c")]),
    );
    let message = "The mounts were updated: b changed, c added, a removed.".to_owned();
    assert_eq!(reported(&before, &after), [(events::MOUNTS_UPDATED, message)]);
}
