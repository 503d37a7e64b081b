//! Discovery: descriptions of the server and its kinds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Kind, Kinds};

/// The version that the server reports.
const VERSION: &str = "v1.35.0";

impl Kinds {
    /// Returns the answer to a path that describes the server. `None` if it does not exist.
    pub fn describe(&self, path: &[String]) -> Option<Value> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["version"] => Some(json!({
                "major": "1", "minor": "35", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
                "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.25", "compiler": "gc", "platform": "linux/amd64",
            })),
            ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
            ["api", version] => self.resources("", version),
            ["apis"] => {
                let groups: Vec<Value> = self
                    .groups()
                    .iter()
                    .map(|(group, versions)| describe_group(group, versions))
                    .collect();
                Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
            }
            ["apis", group] => {
                let mut described = describe_group(group, self.groups().get(group)?);
                described["kind"] = json!("APIGroup");
                described["apiVersion"] = json!("v1");
                Some(described)
            }
            ["apis", group, version] => self.resources(group, version),
            _ => None,
        }
    }

    fn groups(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut groups = BTreeMap::<&str, BTreeSet<&str>>::new();
        for kind in self.all.iter().filter(|kind| !kind.group.is_empty()) {
            groups.entry(&kind.group).or_default().insert(&kind.version);
        }
        groups
    }

    fn resources(&self, group: &str, version: &str) -> Option<Value> {
        let kinds: Vec<_> = self
            .all
            .iter()
            .filter(|kind| kind.group == group && kind.version == version)
            .collect();
        let api_version = kinds.first()?.api_version();
        let resources: Vec<Value> = kinds.iter().flat_map(|kind| describe_kind(kind)).collect();
        Some(
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}),
        )
    }
}

fn describe_group(group: &str, versions: &BTreeSet<&str>) -> Value {
    let version = |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let versions: Vec<Value> = versions.iter().rev().map(version).collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

fn describe_kind(kind: &Kind) -> Vec<Value> {
    let verbs = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    let mut described = vec![json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": verbs, "shortNames": kind.short_names, "categories": kind.categories,
    })];
    let part = |name: &str| format!("{}/{name}", kind.plural);
    let verbs = ["get", "patch", "update"];
    if kind.has_status {
        described.push(json!({
            "name": part("status"), "singularName": "", "namespaced": kind.namespaced, "kind": kind.kind,
                "verbs": verbs,
        }));
    }
    if kind.scale.is_some() {
        described.push(json!({
            "name": part("scale"), "singularName": "", "namespaced": kind.namespaced, "group": "autoscaling",
                "version": "v1",
            "kind": "Scale", "verbs": verbs,
        }));
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(path: &str) -> Option<Value> {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        Kinds::default().describe(&parts)
    }

    #[test]
    fn groups_and_resources_are_described() {
        let apps = described("apis/apps/v1").unwrap();
        let names: Vec<&str> = apps["resources"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(names.contains(&"statefulsets") && names.contains(&"statefulsets/scale"));
        assert_eq!(
            described("apis/apps").unwrap()["preferredVersion"]["groupVersion"],
            "apps/v1"
        );
        assert!(described("apis/none/v1").is_none() && described("apis/none").is_none());
    }
}
