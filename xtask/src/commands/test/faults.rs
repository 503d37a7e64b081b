//! `cargo xtask test faults`: storms between the operator and a real API server.
//!
//! The storms are the program of the crate `tests/faults`. Here it gets its cluster.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use wasser_bench::System;
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::{Cluster, Options};

use crate::commands::{build, interrupt};

/// The cluster's name.
const CLUSTER: &str = "cluster-faults";
/// The pod that the operator takes itself for, so that it goes on with its lease after a kill.
const POD: &str = "wasser-faults";

/// How bad the weather is, and for how many.
#[derive(Debug, clap::Args)]
pub struct Storms {
    /// Decides what happens when; a failure happens again with the same seed, if not always
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of Datasets
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// How many seconds each of the three storms lasts
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// The number of fake nodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    nodes: u32,
    /// Test the release build
    #[arg(long)]
    release: bool,
    /// Leave the cluster running for a look at it
    #[arg(long)]
    keep: bool,
    /// The cache systems that serve the Datasets, by turns
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "juicefs,thin,alluxio,jindo",
        value_name = "SYSTEM,…"
    )]
    mix: Vec<System>,
}

/// Brings up a cluster, lets the storms pass, and ends it.
///
/// # Errors
/// Fails if something is not as it should be after a storm.
pub fn run(storms: &Storms) -> Result<()> {
    let foreign = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty());
    ensure!(
        !foreign,
        "the storms need a cluster with fake nodes for themselves: unset KUBECONFIG"
    );
    debian::prepare(&[Need::CompilerForGuests]);
    let wasser = build::wasser(storms.release)?;
    let program = build::program("wasser-faults", "wasser-faults", false)?;
    // What an earlier run has left would be taken for a fault.
    Cluster::down(CLUSTER)?;
    let outcome = Cluster::up(&Options {
        stand_ins: true,
        ..Options::fake(CLUSTER, storms.nodes)
    })
    .and_then(|_| {
        interrupt::check()?;
        let names: Vec<String> = storms
            .mix
            .iter()
            .filter_map(|system| Some(system.to_possible_value()?.get_name().to_owned()))
            .collect();
        let mut running = interrupt::Running::start(
            Command::new(&program)
                .args(["--cluster", CLUSTER])
                .arg("--wasser")
                .arg(&wasser)
                .args(["--count", &storms.count.to_string()])
                .args(["--seed", &storms.seed.to_string()])
                .args(["--seconds", &storms.seconds.to_string()])
                .args(["--mix", &names.join(",")])
                .env("POD_NAME", POD)
                .stdout(Stdio::piped()),
        )?;
        let mut counts = String::new();
        running
            .output()?
            .read_to_string(&mut counts)
            .context("reading the counts of the storms")?;
        let status = running.wait()?;
        print!("{counts}");
        interrupt::check()?;
        ensure!(
            status.success(),
            "not everything came right after the storms; the operator's logs are in {}",
            paths::target().join("faults").display()
        );
        Ok(())
    });
    if storms.keep {
        eprintln!("the cluster stays; end it with: cargo xtask cluster down --name {CLUSTER}");
    } else {
        Cluster::down(CLUSTER)?;
    }
    outcome
}
