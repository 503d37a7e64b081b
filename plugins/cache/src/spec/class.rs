//! The kind CacheRuntimeClass, whose fields are at its top and not in a spec.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::CustomResourceExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use wasser_api::crd::{pieces, structural};

/// The CRD. Kinds are derived with a spec, so its fields are taken out of that here.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = structural(CacheRuntimeClass::crd());
    for version in &mut crd.spec.versions {
        let schema = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(schema) = schema {
            at_top(schema);
        }
    }
    crd
}

fn at_top(schema: &mut JSONSchemaProps) {
    let properties = schema.properties.get_or_insert_default();
    if let Some(spec) = properties.remove("spec") {
        properties.extend(spec.properties.unwrap_or_default());
        schema.required = spec.required;
    }
}

/// The pods of a cache system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, kube::CustomResource)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "CacheRuntimeClass",
    plural = "cacheruntimeclasses",
    singular = "cacheruntimeclass",
    category = "fluid",
    doc = "The pods of a cache system, for all CacheRuntimes that name it."
)]
#[serde(rename_all = "camelCase")]
pub struct CacheRuntimeClassFields {
    /// What the mount's line in /proc/self/mountinfo contains: fuse.curvine.
    pub file_system_type: String,
    /// The components, of which a system has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
    /// Objects that come with each runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_resources: Option<ExtraResources>,
    /// What data operations run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_operation_specs: Vec<DataOperationSpec>,
}

/// The components of a cache system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Topology {
    /// What holds the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<Definition>,
    /// What holds the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<Definition>,
    /// What mounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Definition>,
}

/// A component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Definition {
    /// Options, which those of a runtime override.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// The pods. The first container is that of the cache system.
    #[schemars(schema_with = "pieces::schema::<PodTemplateSpec>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<PodTemplateSpec>,
    /// The Service in front of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// What the pods need besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Dependencies>,
    /// Commands in a running pod of masters or workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_entries: Option<ExecutionEntries>,
}

/// The Service in front of a component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Service {
    /// A headless one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headless: Option<Headless>,
}

/// A headless Service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Headless {}

/// What the pods of a component need besides their template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dependencies {
    /// The Secrets of the Dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_mount: Option<SecretMount>,
    /// Objects of extraResources that are mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_resources: Option<MountedResources>,
}

/// Whether the pods get the Secrets of the Dataset as files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SecretMount {
    /// They do unless this is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Objects of extraResources that are mounted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MountedResources {
    /// ConfigMaps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<MountedConfigMap>,
}

/// A ConfigMap of extraResources that is mounted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MountedConfigMap {
    /// Its name there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_path: Option<String>,
}

/// Commands in a running pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecutionEntries {
    /// Mounts the data sources, and prints the mounted paths as JSON: {"mounted": ["/path"]}.
    #[serde(rename = "mountUFS", skip_serializing_if = "Option::is_none")]
    pub mount_ufs: Option<Entry>,
    /// Prints a JSON object with cached, cachedPercentage, cacheCapacity, cacheHitRatio, and perhaps
    /// ufsTotal and fileNum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_summary: Option<Entry>,
}

/// A command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How many seconds it can take: 20 at least, 240 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
}

/// Objects that come with each runtime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtraResources {
    /// ConfigMaps, called <runtime>-<name>.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<ExtraConfigMap>,
}

/// A ConfigMap that comes with each runtime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExtraConfigMap {
    /// Its name, by which components refer to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its texts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

/// What a kind of data operations runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataOperationSpec {
    /// The kind: DataLoad. The others are accepted and not read.
    #[schemars(schema_with = "operation")]
    pub name: String,
    /// The image; that of the workers where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The command of the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

fn operation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["DataLoad", "DataBackup", "DataMigrate", "DataProcess"]})
}
