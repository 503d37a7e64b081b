//! Secret options: the Secrets are mounted as files, the client gets their paths, and no value
//! passes through here.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wasser_api::names;
use wasser_sdk::{DatasetSpec, Error, Mount, Result};

/// Where Secrets are mounted in the client, one directory each.
pub const DIRECTORY: &str = "/etc/fluid/secrets";

/// Returns the secret options of a mount, with the paths of their values. An option that is given
/// in the open as well is refused.
pub fn options(dataset: &DatasetSpec, mount: &Mount, at: usize) -> Result<Vec<(String, String)>> {
    let plain = dataset.options_of(mount);
    let mut paths = Vec::new();
    for (name, reference) in dataset.encrypt_options_of(mount) {
        let field = format!("Dataset.spec.mounts[{at}].encryptOptions[{name}]");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_name = |text: &str| !text.is_empty() && !text.starts_with('.') && text.chars().all(is_plain);
        if !is_name(&reference.name) || !is_name(&reference.key) {
            return Err(Error::invalid(
                field,
                "needs valueFrom.secretKeyRef with the name and the key of a Secret",
            ));
        }
        if plain.contains_key(&name) {
            return Err(Error::invalid(
                field,
                "is set more than once; remove it from the options, or from the secret options",
            ));
        }
        paths.push((name, format!("{DIRECTORY}/{}/{}", reference.name, reference.key)));
    }
    Ok(paths)
}

/// Returns the Secrets that the mounts of a Dataset refer to.
pub fn names(dataset: &DatasetSpec) -> BTreeSet<String> {
    let options = dataset
        .mounts
        .iter()
        .flat_map(|mount| dataset.encrypt_options_of(mount));
    options.map(|(_, reference)| reference.name).collect()
}

/// Returns the volume and the volume mount of a Secret. A pod waits for a Secret that does not
/// exist, unless it is `optional`.
pub fn volume(secret: &str, optional: bool) -> (Value, Value) {
    let name = names::within_label(&format!("thin-fuseconfig-{}", secret.replace('.', "-")));
    let mut source = json!({"secretName": secret});
    if let Some(fields) = source.as_object_mut().filter(|_| optional) {
        fields.insert("optional".into(), true.into());
    }
    let mount = json!({"name": name, "mountPath": format!("{DIRECTORY}/{secret}"), "readOnly": true});
    (json!({"name": name, "secret": source}), mount)
}

#[cfg(test)]
mod tests {
    use super::volume;

    #[test]
    fn a_volume_of_any_secret_has_a_name_that_a_pod_takes() {
        let name = |secret: &str| volume(secret, false).0["name"].as_str().unwrap().to_owned();
        assert_eq!(name("s3.keys"), "thin-fuseconfig-s3-keys");
        let fits = "a".repeat(47);
        assert_eq!(name(&fits), format!("thin-fuseconfig-{fits}"));
        let [one, other] = ["b", "c"].map(|end| name(&format!("{}{end}", "a".repeat(200))));
        assert!(one.len() <= 63 && one.starts_with("thin-fuseconfig-aaa"), "{one}");
        assert_ne!(one, other);
        let (volume, mount) = volume(&"a".repeat(253), true);
        assert_eq!(volume["name"], mount["name"]);
        assert_eq!(volume["secret"]["secretName"], "a".repeat(253));
    }
}
