//! Alluxio in front of a web server, its cache in memory.

use serde_json::json;

use super::dataset::{Objects, secret};
use super::registration::replaced;

pub fn objects(name: &str) -> Objects {
    Objects {
        // Alluxio does not need it here, but every Dataset of a benchmark has a Secret.
        secret: secret(name, &json!({"key": "value"})),
        mount: json!({"mountPoint": format!("https://mirror.example.com/{name}/"), "name": name}),
        runtime: json!({
            "replicas": 1,
            "tieredstore": {"levels": [
                {"mediumtype": "MEM", "path": "/dev/shm", "quota": "1Gi", "high": "0.95", "low": "0.7"},
            ]},
        }),
    }
}

/// Changes the registration so that Alluxio mounts by commands alone: the chart's script for mounts
/// runs in containers, which fake nodes do not have.
pub fn by_commands(registration: &str) -> String {
    replaced(registration, "settings:", |line, indent| {
        format!("{line}\n{indent}  mount-config-storage: secret")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_added_where_the_settings_are() {
        let text = "data:\n  plugin.yaml: |\n    settings:\n      port-range: 1-2\n";
        let wanted = "data:\n  plugin.yaml: |\n    settings:\n\
                      \x20     mount-config-storage: secret\n      port-range: 1-2";
        assert_eq!(by_commands(text), wanted);
    }
}
