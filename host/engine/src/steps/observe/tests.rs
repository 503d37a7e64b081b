use rstest::rstest;
use serde_json::json;
use wasser_plugin::bindings::types::Role;

use super::*;

fn role(desired: i32, current: i32) -> RoleState {
    RoleState {
        role: Role {
            name: "worker".into(),
            workload: "StatefulSet".into(),
            suffix: "-worker".into(),
            container: "c".into(),
            needed_for_bound: true,
            starts_at_zero: true,
            replicas: None,
            default_replicas: 0,
        },
        workload: "demo-worker".into(),
        uid: Some("u".to_owned()),
        exists: true,
        wanted: Some(desired),
        desired,
        current,
        ready: 0,
        available: 0,
        unavailable: 0,
        placed: true,
        generation: None,
        observed: true,
        whole: true,
        updated: true,
    }
}

fn pod(number: u32) -> PodInfo {
    PodInfo {
        name: format!("demo-worker-{number}"),
        uid: format!("p{number}"),
        workload_uid: "u".to_owned(),
        node: None,
        ip: None,
        ready: false,
        ready_since: 0,
        deleting: false,
        started_at: 0,
        trouble: None,
    }
}

fn ready(number: u32) -> PodInfo {
    PodInfo {
        ready: true,
        ..pod(number)
    }
}

fn running(number: u32) -> PodInfo {
    PodInfo {
        started_at: 1,
        ..pod(number)
    }
}

fn deleting(number: u32) -> PodInfo {
    PodInfo {
        deleting: true,
        ..pod(number)
    }
}

fn troubled(number: u32, reason: &str) -> PodInfo {
    PodInfo {
        trouble: Some(Trouble::new(reason, "why")),
        ..pod(number)
    }
}

#[rstest]
#[case::none_is_wanted(role(0, 0), vec![])]
#[case::all_are_ready(role(2, 2), vec![ready(0), ready(1)])]
#[case::the_pods_are_not_watched_yet(role(1, 1), vec![])]
#[case::one_is_scaled_in(role(1, 2), vec![ready(0), deleting(1)])]
fn nothing_is_found(#[case] state: RoleState, #[case] pods: Vec<PodInfo>) {
    assert_eq!(examine(&state, Some("w"), &pods), None);
}

#[rstest]
#[case::no_image(role(1, 1), vec![troubled(0, "ImagePullBackOff")], "p0/ImagePullBackOff", 0,
    "worker pod demo-worker-0")]
#[case::no_node(role(1, 1), vec![troubled(0, "Unschedulable")], "p0/Unschedulable", 5, "worker pod demo-worker-0")]
#[case::what_is_certain_comes_first(
    role(2, 2), vec![troubled(0, "Unschedulable"), troubled(1, "ImagePullBackOff")], "p1/ImagePullBackOff", 0,
        "worker pod demo-worker-1"
)]
#[case::no_containers(role(1, 1), vec![pod(0)], "p0", 10, "worker pod demo-worker-0")]
#[case::not_ready_yet(role(2, 2), vec![ready(0), running(1)], "p1", 30, "worker pod demo-worker-1")]
#[case::no_pod(role(1, 0), vec![], "w", 10, "worker StatefulSet demo-worker")]
#[case::one_too_few(role(2, 1), vec![ready(0)], "w", 10, "worker StatefulSet demo-worker")]
#[case::the_one_before_stays(role(1, 1), vec![deleting(0)], "p0/deleted", 30, "worker pod demo-worker-0")]
fn a_finding_has_its_grace(
    #[case] state: RoleState,
    #[case] pods: Vec<PodInfo>,
    #[case] key: &str,
    #[case] seconds: u64,
    #[case] object: &str,
) {
    let finding = examine(&state, Some("w"), &pods).unwrap();
    let found = (finding.key.as_str(), finding.grace.as_secs(), finding.object.as_str());
    assert_eq!(found, (key, seconds, object));
}

#[test]
fn other_pods_in_trouble_are_counted() {
    let pods = [
        troubled(0, "Unschedulable"),
        troubled(1, "Unschedulable"),
        ready(2),
        troubled(3, "Strange"),
    ];
    let finding = examine(&role(4, 4), Some("w"), &pods).unwrap();
    assert_eq!(finding.cause, Cause::Known(Trouble::new("Strange", "why"), 2));
}

fn event(type_: &str, reason: &str, second: u32) -> Event {
    serde_json::from_value(json!({
        "type": type_, "reason": reason, "note": "why", "eventTime": null,
        "deprecatedLastTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
    }))
    .unwrap()
}

#[rstest]
#[case::none(vec![], None)]
#[case::a_warning(vec![event("Normal", "Scheduled", 1), event("Warning", "FailedMount", 2)], Some("FailedMount"))]
#[case::what_was_wrong_is_over(vec![event("Warning", "FailedMount", 2), event("Normal", "Pulling", 3)], None)]
#[case::at_the_same_time(vec![event("Warning", "FailedCreate", 2), event("Normal", "SuccessfulCreate", 2)],
    Some("FailedCreate"))]
#[case::nothing_wrong(vec![event("Normal", "Pulling", 3)], None)]
fn the_newest_event_counts(#[case] events: Vec<Event>, #[case] reason: Option<&str>) {
    assert_eq!(newest(&events), reason.map(|reason| Trouble::new(reason, "why")));
}

#[test]
fn an_event_that_is_repeated_happened_when_it_was_seen_last() {
    let mut repeated = event("Warning", "Unhealthy", 1);
    let series = json!({"count": 2, "lastObservedTime": "2026-01-01T00:00:09.000000Z"});
    repeated.series = Some(serde_json::from_value(series).unwrap());
    assert!(newest(&[event("Normal", "Started", 5), repeated]).is_some());
}
