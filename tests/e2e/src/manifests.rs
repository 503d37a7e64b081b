//! What users write, in the shapes that the tests need.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::environment;

/// The name of the Secret that [`dataset`] refers to.
pub const SECRET: &str = "jfs-secret";

/// The Secret with the address of the metadata engine; each Redis database is a separate file
/// system.
pub fn secret(database: u8) -> Value {
    let redis = environment::redis();
    let server = redis.rsplit_once('/').map_or(redis.as_str(), |(server, _)| server);
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET},
        "stringData": {"metaurl": format!("{server}/{database}")}})
}

/// A Dataset on JuiceFS, community edition, that shares its node.
pub fn dataset(name: &str) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "placement": "Shared",
            "mounts": [{
                "name": "minio", "mountPoint": "juicefs:///",
                "options": {"storage": "file", "bucket": "/data/store"},
                "encryptOptions": [{"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": SECRET,
                    "key": "metaurl"}}}]
            }]
        }
    })
}

/// Its runtime, with one worker. Fake nodes have no cache that could be cleaned, so that one
/// attempt is enough.
pub fn runtime(name: &str) -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "JuiceFSRuntime", "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "management": {"cleanCachePolicy": {"maxRetryAttempts": 1}},
            "volumes": [{"name": "store", "hostPath": {"path": "/var/lib/wasser-e2e/store"}}],
            "worker": {"volumeMounts": [{"name": "store", "mountPath": "/data/store"}]},
            "fuse": {"volumeMounts": [{"name": "store", "mountPath": "/data/store"}]},
            "tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/var/cache/jfs", "quota": "1Gi", "low": "0.1"}]}
        }
    })
}

/// The runtime with this directory of the node for the blocks of its file system.
pub fn with_store(runtime: Value, path: &str) -> Value {
    with(
        runtime,
        "/spec/volumes/0/hostPath",
        json!({"path": path, "type": "DirectoryOrCreate"}),
    )
}

/// The Dataset on Alluxio of `alluxio.yaml` and its runtime under another name, sharing their
/// nodes; the Dataset with these mounts, if any.
pub fn alluxio(name: &str, mounts: Option<Value>) -> Vec<Value> {
    let renamed = |object| {
        let mut object = with(object, "/metadata/name", json!(name));
        if object["kind"] == "Dataset" {
            object = with(object, "/spec/placement", json!("Shared"));
            if let Some(mounts) = &mounts {
                object = with(object, "/spec/mounts", mounts.clone());
            }
        }
        object
    };
    file("alluxio.yaml").into_iter().map(renamed).collect()
}

/// The objects of a file in `tests/e2e/manifests`.
pub fn file(name: &str) -> Vec<Value> {
    documents(&format!("tests/e2e/manifests/{name}"))
}

/// The objects of a file of the repository.
pub fn documents(path: &str) -> Vec<Value> {
    let path = environment::root().join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    let documents =
        yaml_serde::Deserializer::from_str(&text).map(|document| Value::deserialize(document).expect("YAML"));
    documents.filter(|document| !document.is_null()).collect()
}

/// The same with something set; a path is that of a JSON pointer, and `null` removes.
#[must_use]
pub fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let mut place = &mut object;
    let parts: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
    for part in &parts {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[*part],
        };
    }
    *place = value;
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_set_or_made() {
        let changed = with(dataset("a"), "/spec/mounts/0/options/bucket", json!("/other"));
        assert_eq!(changed["spec"]["mounts"][0]["options"]["bucket"], "/other");
        let changed = with(runtime("a"), "/spec/worker/options/cache-size", json!("1"));
        assert_eq!(changed["spec"]["worker"]["options"]["cache-size"], "1");
    }
}
