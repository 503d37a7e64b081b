//! The names that belong to one Dataset and its runtime.

use wasser_api::ObjectKey;
use wasser_api::labels;
use wasser_plugin::bindings::types::Description;

/// Which runtime this is, and what its objects are called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Namespace of the Dataset and the runtime.
    pub namespace: String,
    /// Name of the Dataset and the runtime.
    pub name: String,
    /// UID of the Dataset, which stands in for names that would be too long; empty once the Dataset
    /// is gone.
    pub dataset_uid: String,
    /// The runtime type: `juicefs`.
    pub runtime_type: String,
    /// What stands for the type in labels of nodes and in the name of the values ConfigMap; mostly
    /// the same.
    pub implementation: String,
    /// The kind of the runtime: `JuiceFSRuntime`.
    pub kind: String,
    /// The last element of the mount path: `juicefs-fuse`.
    pub mount_directory: String,
}

impl Identity {
    /// The identity of a runtime that a plugin with this description serves.
    pub fn new(namespace: &str, name: &str, dataset_uid: &str, description: &Description) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dataset_uid: dataset_uid.to_owned(),
            runtime_type: description.engine.clone(),
            implementation: description
                .implementation
                .clone()
                .unwrap_or_else(|| description.engine.clone()),
            kind: description.kind.clone(),
            mount_directory: description.fuse.directory.clone(),
        }
    }

    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.namespace, &self.name)
    }

    /// `namespace/name`, for people.
    pub fn display(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Value of the label `fluid.io/dataset-id`.
    pub fn dataset_id(&self) -> String {
        labels::dataset_id(&self.namespace, &self.name, &self.dataset_uid)
    }

    /// The node label that brings the fuse pod to a node.
    pub fn fuse_label(&self) -> String {
        labels::fuse_label(&self.namespace, &self.name, &self.dataset_uid)
    }

    /// The label of nodes that hold cached data, also put on the volume.
    pub fn common_label(&self) -> String {
        labels::common_label(&self.namespace, &self.name, &self.dataset_uid)
    }

    /// The ConfigMap that records the installed chart values.
    pub fn values_config_map(&self) -> String {
        wasser_api::names::values_config_map(&self.name, &self.implementation)
    }

    /// The PersistentVolume.
    pub fn volume(&self) -> String {
        wasser_api::names::persistent_volume(&self.namespace, &self.name)
    }

    /// Where the fuse process mounts the file system on a node, below the installation's mount
    /// root.
    pub fn mount_path(&self, mount_root: &str) -> String {
        format!(
            "{}/{}/{}/{}/{}",
            mount_root.trim_end_matches('/'),
            self.runtime_type,
            self.namespace,
            self.name,
            self.mount_directory
        )
    }
}
