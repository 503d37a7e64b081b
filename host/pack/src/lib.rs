//! Makes the package of a runtime plugin: a component that carries its CRDs, the chart as a tgz, the
//! ConfigMap that registers both, and one artifact of all of them for registries. All are the same
//! bytes on every machine for the same module.
//!
//! Errors are for the person who packs.

pub mod chart;
mod component;
pub mod crd;
mod digest;
pub mod editors;
mod helmignore;
mod manifest;
pub mod oci;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub use digest::{hex_of, sha256};
pub use manifest::{CHART_KEY, COMPONENT_KEY, Registered, TooLarge, fits, registration};
use oci::artifact::{Artifact, Parts};

/// The parts of a package.
#[derive(Debug, Clone)]
pub struct Package {
    /// The component, with its CRDs.
    pub component: Vec<u8>,
    /// The chart.
    pub chart: chart::Chart,
    /// The ConfigMap as YAML, without a namespace. It needs `kubectl apply --server-side` above 256
    /// KiB. The error says that the parts do not fit into one.
    pub manifest: Result<String, TooLarge>,
    /// All parts as one artifact, of any size.
    pub artifact: Artifact,
    /// The plugin.yaml for component and chart as files of the operator's plugin directory, called
    /// `<name>.wasm` and `<name>.tgz`.
    pub built_in: String,
}

/// Packs a plugin, of which `code` is a core module or a component. `directory` has its plugin.yaml, `charts` its chart, and `crds` are JSON, one per
/// line. `command` is what made the package, for whoever reads it.
///
/// # Errors
/// A file cannot be read, or the parts do not fit together; the message says which.
pub fn pack(name: &str, code: &[u8], crds: &[u8], chart: &Path, directory: &Path, command: &str) -> Result<Package> {
    let component = component::encode(code, crds)?;
    let chart = chart::pack(chart)?;
    let template = directory.join("plugin.yaml");
    let template = fs::read_to_string(&template).with_context(|| format!("reading {}", template.display()))?;
    let plugin = manifest::filled_in(&template, &component)?;
    Ok(Package {
        built_in: manifest::built_in(name, &plugin)?,
        artifact: Artifact::new(Parts {
            name,
            version: &chart.version,
            component: &component,
            chart: &chart.bytes,
            crds,
            plugin_yaml: &plugin,
        })?,
        manifest: manifest::config_map(name, &plugin, &component, &chart.bytes, command)?,
        component,
        chart,
    })
}
