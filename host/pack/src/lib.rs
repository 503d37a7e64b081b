//! Makes the package of a runtime plugin: a component that carries its CRDs, the chart as a tgz, and
//! the ConfigMap that registers both. All three are the same bytes on every machine for the same
//! module.
//!
//! Errors are for the person who packs.

pub mod chart;
mod component;
pub mod crd;
mod manifest;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The parts of a package.
#[derive(Debug, Clone)]
pub struct Package {
    /// The component, with its CRDs.
    pub component: Vec<u8>,
    /// The chart.
    pub chart: chart::Chart,
    /// The ConfigMap as YAML, without a namespace. It needs `kubectl apply --server-side` above 256
    /// KiB.
    pub manifest: String,
    /// The plugin.yaml for component and chart as files of the operator's plugin directory, called
    /// `<name>.wasm` and `<name>.tgz`.
    pub built_in: String,
}

/// Packs a plugin. `directory` has its plugin.yaml, `charts` its chart, and `crds` are JSON, one per
/// line. `command` is what made the package, for whoever reads it.
///
/// # Errors
/// A file cannot be read, or the parts do not fit together; the message says which.
pub fn pack(name: &str, module: &[u8], crds: &[u8], chart: &Path, directory: &Path, command: &str) -> Result<Package> {
    let component = component::encode(module, crds)?;
    let chart = chart::pack(chart)?;
    let template = directory.join("plugin.yaml");
    let template = fs::read_to_string(&template).with_context(|| format!("reading {}", template.display()))?;
    Ok(Package {
        built_in: manifest::built_in(name, &template, &component)?,
        manifest: manifest::config_map(name, &template, &component, &chart.bytes, command)?,
        component,
        chart,
    })
}
