//! Which Datasets refer to which, so that a change of one reaches those that show its state.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use wasser_api::ObjectKey;

/// The references that reconciles have met, by the Dataset that is referred to. One that is no
/// longer true costs a reconcile that finds nothing to do.
#[derive(Debug, Default)]
pub struct References {
    known: Mutex<HashMap<ObjectKey, BTreeSet<ObjectKey>>>,
}

impl References {
    /// Notes that `from` refers to `to`.
    pub fn note(&self, from: ObjectKey, to: ObjectKey) {
        let mut known = self.known.lock();
        known.entry(to).or_default().insert(from);
    }

    /// Forgets that `from` refers to `to`.
    pub fn forget(&self, from: &ObjectKey, to: &ObjectKey) {
        let mut known = self.known.lock();
        if let Some(all) = known.get_mut(to) {
            all.remove(from);
            if all.is_empty() {
                known.remove(to);
            }
        }
    }

    /// Forgets what `from` refers to.
    pub fn forget_all(&self, from: &ObjectKey) {
        self.known.lock().retain(|_, all| {
            all.remove(from);
            !all.is_empty()
        });
    }

    /// Who refers to a Dataset.
    pub fn to(&self, to: &ObjectKey) -> Vec<ObjectKey> {
        let known = self.known.lock();
        known.get(to).into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[test]
    fn those_that_refer_are_known_until_they_are_forgotten() {
        let references = References::default();
        references.note(key("a"), key("data"));
        references.note(key("b"), key("data"));
        references.note(key("a"), key("data"));
        assert_eq!(references.to(&key("data")), [key("a"), key("b")]);
        references.forget(&key("a"), &key("data"));
        assert_eq!(references.to(&key("data")), [key("b")]);
        assert!(references.to(&key("a")).is_empty());
        references.note(key("b"), key("other"));
        references.forget_all(&key("b"));
        assert!(references.known.lock().is_empty());
    }
}
