//! What the rules of a chart's Roles may give.
//!
//! The list says what may be, not what may not: the pods of a cache system look for each other,
//! read their configuration, publish events, and elect one of them. Whatever else a rule gives has
//! to be granted in the registration, permission by permission.

use std::collections::BTreeSet;

use serde_json::Value;

use super::permission::Permission;
use super::problem::Problem;

/// What the pods of a cache system may do with objects of their namespace, by group and resource.
const ORDINARY: &[(&str, &[&str], &[&str])] = &[
    ("", &["pods", "services", "endpoints", "configmaps"], READS),
    ("discovery.k8s.io", &["endpointslices"], READS),
    ("", &["events"], WRITES),
    ("events.k8s.io", &["events"], WRITES),
];
const READS: &[&str] = &["get", "list", "watch"];
const WRITES: &[&str] = &["create", "patch"];
/// What they may do with Leases that the rule names, and that are called after the release.
/// `create` is not among it: the API server does not know the name of what is created.
const LEASES: &[&str] = &["get", "list", "watch", "update", "patch"];

/// Checks the rules of a Role. `granted` has what the registration grants beyond what is ordinary,
/// `release` is the name after which Leases are called.
pub fn check(data: &Value, granted: &BTreeSet<String>, release: &str) -> Result<(), Problem> {
    let rules = match &data["rules"] {
        Value::Null => return Ok(()),
        Value::Array(rules) => rules,
        _ => return Err(Problem::NotARule { rule: 0 }),
    };
    for (index, rule) in rules.iter().enumerate() {
        let words = |field: &str| words(&rule[field]).ok_or(Problem::NotARule { rule: index });
        let (groups, resources, verbs) = (words("apiGroups")?, words("resources")?, words("verbs")?);
        let names = words("resourceNames")?;
        if !words("nonResourceURLs")?.is_empty() {
            return Err(Problem::NotARule { rule: index });
        }
        let named = !names.is_empty() && names.iter().all(|name| is_called_after(name, release));
        for group in groups {
            for resource in &resources {
                for verb in &verbs {
                    if is_ordinary(group, resource, verb, named) {
                        continue;
                    }
                    let permission = Permission {
                        group: group.to_owned(),
                        resource: (*resource).to_owned(),
                        verb: (*verb).to_owned(),
                    };
                    if !granted.contains(&permission.to_string()) {
                        return Err(Problem::Rule {
                            rule: index,
                            permission: Box::new(permission),
                        });
                    }
                }
            }
        }
    }
    Ok(())
}

fn is_ordinary(group: &str, resource: &str, verb: &str, named: bool) -> bool {
    let lease = (group, resource) == ("coordination.k8s.io", "leases");
    let listed = ORDINARY
        .iter()
        .any(|(known, resources, verbs)| *known == group && resources.contains(&resource) && verbs.contains(&verb));
    listed || (lease && named && LEASES.contains(&verb))
}

fn is_called_after(name: &str, release: &str) -> bool {
    name.strip_prefix(release)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The texts of a list, which may be absent. None if it is anything else.
fn words(list: &Value) -> Option<Vec<&str>> {
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}
