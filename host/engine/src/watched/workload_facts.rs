//! What the spec of a workload says, as far as it is read again and again. The whole of it is kept
//! in a packed form, for those few who compare it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use k8s_openapi::api::core::v1::{Affinity, Container, LocalObjectReference, NodeAffinity, PodSpec};
use serde::Deserialize;
use serde_json::{Value, json};
use wasser_api::{labels, pods};
use wasser_chart::without_host_fields;

use crate::objects::placement;

/// The maximum size of a spec that is unpacked: larger ones cannot be in the API server.
const MOST_BYTES: u64 = 4 << 20;

/// What a spec says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkloadFacts {
    /// Pods that are asked for, where the spec says it.
    pub replicas: Option<i32>,
    /// Whether pods that run stay as they are when the spec changes.
    pub is_updated_on_delete: bool,
    /// Whether the pods have an affinity.
    pub is_placed: bool,
    /// The pods' label `fuse.runtime.fluid.io/generation`.
    pub client_generation: Option<String>,
    /// Whether the pods are labelled with a Dataset.
    pub has_dataset: bool,
    /// The labels by which the pods are selected, as a selector: `a=b,c=d`.
    pub selector: String,
    /// The ports of nodes that the pods take.
    pub host_ports: Vec<u16>,
    /// The directories of nodes that the pods mount.
    pub host_paths: Vec<String>,
    /// The ConfigMaps that the pods name.
    pub config_maps: BTreeSet<String>,
    /// Where on the nodes the pods may run, for applications that follow them.
    pub cache_affinity: Option<NodeAffinity>,
    /// The containers by name, and their images.
    pub images: Vec<(String, String)>,
    /// The Secrets that images are pulled with.
    pub pull_secrets: Vec<LocalObjectReference>,
    /// A digest of what of the spec is the release's: the host scales workers and places them.
    pub digest: u64,
    packed: Box<[u8]>,
}

/// The fields of a spec that facts are made of, of either kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: Option<i32>,
    update_strategy: Strategy,
    selector: Selector,
    template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Strategy {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: TemplateMetadata,
    spec: Option<PodSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    labels: BTreeMap<String, String>,
}

impl WorkloadFacts {
    /// Reads a spec.
    pub fn of(spec: Value) -> Self {
        let read = Spec::deserialize(&spec).unwrap_or_default();
        let (packed, config_maps) = (pack(&spec), pods::config_maps(&spec));
        let Template { metadata, spec: pods } = read.template;
        let pods = pods.unwrap_or_default();
        let selector = read.selector.match_labels.iter();
        let selector: Vec<String> = selector.map(|(key, value)| format!("{key}={value}")).collect();
        Self {
            replicas: read.replicas,
            is_updated_on_delete: read.update_strategy.kind == "OnDelete",
            is_placed: pods.affinity.is_some(),
            client_generation: metadata.labels.get(labels::FUSE_GENERATION).cloned(),
            has_dataset: metadata.labels.contains_key(labels::DATASET_ID),
            selector: selector.join(","),
            host_ports: host_ports(&pods).into_iter().collect(),
            host_paths: host_paths(&pods),
            config_maps,
            cache_affinity: cache_affinity(&pods),
            images: images(&pods.containers),
            pull_secrets: pods.image_pull_secrets.unwrap_or_default(),
            digest: digest(spec),
            packed,
        }
    }

    /// The whole spec as JSON.
    pub fn spec(&self) -> Option<Value> {
        let mut bytes = Vec::new();
        let unpacked = DeflateDecoder::new(&*self.packed).take(MOST_BYTES);
        { unpacked }.read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The image of a container, or of the first one if there is none of this name.
    pub fn image(&self, container: &str) -> Option<&str> {
        let named = self.images.iter().find(|(name, _)| name == container);
        named.or(self.images.first()).map(|(_, image)| image.as_str())
    }
}

fn pack(spec: &Value) -> Box<[u8]> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    let written = serde_json::to_vec(spec).map_err(std::io::Error::from);
    let packed = written
        .and_then(|bytes| encoder.write_all(&bytes))
        .and_then(|()| encoder.finish());
    // Writing to memory does not fail. What is not packed counts as not known.
    packed.unwrap_or_default().into_boxed_slice()
}

fn digest(spec: Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    without_host_fields(json!({"spec": spec})).to_string().hash(&mut hasher);
    hasher.finish()
}

/// The ports of the node that pods take. On the node's network, these are all that they declare.
fn host_ports(pods: &PodSpec) -> BTreeSet<u16> {
    let on_host = pods.host_network == Some(true);
    let containers = pods.containers.iter().chain(pods.init_containers.iter().flatten());
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let taken = ports.filter_map(|port| port.host_port.or_else(|| on_host.then_some(port.container_port)));
    taken.filter_map(|port| u16::try_from(port).ok()).collect()
}

fn host_paths(pods: &PodSpec) -> Vec<String> {
    let volumes = pods.volumes.iter().flatten();
    let paths = volumes.filter_map(|volume| volume.host_path.as_ref());
    paths.map(|host_path| host_path.path.clone()).collect()
}

fn cache_affinity(pods: &PodSpec) -> Option<NodeAffinity> {
    let affinity: Option<&Affinity> = pods.affinity.as_ref();
    placement::cache_affinity(pods.node_selector.as_ref(), affinity)
}

fn images(containers: &[Container]) -> Vec<(String, String)> {
    let image = |container: &Container| Some((container.name.clone(), container.image.clone()?));
    containers.iter().filter_map(image).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::on_its_own_network(json!({}), &[8081])]
    #[case::on_the_nodes_network(json!({"hostNetwork": true}), &[80, 82, 8081])]
    fn pods_take_what_they_declare_on_the_host(#[case] mut pods: Value, #[case] wanted: &[u16]) {
        pods["containers"] = json!([
            {"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}]},
            {"name": "b", "ports": [{"containerPort": 82}]}]);
        assert_eq!(
            WorkloadFacts::of(json!({"template": {"spec": pods}})).host_ports,
            wanted
        );
    }

    #[test]
    fn the_digest_leaves_out_what_the_host_decides() {
        let digest = |replicas: u32, affinity: Value, image: &str| {
            let pod = json!({"affinity": affinity, "image": image});
            WorkloadFacts::of(json!({"replicas": replicas, "template": {"spec": pod}})).digest
        };
        let before = digest(1, json!({}), "a");
        assert_eq!(digest(2, json!({"nodeAffinity": {}}), "a"), before);
        assert_ne!(digest(1, json!({}), "b"), before);
    }

    #[test]
    fn all_of_a_spec_is_kept() {
        let spec = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}, "selector": {"matchLabels": {"b": "2", "a": "1"}}, "anything": ["else"],
            "template": {"metadata": {"labels": {"fuse.runtime.fluid.io/generation": "7"}}, "spec": {
                "volumes": [{"name": "x", "hostPath": {"path": "/x"}}, {"name": "y", "configMap": {"name": "script"}}],
                "nodeSelector": {"zone": "a"}, "imagePullSecrets": [{"name": "registry"}],
                "containers": [{"name": "first", "image": "i"}, {"name": "second", "image": "j"}]}}});
        let facts = WorkloadFacts::of(spec.clone());
        assert_eq!(facts.spec(), Some(spec));
        assert_eq!((facts.replicas, facts.selector.as_str()), (Some(3), "a=1,b=2"));
        assert_eq!(facts.client_generation.as_deref(), Some("7"));
        assert_eq!(facts.host_paths, ["/x"]);
        assert!(facts.config_maps.contains("script"));
        assert!(facts.cache_affinity.is_some() && !facts.is_placed && facts.is_updated_on_delete);
        assert_eq!((facts.image("second"), facts.image("other")), (Some("j"), Some("i")));
        assert_eq!(facts.pull_secrets.len(), 1);
    }
}
