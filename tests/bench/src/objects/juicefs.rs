//! The community edition of JuiceFS, its metadata in Redis.

use serde_json::json;

use super::dataset::{NAMESPACE, Objects, encrypted, secret};
use super::registration::replaced;

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

/// Changes the registration so that there are ports for 10,000 runtimes, which take two each on the
/// network of their nodes. The plugin's own range has enough for 2,000.
pub fn with_ports(registration: &str) -> String {
    replaced(registration, "grants:", |line, indent| {
        format!("{indent}settings: {{port-range: 10000-29999}}\n{line}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_a_setting_of_the_plugin() {
        let text = "data:\n  plugin.yaml: |\n    runtime: JuiceFSRuntime\n    grants:\n      ports: true\n";
        let wanted = "data:\n  plugin.yaml: |\n    runtime: JuiceFSRuntime\n    \
                      settings: {port-range: 10000-29999}\n    grants:\n      ports: true";
        assert_eq!(with_ports(text), wanted);
    }
}
