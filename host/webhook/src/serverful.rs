//! Pods whose volumes the node plugin mounts: where they run best, and how their containers see the
//! mounts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use wasser_api::labels;

use crate::pod::IN_USE;
use crate::{affinity, pod};

/// On pods: they are to be steered to nodes with cache.
pub const INJECT: &str = "fuse.serverful.fluid.io/inject";
/// How much better a node is that has a part of the cache, or for a pod without datasets, one that
/// has none.
const NODE_WEIGHT: u8 = 100;
/// Places near the cache, and how much better they are.
const NEAR: [(&str, u8); 2] = [
    ("topology.kubernetes.io/zone", 50),
    ("topology.kubernetes.io/region", 20),
];

/// A dataset that a pod uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DatasetUse {
    /// Name of the Dataset.
    pub name: String,
    /// The label of nodes that have a part of its cache.
    pub common_label: String,
    /// What the labels of nodes have to be on which it can be mounted, as match expressions.
    pub nodes: Vec<Value>,
    /// `status.cacheAffinity` of its runtime: where its workers run.
    pub cache_affinity: Value,
    /// Whether the node plugin mounts it read-only for everybody.
    pub read_only: bool,
    /// Whether the claim is another one, whose data the Dataset accelerates, and not its own.
    pub wrapped: bool,
    /// Why what the runtime says is missing, if it is.
    pub missing: Option<String>,
}

/// Whether a pod is to be added to: it has the label, was not refused, and was not here before.
pub fn wanted(pod: &Value) -> bool {
    pod::asks(pod, INJECT)
}

/// Adds to a labelled pod what `datasets`, by the names of their claims, make of it. Others stay as
/// they are; so does one that was here before.
pub fn mutate(pod: &mut Value, datasets: &BTreeMap<String, DatasetUse>) {
    if !wanted(pod) {
        return;
    }
    let volumes = volumes(pod, datasets);
    if volumes.is_empty() {
        affinity::prefer(pod, NODE_WEIGHT, &affinity::absent(labels::DATASET_NUM));
        return;
    }
    let original = pod.clone();
    let used: BTreeMap<&str, &DatasetUse> = volumes
        .values()
        .map(|dataset| (dataset.common_label.as_str(), *dataset))
        .collect();
    for dataset in used.values() {
        let claims = datasets
            .iter()
            .filter(|(_, other)| other.common_label == dataset.common_label)
            .map(|(claim, _)| claim.as_str());
        let names: BTreeSet<&str> = claims.chain([dataset.name.as_str()]).collect();
        schedule(pod, &original, dataset, &names);
    }
    propagate(pod, datasets);
    let names: BTreeSet<&str> = used.values().map(|dataset| dataset.name.as_str()).collect();
    if let Some(annotations) = pod::object(pod, &["metadata", "annotations"]) {
        annotations.insert(
            IN_USE.to_owned(),
            json!(names.into_iter().collect::<Vec<_>>().join(",")),
        );
    }
}

/// The pod's volumes that are datasets.
fn volumes<'a>(pod: &Value, datasets: &'a BTreeMap<String, DatasetUse>) -> BTreeMap<String, &'a DatasetUse> {
    pod::claims(pod)
        .filter_map(|(volume, claim)| Some((volume.to_owned(), datasets.get(claim)?)))
        .collect()
}

/// Nodes that mount the dataset are required, those near its cache are preferred, or those with it
/// required if the pod's label for one of these names says so. What the user says on a label is not added to by a
/// preference.
fn schedule(pod: &mut Value, original: &Value, dataset: &DatasetUse, names: &BTreeSet<&str>) {
    affinity::require(pod, &dataset.nodes);
    let cached = affinity::one_of(&dataset.common_label, &[labels::TRUE.to_owned()]);
    let says = |name: &&str| pod::label(original, &format!("fluid.io/dataset.{name}.sched")) == Some("required");
    if names.iter().any(says) {
        affinity::require(pod, &[cached]);
        return;
    }
    if !affinity::mentions(original, &dataset.common_label) {
        affinity::prefer(pod, NODE_WEIGHT, &cached);
    }
    for (key, weight) in NEAR {
        let values = places(&dataset.cache_affinity, key);
        if !values.is_empty() && !affinity::mentions(original, key) {
            affinity::prefer(pod, weight, &affinity::one_of(key, &values));
        }
    }
}

/// The values of a label that the nodes of the cache have, as far as its affinity says.
fn places(cache_affinity: &Value, key: &str) -> Vec<String> {
    let terms = pod::items(
        cache_affinity,
        "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    )
    .chain(pod::items(
        cache_affinity,
        "/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    ));
    let expressions = terms.flat_map(|term| pod::items(term, "/matchExpressions"));
    let named = expressions.filter(|expression| {
        expression.get("key") == Some(&json!(key)) && expression.get("operator") == Some(&json!("In"))
    });
    let values: BTreeSet<String> = named
        .flat_map(|expression| pod::items(expression, "/values"))
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    values.into_iter().collect()
}

/// Containers see a mount that was recovered, unless they say how they want to see it. It comes with
/// the flags that it has on the node, and not with those of the container's own mount: where all
/// only read, the volume itself is read-only, and where some write, the others see no further mount.
fn propagate(pod: &mut Value, datasets: &BTreeMap<String, DatasetUse>) {
    let original = pod.clone();
    for (claim, dataset) in datasets {
        let own = pod::items(&original, "/spec/volumes")
            .filter(|volume| volume.pointer("/persistentVolumeClaim/claimName") == Some(&json!(claim)));
        let own: BTreeMap<&str, bool> = own
            .filter_map(|volume| {
                let read_only = pod::is_true(volume, "/persistentVolumeClaim/readOnly");
                Some((volume.get("name")?.as_str()?, read_only))
            })
            .collect();
        let volume_of = |mount: &Value| own.get(mount.get("name")?.as_str()?).copied();
        let reads = |mount: &Value, volume: bool| volume || pod::is_true(mount, "/readOnly");
        let mut mounts = pod::mounts(&original).filter_map(|mount| Some(reads(mount, volume_of(mount)?)));
        let any_reads = mounts.next();
        let all_read = any_reads == Some(true) && mounts.all(|reads| reads);
        // A directory that is not there yet is made by the kubelet in the volume, if that can be written
        // to.
        let is_made = |mount: &Value| volume_of(mount) == Some(false) && shows_directory(mount);
        let is_made = !dataset.read_only && pod::mounts(&original).any(is_made);
        // What is done to the volume is for the node plugin to see.
        let all_read = all_read && !dataset.wrapped && !is_made;
        if all_read {
            let volumes = pod.pointer_mut("/spec/volumes").and_then(Value::as_array_mut);
            for source in volumes
                .into_iter()
                .flatten()
                .filter_map(|volume| volume.get_mut("persistentVolumeClaim"))
                .filter(|source| source.get("claimName") == Some(&json!(claim)))
            {
                source["readOnly"] = json!(true);
            }
        }
        pod::each_mount(pod, |mount| {
            let name = mount.get("name").and_then(Value::as_str).unwrap_or_default();
            let Some(volume) = own.get(name) else { return };
            let reads = *volume || mount.get("readOnly") == Some(&json!(true));
            if (!reads || all_read || dataset.read_only) && !is_recursive(mount) {
                mount
                    .entry("mountPropagation")
                    .or_insert_with(|| json!("HostToContainer"));
            }
        });
    }
}

/// Whether a volume mount shows a directory of its volume.
fn shows_directory(mount: &Value) -> bool {
    ["subPath", "subPathExpr"].iter().any(|key| {
        mount
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|path| !path.is_empty())
    })
}

/// Whether a volume mount is read-only with all that is mounted below it: the API server refuses it
/// with mounts that come later.
fn is_recursive(mount: &Map<String, Value>) -> bool {
    let said = mount.get("recursiveReadOnly").and_then(Value::as_str);
    said.is_some_and(|said| said != "Disabled")
}

#[cfg(test)]
mod tests;
