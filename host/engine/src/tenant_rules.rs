//! What the Dataset of one tenant may do with what belongs to others, as the installation says.
//!
//! By default everything is allowed, as in Fluid.

use wasser_api::dataset::{Dataset, DatasetSpec, Reference};
use wasser_api::labels;

/// What a mount point of a directory of nodes begins with.
const HOST: &str = "local://";
/// The option that lets clients see a directory of their node.
const HOST_VOLUME: &str = "fluid.fuse.hostvolume";
/// Stands for all namespaces.
const ALL: &str = "*";

/// Who may refer to a Dataset of another namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Every namespace.
    #[default]
    Everybody,
    /// The namespaces that the Dataset names.
    Shared,
}

/// The rules of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantRules {
    /// Who may refer to a Dataset of another namespace.
    pub references: Sharing,
    /// Whether Datasets may name directories of nodes.
    pub host_paths: bool,
}

impl Default for TenantRules {
    fn default() -> Self {
        Self {
            references: Sharing::Everybody,
            host_paths: true,
        }
    }
}

impl TenantRules {
    /// Returns why Datasets of a namespace may not refer to another one, with the remedy; `None` if
    /// they may.
    pub(crate) fn refused_reference(&self, namespace: &str, reference: &Reference, other: &Dataset) -> Option<String> {
        let shared = || {
            let annotations = other.metadata.annotations.as_ref();
            let names = annotations.and_then(|annotations| annotations.get(labels::SHARED_WITH));
            names.is_some_and(|names| {
                names
                    .split(',')
                    .map(str::trim)
                    .any(|name| name == namespace || name == ALL)
            })
        };
        if self.references == Sharing::Everybody || reference.namespace == namespace || shared() {
            return None;
        }
        Some(format!(
            "the Dataset {} is not shared with the namespace {namespace}; whoever owns it must add the namespace to its \
             annotation {}",
            reference.display(),
            labels::SHARED_WITH
        ))
    }

    /// Returns the field of a Dataset that names a directory of nodes, if it must not.
    pub(crate) fn refused_host_path(&self, spec: &DatasetSpec) -> Option<String> {
        if self.host_paths {
            return None;
        }
        let restore = spec.data_restore_location.as_ref();
        if restore.is_some_and(|restore| restore.path.as_ref().is_some_and(|path| path.starts_with(HOST))) {
            return Some("Dataset.spec.dataRestoreLocation.path".to_owned());
        }
        let secret = spec
            .shared_encrypt_options
            .iter()
            .any(|option| option.name == HOST_VOLUME);
        if spec.shared_options.contains_key(HOST_VOLUME) || secret {
            return Some(format!("Dataset.spec.sharedOptions[{HOST_VOLUME}]"));
        }
        spec.mounts.iter().enumerate().find_map(|(at, mount)| {
            let secret = mount.encrypt_options.iter().any(|option| option.name == HOST_VOLUME);
            if mount.mount_point.starts_with(HOST) {
                Some(format!("Dataset.spec.mounts[{at}].mountPoint"))
            } else if mount.options.contains_key(HOST_VOLUME) || secret {
                Some(format!("Dataset.spec.mounts[{at}].options[{HOST_VOLUME}]"))
            } else {
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(Sharing::Everybody, None, true)]
    #[case(Sharing::Shared, None, false)]
    #[case(Sharing::Shared, Some(""), false)]
    #[case(Sharing::Shared, Some("teams"), false)]
    #[case(Sharing::Shared, Some("other, team"), true)]
    #[case(Sharing::Shared, Some("*"), true)]
    fn a_dataset_says_who_may_refer_to_it(
        #[case] references: Sharing,
        #[case] shared_with: Option<&str>,
        #[case] allowed: bool,
    ) {
        let rules = TenantRules {
            references,
            ..TenantRules::default()
        };
        let other: Dataset = serde_json::from_value(json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "spec": {},
            "metadata": {"name": "demo", "annotations": {"data.fluid.io/shared-with": shared_with.unwrap_or_default()}},
        }))
        .unwrap();
        let reference = Reference::read("dataset://default/demo").unwrap();
        let refused = rules.refused_reference("team", &reference, &other);
        assert_eq!(refused.is_none(), allowed, "{refused:?}");
        // Whoever may write in a namespace needs nobody's consent there.
        assert_eq!(rules.refused_reference("default", &reference, &other), None);
    }

    #[rstest]
    #[case(json!({"mounts": [{"mountPoint": "s3://b"}, {"mountPoint": "local:///etc"}]}),
        "Dataset.spec.mounts[1].mountPoint")]
    #[case(json!({"mounts": [{"mountPoint": "s3://b", "options": {"fluid.fuse.hostvolume": "/etc"}}]}),
        "Dataset.spec.mounts[0].options[fluid.fuse.hostvolume]")]
    #[case(json!({"mounts": [{"mountPoint": "s3://b", "encryptOptions": [{"name": "fluid.fuse.hostvolume"}]}]}),
        "Dataset.spec.mounts[0].options[fluid.fuse.hostvolume]")]
    #[case(json!({"sharedOptions": {"fluid.fuse.hostvolume": "/etc"}}),
        "Dataset.spec.sharedOptions[fluid.fuse.hostvolume]")]
    #[case(json!({"dataRestoreLocation": {"path": "local:///backup", "nodeName": "n"}}),
        "Dataset.spec.dataRestoreLocation.path")]
    #[case(json!({"mounts": [{"mountPoint": "pvc://claim/local://x"}], "dataRestoreLocation": {"path": "pvc://c/d"}}), "")]
    fn directories_of_nodes_are_named_by_their_field(#[case] spec: Value, #[case] field: &str) {
        let spec: DatasetSpec = serde_json::from_value(spec).unwrap();
        let rules = TenantRules {
            host_paths: false,
            ..TenantRules::default()
        };
        assert_eq!(rules.refused_host_path(&spec).unwrap_or_default(), field);
        assert_eq!(TenantRules::default().refused_host_path(&spec), None);
    }
}
