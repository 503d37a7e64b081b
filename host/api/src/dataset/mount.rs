//! One source of data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A place where data comes from, and how to reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["mountPoint"])))]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// URI of the source: `s3://bucket/path`, `juicefs:///`, `pvc://claim/path`, `local:///dir`,
    /// `dataset://namespace/name`.
    #[cfg_attr(feature = "schema", schemars(length(min = 5)))]
    pub mount_point: String,
    /// Options of the cache system for this source, in plain text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Name of the source; also its path in the cache where `path` is not absolute.
    #[cfg_attr(feature = "schema", schemars(length(min = 0)))]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Absolute path of the source in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the source may not be written to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Whether all users of the cache may read the source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Options whose values stand in Secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encrypt_options: Vec<EncryptOption>,
}

/// An option whose value stands in a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name"])))]
#[serde(rename_all = "camelCase", default)]
pub struct EncryptOption {
    /// Name of the option.
    pub name: String,
    /// Where the value stands.
    pub value_from: EncryptOptionSource,
}

/// Where the value of an option stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct EncryptOptionSource {
    /// A key of a Secret in the Dataset's namespace.
    pub secret_key_ref: SecretKeySelector,
}

/// A key of a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name"])))]
#[serde(rename_all = "camelCase", default)]
pub struct SecretKeySelector {
    /// Name of the Secret.
    pub name: String,
    /// The key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
}
