//! Registrations of plugins, and what the operator says of them.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};

use crate::{Operator, environment};

/// The kind that the JuiceFS plugin serves.
pub const JUICEFS: &str = "JuiceFSRuntime";

/// What the operator may say of a registration.
#[derive(Debug, Clone, Copy)]
pub enum Verdict {
    /// It serves.
    Loaded,
    /// It does not.
    Refused,
    /// It was changed for the worse, and serves on as it was.
    LastGood,
    /// Another registration serves the kind.
    Waiting,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Refused => "refused",
            Self::LastGood => "last-good",
            Self::Waiting => "waiting",
        }
    }
}

/// The ConfigMap that registers the JuiceFS plugin.
pub fn juicefs() -> ConfigMap {
    package("juicefs")
}

/// The ConfigMap that registers a plugin.
pub fn package(name: &str) -> ConfigMap {
    let manifest = environment::root().join(format!("target/plugins/{name}.yaml"));
    let text = std::fs::read_to_string(&manifest)
        .unwrap_or_else(|error| panic!("the package of {name}; make it with `cargo xtask guests`: {error}"));
    yaml_serde::from_str(&text).expect("the package is a ConfigMap")
}

/// The plugin.yaml of a registration.
pub fn plugin_yaml(map: &mut ConfigMap) -> &mut String {
    map.data
        .as_mut()
        .and_then(|data| data.get_mut("plugin.yaml"))
        .expect("a registration has a plugin.yaml")
}

/// Replaces the lines that start so by another.
pub fn replace_line(yaml: &mut String, start: &str, line: &str) {
    let lines = yaml.lines().map(|old| if old.starts_with(start) { line } else { old });
    *yaml = lines.collect::<Vec<_>>().join("\n");
}

/// Tells Alluxio's plugin to mount by commands alone: the script that the chart brings for mounts
/// is in containers, and fake nodes have none.
pub fn mount_by_commands(yaml: &mut String) {
    *yaml = yaml.replace("settings:", "settings:\n  mount-config-storage: secret");
}

/// The verdict's word, of a ConfigMap's annotations.
pub fn word(map: &ConfigMap) -> Option<&str> {
    map.annotations().get("wasser.fluid.io/verdict").map(String::as_str)
}

/// What the verdict says, of a ConfigMap's annotations.
pub fn message(map: &ConfigMap) -> &str {
    map.annotations()
        .get("wasser.fluid.io/message")
        .map(String::as_str)
        .unwrap_or_default()
}

impl Operator {
    /// Registers the JuiceFS plugin, its plugin.yaml changed.
    pub async fn register(&self, name: &str, change: impl FnOnce(&mut String)) {
        self.register_map(name, |map| change(plugin_yaml(map))).await;
    }

    /// Registers the JuiceFS plugin, with anything about it changed.
    pub async fn register_map(&self, name: &str, change: impl FnOnce(&mut ConfigMap)) {
        let mut map = juicefs();
        map.metadata.name = Some(name.to_owned());
        change(&mut map);
        self.maps
            .patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&map))
            .await
            .expect("applying a registration");
    }

    /// Registers the JuiceFS plugin as it is, and waits until it serves.
    pub async fn serve_juicefs(&self) {
        self.register("juicefs", |_| ()).await;
        self.verdict("juicefs", Verdict::Loaded).await;
    }

    /// Registers a plugin as it is, and waits until it serves.
    pub async fn serve(&self, name: &str) {
        self.serve_with(name, |_| ()).await;
    }

    /// Registers a plugin, its plugin.yaml changed, and waits until it serves.
    pub async fn serve_with(&self, name: &str, change: impl FnOnce(&mut String)) {
        let mut map = package(name);
        change(plugin_yaml(&mut map));
        let applied = self
            .maps
            .patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&map))
            .await;
        applied.expect("applying a registration");
        self.verdict(name, Verdict::Loaded).await;
    }

    /// Waits for a verdict.
    pub async fn verdict(&self, name: &str, verdict: Verdict) -> ConfigMap {
        let reached = || async {
            self.maps
                .get(name)
                .await
                .ok()
                .filter(|map| word(map) == Some(verdict.word()))
        };
        self.eventually(&format!("{verdict:?} of {name}"), reached).await
    }
}
