//! Who works on which Dataset, so that operations that exclude each other run one after the other.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use wasser_api::ObjectKey;
use wasser_engine::operations::exclusion::excludes;

use super::index::Id;

/// The claims of operations on Datasets.
///
/// An operation claims all its Datasets at once and has one place in the order of all, so that no two
/// wait for each other.
#[derive(Debug, Default)]
pub struct Claims(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    places: u64,
    claims: HashMap<String, Claim>,
    on: HashMap<ObjectKey, BTreeSet<String>>,
}

/// The claim of one operation.
#[derive(Debug, Clone)]
struct Claim {
    place: u64,
    id: Id,
    datasets: BTreeSet<ObjectKey>,
    holds: bool,
}

/// The operation that another one waits for.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The operation.
    pub operation: Id,
    /// The Dataset of both.
    pub dataset: ObjectKey,
}

impl Claims {
    /// Claims Datasets for an operation. Returns the operation that it has to wait for, if there is
    /// one: one that holds one of the Datasets, or has waited longer for it.
    pub fn claim(&self, datasets: &BTreeSet<ObjectKey>, uid: &str, id: &Id) -> Result<(), Obstacle> {
        let mut inner = self.0.lock();
        inner.note(datasets, uid, id);
        let obstacle = inner.obstacle(uid);
        if let Some(claim) = inner.claims.get_mut(uid) {
            claim.holds = obstacle.is_none();
        }
        obstacle.map_or(Ok(()), Err)
    }

    /// Notes that an operation executes, whoever has started it.
    pub fn hold(&self, datasets: &BTreeSet<ObjectKey>, uid: &str, id: &Id) {
        let mut inner = self.0.lock();
        inner.note(datasets, uid, id);
        if let Some(claim) = inner.claims.get_mut(uid) {
            claim.holds = true;
        }
    }

    /// Gives up what an operation claims. Returns the operations that wait for one of the Datasets.
    pub fn give_up(&self, uid: &str) -> BTreeSet<Id> {
        let mut inner = self.0.lock();
        let Some(given_up) = inner.remove(uid) else {
            return BTreeSet::new();
        };
        let others = given_up.datasets.iter().filter_map(|dataset| inner.on.get(dataset));
        let others = others.flatten().filter_map(|other| inner.claims.get(other));
        others
            .filter(|other| !other.holds)
            .map(|other| other.id.clone())
            .collect()
    }
}

impl Inner {
    /// Notes on which Datasets an operation works, which keeps its place.
    fn note(&mut self, datasets: &BTreeSet<ObjectKey>, uid: &str, id: &Id) {
        let known = self.claims.get(uid);
        if known.is_some_and(|known| known.datasets == *datasets) {
            return;
        }
        self.places += 1;
        let claim = Claim {
            place: known.map_or(self.places, |known| known.place),
            holds: known.is_some_and(|known| known.holds),
            id: id.clone(),
            datasets: datasets.clone(),
        };
        self.remove(uid);
        for dataset in datasets {
            self.on.entry(dataset.clone()).or_default().insert(uid.to_owned());
        }
        self.claims.insert(uid.to_owned(), claim);
    }

    fn remove(&mut self, uid: &str) -> Option<Claim> {
        let claim = self.claims.remove(uid)?;
        for dataset in &claim.datasets {
            if let Some(uids) = self.on.get_mut(dataset) {
                uids.remove(uid);
                if uids.is_empty() {
                    self.on.remove(dataset);
                }
            }
        }
        Some(claim)
    }

    /// Returns the first of the others that an operation has to wait for.
    fn obstacle(&self, uid: &str) -> Option<Obstacle> {
        let own = self.claims.get(uid)?;
        let on = |dataset: &ObjectKey| {
            let others = self.on.get(dataset).into_iter().flatten();
            let others = others
                .filter(|other| *other != uid)
                .filter_map(|other| self.claims.get(other));
            let dataset = dataset.clone();
            others.map(move |other| (other, dataset.clone())).collect::<Vec<_>>()
        };
        let all = own.datasets.iter().flat_map(on);
        let obstacles = all.filter(|(other, _)| {
            let comes_first = other.holds || other.place < own.place;
            comes_first && excludes(other.id.0, own.id.0)
        });
        let (first, dataset) = obstacles.min_by_key(|(other, _)| other.place)?;
        Some(Obstacle {
            operation: first.id.clone(),
            dataset,
        })
    }
}

#[cfg(test)]
mod tests {
    use wasser_api::operations::OperationKind::{self, DataLoad, DataMigrate, DataProcess};

    use super::*;

    fn on(names: &[&str]) -> BTreeSet<ObjectKey> {
        names.iter().map(|name| ObjectKey::new("a", *name)).collect()
    }

    fn id(kind: OperationKind, name: &str) -> Id {
        (kind, ObjectKey::new("a", name))
    }

    /// Claims Datasets for an operation, and returns the name of the one that it waits for.
    fn claim(claims: &Claims, datasets: &[&str], kind: OperationKind, name: &str) -> Option<String> {
        let outcome = claims.claim(&on(datasets), name, &id(kind, name));
        outcome.err().map(|obstacle| obstacle.operation.1.name)
    }

    #[test]
    fn operations_that_exclude_each_other_come_in_the_order_of_their_claims() {
        let claims = Claims::default();
        let demo = &["demo"][..];
        assert_eq!(claim(&claims, demo, DataLoad, "one"), None);
        assert_eq!(claim(&claims, demo, DataLoad, "two"), None);
        assert_eq!(claim(&claims, demo, DataMigrate, "three").as_deref(), Some("one"));
        assert_eq!(claim(&claims, &["other"], DataMigrate, "four"), None);
        // A load that comes later does not overtake.
        assert_eq!(claim(&claims, demo, DataLoad, "five").as_deref(), Some("three"));
        assert_eq!(claim(&claims, demo, DataLoad, "one"), None);
        let waiting = BTreeSet::from([id(DataMigrate, "three"), id(DataLoad, "five")]);
        assert_eq!(claims.give_up("one"), waiting);
        assert_eq!(claim(&claims, demo, DataMigrate, "three").as_deref(), Some("two"));
        assert_eq!(claims.give_up("two"), waiting);
        assert_eq!(claims.give_up("two"), BTreeSet::new());
        assert_eq!(claim(&claims, demo, DataMigrate, "three"), None);
        assert!(claim(&claims, demo, DataLoad, "five").is_some());
        assert_eq!(claim(&claims, demo, DataProcess, "six"), None);
        assert_eq!(claims.give_up("three"), [id(DataLoad, "five")].into());
        assert_eq!(claim(&claims, demo, DataLoad, "five"), None);
        claims.hold(&on(demo), "seven", &id(DataMigrate, "seven"));
        assert_eq!(claim(&claims, demo, DataLoad, "eight").as_deref(), Some("seven"));
    }

    #[test]
    fn an_operation_on_two_datasets_has_both_or_waits_for_both() {
        let claims = Claims::default();
        let both = &["demo", "other"][..];
        assert_eq!(claim(&claims, &["other"], DataLoad, "warm"), None);
        assert_eq!(claim(&claims, both, DataMigrate, "move").as_deref(), Some("warm"));
        // It waits for the one Dataset, and is not overtaken on the other.
        assert_eq!(claim(&claims, &["demo"], DataLoad, "late").as_deref(), Some("move"));
        claims.give_up("warm");
        assert_eq!(claim(&claims, both, DataMigrate, "move"), None);
        assert_eq!(claim(&claims, &["other"], DataLoad, "next").as_deref(), Some("move"));
        let waiting = [id(DataLoad, "late"), id(DataLoad, "next")].into();
        assert_eq!(claims.give_up("move"), waiting);
        for name in ["late", "next"] {
            claims.give_up(name);
        }
        let inner = claims.0.lock();
        assert!(inner.claims.is_empty() && inner.on.is_empty());
    }

    #[test]
    fn an_operation_keeps_its_place_when_its_datasets_change() {
        let claims = Claims::default();
        assert_eq!(claim(&claims, &["demo"], DataLoad, "warm"), None);
        assert!(claim(&claims, &["demo"], DataMigrate, "first").is_some());
        assert!(claim(&claims, &["demo", "other"], DataMigrate, "second").is_some());
        assert!(claim(&claims, &["demo", "other"], DataMigrate, "first").is_some());
        claims.give_up("warm");
        assert_eq!(
            claim(&claims, &["demo", "other"], DataMigrate, "second").as_deref(),
            Some("first")
        );
        assert_eq!(claim(&claims, &["demo", "other"], DataMigrate, "first"), None);
    }
}
