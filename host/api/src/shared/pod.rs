//! What specs say about the pods of a runtime.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

open_enum! {
    /// Which network the pods of a component use.
    NetworkMode, listed {
        /// The node's.
        HostNetwork = "HostNetwork",
        /// Not said; means the node's.
        #[default]
        Unset = "",
        /// Their own.
        ContainerNetwork = "ContainerNetwork",
    }
}

impl NetworkMode {
    /// Whether the pods use the node's network: so they do unless the spec says `ContainerNetwork`.
    pub fn is_host_network(&self) -> bool {
        *self != Self::ContainerNetwork
    }
}

/// A user and a group, by number and by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["uid", "gid", "user",
    "group"])))]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// Number of the user.
    pub uid: i64,
    /// Number of the group.
    pub gid: i64,
    /// Name of the user.
    pub user: String,
    /// Name of the group.
    pub group: String,
}

/// An image, in the three fields that Fluid has for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct VersionSpec {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// When to pull: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
}

/// Labels and annotations for pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PodMetadata {
    /// Labels of the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl PodMetadata {
    /// The metadata of a component's pods: this of the whole runtime, with the component's own
    /// entries winning key by key.
    #[must_use]
    pub fn overridden_by(mut self, component: &Self) -> Self {
        self.labels.extend(component.labels.clone());
        self.annotations.extend(component.annotations.clone());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_wins_key_by_key() {
        let of = |pairs: &[(&str, &str)]| PodMetadata {
            labels: pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            annotations: BTreeMap::new(),
        };
        let merged = of(&[("a", "1"), ("b", "1")]).overridden_by(&of(&[("b", "2"), ("c", "2")]));
        assert_eq!(merged, of(&[("a", "1"), ("b", "2"), ("c", "2")]));
    }

    #[test]
    fn only_container_network_leaves_the_nodes_network() {
        assert!(NetworkMode::default().is_host_network());
        assert!(NetworkMode::from("Something").is_host_network());
        assert!(!NetworkMode::from("ContainerNetwork").is_host_network());
    }
}
