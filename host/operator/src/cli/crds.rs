//! `wasser crds`: the CRDs of the host's own kinds, and those that plugins carry.

use std::path::PathBuf;

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use wasser_author::Package;

/// Which CRDs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also the CRDs of this plugin: a component, or the ConfigMap that registers it.
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

/// The CRDs that a plugin carries, as YAML.
pub fn of_plugin(package: &Package) -> Result<String> {
    let found = wasser_plugin::crds(&package.component()?)
        .with_context(|| format!("looking for a CRD in {}", package.display()))?;
    let mut text = String::new();
    for json in found {
        let crd: CustomResourceDefinition = serde_json::from_value(json)
            .with_context(|| format!("the CRD in {} is not a CustomResourceDefinition", package.display()))?;
        text.push_str(&wasser_api::crd::to_yaml(&crd, "wasser plugin crd")?);
    }
    Ok(text)
}
