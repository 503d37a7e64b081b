//! The rights that the Roles of a chart can give, as registrations grant them.
//!
//! A registration has rules as a Role has them; a description, whose scopes are texts, names each
//! permission: `secrets:get`, `deployments.apps/scale:patch`.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};

/// Verbs by which one gets more than was granted.
const ESCALATING: [&str; 3] = ["escalate", "bind", "impersonate"];

/// A permission that cannot be declared or given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RbacError {
    /// It does not name one resource and one verb.
    #[error(
        "`{0}` in `rbac` does not name one permission; write resource and verb without wildcards, as in \
         `deployments.apps:patch`"
    )]
    Scope(String),
    /// It leads to rights that were not granted.
    #[error(
        "`{0}` in `rbac` cannot be granted, because it leads to rights that are not; let an administrator create \
         the Role"
    )]
    Escalation(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
}

/// Reads rules as the permissions that they give.
pub fn permissions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let mut all = BTreeSet::new();
    for rule in Vec::<Rule>::deserialize(deserializer)? {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                let resource = qualified(group, resource);
                all.extend(rule.verbs.iter().map(|verb| format!("{resource}:{verb}")));
            }
        }
    }
    Ok(all)
}

/// Returns a resource with its group, as kubectl writes both: `deployments.apps/scale`.
fn qualified(group: &str, resource: &str) -> String {
    match resource.split_once('/') {
        _ if group.is_empty() => resource.to_owned(),
        Some((resource, subresource)) => format!("{resource}.{group}/{subresource}"),
        None => format!("{resource}.{group}"),
    }
}

/// Checks that a permission names one thing, by which one does not get more than that.
pub fn check(permission: &str) -> Result<(), RbacError> {
    let parts = permission.split_once(':').filter(|(resource, verb)| {
        let plain = |text: &str| !text.is_empty() && !text.contains(['*', ':', ' ']);
        plain(resource) && plain(verb)
    });
    let Some((resource, verb)) = parts else {
        return Err(RbacError::Scope(permission.to_owned()));
    };
    if ESCALATING.contains(&verb) || resource == "serviceaccounts/token" {
        return Err(RbacError::Escalation(permission.to_owned()));
    }
    Ok(())
}
