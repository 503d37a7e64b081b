//! Datasets of a real node, each with its runtime, in real stores.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::packages::images;
use wasser_test_cluster::s3::Server;

/// The name of each Dataset, and so of its claim.
pub const NAME: &str = "demo";
/// What the file contains that applications read.
pub const CONTENT: &str = "here\n";
/// That file in Alluxio, which is given it by its store.
pub const IN_ALLUXIO: &str = "/store/probe";

const API: &str = "data.fluid.io/v1alpha1";
/// The directory of the node that Alluxio has in front of it.
const DIRECTORY: &str = "/var/lib/alluxio-bench";
/// The pod that fills this directory.
pub const KEEPER: &str = "keeper";
/// The profile of s3fs, as users take it home, and its bucket.
const PROFILE: &str = "docs/profiles/s3fs/profile.yaml";
const BUCKET: &str = "bench";
const KEYS: &str = "s3-keys";

/// JuiceFS with its metadata in a Redis, and its blocks in a directory of the node.
pub fn juicefs(redis: &str) -> Vec<Value> {
    let mount = json!([{"name": "store", "mountPath": "/data/store"}]);
    vec![
        secret("jfs-secret", &json!({"metaurl": redis})),
        object(
            "Dataset",
            &json!({
                "accessModes": ["ReadWriteMany"],
                "mounts": [{"name": "bench", "mountPoint": "juicefs:///",
                    "options": {"storage": "file", "bucket": "/data/store"},
                    "encryptOptions": [encrypted("metaurl", "jfs-secret")]}]
            }),
        ),
        object(
            "JuiceFSRuntime",
            &json!({
                "replicas": 1,
                "tieredstore": {"levels": [
                    {"mediumtype": "SSD", "path": "/var/cache/bench", "quota": "4Gi", "low": "0.05"}]},
                "worker": {"volumeMounts": mount}, "fuse": {"volumeMounts": mount},
                "volumes": [{"name": "store",
                    "hostPath": {"path": "/var/lib/juicefs-bench", "type": "DirectoryOrCreate"}}]
            }),
        ),
    ]
}

/// s3fs with a new bucket of a server, whose URL has the keys: `http://access:secret@host:port`.
pub fn thin(s3: &str) -> Result<Vec<Value>> {
    let server = Server::parse(s3).context("the URL of the S3 server has no two keys")?;
    machine::run(&mut server.request("PUT", BUCKET, "")).context("making a bucket")?;
    let path = paths::root().join(PROFILE);
    let profile = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(vec![
        yaml_serde::from_str(&profile).with_context(|| format!("reading {}", path.display()))?,
        secret(KEYS, &json!({"access-key": server.access, "secret-key": server.secret})),
        object(
            "Dataset",
            &json!({
                "accessModes": ["ReadWriteMany"],
                "mounts": [{"name": "bench", "mountPoint": format!("s3://{BUCKET}"),
                    "options": {"url": server.url, "use_path_request_style": "", "allow_other": ""},
                    "encryptOptions": [encrypted("access-key", KEYS), encrypted("secret-key", KEYS)]}]
            }),
        ),
        object("ThinRuntime", &json!({"profileName": "s3fs"})),
    ])
}

/// Alluxio with a directory of the node.
pub fn alluxio() -> Vec<Value> {
    let heap = |size: &str| json!({"jvmOptions": [format!("-Xmx{size}")]});
    vec![
        object(
            "Dataset",
            &json!({"mounts": [{"mountPoint": format!("local://{DIRECTORY}"), "name": "store"}]}),
        ),
        object(
            "AlluxioRuntime",
            &json!({
                "replicas": 1,
                "tieredstore": {"levels": [
                    {"mediumtype": "MEM", "path": "/dev/shm", "quota": "64Mi", "high": "0.95", "low": "0.7"}]},
                "jvmOptions": ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
                "master": heap("256m"), "jobMaster": heap("128m"),
                "worker": heap("256m"), "jobWorker": heap("128m"), "fuse": heap("256m")
            }),
        ),
    ]
}

/// Returns the pod that writes the file into Alluxio's directory, and is ready once that is done.
pub fn keeper() -> Value {
    let script = format!(
        "printf '{}' > /store/probe && chmod -R a+rX /store && exec sleep infinity",
        CONTENT.escape_default()
    );
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": KEEPER, "labels": {"name": KEEPER}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": KEEPER, "image": images::BUSYBOX, "command": ["sh", "-c", script],
                "readinessProbe": {"exec": {"command": ["cat", "/store/probe"]}, "periodSeconds": 1},
                "volumeMounts": [{"name": "store", "mountPath": "/store"}]
            }],
            "volumes": [{"name": "store", "hostPath": {"path": DIRECTORY, "type": "DirectoryOrCreate"}}]
        }
    })
}

fn object(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": API, "kind": kind, "metadata": {"name": NAME}, "spec": spec})
}

fn secret(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
}

/// An option of a mount, whose value is at the same key of a Secret.
fn encrypted(name: &str, secret: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_keys_is_refused() {
        for url in ["https://a:b@host", "http://host:1", "http://key@host:1"] {
            assert!(thin(url).is_err(), "{url}");
        }
    }

    #[test]
    fn each_dataset_has_its_runtime() {
        for (objects, kind) in [(juicefs("redis://a"), "JuiceFSRuntime"), (alluxio(), "AlluxioRuntime")] {
            let named = |kind: &str| {
                let mut objects = objects.iter();
                objects.any(|object| object["kind"] == kind && object["metadata"]["name"] == NAME)
            };
            assert!(named("Dataset") && named(kind), "{objects:?}");
        }
    }
}
