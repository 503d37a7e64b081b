//! `cargo xtask image`: container images, without Docker.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use wasser_test_cluster::install;
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::packages::{guests, images};

use super::{build, interrupt};

/// The image to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The operator and the node plugin, with the built-in plugins
    Wasser,
    /// The JuiceFS client of the demo and the tests
    Juicefs,
    /// The Alluxio of the tests
    Alluxio,
}

/// Builds container images as archives in the OCI image layout, in target/image, and the chart that
/// goes with them, in target/charts.
///
/// `ctr -n k8s.io images import FILE` loads an archive onto a node, `skopeo copy oci-archive:FILE
/// docker://…` pushes it to a registry.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The image to build
    #[arg(long, value_enum, default_value = "wasser")]
    image: Which,
    /// The image's tag
    #[arg(long, default_value = install::VERSION)]
    tag: String,
    /// Build wasser with optimisation
    #[arg(long)]
    release: bool,
    /// Where to write the archive [default: target/image/NAME.tar]
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    interrupt::listen()?;
    debian::prepare(match args.image {
        Which::Wasser => &[Need::CompilerForGuests, Need::Wasser],
        Which::Juicefs => &[Need::CompilerForC, Need::BaseImages],
        Which::Alluxio => &[Need::BaseImages, Need::Maven, Need::Java, Need::Alluxio],
    });
    let (image, name) = match args.image {
        Which::Juicefs => (images::juicefs()?, "juicefs"),
        Which::Alluxio => (images::alluxio()?, "alluxio"),
        Which::Wasser => {
            let packages = guests::build(paths::root(), &[])?;
            interrupt::check()?;
            let installer = install::build(&packages)?;
            println!("{}", installer.archive.display());
            (
                images::wasser(&build::wasser(args.release)?, &packages, &args.tag)?,
                "wasser",
            )
        }
    };
    let directory = paths::target().join("image");
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| directory.join(format!("{name}.tar")));
    image.write(&output)?;
    let size = fs::metadata(&output)
        .with_context(|| format!("reading {}", output.display()))?
        .len();
    println!("{}", output.display());
    eprintln!("{}: {} MiB", image.name, size >> 20);
    Ok(())
}
