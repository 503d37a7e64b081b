//! The order of operations.

use serde::{Deserialize, Serialize};

use super::OperationKind;

/// The operation that another one waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["kind", "name"])))]
#[serde(rename_all = "camelCase", default)]
pub struct RunAfter {
    /// Group and version of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the operation.
    pub kind: OperationKind,
    /// Name of the operation.
    pub name: String,
    /// Namespace of the operation; the own one if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Where to run, compared with an operation that has run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity_strategy: Option<AffinityStrategy>,
}

/// Where to run, compared with an operation that has run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct AffinityStrategy {
    /// The operation to compare with; the one before if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depend_on: Option<OperationRef>,
    /// `Require` or `Prefer` the same place; empty if it does not matter.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// The labels of nodes by which a place is preferred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefers: Vec<Prefer>,
    /// The labels of nodes by which a place is required.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Require>,
}

/// An operation by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["kind", "name"])))]
#[serde(rename_all = "camelCase", default)]
pub struct OperationRef {
    /// Group and version of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the operation.
    pub kind: OperationKind,
    /// Name of the operation.
    pub name: String,
    /// Namespace of the operation; the own one if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A label of nodes by which a place is preferred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name", "weight"])))]
#[serde(rename_all = "camelCase", default)]
pub struct Prefer {
    /// Name of the label: `kubernetes.io/hostname`.
    pub name: String,
    /// How much it counts, from 1 to 100.
    pub weight: i32,
}

/// A label of nodes by which a place is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("required" = ["name"])))]
#[serde(rename_all = "camelCase", default)]
pub struct Require {
    /// Name of the label: `kubernetes.io/hostname`.
    pub name: String,
}
