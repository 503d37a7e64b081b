//! The order of operations: which one waits for which.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::NodeAffinity;
use kube::runtime::events::EventType;
use wasser_api::ObjectKey;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_api::reasons::events as reasons;
use wasser_engine::operations::operation::status;
use wasser_engine::operations::{Operation, Refused, place};

use super::all::Operations;
use super::index::Id;

/// How many operations are looked at to find a circle.
const MOST: usize = 1000;

/// What an operation that runs after another one does now.
#[derive(Debug)]
pub enum Turn {
    /// It runs, and follows another one to this place if it has to.
    Now(Option<NodeAffinity>),
    /// It waits, for this reason.
    Wait(EventType, &'static str, String),
    /// It never runs.
    Never(Refused),
}

/// Whose turn it is.
pub fn turn(operations: &Operations, operation: &Operation) -> Turn {
    let (true, Some((kind, key))) = (operation.awaits_other(), operation.predecessor()) else {
        return Turn::Now(None);
    };
    if let Some(circle) = circle(operations, operation) {
        let message = format!(
            "{}.spec.runAfter: the operations wait for each other: {circle}; remove one `runAfter` or `dependOn` and \
             create the operation again",
            operation.kind
        );
        return Turn::Never(Refused::new(reasons::DATA_OPERATION_CYCLE, message));
    }
    if let Some(turn) = unless_complete(operations, operation, kind, &key) {
        return turn;
    }
    followed_place(operations, operation)
}

/// The place of the operation that this one follows, which need not be the one before.
fn followed_place(operations: &Operations, operation: &Operation) -> Turn {
    let Some((strategy, (kind, key))) = operation.followed() else {
        return Turn::Now(None);
    };
    let is_required = strategy.policy == place::REQUIRE;
    match unless_complete(operations, operation, kind, &key) {
        // Where there is nothing to prefer, it runs anywhere.
        Some(Turn::Wait(EventType::Warning, ..) | Turn::Never(_)) if !is_required => return Turn::Now(None),
        Some(turn) => return turn,
        None => {}
    }
    let ran = operations
        .object(kind, &key)
        .and_then(|object| status(&object).node_affinity);
    let missing = place::missing(strategy, serde_json::to_value(&ran).ok().as_ref());
    if missing.is_empty() {
        return Turn::Now(ran);
    }
    let message = format!(
        "{}.spec.runAfter.affinityStrategy: requires nodes like those of {kind} {key}, whose status.nodeAffinity has no \
         {}; write the policy Prefer or other labels, and create the operation again",
        operation.kind,
        missing.join(", ")
    );
    Turn::Never(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message))
}

/// What an operation does while another one is not complete. None if that is.
fn unless_complete(
    operations: &Operations,
    operation: &Operation,
    kind: OperationKind,
    key: &ObjectKey,
) -> Option<Turn> {
    let Some(before) = operations.object(kind, key) else {
        let message = format!(
            "waits for {kind} {key}, which does not exist; create it, or this operation again without `runAfter`"
        );
        return Some(Turn::Wait(
            EventType::Warning,
            reasons::DATA_OPERATION_NOT_FOUND,
            message,
        ));
    };
    match status(&before).phase {
        OperationPhase::Complete => None,
        OperationPhase::Failed => {
            let message = format!("{kind} {key}, which it runs after, has failed");
            let wait = |what: &str| {
                let message = format!("{message}; it waits {what}");
                Turn::Wait(EventType::Warning, reasons::PREDECESSOR_FAILED, message)
            };
            Some(if Operation::read(kind, before).is_ok_and(|before| before.is_cron()) {
                wait("for the next run of its schedule")
            } else if operation.waits_after_failure() {
                wait("until that is created again and complete")
            } else {
                let message = format!("{message}; correct that, and create both again");
                Turn::Never(Refused::new(reasons::PREDECESSOR_FAILED, message))
            })
        }
        _ => {
            let message = format!("waits for {kind} {key} to be complete");
            Some(Turn::Wait(EventType::Normal, reasons::DATA_OPERATION_WAITING, message))
        }
    }
}

/// The circle that an operation is in, for people.
fn circle(operations: &Operations, operation: &Operation) -> Option<String> {
    let next = |id: &Id| {
        let read = Operation::read(id.0, operations.object(id.0, &id.1)?).ok()?;
        Some(awaited(&read))
    };
    let own = (operation.kind, operation.key());
    let found = way(&own, awaited(operation), |id| next(id).unwrap_or_default())?;
    let named: Vec<String> = found.iter().map(|(kind, key)| format!("{kind} {key}")).collect();
    Some(named.join(" → "))
}

/// The operations that one waits for: the one before, and the one whose place it follows.
fn awaited(operation: &Operation) -> Vec<Id> {
    if !operation.awaits_other() || operation.status.phase.is_finished() {
        return Vec::new();
    }
    let followed = operation.followed().map(|(_, followed)| followed);
    operation.predecessor().into_iter().chain(followed).collect()
}

/// The way over what is `next` that leads from there back to there.
fn way(own: &Id, first: Vec<Id>, next: impl Fn(&Id) -> Vec<Id>) -> Option<Vec<Id>> {
    let mut before = BTreeMap::new();
    let mut ahead: Vec<(Id, Id)> = first.into_iter().map(|id| (own.clone(), id)).collect();
    while let Some((from, id)) = ahead.pop() {
        if id == *own {
            let back = std::iter::successors(Some(&from), |id| before.get(*id));
            let mut way: Vec<Id> = [own].into_iter().chain(back).cloned().collect();
            way.reverse();
            return Some(way);
        }
        if before.len() < MOST && !before.contains_key(&id) {
            ahead.extend(next(&id).into_iter().map(|further| (id.clone(), further)));
            before.insert(id, from);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn id(name: &str) -> Id {
        (OperationKind::DataLoad, ObjectKey::new("ns", name))
    }

    #[rstest]
    #[case::none("a>x x>y", None)]
    #[case::itself("a>x a>a", Some("a a"))]
    #[case::behind("a>x x>a", Some("a x a"))]
    #[case::by_the_second("a>x a>b b>a", Some("a b a"))]
    #[case::far("a>x x>y x>b b>c c>a", Some("a x b c a"))]
    #[case::of_others("a>x x>y y>x", None)]
    #[case::diamond("a>x a>y x>z y>z", None)]
    fn circles_are_found_over_all_that_is_waited_for(#[case] edges: &str, #[case] expected: Option<&str>) {
        let next = |from: &Id| -> Vec<Id> {
            let edges = edges.split(' ').filter_map(|edge| edge.split_once('>'));
            edges
                .filter(|(start, _)| *start == from.1.name)
                .map(|(_, end)| id(end))
                .collect()
        };
        let found = way(&id("a"), next(&id("a")), next);
        let names = found.map(|way| way.into_iter().map(|id| id.1.name).collect::<Vec<_>>().join(" "));
        assert_eq!(names.as_deref(), expected);
    }
}
