//! Reads a registration: the ConfigMap with which an administrator installs a plugin.

use std::collections::BTreeMap;

use bytes::Bytes;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;

use crate::package::digest::{Digest, DigestError};
use crate::package::grants::{GrantError, Grants};
use crate::package::limits::{LimitError, LimitTexts, Limits};
use crate::package::source::Source;

/// The label that makes a ConfigMap in the operator's namespace a registration. Its value is
/// `true`.
pub const PLUGIN_LABEL: &str = "wasser.fluid.io/plugin";
/// The annotation of a built-in plugin's registration with the version of the operator that it was
/// made for, whose image has the component.
pub const OPERATOR_VERSION_ANNOTATION: &str = "wasser.fluid.io/operator-version";
/// The key of `data` that describes the plugin.
pub const PLUGIN_KEY: &str = "plugin.yaml";

/// The field of the component.
const COMPONENT: &str = "component";

/// The maximum total size of the values in `data` and `binaryData` of one ConfigMap that the API
/// server accepts.
const CONFIG_MAP_LIMIT: usize = 1 << 20;

/// A plugin as an administrator registered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// The ConfigMap's name.
    pub name: String,
    /// The ConfigMap's namespace.
    pub namespace: String,
    /// When the ConfigMap was created. Of two claims on a kind, the older one wins.
    pub created: Option<Time>,
    /// The kind that the plugin serves: `JuiceFSRuntime`.
    pub runtime: String,
    /// The component.
    pub component: Source,
    /// The component's digest.
    pub digest: Digest,
    /// The chart, a tgz.
    pub chart: Source,
    /// The names of Secrets of the operator's namespace with credentials for registries.
    pub pull_secrets: Vec<String>,
    /// Images by role.
    pub images: BTreeMap<String, String>,
    /// Settings of the installation, which the plugin interprets.
    pub settings: BTreeMap<String, String>,
    /// The capabilities that the administrator gives.
    pub grants: Grants,
    /// The limits of one call.
    pub limits: Limits,
}

/// The parts of an artifact that was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The component.
    pub component: Bytes,
    /// The chart.
    pub chart: Bytes,
}

/// Why a ConfigMap is not a registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The ConfigMap has no name or namespace.
    #[error("the ConfigMap has no {0}")]
    Incomplete(&'static str),
    /// The ConfigMap has no `plugin.yaml`.
    #[error(
        "the ConfigMap has no key `plugin.yaml` in `data`; it must describe the plugin (runtime, component, digest, \
         chart)"
    )]
    NoPluginYaml,
    /// `plugin.yaml` does not have the right shape. The parser names the field.
    #[error("plugin.yaml: {0}")]
    Yaml(String),
    /// Component and chart are of two artifacts.
    #[error(
        "plugin.yaml: chart.oci: {chart} is another artifact than {component} of component.oci; one artifact has both"
    )]
    TwoArtifacts {
        /// The artifact of the component.
        component: String,
        /// The artifact of the chart.
        chart: String,
    },
    /// Secrets are named for nothing.
    #[error("plugin.yaml: pullSecrets: nothing is pulled, because neither `component` nor `chart` has `oci`")]
    NothingToPull,
    /// There is not exactly one source.
    #[error("plugin.yaml: {field}: exactly one of `inline`, `path` and `oci` must be set")]
    OneSource {
        /// `component` or `chart`.
        field: &'static str,
    },
    /// `binaryData` does not have this key.
    #[error("plugin.yaml: {field}.inline: the ConfigMap has no key `{key}` in `binaryData`; it has {there}")]
    NoSuchKey {
        /// `component` or `chart`.
        field: &'static str,
        /// The key.
        key: String,
        /// The keys that exist.
        there: String,
    },
    /// The digest is malformed.
    #[error("plugin.yaml: digest: {0}")]
    Digest(#[from] DigestError),
    /// A capability cannot be given.
    #[error("plugin.yaml: grants: {0}")]
    Grant(#[from] GrantError),
    /// A limit cannot be set.
    #[error("plugin.yaml: {0}")]
    Limit(#[from] LimitError),
    /// The ConfigMap is larger than the API server accepts.
    #[error(
        "the ConfigMap has {size} bytes in `data` and `binaryData`, and the API server accepts {CONFIG_MAP_LIMIT} per \
         object; push the package to a registry (`wasser plugin push`) and name it with `oci` instead of `inline`, or \
         make the component smaller"
    )]
    TooLarge {
        /// The total size of all values in bytes.
        size: usize,
    },
}

/// Returns the version of the operator that a registration was made for, if it is another one than
/// this. Its component is in the image of that one.
pub fn of_other_operator(map: &ConfigMap) -> Option<&str> {
    let annotations = map.metadata.annotations.as_ref()?;
    let version = annotations.get(OPERATOR_VERSION_ANNOTATION)?;
    (version != env!("CARGO_PKG_VERSION")).then_some(version.as_str())
}

/// Checks that the API server accepts a ConfigMap of this size.
///
/// # Errors
/// The ConfigMap is too large.
pub fn check_size(map: &ConfigMap) -> Result<(), RegistrationError> {
    let texts = map.data.iter().flatten().map(|(_, value)| value.len());
    let binaries = map.binary_data.iter().flatten().map(|(_, value)| value.0.len());
    match texts.chain(binaries).sum() {
        size if size > CONFIG_MAP_LIMIT => Err(RegistrationError::TooLarge { size }),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginYaml {
    runtime: String,
    component: SourceYaml,
    digest: String,
    chart: SourceYaml,
    #[serde(default, rename = "pullSecrets")]
    pull_secrets: Vec<String>,
    #[serde(default)]
    images: BTreeMap<String, Scalar>,
    #[serde(default)]
    settings: BTreeMap<String, Scalar>,
    #[serde(default)]
    grants: Grants,
    #[serde(default)]
    limits: LimitTexts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceYaml {
    inline: Option<String>,
    path: Option<String>,
    oci: Option<String>,
}

/// A value that people write without quotes although the plugin reads it as a string: `true`, `3`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Flag(bool),
    Integer(i64),
    Float(f64),
}

impl From<Scalar> for String {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
        }
    }
}

impl Registration {
    /// Reads a registration. Only the ConfigMap is read, and nothing is loaded.
    ///
    /// # Errors
    /// The ConfigMap is not a registration; the message names the field.
    pub fn parse(map: &ConfigMap) -> Result<Self, RegistrationError> {
        let registration = Self::read(map, |field, yaml| source(map, field, yaml))?;
        if registration.artifact().is_none() && !registration.pull_secrets.is_empty() {
            return Err(RegistrationError::NothingToPull);
        }
        Ok(registration)
    }

    /// Returns whether a ConfigMap names an artifact.
    pub(crate) fn names_artifact(map: &ConfigMap) -> bool {
        let is_pulled = |source: SourceYaml| source.oci.is_some();
        plugin_yaml(map).is_ok_and(|yaml| is_pulled(yaml.component) || is_pulled(yaml.chart))
    }

    /// Returns the artifact that has to be pulled before the plugin can be loaded.
    pub fn artifact(&self) -> Option<&str> {
        [&self.component, &self.chart]
            .into_iter()
            .find_map(|source| match source {
                Source::Oci(reference) => Some(reference.as_str()),
                Source::Inline { .. } | Source::Path(_) => None,
            })
    }

    /// Puts the parts of the artifact into the registration that names it.
    #[must_use]
    pub fn with_artifact(mut self, pulled: Pulled) -> Self {
        for (field, source, bytes) in [
            (COMPONENT, &mut self.component, pulled.component),
            ("chart", &mut self.chart, pulled.chart),
        ] {
            if let Source::Oci(_) = source {
                *source = Source::Inline {
                    key: field.to_owned(),
                    bytes,
                };
            }
        }
        self
    }

    /// Reads a registration whose component and chart were kept elsewhere, whatever sources it
    /// names.
    pub(crate) fn parse_with(map: &ConfigMap, component: Bytes, chart: Bytes) -> Result<Self, RegistrationError> {
        Self::read(map, |field, _| {
            let bytes = if field == COMPONENT { &component } else { &chart };
            Ok(Source::Inline {
                key: field.to_owned(),
                bytes: bytes.clone(),
            })
        })
    }

    fn read(
        map: &ConfigMap,
        source: impl Fn(&'static str, SourceYaml) -> Result<Source, RegistrationError>,
    ) -> Result<Self, RegistrationError> {
        let name = map.metadata.name.clone().ok_or(RegistrationError::Incomplete("name"))?;
        let namespace = map
            .metadata
            .namespace
            .clone()
            .ok_or(RegistrationError::Incomplete("namespace"))?;
        let yaml = plugin_yaml(map)?;
        yaml.grants.validate()?;
        let text = |(key, value): (String, Scalar)| (key, value.into());
        let texts = |values: BTreeMap<String, Scalar>| values.into_iter().map(text).collect();
        let (component, chart) = (source(COMPONENT, yaml.component)?, source("chart", yaml.chart)?);
        if let (Source::Oci(component), Source::Oci(chart)) = (&component, &chart)
            && component != chart
        {
            return Err(RegistrationError::TwoArtifacts {
                component: component.clone(),
                chart: chart.clone(),
            });
        }
        Ok(Self {
            component,
            chart,
            pull_secrets: yaml.pull_secrets,
            digest: yaml.digest.parse()?,
            limits: yaml.limits.parse()?,
            created: map.metadata.creation_timestamp.clone(),
            runtime: yaml.runtime,
            images: texts(yaml.images),
            settings: texts(yaml.settings),
            grants: yaml.grants,
            name,
            namespace,
        })
    }

    /// Returns the kind that a ConfigMap claims, if it can be read.
    ///
    /// A registration keeps its claim while it is broken, because its last good plugin keeps
    /// serving.
    pub fn claimed_kind(map: &ConfigMap) -> Option<String> {
        #[derive(Deserialize)]
        struct Claimed {
            runtime: String,
        }
        let text = map.data.as_ref()?.get(PLUGIN_KEY)?;
        yaml_serde::from_str::<Claimed>(text)
            .ok()
            .map(|claimed| claimed.runtime)
    }
}

/// Returns the capabilities that a ConfigMap gives its plugin, whatever else there is to say about it.
///
/// # Errors
/// They cannot be read.
pub(crate) fn given(map: &ConfigMap) -> Result<Grants, RegistrationError> {
    let yaml = plugin_yaml(map)?;
    yaml.grants.validate()?;
    Ok(yaml.grants)
}

fn plugin_yaml(map: &ConfigMap) -> Result<PluginYaml, RegistrationError> {
    let text = map.data.as_ref().and_then(|data| data.get(PLUGIN_KEY));
    let text = text.ok_or(RegistrationError::NoPluginYaml)?;
    yaml_serde::from_str(text).map_err(|error| RegistrationError::Yaml(error.to_string()))
}

fn source(map: &ConfigMap, field: &'static str, yaml: SourceYaml) -> Result<Source, RegistrationError> {
    match (yaml.inline, yaml.path, yaml.oci) {
        (None, None, Some(reference)) => Ok(Source::Oci(reference)),
        (None, Some(path), None) => Ok(Source::Path(path)),
        (Some(key), None, None) => {
            let there = map.binary_data.as_ref();
            let Some(bytes) = there.and_then(|data| data.get(&key)) else {
                let keys: Vec<&str> = there
                    .into_iter()
                    .flat_map(|data| data.keys())
                    .map(String::as_str)
                    .collect();
                let there = if keys.is_empty() {
                    "none".to_owned()
                } else {
                    keys.join(", ")
                };
                return Err(RegistrationError::NoSuchKey { field, key, there });
            };
            Ok(Source::Inline {
                key,
                bytes: Bytes::copy_from_slice(&bytes.0),
            })
        }
        _ => Err(RegistrationError::OneSource { field }),
    }
}
