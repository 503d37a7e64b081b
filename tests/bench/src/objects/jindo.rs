//! JindoCache in front of a bucket, its cache in memory.

use serde_json::json;

use super::dataset::{Objects, encrypted, secret};

const KEYS: [&str; 2] = ["fs.oss.accessKeyId", "fs.oss.accessKeySecret"];

pub fn objects(name: &str) -> Objects {
    Objects {
        secret: secret(name, &json!({KEYS[0]: "id", KEYS[1]: "secret"})),
        mount: json!({
            "mountPoint": format!("oss://bench/{name}"), "name": name, "path": "/",
            "options": {"fs.oss.endpoint": "oss-cn-hongkong-internal.aliyuncs.com"},
            "encryptOptions": KEYS.map(|key| encrypted(name, key, key)),
        }),
        runtime: json!({
            "replicas": 1,
            "tieredstore": {"levels": [
                {"mediumtype": "MEM", "path": "/dev/shm", "quota": "1Gi", "high": "0.99", "low": "0.99"},
            ]},
        }),
    }
}
