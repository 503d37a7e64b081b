//! Which Secrets pods may have: those that users name, and those of the chart itself.
//!
//! Pods get Secrets by reference, from the values of a plugin. Who may run commands in such a pod
//! reads them there, so a reference is as good as a read.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields;
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
        fields::each(spec, path, &mut |path, key, value| {
            let refused = references(path, key, value).into_iter().find(|reference| {
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
        })
    }
}

/// The Secrets that a field names.
fn references<'a>(path: &str, key: &str, value: &'a Value) -> Vec<Reference<'a>> {
    let reference = |path: String, name: Option<&'a str>, for_pulling| {
        let name = name.filter(|name| !name.is_empty())?;
        Some(Reference {
            path,
            name,
            for_pulling,
        })
    };
    match key {
        "secretName" => reference(path.to_owned(), value.as_str(), false).into_iter().collect(),
        "imagePullSecrets" => {
            let items = value.as_array().into_iter().flatten().enumerate();
            let names = items.map(|(index, item)| (format!("{path}[{index}]"), item["name"].as_str()));
            names.filter_map(|(path, name)| reference(path, name, true)).collect()
        }
        _ if REFERENCES.contains(&key) => reference(path.to_owned(), value["name"].as_str(), false)
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}
