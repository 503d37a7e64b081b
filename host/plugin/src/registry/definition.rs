//! Reads the part of a CRD that decides whether a kind can be served.

use std::collections::BTreeMap;

use serde::Deserialize;
use wasser_api::text::bounded;

/// The maximum length of a CRD's text in a message.
pub const SHOWN: usize = 200;

/// A CRD, read from the API server or from a plugin's package, without its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Definition {
    /// The names, the scope and the versions.
    pub spec: DefinitionSpec,
    /// The API server's status; `None` in a package.
    pub status: Option<DefinitionStatus>,
}

/// The `spec` of a CRD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DefinitionSpec {
    /// The API group.
    pub group: String,
    /// The kind and its plural.
    pub names: DefinitionNames,
    /// `Namespaced` or `Cluster`.
    pub scope: String,
    /// The versions.
    pub versions: Vec<DefinitionVersion>,
}

/// The `spec.names` of a CRD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DefinitionNames {
    /// The kind.
    pub kind: String,
    /// The plural, as in paths of the API.
    pub plural: String,
}

/// A version of a CRD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DefinitionVersion {
    /// Its name.
    pub name: String,
    /// Whether the API server serves it.
    pub served: bool,
    /// `status` and `scale`.
    pub subresources: Option<BTreeMap<String, serde_json::Value>>,
}

/// The `status` of a CRD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DefinitionStatus {
    /// Whether its names are accepted, and whether it is established; `null` in a CRD that was just
    /// created.
    pub conditions: Option<Vec<DefinitionCondition>>,
}

/// A condition of a CRD.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DefinitionCondition {
    /// `Established`, `NamesAccepted`, …
    #[serde(rename = "type")]
    pub condition_type: String,
    /// `True` or `False`.
    pub status: String,
    /// The reason, for people.
    pub message: String,
}

impl DefinitionStatus {
    /// Returns why the API server does not serve the kind, if it does not. A CRD that is being
    /// deleted is still served, because its objects must be cleaned up.
    pub fn obstacle(&self) -> Option<String> {
        let is = |wanted: &str, status: &str| {
            let mut conditions = self.conditions.iter().flatten();
            conditions.find(|found| found.condition_type == wanted && found.status == status)
        };
        if is("Established", "True").is_some() {
            return None;
        }
        let message = is("NamesAccepted", "False")
            .or_else(|| is("Established", "False"))
            .map(|found| found.message.as_str());
        Some(bounded(message.unwrap_or("the API server has not processed it yet"), SHOWN).into_owned())
    }
}
