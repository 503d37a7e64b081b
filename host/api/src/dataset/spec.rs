//! What the user of a Dataset writes.
#![allow(
    clippy::duplicated_attributes,
    reason = "each column of the CRD has a type and a path of its own, which the lint takes for repetition"
)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DatasetRuntime, EncryptOption, Mount};
use crate::k8s::{NodeSelector, Toleration};
use crate::shared::User;

open_enum! {
    /// Whether a node may hold workers of several datasets.
    PlacementMode, listed {
        /// This dataset's workers keep every other dataset's away.
        Exclusive = "Exclusive",
        /// Not said; means exclusive.
        #[default]
        Unset = "",
        /// Workers of several datasets may stand on one node.
        Shared = "Shared",
    }
}

/// Data from one or several places, to be cached and mounted as one volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    kube(
        group = "data.fluid.io",
        version = "v1alpha1",
        kind = "Dataset",
        plural = "datasets",
        singular = "dataset",
        shortname = "dataset",
        category = "fluid",
        namespaced,
        status = "super::DatasetStatus",
        derive = "Default",
        derive = "PartialEq",
        // The API does not require a spec, so an object without one must not stop a watch. The
        // derive refuses a plain `serde` here.
        attr = "cfg_attr(all(), serde(default))",
        doc = "Data from one or several places, cached by the runtime of the same name and mounted through the \
            volume claim of that name.",
        printcolumn(name = "Ufs Total Size", type_ = "string", json_path = ".status.ufsTotal"),
        printcolumn(name = "Cached", type_ = "string", json_path = ".status.cacheStates.cached"),
        printcolumn(name = "Cache Capacity", type_ = "string", json_path = ".status.cacheStates.cacheCapacity"),
        printcolumn(name = "Cached Percentage", type_ = "string", json_path = ".status.cacheStates.cachedPercentage"),
        printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
        printcolumn(name = "HCFS URL", type_ = "string", json_path = ".status.hcfs.endpoint", priority = 10),
        printcolumn(name = "TOTAL FILES", type_ = "string", json_path = ".status.fileNum", priority = 11),
        printcolumn(
            name = "CACHE HIT RATIO",
            type_ = "string",
            json_path = ".status.cacheStates.cacheHitRatio",
            priority = 10
        ),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    )
)]
#[serde(rename_all = "camelCase", default)]
pub struct DatasetSpec {
    /// Where the data comes from.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Who owns the files, for cache systems that can be configured so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<User>,
    /// Nodes that may hold the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<CacheableNodeAffinity>,
    /// Taints that the cache's pods tolerate.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<Vec<Toleration>>")
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Access modes of the volume. Default: ReadOnlyMany, which also means that the file system is
    /// mounted read-only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
    /// Runtimes that are to serve the Dataset. Accepted and not read: the runtime of the same name
    /// serves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runtimes: Vec<DatasetRuntime>,
    /// Whether a node may hold workers of several datasets. Default: Exclusive.
    #[serde(skip_serializing_if = "PlacementMode::is_unset")]
    pub placement: PlacementMode,
    /// A backup of the cache's metadata to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_restore_location: Option<DataRestoreLocation>,
    /// Options of every mount; a mount's own win.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shared_options: BTreeMap<String, String>,
    /// Options of every mount whose values stand in Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_encrypt_options: Vec<EncryptOption>,
}

/// Nodes that may hold the cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CacheableNodeAffinity {
    /// Terms of which a node must meet one.
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::crd::pieces::schema::<NodeSelector>")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<NodeSelector>,
}

/// Where a backup of the cache's metadata lies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct DataRestoreLocation {
    /// `local://dir` on a node, or `pvc://claim/dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The node, where the path is local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
}
