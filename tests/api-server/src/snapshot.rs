//! Snapshots of all objects, without the values that differ between any two runs.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::state::{State, copy};
use crate::store::name_of;

/// Metadata that differs between two runs.
const VOLATILE: [&str; 6] = [
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "generation",
];

/// The objects of a server, equal for two runs with the same result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot(pub BTreeMap<String, Value>);

/// A difference between two snapshots.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Only the first has it.
    Missing(String),
    /// Only the second has it.
    Extra(String),
    /// Both have it, with other values at these places.
    Changed(String, Vec<(String, Value, Value)>),
}

impl Snapshot {
    /// Keeps the objects whose name (`Kind namespace/name`) is wanted.
    #[must_use]
    pub fn only(self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(self.0.into_iter().filter(|(name, _)| wanted(name)).collect())
    }

    /// Returns the differences of `other` from this snapshot.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let missing = self.0.keys().filter(|name| !other.0.contains_key(*name));
        let mut all: Vec<Difference> = missing.cloned().map(Difference::Missing).collect();
        for (name, object) in &other.0 {
            match self.0.get(name) {
                None => all.push(Difference::Extra(name.clone())),
                Some(before) if before == object => {}
                Some(before) => {
                    let mut places = Vec::new();
                    places_of(before, object, "", &mut places);
                    all.push(Difference::Changed(name.clone(), places));
                }
            }
        }
        all
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(out, "- {name}"),
            Self::Extra(name) => write!(out, "+ {name}"),
            Self::Changed(name, places) => {
                write!(out, "~ {name}")?;
                places
                    .iter()
                    .try_for_each(|(place, before, after)| write!(out, "\n    {place}: {before} → {after}"))
            }
        }
    }
}

fn places_of(before: &Value, after: &Value, path: &str, places: &mut Vec<(String, Value, Value)>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
                let value = |fields: &serde_json::Map<String, Value>| {
                    let missing = || Value::from("<missing>");
                    fields.get(name).cloned().unwrap_or_else(missing)
                };
                places_of(&value(one), &value(other), &format!("{path}.{name}"), places);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                places_of(one, other, &format!("{path}[{index}]"), places);
            }
        }
        _ if before == after => {}
        _ => places.push((path.to_owned(), before.clone(), after.clone())),
    }
}

impl State {
    /// Takes a snapshot of the objects whose name is wanted. Events are left out, because a
    /// repeated one is not a difference.
    pub fn snapshot(&self, wanted: impl Fn(&str) -> bool) -> Snapshot {
        let kept = self.store.all().filter(|(key, _)| key.plural != "events");
        let named = kept.map(|(key, object)| (name_of(key, object), object));
        let chosen = named.filter(|(name, _)| wanted(name));
        Snapshot(
            chosen
                .map(|(name, object)| (name, self.normalised(copy(object))))
                .collect(),
        )
    }

    fn normalised(&self, mut object: Value) -> Value {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            VOLATILE.iter().for_each(|field| drop(metadata.remove(*field)));
        }
        // A release packs times and UIDs, is signed with them, and has times as labels.
        if object["type"] == "helm.sh/release.v1" {
            object["data"]["release"] = Value::from("<release>");
            for volatile in [
                "labels/createdAt",
                "labels/modifiedAt",
                "annotations/wasser.fluid.io~1signature",
            ] {
                if let Some(value) = object.pointer_mut(&format!("/metadata/{volatile}")) {
                    *value = Value::from("<volatile>");
                }
            }
        }
        self.anonymise(&mut object, "");
        object
    }

    fn anonymise(&self, value: &mut Value, field: &str) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(name, inner)| self.anonymise(inner, name)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.anonymise(item, field)),
            Value::String(text) => {
                let is_time = text.parse::<jiff::Timestamp>().is_ok();
                if is_time {
                    *text = "<time>".to_owned();
                } else if field == "resourceVersion" {
                    *text = "<version>".to_owned();
                } else if text.len() >= 36 || field == "uid" {
                    for (uid, of) in self
                        .uids
                        .iter()
                        .filter(|(uid, _)| text.contains(uid.as_str()))
                        .collect::<Vec<_>>()
                    {
                        *text = text.replace(uid.as_str(), &format!("<uid of {of}>"));
                    }
                }
            }
            Value::Number(_) if field == "observedGeneration" => *value = Value::from("<generation>"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_differ_in_objects_and_in_fields() {
        let snapshot = |objects: &[(&str, Value)]| {
            Snapshot(
                objects
                    .iter()
                    .map(|(name, object)| ((*name).to_owned(), object.clone()))
                    .collect(),
            )
        };
        let one = snapshot(&[("A a", json!({"x": [1, {"y": 2}]})), ("B b", json!({}))]);
        let other = snapshot(&[("A a", json!({"x": [1, {"y": 3}], "z": 1})), ("C c", json!({}))]);
        let listed: Vec<String> = one.differences(&other).iter().map(ToString::to_string).collect();
        assert_eq!(
            listed,
            ["- B b", "~ A a\n    .x[1].y: 2 → 3\n    .z: \"<missing>\" → 1", "+ C c"]
        );
        assert!(one.differences(&one).is_empty());
    }
}
