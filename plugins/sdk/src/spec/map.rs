//! Maps that the whole runtime and a component of it both have.

use std::collections::BTreeMap;

/// Returns the entries of both maps; of two with the same key, that of `component`.
pub fn merged<T: Clone>(all: &BTreeMap<String, T>, component: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    let mut merged = all.clone();
    merged.extend(component.iter().map(|(key, value)| (key.clone(), value.clone())));
    merged
}
