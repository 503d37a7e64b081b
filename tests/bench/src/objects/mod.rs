//! The objects that a benchmark creates: as many Datasets as users would, each with its runtime and
//! its Secret.

mod alluxio;
mod dataset;
mod jindo;
mod juicefs;
mod registration;
mod thin;

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

pub use dataset::NAMESPACE;
use dataset::Objects;

use super::watch::Watched;

/// The namespace of Datasets whose masters never answer: no command in their pods ends.
pub const HUNG: &str = "hung-masters";

/// The Datasets of the benchmark.
pub const DATASETS: Watched = ("datasets", "/apis/data.fluid.io/v1alpha1/namespaces/bench/datasets");

/// A cache system, by the name of its plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// JuiceFS.
    Juicefs,
    /// Alluxio.
    Alluxio,
    /// A FUSE client that a profile describes.
    Thin,
    /// JindoCache.
    Jindo,
}

impl System {
    /// Returns the name of its plugin.
    pub fn plugin(self) -> &'static str {
        match self {
            Self::Juicefs => "juicefs",
            Self::Alluxio => "alluxio",
            Self::Thin => "thin",
            Self::Jindo => "jindo",
        }
    }

    /// Returns the kind of its runtimes.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Juicefs => "JuiceFSRuntime",
            Self::Alluxio => "AlluxioRuntime",
            Self::Thin => "ThinRuntime",
            Self::Jindo => "JindoRuntime",
        }
    }

    /// Returns the resource of its runtimes, and the path of their list in the benchmark's
    /// namespace.
    pub fn watched(self) -> Watched {
        match self {
            Self::Juicefs => (
                "juicefsruntimes",
                "/apis/data.fluid.io/v1alpha1/namespaces/bench/juicefsruntimes",
            ),
            Self::Alluxio => (
                "alluxioruntimes",
                "/apis/data.fluid.io/v1alpha1/namespaces/bench/alluxioruntimes",
            ),
            Self::Thin => (
                "thinruntimes",
                "/apis/data.fluid.io/v1alpha1/namespaces/bench/thinruntimes",
            ),
            Self::Jindo => (
                "jindoruntimes",
                "/apis/data.fluid.io/v1alpha1/namespaces/bench/jindoruntimes",
            ),
        }
    }

    /// Whether a Dataset is Bound only after its masters have answered, so that something has to
    /// answer for them.
    pub fn has_masters(self) -> bool {
        matches!(self, Self::Alluxio | Self::Jindo)
    }

    /// Returns the registration of its plugin, made of the package's.
    pub fn registration(self, package: &Path) -> Result<String> {
        let text = fs::read_to_string(package).with_context(|| format!("reading {}", package.display()))?;
        Ok(match self {
            Self::Alluxio => alluxio::by_commands(&text),
            Self::Juicefs => juicefs::with_ports(&text),
            Self::Thin | Self::Jindo => text,
        })
    }

    fn objects(self, name: &str, number: u32) -> Objects {
        match self {
            Self::Juicefs => juicefs::objects(name, number),
            Self::Alluxio => alluxio::objects(name),
            Self::Thin => thin::objects(name),
            Self::Jindo => jindo::objects(name),
        }
    }

    /// Returns the object that all of its runtimes share, if there is one.
    fn shared(self) -> Option<Value> {
        (self == Self::Thin).then(thin::profile)
    }
}

/// Returns a List of a namespace and `count` Secrets, Datasets and runtimes of these systems, by
/// turns. `shared` lets Datasets share nodes.
pub fn manifest(namespace: &str, systems: &[System], count: u32, shared: bool) -> Value {
    let namespace_object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    let items: Vec<Value> = std::iter::once(namespace_object)
        .chain(systems.iter().filter_map(|system| system.shared()))
        .chain(numbered(namespace, systems, 0..count, shared))
        .collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Returns the Secrets, Datasets and runtimes with these numbers, each Dataset beside what belongs to
/// it, as users write them.
pub fn numbered(namespace: &str, systems: &[System], numbers: Range<u32>, shared: bool) -> Vec<Value> {
    let placement = if shared { "Shared" } else { "Exclusive" };
    let mut all = Vec::new();
    for (number, system) in numbers.zip(systems.iter().cycle()) {
        let name = format!("data-{number:04}");
        let mut objects = system.objects(&name, number);
        let metadata = json!({"name": name, "namespace": namespace});
        objects.secret["metadata"]["namespace"] = namespace.into();
        all.push(objects.secret);
        all.push(json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset", "metadata": metadata,
            "spec": {"accessModes": ["ReadWriteMany"], "placement": placement, "mounts": [objects.mount]},
        }));
        all.push(json!({
            "apiVersion": "data.fluid.io/v1alpha1",
            "kind": system.kind(),
            "metadata": metadata,
            "spec": objects.runtime,
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [System; 4] = [System::Juicefs, System::Alluxio, System::Thin, System::Jindo];

    fn items(systems: &[System], count: u32) -> Vec<Value> {
        manifest(NAMESPACE, systems, count, true)["items"]
            .as_array()
            .unwrap()
            .clone()
    }

    #[test]
    fn everything_exists_as_often_as_was_asked_for_by_turns() {
        let items = items(&ALL, 6);
        let count = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
        assert_eq!(
            ["Namespace", "ThinRuntimeProfile", "Secret", "Dataset"].map(count),
            [1, 1, 6, 6]
        );
        assert_eq!(ALL.map(|system| count(system.kind())), [2, 2, 1, 1]);
    }

    #[test]
    fn a_dataset_and_its_runtime_have_one_name_and_one_namespace() {
        let items = items(&ALL, 4);
        for number in 0..4 {
            let name = format!("data-{number:04}");
            let of_this = items.iter().filter(|item| item["metadata"]["name"] == name.as_str());
            assert!(of_this.clone().all(|item| item["metadata"]["namespace"] == NAMESPACE));
            assert_eq!(of_this.count(), 2);
        }
    }

    #[test]
    fn datasets_share_nodes_only_where_they_must() {
        let placement = |shared| {
            let list = manifest(NAMESPACE, &[System::Juicefs], 1, shared);
            list["items"][2]["spec"]["placement"].clone()
        };
        assert_eq!(
            (placement(true), placement(false)),
            (json!("Shared"), json!("Exclusive"))
        );
    }

    #[test]
    fn a_dataset_names_its_own_secret() {
        for system in ALL {
            let objects = system.objects("data-0007", 7);
            let text = objects.mount.to_string();
            let names = objects.secret["metadata"]["name"].as_str().unwrap();
            assert!(text.contains(names) || system == System::Alluxio, "{text}");
        }
    }
}
