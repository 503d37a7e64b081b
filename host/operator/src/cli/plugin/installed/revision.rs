//! A state of a registration, as it is kept.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::{Deserialize, Serialize};
use wasser_plugin::{Grants, PLUGIN_KEY, Registration};

use super::error::ChangeError;
use super::grants::Section;
use super::plugin_yaml::PluginYaml;

/// How the reference of a component begins that is in the ConfigMap.
const INLINE: &str = "inline ";

/// A state of a registration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number, from 1.
    pub revision: u32,
    /// The version of the plugin; empty if it is not known.
    pub version: String,
    /// Where the component comes from.
    pub reference: String,
    /// The capabilities that were asked for, whether they were given or not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: Section,
    /// plugin.yaml.
    pub plugin: String,
    /// Whether it is a build of `wasser plugin dev`, of which the next one takes the place.
    #[serde(default, rename = "dev", skip_serializing_if = "std::ops::Not::not")]
    pub is_dev: bool,
}

impl Revision {
    /// Returns version and source, for people.
    pub fn shown(&self) -> String {
        match self.version.as_str() {
            "" => self.reference.clone(),
            version => format!("{version}, {}", self.reference),
        }
    }

    /// Returns the kind for which it was written, if it can be read.
    pub fn claimed_kind(&self) -> Option<String> {
        let map = ConfigMap {
            data: Some(BTreeMap::from([(PLUGIN_KEY.to_owned(), self.plugin.clone())])),
            ..ConfigMap::default()
        };
        Registration::claimed_kind(&map)
    }

    /// Returns whether its component is in the ConfigMap.
    pub fn is_inline(&self) -> bool {
        self.reference.starts_with(INLINE)
    }

    /// Returns the capabilities that were asked for, as far as that is known.
    pub fn asked(&self) -> Grants {
        let asked = self.asked.clone().into_iter().collect();
        serde_json::from_value(serde_json::Value::Object(asked)).unwrap_or_default()
    }

    /// Returns what is written in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn yaml(&self, name: &str) -> Result<PluginYaml, ChangeError> {
        PluginYaml::parse(&self.plugin).map_err(|error| ChangeError::Unreadable {
            name: name.to_owned(),
            reason: error.to_string(),
        })
    }
}

/// Returns how a component is called that is in the ConfigMap under a key.
pub fn inline(key: &str) -> String {
    format!("{INLINE}{key}")
}
