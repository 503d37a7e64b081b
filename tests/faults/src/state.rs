//! What is in the cluster, and what of it should not be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;
use wasser_bench::objects::{NAMESPACE, System};
use wasser_test_cluster::Cluster;

/// Kinds of objects that come and go by themselves.
const TRANSIENT: [&str; 3] = ["events", "events.events.k8s.io", "leases.coordination.k8s.io"];
/// Objects that every namespace has.
const OF_EVERY_NAMESPACE: [&str; 3] = [
    "configmap/kube-root-ca.crt",
    "secret/wasser-record-key",
    "serviceaccount/default",
];

/// Labels by node.
pub type NodeLabels = BTreeMap<String, BTreeMap<String, String>>;

fn list(cluster: &Cluster, arguments: &[&str]) -> Result<Vec<Value>> {
    let text = cluster.kubectl(&[&["get", "-o", "json"], arguments].concat())?;
    let mut list: Value = serde_json::from_str(&text).context("kubectl does not print JSON")?;
    Ok(match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// Returns the Datasets by their phase.
pub fn phases(cluster: &Cluster) -> Result<BTreeMap<String, u32>> {
    let mut phases = BTreeMap::new();
    for dataset in list(cluster, &["datasets", "-n", NAMESPACE])? {
        let phase = dataset["status"]["phase"].as_str().unwrap_or_default();
        *phases.entry(phase.to_owned()).or_default() += 1;
    }
    Ok(phases)
}

/// Returns the StatefulSets of workers that do not have this many ready.
pub fn unscaled(cluster: &Cluster, replicas: u64) -> Result<Vec<String>> {
    let sets = list(cluster, &["statefulsets", "-n", NAMESPACE])?;
    let workers = sets.iter().filter(|set| name(set).ends_with("-worker"));
    let others = workers.filter(|set| {
        let ready = set["status"]["readyReplicas"].as_u64().unwrap_or_default();
        set["spec"]["replicas"].as_u64() != Some(replicas) || ready != replicas
    });
    Ok(others.map(name).collect())
}

/// Returns the Datasets whose release does not have one record, of revision 1, deployed.
pub fn odd_records(cluster: &Cluster, count: u32) -> Result<Vec<String>> {
    Ok(odd(
        &list(cluster, &["secrets", "-n", NAMESPACE, "-l", "owner=helm"])?,
        count,
    ))
}

fn odd(all: &[Value], count: u32) -> Vec<String> {
    let mut records = BTreeMap::<String, Vec<String>>::new();
    for record in all {
        let label = |key: &str| record["metadata"]["labels"][key].as_str().unwrap_or_default();
        let revision = format!("revision {} is {}", label("version"), label("status"));
        records.entry(label("name").to_owned()).or_default().push(revision);
    }
    let wanted = (0..count).map(|number| format!("data-{number:04}"));
    let odd = wanted.filter_map(|name| {
        let found = records.remove(&name).unwrap_or_default();
        (found != ["revision 1 is deployed"]).then(|| format!("{name}: {}", found.join(", ")))
    });
    let mut odd: Vec<String> = odd.collect();
    odd.extend(records.into_keys().map(|name| format!("{name}: it is not a Dataset")));
    odd
}

/// Returns the versions of the users' Secrets.
pub fn secrets(cluster: &Cluster) -> Result<BTreeMap<String, String>> {
    let secrets = list(cluster, &["secrets", "-n", NAMESPACE, "-l", "owner!=helm"])?;
    let version = |secret: &Value| secret["metadata"]["resourceVersion"].as_str().map(str::to_owned);
    let users = secrets.iter().filter(|secret| name(secret).ends_with("-secret"));
    Ok(users
        .map(|secret| (name(secret), version(secret).unwrap_or_default()))
        .collect())
}

/// Returns the labels of all nodes.
pub fn node_labels(cluster: &Cluster) -> Result<NodeLabels> {
    let nodes = list(cluster, &["nodes"])?;
    let labels = |node: &Value| serde_json::from_value(node["metadata"]["labels"].clone()).unwrap_or_default();
    Ok(nodes.iter().map(|node| (name(node), labels(node))).collect())
}

/// Returns how many events there are, and how often the one that happened most did.
pub fn events(cluster: &Cluster) -> Result<(usize, u64)> {
    let events = list(cluster, &["events", "-n", NAMESPACE])?;
    let times = |event: &Value| {
        let series = event["series"]["count"].as_u64();
        series.or(event["count"].as_u64()).unwrap_or(1)
    };
    Ok((events.len(), events.iter().map(times).max().unwrap_or_default()))
}

/// Returns what there is although every Dataset and every runtime was deleted: objects of any kind
/// in the namespace but the users' own, volumes of the whole cluster, and labels of nodes that were
/// not there before.
pub fn leftovers(cluster: &Cluster, before: &NodeLabels) -> Result<Vec<String>> {
    let kinds = cluster.kubectl(&["api-resources", "--verbs=list", "--namespaced", "-o", "name"])?;
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !TRANSIENT.contains(kind)).collect();
    let objects = cluster.kubectl(&[
        "get",
        &kinds.join(","),
        "-n",
        NAMESPACE,
        "-o",
        "name",
        "--ignore-not-found",
    ])?;
    let volumes = cluster.kubectl(&["get", "persistentvolumes", "-o", "name"])?;
    let is_users = |object: &str| object.starts_with("secret/") && object.ends_with("-secret");
    let mut left: BTreeSet<String> = objects
        .lines()
        .filter(|object| !OF_EVERY_NAMESPACE.contains(object) && !is_users(object))
        .chain(volumes.lines())
        .map(str::to_owned)
        .collect();
    left.extend(new_labels(before, &node_labels(cluster)?));
    Ok(left.into_iter().collect())
}

/// Returns the labels that were not there before, or were others.
fn new_labels(before: &NodeLabels, now: &NodeLabels) -> Vec<String> {
    let of_node = |(node, labels): (&String, &BTreeMap<String, String>)| {
        let former = before.get(node);
        let new = labels
            .iter()
            .filter(|(key, value)| former.and_then(|former| former.get(*key)) != Some(*value));
        new.map(|(key, value)| format!("label {key}={value} of node {node}"))
            .collect::<Vec<_>>()
    };
    now.iter().flat_map(of_node).collect()
}

/// Returns the resources of the kinds of these systems, for kubectl.
pub fn resources(systems: &[System]) -> String {
    let runtimes = systems.iter().map(|system| system.watched().0);
    std::iter::once("datasets")
        .chain(runtimes)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(dataset: &str, revision: &str, status: &str) -> Value {
        json!({"metadata": {"labels": {"name": dataset, "version": revision, "status": status}}})
    }

    #[test]
    fn one_deployed_revision_is_as_it_should_be_and_nothing_else_is() {
        let fine = record("data-0000", "1", "deployed");
        assert!(odd(std::slice::from_ref(&fine), 1).is_empty());
        assert_eq!(odd(&[], 1), ["data-0000: "]);
        assert_eq!(
            odd(&[record("data-0000", "2", "deployed")], 1),
            ["data-0000: revision 2 is deployed"]
        );
        assert_eq!(
            odd(
                &[
                    record("data-0000", "1", "superseded"),
                    record("data-0000", "2", "deployed")
                ],
                1
            ),
            ["data-0000: revision 1 is superseded, revision 2 is deployed"]
        );
        assert_eq!(
            odd(&[fine, record("x", "1", "deployed")], 1),
            ["x: it is not a Dataset"]
        );
    }

    #[test]
    fn labels_that_are_left_on_a_node_are_named() {
        let labels = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            NodeLabels::from([("node-1".to_owned(), pairs.collect())])
        };
        let before = labels(&[("zone", "a"), ("gone", "x")]);
        assert!(new_labels(&before, &labels(&[("zone", "a")])).is_empty());
        assert_eq!(
            new_labels(&before, &labels(&[("zone", "b"), ("fluid.io/s", "true")])),
            ["label fluid.io/s=true of node node-1", "label zone=b of node node-1"]
        );
    }
}
