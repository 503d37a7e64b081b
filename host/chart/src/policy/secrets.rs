//! Which Secrets pods may have: those that users name, and those of the chart itself.
//!
//! Pods get Secrets by reference, from the values of a plugin. Who may run commands in such a pod
//! reads them there, so a reference is as good as a read.

use std::collections::BTreeSet;

use serde_json::Value;

use super::problem::Problem;

/// Fields that name a Secret by an object with its name.
const REFERENCES: [&str; 4] = ["secretKeyRef", "secretRef", "nodePublishSecretRef", "secret"];

/// The Secrets that pods may have in addition. By default, none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Secrets {
    /// Whether they may have all of the namespace.
    pub all: bool,
    /// Those of these names.
    pub listed: BTreeSet<String>,
    /// Those with which nodes may pull their images.
    pub for_pulling: BTreeSet<String>,
}

/// A Secret that a pod refers to.
struct Reference<'a> {
    path: String,
    name: &'a str,
    for_pulling: bool,
}

impl Secrets {
    /// Checks the Secrets of a pod. `is_known` says whether a user names it, or the chart has it.
    pub fn check(&self, path: &str, spec: &Value, is_known: impl Fn(&str) -> bool) -> Result<(), Problem> {
        if self.all {
            return Ok(());
        }
        let mut found = Vec::new();
        walk(spec, path, &mut found);
        let refused = found.into_iter().find(|reference| {
            let pulled = reference.for_pulling && self.for_pulling.contains(reference.name);
            !pulled && !self.listed.contains(reference.name) && !is_known(reference.name)
        });
        match refused {
            Some(reference) => Err(Problem::Secret {
                field: reference.path,
                name: reference.name.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

fn walk<'a>(value: &'a Value, path: &str, found: &mut Vec<Reference<'a>>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let path = format!("{path}.{key}");
                let name = match key.as_str() {
                    "secretName" => inner.as_str(),
                    _ if REFERENCES.contains(&key.as_str()) => inner["name"].as_str(),
                    _ => None,
                };
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    found.push(Reference {
                        path: path.clone(),
                        name,
                        for_pulling: false,
                    });
                }
                if key == "imagePullSecrets" {
                    let names = inner.as_array().into_iter().flatten().enumerate();
                    found.extend(names.filter_map(|(index, item)| {
                        Some(Reference {
                            path: format!("{path}[{index}]"),
                            name: item["name"].as_str().filter(|name| !name.is_empty())?,
                            for_pulling: true,
                        })
                    }));
                }
                walk(inner, &path, found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                walk(inner, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}
