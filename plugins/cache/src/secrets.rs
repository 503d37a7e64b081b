//! Secret options: the Secrets are mounted as files, the pods get their paths, and no value passes
//! through here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasser_sdk::{DatasetSpec, Error, Mount, Result};

/// Where Secrets are mounted in the pods, one directory each.
const DIRECTORY: &str = "/etc/fluid/secrets";

/// Returns the secret options of a mount, with the paths of their values. An option that is given
/// in the open as well is refused.
pub fn options(dataset: &DatasetSpec, mount: &Mount, at: usize) -> Result<BTreeMap<String, String>> {
    let plain = dataset.options_of(mount);
    let mut paths = BTreeMap::new();
    for (name, reference) in dataset.encrypt_options_of(mount) {
        let field = format!("Dataset.spec.mounts[{at}].encryptOptions[{name}]");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_name = |text: &str| !text.is_empty() && !text.starts_with('.') && text.chars().all(is_plain);
        if !is_name(&reference.name) || !is_name(&reference.key) {
            let message = "needs valueFrom.secretKeyRef with the name and the key of a Secret";
            return Err(Error::invalid(field, message));
        }
        if plain.contains_key(&name) {
            let message = "is set more than once; remove it from the options, or from the secret options";
            return Err(Error::invalid(field, message));
        }
        paths.insert(name, format!("{DIRECTORY}/{}/{}", reference.name, reference.key));
    }
    Ok(paths)
}

/// Returns a volume and its mount for each Secret that the mounts of a Dataset refer to.
pub fn volumes(dataset: &DatasetSpec) -> Vec<(Value, Value)> {
    let options = dataset
        .mounts
        .iter()
        .flat_map(|mount| dataset.encrypt_options_of(mount));
    let names: BTreeSet<String> = options.map(|(_, reference)| reference.name).collect();
    let volume = |(at, secret): (usize, String)| {
        let name = format!("fluid-secret-{at}");
        let mount = json!({"name": name, "mountPath": format!("{DIRECTORY}/{secret}"), "readOnly": true});
        (json!({"name": name, "secret": {"secretName": secret}}), mount)
    };
    names.into_iter().enumerate().map(volume).collect()
}
