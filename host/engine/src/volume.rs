//! The volume of a dataset: a PersistentVolume of the node plugin's driver, and a claim that is bound to nothing else.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectReference, PersistentVolume,
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec, VolumeNodeAffinity, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;
use wasser_api::dataset::Dataset;
use wasser_api::labels;

use crate::identity::Identity;

/// The CSI driver of the node plugin.
pub const DRIVER: &str = "fuse.csi.fluid.io";
/// The storage class name that keeps a default class away; no class of this name exists.
pub const STORAGE_CLASS: &str = "fluid";
/// The capacity shown where the Dataset does not ask for one.
const DEFAULT_CAPACITY: &str = "100Pi";

/// What a volume is made of.
#[derive(Debug)]
pub struct VolumeInput<'a> {
    /// The names.
    pub identity: &'a Identity,
    /// The Dataset.
    pub dataset: &'a Dataset,
    /// The runtime object.
    pub runtime: &'a Value,
    /// Where the file system is mounted on a node.
    pub mount_path: &'a str,
    /// The plugin's `mount_type`.
    pub mount_type: &'a str,
    /// The generation label of the fuse workload's pods, if it carries one.
    pub fuse_generation: Option<&'a str>,
}

impl VolumeInput<'_> {
    /// The PersistentVolume `<namespace>-<name>`, reserved for the claim of the Dataset.
    pub fn persistent_volume(&self) -> PersistentVolume {
        let attributes = [
            ("fluid_path", self.mount_path.to_owned()),
            ("mount_type", self.mount_type.to_owned()),
            ("runtime_namespace", self.identity.namespace.clone()),
            ("runtime_name", self.identity.name.clone()),
            ("mount_pod_node_selector_key", self.identity.fuse_label()),
        ];
        PersistentVolume {
            metadata: self.metadata("PersistentVolume", self.identity.volume(), None),
            spec: Some(PersistentVolumeSpec {
                access_modes: Some(self.access_modes()),
                capacity: Some(BTreeMap::from([("storage".to_owned(), self.capacity())])),
                claim_ref: Some(ObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("PersistentVolumeClaim".to_owned()),
                    namespace: Some(self.identity.namespace.clone()),
                    name: Some(self.identity.name.clone()),
                    ..ObjectReference::default()
                }),
                csi: Some(CSIPersistentVolumeSource {
                    driver: DRIVER.to_owned(),
                    volume_handle: self.identity.volume(),
                    volume_attributes: Some(attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
                    ..CSIPersistentVolumeSource::default()
                }),
                node_affinity: self.node_affinity(),
                persistent_volume_reclaim_policy: Some("Retain".to_owned()),
                storage_class_name: Some(STORAGE_CLASS.to_owned()),
                ..PersistentVolumeSpec::default()
            }),
            status: None,
        }
    }

    /// The PersistentVolumeClaim named like the Dataset.
    pub fn persistent_volume_claim(&self) -> PersistentVolumeClaim {
        let mut metadata = self.metadata(
            "PersistentVolumeClaim",
            self.identity.name.clone(),
            Some(self.identity.namespace.clone()),
        );
        if let Some(generation) = self.fuse_generation {
            metadata
                .labels
                .get_or_insert_default()
                .insert(labels::FUSE_GENERATION.to_owned(), generation.to_owned());
        }
        PersistentVolumeClaim {
            metadata,
            spec: Some(PersistentVolumeClaimSpec {
                access_modes: Some(self.access_modes()),
                resources: Some(VolumeResourceRequirements {
                    requests: Some(BTreeMap::from([("storage".to_owned(), self.capacity())])),
                    limits: None,
                }),
                storage_class_name: Some(STORAGE_CLASS.to_owned()),
                volume_name: Some(self.identity.volume()),
                ..PersistentVolumeClaimSpec::default()
            }),
            status: None,
        }
    }

    fn metadata(&self, kind: &str, name: String, namespace: Option<String>) -> ObjectMeta {
        let mut object_labels = BTreeMap::from([
            (self.identity.common_label(), "true".to_owned()),
            (labels::DATASET_ID.to_owned(), self.identity.dataset_id()),
        ]);
        let mut annotations = BTreeMap::from([(labels::CREATED_BY.to_owned(), labels::CREATED_BY_VALUE.to_owned())]);
        for entry in metadata_list(self.runtime).into_iter().filter(|entry| entry.selector.kind == kind) {
            for (key, value) in entry.labels {
                object_labels.entry(key).or_insert(value);
            }
            for (key, value) in entry.annotations {
                annotations.entry(key).or_insert(value);
            }
        }
        ObjectMeta {
            name: Some(name),
            namespace,
            labels: Some(object_labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    fn access_modes(&self) -> Vec<String> {
        self.dataset.spec.effective_access_modes()
    }

    fn capacity(&self) -> Quantity {
        let annotations = self.dataset.metadata.annotations.as_ref();
        let wish = annotations.and_then(|annotations| annotations.get(labels::PVC_STORAGE)).cloned();
        let valid = wish.filter(|text| wasser_api::quantity::parse(text).is_ok());
        Quantity(valid.unwrap_or_else(|| DEFAULT_CAPACITY.to_owned()))
    }

    fn node_affinity(&self) -> Option<VolumeNodeAffinity> {
        let selector = self
            .runtime
            .pointer("/spec/fuse/nodeSelector")?
            .as_object()
            .filter(|selector| !selector.is_empty())?;
        let requirement = |(key, value): (&String, &Value)| NodeSelectorRequirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: Some(vec![value.as_str().unwrap_or_default().to_owned()]),
        };
        let term = NodeSelectorTerm {
            match_expressions: Some(selector.iter().map(requirement).collect()),
            match_fields: None,
        };
        Some(VolumeNodeAffinity {
            required: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
        })
    }
}

/// Labels and annotations that a user wants on generated objects: annotation `data.fluid.io/metadataList` of the runtime.
#[derive(Debug, Deserialize)]
struct MetadataEntry {
    selector: KindSelector,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct KindSelector {
    kind: String,
}

fn metadata_list(runtime: &Value) -> Vec<MetadataEntry> {
    let annotation = runtime
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(labels::METADATA_LIST));
    annotation
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}
