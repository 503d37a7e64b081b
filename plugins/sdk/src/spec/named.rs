//! Lists whose items have names.

use serde_json::Value;

/// Returns both lists, each item once by its `key`: of two with the same, the second list's, at the
/// place of the first's.
pub fn named(first: &[Value], second: &[Value], key: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for item in first.iter().chain(second) {
        let known = item
            .get(key)
            .and_then(|wanted| all.iter_mut().find(|other| other.get(key) == Some(wanted)));
        match known {
            Some(known) => *known = item.clone(),
            None => all.push(item.clone()),
        }
    }
    all
}
