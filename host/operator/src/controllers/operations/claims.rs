//! Who works on which Dataset, so that operations that exclude each other run one after the other.

use std::collections::HashMap;

use parking_lot::Mutex;
use wasser_api::ObjectKey;
use wasser_api::operations::OperationKind;
use wasser_engine::operations::exclusion::excludes;

/// The claims of operations on Datasets.
#[derive(Debug, Default)]
pub struct Claims(Mutex<HashMap<ObjectKey, Vec<Claim>>>);

/// The claim of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    uid: String,
    name: String,
    kind: OperationKind,
    holds: bool,
}

impl Claims {
    /// Claims a Dataset for an operation. Returns the operation that it has to wait for, if there is
    /// one: one that holds the Dataset, or has waited longer for it.
    pub fn claim(&self, dataset: &ObjectKey, uid: &str, kind: OperationKind, name: &str) -> Result<(), String> {
        let mut all = self.0.lock();
        let queue = all.entry(dataset.clone()).or_default();
        let at = queue.iter().position(|claim| claim.uid == uid);
        let before = queue.iter().take(at.unwrap_or(queue.len()));
        let holding = queue.iter().filter(|claim| claim.holds && claim.uid != uid);
        let obstacle = before.chain(holding).find(|claim| excludes(claim.kind, kind));
        let obstacle = obstacle.map(|claim| format!("{} {}", claim.kind, claim.name));
        let holds = obstacle.is_none();
        match at.and_then(|at| queue.get_mut(at)) {
            Some(claim) => claim.holds = holds,
            None => queue.push(Claim {
                uid: uid.to_owned(),
                name: name.to_owned(),
                kind,
                holds,
            }),
        }
        obstacle.map_or(Ok(()), Err)
    }

    /// Notes that an operation executes, whoever has started it.
    pub fn hold(&self, dataset: &ObjectKey, uid: &str, kind: OperationKind, name: &str) {
        let mut all = self.0.lock();
        let queue = all.entry(dataset.clone()).or_default();
        match queue.iter_mut().find(|claim| claim.uid == uid) {
            Some(claim) => claim.holds = true,
            None => queue.push(Claim {
                uid: uid.to_owned(),
                name: name.to_owned(),
                kind,
                holds: true,
            }),
        }
    }

    /// Gives up what an operation claims. Returns whether it had claimed something.
    pub fn give_up(&self, uid: &str) -> bool {
        let mut found = false;
        self.0.lock().retain(|_, queue| {
            queue.retain(|claim| {
                let is_it = claim.uid == uid;
                found |= is_it;
                !is_it
            });
            !queue.is_empty()
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_exclude_each_other_come_in_the_order_of_their_claims() {
        let (claims, demo, other) = (
            Claims::default(),
            ObjectKey::new("a", "demo"),
            ObjectKey::new("a", "other"),
        );
        let (load, migrate) = (OperationKind::DataLoad, OperationKind::DataMigrate);
        assert_eq!(claims.claim(&demo, "1", load, "one"), Ok(()));
        assert_eq!(claims.claim(&demo, "2", load, "two"), Ok(()));
        assert_eq!(
            claims.claim(&demo, "3", migrate, "three"),
            Err("DataLoad one".to_owned())
        );
        assert_eq!(claims.claim(&other, "4", migrate, "four"), Ok(()));
        // A load that comes later does not overtake.
        assert_eq!(
            claims.claim(&demo, "5", load, "five"),
            Err("DataMigrate three".to_owned())
        );
        assert_eq!(claims.claim(&demo, "1", load, "one"), Ok(()));
        assert!(claims.give_up("1"));
        assert_eq!(
            claims.claim(&demo, "3", migrate, "three"),
            Err("DataLoad two".to_owned())
        );
        assert!(claims.give_up("2") && !claims.give_up("2"));
        assert_eq!(claims.claim(&demo, "3", migrate, "three"), Ok(()));
        assert!(claims.claim(&demo, "5", load, "five").is_err());
        assert_eq!(claims.claim(&demo, "6", OperationKind::DataProcess, "six"), Ok(()));
        assert!(claims.give_up("3"));
        assert_eq!(claims.claim(&demo, "5", load, "five"), Ok(()));
        claims.hold(&demo, "7", migrate, "seven");
        assert!(claims.claim(&demo, "8", load, "eight").is_err());
    }
}
