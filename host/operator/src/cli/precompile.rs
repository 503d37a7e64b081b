//! `wasser precompile`: what the operator starts to compile in a process of its own, whose memory
//! is gone afterwards, and bounded meanwhile.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use wasser_chart::Renderer;
use wasser_plugin::PluginHost;

/// Either a component and the file to write, or the cache directory for Helm's engine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Compile Helm's engine into this cache directory.
    #[arg(long, conflicts_with = "component")]
    helm: Option<PathBuf>,
    /// A component.
    component: Option<PathBuf>,
    /// The file for the compiled component.
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match (&args.helm, &args.component, &args.output) {
        (Some(cache_dir), ..) => Renderer::precompile(cache_dir).context("compiling Helm's engine"),
        (None, Some(component), Some(output)) => Ok(PluginHost::precompile_file_bounded(component, output)?),
        _ => bail!("give a component and an output, or --helm with a cache directory"),
    }
}
