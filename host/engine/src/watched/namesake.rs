//! Datasets whose names collide: the volume, the labels and the node labels of `a/b-c` and of
//! `a-b/c` are all made from `a-b-c`.
//!
//! Fluid's names have this form, so it is kept; of two such Datasets, the second is refused before
//! anything is made for it.

use std::cmp::Ordering;
use std::sync::Arc;

use kube::ResourceExt;
use wasser_api::conditions;
use wasser_api::dataset::Dataset;
use wasser_api::names;

use crate::watched::Caches;

impl Caches {
    /// The Dataset that has the names of this one already. None if this one may have them.
    pub fn older_namesake(&self, dataset: &Dataset) -> Option<Arc<Dataset>> {
        let (namespace, name) = (dataset.namespace().unwrap_or_default(), dataset.name_any());
        self.namesakes(&namespace, &name)
            .into_iter()
            .find(|other| comes_first(other, dataset))
    }
}

/// The field that a Dataset is refused for.
pub const FIELD: &str = "Dataset.metadata.name";

/// Whether the names are the other's: one that was set up has them, else the older one.
fn comes_first(other: &Dataset, own: &Dataset) -> bool {
    let was_set_up = |dataset: &Dataset| {
        let status = dataset.status.as_ref();
        status.is_some_and(|status| conditions::was_set_up(&status.conditions))
    };
    let key = |dataset: &Dataset| (dataset.creation_timestamp().map(|time| time.0), dataset.namespace());
    match (was_set_up(other), was_set_up(own)) {
        (_, true) => false,
        (true, false) => true,
        (false, false) => key(other).cmp(&key(own)) == Ordering::Less,
    }
}

/// Why a Dataset is refused: what is wrong with [`FIELD`].
pub fn message(own: &Dataset, holder: &Dataset) -> String {
    let display = |dataset: &Dataset| format!("{}/{}", dataset.namespace().unwrap_or_default(), dataset.name_any());
    let volume = names::persistent_volume(&own.namespace().unwrap_or_default(), &own.name_any());
    format!(
        "{} and the Dataset {} would share the volume {volume} and its labels; give this one another name",
        display(own),
        display(holder)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dataset(namespace: &str, name: &str, created: &str, set_up: bool) -> Dataset {
        let conditions = if set_up {
            json!([{"type": "Ready", "status": "True"}])
        } else {
            json!([])
        };
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": name, "creationTimestamp": created},
            "spec": {}, "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    const OLD: &str = "2026-01-01T00:00:00Z";
    const NEW: &str = "2026-01-02T00:00:00Z";

    #[rstest::rstest]
    #[case::the_older_has_the_names(dataset("a-b", "c", OLD, false), dataset("a", "b-c", NEW, false), true)]
    #[case::the_younger_waits(dataset("a-b", "c", NEW, false), dataset("a", "b-c", OLD, false), false)]
    #[case::one_that_was_set_up_keeps_them(dataset("a-b", "c", NEW, true), dataset("a", "b-c", OLD, false), true)]
    #[case::of_two_that_were_set_up_none_is_refused(
        dataset("a-b", "c", OLD, true),
        dataset("a", "b-c", NEW, true),
        false
    )]
    fn one_of_two_has_the_names(#[case] other: Dataset, #[case] own: Dataset, #[case] first: bool) {
        assert_eq!(comes_first(&other, &own), first);
    }

    #[test]
    fn of_two_of_the_same_second_exactly_one_has_the_names() {
        let (one, other) = (dataset("a-b", "c", OLD, false), dataset("a", "b-c", OLD, false));
        assert_ne!(comes_first(&one, &other), comes_first(&other, &one));
    }

    #[test]
    fn the_refusal_names_both_and_the_remedy() {
        let message = message(&dataset("a", "b-c", NEW, false), &dataset("a-b", "c", OLD, false));
        assert!(
            message.contains("a/b-c and the Dataset a-b/c") && message.contains("another name"),
            "{message}"
        );
    }
}
