//! The community edition of JuiceFS, its metadata in Redis.

use serde_json::json;

use super::dataset::{NAMESPACE, Objects, encrypted, secret};

pub fn objects(name: &str, number: u32) -> Objects {
    let url = format!("redis://redis.{NAMESPACE}:6379/{number}");
    Objects {
        secret: secret(name, &json!({"metaurl": url})),
        mount: json!({
            "mountPoint": "juicefs:///",
            "name": name,
            "options": {"storage": "minio", "bucket": "http://minio:9000/bench"},
            "encryptOptions": [encrypted(name, "metaurl", "metaurl")],
        }),
        runtime: json!({
            "replicas": 1,
            "tieredstore": {"levels": [
                {"mediumtype": "SSD", "path": format!("/var/cache/{name}"), "quota": "1Gi", "low": "0.1"},
            ]},
        }),
    }
}
