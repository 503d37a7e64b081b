//! Sets of fields, as `fieldsV1` has them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A set of fields: a tree whose edges are written as in `fieldsV1` (`f:name`, `k:{"name":"a"}`,
/// `v:"a"`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Set {
    member: bool,
    children: BTreeMap<String, Set>,
}

impl Set {
    /// Reads `fieldsV1`.
    pub fn parse(fields: &Value) -> Self {
        let mut set = Self::default();
        for (edge, inner) in fields.as_object().into_iter().flatten() {
            if edge == "." {
                set.member = true;
            } else {
                let mut child = Self::parse(inner);
                // A leaf is written as an empty object.
                child.member |= child.children.is_empty();
                set.children.insert(edge.clone(), child);
            }
        }
        set
    }

    /// Writes `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".to_owned(), json!({}));
        }
        for (edge, child) in &self.children {
            fields.insert(edge.clone(), child.to_json());
        }
        Value::Object(fields)
    }

    /// Returns whether the set has no member.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// Returns whether the place itself is a member.
    pub fn is_member(&self) -> bool {
        self.member
    }

    /// Makes the place itself a member.
    pub fn join(&mut self) {
        self.member = true;
    }

    /// Returns the set below an edge.
    pub fn child(&self, edge: &str) -> Option<&Self> {
        self.children.get(edge)
    }

    /// Returns the set below an edge, and creates it if it does not exist.
    pub fn child_mut(&mut self, edge: &str) -> &mut Self {
        self.children.entry(edge.to_owned()).or_default()
    }

    /// Removes the set below an edge.
    pub fn cut(&mut self, edge: &str) {
        self.children.remove(edge);
    }

    /// Returns the members of either set.
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.member |= other.member;
        for (edge, child) in &other.children {
            let joined = all
                .children
                .get(edge)
                .map_or_else(|| child.clone(), |own| own.union(child));
            all.children.insert(edge.clone(), joined);
        }
        all
    }

    /// Returns the members of both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.children.iter().filter_map(|(edge, child)| {
            let common = child.intersection(other.children.get(edge)?);
            (!common.is_empty()).then(|| (edge.clone(), common))
        });
        Self {
            member: self.member && other.member,
            children: pairs.collect(),
        }
    }

    /// Returns the members that the other set does not have.
    pub fn difference(&self, other: &Self) -> Self {
        let pairs = self.children.iter().filter_map(|(edge, child)| {
            let rest = other
                .children
                .get(edge)
                .map_or_else(|| child.clone(), |other| child.difference(other));
            (!rest.is_empty()).then(|| (edge.clone(), rest))
        });
        Self {
            member: self.member && !other.member,
            children: pairs.collect(),
        }
    }

    /// Returns the set without places that lead to no member.
    pub fn pruned(mut self) -> Self {
        self.children = self
            .children
            .into_iter()
            .map(|(edge, child)| (edge, child.pruned()))
            .collect();
        self.children
            .retain(|_, child| child.member || !child.children.is_empty());
        self
    }

    /// Adds every place on the path to a member, so that the owner of a part of an item keeps the
    /// item.
    pub fn with_ancestors(&self) -> Self {
        let children: BTreeMap<String, Self> = self
            .children
            .iter()
            .filter(|(_, child)| !child.is_empty())
            .map(|(edge, child)| (edge.clone(), child.with_ancestors()))
            .collect();
        Self {
            member: self.member || !children.is_empty(),
            children,
        }
    }

    /// Returns the members as users read them: `.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, path: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(path.to_owned());
        }
        for (edge, child) in &self.children {
            child.collect(&format!("{path}{}", display(edge)), paths);
        }
    }
}

fn display(edge: &str) -> String {
    if let Some(name) = edge.strip_prefix("f:") {
        return format!(".{name}");
    }
    if let Some(Ok(Value::Object(keys))) = edge.strip_prefix("k:").map(serde_json::from_str) {
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
        return format!("[{}]", keys.join(","));
    }
    format!("[={}]", edge.strip_prefix("v:").unwrap_or(edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Value {
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}}}, "f:data": {"f:x": {}}})
    }

    #[test]
    fn sets_are_read_and_written() {
        let set = Set::parse(&fields());
        assert_eq!(set.to_json(), fields());
        assert_eq!(
            set.paths(),
            [
                ".data.x",
                ".spec.containers[name=\"a\"]",
                ".spec.containers[name=\"a\"].image"
            ]
        );
    }

    #[test]
    fn sets_are_combined() {
        let (all, part) = (
            Set::parse(&fields()),
            Set::parse(&json!({"f:data": {"f:x": {}, "f:y": {}}})),
        );
        assert_eq!(all.intersection(&part).to_json(), json!({"f:data": {"f:x": {}}}));
        assert_eq!(part.difference(&all).to_json(), json!({"f:data": {"f:y": {}}}));
        assert_eq!(all.difference(&all), Set::default());
        assert_eq!(Set::default().union(&part), part);
        assert!(all.difference(&all).is_empty());
    }

    #[test]
    fn a_part_keeps_the_item() {
        let part = Set::parse(&json!({"f:list": {"k:{\"name\":\"a\"}": {"f:image": {}}}})).with_ancestors();
        assert!(
            part.child("f:list")
                .unwrap()
                .child("k:{\"name\":\"a\"}")
                .unwrap()
                .is_member()
        );
    }
}
