//! What a benchmark creates: as many Secrets, Datasets and JuiceFSRuntimes as users would.

use serde_json::{Value, json};

/// Where they are created.
pub const NAMESPACE: &str = "bench";

/// A Namespace and `count` Secrets, Datasets and runtimes, as one List. Datasets that cannot each have a node share them.
pub fn manifest(count: u32, nodes: u32) -> Value {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let placement = if count > nodes { "Shared" } else { "Exclusive" };
    let numbers = || 0..count;
    let items: Vec<Value> = std::iter::once(namespace)
        .chain(numbers().map(secret))
        .chain(numbers().map(|number| dataset(number, placement)))
        .chain(numbers().map(runtime))
        .collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn metadata(prefix: &str, number: u32) -> Value {
    json!({"name": format!("{prefix}-{number:04}"), "namespace": NAMESPACE})
}

fn secret(number: u32) -> Value {
    let url = format!("redis://redis.{NAMESPACE}:6379/{number}");
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("jfs-secret", number), "stringData": {"metaurl": url}})
}

fn dataset(number: u32, placement: &str) -> Value {
    let secret = format!("jfs-secret-{number:04}");
    json!({
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "Dataset",
        "metadata": metadata("data", number),
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "placement": placement,
            "mounts": [{
                "mountPoint": "juicefs:///",
                "name": format!("data-{number:04}"),
                "options": {"storage": "file", "bucket": "/data/juicefs"},
                "encryptOptions": [{"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": secret, "key": "metaurl"}}}],
            }],
        },
    })
}

fn runtime(number: u32) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "JuiceFSRuntime",
        "metadata": metadata("data", number),
        "spec": {
            "replicas": 1,
            "tieredstore": {"levels": [{"mediumtype": "SSD", "path": format!("/var/cache/data-{number:04}"), "quota": "1Gi", "low": "0.1"}]},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_exists_as_often_as_was_asked_for() {
        let list = manifest(3, 2);
        let count = |kind: &str| list["items"].as_array().unwrap().iter().filter(|item| item["kind"] == kind).count();
        assert_eq!(["Namespace", "Secret", "Dataset", "JuiceFSRuntime"].map(count), [1, 3, 3, 3]);
    }

    #[test]
    fn datasets_share_nodes_only_where_they_must() {
        let placement = |count, nodes| manifest(count, nodes)["items"][usize::try_from(count).unwrap() + 1]["spec"]["placement"].clone();
        assert_eq!((placement(3, 2), placement(2, 2)), (json!("Shared"), json!("Exclusive")));
    }

    #[test]
    fn a_dataset_names_its_own_secret() {
        let reference = dataset(7, "Shared")["spec"]["mounts"][0]["encryptOptions"][0]["valueFrom"]["secretKeyRef"]["name"].clone();
        assert_eq!(reference, secret(7)["metadata"]["name"]);
    }
}
