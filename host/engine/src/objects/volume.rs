//! The volume of a dataset: a PersistentVolume of the node plugin's driver, and a claim that is
//! bound to nothing else.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectReference,
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec, VolumeNodeAffinity,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;
use wasser_api::dataset::{DEFAULT_ACCESS_MODE, Dataset};
use wasser_api::{labels, names};

use crate::objects::identity::Identity;

/// The storage class name that keeps a default class away; no class of this name exists.
pub const STORAGE_CLASS: &str = "fluid";
/// The volume attribute that says where the file system is mounted on a node.
pub const FLUID_PATH: &str = "fluid_path";
/// The volume attribute that names a directory of the file system, for volumes that lead into one.
pub const SUB_PATH: &str = "fluid_sub_path";
/// The volume attribute that says what is mounted there.
pub const MOUNT_TYPE: &str = "mount_type";
/// The volume attribute that says how the node plugin publishes a volume.
pub const PUBLISH_METHOD: &str = "node_publish_method";
/// Its value where that is by a symbolic link.
const SYMLINK: &str = "symlink";
/// The pods that do not wait for a mount: those for which the node plugin mounts, and those that
/// mount by themselves.
const EVERYBODY: &str = "All";
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
    /// Whether clients show a directory of their node there, and mount nothing.
    pub is_directory: bool,
    /// Where the session manager of a node listens, if clients need one.
    pub session_manager: Option<&'a str>,
    /// The labels of the nodes on which clients can be. None: of all.
    pub node_selector: BTreeMap<String, String>,
    /// The generation label of the fuse workload's pods, if it carries one.
    pub fuse_generation: Option<&'a str>,
    /// The access modes of volume and claim.
    pub access_modes: Vec<String>,
    /// Whether nothing may be written, whatever the access modes say.
    pub read_only: bool,
}

impl VolumeInput<'_> {
    /// The PersistentVolume `<namespace>-<name>`, reserved for the claim of the Dataset.
    pub fn persistent_volume(&self) -> PersistentVolume {
        let metadata = self.metadata("PersistentVolume", self.identity.volume(), None);
        let label = |key| {
            metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get(key))
                .map(String::as_str)
        };
        let by_symlink = label(labels::NODE_PUBLISH_METHOD) == Some(SYMLINK);
        let annotations = self.runtime.pointer("/metadata/annotations");
        let asked = annotations.and_then(|all| all.get(labels::SKIP_CHECK_MOUNT_READY)?.as_str());
        // What nobody mounts, nobody can wait for.
        let skipped = if self.is_directory { Some(EVERYBODY) } else { asked };
        let optional = [
            by_symlink.then(|| (PUBLISH_METHOD, SYMLINK.to_owned())),
            self.must_say_read_only()
                .then(|| (labels::VOLUME_READ_ONLY, labels::TRUE.to_owned())),
            skipped.map(|whose| (labels::SKIP_CHECK_MOUNT_READY, whose.to_owned())),
            self.session_manager
                .map(|directory| (labels::SESSION_MANAGER_DIRECTORY, directory.to_owned())),
        ];
        let attributes = [
            (FLUID_PATH, self.mount_path.to_owned()),
            (MOUNT_TYPE, self.mount_type.to_owned()),
            ("runtime_namespace", self.identity.namespace.clone()),
            ("runtime_name", self.identity.name.clone()),
            ("mount_pod_node_selector_key", self.identity.fuse_label()),
        ];
        PersistentVolume {
            metadata,
            spec: Some(PersistentVolumeSpec {
                access_modes: Some(self.access_modes.clone()),
                capacity: Some(BTreeMap::from([("storage".to_owned(), self.capacity())])),
                claim_ref: Some(ObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("PersistentVolumeClaim".to_owned()),
                    namespace: Some(self.identity.namespace.clone()),
                    name: Some(self.identity.name.clone()),
                    ..ObjectReference::default()
                }),
                csi: Some(CSIPersistentVolumeSource {
                    driver: names::CSI_DRIVER.to_owned(),
                    volume_handle: self.identity.volume(),
                    volume_attributes: Some(
                        attributes
                            .into_iter()
                            .chain(optional.into_iter().flatten())
                            .map(|(key, value)| (key.to_owned(), value))
                            .collect(),
                    ),
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
                access_modes: Some(self.access_modes.clone()),
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
        for entry in metadata_list(self.runtime)
            .into_iter()
            .filter(|entry| entry.selector.kind == kind)
        {
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

    /// Whether the volume has to say itself that it is read-only: of its access modes, a node is
    /// given the first one.
    fn must_say_read_only(&self) -> bool {
        self.read_only && self.access_modes.first().map(String::as_str) != Some(DEFAULT_ACCESS_MODE)
    }

    fn capacity(&self) -> Quantity {
        let annotations = self.dataset.metadata.annotations.as_ref();
        let wanted = annotations
            .and_then(|annotations| annotations.get(labels::PVC_STORAGE))
            .cloned();
        let valid = wanted.filter(|text| wasser_api::quantity::parse(text).is_ok());
        Quantity(valid.unwrap_or_else(|| DEFAULT_CAPACITY.to_owned()))
    }

    fn node_affinity(&self) -> Option<VolumeNodeAffinity> {
        if self.node_selector.is_empty() {
            return None;
        }
        let requirement = |(key, value): (&String, &String)| NodeSelectorRequirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: Some(vec![value.clone()]),
        };
        let term = NodeSelectorTerm {
            match_expressions: Some(self.node_selector.iter().map(requirement).collect()),
            match_fields: None,
        };
        Some(VolumeNodeAffinity {
            required: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
        })
    }
}

/// Labels and annotations that a user wants on generated objects: annotation
/// `data.fluid.io/metadataList` of the runtime.
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

/// An object with its keys in lower case: users write `Labels` as well, as Go reads it.
fn lower_keys(object: Value) -> Value {
    match object {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key.to_ascii_lowercase(), value))
            .collect(),
        other => other,
    }
}

fn metadata_list(runtime: &Value) -> Vec<MetadataEntry> {
    let annotation = runtime
        .pointer("/metadata/annotations")
        .and_then(|annotations| annotations.get(labels::METADATA_LIST));
    let entries: Vec<Value> = annotation
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let read = |entry| {
        let mut entry = lower_keys(entry);
        if let Some(selector) = entry.get_mut("selector") {
            *selector = lower_keys(selector.take());
        }
        serde_json::from_value(entry).ok()
    };
    entries.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        value.as_str().unwrap_or_default().to_owned()
    }

    fn volume(annotations: &Value) -> PersistentVolume {
        let runtime = json!({"metadata": {"annotations": annotations}});
        let dataset = serde_json::from_value(json!({"metadata": {"name": "demo"}, "spec": {}})).unwrap();
        let identity = Identity {
            namespace: "ns".to_owned(),
            name: "demo".to_owned(),
            dataset_uid: "uid".to_owned(),
            runtime_type: "demo".to_owned(),
            implementation: "demo".to_owned(),
            kind: "DemoRuntime".to_owned(),
            mount_directory: "demo-fuse".to_owned(),
        };
        let input = VolumeInput {
            identity: &identity,
            dataset: &dataset,
            runtime: &runtime,
            mount_path: "/mnt/demo-fuse",
            mount_type: "fuse.demo",
            is_directory: annotations.get("directory").is_some(),
            session_manager: annotations.get("session-manager").and_then(Value::as_str),
            node_selector: BTreeMap::from_iter(annotations.get("pool").map(|pool| ("pool".to_owned(), text(pool)))),
            fuse_generation: None,
            access_modes: vec!["ReadWriteMany".to_owned()],
            read_only: annotations.get("read-only").is_some(),
        };
        input.persistent_volume()
    }

    #[test]
    fn a_volume_says_that_it_is_read_only_where_its_access_mode_does_not() {
        assert_eq!(
            attribute(&volume(&json!({"read-only": ""})), labels::VOLUME_READ_ONLY).as_deref(),
            Some("true")
        );
        assert_eq!(attribute(&volume(&json!({})), labels::VOLUME_READ_ONLY), None);
    }

    fn attribute(volume: &PersistentVolume, key: &str) -> Option<String> {
        let attributes = volume.spec.as_ref()?.csi.as_ref()?.volume_attributes.as_ref()?;
        attributes.get(key).cloned()
    }

    #[rstest::rstest]
    #[case::as_go_writes_it("labels", "selector", "kind")]
    #[case::as_go_reads_it("Labels", "Selector", "Kind")]
    fn users_add_labels_and_a_label_makes_links(#[case] labels: &str, #[case] selector: &str, #[case] kind: &str) {
        let of = |object: &str| {
            let entry = json!({labels: {"fluid.io/node-publish-method": "symlink"}, selector: {kind: object}});
            volume(&json!({"data.fluid.io/metadataList": json!([entry]).to_string()}))
        };
        let linked = of("PersistentVolume");
        assert_eq!(
            linked.metadata.labels.as_ref().unwrap()["fluid.io/node-publish-method"],
            "symlink"
        );
        assert_eq!(attribute(&linked, "node_publish_method").as_deref(), Some("symlink"));
        assert_eq!(attribute(&of("PersistentVolumeClaim"), "node_publish_method"), None);
    }

    #[test]
    fn an_annotation_says_whose_mounts_are_not_waited_for() {
        const KEY: &str = "fluid.io/skip-check-mount-ready-target";
        assert_eq!(attribute(&volume(&json!({KEY: "All"})), KEY).as_deref(), Some("All"));
        assert_eq!(attribute(&volume(&json!({})), KEY), None);
        for others in [json!({"directory": ""}), json!({"directory": "", KEY: "None"})] {
            assert_eq!(attribute(&volume(&others), KEY).as_deref(), Some("All"));
        }
    }

    #[test]
    fn a_volume_says_where_the_session_manager_listens_if_there_is_one() {
        let key = "efc_sessmgr_workdir";
        let listening = volume(&json!({"session-manager": "/mnt/sock"}));
        assert_eq!(attribute(&listening, key).as_deref(), Some("/mnt/sock"));
        assert_eq!(attribute(&volume(&json!({})), key), None);
    }

    #[test]
    fn a_volume_can_be_used_where_clients_can_be() {
        let terms = |annotations: Value| {
            let affinity = volume(&annotations).spec?.node_affinity?;
            serde_json::to_value(affinity.required?.node_selector_terms).ok()
        };
        let expression = json!({"key": "pool", "operator": "In", "values": ["a"]});
        assert_eq!(
            terms(json!({"pool": "a"})),
            Some(json!([{"matchExpressions": [expression]}]))
        );
        assert_eq!(terms(json!({})), None);
    }

    #[test]
    fn a_list_that_is_none_adds_nothing() {
        let volume = volume(&json!({"data.fluid.io/metadataList": "{"}));
        assert_eq!(volume.metadata.labels.unwrap().len(), 2);
    }
}
