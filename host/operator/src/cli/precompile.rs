//! `wasser precompile`: what the operator starts to compile in a process of its own, whose memory
//! is gone afterwards, and bounded meanwhile; and what an image is made with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasser_chart::Renderer;
use wasser_plugin::PluginHost;

/// A component and the file to write, or a directory for Helm's engine, or one for an image.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Compile Helm's engine into this cache directory.
    #[arg(long, conflicts_with_all = ["shipped", "files"], value_name = "DIR")]
    helm: Option<PathBuf>,
    /// Compile Helm's engine and components into this directory, for most processors of this
    /// architecture. Other compiled code in it is removed.
    #[arg(long, value_name = "DIR")]
    shipped: Option<PathBuf>,
    /// A component, and the file for what is compiled; or components that are shipped.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match (&args.helm, &args.shipped, args.files.as_slice()) {
        (Some(cache_dir), None, []) => Renderer::precompile(cache_dir).context("compiling Helm's engine"),
        (None, Some(directory), components) => ship(directory, components),
        (None, None, [component, output]) => Ok(PluginHost::precompile_file_bounded(component, output)?),
        _ => bail!("give a component and an output, --helm with a cache directory, or --shipped with a directory"),
    }
}

fn ship(directory: &Path, components: &[PathBuf]) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let mut shipped = vec![Renderer::ship(directory).context("compiling Helm's engine")?];
    for component in components {
        shipped.push(PluginHost::ship(component, directory)?);
    }
    wasser_shipped::keep_only(directory, &shipped)
        .with_context(|| format!("removing what is not shipped from {}", directory.display()))
}
