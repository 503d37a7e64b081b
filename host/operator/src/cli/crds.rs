//! `wasser crds`: the CRDs of the host's own kinds, and those that plugins carry.

use std::path::PathBuf;

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::files::Package;

/// Which CRDs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also the CRD of this plugin: a component, or the ConfigMap that registers it.
    #[arg(long, value_name = "FILE")]
    plugin: Vec<PathBuf>,
}

/// Prints them as YAML documents.
pub fn run(args: &Args) -> Result<()> {
    let mut text = String::new();
    for crd in wasser_api::crds() {
        text.push_str(&wasser_api::crd::to_yaml(&crd, "wasser crds")?);
    }
    for file in &args.plugin {
        text.push_str(&of_plugin(&Package::read(file)?)?);
    }
    super::print(&text)
}

/// The CRD that a plugin carries, as YAML.
pub fn of_plugin(package: &Package) -> Result<String> {
    let json = wasser_plugin::crd(&package.component()?).with_context(|| format!("looking for a CRD in {}", package.display()))?;
    let crd: CustomResourceDefinition =
        serde_json::from_value(json).with_context(|| format!("the CRD in {} is not a CustomResourceDefinition", package.display()))?;
    Ok(wasser_api::crd::to_yaml(&crd, "wasser plugin crd")?)
}
