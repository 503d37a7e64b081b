//! A FUSE client for S3, as a profile describes it.

use serde_json::{Value, json};

use super::dataset::{Objects, encrypted, secret};

/// The name of the profile.
const PROFILE: &str = "bench-s3";
/// The options that are in the Secret.
const KEYS: [&str; 2] = ["access-key", "access-secret"];

pub fn objects(name: &str) -> Objects {
    Objects {
        secret: secret(name, &json!({KEYS[0]: "id", KEYS[1]: "secret"})),
        mount: json!({
            "mountPoint": format!("s3://{name}"), "name": name, "options": {"url": "http://s3.example.com"},
            "encryptOptions": KEYS.map(|key| encrypted(name, key, key)),
        }),
        runtime: json!({"profileName": PROFILE}),
    }
}

/// The profile.
pub fn profile() -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntimeProfile", "metadata": {"name": PROFILE},
        "spec": {
            "fileSystemType": "fuse.s3fs",
            "fuse": {
                "image": "registry.example.com/s3fs",
                "imageTag": "v1",
                "imagePullPolicy": "IfNotPresent",
                "command": ["/mount.sh"],
            },
        },
    })
}
