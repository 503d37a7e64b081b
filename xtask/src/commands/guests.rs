//! `cargo xtask guests`

use anyhow::Result;
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::packages::guests;

/// Packages plugins: component, CRD, chart and the ConfigMap that registers them, in
/// target/plugins.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directories below plugins/ [default: all]
    names: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    for package in guests::build(paths::root(), &args.names)? {
        println!("{}", package.manifest.display());
    }
    Ok(())
}
