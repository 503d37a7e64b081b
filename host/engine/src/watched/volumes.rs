//! What is kept of the volumes of Datasets.

use k8s_openapi::api::core::v1::{CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeSpec};

use crate::objects::volume::{FLUID_PATH, MOUNT_TYPE, SUB_PATH};

/// Keeps of a volume whose it is, where it leads, and for which nodes it is.
pub fn slim_volume(volume: &mut PersistentVolume) {
    let spec = volume.spec.take().unwrap_or_default();
    let csi = spec.csi.map(|csi| CSIPersistentVolumeSource {
        volume_attributes: csi.volume_attributes.map(|mut attributes| {
            attributes.retain(|key, _| [FLUID_PATH, MOUNT_TYPE].contains(&key.as_str()));
            attributes
        }),
        ..CSIPersistentVolumeSource::default()
    });
    volume.spec = Some(PersistentVolumeSpec {
        claim_ref: spec.claim_ref,
        csi,
        node_affinity: spec.node_affinity,
        ..PersistentVolumeSpec::default()
    });
    volume.status = None;
}

/// Where a volume leads on its nodes, and what is mounted there.
pub fn place(volume: &PersistentVolume) -> Option<(&str, &str)> {
    let path = attribute(volume, FLUID_PATH)?;
    Some((path, attribute(volume, MOUNT_TYPE).unwrap_or_default()))
}

/// The directory of the file system that a volume leads into, without slashes around it; empty for
/// the whole. Volumes that were watched do not have it.
pub fn directory(volume: &PersistentVolume) -> &str {
    attribute(volume, SUB_PATH).unwrap_or_default().trim_matches('/')
}

fn attribute<'a>(volume: &'a PersistentVolume, name: &str) -> Option<&'a str> {
    let attributes = volume.spec.as_ref()?.csi.as_ref()?.volume_attributes.as_ref()?;
    attributes.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_volume_that_is_kept_says_whose_it_is_where_it_leads_and_for_which_nodes() {
        let attributes = json!({"fluid_path": "/mnt/demo", "mount_type": "fuse.demo", "runtime_name": "demo"});
        let mut volume: PersistentVolume = serde_json::from_value(json!({"spec": {
            "accessModes": ["ReadOnlyMany"], "claimRef": {"namespace": "default", "name": "demo"},
            "csi": {"driver": "fuse.csi.fluid.io", "volumeHandle": "default-demo", "volumeAttributes": attributes},
            "nodeAffinity": {"required": {"nodeSelectorTerms": []}},
        }}))
        .unwrap();
        slim_volume(&mut volume);
        assert_eq!(place(&volume), Some(("/mnt/demo", "fuse.demo")));
        let spec = volume.spec.unwrap();
        assert_eq!(spec.claim_ref.unwrap().name.as_deref(), Some("demo"));
        assert_eq!(spec.access_modes, None);
        assert!(spec.node_affinity.is_some());
        assert_eq!(spec.csi.unwrap().volume_attributes.unwrap().len(), 2);
        assert_eq!(place(&PersistentVolume::default()), None);
    }
}
