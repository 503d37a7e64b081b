//! What is kept of the volumes of Datasets.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{CSIPersistentVolumeSource, NodeSelectorTerm, PersistentVolume, PersistentVolumeSpec};
use wasser_api::labels::{SESSION_MANAGER_DIRECTORY, SKIP_CHECK_MOUNT_READY};

use crate::objects::volume::{FLUID_PATH, MOUNT_TYPE, PUBLISH_METHOD, SUB_PATH};
use crate::watched::metadata::slim_metadata;

/// The attributes without which no pod gets what the clients mount, or gets it in another way.
const LEADING: [&str; 5] = [
    FLUID_PATH,
    MOUNT_TYPE,
    PUBLISH_METHOD,
    SKIP_CHECK_MOUNT_READY,
    SESSION_MANAGER_DIRECTORY,
];
/// Those that say how the next pod gets it. Pods that have it keep it.
const WAYS: [&str; 3] = [PUBLISH_METHOD, SKIP_CHECK_MOUNT_READY, SESSION_MANAGER_DIRECTORY];
/// The field that says on which nodes the clients can be.
const NODE_AFFINITY: &str = "nodeAffinity";

/// Keeps of a volume whose it is, where it leads, and for which nodes it is.
pub fn slim_volume(volume: &mut PersistentVolume) {
    slim_metadata(&mut volume.metadata);
    let spec = volume.spec.take().unwrap_or_default();
    let csi = spec.csi.map(|csi| CSIPersistentVolumeSource {
        volume_attributes: csi.volume_attributes.map(|mut attributes| {
            attributes.retain(|key, _| LEADING.contains(&key.as_str()));
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

/// How a volume leads somewhere else than it should, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of the volume: `mount_type fuse.s3fs`.
    pub own: String,
    /// Of what is wanted.
    pub wanted: String,
    /// Whether pods that mount it get something else than the clients have, or cannot be where they
    /// are.
    pub misleads: bool,
}

/// Where a volume leads somewhere else than another one, into whatever directory of it.
pub fn difference(own: &PersistentVolume, wanted: &PersistentVolume) -> Option<Difference> {
    let (own, wanted) = (leads(own), leads(wanted));
    let names = LEADING.into_iter().chain([NODE_AFFINITY]);
    let differing: Vec<&str> = names.filter(|name| own.get(name) != wanted.get(name)).collect();
    let words = |of: &BTreeMap<&str, String>| {
        let word = |name: &&str| {
            of.get(name)
                .map_or_else(|| format!("no {name}"), |value| format!("{name} {value}"))
        };
        let all: Vec<String> = differing.iter().map(word).collect();
        all.join(" and ")
    };
    (!differing.is_empty()).then(|| Difference {
        misleads: differing.iter().any(|name| !WAYS.contains(name)),
        own: words(&own),
        wanted: words(&wanted),
    })
}

/// Where a volume leads, by the names of attributes and fields.
fn leads(volume: &PersistentVolume) -> BTreeMap<&'static str, String> {
    let attributes = LEADING
        .into_iter()
        .filter_map(|name| Some((name, attribute(volume, name)?.to_owned())));
    let nodes = nodes(volume).map(|nodes| (NODE_AFFINITY, nodes));
    attributes.chain(nodes).collect()
}

/// On which nodes a volume can be, whatever the order in which that is written.
fn nodes(volume: &PersistentVolume) -> Option<String> {
    let required = volume.spec.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    let term = |term: &NodeSelectorTerm| {
        let expressions = term.match_expressions.iter().flatten();
        let mut all: Vec<String> = expressions
            .map(|one| {
                let values = one.values.as_deref().unwrap_or_default().join(", ");
                format!("{} {} ({values})", one.key, one.operator)
            })
            .collect();
        all.sort_unstable();
        all.join(", ")
    };
    let terms: Vec<String> = required.node_selector_terms.iter().map(term).collect();
    Some(terms.join(" or "))
}

fn attribute<'a>(volume: &'a PersistentVolume, name: &str) -> Option<&'a str> {
    let attributes = volume.spec.as_ref()?.csi.as_ref()?.volume_attributes.as_ref()?;
    attributes.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
    fn volume(attributes: &Value, selectors: &[(&str, &str)]) -> PersistentVolume {
        let expression = |(key, value): &(&str, &str)| json!({"key": key, "operator": "In", "values": [value]});
        let expressions: Vec<Value> = selectors.iter().map(expression).collect();
        let affinity = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}});
        let affinity = if selectors.is_empty() { Value::Null } else { affinity };
        let csi =
            json!({"driver": "fuse.csi.fluid.io", "volumeHandle": "default-demo", "volumeAttributes": attributes});
        let volume = json!({"spec": {"csi": csi, "nodeAffinity": affinity}});
        serde_json::from_value(volume).unwrap()
    }

    #[test]
    fn volumes_differ_in_what_leads_to_the_mount() {
        let own = volume(&json!({"fluid_path": "/mnt/demo", "mount_type": "fuse.demo"}), &[]);
        let same = volume(
            &json!({"fluid_path": "/mnt/demo", "mount_type": "fuse.demo", "fluid_sub_path": "a", "wasser_read_only": "true"}),
            &[],
        );
        assert_eq!(difference(&own, &same), None);
        let words = |wanted: &PersistentVolume| {
            let Difference { own, wanted, .. } = difference(&own, wanted).unwrap();
            (own, wanted)
        };
        let misleads = |wanted: &PersistentVolume| difference(&own, wanted).unwrap().misleads;
        let other = volume(&json!({"fluid_path": "/mnt/demo", "mount_type": "fuse.other"}), &[]);
        assert_eq!(
            words(&other),
            ("mount_type fuse.demo".to_owned(), "mount_type fuse.other".to_owned())
        );
        assert!(misleads(&other));
        for name in [
            "node_publish_method",
            "fluid.io/skip-check-mount-ready-target",
            "efc_sessmgr_workdir",
        ] {
            let more = volume(
                &json!({"fluid_path": "/mnt/demo", "mount_type": "fuse.demo", name: "x"}),
                &[],
            );
            assert_eq!(words(&more), (format!("no {name}"), format!("{name} x")));
            assert!(!misleads(&more));
        }
    }

    #[test]
    fn volumes_differ_in_their_nodes_and_not_in_how_those_are_written() {
        let one = volume(&json!({}), &[("disk", "ssd"), ("zone", "a")]);
        assert_eq!(
            difference(&one, &volume(&json!({}), &[("zone", "a"), ("disk", "ssd")])),
            None
        );
        let other = volume(&json!({}), &[("disk", "ssd")]);
        let found = difference(&one, &other).unwrap();
        assert_eq!(found.own, "nodeAffinity disk In (ssd), zone In (a)");
        assert_eq!(found.wanted, "nodeAffinity disk In (ssd)");
        assert!(difference(&one, &volume(&json!({}), &[])).is_some());
    }

    #[test]
    fn what_is_kept_of_a_volume_shows_every_difference() {
        let attributes: serde_json::Map<String, Value> =
            LEADING.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
        let whole = volume(&attributes.into(), &[("disk", "ssd")]);
        let mut kept = whole.clone();
        slim_volume(&mut kept);
        assert_eq!(difference(&whole, &kept), None);
    }
}
