//! Registers and loads test guests.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use wasser_plugin::Context;
use wasser_plugin::{Definition, Digest, HostConfig, Plugin, PluginHost, Registration};

/// The smallest content that begins like a chart.
pub const CHART: &[u8] = &[0x1f, 0x8b, 8, 0];

/// Returns a host, and its cache directory, which is removed when dropped.
pub fn host() -> (PluginHost, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let host = PluginHost::new(HostConfig::new(directory.path().join("cache"))).unwrap();
    (host, directory)
}

/// Returns a ConfigMap that registers a component. `more` is appended to plugin.yaml.
pub fn config_map(name: &str, created: i64, component: &[u8], more: &str) -> ConfigMap {
    let yaml = format!(
        "runtime: DemoRuntime\ncomponent: {{inline: demo.wasm}}\nchart: {{inline: chart.tgz}}\ndigest: {}\n{more}",
        Digest::of(component)
    );
    let created = k8s_openapi::jiff::Timestamp::from_second(created).unwrap();
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("wasser-system".to_owned()),
            creation_timestamp: Some(Time(created)),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("plugin.yaml".to_owned(), yaml)])),
        binary_data: Some(BTreeMap::from([
            ("demo.wasm".to_owned(), ByteString(component.to_vec())),
            ("chart.tgz".to_owned(), ByteString(CHART.to_vec())),
        ])),
        ..ConfigMap::default()
    }
}

/// Returns such a ConfigMap for a component of another kind.
pub fn config_map_for(kind: &str, name: &str, created: i64, component: &[u8]) -> ConfigMap {
    let mut map = config_map(name, created, component, "");
    for yaml in map.data.iter_mut().flat_map(BTreeMap::values_mut) {
        *yaml = yaml.replace("runtime: DemoRuntime", &format!("runtime: {kind}"));
    }
    map
}

/// Returns the CRD of a kind, as the API server serves it.
pub fn crd(kind: &str, plural: &str) -> Definition {
    let crd = serde_json::json!({
        "spec": {
            "group": "data.fluid.io", "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1alpha1", "served": true, "subresources": {"status": {}}}],
        },
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    });
    serde_json::from_value(crd).unwrap()
}

/// Loads a component. `more` is appended to its plugin.yaml.
pub async fn load(host: &PluginHost, component: &[u8], more: &str) -> Result<Plugin, String> {
    let registration =
        Registration::parse(&config_map("demo", 0, component, more)).map_err(|error| error.to_string())?;
    host.load(&registration).await.map_err(|error| error.to_string())
}

/// Returns a context for the runtime `default/demo`.
pub fn context() -> Context {
    let spec = serde_json::json!({"replicas": 1, "profile": "gold", "pad": "x".repeat(1024)});
    let mount = serde_json::json!({"mountPoint": "demo:///", "pad": "x".repeat(512)});
    Context {
        namespace: "default".to_owned(),
        name: "demo".to_owned(),
        dataset_id: "default-demo".to_owned(),
        runtime: serde_json::json!({"kind": "DemoRuntime", "spec": spec}).to_string(),
        dataset: Some(serde_json::json!({"kind": "Dataset", "spec": {"mounts": [mount]}}).to_string()),
        mount_path: "/runtime-mnt/demo/default/demo/demo-fuse".to_owned(),
        fuse_label: "fluid.io/f-default-demo".to_owned(),
        images: vec![("worker".to_owned(), "demo:1".to_owned())],
        settings: Vec::new(),
        installed: None,
        roles: Vec::new(),
        now: 0,
        granted: Vec::new(),
    }
}
