//! The Kubernetes types that stand in the specs: real ones with the feature `schema`, JSON without
//! it.
//!
//! Plugins are small because they do not know these types: they pass such pieces through to the
//! chart values. Code that must compile with and without the feature (a plugin's crate under
//! `cargo test --workspace`) may only serialise and compare them.

#[cfg(feature = "schema")]
mod real {
    pub use k8s_openapi::api::core::v1::{NodeAffinity, NodeSelector, Toleration};
    pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
}

#[cfg(not(feature = "schema"))]
mod slim {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_json::Value;

    /// Node affinity of a pod, as JSON.
    pub type NodeAffinity = Value;
    /// Terms that select nodes, as JSON.
    pub type NodeSelector = Value;
    /// A toleration of a node's taint, as JSON.
    pub type Toleration = Value;
    /// A point in time, in the form of RFC 3339.
    pub type Time = String;

    /// What a plugin reads of an object's metadata.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    pub struct ObjectMeta {
        /// Name of the object.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// Namespace of the object.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub namespace: Option<String>,
        /// What tells the object from an earlier one of the same name.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub uid: Option<String>,
        /// Labels of the object.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub labels: Option<BTreeMap<String, String>>,
        /// Annotations of the object.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub annotations: Option<BTreeMap<String, String>>,
    }
}

#[cfg(feature = "schema")]
pub use real::*;
#[cfg(not(feature = "schema"))]
pub use slim::*;
