//! The operations that have not ended, by what others ask about them: their Datasets, and what they
//! run after. Those that have ended stay in the cluster by the thousand, and nobody asks about them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use parking_lot::RwLock;
use wasser_api::ObjectKey;
use wasser_api::operations::{OperationKind, OperationPhase};
use wasser_engine::operations::Operation;

/// What names an operation.
pub type Id = (OperationKind, ObjectKey);

/// The index, as the watches show the operations.
#[derive(Debug, Default)]
pub struct Index(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    unfinished: HashMap<Id, Facts>,
    by_dataset: HashMap<ObjectKey, BTreeSet<Id>>,
    by_predecessor: HashMap<Id, BTreeSet<Id>>,
}

/// What others ask about an operation.
#[derive(Debug)]
struct Facts {
    datasets: Vec<ObjectKey>,
    /// The operations that it runs after, and whose place it follows.
    before: BTreeSet<Id>,
    /// It runs now, and is not being deleted.
    executes: bool,
    /// It has not noticed yet that its predecessor is complete.
    awaits: bool,
    /// It fails with its predecessor.
    fails_with: bool,
}

impl Index {
    /// Notes an operation as it is now.
    pub fn note(&self, operation: &Operation) {
        let id = (operation.kind, operation.key());
        let mut inner = self.0.write();
        inner.remove(&id);
        if operation.status.phase.is_finished() {
            return;
        }
        let stays = operation.object.metadata.deletion_timestamp.is_none();
        inner.insert(
            id,
            Facts {
                datasets: operation.datasets(),
                before: operation
                    .predecessor()
                    .into_iter()
                    .chain(operation.followed().map(|(_, followed)| followed))
                    .collect(),
                executes: stays && operation.status.phase == OperationPhase::Executing,
                awaits: stays && operation.awaits_other(),
                fails_with: !operation.waits_after_failure(),
            },
        );
    }

    /// Removes an operation that is gone, or cannot be read.
    pub fn remove(&self, id: &Id) {
        self.0.write().remove(id);
    }

    /// The operations on a Dataset.
    pub fn on(&self, dataset: &ObjectKey) -> BTreeSet<Id> {
        self.0.read().by_dataset.get(dataset).cloned().unwrap_or_default()
    }

    /// The operations that run after this one.
    pub fn after(&self, id: &Id) -> BTreeSet<Id> {
        self.0.read().by_predecessor.get(id).cloned().unwrap_or_default()
    }

    /// Whether one of these has not noticed yet that this one is complete, or has failed.
    pub fn is_awaited(&self, id: &Id, has_failed: bool) -> bool {
        let inner = self.0.read();
        let after = inner.by_predecessor.get(id).into_iter().flatten();
        after
            .filter_map(|after| inner.unfinished.get(after))
            .any(|facts| facts.awaits && (facts.fails_with || !has_failed))
    }

    /// The operations that run.
    pub fn running(&self) -> Vec<Id> {
        let inner = self.0.read();
        let running = inner.unfinished.iter().filter(|(_, facts)| facts.executes);
        running.map(|(id, _)| id.clone()).collect()
    }

    /// The names of the operations that run on a Dataset, by kind.
    pub fn executing(&self, dataset: &ObjectKey) -> BTreeMap<OperationKind, BTreeSet<String>> {
        let inner = self.0.read();
        let mut names = BTreeMap::<_, BTreeSet<String>>::new();
        for id in inner.by_dataset.get(dataset).into_iter().flatten() {
            if inner.unfinished.get(id).is_some_and(|facts| facts.executes) {
                names.entry(id.0).or_default().insert(id.1.name.clone());
            }
        }
        names
    }
}

impl Inner {
    fn insert(&mut self, id: Id, facts: Facts) {
        for dataset in &facts.datasets {
            self.by_dataset.entry(dataset.clone()).or_default().insert(id.clone());
        }
        for before in &facts.before {
            self.by_predecessor
                .entry(before.clone())
                .or_default()
                .insert(id.clone());
        }
        self.unfinished.insert(id, facts);
    }

    fn remove(&mut self, id: &Id) {
        let Some(facts) = self.unfinished.remove(id) else {
            return;
        };
        for dataset in &facts.datasets {
            take_out(&mut self.by_dataset, dataset, id);
        }
        for before in &facts.before {
            take_out(&mut self.by_predecessor, before, id);
        }
    }
}

fn take_out<K: Eq + Hash>(map: &mut HashMap<K, BTreeSet<Id>>, key: &K, id: &Id) {
    if let Some(ids) = map.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn load(name: &str, phase: &str, after: Option<&str>) -> Operation {
        let mut spec = json!({"dataset": {"name": "demo", "namespace": "ns"}});
        if let Some(after) = after {
            spec["runAfter"] = json!({"kind": "DataLoad", "name": after});
        }
        let object: Value = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "DataLoad",
            "metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": spec, "status": {"phase": phase}});
        Operation::read(
            OperationKind::DataLoad,
            Arc::new(serde_json::from_value(object).unwrap()),
        )
        .unwrap()
    }

    fn id(name: &str) -> Id {
        (OperationKind::DataLoad, ObjectKey::new("ns", name))
    }

    #[test]
    fn what_has_ended_or_gone_is_nowhere() {
        let (index, dataset) = (Index::default(), ObjectKey::new("ns", "demo"));
        index.note(&load("first", "Executing", None));
        index.note(&load("second", "Pending", Some("first")));
        assert_eq!(index.on(&dataset), [id("first"), id("second")].into());
        assert_eq!(index.after(&id("first")), [id("second")].into());
        for has_failed in [false, true] {
            assert!(index.is_awaited(&id("first"), has_failed) && !index.is_awaited(&id("second"), has_failed));
        }
        let executing = index.executing(&dataset);
        assert_eq!(executing[&OperationKind::DataLoad], ["first".to_owned()].into());
        assert_eq!(index.running(), [id("first")]);
        index.note(&load("first", "Complete", None));
        assert_eq!(index.on(&dataset), [id("second")].into());
        index.remove(&id("second"));
        let inner = index.0.read();
        assert!(inner.unfinished.is_empty() && inner.by_dataset.is_empty() && inner.by_predecessor.is_empty());
    }

    #[test]
    fn an_operation_waits_to_be_noticed_by_those_that_fail_with_it() {
        let index = Index::default();
        let mut patient = load("second", "Pending", Some("first"));
        let mut object = (*patient.object).clone();
        object.metadata.annotations = Some([("wasser.fluid.io/after-failure".to_owned(), "wait".to_owned())].into());
        patient.object = Arc::new(object);
        index.note(&patient);
        assert!(index.is_awaited(&id("first"), false) && !index.is_awaited(&id("first"), true));
        index.note(&load("third", "Pending", Some("first")));
        assert!(index.is_awaited(&id("first"), true));
    }

    #[test]
    fn an_operation_that_changes_is_found_by_what_it_names_now() {
        let index = Index::default();
        index.note(&load("second", "Pending", Some("first")));
        index.note(&load("second", "Pending", Some("other")));
        assert!(index.after(&id("first")).is_empty());
        assert_eq!(index.after(&id("other")), [id("second")].into());
    }
}
