use k8s_openapi::jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::*;

fn at(second: i64) -> Time {
    Time(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second))
}

fn wanted(holds: bool, message: &'static str) -> Wanted<'static> {
    Wanted {
        condition_type: dataset::READY,
        holds,
        reason: "R",
        message,
    }
}

#[test]
fn a_condition_keeps_its_transition_time_while_its_status_stays() {
    let mut conditions = Vec::new();
    assert!(set_dataset(&mut conditions, &wanted(true, "a"), at(1)));
    assert!(set_dataset(&mut conditions, &wanted(true, "b"), at(2)));
    assert_eq!(conditions.len(), 1);
    assert_eq!(
        (
            conditions[0].last_transition_time.clone(),
            conditions[0].last_update_time.clone()
        ),
        (Some(at(1)), Some(at(2)))
    );
    assert!(set_dataset(&mut conditions, &wanted(false, "b"), at(3)));
    assert_eq!(conditions[0].last_transition_time, Some(at(3)));
}

#[test]
fn setting_the_same_again_changes_nothing() {
    let mut conditions = Vec::new();
    set_runtime(&mut conditions, &wanted(true, "a"), at(1));
    let before = conditions.clone();
    assert!(!set_runtime(&mut conditions, &wanted(true, "a"), at(2)));
    assert_eq!(conditions, before);
}

#[test]
fn other_types_stay_where_they_are() {
    let mut conditions = Vec::new();
    set_dataset(
        &mut conditions,
        &Wanted {
            condition_type: dataset::UPDATING,
            ..wanted(true, "u")
        },
        at(1),
    );
    set_dataset(&mut conditions, &wanted(true, "a"), at(1));
    set_dataset(
        &mut conditions,
        &Wanted {
            condition_type: dataset::UPDATING,
            ..wanted(false, "u")
        },
        at(2),
    );
    assert_eq!(
        conditions.iter().map(|c| c.condition_type.as_str()).collect::<Vec<_>>(),
        ["Updating", "Ready"]
    );
    assert!(was_set_up(&conditions) && !was_set_up(&conditions[..1]));
}

#[test]
fn what_was_initialised_is_never_replaced() {
    let mut conditions = Vec::new();
    assert!(set_runtime_once(&mut conditions, &wanted(true, "a"), at(1)));
    assert!(!set_runtime_once(&mut conditions, &wanted(false, "b"), at(2)));
    assert_eq!(conditions[0].message.as_deref(), Some("a"));
}

#[rstest]
#[case(DatasetPhase::Bound, true, "The ddc runtime is ready.")]
#[case(DatasetPhase::Failed, false, "The ddc runtime is not ready.")]
#[case(DatasetPhase::NotBound, false, "The ddc runtime is unknown.")]
fn the_condition_of_a_phase(#[case] phase: DatasetPhase, #[case] holds: bool, #[case] message: &str) {
    let condition = of_phase(&phase);
    assert_eq!(
        (condition.holds, condition.message, condition.reason),
        (holds, message, "DatasetReady")
    );
}

#[test]
fn a_message_of_any_length_is_bounded_and_the_same_one_again_changes_nothing() {
    let long: &'static str = String::leak(format!("Spec: {}; remove redis://:secret@db", "x".repeat(200_000)));
    let mut conditions = Vec::new();
    assert!(set_dataset(&mut conditions, &wanted(true, long), at(1)));
    let message = conditions[0].message.clone().unwrap();
    assert!(
        message.len() <= text::LONGEST
            && message.starts_with("Spec: x")
            && message.ends_with("x; remove redis://:****@db")
    );
    assert!(!set_dataset(&mut conditions, &wanted(true, long), at(2)));
}
